"""Forks processes: one interpreter has loaded everything, so that a process costs milliseconds.

Reads one `Birth` as JSON from each line of standard input, answers with the number of a process.
"""

from __future__ import annotations

import asyncio
import importlib
import logging
import os
import signal
import sys

import msgspec

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
"""What processes would load when they need it."""


def main() -> None:
    for name in LOADED:
        importlib.import_module(name)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # those who end are not waited for
    for line in sys.stdin:
        birth = msgspec.json.decode(line, type=Birth)
        number = os.fork()
        if number == 0:
            _live(birth)
        print(number, flush=True)


def _live(birth: Birth) -> None:
    code = 1
    try:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        logging.basicConfig(
            level=logging.ERROR, format=f"%(asctime)s {birth.role} {birth.slot}: %(message)s", force=True
        )
        logging.getLogger("aiormq").setLevel(logging.CRITICAL)
        asyncio.run(live(birth))
        code = 0
    except BaseException:
        logging.exception("it ended")
    finally:
        os._exit(code)


if __name__ == "__main__":
    main()
