"""Starting what is measured: ours on either database, the real Zeebe, the echo server.

Zeebe runs with its own settings, its heap included; only its ports, the place of its data and its
demands on free disk space are set. Its data is on the same disk as ours.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import grpc
import msgspec
from pyzeebe.proto import gateway_pb2 as pb
from pyzeebe.proto import gateway_pb2_grpc as stubs

from benchmarks.databases import create_database, database_url
from tests.zeebe import running_zeebe

READY_SECONDS = 60.0
STOP_SECONDS = 30.0
LOOK_SECONDS = 0.005


class Served(msgspec.Struct, frozen=True, kw_only=True):
    """A running server. It may consist of several processes: those of its process group."""

    address: str
    group: int
    ready_seconds: float
    """From the start of its process to its first answer."""

    def cpu_seconds(self) -> float:
        """Processor time of its processes so far."""
        return sum(map(_ticks, self._processes())) / os.sysconf("SC_CLK_TCK")

    def resident_mb(self) -> float:
        """The memory its processes hold (RSS), in MiB."""
        pages = sum(int((path / "statm").read_text().split()[1]) for path in self._processes())
        return pages * os.sysconf("SC_PAGE_SIZE") / 2**20

    def _processes(self) -> Iterator[Path]:
        for path in Path("/proc").iterdir():
            if path.name.isdigit():
                with contextlib.suppress(OSError):
                    if os.getpgid(int(path.name)) == self.group:
                        yield path


def _ticks(process: Path) -> int:
    """User and system time (proc(5), /proc/pid/stat, fields 14 and 15)."""
    with contextlib.suppress(OSError):
        return sum(map(int, (process / "stat").read_text().rpartition(")")[2].split()[11:13]))
    return 0


Start = Callable[[Path], contextlib.AbstractContextManager[Served]]


def on_sqlite(folder: Path) -> contextlib.AbstractContextManager[Served]:
    """Ours, with the default durability: synchronous=FULL."""
    return _ours(f"sqlite:///{folder / 'gateway.db'}", folder)


def on_postgresql(folder: Path) -> contextlib.AbstractContextManager[Served]:
    """Ours, on the run's PostgreSQL server."""
    url = database_url(folder, "gateway")
    create_database(url)
    return _ours(url, folder)


def _ours(url: str, folder: Path) -> contextlib.AbstractContextManager[Served]:
    port = free_port()
    command = ["-m", "procession.cli", "up", "--db", url, "--grpc", f"127.0.0.1:{port}"]
    return _running(command, port, folder)


def echo(folder: Path) -> contextlib.AbstractContextManager[Served]:
    """The limit."""
    port = free_port()
    return _running(["-m", "benchmarks.gateway.echo", str(port)], port, folder)


@contextlib.contextmanager
def zeebe(folder: Path) -> Iterator[Served]:
    """The yardstick."""
    began = time.perf_counter()
    with running_zeebe(memory=None, folder=folder) as broker:
        _wait_for_answer(broker.address)
        ready = time.perf_counter() - began
        yield Served(address=broker.address, group=broker.process.pid, ready_seconds=ready)


SERVERS: Mapping[str, Start] = {
    "sqlite": on_sqlite,
    "postgresql": on_postgresql,
    "zeebe": zeebe,
    "echo": echo,
}


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


@contextlib.contextmanager
def _running(arguments: list[str], port: int, folder: Path) -> Iterator[Served]:
    log = folder / "server.log"
    began = time.perf_counter()
    with log.open("wb") as output:
        # As an installed program starts: with its modules compiled, whatever this shell says.
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        process = subprocess.Popen(
            [sys.executable, *arguments],
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env=environment,
        )
    try:
        _wait_for_port(port, process, log)
        address = f"127.0.0.1:{port}"
        _wait_for_answer(address)
        ready = time.perf_counter() - began
        yield Served(address=address, group=process.pid, ready_seconds=ready)
        if process.poll() is not None:
            raise RuntimeError(f"the server ended by itself:\n{_tail(log)}")
    finally:
        _stop(process)


def _wait_for_port(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + READY_SECONDS
    while time.monotonic() < end and process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(LOOK_SECONDS)
    raise RuntimeError(f"the server did not start:\n{_tail(log)}")


def _wait_for_answer(address: str) -> None:
    with grpc.insecure_channel(address) as channel:
        call = stubs.GatewayStub(channel).Topology
        call(pb.TopologyRequest(), timeout=READY_SECONDS, wait_for_ready=True)


def _tail(log: Path) -> str:
    return log.read_text(errors="replace")[-3000:]


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
