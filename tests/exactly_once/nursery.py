"""Forks the example's processes, with everything loaded that they would load when they need it."""

from __future__ import annotations

import importlib

from tests.forkserver import serve

from .roles import Birth, live

LOADED = (
    "aiosqlite",
    "asyncmy",
    "cryptography.hazmat.primitives.ciphers.aead",
    "procession.messaging.database.engines",
    "procession.storage.migrate",
    "procession.storage.postgresql.adapter",
    "procession.storage.sqlite.adapter",
    "psycopg",
    "pymysql",
    "sqlalchemy.dialects.mysql.asyncmy",
    "sqlalchemy.dialects.postgresql.psycopg",
    "sqlalchemy.dialects.sqlite.aiosqlite",
)

if __name__ == "__main__":
    for name in LOADED:
        importlib.import_module(name)
    serve(Birth, live, lambda birth: f"{birth.role} {birth.slot}")
