"""Noticing use after a fork without asking the system for the process id at every call."""

from __future__ import annotations

import os


class Forks:
    """How many forks lie between this process and the first one that imported this."""

    __slots__ = ("count",)

    def __init__(self) -> None:
        self.count = 0
        os.register_at_fork(after_in_child=self._child)

    def _child(self) -> None:
        self.count += 1


forks = Forks()
