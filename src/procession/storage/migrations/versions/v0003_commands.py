"""Commands: their locks, what is disabled, what operators did."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    _locks()
    _switches()
    _actions()
    # No batch touches these tables: programs that know the version before go on.
    op.execute("UPDATE schema_info SET version = 3")


def _locks() -> None:
    op.create_table(
        "command_lock",
        sa.Column("key", _TEXT, nullable=False),
        sa.Column("label", _TEXT, nullable=False),
        sa.Column("fence", sa.BigInteger(), nullable=False),
        sa.Column("token", _TEXT, nullable=True),
        sa.Column("host", _TEXT, nullable=True),
        sa.Column("pid", sa.BigInteger(), nullable=True),
        sa.Column("locked_at", sa.BigInteger(), nullable=True),
        sa.Column("expires_at", sa.BigInteger(), nullable=True),
        sa.Column("notified", sa.Boolean(), nullable=False),
        sa.Column("mirror", _TEXT, nullable=True),
        sa.Column("started_at", sa.BigInteger(), nullable=True),
        sa.Column("duration", sa.BigInteger(), nullable=True),
        sa.Column("failed", sa.Boolean(), nullable=False),
        sa.Column("error", _TEXT, nullable=True),
        sa.Column("error_at", sa.BigInteger(), nullable=True),
        sa.Column("error_mirror", _TEXT, nullable=True),
        sa.PrimaryKeyConstraint("key"),
        sa.UniqueConstraint("key", "fence", name="uq_command_lock_key_fence"),
        sqlite_with_rowid=False,
    )


def _switches() -> None:
    op.create_table(
        "command_switch",
        sa.Column("key", _TEXT, nullable=False),
        sa.Column("actor", _TEXT, nullable=False),
        sa.Column("reason", _TEXT, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("key"),
        sqlite_with_rowid=False,
    )


def _actions() -> None:
    op.create_table(
        "command_action",
        sa.Column("id", _TEXT, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("key", _TEXT, nullable=False),
        sa.Column("action", _TEXT, nullable=False),
        sa.Column("actor", _TEXT, nullable=False),
        sa.Column("reason", _TEXT, nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_command_action_key_at", "command_action", ["key", "at"])
