"""The exclusive gateway (BPMN 2.0 section 10.6.2): one path, the first whose condition is true."""

import pytest

from procession.testing import ProcessTester
from tests.building import bpmn, connect, element, flow, gateway, start


def choice(*conditions: str, default: bool = True) -> bytes:
    """Paths `way0`, `way1`, ... under these conditions, and a default path `otherwise`."""
    ways = [f"way{number}" for number in range(len(conditions))]
    body = start() + gateway("exclusive", "g", default="g_otherwise" if default else None)
    body += "".join(element("task", way) for way in ways)
    body += connect("s>g") + "".join(flow("g", way, what) for way, what in zip(ways, conditions, strict=True))
    if default:
        body += element("task", "otherwise") + flow("g", "otherwise")
    return bpmn(body)


def test_the_path_whose_condition_is_true_is_taken(process: ProcessTester) -> None:
    process.deploy(choice("n < 0", "n > 0"))
    process.start("p", {"n": 1})
    process.assert_passed("g", "way1")
    process.assert_not_passed("way0", "otherwise")


def test_of_several_true_conditions_the_first_in_document_order_wins(process: ProcessTester) -> None:
    process.deploy(choice("n > 5", "n > 0", "n > 1"))
    process.start("p", {"n": 3})
    process.assert_passed("way1")
    process.assert_not_passed("way2")


def test_the_default_is_taken_when_no_condition_is_true(process: ProcessTester) -> None:
    process.deploy(choice("n > 5", "n > 9"))
    process.start("p", {"n": 3})
    process.assert_passed("otherwise")


def test_the_default_is_not_taken_before_conditions_that_stand_after_it(process: ProcessTester) -> None:
    body = start() + gateway("exclusive", "g", default="g_otherwise")
    body += element("task", "otherwise") + element("task", "way")
    body += connect("s>g g>otherwise") + flow("g", "way", "true")
    process.deploy(bpmn(body))
    process.start("p")
    process.assert_passed("way")
    process.assert_not_passed("otherwise")


def test_without_a_true_condition_or_default_the_token_waits_as_an_incident(process: ProcessTester) -> None:
    process.deploy(choice("n > 5", "n > 9", default=False))
    process.start("p", {"n": 3})
    process.assert_incident("CONDITION_ERROR", at="g")
    process.assert_waits_at("g")


def test_resolving_the_incident_tests_the_conditions_again(process: ProcessTester) -> None:
    # Given a token that no condition lets go on
    process.deploy(choice("n > 5", "n > 9", default=False))
    process.start("p", {"n": 3})
    # When the variable is changed and the incident resolved
    process.set_variables({"n": 7})
    process.resolve_incident()
    # Then the gateway decides anew, and is passed once
    process.assert_passed("s", "g", "way0")
    assert [step.element_id for step in process.detail.path].count("g") == 1
    process.assert_completed()


def test_an_incident_that_is_resolved_too_early_comes_back(process: ProcessTester) -> None:
    process.deploy(choice("n > 5", "n > 9", default=False))
    process.start("p", {"n": 3})
    process.resolve_incident()
    process.assert_incident("CONDITION_ERROR", at="g")
    assert len(process.detail.incidents) == 1


@pytest.mark.parametrize("variables", [{}, {"n": None}, {"n": "text"}])
def test_a_condition_that_is_neither_true_nor_false_is_an_incident(
    process: ProcessTester, variables: dict[str, object]
) -> None:
    process.deploy(choice("n > 5"))
    process.start("p", variables)
    process.assert_incident("EXTRACT_VALUE_ERROR", at="g")


def test_as_a_merge_it_lets_every_token_through(process: ProcessTester) -> None:
    body = start() + gateway("parallel", "f") + element("task", "a") + element("task", "b")
    process.deploy(bpmn(body + gateway("exclusive", "m") + element("task", "t"), "s>f f>a f>b a>m b>m m>t"))
    process.start("p")
    process.assert_completed()
    assert [step.element_id for step in process.detail.path].count("t") == 2
