"""Versions of a process can be deleted: when, and whether any instance of one runs."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_RUNNING = sa.text("ended_at IS NULL")


def upgrade() -> None:
    op.add_column("definition", sa.Column("deleted_at", sa.BigInteger(), nullable=True))
    op.drop_index("ix_process_instance_running", "process_instance")
    op.create_index(
        "ix_process_instance_tenant_process_id_version",
        "process_instance",
        ["tenant", "process_id", "version"],
        sqlite_where=_RUNNING,
        postgresql_where=_RUNNING,
    )
    # A program that does not know of deletions would go on starting what was deleted.
    version = int(revision)
    op.execute(f"UPDATE schema_info SET version={version}, readable_since={version}")
