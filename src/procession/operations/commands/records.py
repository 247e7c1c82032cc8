"""What is known of a command, and how that changes: pure functions, the same for every store."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from enum import StrEnum

import msgspec

from procession.errors import CommandLocked, LockLost

ERROR_LINES = 10
ERROR_KEPT = timedelta(hours=72)
_MS = timedelta(milliseconds=1)


class Status(StrEnum):
    """What a command is up to, as people read it; the first that holds counts, in this order."""

    WORKING = "Working"
    """Somebody runs it."""
    LOCKED = "LOCKED"
    """Its holder is gone: the lease has ended, and people were told."""
    DISABLED = "DISABLED"
    """An operator has stopped it."""
    ERROR = "ERROR"
    """Its last run failed, less than 72 hours ago."""
    IDLE = "Idle"


class Holder(msgspec.Struct, frozen=True, kw_only=True):
    """Who holds a lock. Times are epoch milliseconds, by the store's clock."""

    token: str
    """The owner: made anew for each run."""
    host: str
    pid: int
    locked_at: int
    expires_at: int

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host} since {written(self.locked_at)}"


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """All that a store keeps of one lock key. Times are epoch milliseconds, by the store's clock."""

    key: str
    label: str
    fence: int = 0
    """The fencing number of the last who had the lock."""
    holder: Holder | None = None
    notified: bool = False
    """Whether people were told that the holder's lease has ended."""
    started_at: int | None = None
    """When it was last started."""
    duration: int | None = None
    """Milliseconds its last finished run took."""
    failed: bool = False
    """Whether that run ended with an error."""
    error: str | None = None
    """The last lines of what went wrong lately, the newest at the end."""
    error_at: int | None = None


class Switch(msgspec.Struct, frozen=True, kw_only=True):
    """That a key is disabled: by whom, why, and where it says so."""

    key: str
    actor: str = ""
    reason: str = ""
    source: str
    """The file, or `database`."""

    def __str__(self) -> str:
        by = f" by {self.actor}" if self.actor else ""
        return f"disabled{by} ({self.source})" + (f": {self.reason}" if self.reason else "")


def written(milliseconds: int) -> str:
    """A time for people and files: ISO 8601 in UTC."""
    moment = datetime.fromtimestamp(milliseconds / 1000, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def outdated(record: Record, now: int) -> bool:
    """Whether the lock is held under a lease that has ended."""
    return record.holder is not None and record.holder.expires_at <= now


def taken(record: Record, now: int, owner: tuple[str, str, int], lease: timedelta, floor: int) -> Record:
    """The record once `owner` (token, host, process id) has the lock: free, or outdated, it can be had.

    Args:
        floor: the fencing number is at least this.

    Raises:
        CommandLocked: somebody has it.
    """
    held = record.holder
    if held is not None and now < held.expires_at:
        raise CommandLocked(
            f"{record.key} is locked by {held}; try again when it is done, or if that process is gone, "
            f"after {written(held.expires_at)} (or at once: procession commands unlock {record.key})",
            lock_key=record.key,
            holder=str(held),
        )
    token, host, pid = owner
    holder = Holder(token=token, host=host, pid=pid, locked_at=now, expires_at=now + lease // _MS)
    fence = max(record.fence + 1, floor)
    return msgspec.structs.replace(record, holder=holder, fence=fence, notified=False, started_at=now)


def renewed(record: Record, now: int, token: str, fence: int, lease: timedelta) -> Record:
    """The record once its holder has a full lease again. An ended one will do, if nobody took it over.

    Raises:
        LockLost: it is not the holder any more.
    """
    held = _own(record, token, fence)
    holder = msgspec.structs.replace(held, expires_at=now + lease // _MS)
    return msgspec.structs.replace(record, holder=holder, notified=False)


def released(record: Record, now: int, token: str, fence: int, failure: str | None) -> Record:
    """The record once its holder is done; `failure`: the lines that say what went wrong.

    Raises:
        LockLost: it is not the holder any more.
    """
    held = _own(record, token, fence)
    done = msgspec.structs.replace(
        record, holder=None, notified=False, duration=max(now - held.locked_at, 0), failed=failure is not None
    )
    if failure is None:
        return done
    before = record.error if not error_over(record, now) else None
    lines = [*(before or "").splitlines(), *failure.splitlines()][-ERROR_LINES:]
    return msgspec.structs.replace(done, error="\n".join(lines), error_at=now)


def freed(record: Record) -> Record:
    """The record once somebody has taken the lock from its holder."""
    return msgspec.structs.replace(record, holder=None, notified=False)


def without_error(record: Record) -> Record:
    """The record once its error is forgotten."""
    return msgspec.structs.replace(record, error=None, error_at=None, failed=False)


def error_over(record: Record, now: int) -> bool:
    """Whether there is no error, or one that is too old to count."""
    return record.error_at is None or now - record.error_at > ERROR_KEPT // _MS


def status(record: Record, now: int, switch: Switch | None) -> Status:
    """What the command is up to."""
    if record.holder is not None:
        return Status.LOCKED if record.notified and outdated(record, now) else Status.WORKING
    if switch is not None:
        return Status.DISABLED
    return Status.ERROR if record.failed and not error_over(record, now) else Status.IDLE


def _own(record: Record, token: str, fence: int) -> Holder:
    held = record.holder
    if held is None or held.token != token or record.fence != fence:
        raise lost(record.key, fence, "it was freed" if held is None else f"{held} has it")
    return held


def lost(key: str, fence: int, what: str) -> LockLost:
    """The error of who has lost a lock."""
    return LockLost(
        f"the lock {key} with fencing number {fence} is lost: {what}; stop this run and write nothing more",
        lock_key=key,
        fencing_number=fence,
    )
