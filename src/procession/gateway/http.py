"""What our HTTP servers have in common: they run on uvicorn, inside a context manager of ours."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn

from procession.errors import InvalidInput, ProcessionError
from procession.gateway.listen import Listen

BACKLOG = 2048


class HttpServer(uvicorn.Server):
    """Leaves signals to whoever runs it."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def bind(listen: Listen) -> socket.socket:
    """A socket that listens there.

    Raises:
        ProcessionError: nothing can.
    """
    family = socket.AF_INET6 if ":" in listen.host else socket.AF_INET
    try:
        return socket.create_server((listen.host, listen.port), family=family, backlog=BACKLOG)
    except OSError as error:
        raise ProcessionError(f"nothing can listen on {listen.address}: {error.strerror}") from None


def configured(app: Any, listen: Listen, **options: Any) -> uvicorn.Config:
    """Settings of a server for an ASGI application. What is worth a log line, we say ourselves.

    Args:
        options: more of uvicorn's.

    Raises:
        InvalidInput: the certificate or its key cannot be used.
    """
    if (listen.certificate is None) != (listen.key is None):
        raise InvalidInput("TLS needs both a certificate and its key")
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        lifespan="off",
        server_header=False,
        backlog=BACKLOG,
        ssl_certfile=listen.certificate,
        ssl_keyfile=listen.key,
        **options,
    )
    try:
        config.load()
    except OSError as error:  # what OpenSSL says is one, too
        raise InvalidInput(f"the certificate or its key cannot be used: {error}") from error
    return config
