"""Which headers go through, and which are added."""

from __future__ import annotations

from collections.abc import Iterable

Headers = list[tuple[bytes, bytes]]

# RFC 9110 7.6.1: of one connection only. `Expect` was answered by this server.
_OF_A_CONNECTION = frozenset(
    (
        b"connection",
        b"expect",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    )
)
_CHUNKED = (b"transfer-encoding", b"chunked")


def value(headers: Iterable[tuple[bytes, bytes]], name: bytes) -> bytes | None:
    """The first header of a name, in small letters."""
    return next((found for key, found in headers if key.lower() == name), None)


def to_server(headers: Headers, *, client: str, scheme: str, trusted: bool) -> Headers:
    """What a server gets: `Host` as the client sent it, and who that is in `X-Forwarded-*`.

    Args:
        client: its address.
        scheme: how it reached us.
        trusted: whether what it says in `X-Forwarded-*` is kept and added to; else it is dropped.
    """
    sent = _through(headers)
    if not trusted:
        sent = [(key, found) for key, found in sent if not _tells_of_clients(key)]
    if value(headers, b"transfer-encoding") is not None:
        sent.append(_CHUNKED)
    return sent + _forwarded(sent, value(headers, b"host") or b"", client, scheme)


def to_client(headers: Headers) -> Headers:
    """What the client gets of a server's answer."""
    return _through(headers)


def _through(headers: Headers) -> Headers:
    dropped = set(_OF_A_CONNECTION)
    for key, found in headers:
        if key.lower() == b"connection":
            dropped.update(name.strip().lower() for name in found.split(b","))
        elif key.lower() == b"transfer-encoding":
            dropped.add(b"content-length")  # never both: that is how requests are smuggled
    return [(key, found) for key, found in headers if key.lower() not in dropped]


def _tells_of_clients(key: bytes) -> bool:
    return key.lower() in (b"forwarded", b"x-real-ip") or key.lower().startswith(b"x-forwarded-")


def _forwarded(sent: Headers, host: bytes, client: str, scheme: str) -> Headers:
    """To be added; `sent` loses the list that is made longer."""
    before = [found for key, found in sent if key.lower() == b"x-forwarded-for"]
    sent[:] = [(key, found) for key, found in sent if key.lower() != b"x-forwarded-for"]
    added = [(b"x-forwarded-for", b", ".join([*before, client.encode()]))]
    for key, found in ((b"x-forwarded-proto", scheme.encode()), (b"x-forwarded-host", host)):
        if value(sent, key) is None:
            added.append((key, found))
    return added
