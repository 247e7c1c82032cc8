"""dramatiq on RabbitMQ, as it is installed: a background job that does nothing.

Messages are persistent and go to a durable queue, but nobody waits for the broker's confirms (dramatiq's
default). Workers are its own command line with two processes of eight threads.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

from benchmarks.measure import Figures, Scale
from benchmarks.ticks import FILE, Ticks
from tests.rabbitmq import own_rabbitmq

JOBS = 20_000
PROCESSES = 2
PATIENCE = 300.0


def measure(scale: Scale, folder: Path) -> Figures:
    """Jobs a second: handed in, then worked off, and both together."""
    count = scale.count(JOBS)
    ticks = Ticks(folder / "ticks")
    with own_rabbitmq() as rabbitmq:
        os.environ |= {FILE: str(folder / "ticks"), "PROCESSION_BENCH_AMQP": rabbitmq.url}
        handed_in = _hand_in(count)
        command = ["-m", "dramatiq", "benchmarks.peers.dramatiq_jobs", "--processes", str(PROCESSES)]
        with (folder / "log").open("wb") as log:
            workers = subprocess.Popen([sys.executable, *command], stdout=log, stderr=log)
        try:
            worked = ticks.wait(count, PATIENCE)
        finally:
            workers.terminate()
            workers.wait()
    return {
        "handed_in_per_s": handed_in,
        "worked_per_s": worked,
        "jobs_per_s": 1 / (1 / handed_in + 1 / worked),
    }


def _hand_in(count: int) -> float:
    from benchmarks.peers.dramatiq_jobs import broker, work

    work.send(0)  # declares the queue
    broker.flush(work.queue_name)
    began = time.perf_counter()
    for number in range(count):
        work.send(number)
    seconds = time.perf_counter() - began
    broker.close()
    return count / seconds
