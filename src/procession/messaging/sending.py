"""Publishing a batch in the order of its keys."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from procession.errors import NotReady
from procession.messaging.claims import Refused, Row
from procession.messaging.port import Addressed, Transport

log = logging.getLogger("procession.messaging")


class Sending:
    """What became of the rows of a batch."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._held_up: set[str] = set()
        self.confirmed: list[int] = []
        self.refused: list[Refused] = []
        self.away: NotReady | None = None
        """Why the rest was not sent, or may not have been."""

    async def send(self, rows: Sequence[Row]) -> None:
        """Publish rows; what has the key of a row that was refused stays behind it."""
        for wave in waves(rows):
            left = [row for row in wave if row.ordering_key not in self._held_up]
            answers = await self._transport.publish([Addressed(row.queue, row.message) for row in left])
            for row, answer in zip(left, answers, strict=True):
                if answer is None:
                    self.confirmed.append(row.id)
                elif isinstance(answer, NotReady):
                    self.away = answer
                else:
                    self._refuse(row, answer)
            if self.away is not None:
                return

    def _refuse(self, row: Row, reason: Exception) -> None:
        if row.ordering_key is not None and row.ordering_key in self._held_up:
            return
        log.warning("message %s waits in the outbox: %s", row.message.id, reason)
        self.refused.append(Refused(row.id, row.attempts))
        if row.ordering_key is not None:
            self._held_up.add(row.ordering_key)


def waves(rows: Sequence[Row]) -> list[list[Row]]:
    """Rows that may be under way together: of one key only what goes to the same queue.

    What is under way to one queue arrives in order, or not at all if the queue is missing. Between two
    queues there is no order, so the next one waits until all before it are confirmed.
    """
    result: list[list[Row]] = []
    last: dict[str, tuple[str, int]] = {}
    for row in rows:
        number = 0
        if row.ordering_key is not None:
            queue, number = last.get(row.ordering_key, (row.queue, 0))
            number += queue != row.queue
            last[row.ordering_key] = row.queue, number
        if number == len(result):
            result.append([])
        result[number].append(row)
    return result
