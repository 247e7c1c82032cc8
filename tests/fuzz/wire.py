"""Connections that do not speak the protocol, or stop in the middle of it."""

from __future__ import annotations

import contextlib
import random
import socket
from collections.abc import Callable

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
SETTINGS = b"\0\0\0\4\0\0\0\0\0"
PATH = b"/gateway_protocol.Gateway/Topology"
CONNECT_SECONDS = 30.0
PATIENCE = 0.2
"""Seconds for an answer that nobody needs."""


def _bytes(rng: random.Random) -> bytes:
    return rng.randbytes(rng.choice((1, 9, 100, 10_000)))


def _http1(rng: random.Random) -> bytes:
    return rng.choice((b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"POST / HTTP/1.0\r\n\r\n" + rng.randbytes(50)))


def _tls(rng: random.Random) -> bytes:
    return b"\x16\x03\x01\x02\x00\x01" + rng.randbytes(100)


def _frame(rng: random.Random) -> bytes:
    """A frame of a random kind, mostly of the length that it claims."""
    body = rng.randbytes(rng.choice((0, 4, 5, 8, 17, 1000)))
    length = len(body) if rng.random() < 0.8 else rng.randrange(2**24)
    stream = rng.choice((0, 1, 2, 3, 2**31 - 1))
    kind, flags = rng.randrange(12), rng.randrange(256)
    return length.to_bytes(3) + bytes((kind, flags)) + stream.to_bytes(4) + body


def _frames(rng: random.Random) -> bytes:
    return PREFACE + SETTINGS + b"".join(_frame(rng) for _ in range(rng.randrange(1, 30)))


def _truncated(rng: random.Random) -> bytes:
    """A call that begins well."""
    begun = (
        PREFACE + SETTINGS + _headers() + _data(rng.randbytes(40), claimed=rng.choice((40, 400, 2**32 - 1)))
    )
    return begun[: rng.randrange(1, len(begun) + 1)]


def _headers() -> bytes:
    """The headers of a call, each literal and not indexed."""
    fields = (
        (b":method", b"POST"),
        (b":scheme", b"http"),
        (b":path", PATH),
        (b":authority", b"x"),
        (b"te", b"trailers"),
        (b"content-type", b"application/grpc"),
    )
    block = b"".join(
        b"\0" + bytes((len(name),)) + name + bytes((len(value),)) + value for name, value in fields
    )
    return len(block).to_bytes(3) + b"\1\4" + (1).to_bytes(4) + block


def _data(body: bytes, *, claimed: int) -> bytes:
    message = b"\0" + claimed.to_bytes(4) + body
    return len(message).to_bytes(3) + b"\0\1" + (1).to_bytes(4) + message


ATTACKS: tuple[Callable[[random.Random], bytes], ...] = (_bytes, _http1, _tls, _frames, _frames, _truncated)


def attack(address: str, rng: random.Random) -> None:
    """Send something, and leave in some way."""
    # It must be accepted; after that the server may close it whenever it likes.
    with _connected(address) as connection, contextlib.suppress(OSError):
        connection.sendall(rng.choice(ATTACKS)(rng))
        if rng.random() < 0.5:
            connection.shutdown(socket.SHUT_WR)
        if rng.random() < 0.5:
            connection.recv(1000)


def half_open(address: str, rng: random.Random) -> socket.socket:
    """A connection that began something and stays silent."""
    connection = _connected(address)
    with contextlib.suppress(OSError):
        connection.sendall(_truncated(rng))
    return connection


def _connected(address: str) -> socket.socket:
    host, _, port = address.rpartition(":")
    connection = socket.create_connection((host, int(port)), timeout=CONNECT_SECONDS)
    connection.settimeout(PATIENCE)
    return connection
