"""What docs/several-nodes.md tells operators to run does run, and finds what it is for."""

from __future__ import annotations

import asyncio
import re
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row

from procession import Incident, Procession
from procession.storage import open_storage, schema
from tests.postgres import Server

from .companions import ROOT
from .models import ALL

_GUIDE = (ROOT / "docs" / "several-nodes.md").read_text()
QUERIES = re.findall(r"```sql\n(.*?)```", _GUIDE, re.DOTALL)
GRANTS = re.search(r"```\n(GRANT.*?)```", _GUIDE, re.DOTALL)


def query(url: str, part: str) -> list[dict[str, Any]]:
    """Run the one query of the guide in which `part` occurs."""
    [text] = [text for text in QUERIES if part in text]
    with psycopg.connect(url, row_factory=dict_row) as connection:
        return connection.execute(text).fetchall()


@pytest.mark.parametrize("text", QUERIES, ids=lambda text: re.search(r"FROM (\w+)", text)[1])
def test_every_query_runs_on_an_empty_database(text: str, postgresql_url: str) -> None:
    with psycopg.connect(postgresql_url) as connection:
        assert connection.execute(text).description is not None


async def test_the_queries_find_what_waits(postgresql_url: str) -> None:
    url = postgresql_url
    # Given a timer, a job and a command that nobody looks after, and an open incident
    app = Procession(url)

    @app.task("work")
    async def work() -> None:
        raise Incident("no")

    async with app:
        await app.deploy_files(ALL)
        failed = await app.start("one_job")
        async with asyncio.timeout(60):
            while not await app.incidents(instance_key=failed.key):  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        assert query(url, "AS nodes") == [{"nodes": 1}]
        assert query(url, "xact_start LIMIT") != []
    async with Procession(url, serve=False) as client:
        await client.start("waits_an_hour")
        await client.start("one_job")
    with psycopg.connect(url) as connection:
        connection.execute(
            "INSERT INTO command (key, tenant, payload, created_at) VALUES (1, '', '', 1700000000000)"
        )
    storage = open_storage(url)
    storage.move_clock(int(timedelta(hours=2).total_seconds() * 1000))
    # Then each is found, with its age
    [timer] = query(url, "FROM timer")
    assert timer["due"] == 1
    assert 3600 <= timer["seconds_late"] < 3 * 3600
    [job] = query(url, "GROUP BY type")
    assert (job["type"], job["waiting"]) == ("work", 1)
    assert job["oldest_seconds"] >= 3600
    [command] = query(url, "FROM command")
    assert command["waiting"] == 1
    assert command["oldest_seconds"] > 1_000_000
    [incident] = query(url, "FROM incident")
    assert (incident["process_id"], incident["open"]) == ("one_job", 1)
    # And a lease that has ended
    assert query(url, "worker, lease") == []
    with psycopg.connect(url) as connection:
        connection.execute("UPDATE job SET state=2, worker='w', lease=1 WHERE due IS NOT NULL")
    [lease] = query(url, "worker, lease")
    assert (lease["worker"], lease["lease"]) == ("w", 1)
    # And a lock that is held
    with storage.transaction([-77]) as transaction:
        assert transaction.clock.now > 0
        assert [row["mode"] for row in query(url, "pg_locks")] == ["ExclusiveLock"]
    storage.close()
    assert "job" in {row["relname"] for row in query(url, "n_dead_tup")}


async def test_the_rights_of_the_guide_are_enough(empty_postgresql_url: str, postgres: Server) -> None:
    assert GRANTS is not None
    url = empty_postgresql_url
    open_storage(url).close()
    role = f"app_{url.rpartition('/')[2]}"
    postgres.execute(f"CREATE ROLE {role} LOGIN")
    postgres.execute(GRANTS[1].replace("orders_app", role), url.rpartition("/")[2])
    async with Procession(url.replace("procession@", f"{role}@"), upgrade=False) as app:
        await app.deploy_files(ALL)
        await (await app.start("no_wait")).result(timeout=timedelta(seconds=30))
        assert (await app.status()).schema_version == schema.VERSION
