"""The caller's own session or connection, sync or async: everything happens in its transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import sqlalchemy as sa
from sqlalchemy.orm import Session

from procession.errors import InvalidInput
from procession.messaging.dialects import SQLITE

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession
    from typing_extensions import TypeIs

    AsyncOne: TypeAlias = AsyncSession | AsyncConnection

SyncOne: TypeAlias = Session | sa.Connection


def is_async(session: SyncOne | AsyncOne) -> TypeIs[AsyncOne]:
    """Whether it is to be awaited; asked this way, SQLAlchemy's asyncio part stays unloaded."""
    return hasattr(session, "run_sync")


def connection_of(session: SyncOne, table: sa.Table) -> sa.Connection:
    """The connection of a session on which `table` is."""
    if isinstance(session, sa.Connection):
        return session
    return session.connection(bind_arguments={"clause": table})


def must_be_transaction(connection: sa.Connection) -> None:
    """Refuse a connection that commits each statement by itself; call it after a statement that writes.

    Raises:
        InvalidInput: nothing would commit together.
    """
    if _commits_by_itself(connection):
        raise InvalidInput(
            "this connection is in autocommit mode, so the message and its effect would not commit together; "
            "use one without isolation_level='AUTOCOMMIT'"
        )


def _commits_by_itself(connection: sa.Connection) -> bool:
    if connection.get_execution_options().get("isolation_level") == "AUTOCOMMIT":
        return True
    driver = connection.connection.driver_connection
    if connection.dialect.name == SQLITE:
        # An application may begin its transactions by itself, which the driver calls autocommit too.
        return not getattr(driver, "in_transaction", True)
    asked = getattr(driver, "get_autocommit", None)  # PyMySQL, asyncmy
    return bool(asked()) if callable(asked) else getattr(driver, "autocommit", None) is True  # psycopg
