"""What dramatiq's workers run: a job that does nothing. Their command line imports this module."""

from __future__ import annotations

import os

import dramatiq
from dramatiq.brokers.rabbitmq import RabbitmqBroker

from benchmarks.ticks import Ticks

URL = "PROCESSION_BENCH_AMQP"
"""Environment: where the broker is."""

broker = RabbitmqBroker(url=os.environ[URL])
dramatiq.set_broker(broker)
ticks = Ticks.shared()


@dramatiq.actor
def work(number: int) -> None:
    ticks.tick()
