"""Where a PostgreSQL database is: a URL, taken apart so that its password is never shown."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from procession.errors import InvalidInput
from procession.storage.urls import shown

_OPTIONS = {
    "jit": "off",
    # Statements are planned once, on tables that are still empty: only plans by index stay good.
    "plan_cache_mode": "force_generic_plan",
    "enable_seqscan": "off",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
    "synchronous_commit": "on",
    "lock_timeout": "5s",
    # A node that is stopped in the middle must not hold its locks for ever.
    "idle_in_transaction_session_timeout": "10s",
    "tcp_user_timeout": "30s",
}
_PATIENCE = ("synchronous_commit", "lock_timeout", "idle_in_transaction_session_timeout", "tcp_user_timeout")
_SHORT = {name: _OPTIONS[name] for name in _PATIENCE}
_KEEP_ALIVE = {
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
}
_SECRETS = ("password", "passfile", "sslpassword")


class Address:
    """A database, how to connect to it, and what to call it."""

    def __init__(self, url: str) -> None:
        try:
            parsed = sa.make_url(url)
        except (sa.exc.ArgumentError, ValueError):
            raise InvalidInput(
                f"database URL {shown(url)!r} is not understood; write postgresql://user:password@host/database"
            ) from None
        if parsed.database is None:
            raise InvalidInput(
                f"database URL {shown(url)!r} names no database; write postgresql://user:password@host/database"
            )
        self._url = parsed.set(drivername="postgresql")
        self.name = shown(url)

    def parameters(self, **settings: str) -> dict[str, Any]:
        """What libpq connects with; `settings` are the session's."""
        url = self._url
        query = dict(url.query)
        given = str(query.pop("options", ""))
        options = " ".join([given, *(f"-c {name}={value}" for name, value in settings.items())]).strip()
        named = {
            "host": url.host,
            "port": url.port,
            "user": url.username,
            "password": url.password,
            "dbname": url.database,
        }
        return {
            "connect_timeout": 10,
            **_KEEP_ALIVE,
            **query,
            **{name: value for name, value in named.items() if value is not None},
            "options": options,
            "client_encoding": "UTF8",
        }

    def for_batches(self) -> dict[str, Any]:
        return {**self.parameters(**_OPTIONS), "application_name": "procession"}

    def for_short(self) -> dict[str, Any]:
        """For short transactions that SQLAlchemy writes."""
        return {**self.parameters(**_SHORT), "application_name": "procession"}

    def for_wire(self, application_name: str) -> dict[str, Any]:
        # A notification is only a reason to look: nobody waits for a disk because of it.
        return {**self.parameters(synchronous_commit="off"), "application_name": application_name}

    def for_reading(self, *, read_only: bool = True) -> dict[str, Any]:
        settings = {"default_transaction_read_only": "on"} if read_only else {}
        return {**self.parameters(**settings), "application_name": "procession"}
