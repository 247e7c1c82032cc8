"""What our workers run: a step that does nothing. `procession worker` imports this module."""

from __future__ import annotations

import os
from typing import ClassVar

from benchmarks.ticks import Ticks
from procession import Process, Procession, ProcessManager

app = Procession(os.environ["PROCESSION_BENCH_JOBS"])
processes = ProcessManager(app)
ticks = Ticks.shared()


class Background(Process):
    """A job"""

    STEPS: ClassVar = {"work": "work"}

    def work(self) -> None:
        ticks.tick()


processes.register(Background)
