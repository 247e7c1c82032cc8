"""The BPMN of a case: our own reader takes it, it is always the same, and it can be drawn."""

from __future__ import annotations

import subprocess
import sys

from lxml import etree

from procession.bpmn import draw, lay_out, read
from procession.process.cases import catch, stage
from procession.process.cases.blueprint import read as blueprint_of
from procession.process.cases.compiling import compile
from procession.process.cases.deploying import content_of

from .making import made, work


@stage(first=True)
def begin(self: object, ctx: object) -> None: ...


@catch
def undo(self: object, ctx: object) -> None: ...


KIND = made(begin=begin, other_one=work, undo=undo, api="v1.2", label='A "case" & <more>')


def test_our_own_reader_takes_it_without_a_word() -> None:
    reading = read(content_of(blueprint_of(KIND)), "case.bpmn")
    assert reading.faults == ()
    [process] = reading.processes
    assert process.id == "made.v1.2"
    assert process.name == 'A "case" & <more>'
    assert process.version_tag == "v1.2"


def test_what_is_read_is_what_was_compiled() -> None:
    blueprint = blueprint_of(KIND)
    [process] = read(content_of(blueprint), "case.bpmn").processes
    written = compile(blueprint)
    assert {node.id: node.kind for node in process.body.nodes} == {
        node.id: node.kind for node in written.body.nodes
    }
    assert {flow.id for flow in process.body.flows} == {flow.id for flow in written.body.flows}
    jobs = {node.id: node.job.type for node in process.body.nodes if node.job is not None}
    assert jobs == {
        "work": "made.v1.2.work",
        "begin": "made.v1.2.begin",
        "other_one": "made.v1.2.other_one",
        "undo": "made.v1.2.undo",
        "send-request": "made.v1.2.send-request",
    }


def test_it_is_the_same_in_every_process() -> None:
    program = (
        "from tests.unit.cases.test_compiling import KIND; "
        "from procession.process.cases.blueprint import read; "
        "from procession.process.cases.deploying import content_of; "
        "import sys; sys.stdout.buffer.write(content_of(read(KIND)))"
    )
    runs = {
        subprocess.run(
            [sys.executable, "-c", program], capture_output=True, check=True, env={"PYTHONHASHSEED": seed}
        ).stdout
        for seed in ("1", "2")
    }
    assert runs == {content_of(blueprint_of(KIND))}


def test_it_is_drawn_with_every_stage() -> None:
    process = compile(blueprint_of(KIND))
    shapes = lay_out([process]).shapes
    assert set(shapes) >= {node.id for node in process.body.nodes}
    picture = etree.fromstring(draw([process]))
    texts = " ".join("".join(map(str, text.itertext())) for text in picture.iter("{*}text"))
    for word in ("Begin", "Other", "Undo", "Send", "Reply"):
        assert word in texts
