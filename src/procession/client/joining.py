"""Commands written on a caller's own SQLAlchemy connection: they commit with the caller's data."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from procession.broker import Hint, Node
from procession.engine import commands as c
from procession.engine.records import DEFAULT_TENANT
from procession.errors import InvalidInput, ResourceExhausted, SchemaMismatch

if TYPE_CHECKING:
    import sqlalchemy as sa
    from sqlalchemy.ext.asyncio import AsyncConnection

    from procession.client.embedded import Embedded
    from procession.storage.port import Storage

KEY_SECONDS = 0.005
KEY_TRIES = 400
LOOK_AFTER_SECONDS = (0.002, 0.02, 0.2)
"""The commit comes just after its event; a node looks then, and each second in any case."""


async def write_command(
    backend: Embedded, connection: sa.Connection | AsyncConnection, command: c.Command
) -> int:
    """Add a command row inside the caller's transaction; a node carries it out after the commit.

    Answers the row's key (see `is_waiting`).

    Raises:
        InvalidInput: the connection is not to a database with Procession's tables, or a name or key
            cannot be stored.
        SchemaMismatch: the tables were upgraded to what this program does not know.
    """
    import sqlalchemy as sa
    from sqlalchemy import event
    from sqlalchemy.exc import DBAPIError

    c.check(command)
    values: dict[str, Any] = {
        "key": await key_aside(backend.node),
        "root_key": None,
        "tenant": DEFAULT_TENANT,
        "payload": c.encode(command),
        "created_at": backend.now(),
    }
    insert = _insert(values)
    try:
        if isinstance(connection, sa.Connection):
            written = connection.execute(insert)
        else:
            written = await connection.execute(insert)
    except DBAPIError as error:
        raise InvalidInput(
            f"the connection given is not usable for Procession (is it to {backend.url}?): {error.orig}"
        ) from error
    if written.rowcount != 1:
        raise SchemaMismatch(
            "the tables of this database were upgraded to what this version cannot work with; "
            "install the newer version"
        )
    sync = connection if isinstance(connection, sa.Connection) else connection.sync_connection
    if sync is not None:
        event.listen(sync, "commit", lambda _: _look_soon(backend), once=True)
    key: int = values["key"]
    return key


def _insert(values: dict[str, Any]) -> sa.Insert:
    """Of a command row, where the tables are such as this program knows: else it inserts nothing."""
    import sqlalchemy as sa

    from procession.storage.schema import VERSION, schema_info, tables

    columns = tables["command"].c
    row = sa.select(*(sa.literal(value, columns[name].type) for name, value in values.items()))
    row = row.where(sa.exists().where(schema_info.c.readable_since <= VERSION))
    insert = tables["command"].insert().from_select(list(values), row)
    return insert.execution_options(preserve_rowcount=True)


def is_waiting(storage: Storage, command_key: int) -> bool:
    """Whether a command row was committed and is still to be carried out."""
    import sqlalchemy as sa

    from procession.storage.schema import tables

    command = tables["command"]
    with storage.reader().connect() as connection:
        query = sa.select(command.c.key).where(command.c.key == command_key)
        return connection.execute(query).first() is not None


def _look_soon(backend: Embedded) -> None:
    def schedule() -> None:
        for seconds in LOOK_AFTER_SECONDS:
            backend.inbox.loop.call_later(seconds, backend.node.nudge, Hint(all=True))

    backend.inbox.call(schedule)


async def key_aside(node: Node) -> int:
    """A key from the node; one that has just started, or was emptied, may have to take new ones first.

    Raises:
        ResourceExhausted: the node got no keys within two seconds.
    """
    for _ in range(KEY_TRIES):
        try:
            return node.set_key_aside()
        except ResourceExhausted:
            await asyncio.sleep(KEY_SECONDS)
    return node.set_key_aside()
