"""Messages on their way to a subscription; versions of a process that were deleted."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_RUNNING = sa.text("ended_at IS NULL")


def upgrade() -> None:
    _deliveries()
    _deletions()
    # A program that does not know of these would start what was deleted, and leave deliveries behind.
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
