"""What clients do, told without keys: each action picks its target among what is open.

Things are numbered in the order they were made, so the same schedule means the same in a database
whose keys differ.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from msgspec import Struct

from procession.engine import commands as c
from procession.engine.records import IncidentType, JobState

from .rows import Rows

T = TypeVar("T")
Variables = dict[str, str]


class Target(Struct, frozen=True):
    """The instance an action is for, and everything that is stored of it."""

    rows: Rows
    root_key: int
    correlation_key: str


class Picking(Struct, frozen=True, kw_only=True):
    """Base of all actions. Their `command` is None if there is nothing to do it to."""

    which: int = 0
    """Picks one of those open, counted in circles."""

    def pick(self, things: Sequence[T]) -> T | None:
        return things[self.which % len(things)] if things else None


class Complete(Picking, frozen=True, kw_only=True):
    values: Variables = {}

    def command(self, target: Target) -> c.Command | None:
        job = self.pick(_open_jobs(target))
        return None if job is None else c.CompleteJob(job, self.values)


class Fail(Picking, frozen=True, kw_only=True):
    retries: int
    backoff: int
    values: Variables

    def command(self, target: Target) -> c.Command | None:
        job = self.pick(_open_jobs(target))
        return None if job is None else c.FailJob(job, self.retries, self.backoff, "no", self.values)


class Throw(Picking, frozen=True, kw_only=True):
    code: str
    values: Variables

    def command(self, target: Target) -> c.Command | None:
        job = self.pick(_open_jobs(target))
        return None if job is None else c.ThrowError(job, self.code, "no", self.values)


class Publish(Picking, frozen=True, kw_only=True):
    """A message that may come before anybody waits for it."""

    name: str
    ttl: int
    message_id: str | None
    values: Variables

    def command(self, target: Target) -> c.Command:
        return c.PublishMessage(self.name, target.correlation_key, self.ttl, self.message_id, self.values)


class PublishAwaited(Picking, frozen=True, kw_only=True):
    values: Variables = {}

    def command(self, target: Target) -> c.Command | None:
        subscription = self.pick(target.rows.subscriptions)
        if subscription is None:
            return None
        return c.PublishMessage(subscription.name, subscription.correlation_key, 0, None, self.values)


class Broadcast(Picking, frozen=True, kw_only=True):
    """A signal, whether somebody waits for it or not."""

    name: str
    values: Variables

    def command(self, target: Target) -> c.Command:
        return c.BroadcastSignal(f"{self.name}-{target.correlation_key}", self.values)


class Resolve(Picking, frozen=True, kw_only=True):
    mends: bool
    """Whether a job gets a retry with it; without, that is refused."""

    def command(self, target: Target) -> c.Command | None:
        incident = self.pick([one for one in target.rows.incidents if one.ended_at is None])
        if incident is None:
            return None
        without_retries = incident.type == IncidentType.JOB_NO_RETRIES.value
        return c.ResolveIncident(incident.key, 1 if without_retries and self.mends else None)


class Write(Picking, frozen=True, kw_only=True):
    """Set variables of the instance or of an element of it."""

    values: Variables
    local: bool

    def command(self, target: Target) -> c.Command | None:
        elements = [one.key for one in target.rows.elements if one.ended_at is None]
        key = self.pick([target.root_key, *elements])
        return None if key is None else c.SetVariables(key, self.values, self.local)


class Cancel(Picking, frozen=True, kw_only=True):
    def command(self, target: Target) -> c.Command:
        return c.CancelInstance(target.root_key)


class Migrate(Picking, frozen=True, kw_only=True):
    """Move an instance to the other version of its process, which is the same but for its number."""

    def command(self, target: Target) -> c.Command | None:
        commands = to_twins(target.rows)
        return self.pick(commands)


def to_twins(rows: Rows) -> list[c.MigrateInstance]:
    """For every instance that runs, how it moves to the other of the two versions there are."""
    running = [one for one in rows.instances if one.ended_at is None]
    return [c.MigrateInstance(one.key, version=3 - one.version, equal_ids=True) for one in running]


class Abandon(Picking, frozen=True, kw_only=True):
    values: Variables

    def command(self, target: Target) -> c.Command:
        return c.AbandonInstance(target.root_key, self.values)


Action = (
    Complete
    | Fail
    | Throw
    | Publish
    | PublishAwaited
    | Broadcast
    | Resolve
    | Write
    | Cancel
    | Migrate
    | Abandon
)


def _open_jobs(target: Target) -> list[int]:
    return [job.key for job in target.rows.jobs if job.state == JobState.ACTIVATABLE.value]
