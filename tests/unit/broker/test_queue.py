"""The order in which commands have their turn."""

from __future__ import annotations

import asyncio

from procession.broker import Inbox
from procession.broker.queue import SubmissionQueue
from procession.broker.replies import Submission
from procession.engine import commands as c


async def test_what_is_under_way_goes_before_what_begins() -> None:
    # Given starts and answers in turn
    queue, inbox = SubmissionQueue(), Inbox(asyncio.get_running_loop())
    commands = [c.StartInstance("p"), c.CompleteJob(1), c.PublishMessage("m"), c.CancelInstance(2)]
    queue.extend(Submission(command, None, inbox, 0) for command in commands)
    assert len(queue) == 4
    # Then the answers come first, and each kind in its order
    taken = [queue.popleft().command for _ in range(4)]
    assert taken == [commands[1], commands[3], commands[0], commands[2]]
    assert not queue


async def test_what_was_taken_too_early_is_the_first_again() -> None:
    queue, inbox = SubmissionQueue(), Inbox(asyncio.get_running_loop())
    queue.extend(Submission(c.CancelInstance(key), None, inbox, 0) for key in (1, 2))
    first = queue.popleft()
    queue.put_back(first)
    assert queue.popleft() is first
