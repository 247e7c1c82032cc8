"""Commands written on a caller's own SQLAlchemy connection: they commit with the caller's data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from procession.engine import commands as c
from procession.engine.records import DEFAULT_TENANT
from procession.errors import InvalidInput

if TYPE_CHECKING:
    import sqlalchemy as sa
    from sqlalchemy.ext.asyncio import AsyncConnection

    from procession.client.app import Procession

LOOK_AFTER_SECONDS = (0.002, 0.02, 0.2)
"""The commit comes just after its event; a node looks then, and each second in any case."""


async def write_command(
    app: Procession, connection: sa.Connection | AsyncConnection, command: c.Command
) -> None:
    """Add a command row inside the caller's transaction; a node carries it out after the commit.

    Raises:
        InvalidInput: the connection is not to a database with Procession's tables.
    """
    import sqlalchemy as sa
    from sqlalchemy import event
    from sqlalchemy.exc import DBAPIError

    from procession.storage.schema import tables

    values = {
        "key": app._node.set_key_aside(),
        "root_key": None,
        "tenant": DEFAULT_TENANT,
        "payload": c.encode(command),
        "created_at": app._now(),
    }
    insert = tables["command"].insert().values(**values)
    try:
        if isinstance(connection, sa.Connection):
            connection.execute(insert)
        else:
            await connection.execute(insert)
    except DBAPIError as error:
        raise InvalidInput(
            f"the connection given is not usable for Procession (is it to {app.url}?): {error.orig}"
        ) from error
    sync = connection if isinstance(connection, sa.Connection) else connection.sync_connection
    if sync is not None:
        event.listen(sync, "commit", lambda _: _look_soon(app), once=True)


def _look_soon(app: Procession) -> None:
    def schedule() -> None:
        for seconds in LOOK_AFTER_SECONDS:
            app._inbox.loop.call_later(seconds, app._look)

    app._inbox.call(schedule)


def preset_key(app: Procession, connection: Any) -> int | None:
    """A key the caller may know before the commit."""
    return app._node.set_key_aside() if connection is not None else None
