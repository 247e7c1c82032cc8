"""BPMN elements become frozen nodes and flows."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from procession.bpmn import Reading, read
from procession.model import (
    CalledElement,
    Error,
    Expression,
    FlowNode,
    IoMapping,
    Kind,
    Message,
    Process,
    Script,
    Terminate,
    Timer,
    TimerKind,
)

NodeOf = Callable[..., FlowNode]
ProcessOf = Callable[..., Process]

JOB = '<extensionElements><zeebe:taskDefinition type="work"/></extensionElements>'
MESSAGE = (
    '<message id="m" name="paid"><extensionElements>'
    '<zeebe:subscription correlationKey="=order"/></extensionElements></message>'
)


def extended(kind: str, extensions: str, attributes: str = "", rest: str = "") -> str:
    return f'<{kind} id="n" {attributes}><extensionElements>{extensions}</extensionElements>{rest}</{kind}>'


def test_a_process_carries_its_id_name_version_tag_and_line(document: Callable[[str], bytes]) -> None:
    tag = '<extensionElements><zeebe:versionTag value="v7"/></extensionElements>'
    body = f'{tag}<startEvent id="s"/>'
    content = document(f'\n<process id="order" name="Order" isExecutable="true">{body}</process>')
    (process,) = read(content, "order.bpmn").processes
    assert (process.id, process.name, process.version_tag, process.line) == ("order", "Order", "v7", 2)


def test_only_executable_processes_are_read(document: Callable[[str], bytes]) -> None:
    content = document(
        '<process id="a"><complexGateway id="x"/></process>'
        '<process id="b" isExecutable="false"/>'
        '<process id="c" isExecutable="true"><startEvent id="s"/></process>'
    )
    assert [process.id for process in read(content, "three.bpmn").processes] == ["c"]


def test_flows_connect_their_nodes_in_document_order(process_of: ProcessOf) -> None:
    body = '<parallelGateway id="g"/><startEvent id="s"/><task id="a"/><task id="b"/><endEvent id="e"/>'
    process = process_of(body, "s>g g>b g>a b>e a>e")
    nodes = {node.id: node for node in process.body.nodes}
    assert nodes["g"].outgoing == ("g_b", "g_a")
    assert nodes["e"].incoming == ("b_e", "a_e")
    assert [(flow.source, flow.target) for flow in process.body.flows][1] == ("g", "b")


@pytest.mark.parametrize("kind", [Kind.TASK, Kind.MANUAL_TASK, Kind.PARALLEL_GATEWAY, Kind.EXCLUSIVE_GATEWAY])
def test_an_element_without_work_of_its_own_has_kind_and_name(node_of: NodeOf, kind: Kind) -> None:
    node = node_of(f'<{kind} id="n" name="N"/>')
    assert (node.kind, node.name, node.job) == (kind, "N", None)


@pytest.mark.parametrize(
    "kind", [Kind.SERVICE_TASK, Kind.SEND_TASK, Kind.BUSINESS_RULE_TASK, Kind.SCRIPT_TASK]
)
def test_a_task_definition_makes_a_job_with_three_retries(node_of: NodeOf, kind: Kind) -> None:
    job = node_of(extended(kind, '<zeebe:taskDefinition type="work"/>')).job
    assert job is not None
    assert (job.type, job.retries, job.priority, job.headers) == ("work", "3", None, ())


def test_a_job_may_be_described_by_expressions(node_of: NodeOf) -> None:
    definition = (
        '<zeebe:taskDefinition type="=kind" retries="= 1 + 1"/><zeebe:priorityDefinition priority="=p"/>'
    )
    job = node_of(extended("serviceTask", definition)).job
    assert job is not None
    assert job.type == Expression("kind", 1)
    assert job.retries == Expression("1 + 1", 1)
    assert job.priority == Expression("p", 1)


def test_headers_without_key_or_value_are_left_out(node_of: NodeOf) -> None:
    headers = '<zeebe:header key="a" value="1"/><zeebe:header key="b" value=""/><zeebe:header value="2"/>'
    definition = f'<zeebe:taskDefinition type="work"/><zeebe:taskHeaders>{headers}</zeebe:taskHeaders>'
    job = node_of(extended("serviceTask", definition)).job
    assert job is not None
    assert job.headers == (("a", "1"),)


def test_a_user_task_is_a_job_with_one_retry(node_of: NodeOf) -> None:
    job = node_of('<userTask id="n"/>').job
    assert job is not None
    assert (job.type, job.retries) == ("io.camunda.zeebe:userTask", "1")


def test_a_user_task_may_name_its_own_job(node_of: NodeOf) -> None:
    job = node_of(extended("userTask", '<zeebe:taskDefinition type="ask"/>')).job
    assert job is not None
    assert (job.type, job.retries) == ("ask", "3")


def test_a_script_task_evaluates_feel(node_of: NodeOf) -> None:
    node = node_of(extended("scriptTask", '<zeebe:script expression="=a + 1" resultVariable="b"/>'))
    assert node.script == Script(expression=Expression("a + 1", 1), result="b", line=1)
    assert node.job is None


def test_mappings_keep_constants_and_expressions_apart(node_of: NodeOf) -> None:
    mapping = (
        '<zeebe:ioMapping><zeebe:input source="=x" target="y"/><zeebe:input source="blue" target="c"/>'
        '<zeebe:output source="=y.z" target="out.deep"/></zeebe:ioMapping>'
    )
    node = node_of(extended("task", mapping))
    assert node.inputs == (IoMapping(Expression("x", 1), "y", 1), IoMapping("blue", "c", 1))
    assert node.outputs == (IoMapping(Expression("y.z", 1), "out.deep", 1),)


def test_a_call_activity_propagates_everything_unless_told(node_of: NodeOf) -> None:
    node = node_of(extended("callActivity", '<zeebe:calledElement processId="child"/>'))
    expected = CalledElement(process_id="child", propagate_parent=True, propagate_child=True, line=1)
    assert node.called == expected


def test_a_call_activity_may_choose_its_process_and_keep_variables_apart(node_of: NodeOf) -> None:
    called = node_of(
        extended(
            "callActivity",
            '<zeebe:calledElement processId="=which" propagateAllParentVariables="false"'
            ' propagateAllChildVariables="false"/>',
        )
    ).called
    assert called is not None
    assert (called.process_id, called.propagate_parent, called.propagate_child) == (
        Expression("which", 1),
        False,
        False,
    )


def test_a_plain_call_activity_names_its_process_by_attribute(node_of: NodeOf) -> None:
    called = node_of('<callActivity id="n" calledElement="child"/>').called
    assert called is not None
    assert called.process_id == "child"


def test_a_sub_process_holds_its_own_nodes_and_flows(node_of: NodeOf) -> None:
    inner = '<startEvent id="s2"/><endEvent id="e2"/><sequenceFlow id="f2" sourceRef="s2" targetRef="e2"/>'
    node = node_of(f'<subProcess id="n">{inner}</subProcess>')
    assert node.body is not None
    assert [inner.id for inner in node.body.nodes] == ["s2", "e2"]
    assert node.body.nodes[0].outgoing == ("f2",)


def test_conditions_are_feel_with_or_without_the_equals_sign(process_of: ProcessOf) -> None:
    body = (
        '<startEvent id="s"/><exclusiveGateway id="g" default="d"/><endEvent id="a"/><endEvent id="b"/>'
        '<endEvent id="c"/><sequenceFlow id="sg" sourceRef="s" targetRef="g"/>'
        '<sequenceFlow id="f1" sourceRef="g" targetRef="a" name="yes">'
        "<conditionExpression>= x &gt; 1</conditionExpression></sequenceFlow>"
        '<sequenceFlow id="f2" sourceRef="g" targetRef="b">'
        "<conditionExpression>x &lt; 1</conditionExpression></sequenceFlow>"
        '<sequenceFlow id="d" sourceRef="g" targetRef="c"/>'
    )
    process = process_of(body)
    assert [flow.condition for flow in process.body.flows] == [
        None,
        Expression("x > 1", 1),
        Expression("x < 1", 1),
        None,
    ]
    assert process.body.flows[1].name == "yes"
    assert process.body.nodes[1].default_flow == "d"


def test_a_multi_instance_over_a_collection(node_of: NodeOf) -> None:
    loop = node_of(
        '<task id="n"><multiInstanceLoopCharacteristics isSequential="true"><extensionElements>'
        '<zeebe:loopCharacteristics inputCollection="=items" inputElement="item" outputCollection="results"'
        ' outputElement="=item.price"/></extensionElements>'
        "<completionCondition>=done</completionCondition></multiInstanceLoopCharacteristics></task>"
    ).loop
    assert loop is not None
    assert loop.sequential
    assert (loop.collection, loop.input_element) == (Expression("items", 1), "item")
    assert (loop.output_collection, loop.output_element) == ("results", Expression("item.price", 1))
    assert loop.completion_condition == Expression("done", 1)


@pytest.mark.parametrize(("text", "expected"), [("3", "3"), ("=count", Expression("count", 1))])
def test_a_multi_instance_by_number(node_of: NodeOf, text: str, expected: str | Expression) -> None:
    marker = f"<loopCardinality>{text}</loopCardinality>"
    loop = node_of(
        f'<task id="n"><multiInstanceLoopCharacteristics>{marker}</multiInstanceLoopCharacteristics></task>'
    ).loop
    assert loop is not None
    assert (loop.cardinality, loop.collection, loop.sequential) == (expected, None, False)


@pytest.mark.parametrize(
    ("kind", "text", "expected"),
    [
        (TimerKind.DATE, "2030-01-31T09:00:00Z", "2030-01-31T09:00:00Z"),
        (TimerKind.DURATION, " PT5M ", "PT5M"),
        (TimerKind.CYCLE, "R3/PT10S", "R3/PT10S"),
        (TimerKind.DURATION, "=wait", Expression("wait", 1)),
    ],
)
def test_a_timer_catch_event(node_of: NodeOf, kind: TimerKind, text: str, expected: str | Expression) -> None:
    definition = f"<timerEventDefinition><{kind}>{text}</{kind}></timerEventDefinition>"
    node = node_of(f'<intermediateCatchEvent id="n">{definition}</intermediateCatchEvent>')
    assert node.events == (Timer(kind=kind, value=expected, line=1),)


@pytest.mark.parametrize(
    "node",
    [
        '<receiveTask id="n" messageRef="m"/>',
        '<intermediateCatchEvent id="n"><messageEventDefinition messageRef="m"/></intermediateCatchEvent>',
    ],
)
def test_a_caught_message_has_name_and_correlation_key(node_of: NodeOf, node: str) -> None:
    expected = Message(name="paid", correlation_key=Expression("order", 1), line=1)
    assert node_of(node, MESSAGE).events == (expected,)


def test_a_message_start_event_needs_no_correlation_key(process_of: ProcessOf) -> None:
    body = '<startEvent id="s"><messageEventDefinition messageRef="m"/></startEvent>'
    process = process_of(body, definitions='<message id="m" name="=&quot;a&quot;"/>')
    (event,) = process.body.nodes[0].events
    assert event == Message(name=Expression('"a"', 1), line=1)


@pytest.mark.parametrize("kind", [Kind.THROW_EVENT, Kind.SEND_TASK])
def test_a_thrown_message_is_a_job(node_of: NodeOf, kind: Kind) -> None:
    definition = "<messageEventDefinition/>" if kind is Kind.THROW_EVENT else ""
    node = node_of(extended(kind, '<zeebe:taskDefinition type="work"/>', rest=definition))
    assert node.job is not None
    assert node.job.type == "work"
    assert all(isinstance(event, Message) and event.name is None for event in node.events)


def test_end_events_throw_errors_or_terminate(process_of: ProcessOf) -> None:
    body = (
        '<startEvent id="s"/><parallelGateway id="g"/><endEvent id="a"><terminateEventDefinition/></endEvent>'
        '<endEvent id="b"><errorEventDefinition errorRef="bad"/></endEvent>'
        f'<endEvent id="c">{JOB}<messageEventDefinition/></endEvent>'
    )
    process = process_of(body, "s>g g>a g>b g>c", '<error id="bad" errorCode="BAD"/>')
    ends = {node.id: node for node in process.body.nodes}
    assert ends["a"].events == (Terminate(line=1),)
    assert ends["b"].events == (Error(code="BAD", line=1),)
    assert ends["c"].job is not None


def test_boundary_events_know_their_activity_and_whether_they_interrupt(process_of: ProcessOf) -> None:
    body = (
        '<startEvent id="s"/><task id="t"/>'
        '<boundaryEvent id="b1" attachedToRef="t"><errorEventDefinition/></boundaryEvent>'
        '<boundaryEvent id="b2" attachedToRef="t" cancelActivity="false"><timerEventDefinition>'
        "<timeCycle>R/PT1M</timeCycle></timerEventDefinition></boundaryEvent>"
    )
    _, _, catch_all, reminder = process_of(body, "s>t").body.nodes
    assert (catch_all.attached_to, catch_all.interrupting) == ("t", True)
    assert catch_all.events == (Error(code=None, line=1),)
    assert (reminder.attached_to, reminder.interrupting) == ("t", False)


def test_an_event_based_gateway_waits_for_messages_and_timers(process_of: ProcessOf) -> None:
    body = (
        '<startEvent id="s"/><eventBasedGateway id="g"/>'
        '<intermediateCatchEvent id="a"><messageEventDefinition messageRef="m"/></intermediateCatchEvent>'
        '<intermediateCatchEvent id="b"><timerEventDefinition><timeDuration>PT1H</timeDuration>'
        "</timerEventDefinition></intermediateCatchEvent>"
    )
    process = process_of(body, "s>g g>a g>b", MESSAGE)
    assert process.body.nodes[1].kind is Kind.EVENT_BASED_GATEWAY


def test_what_does_not_run_is_passed_over(process_of: ProcessOf) -> None:
    body = (
        '<documentation>why</documentation><laneSet id="ls"><lane id="l"/></laneSet><dataObject id="d"/>'
        '<dataObjectReference id="dr" dataObjectRef="d"/><dataStoreReference id="ds"/><startEvent id="s"/>'
        '<textAnnotation id="ta"/><association id="as" sourceRef="s" targetRef="ta"/><group id="g"/>'
        '<extensionElements><other xmlns="urn:other"/><zeebe:properties/></extensionElements>'
    )
    process = process_of(body, definitions='<collaboration id="c"><participant id="pa"/></collaboration>')
    assert [node.id for node in process.body.nodes] == ["s"]


def test_the_same_file_reads_the_same_every_time(read_body: Callable[..., Reading]) -> None:
    body = '<startEvent id="s"/><userTask id="t"/><endEvent id="e"/>'
    assert read_body(body, "s>t t>e") == read_body(body, "s>t t>e")
