"""The oracle's own parts, without any server."""

from __future__ import annotations

import json
import urllib.request

from tests.building import call, error, job, message
from tests.oracle.comparing import Transcript, complaint, differences
from tests.oracle.models import line, signal
from tests.oracle.names import new_suffix, own
from tests.oracle.recorder import Record, recording
from tests.oracle.scenario import Difference
from tests.oracle.state import Element, State
from tests.oracle.zeebe_state import Stories

WHY = "For a reason"


def transcript(*lines: str, fault: str | None = None) -> Transcript:
    return Transcript(lines=list(lines), fault=fault)


def test_names_in_a_model_become_the_scenario_s_own() -> None:
    definitions = message("pay") + signal("alarm") + error("E")
    model = own(line(job("t"), call("c", "child"), definitions=definitions), "_z1z").decode()

    for expected in (
        'id="p_z1z"',
        'type="t_z1z"',
        'processId="child_z1z"',
        'name="pay_z1z"',
        'name="alarm_z1z"',
    ):
        assert expected in model
    assert 'errorCode="E"' in model
    assert 'id="t"' in model


def test_expressions_and_what_is_no_xml_stay_as_they_are() -> None:
    assert 'type="=a"' in own(line(job("t", type="=a")), "_z1z").decode()
    assert own(b"nonsense", "_z1z") == b"nonsense"


def test_no_two_scenarios_share_a_suffix() -> None:
    assert len({new_suffix() for _ in range(100)}) == 100


def test_equal_transcripts_are_fine() -> None:
    assert complaint(transcript("a", "b"), transcript("a", "b"), None) is None


def test_an_unexpected_difference_is_shown_side_by_side() -> None:
    said = complaint(transcript("a", "b"), transcript("a", "c"), None)

    assert said is not None
    assert "! b" in said
    assert "| c" in said


def test_an_expected_difference_is_fine() -> None:
    expected = Difference(why=WHY, zeebe=("b",), ours=("c", "d"))

    assert complaint(transcript("a", "b"), transcript("a", "c", "d"), expected) is None


def test_an_expected_difference_that_is_gone_is_told() -> None:
    expected = Difference(why=WHY, zeebe=("b",), ours=("c",))

    assert complaint(transcript("a", "b"), transcript("a", "b"), expected) is not None


def test_a_scenario_that_stopped_half_way_is_told_even_if_it_did_so_on_both() -> None:
    stopped = transcript("a", fault="Unexpected: no job")

    said = complaint(stopped, stopped, None)

    assert said is not None
    assert "no job" in said


def test_differences_are_the_lines_of_one_side_only() -> None:
    assert differences(["a", "  b"], ["a", "  c"]) == (("b",), ("c",))


def test_a_state_reads_the_same_whatever_its_keys() -> None:
    def state(first: int, second: int) -> State:
        return State(
            instances={1: Element(key=1, instance=1, element="p", state="ACTIVATED")},
            elements={
                first: Element(key=first, instance=1, element="a", state="COMPLETED"),
                second: Element(key=second, instance=1, element="b", state="ACTIVATED"),
            },
            variables={1: {"x": "1.0", "y": "1"}},
        )

    assert state(5, 6).lines() == state(8, 7).lines()
    assert state(5, 6).lines() == [
        "instance of p: ACTIVE",
        "  a: COMPLETED",
        "  b: ACTIVE",
        '  variables of p: {"x": 1.0, "y": 1}',
    ]


def test_records_sent_to_the_recorder_reach_its_listener() -> None:
    heard: list[Record] = []
    record = {"valueType": "MESSAGE", "intent": "PUBLISHED", "key": 1, "value": {"name": "n"}}
    bulk = b'{"index":{}}\n' + json.dumps(record).encode() + b"\n"

    with recording(heard.append) as port:
        request = urllib.request.Request(f"http://127.0.0.1:{port}/_bulk", data=bulk, method="POST")
        with urllib.request.urlopen(request, timeout=10) as answer:
            said = json.load(answer)

    assert heard == [record]
    assert said["errors"] is False


def process_record(intent: str, suffix: str) -> Record:
    value = {
        "bpmnProcessId": f"p{suffix}",
        "processInstanceKey": 1,
        "bpmnElementType": "PROCESS",
        "elementId": f"p{suffix}",
    }
    return {"valueType": "PROCESS_INSTANCE", "intent": intent, "key": 1, "timestamp": 1, "value": value}


def test_records_become_the_state_of_the_scenario_they_belong_to() -> None:
    stories = Stories()
    mine, other = new_suffix(), new_suffix()

    stories(process_record("ELEMENT_ACTIVATED", mine))

    assert stories.lines(mine) == [f"instance of p{mine}: ACTIVE"]
    assert stories.lines(other) == []
