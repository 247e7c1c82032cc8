"""Which systems are measured together, and what Procession has to reach beside them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from benchmarks.bars import Bar, metric, ratio


class Suite(msgspec.Struct, frozen=True, kw_only=True):
    """Systems that take turns, round by round."""

    systems: Mapping[str, str]
    """Name to module and case, in the order of a round."""
    yardstick: str
    """The system that others' throughput is compared with."""
    bars: Sequence[Bar]
    on_server: bool = False
    """Its databases are on a PostgreSQL server."""


SQLITE = Suite(
    systems={
        "procession": "procession_bench",
        "spiff": "peers.spiff:memory",
        "spiff-saved": "peers.spiff:saved",
        "dbos": "peers.dbos_peer:default",
        "dbos-wal": "peers.dbos_peer:wal",
        "floor": "peers.floor",
        "loop-lag": "loop_lag",
        "second-process": "second_process",
        "growth": "growth",
    },
    yardstick="spiff",
    bars=(
        Bar(
            "one task, to SpiffWorkflow in memory", "x", ratio("one_task_per_s", to="spiff"), 3, at_least=True
        ),
        Bar(
            "ten tasks, to SpiffWorkflow in memory",
            "x",
            ratio("ten_tasks_per_s", to="spiff"),
            2,
            at_least=True,
        ),
        Bar("one instance alone, p50", "ms", metric("procession", "alone_p50_ms"), 2, at_least=False),
        Bar("event loop held, p99", "ms", metric("loop-lag", "hold_p99_ms"), 5, at_least=False),
        Bar("second process waits, p99", "ms", metric("second-process", "wait_p99_ms"), 50, at_least=False),
        Bar("memory growth", "MiB", metric("growth", "memory_growth_mb"), 10, at_least=False),
        Bar("speed beside finished ones", "x", metric("growth", "beside_finished_ratio"), 0.9, at_least=True),
        Bar("speed beside waiting ones", "x", metric("growth", "beside_waiting_ratio"), 0.9, at_least=True),
    ),
)
POSTGRESQL = Suite(
    systems={
        "procession": "procession_bench",
        "dbos": "peers.dbos_peer:server",
        "nodes": "nodes",
        "aged": "aged",
        "timers": "timers",
        "messages": "messages",
    },
    yardstick="dbos",
    on_server=True,
    bars=(
        Bar("one task, to DBOS", "x", ratio("one_task_per_s", to="dbos"), 20, at_least=True),
        Bar("one instance alone, p50", "ms", metric("procession", "alone_p50_ms"), 6, at_least=False),
        Bar("two nodes' CPU an instance, to one's", "x", metric("nodes", "cpu_ratio"), 1.2, at_least=False),
        Bar(
            "two nodes wait for locks",
            "of time",
            metric("nodes", "two_nodes_lock_wait_ratio"),
            0.05,
            at_least=False,
        ),
        Bar("speed beside 1.1 million old ones", "x", metric("aged", "beside_old_ratio"), 0.9, at_least=True),
        Bar("100,000 due timers fire", "s", metric("timers", "due_timers_seconds"), 60, at_least=False),
        Bar(
            "100 matches, 10,000 messages wait, to none",
            "x",
            metric("messages", "messages_cost_ratio"),
            1.2,
            at_least=False,
        ),
        Bar(
            "100 matches, 10,000 instances wait, to none",
            "x",
            metric("messages", "instances_cost_ratio"),
            1.2,
            at_least=False,
        ),
    ),
)
GRPC = Suite(
    systems={
        "procession": "gateway.system:sqlite",
        "procession-pg": "gateway.system:postgresql",
        "zeebe": "gateway.system:zeebe",
        "echo": "gateway.system:echo",
        "memory": "gateway.memory",
        "overload": "gateway.overload",
        "idle": "gateway.idle",
    },
    yardstick="zeebe",
    on_server=True,
    bars=(
        Bar("SQLite, one task, to Zeebe", "x", ratio("one_task_per_s", to="zeebe"), 4, at_least=True),
        Bar("SQLite, ten tasks, to Zeebe", "x", ratio("ten_tasks_per_s", to="zeebe"), 3, at_least=True),
        Bar(
            "PostgreSQL, one task, to Zeebe",
            "x",
            ratio("one_task_per_s", system="procession-pg", to="zeebe"),
            3,
            at_least=True,
        ),
        Bar(
            "PostgreSQL, ten tasks, to Zeebe",
            "x",
            ratio("ten_tasks_per_s", system="procession-pg", to="zeebe"),
            2,
            at_least=True,
        ),
        *(
            Bar(
                f"p50 {load}, {worker}, to Zeebe's",
                "x",
                ratio(f"{worker}_{name}_p50_ms", to="zeebe"),
                1,
                at_least=False,
            )
            for name, load in (("at_half", "at half of what each can do"), ("at_50", "at 50 a second"))
            for worker in ("stream", "poll")
        ),
        Bar("start to ready", "s", metric("procession", "ready_seconds"), 1, at_least=False),
        Bar("memory after 100,000 instances", "MiB", metric("memory", "resident_mb"), 150, at_least=False),
        Bar(
            "overloaded: refused within, p99", "ms", metric("overload", "refused_p99_ms"), 100, at_least=False
        ),
        Bar("overloaded: fails otherwise", "of all", metric("overload", "failed_share"), 0, at_least=False),
        Bar("overloaded: completes", "x", metric("overload", "completed_ratio"), 0.9, at_least=True),
        Bar("after an overload: completes", "x", metric("overload", "after_ratio"), 0.9, at_least=True),
    ),
)
MESSAGING = Suite(
    systems={"sqlite": "messaging:sqlite", "postgresql": "messaging:postgresql"},
    yardstick="sqlite",
    on_server=True,
    bars=tuple(
        Bar(f"outbox on {name}, to plain aio-pika", "x", metric(name, "drained_ratio"), 0.5, at_least=True)
        for name in ("sqlite", "postgresql")
    ),
)
STEPS = Suite(
    systems={
        "steps": "steps:process",
        "drawn": "steps:drawn",
        "recording": "steps:recording",
        "jobs": "background:sqlite",
        "jobs-two": "background:sqlite-two",
        "jobs-pg": "background:postgresql",
        "dramatiq": "peers.dramatiq_peer",
    },
    yardstick="drawn",
    on_server=True,
    bars=(
        *(
            Bar(
                f"ten {what} steps take, to {label}",
                "x",
                ratio(name, system=to, to="steps"),
                1.2,
                at_least=False,
            )
            for to, label in (("drawn", "a drawn process"), ("recording", "one that writes the same"))
            for what, name in (("async", "ten_steps_per_s"), ("plain", "ten_plain_steps_per_s"))
        ),
        *(
            Bar(
                f"jobs {label}, {what}, to dramatiq",
                "x",
                ratio(name, system=system, to="dramatiq"),
                0.5,
                at_least=True,
            )
            for system, label in (
                ("jobs", "on SQLite"),
                ("jobs-two", "on SQLite, two processes"),
                ("jobs-pg", "on PostgreSQL, two nodes"),
            )
            for name, what in (("worked_per_s", "worked off"), ("jobs_per_s", "with handing in"))
        ),
    ),
)
SUITES = {"sqlite": SQLITE, "postgresql": POSTGRESQL, "grpc": GRPC, "messaging": MESSAGING, "steps": STEPS}
