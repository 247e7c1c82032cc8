"""From what clients wrote down and the database holds to one history for each key and each job."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import Any

from procession.engine.records import JOB_ACTIVATABLE, JOB_ACTIVATED, JOB_COMPLETED, JOB_FAILED

from . import leases, messages
from .checker import NEVER, Operation, Verdict, check
from .recording import Record

_STATUS = {
    JOB_ACTIVATABLE: leases.Status.FREE,
    JOB_ACTIVATED: leases.Status.LEASED,
    JOB_COMPLETED: leases.Status.COMPLETED,
    JOB_FAILED: leases.Status.FAILED,
}


@dataclass(slots=True, kw_only=True)
class Call:
    """A call as it was written down, with its answer if one came."""

    kind: str
    subject: str
    given: dict[str, Any]
    client: str
    called: float
    called_ms: int
    answered: float = NEVER
    answered_ms: float = NEVER
    output: Any = None
    dropped: bool = False
    """It was told that nothing of this happened."""

    def operation(self, given: Any, output: Any, *, answered: float | None = None) -> Operation:
        return Operation(
            kind=self.kind,
            input=given,
            output=output,
            called=self.called,
            answered=self.answered if answered is None else answered,
            who=self.client,
        )

    @property
    def span(self) -> messages.Span:
        return messages.Span(self.called_ms, self.answered_ms)


def calls_of(record: Record) -> list[Call]:
    calls: dict[str, Call] = {}
    for written in record.lines:
        line = dict(written)
        at, ms = line.pop("at"), line.pop("ms")
        if "call" in line:
            name = line.pop("call")
            calls[name] = Call(
                kind=line.pop("kind"),
                subject=line.pop("subject"),
                given=line,
                client=name.partition("/")[0],
                called=at,
                called_ms=ms,
            )
        elif "dropped" in line:
            calls[line["dropped"]].dropped = True
        else:
            call = calls[line["answer"]]
            call.answered, call.answered_ms, call.output = at, ms, line["output"]
    return list(calls.values())


def verdicts(record: Record) -> dict[str, Verdict]:
    """What the checker says of each correlation key and each job."""
    by_subject: dict[str, list[Call]] = defaultdict(list)
    for call in calls_of(record):
        by_subject[call.subject].append(call)
    found: dict[str, Verdict] = {}
    for subject, calls in by_subject.items():
        if subject in record.jobs:
            found[subject] = check(leases.Job(), leases.step, job_history(subject, calls, record))
        else:
            found[subject] = check(messages.Mailbox(), messages.step, message_history(calls, record))
    return found


# --- messages --------------------------------------------------------------------------------------


def message_history(calls: list[Call], record: Record) -> list[Operation]:
    names = {call.given["name"] for call in calls if call.kind == "start"}
    receivers = {
        marker: name for name, (_, marker) in record.instances.items() if name in names and marker is not None
    }
    operations = [one for call in calls if (one := _MESSAGES[call.kind](call, receivers, record)) is not None]
    waiting = frozenset(
        name for name, (_, marker) in record.instances.items() if name in names and marker is None
    )
    look = Operation(
        kind="look",
        input=messages.Span(record.ended_ms, record.ended_ms),
        output=waiting,
        called=record.ended,
        answered=record.ended + 1,
    )
    return [*operations, look]


def _published(call: Call, receivers: dict[str, str], record: Record) -> Operation | None:
    marker = call.given["marker"]
    happened = marker in receivers or marker in record.markers
    if call.dropped:
        assert not happened, f"this was said not to have happened: {call}"
        return None
    given = messages.Publication(
        marker, call.given["message_id"], call.given["ttl"], call.span, receivers.get(marker)
    )
    return call.operation(given, call.output, answered=record.ended if _surely(call, happened) else None)


def _surely(call: Call, happened: bool) -> bool:
    """Nobody was told, but it is there."""
    return happened and call.answered == NEVER


def _started(call: Call, receivers: dict[str, str], record: Record) -> Operation | None:
    name = call.given["name"]
    found = record.instances.get(name)
    if call.dropped:
        assert found is None, f"this was said not to have happened: {call}"
    if found is None:
        assert call.answered == NEVER, f"an acknowledged start is gone: {call}"
        return None
    key, marker = found
    assert call.output in (None, key)
    answered = record.ended if _surely(call, True) else None
    return call.operation(messages.Start(name, key, call.span, marker), key, answered=answered)


def _told_result(call: Call, receivers: dict[str, str], record: Record) -> Operation | None:
    if call.answered == NEVER:
        return None  # nothing was seen
    name = call.given["name"]
    assert call.output == record.instances[name][1], f"its result was another: {call}"
    return call.operation(name, call.output)


_MESSAGES = {"publish": _published, "start": _started, "result": _told_result}


# --- leases ----------------------------------------------------------------------------------------


def job_history(subject: str, calls: list[Call], record: Record) -> list[Operation]:
    operations: list[Operation] = []
    for call in calls:
        given = leases.Call(at=call.called_ms, **call.given)
        if call.kind == "activate":
            operations += _activations(call, given, record)
        elif not call.dropped:
            operations.append(call.operation(given, call.output))
    state, lease = record.jobs[subject]
    look = (_STATUS[state], lease)
    return [
        *operations,
        Operation(kind="look", input=None, output=look, called=record.ended, answered=record.ended + 1),
    ]


def _activations(call: Call, given: leases.Call, record: Record) -> list[Operation]:
    """The lease that was delivered, and those of which nobody may have heard.

    One may be lost with its process, and one with each server whose restart cut off a commit.
    """
    told = [] if call.output is None else [call.operation(given, leases.Activated(*call.output))]
    lost = sum(call.called <= at <= call.answered for at in record.restarted)
    lost += call.output is None and call.client in record.killed
    return [*told, *(call.operation(given, None, answered=NEVER) for _ in range(lost))]
