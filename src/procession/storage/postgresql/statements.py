"""The statements of the hot path, made from the tables once.

Rows come in the binary format, which is faster than one JSON text (3.5 instead of 6 microseconds a
row). New rows go as a JSON array of objects: that costs Python a quarter of what arrays for unnest
do. The server needs half a microsecond for each value in it, so what is the same for many rows of a
batch is given once.

The server plans each statement for the rows that a table had when it was last analyzed. For a few it
would read the whole table and filter, and go on doing so when there are many; so statements are
written so that only look-ups by index are possible: `key=ANY(...)`, or a LATERAL that OFFSET or LIMIT
keeps apart.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import Any

import msgspec

from procession.engine.tables import TABLES, Index, TableSpec
from procession.storage.postgresql.session import Statement, statement
from procession.storage.schema import column_kinds

_TYPES: dict[type, str] = {int: "bigint", str: "text", bytes: "bytea"}
_ROW_LOCKS = {"job": "FOR UPDATE", "command": "FOR UPDATE SKIP LOCKED"}
"""A completion must not meet an activation; a durable command must not be carried out twice."""

_json = msgspec.json.Encoder().encode

Array = Callable[[Sequence[Any]], list[bytes | None]]


def integers(values: Sequence[int]) -> bytes:
    """An array of numbers."""
    return f"{{{','.join(map(str, values))}}}".encode()


def _texts(values: Sequence[str]) -> bytes:
    quoted = ",".join('"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"' for text in values)
    return f"{{{quoted}}}".encode()


class Alike(msgspec.Struct, frozen=True, eq=False):
    """Writes many records that have some values in common."""

    statement: Statement
    """Parameters: what `differing` makes of the records, then their `common` values."""
    common: Callable[[Any], tuple[Any, ...]]
    differing: Callable[[list[Any]], bytes]


class TableStatements(msgspec.Struct, frozen=True, eq=False):
    """What the hot path does with one table."""

    insert: Statement
    """One parameter: a JSON array of records."""
    insert_alike: Alike | None
    update: Statement | None
    """Parameters: a JSON array of what `narrow` makes of them, an array of their keys (of the first
    field of these)."""
    update_alike: Alike | None
    narrow: Callable[[Any], Any]
    delete: Statement
    """Parameters: an array for each field of the key, made by `keys`."""
    by_key: Statement
    """Likewise."""
    keys: Array
    by_index: dict[str, Statement]
    """Parameters: an array for each field of the index, made by `values`."""
    values: dict[str, Array]
    companions: tuple[tuple[str, Statement], ...]
    """(table, statement): what records found by key bring along; parameters as for `by_key`."""


def _arrays(name: str, fields: tuple[str, ...]) -> Array:
    kinds = column_kinds(name)
    makers: list[Callable[[Sequence[Any]], bytes]] = [
        integers if kinds[field] is int else _texts for field in fields
    ]
    if len(makers) == 1:
        return lambda values: [makers[0](values)]
    return lambda values: [
        make(column) for make, column in zip(makers, zip(*values, strict=True), strict=True)
    ]


def _compile(name: str, spec: TableSpec) -> TableStatements:
    fields = spec.record.__struct_fields__
    types = {field: _TYPES[kind] for field, kind in column_kinds(name).items()}
    changing = (*spec.key, *spec.changes)
    narrow = msgspec.defstruct(f"{name}_change", [(field, Any) for field in changing])
    values = attrgetter(*changing)
    match = " AND ".join(f"t.{field}=v.{field}" for field in spec.key)
    update = (
        f"UPDATE {name} t SET {','.join(f'{field}=v.{field}' for field in spec.changes)} "
        f"FROM {_recordset(changing, types)} WHERE {match} AND t.{spec.key[0]}=ANY($2::bigint[])"
    )
    given = ",".join(f"decode({f},'base64')" if types[f] == "bytea" else f for f in fields)
    return TableStatements(
        insert=statement(
            f"{name}/insert",
            f"INSERT INTO {name} ({','.join(fields)}) SELECT {given} FROM {_recordset(fields, types)}",
        ),
        insert_alike=_insert_alike(name, spec, types) if spec.own else None,
        update=statement(f"{name}/update", update) if spec.changes else None,
        update_alike=_update_alike(name, spec, types)
        if len(spec.key) == 1 and len(spec.changes) > 1
        else None,
        narrow=lambda record: narrow(*values(record)),
        delete=statement(f"{name}/delete", _delete(name, spec, types)),
        by_key=statement(f"{name}/key", _by_key(name, spec, types)),
        keys=_arrays(name, spec.key),
        by_index={
            key: statement(f"{name}/index/{key}", _by_index(name, spec, index, types))
            for key, index in spec.indexes.items()
        },
        values={
            key: _arrays(name, (*index.fields, "key") if index.paged else index.fields)
            for key, index in spec.indexes.items()
        },
        companions=tuple((other, _companion(name, other, field)) for other, field in spec.companions),
    )


def _insert_alike(name: str, spec: TableSpec, types: dict[str, str]) -> Alike:
    common = tuple(field for field in spec.record.__struct_fields__ if field not in spec.own)
    own = msgspec.defstruct(f"{name}_own", [(field, Any) for field in spec.own])
    values = attrgetter(*spec.own)
    given = ",".join(f"${number}::{types[field]}" for number, field in enumerate(common, 2))
    return Alike(
        statement(
            f"{name}/insert/alike",
            f"INSERT INTO {name} ({','.join((*spec.own, *common))}) SELECT {','.join(spec.own)},{given} "
            f"FROM {_recordset(spec.own, types)}",
        ),
        attrgetter(*common),
        lambda records: _json([own(*values(record)) for record in records]),
    )


def _update_alike(name: str, spec: TableSpec, types: dict[str, str]) -> Alike:
    [key] = spec.key
    given = ",".join(f"{field}=${number}::{types[field]}" for number, field in enumerate(spec.changes, 2))
    key_of = attrgetter(key)
    return Alike(
        statement(f"{name}/update/alike", f"UPDATE {name} SET {given} WHERE {key}=ANY($1::bigint[])"),
        attrgetter(*spec.changes),
        lambda records: integers([key_of(record) for record in records]),
    )


def columns(name: str) -> str:
    return ",".join(f"t.{field}" for field in TABLES[name].record.__struct_fields__)


def _recordset(fields: tuple[str, ...], types: dict[str, str]) -> str:
    given = ",".join(f"{f} {'text' if types[f] == 'bytea' else types[f]}" for f in fields)
    return f"json_to_recordset($1::json) AS v({given})"


def _unnest(fields: tuple[str, ...], types: dict[str, str]) -> str:
    arrays = ",".join(f"${number}::{types[field]}[]" for number, field in enumerate(fields, 1))
    return f"unnest({arrays}) AS v({','.join(fields)})"


def _delete(name: str, spec: TableSpec, types: dict[str, str]) -> str:
    first, *others = spec.key
    if not others:
        return f"DELETE FROM {name} WHERE {first}=ANY($1::bigint[])"
    match = " AND ".join(f"t.{field}=v.{field}" for field in spec.key)
    return (
        f"DELETE FROM {name} t USING {_unnest(spec.key, types)} WHERE {match} AND t.{first}=ANY($1::bigint[])"
    )


def _by_key(name: str, spec: TableSpec, types: dict[str, str]) -> str:
    if len(spec.key) == 1:
        where = f"FROM {name} t WHERE t.{spec.key[0]}=ANY($1::bigint[])"
        return f"SELECT {columns(name)} {where} {_ROW_LOCKS.get(name, '')}"
    match = " AND ".join(f"t.{field}=v.{field}" for field in spec.key)
    return (
        f"SELECT t.* FROM {_unnest(spec.key, types)} CROSS JOIN LATERAL "
        f"(SELECT {columns(name)} FROM {name} t WHERE {match} OFFSET 0) t"
    )


def _by_index(name: str, spec: TableSpec, index: Index, types: dict[str, str]) -> str:
    if index.paged:
        return _page(name, index, types)
    match = " AND ".join(f"t.{field}=v.{field}" for field in index.fields)
    if index.open_only:
        match += " AND t.ended_at IS NULL"
    order = ",".join(f"t.{field}" for field in spec.key)
    # Ordered by a value that no index has: else the primary key is read from its beginning.
    apart = "OFFSET 0" if index.limit is None else f"ORDER BY t.{spec.key[0]}+0 LIMIT {index.limit}"
    return (
        f"SELECT t.* FROM {_unnest(index.fields, types)} CROSS JOIN LATERAL (SELECT {columns(name)} "
        f"FROM {name} t WHERE {match} {apart}) t ORDER BY {order}"
    )


def _page(name: str, index: Index, types: dict[str, str]) -> str:
    """Compared as whole rows: only their index has them in this order, so that no other can be taken. A
    limit the planner does not see keeps it from gathering all that match and sorting them."""
    given = [f"${number}::{types[field]}[]" for number, field in enumerate((*index.fields, "key"), 1)]
    first = ",".join(f"({array})[1]" for array in given[:-1])
    fields = ",".join(f"t.{field}" for field in index.fields)
    return (
        f"SELECT {columns(name)} FROM {name} t WHERE ({fields},t.key)>({first},({given[-1]})[1]) "
        f"AND ({fields})<=({first}) ORDER BY {fields},t.key LIMIT (SELECT {index.limit})"
    )


def _companion(name: str, other: str, field: str) -> Statement:
    return statement(
        f"{name}/with/{other}",
        f"SELECT {columns(other)} FROM {other} t WHERE t.key=ANY(ARRAY("
        f"SELECT {field} FROM {name} WHERE key=ANY($1::bigint[])))",
    )


STATEMENTS = {name: _compile(name, spec) for name, spec in TABLES.items()}

BEGIN = statement("begin", "BEGIN ISOLATION LEVEL READ COMMITTED")
"""Whether it may write is for the server to say: default_transaction_read_only is an operator's brake."""
COMMIT = statement("commit", "COMMIT")
ROLLBACK = statement("rollback", "ROLLBACK")
HURRY = statement("hurry", "SET LOCAL lock_timeout='20ms'")
CLOCK = statement(
    "clock",
    # The lock that comes with reading the schema row keeps an upgrade out until the transaction ends.
    "SELECT floor(extract(epoch FROM clock_timestamp())*1000)::bigint+clock_offset, time_zone, "
    "version, readable_since FROM engine_state, schema_info",
)
NOW = statement(
    "now",
    "SELECT floor(extract(epoch FROM clock_timestamp())*1000)::bigint+clock_offset FROM engine_state",
)
XID = statement("xid", "SELECT pg_current_xact_id()::text")
SNAPSHOT = statement(
    "snapshot", "SELECT pg_current_snapshot()::text, version, readable_since FROM schema_info"
)
STARTED_AT = statement(
    # A server that recovers from the crash of one session keeps its start, but begins its counters anew.
    "started",
    "SELECT pg_postmaster_start_time()::text || ' ' || COALESCE(stats_reset::text, '') FROM pg_stat_bgwriter",
)
XID_STATUS = statement("status", "SELECT pg_xact_status($1::xid8)")
READ_ONLY = statement("read_only", "SELECT current_setting('transaction_read_only')")
RESERVE = statement("reserve", "UPDATE engine_state SET next_key=next_key+$1::bigint RETURNING next_key")
MOVE = statement("move", "UPDATE engine_state SET clock_offset=clock_offset+$1::bigint")
WAIT_FOR = statement("wait_for", "SELECT pg_advisory_xact_lock(k) FROM unnest($1::bigint[]) k")
TRY_FOR = statement("try_for", "SELECT k FROM unnest($1::bigint[]) k WHERE NOT pg_try_advisory_xact_lock(k)")
LOCKED_ROOTS = {
    name: statement(
        f"{name}/lock",
        f"SELECT key, root_key, pg_try_advisory_xact_lock(root_key) FROM {name} WHERE key=ANY($1::bigint[])",
    )
    for name, spec in TABLES.items()
    if spec.key == ("key",) and "root_key" in spec.record.__struct_fields__
}
JOBS_OF_LOCKED_ROOTS = statement(
    "job/locked",
    # The filter holds for roots this transaction has locked: jobs of others are not waited for.
    f"SELECT {columns('job')} FROM job t WHERE t.key=ANY($1::bigint[]) "
    "AND pg_try_advisory_xact_lock(t.root_key) FOR UPDATE",
)
AROUND = statement(
    "element_instance/around",
    "WITH RECURSIVE up AS (SELECT e.* FROM element_instance e WHERE e.key=ANY($1::bigint[]) UNION "
    "SELECT e.* FROM up CROSS JOIN LATERAL (SELECT e.* FROM element_instance e WHERE e.key=up.scope_key "
    "OFFSET 0) e WHERE up.scope_key<>up.instance_key) "
    f"SELECT {columns('element_instance')} FROM up t",
)
RESOURCE = statement(
    "definition/resource",
    f"SELECT {columns('definition')}, r.content FROM definition t "
    "JOIN resource r ON r.key=t.resource_key WHERE t.key=$1::bigint",
)
COMMANDS = statement(
    "command/take",
    f"SELECT {columns('command')} FROM command t WHERE t.key<>ALL($2::bigint[]) "
    "ORDER BY t.key LIMIT $1::bigint FOR UPDATE SKIP LOCKED",
)
DUE_TIMERS = statement(
    "timer/take",
    # Many may be due at the same time, so the index alone has to give the order. Some more are looked at
    # than are taken: the first ones may be with other nodes.
    "SELECT key FROM (SELECT key, root_key FROM timer WHERE due<=$1::bigint AND key<>ALL($3::bigint[]) "
    "ORDER BY due LIMIT 4*$2::bigint) t WHERE pg_try_advisory_xact_lock(root_key) LIMIT $2::bigint",
)
NEXT_TIMER = statement("timer/next", "SELECT min(due) FROM timer")
_PRIORITIES = (
    "WITH RECURSIVE p(priority) AS ((SELECT max(priority) FROM job WHERE type=$1::text AND due IS NOT NULL) "
    "UNION ALL SELECT (SELECT max(priority) FROM job WHERE type=$1::text AND due IS NOT NULL "
    "AND priority<p.priority) FROM p WHERE p.priority IS NOT NULL) "
)
"""The priorities in use, highest first: one look at the index for each."""
ACTIVATABLE = statement(
    "job/take",
    f"{_PRIORITIES} SELECT t.* FROM p CROSS JOIN LATERAL (SELECT {columns('job')} FROM job t "
    "WHERE t.type=$1::text AND t.priority=p.priority AND t.due<=$2::bigint AND t.key<>ALL($4::bigint[]) "
    "ORDER BY t.due, t.key LIMIT $3::bigint FOR UPDATE SKIP LOCKED) t LIMIT $3::bigint",
)
NEXT_JOB = statement(
    "job/next",
    f"{_PRIORITIES} SELECT min(next.due) FROM p CROSS JOIN LATERAL (SELECT min(t.due) AS due FROM job t "
    "WHERE t.type=$1::text AND t.priority=p.priority AND t.due>$2::bigint) next",
)
SWEEP = statement(
    "message/sweep",
    "DELETE FROM message WHERE key=ANY(ARRAY(SELECT key FROM message WHERE expires_at<=$1::bigint "
    "ORDER BY expires_at LIMIT $2::bigint FOR UPDATE SKIP LOCKED)) RETURNING key",
)
SWEEP_CORRELATIONS = statement(
    "correlation/sweep",
    "WITH gone AS (SELECT message_key, process_id FROM correlation WHERE message_key=ANY($1::bigint[]) "
    "FOR UPDATE SKIP LOCKED) DELETE FROM correlation c USING gone "
    "WHERE c.message_key=gone.message_key AND c.process_id=gone.process_id "
    "AND c.message_key=ANY($1::bigint[])",
)


def all_statements() -> list[Statement]:
    """Everything a session prepares."""
    found = [value for value in globals().values() if isinstance(value, Statement)]
    found += LOCKED_ROOTS.values()
    for table in STATEMENTS.values():
        found += [table.insert, table.delete, table.by_key, *table.by_index.values()]
        found += [each for _, each in table.companions]
        found += [table.update] if table.update is not None else []
        found += [each.statement for each in (table.insert_alike, table.update_alike) if each is not None]
    return found
