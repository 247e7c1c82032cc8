"""Commands: everything that can be asked of the engine, by clients or by itself.

Each is a plain value that encodes to JSON, because any of them may have to wait as a row of the
`command` table. Variables are JSON texts by name. Durations and times are milliseconds.
"""

from __future__ import annotations

import typing
from collections.abc import Iterable

import msgspec

from procession.engine.records import DEFAULT_TENANT
from procession.errors import InvalidInput
from procession.model.text import is_storable

Variables = dict[str, str]


class Command(msgspec.Struct, frozen=True, tag=True, gc=False):
    """Base of all commands."""


class DeployedProcess(msgspec.Struct, frozen=True):
    """What a deployment needs to know of one process; the graph comes from the XML when needed."""

    process_id: str
    name: str | None
    version_tag: str | None
    message_starts: tuple[tuple[str, str], ...]
    """(element id, message name)"""
    signal_starts: tuple[tuple[str, str], ...] = ()
    """(element id, signal name)"""


class DeployedFile(msgspec.Struct, frozen=True):
    name: str
    checksum: str
    content: bytes
    processes: tuple[DeployedProcess, ...]


class Deploy(Command, frozen=True):
    """Make new versions of what changed; all files or none. Answers the `Definition` records."""

    files: tuple[DeployedFile, ...]
    tenant: str = DEFAULT_TENANT


class DeleteResource(Command, frozen=True):
    """Delete one version of a process, by its definition key. Answers None."""

    key: int
    tenant: str = DEFAULT_TENANT


class StartInstance(Command, frozen=True):
    """Start at the none start event, or at the elements of `start_at`. Answers `Started`."""

    process_id: str | None = None
    version: int = -1
    definition_key: int | None = None
    variables: Variables = {}
    business_key: str | None = None
    idempotency_key: str | None = None
    key: int | None = None
    """The key the instance gets, when the caller needed to know it before."""
    tenant: str = DEFAULT_TENANT
    start_at: tuple[str, ...] = ()
    """Ids of elements: a token begins at each, in the order given; one named twice gets two."""


class StartByMessage(Command, frozen=True):
    """Start at a message start event, for a message that was correlated to it."""

    definition_key: int
    element_id: str
    message_key: int
    name: str
    correlation_key: str
    variables: Variables
    expires_at: int
    tenant: str = DEFAULT_TENANT


class OfferNext(Command, frozen=True):
    """Offer buffered messages to a process: its instance for `correlation_key` has ended."""

    process_id: str
    correlation_key: str
    tenant: str = DEFAULT_TENANT


class CancelInstance(Command, frozen=True):
    key: int


class MigrateInstance(Command, frozen=True):
    """Move a running process instance to another version, or to another process: all of it, or nothing.

    Every element with a token needs a place there. What it waits for goes along: jobs as they are, events
    as they were evaluated. Answers None.
    """

    key: int
    mapping: dict[str, str] = {}
    """From the ids of elements to those they become."""
    definition_key: int | None = None
    version: int | None = None
    """Of the instance's own process, where no definition is named."""
    from_version: int | None = None
    """The version that `mapping` was made for: refused if somebody else has moved the instance since."""
    equal_ids: bool = False
    """Elements that `mapping` does not name become those of the same id."""
    retype_jobs: bool = False
    """A job whose type would be another one at its new element gets that type (and priority), with the key,
    tries and backoff it has. Zeebe keeps the type, and so does this by itself. Nobody may hold the job."""


class AbandonInstance(Command, frozen=True):
    """Cancel an instance, with last variables of its own; refused while a worker holds a job of its
    outermost scope."""

    key: int
    variables: Variables = {}


class CompleteJob(Command, frozen=True):
    key: int
    variables: Variables = {}
    lease: int | None = None
    """The fencing number; None accepts any (what a Zeebe client sends)."""


class FailJob(Command, frozen=True):
    key: int
    retries: int
    backoff: int = 0
    message: str = ""
    variables: Variables = {}
    lease: int | None = None


class ThrowError(Command, frozen=True):
    key: int
    code: str
    message: str = ""
    variables: Variables = {}
    lease: int | None = None


class LeaseJob(Command, frozen=True):
    """Lease one job by its key now, also before the end of its backoff. Answers the lease's number."""

    key: int
    worker: str
    timeout: int


class ReleaseJob(Command, frozen=True):
    """Give a leased job back unused."""

    key: int
    lease: int


class UpdateJob(Command, frozen=True):
    """Set the retries, or make the lease end `timeout` from now."""

    key: int
    retries: int | None = None
    timeout: int | None = None
    lease: int | None = None


class PublishMessage(Command, frozen=True):
    """Answers the message's key."""

    name: str
    correlation_key: str = ""
    ttl: int = 0
    message_id: str | None = None
    variables: Variables = {}
    key: int | None = None
    tenant: str = DEFAULT_TENANT
    must_reach: bool = False
    """Whether it is refused if nobody waits for it."""


class CorrelateMessage(Command, frozen=True):
    """Bring a message to a subscription it was matched with."""

    subscription_key: int
    message_key: int
    name: str
    correlation_key: str
    process_id: str
    variables: Variables
    expires_at: int
    tenant: str = DEFAULT_TENANT
    must_reach: bool = False
    """As its `PublishMessage`."""


class MatchMessages(Command, frozen=True):
    """Look for a buffered message for a subscription that has just opened (same transaction)."""

    subscription_key: int


class BroadcastSignal(Command, frozen=True):
    """Bring a signal to everybody who waits for it, a page at a time. Answers the signal's key."""

    name: str
    variables: Variables = {}
    tenant: str = DEFAULT_TENANT
    key: int | None = None
    at: int | None = None
    """When a process threw it, or when its first page was delivered; None: it is broadcast now."""
    after: int = 0
    """The highest key of the subscriptions it went to already; 0: none, nor to start events."""
    reached: tuple[int, ...] = ()
    """Subscriptions that heard it from its thrower."""


class DeliverSignal(Command, frozen=True):
    """Bring a signal to one of the subscriptions it was broadcast to."""

    subscription_key: int
    variables: Variables


class StartBySignal(Command, frozen=True):
    """Start at a signal start event. Answers the instance's key."""

    definition_key: int
    element_id: str
    variables: Variables


class TriggerTimer(Command, frozen=True):
    key: int
    forced: bool = False
    """Fire it although it is not due: it failed to once, and an operator resolved that."""


class ResolveIncident(Command, frozen=True):
    key: int
    retries: int | None = None
    """Give the incident's job so many retries first."""


class SetVariables(Command, frozen=True):
    key: int
    """Of a process instance or an element instance."""
    variables: Variables
    local: bool = False


# Steps: what is left to do inside one root. They run from a queue in memory; what a transaction
# has no room for is stored as a `Continue`.


class Step(msgspec.Struct, frozen=True, tag=True, gc=False):
    """Base of all steps."""


class Arrive(Step, frozen=True):
    """A token comes to an element of a scope."""

    instance_key: int
    scope_key: int
    element_id: str
    flow_id: str | None


class Enter(Step, frozen=True):
    """Activate an element instance that stands in ACTIVATING."""

    key: int


class Leave(Step, frozen=True):
    """Complete an element instance: its work is done."""

    key: int


class Terminate(Step, frozen=True):
    key: int


class EndScope(Step, frozen=True):
    """A process instance or scope element may have run out of tokens, or must end those left."""

    instance_key: int
    scope_key: int


class Resume(Step, frozen=True):
    """Let an element's behaviour go on with work it cut into pieces (`work` is its own JSON)."""

    key: int
    work: str


AnyStep = Arrive | Enter | Leave | Terminate | EndScope | Resume


class Continue(Command, frozen=True):
    """The rest of a command that was cut after its share of transitions."""

    root_key: int
    steps: tuple[AnyStep, ...]
    settle: tuple[tuple[int, int], ...] = ()
    """Scopes (instance key, scope key) whose joins must be looked at when the steps are done."""


AnyCommand = (
    StartInstance
    | StartByMessage
    | OfferNext
    | CancelInstance
    | AbandonInstance
    | CompleteJob
    | FailJob
    | ThrowError
    | LeaseJob
    | ReleaseJob
    | UpdateJob
    | PublishMessage
    | CorrelateMessage
    | BroadcastSignal
    | DeliverSignal
    | StartBySignal
    | TriggerTimer
    | ResolveIncident
    | SetVariables
    | Continue
)

_encoder = msgspec.json.Encoder()
_decoder: msgspec.json.Decoder[AnyCommand] = msgspec.json.Decoder(AnyCommand)


def encode(command: Command) -> bytes:
    return _encoder.encode(command)


def decode(payload: bytes) -> AnyCommand:
    return _decoder.decode(payload)


class Started(msgspec.Struct, frozen=True, gc=False):
    """Answer to a start: the instance, and whether this start made it."""

    key: int
    definition_key: int
    process_id: str
    version: int
    created: bool = True


_FREE_TEXT = {(FailJob, "message"), (ThrowError, "message")}
"""What a failing handler says is taken as it is, and mended."""


def _text_fields(kind: type[Command]) -> tuple[str, ...]:
    hints = typing.get_type_hints(kind)
    return tuple(
        name
        for name in kind.__struct_fields__
        if hints[name] in (str, str | None) and (kind, name) not in _FREE_TEXT
    )


_NOT_STORED = (Deploy, DeleteResource, MigrateInstance)
"""Commands that never wait as rows."""
_TEXTS = {kind: _text_fields(kind) for kind in (*typing.get_args(AnyCommand), *_NOT_STORED)}


def check(command: Command) -> None:
    """Refuse names and keys that not every database can keep: with NUL, or half a character, in them.

    Raises:
        InvalidInput: one has.
    """
    texts = [text for name in _TEXTS[type(command)] if (text := getattr(command, name)) is not None]
    texts += getattr(command, "variables", ())
    texts += getattr(command, "start_at", ())
    if isinstance(command, Deploy):
        texts += [file.name for file in command.files]
    if isinstance(command, MigrateInstance):
        texts += [*command.mapping, *command.mapping.values()]
    if not is_storable("".join(texts)):
        _refuse(texts)


def _refuse(texts: Iterable[str]) -> None:
    bad = next(text for text in texts if not is_storable(text))
    raise InvalidInput(f"{bad!r} has a NUL or half a character in it; no name or key may")
