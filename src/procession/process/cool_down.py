"""The window at the end of a day in which no step begins, so that nothing crosses the fiscal day."""

from __future__ import annotations

from datetime import datetime, time, tzinfo

import msgspec

MIDNIGHT = time(0, 0)


class CoolDown(msgspec.Struct, frozen=True, kw_only=True):
    """From `start` until just before `end`, by the wall clock; it may go over midnight.

    Around a change of summer time the window is where the clocks on the wall are in it.
    """

    start: time = time(23, 50)
    end: time = MIDNIGHT
    zone: tzinfo | None = None
    """None: the zone of this machine."""

    def covers(self, moment: datetime) -> bool:
        """Whether no step may begin at this moment (aware)."""
        wall = moment.astimezone(self.zone).time()
        if self.start <= self.end:
            return self.start <= wall < self.end
        return wall >= self.start or wall < self.end
