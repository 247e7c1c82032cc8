"""What waits for its batch: work that is under way goes before work that begins."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from procession.broker.replies import Submission
from procession.engine import commands as c

BEGINS = (c.StartInstance, c.PublishMessage, c.BroadcastSignal)
"""Make new work. If there is more than can be done, these wait, and what has begun is brought to its end."""


class SubmissionQueue:
    """Any thread may append; one takes. Each of the two kinds keeps its order."""

    def __init__(self) -> None:
        self._under_way: deque[Submission] = deque()
        self._begins: deque[Submission] = deque()

    def append(self, submission: Submission) -> None:
        (self._begins if isinstance(submission.command, BEGINS) else self._under_way).append(submission)

    def extend(self, submissions: Iterable[Submission]) -> None:
        for submission in submissions:
            self.append(submission)

    def put_back(self, submission: Submission) -> None:
        """It was taken too early: it is the first of its kind again."""
        (self._begins if isinstance(submission.command, BEGINS) else self._under_way).appendleft(submission)

    def popleft(self) -> Submission:
        """The next one.

        Raises:
            IndexError: there is none.
        """
        return (self._under_way or self._begins).popleft()

    def __len__(self) -> int:
        return len(self._under_way) + len(self._begins)

    def __bool__(self) -> bool:
        return bool(self._under_way or self._begins)
