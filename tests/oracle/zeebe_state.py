"""The state of scenarios, from the records a Zeebe exports."""

from __future__ import annotations

import re
import threading
from collections import defaultdict
from collections.abc import Callable
from typing import Any

from tests.oracle.recorder import Record
from tests.oracle.state import Element, Incident, Job, State, Subscription, Timer

SUFFIX = re.compile(r"_z[0-9a-f]+z$")
"""How the names of a scenario end."""

Value = dict[str, Any]


class Story:
    """What was recorded of one scenario."""

    def __init__(self) -> None:
        self.state = State()
        self.changed = 0
        """When something happened last, in epoch milliseconds of the broker."""


class Stories:
    """A listener for records: takes each to the scenario it belongs to."""

    def __init__(self) -> None:
        self._stories: dict[str, Story] = defaultdict(Story)
        self._of_instance: dict[int, Story] = {}
        self._lock = threading.Lock()
        self.published: dict[str, int] = {}
        """Names of the messages that have been published, and when."""

    def story(self, suffix: str) -> Story:
        with self._lock:
            return self._stories[suffix]

    def lines(self, suffix: str) -> list[str]:
        with self._lock:
            return self._stories[suffix].state.lines()

    def read(self, suffix: str, question: Callable[[State], Any]) -> Any:
        """What `question` answers, while nothing changes."""
        with self._lock:
            return question(self._stories[suffix].state)

    def __call__(self, record: Record) -> None:
        kind, intent, value = record["valueType"], record["intent"], record["value"]
        if kind == "MESSAGE" and intent == "PUBLISHED":
            self.published[value["name"]] = record["timestamp"]
        with self._lock:
            story = self._story_of(value)
            if story is not None and kind in _READERS:
                story.changed = record["timestamp"]
                _READERS[kind](story.state, record["key"], intent, value)

    def _story_of(self, value: Value) -> Story | None:
        instance = value.get("processInstanceKey", -1)
        found = SUFFIX.search(value.get("bpmnProcessId", ""))
        if found is not None:
            story = self._of_instance[instance] = self._stories[found.group()]
            return story
        return self._of_instance.get(instance)


def _process_instance(state: State, key: int, intent: str, value: Value) -> None:
    if not intent.startswith("ELEMENT_"):
        return  # commands and sequence flows
    now = intent.removeprefix("ELEMENT_")
    if now == "MIGRATED":
        known = state.instances.get(key) or state.elements.get(key)
        now = known.state if known else "ACTIVATED"
    if value["bpmnElementType"] == "PROCESS":
        state.instances[key] = Element(key=key, instance=key, element=value["bpmnProcessId"], state=now)
    else:
        state.elements[key] = Element(
            key=key, instance=value["processInstanceKey"], element=value["elementId"], state=now
        )


def _variable(state: State, key: int, intent: str, value: Value) -> None:
    if intent != "MIGRATED":  # which tells no value
        state.variables.setdefault(value["scopeKey"], {})[value["name"]] = value["value"]


def _incident(state: State, key: int, intent: str, value: Value) -> None:
    if intent in ("CREATED", "MIGRATED"):
        state.incidents[key] = Incident(
            key=key,
            instance=value["processInstanceKey"],
            element=_element_of(state, value),
            type=value["errorType"],
        )
    elif intent == "RESOLVED":
        state.incidents.pop(key, None)
        job = state.jobs.get(value["jobKey"])
        if job is not None:
            job.state = "OPEN"


def _element_of(state: State, value: Value) -> str:
    """A job that threw an error names no element any more, but still its instance."""
    element = state.elements.get(value["elementInstanceKey"])
    return str(element.element if element else value["elementId"])


_NO_CATCHER = "NO_CATCH_EVENT_FOUND"
"""The element of a job whose error nobody catches."""
_JOB_ENDS = ("COMPLETED", "CANCELED")


def _job(state: State, key: int, intent: str, value: Value) -> None:
    if intent in _JOB_ENDS:
        state.jobs.pop(key, None)
        return
    now = "OPEN"
    if intent == "ERROR_THROWN":
        if value["elementId"] != _NO_CATCHER:
            state.jobs.pop(key, None)
            return
        now = "ERROR_THROWN"
    elif intent in ("FAILED", "RETRIES_UPDATED", "TIMEOUT_UPDATED", "MIGRATED"):
        known = state.jobs.get(key)
        before = known.state if known else now
        now = before if intent != "FAILED" else "OPEN" if value["retries"] > 0 else "FAILED"
    state.jobs[key] = Job(
        key=key,
        instance=value["processInstanceKey"],
        element=_element_of(state, value),
        type=value["type"],
        retries=value["retries"],
        state=now,
    )


def _timer(state: State, key: int, intent: str, value: Value) -> None:
    if intent in ("CREATED", "MIGRATED"):
        state.timers[key] = Timer(
            instance=value["processInstanceKey"], target=value["targetElementId"], due=value["dueDate"]
        )
    else:
        state.timers.pop(key, None)


def _subscription(state: State, key: int, intent: str, value: Value) -> None:
    if intent in ("CREATING", "CREATED", "MIGRATED"):
        state.subscriptions[key] = Subscription(
            instance=value["processInstanceKey"],
            name=value["messageName"],
            key=value["correlationKey"],
            target=value["elementId"],
        )
    elif intent in ("DELETING", "DELETED") or (intent == "CORRELATED" and value["interrupting"]):
        state.subscriptions.pop(key, None)


_READERS: dict[str, Callable[[State, int, str, Value], None]] = {
    "PROCESS_INSTANCE": _process_instance,
    "VARIABLE": _variable,
    "INCIDENT": _incident,
    "JOB": _job,
    "TIMER": _timer,
    "PROCESS_MESSAGE_SUBSCRIPTION": _subscription,
}
