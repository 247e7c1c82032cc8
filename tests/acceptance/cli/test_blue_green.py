"""Two generations of real case servers change places behind a gateway."""

from __future__ import annotations

import re
import time
from typing import Any

import httpx

from procession.process.cases import new_key
from tests.acceptance.cli.conftest import SECONDS, Background, Shell

FIRST = """
from procession import BusinessCase, CaseManager, Procession, stage
from settings import KEYS


class Greet(BusinessCase, api="v1"):
    "GREET"

    @stage(first=True)
    async def greet(self, ctx):
        return ctx.finish({"said": "Hello " + ctx.payload["name"]})


app = Procession("sqlite:///procession.db")
cases = CaseManager(app, keys=KEYS)
cases.register(Greet)
"""
SECOND = """
from first import Greet, app, cases
from procession import stage


class GreetAgain(Greet, api="v2"):
    case_id = "greet"

    @stage(first=True)
    async def greet(self, ctx):
        return ctx.finish({"said": "Good day " + ctx.payload["name"]})


cases.register(GreetAgain)
"""


def _url(background: Background) -> str:
    found = re.search(r"http://[\d.]+:\d+", background.line_with("HTTP:"))
    assert found is not None
    return found.group()


def _greeted(gateway: str, api: str) -> Any:
    """Start a case, and wait for its result."""
    with httpx.Client(base_url=gateway, timeout=SECONDS, trust_env=False) as client:
        started = client.post(f"/greet/{api}", json={"name": "Ada"})
        assert started.status_code == 202, started.text
        return client.get(started.headers["location"], params={"wait": 60}).json()["result"]


def test_a_new_api_is_deployed_while_the_old_one_is_served(deployed: Shell) -> None:
    # Given a server of v1 behind a gateway
    deployed.write("settings.py", f"KEYS = [{new_key('test')!r}]")
    deployed.write("first.py", FIRST)
    deployed.write("second.py", SECOND)
    old = deployed.begin("case", "serve", "first:app", "--http", "0")
    gateway = deployed.begin("gateway", "--http", "0")
    url = _url(gateway)
    assert _greeted(url, "v1") == {"said": "Hello Ada"}
    (listed,) = deployed.ask("servers", "list")
    assert (listed["kind"], listed["serves"], listed["url"]) == ("server", ["greet.v1"], _url(old))

    # When one of v1 and v2 starts, and the old one is told to stop
    new = deployed.begin("case", "serve", "second:app", "--http", "0")
    assert _greeted(url, "v2") == {"said": "Good day Ada"}
    assert old.stop().code == 0

    # Then both are served by the new one, and the old one has left the registry
    assert _greeted(url, "v1") == {"said": "Hello Ada"}
    standings = {one["url"]: one["standing"] for one in deployed.ask("servers", "list", "--all")}
    assert standings[listed["url"]] == "ended"
    assert standings[_url(new)] == "live"

    # and when it has gone, too, clients are told to come again
    assert new.stop().code == 0
    deadline = time.monotonic() + SECONDS
    while (answer := httpx.get(f"{url}/greet/v2/cases", timeout=SECONDS)).status_code != 503:
        assert time.monotonic() < deadline, answer.text
    assert gateway.stop().code == 0
