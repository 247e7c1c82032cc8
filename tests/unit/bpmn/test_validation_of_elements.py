"""Faults of tasks, events, mappings, multi-instances and expressions."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from procession.bpmn import Reading

FaultsOf = Callable[..., list[str]]

JOB = '<zeebe:taskDefinition type="work"/>'
MESSAGES = (
    '<message id="good" name="good"><extensionElements><zeebe:subscription correlationKey="=k"/>'
    '</extensionElements></message><message id="bare" name="bare"/><message id="mute"><extensionElements>'
    '<zeebe:subscription correlationKey="=k"/></extensionElements></message>'
    '<message id="fixed" name="fixed"><extensionElements><zeebe:subscription correlationKey="k"/>'
    "</extensionElements></message>"
)
ERRORS = '<error id="bad" errorCode="BAD"/><error id="blank"/><error id="dynamic" errorCode="=code"/>'


def extended(kind: str, extensions: str, attributes: str = "") -> str:
    return f'<{kind} id="n" {attributes}><extensionElements>{extensions}</extensionElements></{kind}>'


def event(kind: str, definition: str, attributes: str = "") -> str:
    return f'<{kind} id="n" {attributes}>{definition}</{kind}>'


def multi(content: str = "", zeebe: str = "", attributes: str = "") -> str:
    extension = (
        f"<extensionElements><zeebe:loopCharacteristics {zeebe}/></extensionElements>" if zeebe else ""
    )
    tag = "multiInstanceLoopCharacteristics"
    return f'<task id="n"><{tag} {attributes}>{extension}{content}</{tag}></task>'


def only(faults: list[str]) -> str:
    (fault,) = faults
    assert fault.startswith("n: ")
    return fault


@pytest.mark.parametrize(
    "node",
    [
        '<serviceTask id="n"/>',
        '<sendTask id="n"/>',
        '<businessRuleTask id="n"/>',
        '<intermediateThrowEvent id="n"><messageEventDefinition/></intermediateThrowEvent>',
        extended("serviceTask", '<zeebe:taskDefinition retries="3"/>'),
        extended("userTask", '<zeebe:taskDefinition type=" "/>'),
        extended("scriptTask", '<zeebe:taskDefinition type=""/>'),
    ],
)
def test_work_without_a_task_type_is_refused(faults_around: FaultsOf, node: str) -> None:
    assert "missing task type" in only(faults_around(node))


@pytest.mark.parametrize("retries", ["-1", "many", "1.5", "99999999999"])
def test_constant_retries_must_be_a_count(faults_around: FaultsOf, retries: str) -> None:
    node = extended("serviceTask", f'<zeebe:taskDefinition type="work" retries="{retries}"/>')
    assert f"retries '{retries}' must be a whole number" in only(faults_around(node))


@pytest.mark.parametrize("priority", ["-1", "high"])
def test_a_constant_priority_must_be_a_number(faults_around: FaultsOf, priority: str) -> None:
    node = extended("userTask", f'<zeebe:priorityDefinition priority="{priority}"/>')
    assert f"priority '{priority}' must be a whole number" in only(faults_around(node))


def test_decisions_are_not_supported_yet(faults_around: FaultsOf) -> None:
    node = extended("businessRuleTask", '<zeebe:calledDecision decisionId="d" resultVariable="r"/>')
    assert only(faults_around(node)) == "n: zeebe:calledDecision is not supported by this version"


@pytest.mark.parametrize(
    ("node", "expected"),
    [
        ('<scriptTask id="n"/>', "missing script"),
        (
            extended("scriptTask", JOB + '<zeebe:script expression="=1" resultVariable="r"/>'),
            "keep one of them",
        ),
        (extended("scriptTask", '<zeebe:script expression="=1"/>'), "resultVariable '' is no variable name"),
        (
            extended("scriptTask", '<zeebe:script expression="=1" resultVariable="a b"/>'),
            "is no variable name",
        ),
        (
            extended("scriptTask", '<zeebe:script expression="1" resultVariable="r"/>'),
            "must be a FEEL expression",
        ),
    ],
)
def test_a_faulty_script_is_refused(faults_around: FaultsOf, node: str, expected: str) -> None:
    assert expected in only(faults_around(node))


def test_a_script_without_expression_is_refused(faults_around: FaultsOf) -> None:
    faults = faults_around(extended("scriptTask", '<zeebe:script resultVariable="r"/>'))
    assert "n: the script has no expression; write one in FEEL" in faults


@pytest.mark.parametrize(
    "node", ['<callActivity id="n"/>', extended("callActivity", "<zeebe:calledElement/>")]
)
def test_a_call_activity_must_name_a_process(faults_around: FaultsOf, node: str) -> None:
    assert "missing called process" in only(faults_around(node))


def test_a_bound_call_is_not_supported(faults_around: FaultsOf) -> None:
    node = extended("callActivity", '<zeebe:calledElement processId="p2" bindingType="deployment"/>')
    assert "binding 'deployment' is not supported" in only(faults_around(node))


def test_a_flag_must_be_a_boolean(faults_around: FaultsOf) -> None:
    node = extended("callActivity", '<zeebe:calledElement processId="p2" propagateAllChildVariables="no"/>')
    assert "propagateAllChildVariables is 'no'; write true or false" in only(faults_around(node))


@pytest.mark.parametrize("target", ["", "a b", "1a", "a..b", ".a", "a.", "a-b"])
def test_a_mapping_needs_a_valid_target(faults_around: FaultsOf, target: str) -> None:
    node = extended(
        "task", f'<zeebe:ioMapping><zeebe:input source="=x" target="{target}"/></zeebe:ioMapping>'
    )
    assert f"mapping target '{target}' must be" in only(faults_around(node))


def test_a_mapping_needs_a_source(faults_around: FaultsOf) -> None:
    node = extended("task", '<zeebe:ioMapping><zeebe:output target="x"/></zeebe:ioMapping>')
    assert "the mapping to 'x' has no source" in only(faults_around(node))


@pytest.mark.parametrize(
    ("node", "expected"),
    [
        (multi(), "needs zeebe:loopCharacteristics with an inputCollection"),
        (multi(zeebe='inputCollection="items"'), "inputCollection is 'items'; it must be a FEEL expression"),
        (multi("<loopCardinality>2</loopCardinality>", 'inputCollection="=items"'), "keep one of them"),
        (multi("<loopCardinality>0</loopCardinality>"), "loopCardinality '0' must be a whole number"),
        (multi("<loopCardinality>-3</loopCardinality>"), "loopCardinality '-3' must be a whole number"),
        (
            multi("<loopCardinality>${count}</loopCardinality>"),
            "must be a whole number of at least 1, or FEEL",
        ),
        (multi(zeebe='inputCollection="=x" inputElement="a b"'), "inputElement 'a b' is no variable name"),
        (multi(zeebe='inputCollection="=x" outputCollection="r"'), "belong together"),
        (multi(zeebe='inputCollection="=x" outputElement="=r"'), "belong together"),
        (
            multi(zeebe='inputCollection="=x"', attributes='behavior="None"'),
            "behavior 'None' is not supported",
        ),
        (
            '<task id="n"><standardLoopCharacteristics/></task>',
            "standardLoopCharacteristics is not supported",
        ),
    ],
)
def test_a_faulty_loop_is_refused(faults_around: FaultsOf, node: str, expected: str) -> None:
    assert expected in only(faults_around(node))


@pytest.mark.parametrize("name", ["startQuantity", "completionQuantity"])
@pytest.mark.parametrize(
    ("value", "expected"),
    [("0", "at least 1"), ("-1", "at least 1"), ("x", "at least 1"), ("2", "not supported")],
)
def test_token_quantities_are_one(faults_around: FaultsOf, name: str, value: str, expected: str) -> None:
    assert expected in only(faults_around(f'<task id="n" {name}="{value}"/>'))


def test_a_compensation_handler_is_not_supported(faults_around: FaultsOf) -> None:
    assert "not supported" in only(faults_around('<task id="n" isForCompensation="true"/>'))


@pytest.mark.parametrize(
    ("kind", "definition"),
    [
        *(("intermediateCatchEvent", f"{name}EventDefinition") for name in ("link", "conditional", "error")),
        *(
            ("intermediateThrowEvent", f"{name}EventDefinition")
            for name in ("link", "escalation", "compensate", "timer")
        ),
    ],
)
def test_unsupported_event_definitions_are_named(faults_around: FaultsOf, kind: str, definition: str) -> None:
    fault = only(faults_around(event(kind, f"<{definition}/>")))
    assert fault == f"n: {definition} on {kind} is not supported by this version"


@pytest.mark.parametrize("name", ["escalation", "compensate", "cancel"])
def test_unsupported_end_events_are_named(faults_of: FaultsOf, name: str) -> None:
    node = event("endEvent", f"<{name}EventDefinition/>")
    assert f"{name}EventDefinition on endEvent" in only(faults_of(f'<startEvent id="s"/>{node}', "s>n"))


@pytest.mark.parametrize("name", ["timer", "conditional"])
def test_unsupported_start_events_are_named(faults_of: FaultsOf, name: str) -> None:
    node = event("startEvent", f"<{name}EventDefinition/>")
    assert "not supported by this version" in only(faults_of(f'<startEvent id="s"/>{node}'))


def test_several_event_definitions_are_not_supported(faults_around: FaultsOf) -> None:
    both = "<timerEventDefinition/><messageEventDefinition/>"
    assert "several event definitions" in only(faults_around(event("intermediateCatchEvent", both)))


def test_a_referenced_event_definition_is_not_supported(faults_around: FaultsOf) -> None:
    node = event("intermediateCatchEvent", "<eventDefinitionRef>x</eventDefinitionRef>")
    assert "eventDefinitionRef on intermediateCatchEvent is not supported" in only(faults_around(node))


def test_a_catch_event_must_wait_for_something(faults_around: FaultsOf) -> None:
    assert "needs an event definition" in only(faults_around('<intermediateCatchEvent id="n"/>'))


@pytest.mark.parametrize(
    ("timer", "expected"),
    [
        ("", "exactly one of timeDate, timeDuration, timeCycle; it has 0"),
        ("<timeDate>2030-01-31T09:00Z</timeDate><timeCycle>R/PT1S</timeCycle>", "it has 2"),
        ("<timeDuration>soon</timeDuration>", "timeDuration 'soon' is no ISO 8601 duration"),
    ],
)
def test_a_faulty_timer_is_refused(faults_around: FaultsOf, timer: str, expected: str) -> None:
    node = event("intermediateCatchEvent", f"<timerEventDefinition>{timer}</timerEventDefinition>")
    assert expected in only(faults_around(node))


CATCHERS = [
    '<receiveTask id="n" {}/>',
    '<intermediateCatchEvent id="n"><messageEventDefinition {}/></intermediateCatchEvent>',
]


@pytest.mark.parametrize("catcher", CATCHERS)
@pytest.mark.parametrize(
    ("attribute", "expected"),
    [
        ("", "needs a messageRef"),
        ('messageRef="gone"', "messageRef names 'gone', which is no message"),
        ('messageRef="mute"', "has no name"),
        ('messageRef="bare"', "has no correlation key"),
        ('messageRef="fixed"', "correlationKey is 'k'; it must be a FEEL expression"),
    ],
)
def test_a_caught_message_must_be_complete(
    faults_around: FaultsOf, catcher: str, attribute: str, expected: str
) -> None:
    assert expected in only(faults_around(catcher.format(attribute), MESSAGES))


def test_a_message_start_needs_a_name(faults_of: FaultsOf) -> None:
    node = event("startEvent", '<messageEventDefinition messageRef="mute"/>')
    assert "has no name" in only(faults_of(node, definitions=MESSAGES))


def test_an_instantiating_receive_task_is_not_supported(faults_around: FaultsOf) -> None:
    node = '<receiveTask id="n" messageRef="good" instantiate="true"/>'
    assert "instantiating receiveTask is not supported" in only(faults_around(node, MESSAGES))


@pytest.mark.parametrize(
    ("attribute", "expected"),
    [
        ("", "needs an error with a code"),
        ('errorRef="blank"', "needs an error with a code"),
        ('errorRef="gone"', "errorRef names 'gone', which is no error"),
    ],
)
def test_an_error_end_event_needs_a_code(faults_of: FaultsOf, attribute: str, expected: str) -> None:
    node = event("endEvent", f"<errorEventDefinition {attribute}/>")
    assert expected in only(faults_of(f'<startEvent id="s"/>{node}', "s>n", ERRORS))


def boundary(definition: str, attributes: str = 'attachedToRef="t"', node_id: str = "n") -> str:
    return f'<boundaryEvent id="{node_id}" {attributes}>{definition}</boundaryEvent>'


CATCH_ALL = "<errorEventDefinition/>"
BAD = '<errorEventDefinition errorRef="bad"/>'
GOOD_MESSAGE = '<messageEventDefinition messageRef="good"/>'
CYCLE = "<timerEventDefinition><timeCycle>R/PT1H</timeCycle></timerEventDefinition>"


@pytest.mark.parametrize(
    ("node", "expected"),
    [
        (boundary(CATCH_ALL, ""), "attachedToRef is missing"),
        (boundary(CATCH_ALL, 'attachedToRef="gone"'), "names 'gone', which is no activity of this scope"),
        (boundary(CATCH_ALL, 'attachedToRef="g"'), "it sits on exclusiveGateway"),
        (boundary(CATCH_ALL, 'attachedToRef="s"'), "it sits on startEvent"),
        (boundary(CATCH_ALL, 'attachedToRef="t" cancelActivity="false"'), "an error always interrupts"),
        (boundary('<errorEventDefinition errorRef="dynamic"/>'), "must be a constant"),
        (boundary(CYCLE), "an interrupting timer fires once"),
        (boundary('<messageEventDefinition messageRef="bare"/>'), "has no correlation key"),
        (
            boundary("<escalationEventDefinition/>"),
            "escalationEventDefinition on boundaryEvent is not supported",
        ),
        (boundary(""), "needs an event definition"),
        (boundary(BAD, node_id="b0") + boundary(BAD), "catches error 'BAD' already"),
        (boundary(CATCH_ALL, node_id="b0") + boundary(CATCH_ALL), "catches every error already"),
        (boundary(GOOD_MESSAGE, node_id="b0") + boundary(GOOD_MESSAGE), "catches message 'good' already"),
    ],
)
def test_a_faulty_boundary_event_is_refused(faults_of: FaultsOf, node: str, expected: str) -> None:
    body = f'<startEvent id="s"/><task id="t"/><exclusiveGateway id="g"/>{node}'
    assert expected in only(faults_of(body, "s>t t>g", MESSAGES + ERRORS))


def test_nothing_flows_into_a_boundary_event(faults_of: FaultsOf) -> None:
    body = f'<startEvent id="s"/><task id="t"/>{boundary(CATCH_ALL)}'
    assert "takes no incoming flow" in only(faults_of(body, "s>t t>n"))


def test_a_catch_all_beside_a_code_on_one_activity_is_fine(faults_of: FaultsOf) -> None:
    body = f'<startEvent id="s"/><task id="t"/>{boundary(BAD, node_id="b0")}{boundary(CATCH_ALL)}'
    assert faults_of(body, "s>t", ERRORS) == []


@pytest.mark.parametrize(
    "node",
    [
        extended("serviceTask", '<zeebe:taskDefinition type="=1 +"/>'),
        extended("serviceTask", '<zeebe:taskDefinition type="work" retries="=1 +"/>'),
        extended("task", '<zeebe:ioMapping><zeebe:input source="=1 +" target="x"/></zeebe:ioMapping>'),
        extended("scriptTask", '<zeebe:script expression="=1 +" resultVariable="r"/>'),
        extended("callActivity", '<zeebe:calledElement processId="=1 +"/>'),
        multi(zeebe='inputCollection="=1 +"'),
        multi("<loopCardinality>=1 +</loopCardinality>"),
        multi("<loopCardinality>1</loopCardinality><completionCondition>1 +</completionCondition>"),
        event(
            "intermediateCatchEvent",
            "<timerEventDefinition><timeDate>=1 +</timeDate></timerEventDefinition>",
        ),
    ],
)
def test_feel_that_does_not_parse_is_refused_with_its_position(faults_around: FaultsOf, node: str) -> None:
    fault = only(faults_around(node))
    assert "FEEL '1 +': " in fault
    assert "at character 3" in fault


def test_a_fault_quotes_no_more_than_a_line_of_the_file(faults_around: FaultsOf) -> None:
    node = extended("scriptTask", f'<zeebe:script expression="={"(" * 9000}" resultVariable="{"1" * 9000}"/>')
    assert all(len(fault) < 300 for fault in faults_around(node))


@pytest.mark.parametrize("condition", ["= x >", "x &gt;", "", "="])
def test_a_condition_that_does_not_parse_is_refused(faults_of: FaultsOf, condition: str) -> None:
    body = (
        '<startEvent id="s"/><exclusiveGateway id="g"/><endEvent id="e"/><sequenceFlow id="n" sourceRef="g"'
        f' targetRef="e"><conditionExpression>{condition}</conditionExpression></sequenceFlow>'
    )
    assert "FEEL" in only(faults_of(body, "s>g"))


def test_feel_inside_a_sub_process_is_reported_once_with_its_line(read_body: Callable[..., Reading]) -> None:
    inner = extended("scriptTask", '\n<zeebe:script expression="=1 +" resultVariable="r"/>')
    flow = '<sequenceFlow id="f" sourceRef="i" targetRef="n"/>'
    body = f'<startEvent id="s"/><subProcess id="sub"><startEvent id="i"/>{inner}{flow}</subProcess>'
    (fault,) = read_body(body, "s>sub").faults
    assert (fault.element_id, fault.line) == ("n", 2)


@pytest.mark.parametrize(
    "name", ["executionListeners", "taskListeners", "assignmentDefinition", "formDefinition", "userTask"]
)
def test_extensions_that_are_not_carried_out_are_a_warning(warnings_of: FaultsOf, name: str) -> None:
    node = extended("userTask", f"<zeebe:{name}/>")
    (warning,) = warnings_of(f'<startEvent id="s"/>{node}', "s>n")
    assert f"zeebe:{name}" in warning


def test_input_mappings_of_a_start_event_are_a_warning(warnings_of: FaultsOf) -> None:
    mapping = '<zeebe:ioMapping><zeebe:input source="=1" target="x"/></zeebe:ioMapping>'
    assert warnings_of(extended("startEvent", mapping)) == ["n: input mappings of startEvent have no effect"]
