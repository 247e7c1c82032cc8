"""The window at the end of a day in which no step begins, so that nothing crosses the fiscal day."""

from __future__ import annotations

from datetime import datetime, time, tzinfo

import msgspec

from procession.errors import InvalidInput
from procession.process.moments import at

MIDNIGHT = time(0, 0)


class CoolDown(msgspec.Struct, frozen=True, kw_only=True):
    """From `start` until just before `end`, by the wall clock, in whole seconds; it may go over midnight.

    Around a change of summer time the window is where the clocks on the wall are in it.
    """

    start: time = time(23, 50)
    end: time = MIDNIGHT
    zone: tzinfo | None = None
    """None: the zone of this machine."""

    def __post_init__(self) -> None:
        if self.start.microsecond or self.end.microsecond:
            raise InvalidInput("a cool-down window begins and ends with a whole second")

    def covers(self, moment: datetime) -> bool:
        """Whether no step may begin at this moment (aware)."""
        wall = moment.astimezone(self.zone).time()
        if self.start <= self.end:
            return self.start <= wall < self.end
        return wall >= self.start or wall < self.end


class Gate:
    """Whether steps may begin. Asked before each, it looks at the wall once in a second. Any thread may ask.

    Args:
        cool_down: when they may not; None: never.
    """

    __slots__ = ("_cool_down", "_seen")

    def __init__(self, cool_down: CoolDown | None) -> None:
        self._cool_down = cool_down
        self._seen = (0, False)
        """A second, and whether the window covers it."""

    def is_shut(self, now: int) -> bool:
        """Whether no step may begin at this time (epoch milliseconds)."""
        if self._cool_down is None:
            return False
        second = now // 1000
        seen, shut = self._seen
        if seen != second:
            shut = self._cool_down.covers(at(second * 1000))
            self._seen = (second, shut)
        return shut
