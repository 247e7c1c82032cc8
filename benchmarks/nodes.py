"""What several nodes on one database cost: processor time of an instance with one and with two of them.

Every node is a process with an app that starts its own instances, a thousand in flight, and works on
whatever jobs it gets. Meanwhile the server is asked now and then which sessions of nodes wait for a
lock.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import time
from pathlib import Path
from typing import Any

import msgspec
import psycopg

from benchmarks.databases import database_url
from benchmarks.measure import Figures, Scale, flood
from benchmarks.procession_load import IN_FLIGHT, ONE_TASK, make_app, register, runner
from procession import Procession

COUNT = 20_000
WARM_UP = 1_000
SAMPLE_SECONDS = 0.01
LOCKED = (
    "SELECT count(*) FROM pg_stat_activity WHERE application_name='procession' "
    "AND datname=current_database() AND wait_event_type='Lock'"
)


class Spent(msgspec.Struct):
    """What one node took for its instances."""

    cpu: float
    began: float
    ended: float


class ServerTime:
    """Processor time of a server on this machine since this was made, without one of its sessions."""

    def __init__(self, session: int) -> None:
        self._session = session
        self._server = int(_stat(session)[1])
        self._began = self._total()

    def seconds(self) -> float:
        return self._total() - self._began

    def _total(self) -> float:
        """Of the server, of its processes that ended, and of those that run."""
        ticks = sum(map(int, _stat(self._server)[11:15]))
        for task in Path(f"/proc/{self._server}/task").iterdir():
            for child in map(int, (task / "children").read_text().split()):
                if child != self._session:
                    ticks += sum(map(int, _stat(child)[11:13]))
        return ticks / os.sysconf("SC_CLK_TCK")


def _stat(pid: int) -> list[str]:
    """What the kernel tells of a process, from its state on (proc(5), /proc/pid/stat, field 3)."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def measure(scale: Scale, folder: Path) -> Figures:
    """Microseconds of processor time per instance, and the share of time spent waiting for locks."""
    return asyncio.run(_measure(scale, folder))


async def _measure(scale: Scale, folder: Path) -> Figures:
    one = await _run(scale, folder, nodes=1)
    two = await _run(scale, folder, nodes=2)
    return {
        **{f"one_node_{name}": value for name, value in one.items()},
        **{f"two_nodes_{name}": value for name, value in two.items()},
        "cpu_ratio": two["cpu_us"] / one["cpu_us"],
        "cpu_with_server_ratio": two["cpu_with_server_us"] / one["cpu_with_server_us"],
        "rate_ratio": two["per_s"] / one["per_s"],
    }


async def _run(scale: Scale, folder: Path, *, nodes: int) -> dict[str, float]:
    name, count = f"nodes-{nodes}", scale.count(COUNT)
    async with make_app(folder, name):
        pass
    url = database_url(folder, name)
    processes = [await _node(url, scale, count // nodes) for _ in range(nodes)]
    for process in processes:
        await _line(process)
    with psycopg.connect(url, autocommit=True) as connection:
        server = ServerTime(connection.info.backend_pid)
        for process in processes:
            _tell(process)
        finished = asyncio.gather(*(_line(process) for process in processes))
        locked = await _watch(connection, finished)
        served = server.seconds()
    spent = [msgspec.json.decode(line, type=Spent) for line in await finished]
    for process in processes:
        _tell(process)
        if await process.wait():
            raise RuntimeError(f"a node ended with exit code {process.returncode}")
    done = count // nodes * nodes
    cpu = sum(each.cpu for each in spent)
    seconds = max(each.ended for each in spent) - min(each.began for each in spent)
    return {
        "per_s": done / seconds,
        "cpu_us": cpu / done * 1e6,
        "cpu_with_server_us": (cpu + served) / done * 1e6,
        "lock_wait_ratio": locked / nodes,
    }


async def _watch(connection: psycopg.Connection[Any], finished: asyncio.Future[Any]) -> float:
    """How many sessions waited for a lock, on average."""
    waiting = looks = 0
    while not finished.done():
        [(locked,)] = connection.execute(LOCKED).fetchall()
        waiting += locked
        looks += 1
        await asyncio.sleep(SAMPLE_SECONDS)
    return waiting / max(looks, 1)


# --- a node, in a process of its own ---------------------------------------------------------------


async def _node(url: str, scale: Scale, count: int) -> asyncio.subprocess.Process:
    arguments = ("-m", "benchmarks.nodes", url, "--count", str(count), "--warm-up", str(scale.count(WARM_UP)))
    return await asyncio.create_subprocess_exec(
        sys.executable, *arguments, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )


async def _line(process: asyncio.subprocess.Process) -> bytes:
    assert process.stdout is not None
    line = await process.stdout.readline()
    if not line:
        raise RuntimeError(f"a node ended with exit code {await process.wait()}")
    return line


def _tell(process: asyncio.subprocess.Process) -> None:
    assert process.stdin is not None
    process.stdin.write(b"\n")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.nodes")
    parser.add_argument("url")
    parser.add_argument("--count", type=int, required=True)
    parser.add_argument("--warm-up", type=int, required=True)
    asyncio.run(_serve(parser.parse_args()))


async def _serve(options: argparse.Namespace) -> None:
    """Warm up, say so, wait for a line; run, say what it took, wait for a line."""
    app = Procession(options.url)
    register(app)
    async with app:
        one = runner(app, ONE_TASK)
        await flood(options.warm_up, IN_FLIGHT, one)
        print(flush=True)
        await asyncio.to_thread(sys.stdin.readline)
        cpu, began = time.process_time(), time.monotonic()
        await flood(options.count, IN_FLIGHT, one)
        spent = Spent(time.process_time() - cpu, began, time.monotonic())
        print(msgspec.json.encode(spent).decode(), flush=True)
        await asyncio.to_thread(sys.stdin.readline)


if __name__ == "__main__":
    main()
