"""Engines for databases that hold queues."""

from __future__ import annotations

import importlib.util
from typing import Any

import sqlalchemy as sa

from procession.errors import InvalidInput
from procession.messaging.addresses import shown
from procession.messaging.dialects import MARIADB, SQLITE

BUSY_SECONDS = 30
"""How long to wait for the writer of a SQLite file."""
_DRIVERS = {
    "sqlite": ("sqlite", None, ""),
    "postgresql": ("postgresql+psycopg", "psycopg", "postgresql"),
    "postgres": ("postgresql+psycopg", "psycopg", "postgresql"),
    "mysql": ("mariadb+pymysql", "pymysql", "mariadb"),
    "mariadb": ("mariadb+pymysql", "pymysql", "mariadb"),
}


def engine_of(url: str) -> sa.Engine:
    """An engine for queues in the database of a URL.

    Raises:
        InvalidInput: it is no such database, or its driver is not installed.
    """
    try:
        parsed = sa.make_url(url)
    except sa.exc.ArgumentError as error:
        raise InvalidInput(f"{shown(url)!r} is no database URL: {error}") from error
    driver = _DRIVERS.get(parsed.drivername.partition("+")[0])
    if driver is None:
        raise InvalidInput(f"no queues can be in {shown(url)!r}; there are {', '.join(_DRIVERS)} and amqp")
    name, module, extra = driver
    if module is not None and importlib.util.find_spec(module) is None:
        raise InvalidInput(f'{shown(url)}: its driver is missing: pip install "procession[{extra}]"')
    if parsed.get_backend_name() == SQLITE:
        return _sqlite(parsed)
    options: dict[str, Any] = {"charset": "utf8mb4"} if parsed.get_backend_name() in MARIADB else {}
    parsed = parsed.set(drivername=name)
    return sa.create_engine(parsed, pool_pre_ping=True, connect_args=options, pool_size=2)


def _sqlite(url: sa.URL) -> sa.Engine:
    if not url.database or url.database == ":memory:":
        raise InvalidInput(
            "queues of SQLite are in a file: sqlite:///queues.db, or sqlite:////var/lib/queues.db"
        )
    engine = sa.create_engine(url, connect_args={"timeout": BUSY_SECONDS})

    @sa.event.listens_for(engine, "connect")
    def durable(connection: Any, _: object) -> None:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")

    return engine
