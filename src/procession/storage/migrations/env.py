"""Alembic's entry: runs on the connection it is given, or writes down the SQL for a dialect."""

from alembic import context
from sqlalchemy import inspect

from procession.storage.schema import metadata, schema_info

LOCK = -1
"""PostgreSQL's advisory lock of who creates or upgrades the tables; all others are different."""
PATIENCE = "10s"
"""Longer than any batch. Meanwhile no new one begins, so a backup that reads for hours is not waited for."""

connection = context.config.attributes.get("connection")
offline = context.is_offline_mode()
if offline:
    context.configure(
        dialect_name=context.config.attributes["dialect"],
        literal_binds=True,
        target_metadata=metadata,
        transactional_ddl=True,
    )
else:
    context.configure(connection=connection, target_metadata=metadata, transactional_ddl=True)


starts_from = context.get_starting_revision_argument() if offline else None
has_tables = starts_from is not None if offline else inspect(connection).has_table(schema_info.name)


def keep_others_out() -> None:
    """Who comes second finds everything done. Every batch reads the schema row first, so from here on
    none is in the middle of anything: nobody waits in a circle, nobody writes to what is being changed."""
    context.execute(f"SELECT pg_advisory_xact_lock({LOCK})")
    if has_tables:
        context.execute(f"SET LOCAL lock_timeout='{PATIENCE}'")
        context.execute("LOCK TABLE schema_info IN ACCESS EXCLUSIVE MODE")


def refuse_other_versions() -> None:
    """A script is for one version: run on another (or twice), it must fail as a whole."""
    if starts_from is not None:
        version = int(str(starts_from))
        context.execute(
            f"DO $$BEGIN IF (SELECT version FROM schema_info) <> {version} THEN "
            f"RAISE EXCEPTION 'this script upgrades schema {version} only'; END IF; END$$"
        )


with context.begin_transaction():
    if context.get_context().dialect.name == "postgresql":
        keep_others_out()
        if offline:
            refuse_other_versions()
    context.run_migrations()
