"""Fenced transactions of async callers."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy.ext.asyncio import create_async_engine

from procession.errors import LockLost
from procession.operations.commands import Commands


async def test_an_async_transaction_is_fenced(postgresql_url: str, tmp_path: Path) -> None:
    made = create_async_engine(postgresql_url.replace("postgresql:", "postgresql+psycopg:"))
    commands = Commands(postgresql_url, locks=tmp_path / "locks")

    async def run() -> None:
        async with commands.lock("process-manager") as lock:
            async with made.begin() as connection:
                await lock.afence(connection)
            commands.unlock("process-manager")
            async with made.begin() as connection:
                await lock.afence(connection)

    with pytest.raises(LockLost, match="taken over or freed"):
        await run()
    await made.dispose()
    commands.close()
