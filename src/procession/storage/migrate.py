"""Creating and upgrading the tables with Alembic; nothing is imported when they are current."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa

from procession.errors import SchemaMismatch
from procession.storage.schema import VERSION, schema_info

_LOCK = -1
"""PostgreSQL's advisory lock of who creates or upgrades the tables; all others are different."""
_FOLDER = Path(__file__).parent / "migrations"


def migrate(engine: sa.Engine, name: str) -> None:
    """Bring the database to this program's schema. On SQLite the caller holds its write lock.

    Raises:
        SchemaMismatch: a newer program made it, and says this one is too old.
    """
    with engine.connect() as connection:
        found = _version(connection)
    if found is not None and found[0] > VERSION:
        _check_readable(found, name)
    elif found is None or found[0] < VERSION:
        upgrade(engine)


def _version(connection: sa.Connection) -> tuple[int, int] | None:
    if not sa.inspect(connection).has_table(schema_info.name):
        return None
    row = connection.execute(sa.select(schema_info.c.version, schema_info.c.readable_since)).one()
    return row.version, row.readable_since


def _check_readable(found: tuple[int, int], name: str) -> None:
    version, readable_since = found
    if readable_since > VERSION:
        raise SchemaMismatch(
            f"database {name} has schema {version}, which needs a Procession that knows schema "
            f"{readable_since}; this one knows {VERSION}: install the newer version"
        )


def upgrade(engine: sa.Engine) -> None:
    """Run the migrations that are missing, all or none."""
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_FOLDER))
    with engine.begin() as connection:
        if engine.dialect.name == "postgresql":
            # Whoever comes second finds everything done.
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_LOCK})")
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
