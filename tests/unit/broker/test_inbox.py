"""How late an event loop comes to what a node tells it."""

from __future__ import annotations

import asyncio
import time

from procession.broker import Inbox


async def test_a_loop_that_is_held_shows_as_lag() -> None:
    # Given
    inbox = Inbox(asyncio.get_running_loop())
    future: asyncio.Future[int] = inbox.loop.create_future()

    # When
    inbox.post([(future, 1, None)])
    time.sleep(0.05)  # noqa: ASYNC251 - holds the loop
    await future

    # Then
    assert inbox.lag_seconds >= 0.005


async def test_lag_falls_when_the_loop_is_free_again() -> None:
    # Given
    inbox = Inbox(asyncio.get_running_loop())
    inbox.lag_seconds = 100.0

    # When
    for number in range(100):
        future: asyncio.Future[int] = inbox.loop.create_future()
        inbox.post([(future, number, None)])
        await future

    # Then
    assert inbox.lag_seconds < 10
