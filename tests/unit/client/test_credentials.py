"""Credentials, and tokens from a token server."""

from __future__ import annotations

import asyncio
import json
import threading
import urllib.parse
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from procession import (
    BasicCredentials,
    BearerCredentials,
    ClientCredentials,
    InvalidInput,
    NotAllowed,
    NotReady,
)
from procession.client.remote.address import parse
from procession.client.remote.channel import Channel


class TokenServer(ThreadingHTTPServer):
    """Gives out token-1, token-2, ...; `life` in seconds, `status` other than 200 to refuse."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.forms: list[dict[str, str]] = []
        self.life = 3600
        self.status = 200
        self.url = f"http://127.0.0.1:{self.server_address[1]}/token"


class _Handler(BaseHTTPRequestHandler):
    server: TokenServer

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self.server.forms.append(dict(urllib.parse.parse_qsl(body)))
        token = {"access_token": f"token-{len(self.server.forms)}", "expires_in": self.server.life}
        content = json.dumps(token).encode()
        self.send_response(self.server.status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: the tests say what matters."""


@pytest.fixture
def tokens() -> Iterator[TokenServer]:
    with TokenServer() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def client(tokens: TokenServer) -> ClientCredentials:
    return ClientCredentials(tokens.url, "me", "secret", audience="zeebe", scope="all")


async def test_a_user_and_a_token_are_sent_as_they_are() -> None:
    assert await BasicCredentials("me", "secret").authorization() == "Basic bWU6c2VjcmV0"
    assert await BearerCredentials("abc").authorization() == "Bearer abc"


async def test_a_token_is_asked_for_with_everything_that_was_given(
    client: ClientCredentials, tokens: TokenServer
) -> None:
    assert await client.authorization() == "Bearer token-1"
    [form] = tokens.forms
    assert form == {
        "grant_type": "client_credentials",
        "client_id": "me",
        "client_secret": "secret",
        "audience": "zeebe",
        "scope": "all",
    }


async def test_a_token_is_kept_and_fetched_once_for_all_who_wait(
    client: ClientCredentials, tokens: TokenServer
) -> None:
    found = await asyncio.gather(*(client.authorization() for _ in range(5)))
    assert {*found, await client.authorization()} == {"Bearer token-1"}
    assert len(tokens.forms) == 1


async def test_a_token_is_fetched_anew_before_it_expires(
    client: ClientCredentials, tokens: TokenServer
) -> None:
    tokens.life = 0
    assert await client.authorization() == "Bearer token-1"
    assert await client.authorization() == "Bearer token-2"


async def test_a_refused_token_is_fetched_anew(client: ClientCredentials) -> None:
    first = await client.authorization()
    assert client.refused(first)
    assert await client.authorization() == "Bearer token-2"
    client.refused(first)  # a call that was under way with the older one
    assert await client.authorization() == "Bearer token-2"


@pytest.mark.parametrize(("status", "kind"), [(401, NotAllowed), (503, NotReady)])
async def test_a_token_server_that_refuses(
    client: ClientCredentials, tokens: TokenServer, status: int, kind: type[Exception]
) -> None:
    tokens.status = status
    with pytest.raises(kind, match=str(status)):
        await client.authorization()


async def test_a_token_server_that_is_away() -> None:
    with pytest.raises(NotReady, match="cannot be reached"):
        await ClientCredentials("http://127.0.0.1:1/token", "me", "secret").authorization()


@pytest.mark.parametrize("token", ["", "two words", "line\n"])
def test_a_token_that_is_none_is_refused(token: str) -> None:
    with pytest.raises(InvalidInput):
        BearerCredentials(token)


async def test_credentials_do_not_go_over_plain_text_to_other_machines() -> None:
    with pytest.raises(InvalidInput, match="plain text"):
        Channel(parse("grpc://zeebe.example"), BearerCredentials("abc"))


@pytest.mark.parametrize("url", ["grpc://127.0.0.1", "grpcs://zeebe.example"])
async def test_credentials_go_to_this_machine_and_over_tls(url: str) -> None:
    await Channel(parse(url), BearerCredentials("abc")).close()


async def test_who_insists_may_send_them_in_plain_text() -> None:
    await Channel(parse("grpc://zeebe.example"), BearerCredentials("abc", allow_plaintext=True)).close()
