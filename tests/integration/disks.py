"""Disks that are full and users that may not write, as far as this machine lets a test make them."""

from __future__ import annotations

import os
import resource
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

SIZE = 12_000_000
"""Bytes of the small disk."""
BALLAST = 6_000_000
NOBODY = 65534


@contextmanager
def small_disk(folder: Path, size: int = SIZE) -> Iterator[Callable[[], None]]:
    """A folder that soon is full; calling what this yields makes room.

    A disk of its own where mounting is allowed, otherwise a limit on the size of files.
    """
    folder.mkdir()
    mounted = _mount(folder, size)
    try:
        if mounted:
            ballast = folder / "ballast"
            ballast.write_bytes(b"x" * BALLAST)
            yield ballast.unlink
        else:
            with _limit(SIZE - BALLAST) as lift:
                yield lift
    finally:
        if mounted:
            subprocess.run(["umount", "--lazy", folder], check=True)


def _mount(folder: Path, size: int) -> bool:
    command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
    return os.geteuid() == 0 and subprocess.run(command, capture_output=True, check=False).returncode == 0


@contextmanager
def _limit(size: int) -> Iterator[Callable[[], None]]:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield lambda: resource.setrlimit(resource.RLIMIT_FSIZE, before)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@contextmanager
def ordinary_user() -> Iterator[None]:
    """Permissions do not bind root: be nobody for a while."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)
