"""The tables of operations: commands with their locks, what is disabled, who did what, and what runs.

They are no records of the engine: its batches neither read nor write them.
"""

from __future__ import annotations

import sqlalchemy as sa

from procession.storage.columns import TEXT, metadata

command_lock = sa.Table(
    "command_lock",
    metadata,
    sa.Column("key", TEXT, primary_key=True),
    sa.Column("label", TEXT, nullable=False),
    sa.Column("fence", sa.BigInteger, nullable=False),
    sa.Column("token", TEXT),
    sa.Column("host", TEXT),
    sa.Column("pid", sa.BigInteger),
    sa.Column("locked_at", sa.BigInteger),
    sa.Column("expires_at", sa.BigInteger),
    sa.Column("notified", sa.Boolean, nullable=False),
    sa.Column("mirror", TEXT),
    sa.Column("started_at", sa.BigInteger),
    sa.Column("duration", sa.BigInteger),
    sa.Column("failed", sa.Boolean, nullable=False),
    sa.Column("error", TEXT),
    sa.Column("error_at", sa.BigInteger),
    sa.Column("error_mirror", TEXT),
    # On PostgreSQL a number that stands in a unique constraint cannot change while a transaction holds
    # FOR KEY SHARE on the row, while the lease beside it can: see docs/adr/0016.
    sa.UniqueConstraint("key", "fence", name="uq_command_lock_key_fence"),
    sqlite_with_rowid=False,
)
"""One row per lock key, for good: its fencing number must never begin anew.

`mirror` and `error_mirror` say which locks directory has the files of the lock and of the error.
"""

command_switch = sa.Table(
    "command_switch",
    metadata,
    sa.Column("key", TEXT, primary_key=True),
    sa.Column("actor", TEXT, nullable=False),
    sa.Column("reason", TEXT, nullable=False),
    sa.Column("at", sa.BigInteger, nullable=False),
    sqlite_with_rowid=False,
)
"""A row disables its key."""

command_action = sa.Table(
    "command_action",
    metadata,
    sa.Column("id", TEXT, primary_key=True),
    sa.Column("at", sa.BigInteger, nullable=False),
    sa.Column("key", TEXT, nullable=False),
    sa.Column("action", TEXT, nullable=False),
    sa.Column("actor", TEXT, nullable=False),
    sa.Column("reason", TEXT, nullable=False),
    sa.Index("ix_command_action_key_at", "key", "at"),
    sqlite_with_rowid=False,
)
"""What operators did; only added to."""

registration = sa.Table(
    "registration",
    metadata,
    sa.Column("id", TEXT, primary_key=True),
    sa.Column("kind", TEXT, nullable=False),
    sa.Column("app", TEXT),
    sa.Column("serves", TEXT, nullable=False),
    sa.Column("url", TEXT),
    sa.Column("host", TEXT, nullable=False),
    sa.Column("pid", sa.BigInteger, nullable=False),
    sa.Column("started_at", sa.BigInteger, nullable=False),
    sa.Column("expires_at", sa.BigInteger, nullable=False),
    sa.Column("ended_at", sa.BigInteger),
    sa.Column("fence", sa.BigInteger, nullable=False),
    sa.Column("draining", sa.Boolean, nullable=False),
    sqlite_with_rowid=False,
)
"""One row per server or worker that runs, or did a while ago. `serves` is a JSON array of texts."""
