"""Who an app is to a remote server: a user and password, a token, or an OAuth client."""

from __future__ import annotations

import asyncio
import base64
import time
from abc import ABC, abstractmethod

import msgspec

from procession.errors import InvalidInput, NotAllowed, NotReady

EARLY_SECONDS = 30.0
"""A token is renewed so long before it expires, or at half its life if that is shorter."""
TOKEN_SECONDS = 10.0
"""How long a token server may take to answer."""


class Credentials(ABC):
    """What is sent with each call. Over plain text to other machines it is sent only if
    `allow_plaintext` says so."""

    allow_plaintext: bool

    @abstractmethod
    async def authorization(self) -> str:
        """The value of the `authorization` header (RFC 9110 section 11.6.2).

        Raises:
            NotAllowed: the token server refuses.
            NotReady: the token server is away.
        """

    def refused(self, authorization: str) -> bool:
        """The server did not accept it. Answers whether asking again may give another."""
        return False


class BasicCredentials(Credentials):
    """A user and password (RFC 7617)."""

    def __init__(self, user: str, password: str, *, allow_plaintext: bool = False) -> None:
        if ":" in user:
            raise InvalidInput("a user name for basic credentials has no colon in it")
        self.allow_plaintext = allow_plaintext
        self._header = "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()

    async def authorization(self) -> str:
        return self._header


class BearerCredentials(Credentials):
    """A token that was given out beforehand (RFC 6750)."""

    def __init__(self, token: str, *, allow_plaintext: bool = False) -> None:
        if not token or not token.isascii() or not token.isprintable() or " " in token:
            raise InvalidInput("a bearer token is printable ASCII without blanks")
        self.allow_plaintext = allow_plaintext
        self._header = f"Bearer {token}"

    async def authorization(self) -> str:
        return self._header


class _Token(msgspec.Struct):
    """The answer of a token server (RFC 6749 section 5.1)."""

    access_token: str
    expires_in: float = 300.0


class ClientCredentials(Credentials):
    """Tokens from an OAuth server, by the client credentials grant (RFC 6749 section 4.4).

    A token is kept until shortly before it expires, or until the engine's server refuses it.
    `audience` and `scope` are sent if they are given; Camunda's servers want an audience.
    """

    def __init__(
        self,
        token_url: str,
        client_id: str,
        client_secret: str,
        *,
        audience: str | None = None,
        scope: str | None = None,
        allow_plaintext: bool = False,
    ) -> None:
        self.allow_plaintext = allow_plaintext
        self._url = token_url
        self._form = {
            "grant_type": "client_credentials",
            "client_id": client_id,
            "client_secret": client_secret,
            **({} if audience is None else {"audience": audience}),
            **({} if scope is None else {"scope": scope}),
        }
        self._header: str | None = None
        self._fresh_until = 0.0
        self._fetching: asyncio.Task[str] | None = None

    async def authorization(self) -> str:
        if self._header is not None and time.monotonic() < self._fresh_until:
            return self._header
        if self._fetching is None or self._fetching.done():
            self._fetching = asyncio.create_task(self._fetch())  # one request for all who wait
        return await asyncio.shield(self._fetching)

    def refused(self, authorization: str) -> bool:
        if authorization == self._header:
            self._header = None
        return True

    async def _fetch(self) -> str:
        asked = time.monotonic()
        token = await self._request()
        life = max(token.expires_in, 0.0)
        self._fresh_until = asked + life - min(EARLY_SECONDS, life / 2)
        self._header = f"Bearer {token.access_token}"
        return self._header

    async def _request(self) -> _Token:
        import httpx

        try:
            async with httpx.AsyncClient(timeout=TOKEN_SECONDS) as client:
                response = await client.post(self._url, data=self._form)
        except httpx.HTTPError as error:
            raise NotReady(f"token server {self._url} cannot be reached: {error!r}") from error
        if response.is_server_error:
            raise NotReady(f"token server {self._url} answered {response.status_code}; try again later")
        if not response.is_success:
            said = response.text[:200]
            raise NotAllowed(f"token server {self._url} gave no token: {response.status_code} {said}")
        try:
            return msgspec.json.decode(response.content, type=_Token)
        except msgspec.DecodeError as error:
            raise NotAllowed(
                f"token server {self._url} answered something else than a token: {error}"
            ) from error
