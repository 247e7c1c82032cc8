"""The first schema."""

import time

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
_ROW_KEY = sa.Integer().with_variant(sa.BigInteger(), "postgresql")

FIRST_KEY = (1 << 51) + 1
"""Keys are `partition << 51 | counter`, partition 1 (spec/engine.md section 1)."""


def upgrade() -> None:
    _create_tables()
    _fill()


def _fill() -> None:
    now = time.time_ns() // 1_000_000
    state = {"id": 1, "last_now": now, "clock_offset": 0, "time_zone": "UTC", "next_key": FIRST_KEY}
    info = {"id": 1, "version": 1, "readable_since": 1}
    for name, values in (("engine_state", state), ("schema_info", info)):
        kinds = {
            column: sa.Text() if isinstance(value, str) else sa.BigInteger()
            for column, value in values.items()
        }
        table = sa.table(name, *(sa.column(column, kind) for column, kind in kinds.items()))
        op.execute(table.insert().values(**values))


def _create_tables() -> None:
    op.create_table(
        "command",
        sa.Column("key", _ROW_KEY, autoincrement=False, nullable=False),
        sa.Column("root_key", sa.BigInteger(), autoincrement=False, nullable=True),
        sa.Column("tenant", _TEXT, autoincrement=False, nullable=False),
        sa.Column("payload", sa.LargeBinary(), autoincrement=False, nullable=False),
        sa.Column("created_at", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("key"),
        sqlite_with_rowid=True,
    )
    op.create_table(
        "correlation",
        sa.Column("message_key", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("process_id", _TEXT, autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("message_key", "process_id"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "definition",
        sa.Column("key", _ROW_KEY, autoincrement=False, nullable=False),
        sa.Column("resource_key", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("tenant", _TEXT, autoincrement=False, nullable=False),
        sa.Column("process_id", _TEXT, autoincrement=False, nullable=False),
        sa.Column("version", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("name", _TEXT, autoincrement=False, nullable=True),
        sa.Column("version_tag", _TEXT, autoincrement=False, nullable=True),
        sa.Column("resource_name", _TEXT, autoincrement=False, nullable=False),
        sa.Column("checksum", _TEXT, autoincrement=False, nullable=False),
        sa.Column("deployed_at", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("key"),
        sqlite_with_rowid=True,
    )
    op.create_index(
        "ix_definition_resource_key",
        "definition",
        ["resource_key"],
        unique=False,
        sqlite_where=None,
        postgresql_where=None,
    )
    op.create_index(
        "ix_definition_tenant_process_id",
        "definition",
        ["tenant", "process_id"],
        unique=False,
        sqlite_where=None,
        postgresql_where=None,
    )
    op.create_table(
        "element_instance",
        sa.Column("key", _ROW_KEY, autoincrement=False, nullable=False),
        sa.Column("root_key", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("instance_key", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("scope_key", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("definition_key", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("element_id", _TEXT, autoincrement=False, nullable=False),
        sa.Column("flow_id", _TEXT, autoincrement=False, nullable=True),
        sa.Column("started_at", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("state", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("active", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("job_key", sa.BigInteger(), autoincrement=False, nullable=True),
        sa.Column("incident_key", sa.BigInteger(), autoincrement=False, nullable=True),
        sa.Column("interrupted_by", sa.BigInteger(), autoincrement=False, nullable=True),
        sa.Column("locals", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("loop_counter", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("loop_total", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("loop_completed", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("ended_at", sa.BigInteger(), autoincrement=False, nullable=True),
        sa.PrimaryKeyConstraint("key"),
        sqlite_with_rowid=True,
    )
    op.create_index(
        "ix_element_instance_instance",
        "element_instance",
        ["instance_key"],
        unique=False,
        sqlite_where=None,
        postgresql_where=None,
    )
    op.create_index(
        "ix_element_instance_scope_key",
        "element_instance",
        ["scope_key"],
        unique=False,
        sqlite_where=sa.text("ended_at IS NULL"),
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.create_table(
        "engine_state",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("last_now", sa.BigInteger(), nullable=False),
        sa.Column("clock_offset", sa.BigInteger(), nullable=False),
        sa.Column("time_zone", _TEXT, nullable=False),
        sa.Column("next_key", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "incident",
        sa.Column("key", _ROW_KEY, autoincrement=False, nullable=False),
        sa.Column("root_key", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("instance_key", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("element_key", sa.BigInteger(), autoincrement=False, nullable=True),
        sa.Column("job_key", sa.BigInteger(), autoincrement=False, nullable=True),
        sa.Column("element_id", _TEXT, autoincrement=False, nullable=True),
        sa.Column("type", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("message", _TEXT, autoincrement=False, nullable=False),
        sa.Column("created_at", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("command", sa.LargeBinary(), autoincrement=False, nullable=True),
        sa.Column("ended_at", sa.BigInteger(), autoincrement=False, nullable=True),
        sa.PrimaryKeyConstraint("key"),
        sqlite_with_rowid=True,
    )
    op.create_index(
        "ix_incident_open",
        "incident",
        ["instance_key"],
        unique=False,
        sqlite_where=sa.text("ended_at IS NULL"),
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.create_table(
        "item",
        sa.Column("scope_key", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("position", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("root_key", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("value", _TEXT, autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("scope_key", "position"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "job",
        sa.Column("key", _ROW_KEY, autoincrement=False, nullable=False),
        sa.Column("root_key", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("instance_key", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("element_key", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("definition_key", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("tenant", _TEXT, autoincrement=False, nullable=False),
        sa.Column("process_id", _TEXT, autoincrement=False, nullable=False),
        sa.Column("element_id", _TEXT, autoincrement=False, nullable=False),
        sa.Column("type", _TEXT, autoincrement=False, nullable=False),
        sa.Column("priority", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("created_at", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("retries", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("state", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("due", sa.BigInteger(), autoincrement=False, nullable=True),
        sa.Column("lease", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("worker", _TEXT, autoincrement=False, nullable=True),
        sa.Column("failures", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("error_code", _TEXT, autoincrement=False, nullable=True),
        sa.Column("error_message", _TEXT, autoincrement=False, nullable=True),
        sa.Column("ended_at", sa.BigInteger(), autoincrement=False, nullable=True),
        sa.PrimaryKeyConstraint("key"),
        sqlite_with_rowid=True,
    )
    op.create_index(
        "ix_job_activatable",
        "job",
        ["type", "priority", "due"],
        unique=False,
        sqlite_where=sa.text("due IS NOT NULL"),
        postgresql_where=sa.text("due IS NOT NULL"),
    )
    op.create_table(
        "join_token",
        sa.Column("scope_key", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("element_id", _TEXT, autoincrement=False, nullable=False),
        sa.Column("root_key", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("waiting", _TEXT, autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("scope_key", "element_id"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "message",
        sa.Column("key", _ROW_KEY, autoincrement=False, nullable=False),
        sa.Column("tenant", _TEXT, autoincrement=False, nullable=False),
        sa.Column("name", _TEXT, autoincrement=False, nullable=False),
        sa.Column("correlation_key", _TEXT, autoincrement=False, nullable=False),
        sa.Column("message_id", _TEXT, autoincrement=False, nullable=True),
        sa.Column("variables", _TEXT, autoincrement=False, nullable=False),
        sa.Column("published_at", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("expires_at", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("key"),
        sqlite_with_rowid=True,
    )
    op.create_index(
        "ix_message_expires",
        "message",
        ["expires_at"],
        unique=False,
        sqlite_where=None,
        postgresql_where=None,
    )
    op.create_index(
        "ix_message_tenant_name_correlation_key",
        "message",
        ["tenant", "name", "correlation_key"],
        unique=False,
        sqlite_where=None,
        postgresql_where=None,
    )
    op.create_table(
        "message_subscription",
        sa.Column("key", _ROW_KEY, autoincrement=False, nullable=False),
        sa.Column("root_key", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("instance_key", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("element_key", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("target_id", _TEXT, autoincrement=False, nullable=False),
        sa.Column("tenant", _TEXT, autoincrement=False, nullable=False),
        sa.Column("process_id", _TEXT, autoincrement=False, nullable=False),
        sa.Column("name", _TEXT, autoincrement=False, nullable=False),
        sa.Column("correlation_key", _TEXT, autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("key"),
        sqlite_with_rowid=True,
    )
    op.create_index(
        "ix_message_subscription_element_key",
        "message_subscription",
        ["element_key"],
        unique=False,
        sqlite_where=None,
        postgresql_where=None,
    )
    op.create_index(
        "ix_message_subscription_tenant_name_correlation_key",
        "message_subscription",
        ["tenant", "name", "correlation_key"],
        unique=False,
        sqlite_where=None,
        postgresql_where=None,
    )
    op.create_table(
        "process_instance",
        sa.Column("key", _ROW_KEY, autoincrement=False, nullable=False),
        sa.Column("root_key", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("definition_key", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("tenant", _TEXT, autoincrement=False, nullable=False),
        sa.Column("process_id", _TEXT, autoincrement=False, nullable=False),
        sa.Column("version", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("parent_element_key", sa.BigInteger(), autoincrement=False, nullable=True),
        sa.Column("business_key", _TEXT, autoincrement=False, nullable=True),
        sa.Column("idempotency_key", _TEXT, autoincrement=False, nullable=True),
        sa.Column("start_key", _TEXT, autoincrement=False, nullable=True),
        sa.Column("depth", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("started_at", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("state", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("active", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("ended_at", sa.BigInteger(), autoincrement=False, nullable=True),
        sa.PrimaryKeyConstraint("key"),
        sqlite_with_rowid=True,
    )
    op.create_index(
        "ix_process_instance_business_key",
        "process_instance",
        ["business_key"],
        unique=False,
        sqlite_where=sa.text("business_key IS NOT NULL"),
        postgresql_where=sa.text("business_key IS NOT NULL"),
    )
    op.create_index(
        "ix_process_instance_parent_element_key",
        "process_instance",
        ["parent_element_key"],
        unique=False,
        sqlite_where=sa.text("parent_element_key IS NOT NULL"),
        postgresql_where=sa.text("parent_element_key IS NOT NULL"),
    )
    op.create_index(
        "ix_process_instance_running",
        "process_instance",
        ["tenant", "process_id"],
        unique=False,
        sqlite_where=sa.text("ended_at IS NULL"),
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.create_index(
        "ix_process_instance_tenant_process_id_idempotency_key",
        "process_instance",
        ["tenant", "process_id", "idempotency_key"],
        unique=True,
        sqlite_where=sa.text("idempotency_key IS NOT NULL"),
        postgresql_where=sa.text("idempotency_key IS NOT NULL"),
    )
    op.create_index(
        "ix_process_instance_tenant_process_id_start_key",
        "process_instance",
        ["tenant", "process_id", "start_key"],
        unique=True,
        sqlite_where=sa.text("start_key IS NOT NULL AND ended_at IS NULL"),
        postgresql_where=sa.text("start_key IS NOT NULL AND ended_at IS NULL"),
    )
    op.create_table(
        "resource",
        sa.Column("key", _ROW_KEY, autoincrement=False, nullable=False),
        sa.Column("deployment_key", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("tenant", _TEXT, autoincrement=False, nullable=False),
        sa.Column("name", _TEXT, autoincrement=False, nullable=False),
        sa.Column("checksum", _TEXT, autoincrement=False, nullable=False),
        sa.Column("content", sa.LargeBinary(), autoincrement=False, nullable=False),
        sa.Column("deployed_at", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("key"),
        sqlite_with_rowid=True,
    )
    op.create_index(
        "ix_resource_tenant_name",
        "resource",
        ["tenant", "name"],
        unique=False,
        sqlite_where=None,
        postgresql_where=None,
    )
    op.create_table(
        "schema_info",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("readable_since", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "start_subscription",
        sa.Column("key", _ROW_KEY, autoincrement=False, nullable=False),
        sa.Column("definition_key", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("tenant", _TEXT, autoincrement=False, nullable=False),
        sa.Column("process_id", _TEXT, autoincrement=False, nullable=False),
        sa.Column("name", _TEXT, autoincrement=False, nullable=False),
        sa.Column("element_id", _TEXT, autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("key"),
        sqlite_with_rowid=True,
    )
    op.create_index(
        "ix_start_subscription_tenant_name",
        "start_subscription",
        ["tenant", "name"],
        unique=False,
        sqlite_where=None,
        postgresql_where=None,
    )
    op.create_index(
        "ix_start_subscription_tenant_process_id",
        "start_subscription",
        ["tenant", "process_id"],
        unique=False,
        sqlite_where=None,
        postgresql_where=None,
    )
    op.create_table(
        "timer",
        sa.Column("key", _ROW_KEY, autoincrement=False, nullable=False),
        sa.Column("root_key", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("instance_key", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("element_key", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("target_id", _TEXT, autoincrement=False, nullable=False),
        sa.Column("due", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("cycle", _TEXT, autoincrement=False, nullable=True),
        sa.Column("repetitions", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("key"),
        sqlite_with_rowid=True,
    )
    op.create_index("ix_timer_due", "timer", ["due"], unique=False, sqlite_where=None, postgresql_where=None)
    op.create_index(
        "ix_timer_element_key",
        "timer",
        ["element_key"],
        unique=False,
        sqlite_where=None,
        postgresql_where=None,
    )
    op.create_table(
        "variable",
        sa.Column("scope_key", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("name", _TEXT, autoincrement=False, nullable=False),
        sa.Column("root_key", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("value", _TEXT, autoincrement=False, nullable=False),
        sa.Column("updated_at", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("scope_key", "name"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "variable_change",
        sa.Column("key", _ROW_KEY, autoincrement=False, nullable=False),
        sa.Column("scope_key", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("name", _TEXT, autoincrement=False, nullable=False),
        sa.Column("root_key", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("value", _TEXT, autoincrement=False, nullable=False),
        sa.Column("changed_at", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("key"),
        sqlite_with_rowid=True,
    )
