"""The desk sends each alert over each channel, whatever the others do."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest

from procession.errors import InvalidInput
from procession.operations.alerts import Alert, AlertDesk, Channel
from tests.alerting import Collecting, an_alert

SOON = timedelta(milliseconds=1)
LONG = timedelta(minutes=1)


class Stuck(Channel):
    """Never comes back."""

    name = "stuck"

    async def send(self, alert: Alert) -> None:
        await asyncio.Event().wait()


@asynccontextmanager
async def desk(*channels: Channel, grace: timedelta = LONG, **settings: Any) -> AsyncIterator[AlertDesk]:
    desk = AlertDesk(channels, **{"first_wait": SOON, "longest_wait": SOON, **settings})
    desk.open()
    try:
        yield desk
    finally:
        await desk.close(grace)


async def test_each_channel_gets_each_alert_in_order() -> None:
    one, other = Collecting(), Collecting()
    async with desk(one, other) as open_desk:
        for key in (1, 2, 3):
            open_desk.hand_in(an_alert(incident_key=key))
    assert [alert.id for alert in one.sent] == ["incident-1", "incident-2", "incident-3"]
    assert one.sent == other.sent


async def test_a_channel_that_fails_is_tried_again() -> None:
    channel = Collecting(OSError("down"), TimeoutError(), RuntimeError("still down"))
    async with desk(channel) as open_desk:
        open_desk.hand_in(an_alert())
        await channel.wait_for(1)
    assert channel.attempts == 4
    assert len(channel.sent) == 1


async def test_a_stuck_channel_holds_up_no_other() -> None:
    channel = Collecting()
    async with desk(Stuck(), channel, grace=SOON) as open_desk:
        open_desk.hand_in(an_alert())
        assert await channel.wait_for(1)


async def test_what_a_channel_refuses_for_good_is_dropped_loudly(caplog: pytest.LogCaptureFixture) -> None:
    channel = Collecting(InvalidInput("no such room"))
    async with desk(channel) as open_desk:
        open_desk.hand_in(an_alert(incident_key=1))
        open_desk.hand_in(an_alert(incident_key=2))
    assert [alert.id for alert in channel.sent] == ["incident-2"]
    (dropped,) = [record for record in caplog.records if "DROPPED" in record.message]
    assert dropped.levelno == logging.ERROR
    assert "no such room" in dropped.message
    assert "no parcel" in dropped.message


async def test_an_alert_is_dropped_when_it_could_not_be_sent_for_too_long(
    caplog: pytest.LogCaptureFixture,
) -> None:
    channel = Collecting(*[OSError("down")] * 100_000)
    async with desk(channel, keep_for=timedelta(milliseconds=20)) as open_desk:
        open_desk.hand_in(an_alert())
    assert not channel.sent
    assert "could not be sent for too long" in caplog.text


async def test_the_queue_is_bounded_and_what_is_too_much_is_dropped_loudly(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with desk(Stuck(), capacity=2, grace=SOON) as open_desk:
        for key in (1, 2, 3):  # none is taken before the loop runs again
            open_desk.hand_in(an_alert(incident_key=key))
        dropped = [record.message for record in caplog.records]
        assert len(dropped) == 1
        assert "too many others wait" in dropped[0]
        assert "incident: 3" in dropped[0]


async def test_closing_sends_what_waits_and_closes_the_channels() -> None:
    channel = Collecting(OSError("down"))
    async with desk(channel) as open_desk:
        open_desk.hand_in(an_alert())
    assert len(channel.sent) == 1
    assert channel.closed


async def test_what_cannot_be_sent_before_closing_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    async with desk(Stuck(), grace=SOON) as open_desk:
        open_desk.hand_in(an_alert(incident_key=1))
        open_desk.hand_in(an_alert(incident_key=2))
    assert caplog.text.count("the desk was closed") == 2
