"""A whole file as Camunda Modeler saves it: pool, lanes, diagram, templates and annotations included."""

from __future__ import annotations

from pathlib import Path

import pytest

from procession.bpmn import read
from procession.model import (
    Error,
    Expression,
    FlowNode,
    JobDefinition,
    Kind,
    Message,
    Process,
    Timer,
    TimerKind,
)

FILE = Path(__file__).with_name("order.bpmn")


@pytest.fixture(scope="module")
def order() -> Process:
    reading = read(FILE.read_bytes(), FILE.name)
    assert (reading.faults, reading.warnings) == ((), ())
    (process,) = reading.processes
    return process


@pytest.fixture(scope="module")
def nodes(order: Process) -> dict[str, FlowNode]:
    return {node.id: node for node in order.body.nodes}


def test_the_pool_that_runs_is_the_process(order: Process) -> None:
    assert (order.id, order.name, order.version_tag, order.line) == ("order", "Order & delivery", "2024.2", 8)


def test_every_node_is_there_in_document_order(order: Process) -> None:
    assert [node.kind for node in order.body.nodes] == [
        Kind.START_EVENT,
        Kind.SERVICE_TASK,
        Kind.BOUNDARY_EVENT,
        Kind.END_EVENT,
        Kind.EXCLUSIVE_GATEWAY,
        Kind.EVENT_BASED_GATEWAY,
        Kind.CATCH_EVENT,
        Kind.CATCH_EVENT,
        Kind.END_EVENT,
        Kind.EXCLUSIVE_GATEWAY,
        Kind.SUB_PROCESS,
        Kind.CALL_ACTIVITY,
        Kind.SEND_TASK,
        Kind.END_EVENT,
    ]


def test_the_service_task_is_complete(nodes: dict[str, FlowNode]) -> None:
    task = nodes["Task_reserve"]
    assert task.job == JobDefinition(
        type="reserve-stock", retries="5", headers=(("timeout", "30s"),), line=28
    )
    assert [mapping.target for mapping in task.inputs] == ["item.sku", "item.warehouse"]
    assert task.loop is not None
    assert task.loop.collection == Expression("lines", 42)
    assert task.loop.completion_condition == Expression("numberOfTerminatedInstances > 0", 44)
    assert (task.incoming, task.outgoing) == (("Flow_1",), ("Flow_2",))


def test_the_events_are_complete(nodes: dict[str, FlowNode]) -> None:
    (start,), (paid,), (late,) = (nodes[name].events for name in ("Start_order", "Event_paid", "Event_late"))
    (sold_out,) = nodes["Event_soldout"].events
    assert isinstance(start, Message)
    assert (start.name, start.correlation_key) == ("order-received", None)
    assert isinstance(paid, Message)
    assert (paid.name, paid.correlation_key) == (
        "order-paid",
        Expression("orderId", paid.line and paid.line + 2),
    )
    assert isinstance(late, Timer)
    assert (late.kind, late.value) == (TimerKind.DURATION, "P3D")
    assert isinstance(sold_out, Error)
    assert sold_out.code == "SOLD_OUT"


def test_the_gateway_decides_by_its_condition(order: Process, nodes: dict[str, FlowNode]) -> None:
    flows = {flow.id: flow for flow in order.body.flows}
    condition = flows["Flow_advance"].condition
    assert condition is not None
    assert condition.text == 'payment.method = "advance"'
    assert nodes["Gateway_paid"].default_flow == "Flow_invoice"


def test_the_sub_process_holds_its_own_elements(nodes: dict[str, FlowNode]) -> None:
    body = nodes["Sub_pack"].body
    assert body is not None
    inner = {node.id: node for node in body.nodes}
    assert inner["Task_weigh"].script is not None
    assert inner["Event_remind"].attached_to == "Task_pick"
    assert not inner["Event_remind"].interrupting
    assert inner["End_reminded"].job is not None
    assert len(body.flows) == 4
