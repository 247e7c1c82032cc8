"""Input mappings against a model of them: a dictionary that is written path by path."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from procession.model import Kind

from . import blocks as b
from .world import world

_SOURCES: dict[str, Callable[[dict[str, Any]], Any]] = {
    "a": lambda seen: 0,
    "items": lambda seen: [1, 2],
    "nothing": lambda seen: None,
    '"text"': lambda seen: "text",
    "{k: 1, y: {z: 2}}": lambda seen: {"k": 1, "y": {"z": 2}},
    "x": lambda seen: seen.get("x"),
    "x.y": lambda seen: _inside(seen.get("x"), "y"),
}
_TARGETS = ("x", "x.y", "x.y.z", "x.w", "v.u.t.s")


def _inside(value: Any, name: str) -> Any:
    """A path as FEEL reads it: of a list, the path of each of its items (DMN 1.5 section 10.3.2.5)."""
    if isinstance(value, list):
        return [_inside(item, name) for item in value]
    return value.get(name) if isinstance(value, dict) else None


def _expected(mappings: list[tuple[str, str]]) -> dict[str, Any]:
    local: dict[str, Any] = {}
    for source, target in mappings:
        value = json.loads(json.dumps(_SOURCES[source](local)))
        *path, last = target.split(".")
        place = local
        for part in path:
            if not isinstance(place.get(part), dict):
                place[part] = {}
            place = place[part]
        place[last] = value
    return local


@given(st.lists(st.tuples(st.sampled_from(sorted(_SOURCES)), st.sampled_from(_TARGETS)), max_size=6))
def test_each_mapping_writes_its_path_keeps_the_rest_and_sees_those_before(
    empty_database: Path, new_folder: Callable[[], Path], mappings: list[tuple[str, str]]
) -> None:
    block = b.Work(kind=Kind.SERVICE_TASK, inputs=tuple(mappings))

    with world(empty_database, new_folder(), block, instances=1) as running:
        rows = running.rows()
        [job] = rows.jobs
        local = {v.name: json.loads(v.value) for v in rows.variables if v.scope_key == job.element_key}

    assert local == _expected(mappings)
