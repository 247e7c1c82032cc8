"""Webhooks over a real HTTP server."""

from __future__ import annotations

import hashlib
import hmac
import json
import threading
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest

from procession.errors import InvalidInput
from procession.operations.alerts import WebhookChannel, channel_for
from tests.alerting import an_alert


class Receiver:
    """An HTTP server that keeps requests and answers with the status it is told."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, dict[str, str], bytes]] = []
        self.status = 204
        self.silent = threading.Event()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.requests.append((self.path, dict(self.headers), body))
                if receiver.silent.is_set():
                    return  # closes the connection
                self.send_response(receiver.status)
                self.send_header("Location", "/elsewhere")
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()

    def stop(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    yield receiver
    receiver.stop()


@pytest.fixture
async def channel(receiver: Receiver) -> AsyncIterator[WebhookChannel]:
    channel = channel_for(f"{receiver.url}/hook?x=1#secret=s3cret")
    assert isinstance(channel, WebhookChannel)
    yield channel
    await channel.close()


async def test_it_posts_the_alert_as_json(receiver: Receiver, channel: WebhookChannel) -> None:
    await channel.send(an_alert())
    ((path, headers, body),) = receiver.requests
    assert path == "/hook?x=1"
    assert headers["Content-Type"] == "application/json"
    assert headers["Idempotency-Key"] == "incident-9"
    assert json.loads(body) == {
        "id": "incident-9",
        "service": "shop",
        "kind": "JOB_NO_RETRIES",
        "message": "no parcel",
        "at": "2026-03-01T12:00:00+00:00",
        "incident_key": "9",
        "instance_key": "5",
        "job_key": "7",
        "process_id": "order",
        "element_id": "Ship",
        "job_type": "order_ship",
        "retries": 0,
        "next_step": "mend it",
        "text": an_alert().text,
    }


async def test_the_body_is_signed_with_the_secret(receiver: Receiver, channel: WebhookChannel) -> None:
    await channel.send(an_alert())
    _, headers, body = receiver.requests[0]
    expected = hmac.new(b"s3cret", body, hashlib.sha256).hexdigest()
    assert headers["X-Procession-Signature"] == f"sha256={expected}"


async def test_without_a_secret_there_is_no_signature(receiver: Receiver) -> None:
    channel = WebhookChannel(receiver.url)
    await channel.send(an_alert())
    await channel.close()
    assert "X-Procession-Signature" not in receiver.requests[0][1]


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503])
async def test_a_receiver_that_is_in_trouble_is_a_failed_attempt(
    receiver: Receiver, channel: WebhookChannel, status: int
) -> None:
    receiver.status = status
    with pytest.raises(RuntimeError, match=str(status)):
        await channel.send(an_alert())


@pytest.mark.parametrize("status", [302, 400, 401, 404, 410])
async def test_a_receiver_that_does_not_want_it_is_not_asked_again(
    receiver: Receiver, channel: WebhookChannel, status: int
) -> None:
    receiver.status = status
    with pytest.raises(InvalidInput, match=str(status)):
        await channel.send(an_alert())
    assert len(receiver.requests) == 1


async def test_a_lost_answer_is_a_failed_attempt(receiver: Receiver, channel: WebhookChannel) -> None:
    receiver.silent.set()
    with pytest.raises(httpx.TransportError):
        await channel.send(an_alert())


async def test_a_receiver_that_is_away_is_a_failed_attempt() -> None:
    channel = WebhookChannel("http://127.0.0.1:1/", timeout=timedelta(seconds=5))
    with pytest.raises(httpx.TransportError):
        await channel.send(an_alert())
    await channel.close()
