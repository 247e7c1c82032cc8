"""Signals: who waits for them, and the processes that begin with them."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
_ROW_KEY = sa.Integer().with_variant(sa.BigInteger(), "postgresql")


def upgrade() -> None:
    _create_starts()
    _create_subscriptions()
    # Programs of version 1 could neither run models with signals nor close their subscriptions.
    op.execute("UPDATE schema_info SET version=2, readable_since=2")


def _create_starts() -> None:
    op.create_table(
        "signal_start",
        sa.Column("key", _ROW_KEY, autoincrement=False, nullable=False),
        sa.Column("definition_key", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("tenant", _TEXT, autoincrement=False, nullable=False),
        sa.Column("process_id", _TEXT, autoincrement=False, nullable=False),
        sa.Column("name", _TEXT, autoincrement=False, nullable=False),
        sa.Column("element_id", _TEXT, autoincrement=False, nullable=False),
        sa.Column("opened_at", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("key"),
        sqlite_with_rowid=True,
    )
    op.create_index("ix_signal_start_tenant_name", "signal_start", ["tenant", "name"])
    op.create_index("ix_signal_start_tenant_process_id", "signal_start", ["tenant", "process_id"])


def _create_subscriptions() -> None:
    op.create_table(
        "signal_subscription",
        sa.Column("key", _ROW_KEY, autoincrement=False, nullable=False),
        sa.Column("root_key", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("instance_key", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("element_key", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("target_id", _TEXT, autoincrement=False, nullable=False),
        sa.Column("tenant", _TEXT, autoincrement=False, nullable=False),
        sa.Column("name", _TEXT, autoincrement=False, nullable=False),
        sa.Column("opened_at", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("key"),
        sqlite_with_rowid=True,
    )
    op.create_index("ix_signal_subscription_element_key", "signal_subscription", ["element_key"])
    op.create_index(
        "ix_signal_subscription_tenant_name_key", "signal_subscription", ["tenant", "name", "key"]
    )
