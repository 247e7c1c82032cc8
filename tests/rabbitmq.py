"""A RabbitMQ broker for the tests.

The system's program (Debian: rabbitmq-server) runs as a process of our own: with its own node name,
ports, folders and port mapper (epmd), on loopback; it ends with the test session.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.servers import free_port, missing

PATIENCE = 120.0
_CONFIG = """
loopback_users = none
disk_free_limit.absolute = 50MB
vm_memory_high_watermark.absolute = 2GB
log.file.level = warning
"""


def program() -> str | None:
    """The script that starts a broker; None if there is none.

    Not the one in /usr/sbin, which insists on a user and folders of its own.
    """
    found = sorted(Path("/usr/lib/rabbitmq").glob("lib/rabbitmq_server-*/sbin/rabbitmq-server"))
    if found and shutil.which("epmd"):
        return str(found[-1])
    return None


class RabbitMQ:
    """A running broker; `stop` and `start` let a test take it away for a while, `SIGKILL` is a crash."""

    def __init__(self, folder: Path, program: str) -> None:
        self.folder = folder
        self.port = free_port()
        self._program = program
        self._mapper_port = free_port()
        self._distribution_port = free_port()
        self._mapper: subprocess.Popen[bytes] | None = None
        self._process: subprocess.Popen[bytes] | None = None
        (folder / "rabbitmq.conf").write_text(_CONFIG)
        (folder / "plugins").write_text("[].")

    @property
    def url(self) -> str:
        return f"amqp://guest:guest@127.0.0.1:{self.port}/"

    def _environment(self) -> dict[str, str]:
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("RABBITMQ_")}
        folder = str(self.folder)
        return inherited | {
            "HOME": folder,
            "ERL_EPMD_PORT": str(self._mapper_port),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODENAME": f"test{self.port}@localhost",
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODE_PORT": str(self.port),
            "RABBITMQ_DIST_PORT": str(self._distribution_port),
            "RABBITMQ_BASE": folder,
            "RABBITMQ_MNESIA_BASE": f"{folder}/mnesia",
            "RABBITMQ_LOG_BASE": f"{folder}/log",
            "RABBITMQ_CONFIG_FILE": f"{folder}/rabbitmq.conf",
            "RABBITMQ_CONF_ENV_FILE": f"{folder}/none",
            "RABBITMQ_ENABLED_PLUGINS_FILE": f"{folder}/plugins",
            "RABBITMQ_PID_FILE": f"{folder}/pid",
            # So that the script becomes the broker, and a signal to it is one to the broker.
            "RABBITMQ_ALLOW_INPUT": "true",
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-noinput -start_epmd false "
            "-kernel inet_dist_use_interface {127,0,0,1}",
        }

    def start(self) -> None:
        """Start it, and wait until it takes connections."""
        environment = self._environment()
        if self._mapper is None:
            self._mapper = subprocess.Popen(["epmd"], env=environment)
            self._wait_for_mapper()
        with (self.folder / "output").open("ab") as output:
            self._process = subprocess.Popen(
                [self._program],
                env=environment,
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        deadline = time.monotonic() + PATIENCE
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"RabbitMQ did not start: {(self.folder / 'output').read_text()[-4000:]}")
            time.sleep(0.1)

    def _wait_for_mapper(self) -> None:
        """The broker would start one of its own, which nobody ends."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            with suppress(OSError), socket.create_connection(("127.0.0.1", self._mapper_port), timeout=5):
                return
            time.sleep(0.02)

    def _answers(self) -> bool:
        with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=5) as probe:
            probe.sendall(b"AMQP\x00\x00\x09\x01")
            return bool(probe.recv(1))
        return False

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        """End it."""
        if self._process is not None:
            self._process.send_signal(how)
            try:
                self._process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process = None

    def close(self) -> None:
        """End it for good, with its port mapper."""
        self.stop(signal.SIGKILL)
        if self._mapper is not None:
            self._mapper.terminate()
            self._mapper.wait(PATIENCE)


@contextmanager
def own_rabbitmq() -> Iterator[RabbitMQ]:
    """A broker; without RabbitMQ its tests are skipped, except where CI is set: there they fail."""
    found = program()
    if found is None:
        missing("no RabbitMQ: `rabbitmq-server` is in the Debian package of that name")
    folder = Path(tempfile.mkdtemp(prefix="procession-rabbitmq-"))
    broker = RabbitMQ(folder, found)
    try:
        broker.start()
        yield broker
    finally:
        broker.close()
        shutil.rmtree(folder, ignore_errors=True)
