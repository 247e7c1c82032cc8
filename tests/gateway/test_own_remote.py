"""An app on our own server: over TLS, and when the server is killed."""

from __future__ import annotations

import asyncio
import signal
from datetime import timedelta
from pathlib import Path

import pytest
import trustme

from procession import NotReady, Procession
from tests.building import bpmn, end, job, start
from tests.gateway.servers import Served, serving

WORK = {"work.bpmn": bpmn(start() + job("work") + end(), "s>work work>e", id="order")}
LONG = timedelta(seconds=60)


def trusting(file: Path, authority: trustme.CA, served: Served) -> str:
    """The URL of an app that trusts an authority."""
    file.write_bytes(authority.cert_pem.bytes())
    return f"grpcs://localhost:{served.address.rpartition(':')[2]}?ca={file}"


async def test_an_app_works_over_tls(
    fresh: str, authority: trustme.CA, certificate: tuple[str, str], tmp_path: Path
) -> None:
    with serving(fresh, *certificate) as served:
        app = Procession(trusting(tmp_path / "ca.pem", authority, served), connect_timeout=LONG)
        app.task("work")(lambda n: {"n": n * 2})
        async with app:
            await app.deploy_files(WORK)
            assert await app.run("order", {"n": 2}, timeout=LONG) == {"n": 4}


async def test_a_server_whose_certificate_somebody_else_signed_is_not_talked_to(
    fresh: str, certificate: tuple[str, str], tmp_path: Path
) -> None:
    with serving(fresh, *certificate) as served:
        url = trusting(tmp_path / "ca.pem", trustme.CA(), served)
        with pytest.raises(NotReady):
            await Procession(url, connect_timeout=timedelta(seconds=1)).__aenter__()


async def test_workers_and_who_waits_go_on_when_the_server_was_killed_and_came_back(
    fresh: str, tmp_path: Path
) -> None:
    served = Served(fresh, log=tmp_path / "first.log")
    app = Procession(f"grpc://{served.address}", connect_timeout=LONG)
    handling, may_end = asyncio.Event(), asyncio.Event()
    calls: list[int] = []

    @app.task("work", timeout=timedelta(minutes=10))
    async def work(n: int) -> dict[str, int]:
        calls.append(n)
        handling.set()
        await may_end.wait()
        return {"done": n}

    try:
        async with app:
            await app.deploy_files(WORK)
            # Given an instance that is waited for, and a handler at work on it
            instance = await app.start("order", {"n": 1})
            result = asyncio.create_task(instance.result(timeout=LONG))
            await asyncio.wait_for(handling.wait(), LONG.total_seconds())
            # When the server is killed, the handler ends, and there is a server again
            await asyncio.to_thread(served.stop, signal.SIGKILL)
            may_end.set()
            with pytest.raises(NotReady):
                await app.start("order", {"n": 2})
            served = await asyncio.to_thread(
                Served, fresh, address=served.address, log=tmp_path / "second.log"
            )
            # Then its answer has not been lost
            assert await result == {"n": 1, "done": 1}
            # And it takes new jobs
            assert await app.run("order", {"n": 3}, timeout=LONG) == {"n": 3, "done": 3}
        assert calls == [1, 3]
    finally:
        served.end()
