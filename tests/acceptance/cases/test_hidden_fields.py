"""Hidden fields are readable for stages and services, and nowhere else."""

from __future__ import annotations

import asyncio
import logging
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from procession.messaging import Message, connect
from procession.process.cases import (
    BusinessCase,
    CaseStatus,
    Context,
    catch,
    new_key,
    reply_queue,
    stage,
)
from procession.testing.clock import Clock

from .scene import AT_ONCE, KEYS, comes_to, ended, running, send, service, until

SECRETS = ("open-sesame-1", "open-sesame-2", "open-sesame-3")


class Secretive(BusinessCase, api="v1"):
    """KEEP A SECRET"""

    HIDDEN = frozenset({"password", "pin", "Api-Key"})
    retry = AT_ONCE

    @stage(first=True)
    async def ask(self, ctx: Context) -> None:
        ctx.log.info("%s asks", ctx.case_id)
        ctx.data["inner"] = [{"pin": SECRETS[1]}]
        await ctx.service("vault", "open", {"password": ctx.payload["password"], "who": "ada"})

    @stage
    async def read(self, ctx: Context, reply: Any) -> Any:
        assert ctx.payload["password"] == SECRETS[0]
        assert ctx.data["inner"] == [{"pin": SECRETS[1]}]
        assert reply == {"api_key": SECRETS[2], "open": True}
        if ctx.attempt == 1:
            raise OSError("once more")
        return ctx.finish({"api_key": reply["api_key"], "pin": ctx.data["inner"][0]["pin"], "who": "ada"})


def _files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def _tables(url: str) -> str:
    engine = sa.create_engine(url.replace("postgresql:", "postgresql+psycopg:"))
    metadata = sa.MetaData()
    metadata.reflect(engine)
    with engine.connect() as connection:
        found = [connection.execute(sa.select(table)).all() for table in metadata.sorted_tables]
    engine.dispose()
    text = "\n".join(str(tuple(row)) for rows in found for row in rows)
    assert "***test." in text  # it is really them that are searched
    return text


def _shown(url: str, key: int) -> str:
    command = [sys.executable, "-m", "procession.cli", "instance", "show", str(key)]
    options = ["--db", url, "--format", "json"]
    return subprocess.run([*command, *options], capture_output=True, text=True, check=True).stdout


async def test_they_are_nowhere_in_the_database_and_on_no_screen(
    url: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    # Given queues somewhere else: services are told the secrets as they are
    queues = tmp_path / "queues"
    queues.mkdir()
    broker = f"sqlite:///{queues / 'queues.db'}"
    answer = {"api_key": SECRETS[2], "open": True}
    with caplog.at_level(logging.DEBUG):
        async with running(url, Secretive, broker=broker) as cases:
            # When a case with secrets runs to its end
            async with service(broker, "vault", lambda message: answer) as vault:
                started = await cases.start(Secretive, {"password": SECRETS[0], "nothing": None})
                detail = await ended(cases, started.key)
            infos = await cases.search()
            raw = await started.result(timedelta(seconds=60))
    # Then the service was told
    assert vault[0].json() == {"password": SECRETS[0], "who": "ada"}
    # And what is shown is masked
    assert detail.info.status is CaseStatus.FINISHED
    assert detail.payload == {"password": "***", "nothing": None}
    assert detail.result == {"api_key": "***", "pin": "***", "who": "ada"}
    assert detail.data == {"inner": [{"pin": "***"}], "ask": {"api_key": "***", "open": True}}
    # And they are in no table, no file, no log, and not in what the command line shows
    shown = await asyncio.to_thread(_shown, url, started.key)
    files = _files(tmp_path) if url.startswith("sqlite") else {}
    for secret in SECRETS:
        for place in (_tables(url), caplog.text, shown, str(infos), str(raw), str(detail)):
            assert secret not in place
        assert [name for name, content in files.items() if secret.encode() in content] == []


async def test_dead_letters_show_what_was_sent(sqlite_url: str) -> None:
    # That is what is not promised: a letter is kept as it came, so that it can be delivered again.
    async with running(sqlite_url, Secretive) as cases, connect(cases.broker) as transport:
        queue = reply_queue("secretive.v1")
        await send(transport, queue, Message.with_json({"pin": SECRETS[1]}, correlation="forged"))
        await until(lambda: transport.dead_letters(queue=queue))
        letters = await transport.dead_letters(queue=queue)
    assert letters[0].message.json() == {"pin": SECRETS[1]}
    assert SECRETS[1] not in letters[0].reason


async def test_a_key_that_was_removed_too_early_holds_the_case(
    sqlite_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    class Waits(BusinessCase):
        HIDDEN = frozenset({"pin"})
        retry = AT_ONCE

        @stage
        def one(self, ctx: Context) -> Any:
            return ctx.next(delay=timedelta(days=1))

        @stage
        def two(self, ctx: Context) -> Any:
            return ctx.finish(ctx.payload["pin"] == SECRETS[0])

        @catch
        def never(self, ctx: Context) -> None:
            raise AssertionError("nothing is undone for it")

    # Given a case that was started with a key
    async with running(sqlite_url, Waits, keys=[new_key("old")]) as cases:
        started = await cases.start(Waits, {"pin": SECRETS[0]})
        await comes_to(cases, started.key, CaseStatus.WAITING)
    # When all processes have another one only, and it goes on
    async with running(sqlite_url, Waits, keys=KEYS) as cases:
        with Clock(sqlite_url) as clock:
            clock.move(timedelta(days=2))
        detail = await comes_to(cases, started.key, CaseStatus.HELD)
    # Then it says which key is missing
    assert detail.info.message is not None
    assert "key 'old' is not among the keys" in detail.info.message
    assert f"case {started.key} is held" in caplog.text


async def test_keys_are_replaced_while_cases_run(sqlite_url: str) -> None:
    old, new = new_key("old"), new_key("new")
    secret = {"password": SECRETS[0]}
    answer = {"api_key": SECRETS[2], "open": True}
    async with running(sqlite_url, Secretive, keys=[old]) as cases, connect(cases.broker) as transport:
        await transport.declare("serviceQ.vault")
        started = await cases.start(Secretive, secret)
        async with transport.receive("serviceQ.vault", prefetch=1) as receiver:
            delivery = await anext(receiver)
            request = delivery.message
            await delivery.acknowledge()
    # When the new key is first, and the service answers the old task id
    async with running(sqlite_url, Secretive, keys=[new, old]) as cases, connect(cases.broker) as transport:
        await send(transport, reply_queue("secretive.v1"), request.answer(answer))
        detail = await ended(cases, started.key)
    assert detail.info.status is CaseStatus.FINISHED
