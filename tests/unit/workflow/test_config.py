"""Settings of handlers, and what they become."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from procession.client.job import Signature
from procession.client.tasks import Task
from procession.errors import InvalidInput
from procession.workflow import TaskHandlerConfig


def task(config: TaskHandlerConfig) -> Task:
    """What `Procession.task` makes of it."""
    return Task(type="t", handler=Signature(lambda: None), **config.as_task())


def seconds(config: TaskHandlerConfig, *failures: int) -> list[float]:
    return [task(config).backoff_after(count).total_seconds() for count in failures]


def test_the_defaults() -> None:
    config = TaskHandlerConfig()
    assert (config.max_active_jobs, config.concurrency) == (10, 3)
    assert config.initial_backoff == timedelta(seconds=5)
    made = task(config)
    assert (made.retries, made.leased, made.concurrency) == (None, 10, 3)


def test_the_backoff_grows_up_to_an_hour() -> None:
    assert seconds(TaskHandlerConfig(), 0, 1, 2, 19, 10_000) == [5, 10, 20, 3600, 3600]
    assert seconds(TaskHandlerConfig(backoff=10, initial_backoff=timedelta(seconds=1)), 3) == [1000]


def test_a_retry_timeout_stays_the_same() -> None:
    config = TaskHandlerConfig(retry_timeout=timedelta(hours=2))
    assert seconds(config, 0, 1, 50) == [7200, 7200, 7200]


def test_retries_of_the_config_win_over_the_models() -> None:
    assert task(TaskHandlerConfig(incident_max_retries=100)).tries_left(3, 0) == 100
    assert task(TaskHandlerConfig()).tries_left(3, 0) == 3


@pytest.mark.parametrize(
    "wrong",
    [
        {"incident_max_retries": 0},
        {"retry_timeout": timedelta(seconds=-1)},
        {"initial_backoff": timedelta(seconds=-1)},
        {"backoff": 0.5},
        {"backoff": float("nan")},
        {"timeout": timedelta(0)},
        {"max_runtime": timedelta(0)},
        {"poll_interval": timedelta(0)},
        {"concurrency": 0},
        {"max_active_jobs": 2, "concurrency": 3},
        {"event_ttl": timedelta(seconds=-1)},
    ],
)
def test_settings_that_cannot_be_right_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput, match=next(iter(wrong))):
        TaskHandlerConfig(**wrong)
