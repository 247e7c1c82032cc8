"""Clients that ask for signs of life: HTTP/2 PING frames (RFC 9113 section 6.7)."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import IO

import pytest

from tests.gateway.servers import Served

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
SETTINGS, PING, GOAWAY = 4, 6, 7
ACK = 1
SECONDS = 60.0


def frame(kind: int, body: bytes = b"") -> bytes:
    return len(body).to_bytes(3) + bytes((kind, 0)) + bytes(4) + body


def next_frame(connection: IO[bytes]) -> tuple[int, int, bytes]:
    """Its kind, flags and body."""
    head = connection.read(9)
    assert len(head) == 9, "the server closed the connection"
    return head[3], head[4], connection.read(int.from_bytes(head[:3]))


@pytest.fixture
def connection(own_server: Served) -> Iterator[IO[bytes]]:
    """A connection without calls."""
    host, _, port = own_server.address.rpartition(":")
    with socket.create_connection((host, int(port)), SECONDS) as one, one.makefile("rwb") as file:
        file.write(PREFACE + frame(SETTINGS))
        file.flush()
        yield file


def test_a_client_may_ping_as_often_as_it_likes(connection: IO[bytes]) -> None:
    for number in range(50):
        sent = number.to_bytes(8)
        connection.write(frame(PING, sent))
        connection.flush()
        while (found := next_frame(connection)) != (PING, ACK, sent):
            assert found[0] != GOAWAY, f"after {number} pings: {found[2]!r}"
