"""What every run of a step leaves behind: payloads without secrets, logs, times, its worker."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

import httpx
import pytest

from procession.process import Process, ProcessError, ProcessResult, Status
from tests.acceptance.processes.scene import ORDER, comes_to, running


class Shop(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(b'{"id": 17, "access_token": "t-1"}')

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def shop() -> Iterator[str]:
    """A real HTTP service."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Shop) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://user:pw@127.0.0.1:{server.server_port}/orders?api_key=k-1&page=2"
        server.shutdown()
        thread.join()


class Calling(Process):
    STEPS: ClassVar = {"call": "call"}
    SECRETS: ClassVar = frozenset({"pesel"})
    url: ClassVar[str]

    def call(self) -> ProcessResult:
        with httpx.Client(event_hooks=self.hooks("shop")) as client:
            answer = client.post(self.url, json={"order": 1, "password": "p-1", "pesel": "440514"})
        return ProcessResult(data=answer.json()["id"])


class CallingAsync(Calling):
    STEPS: ClassVar = {"call": "call_async"}

    async def call_async(self) -> ProcessResult:
        async with httpx.AsyncClient(event_hooks=self.async_hooks("shop")) as client:
            answer = await client.post(self.url, json={"order": 1, "password": "p-1", "pesel": "440514"})
        return ProcessResult(data=answer.json()["id"])


@pytest.mark.parametrize("kind", [Calling, CallingAsync])
async def test_httpx_clients_record_what_they_send_and_receive_without_secrets(
    url: str, shop: str, kind: type[Calling]
) -> None:
    # Given a step that calls a real service
    Calling.url = shop
    async with running(url, kind) as processes:
        # When it runs
        instance = await processes.start(kind, ORDER)
        values = await instance.result()
        (run,) = (await processes.show(instance.key)).history
    # Then both sides are in the history, and no secret is
    sent, received = run.payloads
    assert (sent.system, sent.direction) == ("shop", "sent")
    assert sent.payload["method"] == "POST"
    assert sent.payload["url"].endswith("/orders?api_key=***&page=2")
    assert "user:pw@" not in sent.payload["url"]
    assert sent.payload["headers"]["authorization"] == "***"
    assert sent.payload["body"] == {"order": 1, "password": "***", "pesel": "***"}
    assert received.direction == "received"
    assert received.payload["status"] == 200
    assert received.payload["body"] == {"id": 17, "access_token": "***"}
    assert values["result"] == 17


class Telling(Process):
    STEPS: ClassVar = {"tell": "tell"}

    def tell(self) -> ProcessResult:
        self.sent("books", {"lines": [{"X-Api-Key": "k", "net": 1.5}], "Session": "s"})
        self.received("books", b"login=anna&passwd=geheim")
        self.received("books", '{"secret": 1}')
        self.received("books", "x" * 100_000)
        self.log.debug("order %s", "A-1")
        logging.getLogger("somebody.else").warning("careful")
        raise ProcessError("refused", data={"token": "t", "code": 7})


async def test_payloads_logs_and_details_are_recorded_masked_and_cut(url: str) -> None:
    async with running(url, Telling) as processes:
        # When a step tells what it does, and fails
        instance = await processes.start(Telling, ORDER)
        await comes_to(processes, instance.key, Status.ERROR)
        (run,) = (await processes.show(instance.key)).history
    # Then
    one, two, three, four = (payload.payload for payload in run.payloads)
    assert one == {"lines": [{"X-Api-Key": "***", "net": 1.5}], "Session": "***"}
    assert two == "login=anna&passwd=***"
    assert three == {"secret": "***"}
    assert four["cut"] == "100002 characters, of which these are the first"
    assert len(four["begins"]) == 64_000
    assert [(line.level, line.logger, line.text) for line in run.log] == [
        ("DEBUG", "procession.process.telling", "order A-1"),
        ("WARNING", "somebody.else", "careful"),
    ]
    assert run.details == {"token": "***", "code": 7}
    assert run.started_at <= run.log[0].at <= run.ended_at
    assert run.worker


class Chatty(Process):
    STEPS: ClassVar = {"chat": "chat"}

    def chat(self) -> None:
        for number in range(300):
            self.log.info("line %d", number)


async def test_of_what_a_step_logs_without_end_the_rest_is_counted(sqlite_url: str) -> None:
    async with running(sqlite_url, Chatty) as processes:
        instance = await processes.start(Chatty, ORDER)
        await instance.result()
        (run,) = (await processes.show(instance.key)).history
    assert (len(run.log), run.left_out) == (200, 100)


async def test_the_records_do_not_leave_the_scope_of_their_element(sqlite_url: str) -> None:
    async with running(sqlite_url, Chatty) as processes:
        instance = await processes.start(Chatty, ORDER)
        values = await instance.result()
    assert set(values) == {"processable", "channel", "meta", "status", "result"}
