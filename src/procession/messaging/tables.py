"""The tables: `metadata` goes into a service's own database, `queue_metadata` where queues are kept.

Times are milliseconds since 1970 (UTC), because the three databases agree on whole numbers only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.dialects import mysql

from procession.messaging.message import MAX_NAME

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine

LANES = 16
"""Rows of one ordering key are in one lane of the outbox, and a lane belongs to one relay at a time."""

metadata = sa.MetaData()
"""The tables of inbox and outbox. Add it to the `target_metadata` of Alembic, or call `create_tables`."""
queue_metadata = sa.MetaData()
"""The tables of database queues; `connect` makes them."""

# Texts compare by their bytes, to the last blank: two ids that differ at all are two messages.
_BYTEWISE = {"charset": "utf8mb4", "collation": "utf8mb4_nopad_bin"}
_NAME = (
    sa.String(MAX_NAME)
    .with_variant(sa.String(MAX_NAME, collation="C"), "postgresql")
    .with_variant(mysql.VARCHAR(MAX_NAME, **_BYTEWISE), "mysql", "mariadb")
)
_TEXT = sa.Text().with_variant(mysql.MEDIUMTEXT(**_BYTEWISE), "mysql", "mariadb")
_BODY = sa.LargeBinary().with_variant(mysql.LONGBLOB(), "mysql", "mariadb")
# SQLite numbers rows by itself in an INTEGER only.
_ROW = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_INNODB: dict[str, Any] = {"mysql_engine": "InnoDB", "mariadb_engine": "InnoDB"}


def _number(name: str, default: int = 0) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), nullable=False, server_default=sa.text(str(default)))


def _message_columns() -> tuple[sa.Column[Any], ...]:
    return (
        sa.Column("message_id", _NAME, nullable=False),
        sa.Column("reply_to", _NAME),
        sa.Column("correlation", _NAME),
        sa.Column("headers", _TEXT, nullable=False),
        sa.Column("body", _BODY, nullable=False),
    )


inbox = sa.Table(
    "procession_inbox",
    metadata,
    sa.Column("message_id", _NAME, primary_key=True),
    sa.Column("received_at", sa.BigInteger(), nullable=False, index=True),
    **_INNODB,
)
outbox = sa.Table(
    "procession_outbox",
    metadata,
    sa.Column("id", _ROW, primary_key=True),
    sa.Column("lane", sa.SmallInteger(), nullable=False),
    sa.Column("ordering_key", _NAME),
    sa.Column("queue", _NAME, nullable=False),
    *_message_columns(),
    _number("due_at"),
    _number("attempts"),
    **_INNODB,
)
"""`due_at` is zero until the broker has refused the message once."""
sa.Index("ix_procession_outbox_lane_id", outbox.c.lane, outbox.c.id)
sa.Index(
    "ix_procession_outbox_due_at",
    outbox.c.due_at,
    sqlite_where=outbox.c.due_at > 0,
    postgresql_where=outbox.c.due_at > 0,
)
outbox_lane = sa.Table(
    "procession_outbox_lane",
    metadata,
    sa.Column("lane", sa.SmallInteger(), primary_key=True, autoincrement=False),
    sa.Column("owner", _NAME),
    _number("expires_at"),
    _number("fence"),
    **_INNODB,
)
queue = sa.Table(
    "procession_queue",
    queue_metadata,
    sa.Column("name", _NAME, primary_key=True),
    _number("delivery_limit"),
    **_INNODB,
)
queued = sa.Table(
    "procession_queued_message",
    queue_metadata,
    sa.Column("id", _ROW, primary_key=True),
    sa.Column("queue", _NAME, nullable=False),
    *_message_columns(),
    _number("deliveries"),
    sa.Column("owner", _NAME),
    _number("leased_until"),
    _number("fence"),
    **_INNODB,
)
sa.Index("ix_procession_queued_message_queue_id", queued.c.queue, queued.c.id)
dead = sa.Table(
    "procession_dead_letter",
    queue_metadata,
    sa.Column("id", _ROW, primary_key=True),
    sa.Column("queue", _NAME, nullable=False),
    *_message_columns(),
    _number("deliveries"),
    sa.Column("reason", _TEXT, nullable=False),
    _number("died_at"),
    **_INNODB,
)
sa.Index("ix_procession_dead_letter_queue_id", dead.c.queue, dead.c.id)
sa.Index("ix_procession_dead_letter_message_id", dead.c.message_id)

MESSAGE = ("message_id", "reply_to", "correlation", "headers", "body")
"""The columns that hold a message, in each table that has some."""


def create_tables(engine: sa.Engine) -> None:
    """Make the tables of inbox and outbox where they are missing; several processes may do so at once."""
    create_missing(engine, metadata)


async def acreate_tables(engine: AsyncEngine) -> None:
    """As `create_tables`, for an asynchronous engine."""
    async with engine.begin() as connection:
        await connection.run_sync(metadata.create_all)


def create_missing(engine: sa.Engine, tables: sa.MetaData) -> None:
    """Make tables and indexes where they are missing."""
    for tries_left in (2, 1, 0):
        try:
            with engine.begin() as connection:
                tables.create_all(connection)
        except sa.exc.DBAPIError:
            if not tries_left:  # otherwise somebody else was making them too
                raise
        else:
            return
