"""Where a remote server is: `grpc://host:port`, or `grpcs://` with TLS."""

from __future__ import annotations

import ipaddress
from pathlib import Path
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

import msgspec

from procession.client.credentials import BasicCredentials, Credentials
from procession.errors import InvalidInput

PORT = 26500
_SCHEMES = {"grpc": False, "grpcs": True}


class Address(msgspec.Struct, frozen=True, kw_only=True):
    """A server, and how to reach it."""

    target: str
    """HOST:PORT."""
    tls: bool
    loopback: bool
    ca: Path | None
    """Certificates (PEM) to trust instead of the system's."""
    credentials: Credentials | None
    """A user and password in the URL."""


def is_remote(url: str) -> bool:
    """Whether a URL names a gRPC server, and not a database."""
    return url.partition("://")[0] in _SCHEMES and "://" in url


def parse(url: str) -> Address:
    """Read `grpc[s]://[user:password@]host[:port][?ca=FILE]`.

    Raises:
        InvalidInput: it cannot be understood.
    """
    parts = urlsplit(url)
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    ca = options.pop("ca", None)
    tls = _SCHEMES[parts.scheme]
    host = parts.hostname
    if not host or parts.path not in ("", "/") or options or (ca is not None and not tls):
        raise InvalidInput(
            f"server URL {shown(url)!r} is not understood; write grpc://host:{PORT}, or with TLS "
            f"grpcs://host:{PORT} or grpcs://host:{PORT}?ca=/path/to/ca.pem"
        )
    user = None
    if parts.username is not None:
        user = BasicCredentials(unquote(parts.username), unquote(parts.password or ""))
    name = f"[{host}]" if ":" in host else host
    return Address(
        target=f"{name}:{_port(parts, url)}",
        tls=tls,
        loopback=_is_loopback(host),
        ca=None if ca is None else Path(ca),
        credentials=user,
    )


def shown(url: str) -> str:
    """The URL without its password."""
    head, separator, rest = url.partition("://")
    user, at, host = rest.rpartition("@")
    return f"{head}{separator}{user.partition(':')[0]}{at}{host}"


def _port(parts: SplitResult, url: str) -> int:
    try:
        port = parts.port
    except ValueError as error:
        raise InvalidInput(f"server URL {shown(url)!r}: {error}") from error
    if port == 0:
        raise InvalidInput(f"server URL {shown(url)!r} names port 0")
    return PORT if port is None else port


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
