"""Whether an app says rightly that it can work, on SQLite; `test_postgresql_faults.py` has the servers."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from procession import Procession, StorageError
from procession.broker import health
from procession.storage import schema

from .disks import small_disk
from .models import ALL

PATIENCE = 60


async def becomes(app: Procession, ready: bool) -> str:
    async with asyncio.timeout(PATIENCE):
        while app.readiness().ready is not ready:  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    return app.readiness().reason or ""


async def test_an_app_is_ready_while_it_runs(url: str) -> None:
    app = Procession(url)
    assert not app.readiness().ready
    assert app.readiness().reason == "the app is not running"
    began = datetime.now(UTC)
    async with app:
        found = app.readiness()
        assert (found.ready, found.reason) == (True, None)
        assert began <= found.since <= datetime.now(UTC)
    assert not app.readiness().ready


def test_the_facade_tells_the_same(url: str) -> None:
    with Procession(url).sync() as app:
        assert app.readiness().ready
    assert not app.readiness().ready


@pytest.mark.parametrize("serve", [True, False])
async def test_an_idle_node_notices_another_schema_and_recovers(
    serve: bool, url: str, database: Path
) -> None:
    async with Procession(url, serve=serve) as app:
        await app.deploy_files(ALL)
        _execute(database, "UPDATE schema_info SET readable_since=98, version=99")
        assert "install the newer version" in await becomes(app, False)
        since = app.readiness().since
        await asyncio.sleep(1.2)
        assert app.readiness().since == since
        _execute(
            database,
            f"UPDATE schema_info SET readable_since={schema.READABLE_SINCE}, version={schema.VERSION}",
        )
        await becomes(app, True)
        assert app.readiness().since > since
        await app.start("no_wait")


def _execute(database: Path, statement: str) -> None:
    with closing(sqlite3.connect(database, timeout=PATIENCE)) as connection:
        connection.execute(statement)
        connection.commit()


async def test_a_full_disk_makes_a_node_not_ready_until_there_is_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "FULL_SECONDS", 1.0)
    with small_disk(tmp_path / "disk") as make_room:
        async with Procession(f"sqlite:///{tmp_path / 'disk' / 'full.db'}") as app:
            await app.deploy_files(ALL)
            with pytest.raises(StorageError):
                await _fill(app.start)
            await becomes(app, False)
            make_room()
            await becomes(app, True)
            await (await app.start("no_wait")).result(timeout=timedelta(seconds=PATIENCE))


async def _fill(start: Callable[..., object]) -> None:
    for _ in range(1000):
        await start("waits", {"ref": "r", "text": "x" * 50_000})  # type: ignore[misc]  # it is awaitable


async def test_a_database_that_does_not_answer_makes_a_node_not_ready(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "SILENT_SECONDS", 2.0)
    async with Procession(url) as app:
        changed = app._embedded.storage.changed
        hangs = True

        def hang() -> bool:
            while hangs:
                time.sleep(0.02)
            return changed()

        monkeypatch.setattr(app._embedded.storage, "changed", hang)
        assert "has not answered for 2 seconds" in await becomes(app, False)
        hangs = False
        await becomes(app, True)
