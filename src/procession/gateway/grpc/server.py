"""The gRPC server: a node, the services on it, and its health; stops within seconds."""

from __future__ import annotations

import asyncio
import contextlib
from types import TracebackType
from typing import Self

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc  # type: ignore[import-untyped] # has no stubs
from grpc_health.v1.health import aio as health  # type: ignore[import-untyped] # has no stubs

from procession.broker import Inbox, Node, Readiness
from procession.errors import InvalidInput, ProcessionError
from procession.gateway.grpc import results, service
from procession.gateway.grpc.core import Core
from procession.gateway.listen import Listen
from procession.storage import open_storage

REQUEST_BYTES = 4 * 1024 * 1024 + 256 * 1024
"""The largest request: the largest variables, and what is around them."""
GRACE_SECONDS = 3.0
"""How long calls under way may take when the server stops."""
HEALTH_SECONDS = 1.0
_HEALTH_OF = ("", service.SERVICE)


def _options(listen: Listen) -> list[tuple[str, int]]:
    return [
        ("grpc.max_receive_message_length", REQUEST_BYTES),
        ("grpc.max_send_message_length", -1),
        ("grpc.so_reuseport", int(listen.shared)),
        # grpc cancels some of what waits to be looked at from 1,000 on; admission answers it, with a reason.
        ("grpc.server.max_pending_requests", 100_000),
        ("grpc.server.max_pending_requests_hard_limit", 100_000),
        # Clients ping as often as they like (Zeebe's: every 45 s), also while nothing is under way: an
        # answer costs next to nothing, and being told off would break the calls of the connection.
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.http2.max_ping_strikes", 0),
        # A worker whose machine is gone must not be handed jobs until TCP notices. Connections that are
        # only idle stay: closing them would make every client connect again for its next call.
        ("grpc.keepalive_time_ms", 30_000),
        ("grpc.keepalive_timeout_ms", 10_000),
        ("grpc.http2.ping_timeout_ms", 10_000),  # what newer versions go by
        ("grpc.http2.max_pings_without_data", 0),
    ]


class GrpcServer:
    """A context manager: it serves from entering to leaving, on the event loop it was entered on."""

    def __init__(self, url: str, listen: Listen, *, upgrade: bool = True) -> None:
        self.url = url
        self.listen = listen
        self.port = listen.port
        """Where it listens: known once it does, if the port was left to the system."""
        self._upgrade = upgrade

    async def __aenter__(self) -> Self:
        """Open the database, and serve.

        Raises:
            StorageError: the database cannot be used.
            InvalidInput: it cannot listen there, or the certificate cannot be used.
        """
        credentials = _credentials(self.listen)
        storage = await asyncio.to_thread(open_storage, self.url, upgrade=self._upgrade)
        self._node = Node(storage)
        self._node.start()
        try:
            await self._serve(credentials)
        except BaseException:
            await asyncio.to_thread(self._node.stop)
            raise
        return self

    async def _serve(self, credentials: grpc.ServerCredentials | None) -> None:
        self._core = Core(self._node, Inbox(asyncio.get_running_loop()))
        self._server = grpc.aio.server(options=_options(self.listen))
        self._health = health.HealthServicer()
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        self._server.add_generic_rpc_handlers((service.handler(self._core), results.handler(self._core)))
        self.port = _bind(self._server, self.listen, credentials)
        self._core.host, self._core.port = self.listen.host, self.port
        await self._tell_health()
        await self._server.start()
        self._watch = asyncio.create_task(self._watch_health())

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Take no more calls, end those that wait, finish the others, and stop the node."""
        self._watch.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._watch
        await self._health.enter_graceful_shutdown()
        stopping = asyncio.create_task(self._server.stop(GRACE_SECONDS))
        await asyncio.sleep(0)  # it has begun: no new call comes in
        self._core.stop()
        await stopping
        await asyncio.to_thread(self._node.stop)

    def readiness(self) -> Readiness:
        """Whether it can work, and if not, why."""
        return self._node.health.readiness()

    async def _watch_health(self) -> None:
        while True:
            await asyncio.sleep(HEALTH_SECONDS)
            await self._tell_health()

    async def _tell_health(self) -> None:
        states = health_pb2.HealthCheckResponse
        state = states.SERVING if self.readiness().ready else states.NOT_SERVING
        for name in _HEALTH_OF:
            await self._health.set(name, state)


def _credentials(listen: Listen) -> grpc.ServerCredentials | None:
    if listen.certificate is None and listen.key is None:
        return None
    if listen.certificate is None or listen.key is None:
        raise InvalidInput("TLS needs both a certificate and its key")
    try:
        pair = (listen.key.read_bytes(), listen.certificate.read_bytes())
    except OSError as error:
        raise InvalidInput(f"file {error.filename} cannot be read: {error.strerror}") from None
    return grpc.ssl_server_credentials([pair])


def _bind(server: grpc.aio.Server, listen: Listen, credentials: grpc.ServerCredentials | None) -> int:
    try:
        if credentials is None:
            return server.add_insecure_port(listen.address)
        return server.add_secure_port(listen.address, credentials)
    except RuntimeError as error:
        raise ProcessionError(f"nothing can listen on {listen.address}: {error}") from None
