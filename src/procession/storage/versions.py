"""Which schema a database has, and whether this program can work with it."""

from __future__ import annotations

from typing import NamedTuple

import sqlalchemy as sa

from procession.errors import SchemaMismatch
from procession.storage import schema
from procession.storage.schema import schema_info

OLDEST_SERVER = 13
"""Of PostgreSQL: older ones do not tell what became of a transaction."""


class Versions(NamedTuple):
    """What the schema row of a database says."""

    version: int
    readable_since: int
    """Programs that know at least this schema can work with it."""


def versions_in(connection: sa.Connection) -> Versions | None:
    """The versions of the database behind a connection; None if it has no tables of Procession."""
    if not sa.inspect(connection).has_table(schema_info.name):
        return None
    row = connection.execute(sa.select(schema_info.c.version, schema_info.c.readable_since)).one()
    return Versions(row.version, row.readable_since)


def check_readable(found: Versions, name: str) -> None:
    """Make sure that this program may work with the database `name`.

    Raises:
        SchemaMismatch: a newer program changed it, and says this one is too old.
    """
    if found.readable_since > schema.VERSION:
        raise SchemaMismatch(
            f"database {name} has schema {found.version}, which needs a Procession that knows schema "
            f"{found.readable_since}; this one knows {schema.VERSION}: install the newer version"
        )


def check_current(found: Versions | None, name: str) -> None:
    """Make sure that the database needs no upgrade, where this program may not do it.

    Raises:
        SchemaMismatch: it needs one.
    """
    if found is None or found.version < schema.VERSION:
        has = "no tables of Procession" if found is None else f"schema {found.version}"
        raise SchemaMismatch(
            f"database {name} has {has}, this Procession needs schema {schema.VERSION}: run "
            "`procession db upgrade` with a user that may change tables"
        )
