"""What assertions say when they fail: what was expected, the path taken, where it waits and why."""

from __future__ import annotations

from collections.abc import Iterable

from procession.storage.searches import InstanceDetail, InstanceStatus, PathStep

MOST = 50
"""Lines of a section; the last ones are shown."""
LONGEST = 200
"""Characters of a variable's value."""
_MARKS = {
    InstanceStatus.ACTIVE: " (active)",
    InstanceStatus.COMPLETED: "",
    InstanceStatus.TERMINATED: " (terminated)",
}


def report(expected: str, detail: InstanceDetail) -> str:
    """A failure message of several lines."""
    info = detail.info
    lines = [
        f"instance {info.key} of process {info.process_id!r} ({info.state.lower()}): expected {expected}",
        *_section("path taken", (_step(step) for step in detail.path)),
        *_section("waits at", (f"{place.element_id}: {place.reason}" for place in detail.waiting)),
        *_section("incidents", (f"{i.element_id}: {i.type} {i.message}" for i in detail.incidents)),
        *_section("variables", (f"{name} = {_short(value)}" for name, value in detail.variables.items())),
    ]
    return "\n".join(lines)


def _section(title: str, lines: Iterable[str]) -> Iterable[str]:
    rows = list(lines)
    if not rows:
        return [f"  {title}: nothing"]
    left_out = [f"    ... {len(rows) - MOST} before these"] if len(rows) > MOST else []
    return [f"  {title}:", *left_out, *(f"    {row}" for row in rows[-MOST:])]


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}..."


def _step(step: PathStep) -> str:
    counter = f" #{step.loop_counter}" if step.loop_counter else ""
    return f"{'  ' * step.depth}{step.element_id}{counter}{_MARKS[step.state]}"
