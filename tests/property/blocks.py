"""Block-structured processes: what the strategies draw, and `modelling` turns into flow graphs.

Every block has one way in and leaves each token it got by one way out, or ends it in an end event.
"""

from __future__ import annotations

from msgspec import Struct

from procession.model import Kind


class TimerWait(Struct, frozen=True):
    """A duration, or a cycle where `R` begins it."""

    text: str


class MessageWait(Struct, frozen=True):
    """A message by its name; the correlation key is the variable `key`."""

    name: str


class SignalWait(Struct, frozen=True):
    """A signal by its name and the variable `key`, so that instances do not hear each other's."""

    name: str


class ErrorCatch(Struct, frozen=True):
    code: str | None


Waited = TimerWait | MessageWait | SignalWait
Event = Waited | ErrorCatch


class Boundary(Struct, frozen=True, kw_only=True):
    event: Event
    interrupting: bool = True
    handler: Block | None = None
    merges: bool = True
    """Whether its path comes back to the one its host leaves by; otherwise it ends."""


class Many(Struct, frozen=True, kw_only=True):
    """Multi-instance."""

    sequential: bool
    collection: str | None = None
    cardinality: str | None = None
    output: str | None = None
    """The expression that is collected."""
    until: str | None = None
    """The completion condition."""


class Work(Struct, frozen=True, kw_only=True):
    """A task, throw event or message end event whose work is a job."""

    kind: Kind
    inputs: tuple[tuple[str, str], ...] = ()
    outputs: tuple[tuple[str, str], ...] = ()
    retries: str = "3"
    priority: str | None = None
    name: str | None = None
    headers: tuple[tuple[str, str], ...] = ()
    boundaries: tuple[Boundary, ...] = ()
    many: Many | None = None


class Script(Struct, frozen=True, kw_only=True):
    expression: str
    result: str
    boundaries: tuple[Boundary, ...] = ()
    many: Many | None = None


class Pass(Struct, frozen=True):
    """Something that completes at once."""

    kind: Kind


class Signal(Struct, frozen=True, kw_only=True):
    """An event that throws what a `SignalWait` of this name waits for."""

    name: str
    final: bool = False
    """Whether its path ends with it."""


class Wait(Struct, frozen=True, kw_only=True):
    """An intermediate event, or a receive task where `task`."""

    event: Waited
    task: bool = False
    boundaries: tuple[Boundary, ...] = ()


class Sequence(Struct, frozen=True):
    parts: tuple[Block, ...]


class Choice(Struct, frozen=True, kw_only=True):
    """An exclusive or inclusive split and merge; the last branch is the default unless `fragile`."""

    kind: Kind
    branches: tuple[tuple[str, Block], ...]
    fragile: bool = False
    """Without default, and no condition is true before somebody sets `go` to 1."""


class Parallel(Struct, frozen=True):
    branches: tuple[Block, ...]


class Race(Struct, frozen=True):
    """An event-based gateway."""

    branches: tuple[tuple[Waited, Block], ...]


class Repeat(Struct, frozen=True):
    """The body runs until it has run `times` times, by an exclusive gateway."""

    body: Block
    times: int


class Scope(Struct, frozen=True, kw_only=True):
    """An embedded sub-process."""

    body: Block
    boundaries: tuple[Boundary, ...] = ()
    many: Many | None = None


class Call(Struct, frozen=True, kw_only=True):
    """A call activity, with a process of its own."""

    body: Block
    hands_all_in: bool = True
    hands_all_out: bool = True
    boundaries: tuple[Boundary, ...] = ()
    many: Many | None = None


class End(Struct, frozen=True):
    """The end of a path: of its token, of its scope (`terminate`), or by an error."""

    terminate: bool = False
    error: str | None = None


Block = (
    Work | Script | Pass | Signal | Wait | Sequence | Choice | Parallel | Race | Repeat | Scope | Call | End
)
