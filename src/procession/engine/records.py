"""The records that are the state: what the engine reads and changes, and storage keeps.

Field order is column order: storage writes a record as the tuple of its fields. Times are epoch
milliseconds, variable values are JSON texts, and states are the integer values of the enums here
(plain integers, because drivers bind them an order of magnitude faster than enum members).
"""

from __future__ import annotations

from enum import IntEnum

import msgspec


class InstanceState(IntEnum):
    """Of a process instance."""

    ACTIVE = 1
    COMPLETING = 2
    COMPLETED = 3
    TERMINATING = 4
    TERMINATED = 5


class ElementState(IntEnum):
    """Of an element instance (spec: ACTIVATING -> ACTIVATED -> COMPLETING -> COMPLETED, or terminated)."""

    ACTIVATING = 0
    ACTIVATED = 1
    COMPLETING = 2
    COMPLETED = 3
    TERMINATING = 4
    TERMINATED = 5


class JobState(IntEnum):
    ACTIVATABLE = 1
    ACTIVATED = 2
    FAILED = 3
    """No retries left, an incident waits."""
    ERROR_THROWN = 4
    """Threw an error nobody caught, an incident waits."""
    COMPLETED = 5
    CANCELED = 6


class IncidentType(IntEnum):
    UNKNOWN = 1
    IO_MAPPING_ERROR = 2
    JOB_NO_RETRIES = 3
    CONDITION_ERROR = 4
    EXTRACT_VALUE_ERROR = 5
    CALLED_ELEMENT_ERROR = 6
    UNHANDLED_ERROR_EVENT = 7
    MESSAGE_SIZE_EXCEEDED = 8
    CALLED_DECISION_ERROR = 9
    DECISION_EVALUATION_ERROR = 10
    FORM_NOT_FOUND = 11
    RESOURCE_NOT_FOUND = 12


ACTIVATING = ElementState.ACTIVATING.value
ACTIVATED = InstanceState.ACTIVE.value
COMPLETING = ElementState.COMPLETING.value
COMPLETED = ElementState.COMPLETED.value
TERMINATING = ElementState.TERMINATING.value
TERMINATED = ElementState.TERMINATED.value
"""Element instances and process instances share these numbers, so a scope may be either.

(Constants, because reading a member of an enum costs as much as a few dictionary look-ups.)
"""

JOB_ACTIVATABLE = JobState.ACTIVATABLE.value
JOB_ACTIVATED = JobState.ACTIVATED.value
JOB_FAILED = JobState.FAILED.value
JOB_ERROR_THROWN = JobState.ERROR_THROWN.value
JOB_COMPLETED = JobState.COMPLETED.value
JOB_CANCELED = JobState.CANCELED.value

DEFAULT_TENANT = "<default>"


class Record(msgspec.Struct, gc=False):
    """Anything a unit of work keeps. The first field (or the fields `KEY` names) identifies it."""


class Resource(Record):
    """A deployed file, as it came."""

    key: int
    deployment_key: int
    tenant: str
    name: str
    checksum: str
    content: bytes
    deployed_at: int


class Definition(Record):
    """One version of a process."""

    key: int
    resource_key: int
    tenant: str
    process_id: str
    version: int
    name: str | None
    version_tag: str | None
    resource_name: str
    checksum: str
    deployed_at: int
    deleted_at: int | None = None
    """Nothing starts with it since then. The record stays: its instances and their history need it, and
    its number is never used again."""


class StartSubscription(Record):
    """A message start event of the latest version of a process (`engine/definitions.py` keeps it so)."""

    key: int
    definition_key: int
    tenant: str
    process_id: str
    name: str
    element_id: str


class SignalStart(Record):
    """A signal start event of the latest version of a process."""

    key: int
    definition_key: int
    tenant: str
    process_id: str
    name: str
    element_id: str
    opened_at: int


class ProcessInstance(Record):
    """A run of a process; also its root scope. Called instances share their caller's `root_key`."""

    key: int
    root_key: int
    definition_key: int
    tenant: str
    process_id: str
    version: int
    parent_element_key: int | None
    business_key: str | None
    idempotency_key: str | None
    start_key: str | None
    """Correlation key of the message that started it, when one instance per key may run."""
    depth: int
    """1 for a root, one more per call activity."""
    started_at: int
    state: int = ACTIVATED
    active: int = 0
    """Tokens in the scope: active elements, flows being taken, tokens that wait at a join."""
    ended_at: int | None = None


class ElementInstance(Record):
    """One visit of a token to an element. `flow_id` is the flow it came by: together, the path."""

    key: int
    root_key: int
    instance_key: int
    scope_key: int
    definition_key: int
    element_id: str
    flow_id: str | None
    started_at: int
    state: int = ACTIVATING
    active: int = 0
    """As in a process instance; in a multi-instance body the children that have not ended."""
    job_key: int | None = None
    incident_key: int | None = None
    """The open incident that holds this element."""
    interrupted_by: int | None = None
    """The boundary event instance that goes on when this one has terminated."""
    locals: int = 0
    """1 once the element has variables of its own; without, nobody looks for any."""
    loop_counter: int = 0
    """1-based position of a multi-instance child; 0 elsewhere."""
    loop_total: int = 0
    loop_completed: int = 0
    ended_at: int | None = None


class Job(Record):
    """Work for a worker. Whoever holds the current `lease` number before `due` may answer it.

    `definition_key`, `process_id` and `element_id` are those it was made with, whose headers it has; where
    it is after a migration, its element instance says.
    """

    key: int
    root_key: int
    instance_key: int
    element_key: int
    definition_key: int
    tenant: str
    process_id: str
    element_id: str
    type: str
    priority: int
    created_at: int
    retries: int
    state: int = JobState.ACTIVATABLE.value
    due: int | None = None
    """When it may be handed out: creation, end of the backoff or of the lease. None: not at all."""
    lease: int = 0
    """Fencing number, one more at each activation."""
    worker: str | None = None
    failures: int = 0
    error_code: str | None = None
    error_message: str | None = None
    ended_at: int | None = None


class Timer(Record):
    key: int
    root_key: int
    instance_key: int
    element_key: int
    """Where the token waits (a catch event, a boundary event's host, an event-based gateway)."""
    target_id: str
    """The event that is triggered."""
    due: int
    cycle: str | None = None
    """The repeating interval or cron text of a cycle."""
    repetitions: int = 1
    """Left, this one included; -1 without end."""


class MessageSubscription(Record):
    key: int
    root_key: int
    instance_key: int
    element_key: int
    target_id: str
    tenant: str
    process_id: str
    name: str
    correlation_key: str


class SignalSubscription(Record):
    key: int
    root_key: int
    instance_key: int
    element_key: int
    """Where the token waits, as for a timer."""
    target_id: str
    tenant: str
    name: str
    opened_at: int
    """Signals that were broadcast before are not heard."""


class Message(Record):
    """A published message while it lives."""

    key: int
    tenant: str
    name: str
    correlation_key: str
    message_id: str | None
    variables: str
    published_at: int
    expires_at: int


class Correlation(Record):
    """A message that went to a process: it goes there no second time."""

    message_key: int
    process_id: str


class Delivery(Record):
    """A message on its way to a subscription, which gets no other one meanwhile."""

    subscription_key: int
    message_key: int


class Variable(Record):
    scope_key: int
    name: str
    root_key: int
    value: str
    """JSON."""
    updated_at: int


class VariableChange(Record):
    """The value a variable had until `changed_at`."""

    key: int
    scope_key: int
    name: str
    root_key: int
    value: str
    changed_at: int


class Join(Record):
    """Tokens that wait at a joining gateway, per incoming flow."""

    scope_key: int
    element_id: str
    root_key: int
    waiting: str
    """JSON object: flow id -> number of tokens."""


class Item(Record):
    """One collected output of a multi-instance body; removed when the body ends."""

    scope_key: int
    position: int
    root_key: int
    value: str


class IncidentRecord(Record):
    key: int
    root_key: int
    instance_key: int
    element_key: int | None
    job_key: int | None
    element_id: str | None
    type: int
    message: str
    created_at: int
    command: bytes | None = None
    """What failed for a reason nobody foresaw; resolving runs it again."""
    ended_at: int | None = None


class CommandRow(Record):
    """What one root causes in another, or leaves for its next transaction."""

    key: int
    root_key: int | None
    tenant: str
    payload: bytes
    created_at: int
