"""Messages on their way to a subscription."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "delivery",
        sa.Column("subscription_key", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("message_key", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("subscription_key", "message_key"),
        sqlite_with_rowid=False,
    )
    op.execute("UPDATE schema_info SET version = 2, readable_since = 2")
