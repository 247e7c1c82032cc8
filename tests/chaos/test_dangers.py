"""The dangers themselves: the same from the same seed, and a network that fails as it is told to."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import closing

import pytest

from .dangers import EVERYTHING, draws
from .proxy import Proxy


def test_a_seed_draws_the_same_dangers_and_each_kind_of_them() -> None:
    first, again = (list(draws(7, EVERYTHING, len(EVERYTHING), 1.0, 15.0)) for _ in range(2))
    assert first == again
    assert first != list(draws(8, EVERYTHING, len(EVERYTHING), 1.0, 15.0))
    assert sorted(draw.kind for draw in first) == sorted(EVERYTHING)
    assert all(0 <= draw.after <= 2 and 0.1 <= draw.pause <= 15 for draw in first)


@pytest.fixture
def heard() -> list[bytes]:
    """What the server was told."""
    return []


@pytest.fixture
def proxy(heard: list[bytes]) -> Iterator[Proxy]:
    """A way to a server that answers one connection with what it hears."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                while data := _received(connection):
                    heard.append(data)
                    connection.sendall(data)

        thread = threading.Thread(target=serve)
        thread.start()
        with closing(Proxy(server.getsockname()[1])) as made:
            yield made
        thread.join()


def _received(connection: socket.socket) -> bytes:
    try:
        return connection.recv(100)
    except ConnectionError:
        return b""


def test_a_connection_is_forwarded_slowly_and_cut(proxy: Proxy) -> None:
    with socket.create_connection(("127.0.0.1", proxy.port), timeout=20) as client:
        client.sendall(b"one")
        assert _received(client) == b"one"
        proxy.delay(0.05)
        client.sendall(b"two")
        assert _received(client) == b"two"
        assert proxy.cut(1.0, 0) == 1
        assert _received(client) == b""


def test_answers_are_lost_while_what_was_asked_arrives(proxy: Proxy, heard: list[bytes]) -> None:
    with socket.create_connection(("127.0.0.1", proxy.port), timeout=20) as client:
        client.sendall(b"one")
        assert _received(client) == b"one"
        assert proxy.swallow(1.0, 0) == 1
        client.sendall(b"two")
        while heard != [b"one", b"two"]:
            threading.Event().wait(0.01)
        proxy.cut_swallowed()
        assert _received(client) == b""
