"""URLs of remote servers."""

from __future__ import annotations

import pytest

from procession import InvalidInput
from procession.client.remote.address import is_remote, parse, shown


def test_which_urls_are_remote() -> None:
    assert is_remote("grpc://host")
    assert is_remote("grpcs://host:1")
    assert not is_remote("sqlite:///grpc.db")
    assert not is_remote("postgresql://grpc/db")
    assert not is_remote("grpc")


@pytest.mark.parametrize(
    ("url", "target", "tls", "loopback"),
    [
        ("grpc://zeebe", "zeebe:26500", False, False),
        ("grpcs://zeebe:443/", "zeebe:443", True, False),
        ("grpc://127.0.0.1:5", "127.0.0.1:5", False, True),
        ("grpc://[::1]:5", "[::1]:5", False, True),
        ("grpc://localhost", "localhost:26500", False, True),
    ],
)
def test_a_url_says_where_and_how(url: str, target: str, tls: bool, loopback: bool) -> None:
    found = parse(url)
    assert (found.target, found.tls, found.loopback) == (target, tls, loopback)


@pytest.mark.parametrize(
    "url", ["grpc://", "grpc://h/path", "grpc://h?x=1", "grpc://h?ca=a.pem", "grpc://h:0"]
)
def test_what_is_not_understood_is_refused(url: str) -> None:
    with pytest.raises(InvalidInput):
        parse(url)


def test_a_port_that_is_none_is_refused() -> None:
    with pytest.raises(InvalidInput):
        parse("grpc://host:port")


async def test_a_user_in_the_url_is_sent_but_not_shown() -> None:
    credentials = parse("grpcs://me:s%40cret@host").credentials
    assert credentials is not None
    assert await credentials.authorization() == "Basic bWU6c0BjcmV0"
    assert shown("grpcs://me:s%40cret@host") == "grpcs://me@host"
