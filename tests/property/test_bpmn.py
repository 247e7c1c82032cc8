"""Any model that is written as BPMN is read as the same model."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from msgspec import Struct, structs

from procession.bpmn import read, write

from . import blocks as b
from .modelling import processes_of
from .strategies import processes


@given(block=processes())
def test_a_model_written_and_read_is_the_same_model(block: b.Block) -> None:
    models = processes_of(block)

    reading = read(write(models), "random.bpmn")

    assert reading.faults == ()
    assert _without_lines(reading.processes) == models


def _without_lines(value: Any) -> Any:
    if isinstance(value, tuple):
        return tuple(_without_lines(item) for item in value)
    if not isinstance(value, Struct):
        return value
    fields = {name: _without_lines(field) for name, field in structs.asdict(value).items()}
    return structs.replace(value, **(fields | ({"line": None} if "line" in fields else {})))
