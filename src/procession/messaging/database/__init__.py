"""Queues as tables of SQLite, PostgreSQL or MariaDB."""

from procession.messaging.database.transport import DatabaseTransport

__all__ = ["DatabaseTransport"]
