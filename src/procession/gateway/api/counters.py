"""What the gateway counts, as Prometheus reads it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from procession.gateway.api.routes import Routes
from procession.operations.registry import Served

CLIENT_GONE = 499
"""Counted where the client did not wait for the answer, as nginx writes it to its log."""


class Counters:
    """Since this gateway was started. Labels are of known cases only, so there are not too many."""

    def __init__(self) -> None:
        self.in_flight = 0
        self.answers: Counter[tuple[str, str, int]] = Counter()
        """By case, api and status; both empty where the gateway answered without having a route."""
        self.retries = 0
        """Requests sent to another server."""
        self.failures = 0
        """Servers that could not be connected to, or were lost before they answered."""
        self.broken = 0
        """Answers that ended in the middle."""

    def answered(self, served: Served | None, status: int) -> None:
        case, api = (served.case, served.api) if served is not None else ("", "")
        self.answers[case, api, status] += 1

    def text(self, routes: Routes) -> str:
        """The text format of Prometheus."""
        return "".join(f"{line}\n" for line in self._lines(routes))

    def _lines(self, routes: Routes) -> Iterator[str]:
        yield from _metric("requests_total", "counter", "Answered requests.")
        for (case, api, status), count in sorted(self.answers.items()):
            labels = f'case="{case}",api="{api}",status="{status}"'
            yield f"procession_gateway_requests_total{{{labels}}} {count}"
        states = routes.states()
        for name, kind, what, value in (
            ("retries_total", "counter", "Requests sent to another server.", self.retries),
            ("upstream_failures_total", "counter", "Refused or lost connections.", self.failures),
            ("broken_answers_total", "counter", "Answers that ended in the middle.", self.broken),
            ("in_flight", "gauge", "Requests under way.", self.in_flight),
            ("upstreams", "gauge", "Servers that get requests.", sum(1 for i in states if i.serves)),
            ("upstreams_down", "gauge", "Of these, failed a moment ago.", sum(1 for i in states if not i.up)),
        ):
            yield from _metric(name, kind, what)
            yield f"procession_gateway_{name} {value}"


def _metric(name: str, kind: str, what: str) -> tuple[str, str]:
    return f"# HELP procession_gateway_{name} {what}", f"# TYPE procession_gateway_{name} {kind}"
