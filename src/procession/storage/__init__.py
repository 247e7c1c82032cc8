"""Where the records live: a port, and SQLite behind it."""

from __future__ import annotations

from pathlib import Path

from procession.errors import InvalidInput
from procession.storage.port import Storage

__all__ = ["Storage", "open_storage"]


def open_storage(url: str) -> Storage:
    """Open the database of a URL: `sqlite:///relative.db`, `sqlite:////absolute.db`.

    The tables are created or upgraded if need be.

    Raises:
        InvalidInput: the URL names no database this version can use.
        SchemaMismatch: a newer Procession made it.
        StorageError: it cannot be used.
    """
    prefix = "sqlite:///"
    if not url.startswith(prefix) or url == prefix or ":memory:" in url:
        raise InvalidInput(
            f"database URL {url!r} is not understood; write sqlite:///orders.db for a file in this folder, "
            "or sqlite:////var/lib/orders.db for a full path"
        )
    from procession.storage.sqlite import SQLiteStorage

    storage = SQLiteStorage(Path(url.removeprefix(prefix)).absolute())
    try:
        storage.open()
    except BaseException:
        storage.close()
        raise
    return storage
