"""Looking a database over before nodes use it: its schema, its server, its settings."""

from __future__ import annotations

import os

import msgspec
import sqlalchemy as sa

from procession.storage import schema, versions
from procession.storage.searches.opening import engine_of
from procession.storage.searches.reading import reading
from procession.storage.versions import Versions, versions_in


class Examination(msgspec.Struct, frozen=True, kw_only=True):
    """What there is to know about a database."""

    database: str
    """Its URL or file, without a password."""
    server: str
    """Which program it is, and which version."""
    usable: bool
    """Whether this Procession can work with it as it is: there are no problems."""
    schema_version: int | None
    """Of the tables; None if there are none."""
    readable_since: int | None
    """Nodes that know at least this schema can work with it."""
    program_schema_version: int
    """The one this Procession makes."""
    upgrade_needed: bool
    nodes_after_upgrade: int
    """Nodes that know at least this schema go on after an upgrade; others must be replaced first."""
    problems: list[str]
    """What keeps this Procession from working with it, and what to do."""
    warnings: list[str]
    """What it can work with, but should not have to."""


def examine(url: str) -> Examination:
    """Look the database of a URL over; nothing in it is changed.

    Raises:
        InvalidInput: the URL is not understood.
        StorageError: there is no such database, or it cannot be read.
    """
    # Read-only sessions would not show whether others may write.
    engine, name = engine_of(url, read_only=False)
    try:
        with reading(engine) as connection:
            found = versions_in(connection)
            problems = _schema_problems(found)
            if found is not None and found.version == schema.VERSION:
                problems += _missing(connection)
            server = _PostgreSQL if engine.dialect.name == "postgresql" else _SQLite
            examined = server(connection)
            return Examination(
                database=name,
                server=examined.name,
                usable=not (problems + examined.problems),
                schema_version=found.version if found else None,
                readable_since=found.readable_since if found else None,
                program_schema_version=schema.VERSION,
                upgrade_needed=found is None or found.version < schema.VERSION,
                nodes_after_upgrade=schema.READABLE_SINCE,
                problems=problems + examined.problems,
                warnings=examined.warnings,
            )
    finally:
        engine.dispose()


def _schema_problems(found: Versions | None) -> list[str]:
    if found is None:
        return ["it has no tables of Procession; make them with `procession db upgrade`"]
    if found.readable_since > schema.VERSION:
        return [
            f"its schema {found.version} needs a Procession that knows schema {found.readable_since}, "
            f"this one knows {schema.VERSION}: install the newer version"
        ]
    if found.version < schema.VERSION:
        return [f"its schema is {found.version}, {schema.VERSION} is needed: run `procession db upgrade`"]
    return []


def _missing(connection: sa.Connection) -> list[str]:
    """Tables, columns and indexes that should be there."""
    inspector = sa.inspect(connection)
    present = set(inspector.get_table_names())
    missing: list[str] = []
    for table in schema.metadata.sorted_tables:
        if table.name not in present:
            missing.append(f"table {table.name}")
            continue
        columns = {column["name"] for column in inspector.get_columns(table.name)}
        missing += [f"column {table.name}.{c.name}" for c in table.columns if c.name not in columns]
        indexes = {index["name"] for index in inspector.get_indexes(table.name)}
        missing += [f"index {index.name}" for index in table.indexes if index.name not in indexes]
    return [f"{what} is missing; restore it from a backup" for what in missing]


class _SQLite:
    def __init__(self, connection: sa.Connection) -> None:
        self.name = f"SQLite {connection.exec_driver_sql('SELECT sqlite_version()').scalar_one()}"
        self.problems: list[str] = []
        self.warnings: list[str] = []
        path = connection.engine.url.database or ""
        if not os.access(path, os.W_OK) or not os.access(os.path.dirname(path), os.W_OK):
            self.problems.append("it may not be written; check the permissions of file and folder")


class _PostgreSQL:
    def __init__(self, connection: sa.Connection) -> None:
        rows = connection.exec_driver_sql("SELECT name, setting FROM pg_settings")
        self._settings = {row.name: row.setting for row in rows}
        self.name = f"PostgreSQL {self._settings['server_version']}"
        self.problems: list[str] = []
        self.warnings: list[str] = []
        self._check_server(connection)
        self._check_durability()

    def _check_server(self, connection: sa.Connection) -> None:
        encoding = self._settings["server_encoding"]
        if int(self._settings["server_version_num"]) // 10_000 < versions.OLDEST_SERVER:
            self.problems.append(f"the server is too old; use PostgreSQL {versions.OLDEST_SERVER} or newer")
        if encoding != "UTF8":
            self.problems.append(f"its encoding is {encoding}; create a database with UTF8 and use that")
        if connection.exec_driver_sql("SELECT pg_is_in_recovery()").scalar_one():
            self.problems.append("it is a standby, which may only be read; connect to the primary server")
        elif self._settings["default_transaction_read_only"] == "on":
            self.problems.append(
                "it may only be read (default_transaction_read_only); turn that off, or use another"
            )

    def _check_durability(self) -> None:
        losing = {
            "fsync": "after a power loss the database may be damaged and what was acknowledged gone",
            "full_page_writes": "after a power loss the database may be damaged",
        }
        for name, harm in losing.items():
            if self._settings[name] == "off":
                self.warnings.append(f"{name} is off: {harm}; turn it on")
        if self._settings["synchronous_commit"] == "off":
            self.warnings.append(
                "synchronous_commit is off: Procession's own sessions turn it on, but what you commit with "
                "it on a connection of yours may be lost in a crash of the server; turn it on"
            )
        if self._settings["statement_timeout"] != "0":
            self.warnings.append(
                f"statement_timeout is {self._settings['statement_timeout']} ms: large batches and upgrades "
                "may be cancelled; lift it for Procession's users"
            )
