"""What has become of a scenario's process instances, in the same words for both servers."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

from msgspec import Struct, field

ENDED = ("COMPLETED", "TERMINATED")


class Job(Struct, kw_only=True):
    key: int
    instance: int
    element: str
    type: str
    retries: int
    state: str
    """OPEN, FAILED, or ERROR_THROWN."""


class Timer(Struct, kw_only=True):
    instance: int
    target: str
    due: int
    """Epoch milliseconds."""


class Subscription(Struct, kw_only=True):
    """A message that is waited for."""

    instance: int
    name: str
    key: str
    target: str


class Incident(Struct, kw_only=True):
    key: int
    instance: int
    element: str
    type: str


class Element(Struct, kw_only=True):
    """An element instance; or a process instance, whose `element` is its process id."""

    key: int
    instance: int
    element: str
    state: str

    @property
    def shown(self) -> str:
        """How far an element has come in being entered or left is a server's own business."""
        return self.state if self.state in ENDED else "ACTIVE"


class State(Struct, kw_only=True):
    """Everything by key. `variables` are JSON texts by scope key and name."""

    instances: dict[int, Element] = field(default_factory=dict)
    elements: dict[int, Element] = field(default_factory=dict)
    variables: dict[int, dict[str, str]] = field(default_factory=dict)
    incidents: dict[int, Incident] = field(default_factory=dict)
    """Open ones only; so are jobs, timers and subscriptions."""
    jobs: dict[int, Job] = field(default_factory=dict)
    timers: dict[int, Timer] = field(default_factory=dict)
    subscriptions: dict[int, Subscription] = field(default_factory=dict)

    @property
    def is_over(self) -> bool:
        return all(one.state in ENDED for one in self.instances.values())

    def lines(self) -> list[str]:
        """One paragraph per process instance, in an order that does not depend on keys."""
        paragraphs = sorted(self._paragraph(one) for one in self.instances.values())
        return [line for paragraph in paragraphs for line in paragraph]

    def _paragraph(self, instance: Element) -> list[str]:
        key = instance.key
        mine = [one for one in self.elements.values() if one.instance == key]
        active = [one for one in mine if one.state not in ENDED]
        lines = [f"instance of {instance.element}: {instance.shown}"]
        lines += _counted(f"{one.element}: {one.shown}" for one in mine)
        lines += sorted(self._variables([instance, *active]))
        lines += _counted(
            f"incident at {one.element}: {one.type}" for one in self.incidents.values() if one.instance == key
        )
        lines += _counted(
            f"job {one.type} at {one.element}: {one.state}, retries {max(one.retries, 0)}"
            for one in self.jobs.values()
            if one.instance == key
        )
        lines += _counted(f"timer for {one.target}" for one in self.timers.values() if one.instance == key)
        lines += _counted(
            f"message {one.name} with key {one.key!r} for {one.target}"
            for one in self.subscriptions.values()
            if one.instance == key
        )
        return [lines[0], *(f"  {line}" for line in lines[1:])]

    def _variables(self, scopes: list[Element]) -> list[str]:
        named = ((scope.element, self.variables.get(scope.key)) for scope in scopes)
        return [f"variables of {element}: {written(values)}" for element, values in named if values]


def written(texts: dict[str, str]) -> str:
    """Variables given as JSON texts, by name."""
    return shown({name: json.loads(text) for name, text in texts.items()})


def shown(value: Any) -> str:
    """JSON with sorted names; fractions stay fractions (1.0 is not 1)."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False)


def _counted(lines: Any) -> list[str]:
    return [line if count == 1 else f"{line} (x{count})" for line, count in sorted(Counter(lines).items())]
