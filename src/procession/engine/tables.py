"""Which record stands in which table, what identifies it, and by what it is looked up.

The engine needs this to know what it has read; storage makes its tables and statements from it.
"""

from __future__ import annotations

import msgspec

from procession.engine import records as r


class Index(msgspec.Struct, frozen=True):
    """A way to look records up by the values of `fields`."""

    fields: tuple[str, ...]
    open_only: bool = False
    """Only records whose `ended_at` is empty are indexed and found."""
    unique: bool = False
    limit: int | None = None
    """At most so many are loaded at once, lowest keys first."""
    paged: bool = False
    """A value ends with a key, and only records with higher keys are found: `limit` of them, and only
    what is stored, not what the transaction adds."""
    locks: bool = False
    """Who looks up a value has it alone until its transaction ends. Indexes of the same name share locks."""


class TableSpec(msgspec.Struct, frozen=True):
    record: type[r.Record]
    key: tuple[str, ...] = ("key",)
    indexes: dict[str, Index] = {}
    changes: tuple[str, ...] = ()
    """The fields that change after a record was made."""
    own: tuple[str, ...] = ()
    """The fields that differ between records of one transaction; the others are often the same for many
    (they are written once for all of them). Empty: nothing is known."""
    companions: tuple[tuple[str, str], ...] = ()
    """(table, field): records loaded by key bring those that their fields name along."""


AT_AN_ELEMENT = (("element_instance", "element_key"), ("process_instance", "instance_key"))

SIGNALLED_AT_ONCE = 1000
"""How many subscriptions one transaction brings a signal to."""
CHILDREN_AT_ONCE = 500
"""How many children of a scope one transaction looks at."""
MIGRATED_AT_ONCE = 5000
"""How many elements with tokens an instance may have that is to move to another version."""

TABLES: dict[str, TableSpec] = {
    "resource": TableSpec(r.Resource, indexes={"name": Index(("tenant", "name"))}),
    "definition": TableSpec(
        r.Definition,
        indexes={
            "process": Index(("tenant", "process_id")),
            "versions": Index(("tenant", "process_id"), locks=True),
            "resource": Index(("resource_key",)),
            "deletion": Index(("key",), unique=True, locks=True),
        },
        changes=("deleted_at",),
    ),
    "start_subscription": TableSpec(
        r.StartSubscription,
        indexes={"name": Index(("tenant", "name")), "process": Index(("tenant", "process_id"))},
    ),
    "signal_start": TableSpec(
        r.SignalStart,
        indexes={"name": Index(("tenant", "name")), "process": Index(("tenant", "process_id"))},
    ),
    "process_instance": TableSpec(
        r.ProcessInstance,
        indexes={
            "idempotency": Index(("tenant", "process_id", "idempotency_key"), unique=True, locks=True),
            "start": Index(("tenant", "process_id", "start_key"), open_only=True, unique=True, locks=True),
            "parent": Index(("parent_element_key",)),
            "running": Index(("tenant", "process_id", "version"), open_only=True, limit=1),
        },
        changes=("state", "active", "ended_at"),
        own=("key", "root_key", "business_key", "idempotency_key"),
    ),
    "element_instance": TableSpec(
        r.ElementInstance,
        indexes={
            "children": Index(("scope_key",), open_only=True, limit=CHILDREN_AT_ONCE),
            "tokens": Index(("scope_key",), open_only=True),
            "moving": Index(("scope_key",), open_only=True, limit=MIGRATED_AT_ONCE),
        },
        changes=(
            "state",
            "active",
            "job_key",
            "incident_key",
            "interrupted_by",
            "locals",
            "loop_total",
            "loop_completed",
            "ended_at",
        ),
        own=(
            "key",
            "root_key",
            "instance_key",
            "scope_key",
            "element_id",
            "flow_id",
            "job_key",
            "loop_counter",
        ),
    ),
    "job": TableSpec(
        r.Job,
        changes=(
            "retries",
            "state",
            "due",
            "lease",
            "worker",
            "failures",
            "error_code",
            "error_message",
            "ended_at",
        ),
        own=("key", "root_key", "instance_key", "element_key", "element_id", "type"),
        companions=AT_AN_ELEMENT,
    ),
    "timer": TableSpec(
        r.Timer,
        indexes={"element": Index(("element_key",))},
        changes=("due", "repetitions"),
        companions=AT_AN_ELEMENT,
    ),
    "message_subscription": TableSpec(
        r.MessageSubscription,
        indexes={
            "element": Index(("element_key",)),
            "message": Index(("tenant", "name", "correlation_key"), locks=True),
        },
        companions=AT_AN_ELEMENT,
    ),
    "signal_subscription": TableSpec(
        r.SignalSubscription,
        indexes={
            "element": Index(("element_key",)),
            "signal": Index(("tenant", "name"), limit=SIGNALLED_AT_ONCE, paged=True),
        },
        companions=AT_AN_ELEMENT,
    ),
    "message": TableSpec(
        r.Message, indexes={"message": Index(("tenant", "name", "correlation_key"), locks=True)}
    ),
    "correlation": TableSpec(
        r.Correlation,
        key=("message_key", "process_id"),
        indexes={"message": Index(("message_key",))},
    ),
    "delivery": TableSpec(
        r.Delivery,
        key=("subscription_key", "message_key"),
        indexes={"subscription": Index(("subscription_key",))},
    ),
    "variable": TableSpec(
        r.Variable,
        key=("scope_key", "name"),
        indexes={"scope": Index(("scope_key",))},
        changes=("value", "updated_at"),
    ),
    "variable_change": TableSpec(r.VariableChange),
    "join_token": TableSpec(
        r.Join,
        key=("scope_key", "element_id"),
        indexes={"scope": Index(("scope_key",))},
        changes=("waiting",),
    ),
    "item": TableSpec(r.Item, key=("scope_key", "position"), indexes={"scope": Index(("scope_key",))}),
    "incident": TableSpec(r.IncidentRecord, changes=("ended_at",)),
    "command": TableSpec(r.CommandRow),
}
