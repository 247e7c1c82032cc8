"""What the servers that tests start have in common."""

from __future__ import annotations

import os
import pwd
import socket
import sys
from typing import NoReturn

import pytest


def free_port() -> int:
    """A TCP port of the loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def unprivileged(*names: str) -> pwd.struct_passwd | None:
    """Whom to run a server as that refuses root; None: as ourselves."""
    if os.getuid() != 0:
        return None
    for name in (*names, "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise RuntimeError("this server does not run as root, and there is no user to run it as")


def missing(reason: str) -> NoReturn:
    """Skip what needs a server that is not installed, and say why; where CI is set, fail."""
    if os.environ.get("CI"):
        pytest.fail(reason)
    print(f"\nskipped: {reason}", file=sys.stderr)
    pytest.skip(reason)
