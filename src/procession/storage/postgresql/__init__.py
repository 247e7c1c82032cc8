"""PostgreSQL: any number of nodes on one database, each with its own session."""

from procession.storage.postgresql.adapter import PostgreSQLStorage

__all__ = ["PostgreSQLStorage"]
