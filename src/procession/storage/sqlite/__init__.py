"""SQLite: WAL, `synchronous=FULL`, several processes on one file."""

from procession.storage.sqlite.adapter import SQLiteStorage

__all__ = ["SQLiteStorage"]
