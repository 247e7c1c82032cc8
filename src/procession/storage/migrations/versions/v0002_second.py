"""Messages on their way to a subscription, deleted versions of a process, signals."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
_ROW_KEY = sa.Integer().with_variant(sa.BigInteger(), "postgresql")
_RUNNING = sa.text("ended_at IS NULL")


def upgrade() -> None:
    _deliveries()
    _deletions()
    _signal_starts()
    _signal_subscriptions()
    # A program that knows nothing of these would start what was deleted and leave deliveries behind,
    # and could not run models with signals.
    op.execute("UPDATE schema_info SET version = 2, readable_since = 2")


def _deliveries() -> None:
    op.create_table(
        "delivery",
        sa.Column("subscription_key", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("message_key", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("subscription_key", "message_key"),
        sqlite_with_rowid=False,
    )


def _deletions() -> None:
    op.add_column("definition", sa.Column("deleted_at", sa.BigInteger(), nullable=True))
    op.drop_index("ix_process_instance_running", "process_instance")
    op.create_index(
        "ix_process_instance_tenant_process_id_version",
        "process_instance",
        ["tenant", "process_id", "version"],
        sqlite_where=_RUNNING,
        postgresql_where=_RUNNING,
    )


def _signal_starts() -> None:
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


def _signal_subscriptions() -> None:
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
