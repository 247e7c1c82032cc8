"""Creating and upgrading the tables with Alembic; nothing of it is imported when they are current."""

from __future__ import annotations

import io
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa

from procession.errors import InvalidInput
from procession.storage import schema
from procession.storage.versions import check_current, check_readable, versions_in

if TYPE_CHECKING:
    from alembic.config import Config

FOLDER = Path(__file__).parent / "migrations"

_alembic = threading.Lock()
"""Alembic keeps what it works on in one place per process."""


def migrate(engine: sa.Engine, name: str, *, may_upgrade: bool = True) -> None:
    """Bring the database to this program's schema. On SQLite the caller holds its write lock.

    Raises:
        SchemaMismatch: a newer program made it, and says this one is too old; or it is too old itself,
            or not made yet, and this program may not change that.
    """
    with engine.connect() as connection:
        found = versions_in(connection)
    if found is not None:
        check_readable(found, name)
    if not may_upgrade:
        check_current(found, name)
    elif found is None or found.version < schema.VERSION:
        upgrade(engine, FOLDER)


def upgrade(engine: sa.Engine, folder: Path) -> None:
    """Run the migrations of a folder that are missing, all or none.

    On PostgreSQL it waits for the batches that run, and new ones wait for it.
    """
    from alembic import command

    config = _config(folder)
    with _alembic, engine.connect() as connection:
        if connection.dialect.name == "sqlite":
            _begin_for_definitions(connection)
        with connection.begin():
            config.attributes["connection"] = connection
            command.upgrade(config, "head")


def _begin_for_definitions(connection: sa.Connection) -> None:
    """By itself Python's driver begins no transaction before CREATE or ALTER TABLE: half would stay."""
    driver = connection.connection.driver_connection
    assert driver is not None
    driver.isolation_level = None
    sa.event.listen(connection, "begin", lambda begun: begun.exec_driver_sql("BEGIN IMMEDIATE"))


def upgrade_sql(dialect: str, from_version: int, folder: Path = FOLDER) -> str:
    """The SQL that `upgrade` would run on a database of `dialect` (postgresql, sqlite) that has the
    schema `from_version` (0: none), in one transaction. No database is needed.

    Raises:
        InvalidInput: there is no such version.
    """
    from alembic import command

    if not 0 <= from_version <= schema.VERSION:
        raise InvalidInput(
            f"this Procession knows the schemas 1 to {schema.VERSION}, and 0 for an empty database; "
            f"there is no way from {from_version}"
        )
    if from_version == schema.VERSION:
        return ""
    output = io.StringIO()
    config = _config(folder, output)
    config.attributes["dialect"] = dialect
    begin = f"{from_version:04d}" if from_version else "base"
    with _alembic:
        command.upgrade(config, f"{begin}:head", sql=True)
    return output.getvalue()


def _config(folder: Path, output: io.StringIO | None = None) -> Config:
    from alembic.config import Config

    config = Config(output_buffer=output)
    config.set_main_option("script_location", str(folder).replace("%", "%%"))
    return config
