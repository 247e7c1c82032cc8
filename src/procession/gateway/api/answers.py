"""What the gateway answers itself."""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

import msgspec

from procession.operations.registry import Served

RETRY_SECONDS = 2
"""What `Retry-After` says."""


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """A whole answer."""

    status: int
    content_type: bytes
    body: bytes
    retry: bool = False
    """Whether trying again later may help."""

    @property
    def headers(self) -> list[tuple[bytes, bytes]]:
        headers = [
            (b"content-type", self.content_type),
            (b"content-length", b"%d" % len(self.body)),
            (b"cache-control", b"no-store"),
        ]
        return headers + ([(b"retry-after", b"%d" % RETRY_SECONDS)] if self.retry else [])


def text(body: str) -> Answer:
    return Answer(status=200, content_type=b"text/plain; version=0.0.4; charset=utf-8", body=body.encode())


def json(status: int, value: Any) -> Answer:
    return Answer(status=status, content_type=b"application/json", body=msgspec.json.encode(value))


def _problem(status: HTTPStatus, detail: str, *, retry: bool = False, **more: Any) -> Answer:
    """A problem as RFC 9457 has it."""
    value = {"type": "about:blank", "title": status.phrase, "status": status, "detail": detail, **more}
    body = msgspec.json.encode(value)
    return Answer(status=status, content_type=b"application/problem+json", body=body, retry=retry)


def unknown_case(case: str, cases: Sequence[str]) -> Answer:
    known = f"known are {', '.join(cases)}" if cases else "none is known"
    detail = f"no business case {case!r} here, {known}; paths are /case/api/..."
    return _problem(HTTPStatus.NOT_FOUND, detail, cases=cases)


def unknown_api(case: str, api: str, versions: Sequence[str]) -> Answer:
    detail = f"business case {case} has no api {api!r}, known are {', '.join(versions)}"
    return _problem(HTTPStatus.NOT_FOUND, detail, case=case, versions=versions)


def no_server(served: Served) -> Answer:
    detail = f"no server for {served.case} {served.api} takes requests now; try again later"
    return _problem(HTTPStatus.SERVICE_UNAVAILABLE, detail, retry=True)


def overloaded(limit: int) -> Answer:
    detail = f"{limit} requests are under way, as many as this gateway accepts; try again later"
    return _problem(HTTPStatus.SERVICE_UNAVAILABLE, detail, retry=True)


def lost(served: Served) -> Answer:
    detail = (
        f"the server for {served.case} {served.api} was lost before it answered: the request may have been "
        "carried out or not. With an Idempotency-Key it would have been sent to another one"
    )
    return _problem(HTTPStatus.BAD_GATEWAY, detail)


def late(served: Served) -> Answer:
    detail = f"the server for {served.case} {served.api} did not answer in time; it may still be at it"
    return _problem(HTTPStatus.GATEWAY_TIMEOUT, detail)


def malformed(why: str) -> Answer:
    return _problem(HTTPStatus.BAD_REQUEST, f"this request cannot be passed on: {why}")


SLOW_CLIENT = _problem(HTTPStatus.REQUEST_TIMEOUT, "the rest of the request's body did not come")
DOT_SEGMENTS = _problem(HTTPStatus.BAD_REQUEST, "a path may not have . or .. as a segment")
