"""Every error Procession raises, under one base.

    ProcessionError
    ├── InvalidInput              what the caller sent cannot be right
    │   ├── DeploymentRejected    a model has faults; all of them are listed in `.faults`
    │   ├── ExpressionInvalid     a FEEL text does not parse
    │   ├── VariablesInvalid      variables are no JSON object, or not JSON at all
    │   ├── PayloadTooLarge       past the documented limit
    │   └── TaskIdRefused         a task id that was not made here, or was altered
    ├── NotFound                  no such process, instance, job, incident, ... (any more)
    ├── WrongState                the thing exists, but not in a state that allows the command
    │   ├── CommandLocked         somebody else runs this command now
    │   ├── CommandDisabled       an operator has stopped it
    │   └── LockLost              the lock was taken over, or freed by an operator
    ├── AlreadyExists             the same message id is still alive
    ├── Aborted                   the awaited instance was cancelled
    ├── DeadlineExceeded          what was waited for did not come in time
    ├── ResourceExhausted         this node is past its limit: try again later
    ├── NotReady                  the app is not running, or was used after a fork; or its server is away
    ├── NotAllowed                the server wants (other) credentials
    ├── Unsupported               this engine or server cannot do it; the message names what can
    └── StorageError              the database cannot be used
        ├── DatabaseBusy          another process holds it for too long
        ├── DatabaseFull          no space left on its disk
        ├── DatabaseCorrupt       the file is damaged, or no database at all
        ├── DatabaseReadOnly      it may not be written
        └── SchemaMismatch        it was made by a newer (or too old) Procession

Handlers raise two more, which are answers rather than faults: `BpmnError` throws a
business error in the process, `Incident` stops retrying at once. Steps of a `Process` raise
`ProcessError`, which holds it at once with a status of its own, and `ProcessEnded`, which skips the rest.
Stages of a `BusinessCase` raise `CaseError`, which fails them for good.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from procession.model.fault import Fault


class ProcessionError(Exception):
    """The base of every error Procession raises. `key` names the record it is about, if one."""

    def __init__(self, message: str, *, key: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.key = key


class InvalidInput(ProcessionError):
    """What the caller sent cannot be right; sending it again will fail again."""


class DeploymentRejected(InvalidInput):
    """A deployment was refused as a whole. `faults` lists everything that is wrong with it."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        self.faults = tuple(faults)
        count = len(self.faults)
        head = f"the deployment was refused because of {count} fault{'s' if count != 1 else ''}:"
        super().__init__("\n".join([head, *(f"  {fault}" for fault in self.faults)]))


class ExpressionInvalid(InvalidInput):
    """A FEEL text does not parse. `position` counts characters from 0."""

    def __init__(self, message: str, *, text: str, position: int) -> None:
        super().__init__(message)
        self.text = text
        self.position = position


class VariablesInvalid(InvalidInput):
    """Variables must be a JSON object whose values are JSON."""


class PayloadTooLarge(InvalidInput):
    """A command carries more than the documented limit."""


class TaskIdRefused(InvalidInput):
    """A reply came with a task id that was forged, altered, cut, or made with keys that are not ours."""


class NotFound(ProcessionError):
    """There is no such thing, or not any more."""


class WrongState(ProcessionError):
    """The thing exists, but its state does not allow the command."""


class CommandLocked(WrongState):
    """Somebody else runs this command now: `lock_key`, and `holder` says who. Try again later."""

    def __init__(self, message: str, *, lock_key: str, holder: str) -> None:
        super().__init__(message)
        self.lock_key = lock_key
        self.holder = holder


class CommandDisabled(WrongState):
    """An operator has stopped this command, or all: `lock_key`, and `reason` as far as one was given."""

    def __init__(self, message: str, *, lock_key: str, reason: str) -> None:
        super().__init__(message)
        self.lock_key = lock_key
        self.reason = reason


class LockLost(WrongState):
    """The lock of a command is not this holder's any more: `lock_key`, and its `fencing_number` of then.

    Its lease ended and somebody took it over, or an operator freed it. Stop, and write nothing more.
    """

    def __init__(self, message: str, *, lock_key: str, fencing_number: int) -> None:
        super().__init__(message)
        self.lock_key = lock_key
        self.fencing_number = fencing_number


class AlreadyExists(ProcessionError):
    """The same thing was sent before and is still alive."""


class Aborted(ProcessionError):
    """The awaited process instance was cancelled."""


class DeadlineExceeded(ProcessionError):
    """What was waited for did not come in time; it may still come."""


class ResourceExhausted(ProcessionError):
    """This node has as much in flight as it accepts. Try again later."""


class NotReady(ProcessionError):
    """The app does not run (yet, any more, or in this forked process), or its server cannot be reached."""


class NotAllowed(ProcessionError):
    """The server does not know who asks, or does not allow it: see to the credentials."""


class Unsupported(ProcessionError):
    """This engine or server cannot do it. The message names what was asked for, and what to do instead."""


class StorageError(ProcessionError):
    """The database cannot be used."""


class DatabaseBusy(StorageError):
    """Another process holds the database for longer than we are willing to wait."""


class DatabaseFull(StorageError):
    """No space is left where the database lives. Nothing that was acknowledged is lost."""


class DatabaseCorrupt(StorageError):
    """The file is damaged, or is no database at all."""


class DatabaseReadOnly(StorageError):
    """The database, or the folder it lives in, may not be written."""


class SchemaMismatch(StorageError):
    """The database was made by a Procession this one cannot work with."""


class BpmnError(Exception):
    """Raised by a handler to throw a business error in the process.

    `code` is matched against error boundary events and error event sub-processes (an exact code
    beats a catch-all, inner scopes beat outer ones: BPMN 2.0 section 10.5.1, as Zeebe does it).
    `variables` become local to the event that catches it; its output mappings let them out.
    """

    def __init__(self, code: str, message: str = "", variables: Mapping[str, Any] | None = None) -> None:
        super().__init__(message or code)
        self.code = code
        self.message = message
        self.variables = dict(variables or {})


class Incident(Exception):
    """Raised by a handler to stop retrying at once and ask an operator for help.

    The job gets an incident with this message; resolving it (after giving the job retries again)
    hands the job out once more.
    """

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class ProcessError(Exception):
    """Raised by a step to hold its process at once: trying again would not help until somebody sees to it.

    Args:
        status: what the process is shown as while it is held: ERROR, EXCEPTION, WARNING or INFO.
        data: details for the history (JSON).
    """

    def __init__(self, message: str, *, status: str = "ERROR", data: Any = None) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.data = data


class ProcessEnded(Exception):
    """Raised by a step when there is nothing left to do: the rest is skipped, the process ends SKIPPED."""

    def __init__(self, message: str = "", *, data: Any = None) -> None:
        super().__init__(message)
        self.message = message
        self.data = data


class CaseError(Exception):
    """Raised by a stage of a business case that has failed for good: trying again would not help.

    The case goes on with its `@catch`, or is held with an incident if it has none.

    Args:
        code: what the `@catch` and clients tell failures apart by.
    """

    def __init__(self, message: str, *, code: str = "failed") -> None:
        super().__init__(message)
        self.message = message
        self.code = code
