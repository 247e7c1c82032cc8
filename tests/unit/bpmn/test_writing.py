"""Models become BPMN 2.0 XML that means the same."""

from __future__ import annotations

import pytest
from lxml import etree

from procession.bpmn import read, write
from procession.errors import InvalidInput
from procession.model import (
    Expression,
    FlowNode,
    IoMapping,
    JobDefinition,
    Kind,
    Message,
    MultiInstance,
    Process,
    Signal,
)
from tests.everything import KEY, connected, everything, flow, node, without_lines

BPMN = "{http://www.omg.org/spec/BPMN/20100524/MODEL}"
BPMNDI = "{http://www.omg.org/spec/BPMN/20100524/DI}"


def process_with(middle: FlowNode, id: str = "p") -> Process:
    nodes = [node("s", Kind.START_EVENT), middle, node("e", Kind.END_EVENT)]
    return Process(id=id, body=connected(nodes, [flow("s", middle.id), flow(middle.id, "e")]))


def waiting(id: str, name: str) -> FlowNode:
    return node(id, Kind.RECEIVE_TASK, events=(Message(name=name, correlation_key=KEY),))


def test_every_element_is_read_as_it_was_written() -> None:
    models = everything("order")

    reading = read(write(models), "order.bpmn")

    assert reading.faults == ()
    assert without_lines(reading.processes) == models


def test_what_only_this_engine_knows_is_kept_too() -> None:
    loop = MultiInstance(cardinality="3", completion_condition=Expression("done"))
    job = JobDefinition(type="t", priority=Expression("urgency"))
    model = process_with(node("t", Kind.SERVICE_TASK, loop=loop, job=job))

    assert without_lines(read(write([model]), "p.bpmn").processes) == (model,)


@pytest.mark.parametrize("name", ["", " two  words ", "a\nb\r\nc\td", "]]> <!-- & \"'", "\u0085\u2028😀"])
def test_names_are_kept_to_the_letter(name: str) -> None:
    model = process_with(node("t", Kind.TASK, name=name))

    assert without_lines(read(write([model]), "p.bpmn").processes) == (model,)


def test_an_expression_over_several_lines_is_kept() -> None:
    text = 'if a < b and\r\n\tname != "<x>"\nthen 1 else 2'
    mapping = IoMapping(Expression(text), "x")
    loop = MultiInstance(collection=Expression("items"), completion_condition=Expression(text))
    model = process_with(node("t", Kind.TASK, inputs=(mapping,), loop=loop))

    assert without_lines(read(write([model]), "p.bpmn").processes) == (model,)


def test_the_same_model_makes_the_same_bytes() -> None:
    assert write(everything("order")) == write(everything("order"))


def test_a_file_can_be_read_by_people() -> None:
    lines = write([process_with(node("t", Kind.TASK))]).decode().splitlines()

    assert lines[0] == "<?xml version='1.0' encoding='UTF-8'?>"
    assert '  <bpmn:process id="p" isExecutable="true">' in lines
    assert '    <bpmn:task id="t">' in lines


def test_a_message_is_defined_once_however_many_wait_for_it() -> None:
    nodes = [node("s", Kind.START_EVENT), waiting("a", "paid"), waiting("b", "paid"), waiting("c", "sent")]
    model = Process(id="p", body=connected(nodes, [flow("s", "a"), flow("a", "b"), flow("b", "c")]))

    root = etree.fromstring(write([model]))

    assert [message.get("name") for message in root.iter(f"{BPMN}message")] == ["paid", "sent"]


def test_a_message_has_the_same_id_whatever_else_the_file_holds() -> None:
    one = etree.fromstring(write([process_with(waiting("a", "order paid"))]))
    other = etree.fromstring(write([*everything("x"), process_with(waiting("a", "order paid"))]))

    (id,) = [message.get("id") for message in one.iter(f"{BPMN}message")]
    assert str(id).startswith("Message_order_paid_")
    assert id in [message.get("id") for message in other.iter(f"{BPMN}message")]


def test_made_ids_keep_clear_of_those_of_the_model() -> None:
    model = process_with(node("Definitions_1", Kind.TASK), id="s_di")

    root = etree.fromstring(write([model]))

    ids = [element.get("id") for element in root.iter() if element.get("id")]
    assert len(ids) == len(set(ids))


def test_every_node_and_flow_is_drawn() -> None:
    root = etree.fromstring(write(everything("order")))

    drawn = {element.get("bpmnElement") for element in root.iter(f"{BPMNDI}BPMNShape", f"{BPMNDI}BPMNEdge")}
    there = {
        element.get("id")
        for process in root.iter(f"{BPMN}process")
        for element in process.iter()
        if element.get("id")
    } - {"order", "order-called"}
    assert there <= drawn


def test_one_process_is_drawn_alone_and_several_in_pools() -> None:
    first, second = everything("order")

    alone, together = etree.fromstring(write([first])), etree.fromstring(write([first, second]))

    assert [plane.get("bpmnElement") for plane in alone.iter(f"{BPMNDI}BPMNPlane")] == ["order"]
    assert [pool.get("processRef") for pool in together.iter(f"{BPMN}participant")] == [
        "order",
        "order-called",
    ]


def test_no_processes_make_a_file_without_any() -> None:
    assert "no process is executable" in str(read(write([]), "none.bpmn").faults[0])


@pytest.mark.parametrize("text", ["\0", "a\x1b[0m", "\x0b", "\ufffe", "\ud800"])
def test_a_character_that_xml_cannot_carry_is_refused_with_its_place(text: str) -> None:
    model = process_with(node("t", Kind.TASK, name=text))

    with pytest.raises(InvalidInput, match=r"the name .* of 't' holds the character U\+[0-9A-F]{4}"):
        write([model])


def test_so_it_is_inside_extensions() -> None:
    job = JobDefinition(type="work", headers=(("key", "\x01"),))

    with pytest.raises(InvalidInput, match=r"the value .* of 't' holds the character U\+0001"):
        write([process_with(node("t", Kind.SERVICE_TASK, job=job))])


def test_and_inside_expressions() -> None:
    loop = MultiInstance(collection=Expression("items"), completion_condition=Expression('"\x02"'))

    with pytest.raises(InvalidInput, match=r"the completionCondition .* of 't' holds the character U\+0002"):
        write([process_with(node("t", Kind.TASK, loop=loop))])


@pytest.mark.parametrize("constant", ["=paid", "  = 1"])
def test_a_constant_that_would_be_read_as_feel_is_refused(constant: str) -> None:
    mapping = IoMapping(constant, "x")

    with pytest.raises(InvalidInput, match="of 't' would be read as FEEL"):
        write([process_with(node("t", Kind.TASK, inputs=(mapping,)))])


def test_so_is_the_name_of_a_signal() -> None:
    with pytest.raises(InvalidInput, match="'=late' of 't' would be read as FEEL"):
        write([process_with(node("t", Kind.THROW_EVENT, events=(Signal(name="=late"),)))])


@pytest.mark.parametrize("id", ["", "two words", "1st", "a:b", "{x}y", "a\0"])
def test_an_id_that_is_no_xml_name_is_refused(id: str) -> None:
    with pytest.raises(InvalidInput, match="cannot stand in BPMN; use letters"):
        write([process_with(node(id, Kind.TASK))])


def test_an_id_that_is_used_twice_is_refused() -> None:
    with pytest.raises(InvalidInput, match="the id 's' is used twice"):
        write([process_with(node("t", Kind.TASK), id="s")])
