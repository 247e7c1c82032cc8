"""The floor: the rows of an instance, written by a bare loop with nothing around it.

Per instance with n tasks: one process instance, n + 2 element instances, four variables and n jobs,
inserted as active and updated to completed, in two transactions of 200 instances each (SQLite, WAL,
synchronous=FULL). No engine on this database can be faster than this.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import NamedTuple

from benchmarks.measure import Figures, Scale, rate

COUNTS = {1: 40_000, 10: 8_000}
INSTANCES_PER_TRANSACTION = 200
FIRST_KEY = 1 << 51
KEYS_PER_INSTANCE = 64
CREATED, ENDED = 1_700_000_000_000, 1_700_000_000_250

SCHEMA = """
CREATE TABLE process_instance (key INTEGER PRIMARY KEY, tenant TEXT, definition INTEGER, state INTEGER,
    business_key TEXT, started INTEGER, ended INTEGER);
CREATE TABLE element_instance (key INTEGER PRIMARY KEY, tenant TEXT, root INTEGER, scope INTEGER,
    element TEXT, flow TEXT, state INTEGER, started INTEGER, ended INTEGER);
CREATE INDEX element_active ON element_instance (root) WHERE state = 0;
CREATE TABLE variable (scope INTEGER, name TEXT, root INTEGER, value TEXT, PRIMARY KEY (scope, name))
    WITHOUT ROWID;
CREATE TABLE job (key INTEGER PRIMARY KEY, tenant TEXT, root INTEGER, element INTEGER, type TEXT,
    retries INTEGER, state INTEGER, due INTEGER, lease INTEGER, worker TEXT);
CREATE INDEX job_due ON job (type, due) WHERE state = 0;
"""
INSERT_INSTANCE = "INSERT INTO process_instance VALUES (?, '<default>', 1, 0, ?, ?, NULL)"
INSERT_ELEMENT = "INSERT INTO element_instance VALUES (?, '<default>', ?, ?, ?, ?, 0, ?, NULL)"
INSERT_VARIABLE = "INSERT INTO variable VALUES (?, ?, ?, ?)"
INSERT_JOB = "INSERT INTO job VALUES (?, '<default>', ?, ?, 'bench_step', 3, 0, ?, 0, NULL)"
END_INSTANCE = "UPDATE process_instance SET state = 1, ended = ? WHERE key = ?"
END_ELEMENT = "UPDATE element_instance SET state = 1, ended = ? WHERE key = ?"
END_JOB = "UPDATE job SET state = 1, lease = 1, worker = 'bench' WHERE key = ?"
VARIABLES = (("order_id", '"A-0001"'), ("amount", "129.9"), ("country", '"PL"'), ("done", "true"))


class Rows(NamedTuple):
    """The key of one instance and of its rows."""

    key: int
    elements: list[int]
    jobs: list[int]


def measure(scale: Scale, folder: Path) -> Figures:
    """Instances per second of one and of ten tasks."""
    return {
        "one_task_per_s": _throughput(1, scale.count(COUNTS[1]), folder / "floor-1.db"),
        "ten_tasks_per_s": _throughput(10, scale.count(COUNTS[10]), folder / "floor-10.db"),
    }


def _throughput(tasks: int, count: int, path: Path) -> float:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.executescript(SCHEMA)
    return rate(count, lambda: _write(connection, tasks, count))


def _write(connection: sqlite3.Connection, tasks: int, count: int) -> None:
    for start in range(0, count, INSTANCES_PER_TRANSACTION):
        numbers = range(start, min(start + INSTANCES_PER_TRANSACTION, count))
        batch = [_rows(number, tasks) for number in numbers]
        _insert(connection, batch)
        _end(connection, batch)


def _rows(number: int, tasks: int) -> Rows:
    key = FIRST_KEY + number * KEYS_PER_INSTANCE
    first_job = key + tasks + 3
    return Rows(key, list(range(key + 1, first_job)), list(range(first_job, first_job + tasks)))


def _insert(connection: sqlite3.Connection, batch: list[Rows]) -> None:
    connection.execute("BEGIN IMMEDIATE")
    connection.executemany(INSERT_INSTANCE, [(rows.key, f"b-{rows.key}", CREATED) for rows in batch])
    connection.executemany(
        INSERT_ELEMENT,
        [(key, rows.key, rows.key, "task_1", "flow_1", CREATED) for rows in batch for key in rows.elements],
    )
    connection.executemany(
        INSERT_VARIABLE, [(rows.key, name, rows.key, value) for rows in batch for name, value in VARIABLES]
    )
    connection.executemany(
        INSERT_JOB, [(key, rows.key, rows.elements[1], CREATED) for rows in batch for key in rows.jobs]
    )
    connection.execute("COMMIT")


def _end(connection: sqlite3.Connection, batch: list[Rows]) -> None:
    connection.execute("BEGIN IMMEDIATE")
    connection.executemany(END_JOB, [(key,) for rows in batch for key in rows.jobs])
    connection.executemany(END_ELEMENT, [(ENDED, key) for rows in batch for key in rows.elements])
    connection.executemany(END_INSTANCE, [(ENDED, rows.key) for rows in batch])
    connection.execute("COMMIT")
