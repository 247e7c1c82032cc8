"""The locks directory: one file per fact, for people to see, make and remove.

Files are replaced whole, by renaming; all functions raise `OSError` where the directory cannot be used.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import time
from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec

from procession.operations.commands.keys import disabled_by
from procession.operations.commands.records import ERROR_KEPT, Holder, Record, Switch, written

LOCK, NOTIFIED, EXECUTION = ".lock", ".lock.notified", ".lock.execution"
ERROR, DISABLED = ".error", ".disabled"
IDENTITY = ".procession-locks"
"""Says which directory this is: one that was removed and made anew is another."""
UNKNOWN_LEASE = timedelta(minutes=1)
"""Of a lock file that says nothing, such as one made by hand: from its last change."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MS = timedelta(milliseconds=1)


class LockFile(msgspec.Struct, frozen=True, kw_only=True):
    """What `KEY.lock` holds."""

    owner: str
    host: str
    pid: int
    started: datetime
    expires: datetime
    fencing_number: int


class ExecutionFile(msgspec.Struct, frozen=True, kw_only=True):
    """What `KEY.lock.execution` holds."""

    started: datetime
    duration_seconds: float | None
    failed: bool
    fencing_number: int


class SwitchFile(msgspec.Struct, frozen=True, kw_only=True):
    """What `KEY.disabled` holds, if a program made it. A file of a person's may hold anything."""

    actor: str = ""
    reason: str = ""
    at: datetime | None = None


class Folder:
    """The directory at a path. It is made when the first file is to be written."""

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()

    def __str__(self) -> str:
        return str(self.path)

    def file(self, name: str) -> Path:
        return self.path / name

    # --- which directory it is --------------------------------------------------------------------

    def identity(self) -> str | None:
        """Which directory this is; None if it is not there, or was never written to."""
        try:
            return self.file(IDENTITY).read_text()
        except FileNotFoundError:
            return None

    def make(self) -> str:
        """Make the directory if need be. Answers which one it is."""
        found = self.identity()
        while found is None:
            self.path.mkdir(parents=True, exist_ok=True)
            self._write(IDENTITY, secrets.token_hex(8).encode(), unless_there=True)
            found = self.identity()
        return found

    # --- what people see --------------------------------------------------------------------------

    def put(self, before: Record, after: Record) -> None:
        """Make the files say what a record says, as far as it has changed.

        If it fails half-way, a lock that was to be taken is not, and one that was to be freed is.
        """
        if after.holder is None:
            self._put_lock(before, after)
        self._put_rest(before, after)
        if after.holder is not None and after.holder != before.holder:
            self._put_lock(before, after)

    def _put_lock(self, before: Record, after: Record) -> None:
        held = after.holder
        if held is not None:
            if before.holder is None or before.holder.token != held.token:
                self._put(after.key + NOTIFIED, None)  # it was about another
            self._write(after.key + LOCK, _lock(held, after.fence))
        elif before.holder is not None and self.owner(after.key) in (None, before.holder.token):
            # One that says something else is already somebody else's.
            self._put(after.key + LOCK, None)

    def _put_rest(self, before: Record, after: Record) -> None:
        key = after.key
        if after.notified != before.notified:
            self._put(key + NOTIFIED, written(int(time.time() * 1000)).encode() if after.notified else None)
        if _run(after) != _run(before):
            self._put(key + EXECUTION, _execution(after))
        if (after.error, after.error_at) != (before.error, before.error_at):
            self._put(key + ERROR, None if after.error is None else f"{after.error}\n".encode())

    def _put(self, name: str, content: bytes | None) -> None:
        if content is None:
            self.file(name).unlink(missing_ok=True)
        else:
            self._write(name, content)

    def put_switch(self, key: str, actor: str, reason: str, at: int) -> None:
        """Make `KEY.disabled`."""
        content = SwitchFile(actor=actor, reason=reason, at=_moment(at))
        self._write(key + DISABLED, _json(content))

    def remove_switch(self, key: str) -> None:
        """Remove `KEY.disabled`, if it is there."""
        if self.has(key + DISABLED):  # in a read-only directory not even removing nothing succeeds
            self.file(key + DISABLED).unlink(missing_ok=True)

    # --- what people say --------------------------------------------------------------------------

    def has(self, name: str) -> bool:
        try:
            self.file(name).stat()
        except FileNotFoundError:
            return False
        return True

    def names(self) -> frozenset[str]:
        """Of all files; none if there is no such directory."""
        try:
            return frozenset(os.listdir(self.path))
        except FileNotFoundError:
            return frozenset()

    def switch(self, key: str) -> Switch | None:
        """What file disables a key."""
        return next((self.switch_at(by) for by in disabled_by(key) if self.has(by + DISABLED)), None)

    def switch_at(self, key: str) -> Switch:
        """What the file says that disables a key itself; it may be gone or say nothing."""
        file = self.file(key + DISABLED)
        said = SwitchFile()
        with contextlib.suppress(OSError, msgspec.DecodeError, msgspec.ValidationError, UnicodeError):
            text = file.read_text().strip()
            said = SwitchFile(reason=text.partition("\n")[0]) if not text.startswith("{") else _switch(text)
        return Switch(key=key, actor=said.actor, reason=said.reason, source=f"file {file}")

    def owner(self, key: str) -> str | None:
        """Whose `KEY.lock` it is; None if there is none."""
        found = self._read_lock(key)
        return None if found is None else found[0].token

    # --- reading all of it, where there is nothing else --------------------------------------------

    def read(self, key: str, label: str, names: Collection[str] | None = None) -> Record:
        """The record that the files of a key make; `names` are those of all files, if they are known."""

        def there(suffix: str) -> bool:
            return self.has(key + suffix) if names is None else key + suffix in names

        lock = self._read_lock(key) if there(LOCK) else None
        execution = self._read_execution(key) if there(EXECUTION) else None
        error, error_at = self._read_error(key) if there(ERROR) else (None, None)
        duration = None if execution is None else execution.duration_seconds
        return Record(
            key=key,
            label=label,
            fence=max(lock[1] if lock else 0, execution.fencing_number if execution else 0),
            holder=lock[0] if lock else None,
            notified=there(NOTIFIED),
            started_at=None if execution is None else _milliseconds(execution.started),
            duration=None if duration is None else round(duration * 1000),
            failed=error is not None and (execution is None or execution.failed),
            error=error,
            error_at=error_at,
        )

    def _read_lock(self, key: str) -> tuple[Holder, int] | None:
        file = self.file(key + LOCK)
        try:
            content, changed = file.read_bytes(), _changed(file)
        except FileNotFoundError:
            return None
        try:
            said = msgspec.json.decode(content, type=LockFile)
        except (msgspec.DecodeError, UnicodeDecodeError):
            until = changed + UNKNOWN_LEASE // _MS
            return Holder(token="", host="unknown", pid=0, locked_at=changed, expires_at=until), 0
        started, expires = _milliseconds(said.started), _milliseconds(said.expires)
        holder = Holder(token=said.owner, host=said.host, pid=said.pid, locked_at=started, expires_at=expires)
        return holder, said.fencing_number

    def _read_execution(self, key: str) -> ExecutionFile | None:
        try:
            return msgspec.json.decode(self.file(key + EXECUTION).read_bytes(), type=ExecutionFile)
        except (FileNotFoundError, msgspec.DecodeError, UnicodeDecodeError):
            return None

    def _read_error(self, key: str) -> tuple[str | None, int | None]:
        file = self.file(key + ERROR)
        try:
            return file.read_text(errors="replace").rstrip("\n"), _changed(file)
        except FileNotFoundError:
            return None, None

    def remove_old_errors(self, names: Collection[str]) -> None:
        """Remove what has been kept long enough."""
        oldest = time.time() * 1000 - ERROR_KEPT // _MS
        for name in names:
            if name.endswith(ERROR):
                with contextlib.suppress(FileNotFoundError):
                    if _changed(self.file(name)) < oldest:
                        self.file(name).unlink()

    def _write(self, name: str, content: bytes, *, unless_there: bool = False) -> None:
        """Replace a file whole. Who writes it has it alone, but for one that stays if it is there."""
        temporary = self.file(f".{name}.{secrets.token_hex(4) if unless_there else 'new'}")
        try:
            temporary.write_bytes(content)
            if unless_there:
                with contextlib.suppress(FileExistsError):
                    os.link(temporary, self.file(name))
            else:
                temporary.replace(self.file(name))
        finally:
            if unless_there or temporary.exists():
                temporary.unlink(missing_ok=True)


def _changed(file: Path) -> int:
    return file.stat().st_mtime_ns // 1_000_000


def _lock(held: Holder, fence: int) -> bytes:
    return _json(
        LockFile(
            owner=held.token,
            host=held.host,
            pid=held.pid,
            started=_moment(held.locked_at),
            expires=_moment(held.expires_at),
            fencing_number=fence,
        )
    )


def _run(record: Record) -> tuple[int | None, int | None, bool]:
    return record.started_at, record.duration, record.failed


def _execution(record: Record) -> bytes | None:
    if record.started_at is None:
        return None
    duration = None if record.duration is None else record.duration / 1000
    return _json(
        ExecutionFile(
            started=_moment(record.started_at),
            duration_seconds=duration,
            failed=record.failed,
            fencing_number=record.fence,
        )
    )


def _switch(text: str) -> SwitchFile:
    return msgspec.json.decode(text, type=SwitchFile)


def _json(value: msgspec.Struct) -> bytes:
    return msgspec.json.format(msgspec.json.encode(value), indent=2) + b"\n"


def _moment(milliseconds: int) -> datetime:
    return _EPOCH + timedelta(milliseconds=milliseconds)


def _milliseconds(moment: datetime) -> int:
    return (moment.astimezone(UTC) - _EPOCH) // _MS
