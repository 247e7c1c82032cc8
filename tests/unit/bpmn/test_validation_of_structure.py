"""Faults of starts, flows, gateways and references."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from procession.bpmn import read

FaultsOf = Callable[..., list[str]]

START_END = '<startEvent id="s"/><endEvent id="e"/>'
MESSAGES = "".join(
    f'<message id="{name}" name="{name}"><extensionElements><zeebe:subscription correlationKey="=k"/>'
    "</extensionElements></message>"
    for name in ("m1", "m2")
)


def catch(node_id: str, message: str = "m1") -> str:
    definition = f'<messageEventDefinition messageRef="{message}"/>'
    return f'<intermediateCatchEvent id="{node_id}">{definition}</intermediateCatchEvent>'


def wait(node_id: str, timer: str = "<timeDuration>PT1H</timeDuration>") -> str:
    definition = f"<timerEventDefinition>{timer}</timerEventDefinition>"
    return f'<intermediateCatchEvent id="{node_id}">{definition}</intermediateCatchEvent>'


def choice(source: str, target: str, condition: str = "true") -> str:
    return (
        f'<sequenceFlow id="{source}_{target}" sourceRef="{source}" targetRef="{target}">'
        f"<conditionExpression>{condition}</conditionExpression></sequenceFlow>"
    )


def test_every_fault_is_named_at_once_in_order_of_lines(document: Callable[[str], bytes]) -> None:
    content = document(
        '\n<process id="p" isExecutable="true">\n<startEvent id="s"/>\n<serviceTask id="a"/>\n'
        '<complexGateway id="b"/>\n<endEvent id="e"/>\n'
        '<sequenceFlow id="f" sourceRef="s" targetRef="gone"/>\n'
        "</process>"
    )
    reading = read(content, "broken.bpmn")
    assert reading.processes == ()
    assert [(fault.element_id, fault.line) for fault in reading.faults] == [("a", 4), ("b", 5), ("f", 7)]
    assert str(reading.faults[0]).startswith("broken.bpmn:4: a: missing task type")


def test_a_file_without_executable_process_is_refused(document: Callable[[str], bytes]) -> None:
    (fault,) = read(document('<process id="p"/>'), "none.bpmn").faults
    assert "no process is executable" in fault.message


def test_is_executable_must_be_a_boolean(document: Callable[[str], bytes]) -> None:
    faults = read(document('<process id="p" isExecutable="yes"/>'), "yes.bpmn").faults
    assert "isExecutable is 'yes'" in {fault.element_id: fault.message for fault in faults}["p"]


def test_a_process_needs_an_id(document: Callable[[str], bytes]) -> None:
    (fault,) = read(document('<process isExecutable="true"><startEvent id="s"/></process>'), "x").faults
    assert "process has no id" in fault.message


def test_a_process_id_may_be_used_once_in_a_file(document: Callable[[str], bytes]) -> None:
    process = '<process id="p" isExecutable="true"><startEvent id="{}"/></process>\n'
    (fault,) = read(document(process.format("s1") + process.format("s2")), "twice.bpmn").faults
    assert (fault.element_id, fault.line) == ("p", 2)
    assert "already used on line 1" in fault.message


def test_an_element_id_may_be_used_once_in_a_file(faults_of: FaultsOf) -> None:
    (fault,) = faults_of('<startEvent id="s"/><task id="t"/><task id="t"/>', "s>t")
    assert "t: the id is already used" in fault


@pytest.mark.parametrize(
    "element", ["<task/>", '<sequenceFlow sourceRef="s" targetRef="e"/>', '<task id=" "/>']
)
def test_every_flow_element_needs_an_id(faults_of: FaultsOf, element: str) -> None:
    (fault,) = faults_of(START_END + element, "s>e")
    assert "has no id" in fault


def test_a_process_without_start_event_is_refused(faults_of: FaultsOf) -> None:
    assert faults_of('<task id="t"/>') == ["p: there is no start event; add one"]


def test_a_second_none_start_event_is_refused(faults_of: FaultsOf) -> None:
    (fault,) = faults_of('<startEvent id="s1"/><startEvent id="s2"/>')
    assert fault.startswith("s2: 's1' is a none start event already")


def test_a_none_start_beside_message_starts_is_fine(faults_of: FaultsOf) -> None:
    starts = '<startEvent id="s2"><messageEventDefinition messageRef="m1"/></startEvent>'
    assert faults_of('<startEvent id="s1"/>' + starts, definitions=MESSAGES) == []


def test_one_message_cannot_start_twice(faults_of: FaultsOf) -> None:
    start = '<startEvent id="{}"><messageEventDefinition messageRef="m1"/></startEvent>'
    (fault,) = faults_of(start.format("a") + start.format("b"), definitions=MESSAGES)
    assert fault.startswith("b: 'a' starts on message 'm1' already")


def test_a_sub_process_needs_a_start_event(faults_of: FaultsOf) -> None:
    assert faults_of('<startEvent id="s"/><subProcess id="n"/>', "s>n") == [
        "n: there is no start event; add one"
    ]


def test_a_sub_process_cannot_start_on_a_message(faults_of: FaultsOf) -> None:
    inner = '<startEvent id="i"><messageEventDefinition messageRef="m1"/></startEvent>'
    body = f'<startEvent id="s"/><subProcess id="n">{inner}</subProcess>'
    (fault,) = faults_of(body, "s>n", MESSAGES)
    assert fault.startswith("i: a sub-process is started by its parent")


@pytest.mark.parametrize("flow", ["s>gone", "gone>e"])
def test_a_flow_to_nowhere_is_refused(faults_of: FaultsOf, flow: str) -> None:
    (fault,) = faults_of(START_END, flow)
    assert "names 'gone', which is no flow node" in fault


def test_a_flow_without_an_end_is_refused(faults_of: FaultsOf) -> None:
    assert faults_of(START_END + '<sequenceFlow id="f" sourceRef="s"/>') == [
        "f: targetRef is missing; connect the flow at both ends"
    ]


def test_a_flow_may_not_cross_a_sub_process_border(faults_of: FaultsOf) -> None:
    body = '<startEvent id="s"/><subProcess id="n"><startEvent id="i"/><task id="t"/></subProcess>'
    (fault,) = faults_of(body, "s>t")
    assert "may not cross a sub-process border" in fault


def test_nothing_flows_into_a_start_or_out_of_an_end(faults_of: FaultsOf) -> None:
    faults = faults_of(START_END, "e>s")
    assert [fault.split(":")[0] for fault in faults] == ["s", "e"]


def test_an_unsupported_element_brings_one_fault_and_no_guesses_about_its_flows(faults_of: FaultsOf) -> None:
    body = START_END + '<adHocSubProcess id="x"/>'
    assert faults_of(body, "s>x x>e") == ["x: adHocSubProcess is not supported by this version"]


@pytest.mark.parametrize("kind", ["complexGateway", "transaction", "adHocSubProcess", "choreographyTask"])
def test_unsupported_elements_are_named(faults_of: FaultsOf, kind: str) -> None:
    assert faults_of(f'{START_END}<{kind} id="x"/>') == [f"x: {kind} is not supported by this version"]


def test_an_element_of_another_namespace_is_no_flow_element(faults_of: FaultsOf) -> None:
    assert "not supported" in faults_of(START_END + '<task id="x" xmlns="urn:other"/>')[0]


def test_an_event_sub_process_is_not_supported(faults_of: FaultsOf) -> None:
    (fault,) = faults_of(START_END + '<subProcess id="x" triggeredByEvent="true"/>', "s>e")
    assert fault.startswith("x: an event sub-process (triggeredByEvent) is not supported")


def test_unreachable_elements_are_only_a_warning(warnings_of: FaultsOf) -> None:
    (warning,) = warnings_of(START_END + '<task id="t"/>', "s>e")
    assert warning.startswith("t: no path from a start event leads here")


def test_what_follows_a_boundary_event_is_reachable(warnings_of: FaultsOf) -> None:
    body = (
        '<boundaryEvent id="b" attachedToRef="t"><errorEventDefinition/></boundaryEvent><endEvent id="e2"/>'
    )
    assert warnings_of(START_END + '<task id="t"/>' + body, "s>t t>e b>e2") == []


@pytest.mark.parametrize("kind", ["exclusiveGateway", "inclusiveGateway"])
def test_each_choice_but_the_default_needs_a_condition(faults_of: FaultsOf, kind: str) -> None:
    gateway = f'<{kind} id="g" default="g_d"/><endEvent id="a"/><endEvent id="b"/><endEvent id="d"/>'
    body = f'<startEvent id="s"/>{gateway}{choice("g", "a")}'
    (fault,) = faults_of(body, "s>g g>b g>d")
    assert fault.startswith("g_b: a flow out of 'g' needs a condition")


def test_a_single_flow_needs_no_condition(faults_of: FaultsOf) -> None:
    assert faults_of(START_END + '<exclusiveGateway id="g"/>', "s>g g>e") == []


def test_a_condition_on_the_default_flow_is_a_warning(warnings_of: FaultsOf) -> None:
    body = f'{START_END}<exclusiveGateway id="g" default="g_e"/>{choice("g", "e")}'
    (warning,) = warnings_of(body, "s>g")
    assert warning.startswith("g_e: the condition of a default flow is ignored")


def test_the_default_flow_must_leave_its_gateway(faults_of: FaultsOf) -> None:
    (fault,) = faults_of(START_END + '<exclusiveGateway id="g" default="s_g"/>', "s>g g>e")
    assert fault == "g: the default flow 's_g' does not leave this element"


@pytest.mark.parametrize("kind", ["task", "parallelGateway", "eventBasedGateway"])
def test_default_flows_belong_to_deciding_gateways(faults_of: FaultsOf, kind: str) -> None:
    body = f'{START_END}<{kind} id="g" default="g_a"/>{catch("a")}{wait("b")}'
    (fault,) = faults_of(body, "s>g g>a g>b", MESSAGES)
    assert fault == f"g: a default flow out of {kind} is not supported by this version"


def test_a_condition_after_a_parallel_gateway_is_a_warning(warnings_of: FaultsOf) -> None:
    body = f'{START_END}<parallelGateway id="g"/>{choice("g", "e")}'
    (warning,) = warnings_of(body, "s>g")
    assert warning.startswith("g_e: a parallel gateway takes every flow")


def test_a_condition_after_an_activity_or_event_is_not_supported(faults_of: FaultsOf) -> None:
    body = f'{START_END}<task id="t"/>{choice("s", "t")}{choice("t", "e")}'
    assert [fault.split(";")[0] for fault in faults_of(body)] == [
        "s_t: a condition on a flow out of startEvent is not supported by this version",
        "t_e: a condition on a flow out of task is not supported by this version",
    ]


def test_an_event_based_gateway_needs_two_ways_on(faults_of: FaultsOf) -> None:
    body = f'<startEvent id="s"/><eventBasedGateway id="g"/>{catch("a")}'
    assert faults_of(body, "s>g g>a", MESSAGES) == [
        "g: an event-based gateway needs at least two outgoing flows"
    ]


@pytest.mark.parametrize("follower", ['<receiveTask id="x" messageRef="m2"/>', '<task id="x"/>'])
def test_only_catch_events_follow_an_event_based_gateway(faults_of: FaultsOf, follower: str) -> None:
    body = f'<startEvent id="s"/><eventBasedGateway id="g"/>{catch("a")}{follower}'
    (fault,) = faults_of(body, "s>g g>a g>x", MESSAGES)
    assert "only timer, message and signal catch events may follow" in fault


def test_no_other_flow_leads_to_an_event_after_an_event_based_gateway(faults_of: FaultsOf) -> None:
    body = f'<startEvent id="s"/><eventBasedGateway id="g"/>{catch("a")}{wait("b")}'
    (fault,) = faults_of(body, "s>g g>a g>b a>b", MESSAGES)
    assert fault == "b: it follows 'g', so no other flow may lead to it"


def test_an_event_based_gateway_waits_for_each_message_once(faults_of: FaultsOf) -> None:
    body = f'<startEvent id="s"/><eventBasedGateway id="g"/>{catch("a")}{catch("b")}'
    (fault,) = faults_of(body, "s>g g>a g>b", MESSAGES)
    assert fault.startswith("b: 'a' waits for message 'm1' already")


def test_a_cycle_after_an_event_based_gateway_is_refused(faults_of: FaultsOf) -> None:
    cycle = wait("b", "<timeCycle>R/PT1H</timeCycle>")
    body = f'<startEvent id="s"/><eventBasedGateway id="g"/>{catch("a")}{cycle}'
    (fault,) = faults_of(body, "s>g g>a g>b", MESSAGES)
    assert fault.startswith("b: after 'g' a timer fires once")


@pytest.mark.parametrize("attribute", ['instantiate="true"', 'eventGatewayType="Parallel"'])
def test_an_instantiating_event_based_gateway_is_not_supported(faults_of: FaultsOf, attribute: str) -> None:
    body = f'<startEvent id="s"/><eventBasedGateway id="g" {attribute}/>{catch("a")}{wait("b")}'
    (fault,) = faults_of(body, "s>g g>a g>b", MESSAGES)
    assert "instantiating eventBasedGateway is not supported" in fault


def test_a_loop_that_never_waits_is_allowed(faults_of: FaultsOf) -> None:
    assert faults_of('<startEvent id="s"/><exclusiveGateway id="g"/><task id="t"/>', "s>g g>t t>g") == []
