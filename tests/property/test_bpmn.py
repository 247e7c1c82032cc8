"""Any model that is written as BPMN is read as the same model."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from procession.bpmn import read, write
from tests.everything import without_lines

from . import blocks as b
from .modelling import processes_of
from .strategies import processes, titled


@given(block=processes(), data=st.data())
def test_a_model_written_and_read_is_the_same_model(block: b.Block, data: st.DataObject) -> None:
    models = tuple(data.draw(titled(model)) for model in processes_of(block))

    reading = read(write(models), "random.bpmn")

    assert reading.faults == ()
    assert without_lines(reading.processes) == models
