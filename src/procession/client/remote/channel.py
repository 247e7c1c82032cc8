"""The connection to a server: made again by itself, watched, and used with credentials."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import ssl
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import grpc
from pyzeebe.proto.gateway_pb2_grpc import GatewayStub

from procession.broker import Readiness
from procession.client.remote.statuses import error_of
from procession.client.remote.stubs import pb
from procession.errors import InvalidInput, NotReady, ProcessionError

if TYPE_CHECKING:
    from procession.client.credentials import Credentials
    from procession.client.remote.address import Address

log = logging.getLogger("procession.remote")

LOOK_SECONDS = 1.0
GREET_SECONDS = 20.0
MESSAGE_BYTES = 64_000_000
"""The largest answer that is taken: a poll may bring many jobs of up to 4 MB each."""
OPTIONS: list[tuple[str, int | str]] = [
    # Attempts to connect: after 0.1 s, each time 1.6 times later and a fifth at random, up to 5 s.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 1_000),
    ("grpc.max_reconnect_backoff_ms", 5_000),
    # A silent connection with open calls is asked for a sign of life; Zeebe takes no offence at 30 s.
    ("grpc.keepalive_time_ms", 45_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.http2.ping_timeout_ms", 10_000),  # what newer versions go by
    ("grpc.max_receive_message_length", MESSAGE_BYTES),
    ("grpc.max_send_message_length", MESSAGE_BYTES),
    # Jobs that are pushed while no slot is free are leased in the network's buffers: 64 KB would hold
    # hundreds, and probing for bandwidth makes that megabytes. Large answers get the room they need.
    ("grpc.http2.bdp_probe", 0),
    ("grpc.http2.lookahead_bytes", 8_192),
    ("grpc.enable_retries", 0),  # what may be repeated is decided here, by command
    ("grpc.use_local_subchannel_pool", 1),  # two apps in one process are two connections
]
AWAIT_RESULT = "/procession.Instances/AwaitResult"
"""Procession's own extra service: Zeebe has no call that waits for an instance which runs already."""


class Channel:
    """Calls on one server. Belongs to the event loop that it was made on."""

    def __init__(self, address: Address, credentials: Credentials | None) -> None:
        credentials = credentials or address.credentials
        if credentials is not None and not (address.tls or address.loopback or credentials.allow_plaintext):
            raise InvalidInput(
                f"credentials are not sent to {address.target} in plain text: use grpcs://, "
                "or give them allow_plaintext=True"
            )
        self.target = address.target
        self._credentials = credentials
        self._channel = _open(address)
        stub = GatewayStub(self._channel)
        self._methods: dict[str, Any] = vars(stub)
        self._await_result: Any = self._channel.unary_unary(AWAIT_RESULT)
        self._answered = False
        self._ready = False
        self._reason = f"no connection to {self.target} yet"
        self._since = datetime.now(UTC)
        self._denied: str | None = None
        """What the server said when it last refused the credentials."""
        self._closed = False
        self._note()

    def _note(self) -> None:
        """Note each second whether there is a connection, and have it made if not.

        Waiting for the change instead would leave an event behind for a loop that may be closed by then.
        """
        state = self._channel.get_state(try_to_connect=True)
        ready = state is grpc.ChannelConnectivity.READY
        if ready != self._ready:
            self._ready, self._since = ready, datetime.now(UTC)
            log.info("%s %s", "connected to" if ready else "lost the connection to", self.target)
        if self._answered:
            self._reason = f"the connection to {self.target} is lost; it is being made again"
        elif state is grpc.ChannelConnectivity.TRANSIENT_FAILURE:
            self._reason = f"server {self.target} cannot be reached; trying on"
        self._ticker = asyncio.get_running_loop().call_later(LOOK_SECONDS, self._note)

    @property
    def connected(self) -> bool:
        """Whether there is a connection now."""
        return self._channel.get_state() is grpc.ChannelConnectivity.READY

    async def greet(self) -> None:
        """Wait for the connection, and for the server's first answer.

        Raises:
            ProcessionError: as `ask`.
        """
        await self.ask("Topology", pb.TopologyRequest(), GREET_SECONDS, wait=True)
        self._answered = True
        self._ticker.cancel()
        self._note()

    def readiness(self) -> Readiness:
        if self._denied is not None:
            return Readiness(ready=False, since=self._since, reason=self._denied)
        ready = self._ready and self._answered
        return Readiness(ready=ready, since=self._since, reason=None if ready else self._reason)

    def check(self) -> None:
        """Calls before the first connection are refused at once.

        Raises:
            NotReady: there has not been one, or the channel is closed.
        """
        if self._closed:
            raise NotReady("the app was left; do this inside `async with app:`")
        if not self._answered:
            raise NotReady(self._reason)

    async def ask(self, name: str, request: Any, timeout: float, *, wait: bool = False) -> Any:
        """Call, and answer the response. With `wait` it is sent when there is a connection again.

        Raises:
            ProcessionError: as `statuses` maps what the server answers.
        """
        return await self._ask(name, self._methods[name], request, timeout, wait)

    async def await_result(self, request: bytes, timeout: float) -> bytes:
        """Call Procession's own service (see `AWAIT_RESULT`).

        Raises:
            ProcessionError: as `ask`.
        """
        answer: bytes = await self._ask("AwaitResult", self._await_result, request, timeout, wait=True)
        return answer

    async def _ask(self, name: str, method: Any, request: Any, timeout: float, wait: bool) -> Any:
        for first in (True, False):
            metadata = await self._metadata()
            try:
                answer = await method(request, timeout=timeout, metadata=metadata, wait_for_ready=wait)
                self._denied = None
                return answer
            except grpc.aio.AioRpcError as error:
                if not (first and self._was_refused(error, metadata)):
                    raise self._meaning(error, name) from error
        raise AssertionError("the second try answers or raises")

    @contextlib.asynccontextmanager
    async def stream(
        self, name: str, request: Any, timeout: float | None = None, *, wait: bool = False
    ) -> AsyncIterator[Any]:
        """A call whose response is a stream; it is cancelled when this is left.

        Raises:
            ProcessionError: as `ask`, from whatever reads it.
        """
        metadata = await self._metadata()
        call = self._methods[name](request, timeout=timeout, metadata=metadata, wait_for_ready=wait)
        try:
            yield call
            self._denied = None
        except grpc.aio.AioRpcError as error:
            self._was_refused(error, metadata)
            raise self._meaning(error, name) from error
        finally:
            call.cancel()

    async def _metadata(self) -> tuple[tuple[str, str], ...]:
        if self._credentials is None:
            return ()
        return (("authorization", await self._credentials.authorization()),)

    def _was_refused(self, error: grpc.aio.AioRpcError, metadata: tuple[tuple[str, str], ...]) -> bool:
        """Whether other credentials may be accepted, and can be had."""
        if error.code() is not grpc.StatusCode.UNAUTHENTICATED or self._credentials is None:
            return False
        return self._credentials.refused(metadata[0][1])

    def _meaning(self, error: grpc.aio.AioRpcError, name: str) -> ProcessionError:
        if self._closed:
            return NotReady("the app was left before the answer came")
        if error.code() is grpc.StatusCode.UNAUTHENTICATED:
            self._denied = f"server {self.target} refuses the credentials: {error.details()}"
        return error_of(error, name)

    async def close(self) -> None:
        self._closed = True
        self._ticker.cancel()
        await self._channel.close()


def _open(address: Address) -> grpc.aio.Channel:
    if not address.tls:
        return grpc.aio.insecure_channel(address.target, options=OPTIONS)
    ca = address.ca or ssl.get_default_verify_paths().cafile  # the system's, or that of SSL_CERT_FILE
    try:
        roots = None if ca is None else Path(ca).read_bytes()
    except OSError as error:
        raise InvalidInput(f"file {ca} with certificates cannot be read: {error.strerror}") from error
    return grpc.aio.secure_channel(address.target, grpc.ssl_channel_credentials(roots), options=OPTIONS)
