"""Variables: scopes, propagation, mappings, numbers."""

import pytest

from procession import NotFound, VariablesInvalid
from procession.testing import ProcessTester
from tests.building import (
    boundary,
    bpmn,
    element,
    end,
    inputs,
    job,
    message,
    on_message,
    outputs,
    script,
    start,
    sub,
)


def one_task(**mapped: str) -> bytes:
    return bpmn(start() + job("t", **mapped) + end(), "s>t t>e")


def local_of(process: ProcessTester, element_id: str, variables: dict[str, object]) -> None:
    """Set local variables of the active instance of an element."""
    (key,) = [place.key for place in process.detail.waiting if place.element_id == element_id]
    assert key is not None
    process.app.set_variables(key, variables, local=True)


class TestJobResults:
    def test_without_mappings_all_go_to_the_root(self, process: ProcessTester) -> None:
        process.deploy(one_task())
        process.start("p", {"a": 1})
        process.complete_job("t", {"a": 2, "b": 3})
        assert process.variables == {"a": 2, "b": 3}

    def test_with_output_mappings_only_their_targets_do(self, process: ProcessTester) -> None:
        process.deploy(one_task(mappings=outputs(c="=a + b")))
        process.start("p", {"a": 1})
        process.complete_job("t", {"a": 2, "b": 3})
        assert process.variables == {"a": 1, "c": 5}

    def test_with_input_mappings_only_names_that_are_local_stay(self, process: ProcessTester) -> None:
        process.deploy(one_task(mappings=inputs(a="=1")))
        process.start("p")
        process.complete_job("t", {"a": 2, "b": 3})
        assert process.variables == {"b": 3}

    def test_a_result_goes_to_the_nearest_scope_that_has_the_name(self, process: ProcessTester) -> None:
        # Given `a` in the sub-process and at the root
        inner = start("is") + job("t") + job("u") + end("ie")
        mapped = sub("sub", inner, "is>t t>u u>ie", mappings=inputs(a="=10") + outputs(seen="=a"))
        process.deploy(bpmn(start() + mapped + end(), "s>sub sub>e"))
        process.start("p", {"a": 1})
        process.complete_job("t", {"a": 20, "b": 2})
        process.complete_job("u")
        assert process.variables == {"a": 1, "b": 2, "seen": 20}


class TestMappings:
    def test_inputs_are_evaluated_in_order_and_see_each_other(self, process: ProcessTester) -> None:
        mapped = inputs(a="=n + 1", b="=a * 2") + outputs(c="=b")
        process.deploy(one_task(mappings=mapped))
        process.start("p", {"n": 1})
        process.complete_job("t")
        assert process.variables == {"n": 1, "c": 4}

    def test_a_constant_is_a_text(self, process: ProcessTester) -> None:
        process.deploy(one_task(mappings=inputs(a="fixed") + outputs(b="=a")))
        process.start("p")
        process.complete_job("t")
        assert process.variables == {"b": "fixed"}

    def test_a_missing_variable_is_null(self, process: ProcessTester) -> None:
        process.deploy(one_task(mappings=inputs(a="=nothing") + outputs(b="=a", c="=nowhere", d="=no.where")))
        process.start("p")
        process.complete_job("t")
        assert process.variables == {"b": None, "c": None, "d": None}

    def test_a_nested_target_merges_into_its_context(self, process: ProcessTester) -> None:
        process.deploy(one_task(mappings=outputs(order__state="=state", order__by__whom="=user")))
        process.start("p", {"order": {"id": 7, "state": "new"}})
        process.complete_job("t", {"state": "paid", "user": "ann"})
        assert process.variables == {"order": {"id": 7, "state": "paid", "by": {"whom": "ann"}}}

    def test_a_nested_target_makes_the_context_that_is_missing(self, process: ProcessTester) -> None:
        process.deploy(one_task(mappings=outputs(a__b__c="=x", a__b__d="=x")))
        process.start("p")
        process.complete_job("t", {"x": 1})
        assert process.variables == {"a": {"b": {"c": 1, "d": 1}}}

    def test_a_nested_target_replaces_what_is_no_context(self, process: ProcessTester) -> None:
        process.deploy(one_task(mappings=outputs(a__b="=x")))
        process.start("p", {"a": 5})
        process.complete_job("t", {"x": 1})
        assert process.variables == {"a": {"b": 1}}

    def test_an_output_replaces_the_variable_of_the_scope_around(self, process: ProcessTester) -> None:
        inner = start("is") + job("t", mappings=outputs(a="=x")) + end("ie")
        mapped = sub("sub", inner, "is>t t>ie", mappings=inputs(a="=0") + outputs(result="=a"))
        process.deploy(bpmn(start() + mapped + end(), "s>sub sub>e"))
        process.start("p", {"a": "outer"})
        process.complete_job("t", {"x": 7})
        assert process.variables == {"a": "outer", "result": 7}

    def test_tasks_the_engine_finishes_itself_map_too(self, process: ProcessTester) -> None:
        extended = '<zeebe:ioMapping><zeebe:output source="=1 + 1" target="two"/></zeebe:ioMapping>'
        process.deploy(bpmn(start() + element("task", "t", extensions=extended) + end(), "s>t t>e"))
        process.start("p")
        assert process.variables == {"two": 2}

    def test_values_of_every_kind_pass_unchanged(self, process: ProcessTester) -> None:
        value = {"t": "tęxt", "n": None, "b": True, "l": [1, [], {}], "i": 2**70}
        process.deploy(one_task(mappings=inputs(a="=value") + outputs(b="=a")))
        process.start("p", {"value": value})
        process.complete_job("t")
        assert process.variables["b"] == value


class TestNumbers:
    @pytest.mark.parametrize(
        ("expression", "value"),
        [
            ("1", 1),
            ("2.0", 2),
            ("0.1 + 0.2", 0.3),
            ("10 ** 20", 10**20),
            ("1 / 0", None),
            ('duration("P1DT2H")', "PT26H"),
        ],
    )
    def test_feel_values_are_written_as_zeebe_writes_them(
        self, process: ProcessTester, expression: str, value: object
    ) -> None:
        process.deploy(bpmn(start() + script("t", expression, "x") + end(), "s>t t>e"))
        process.start("p")
        process.assert_completed()
        assert repr(process.variables["x"]) == repr(value)

    def test_integers_are_exact_to_any_size(self, process: ProcessTester) -> None:
        process.deploy(bpmn(start() + script("t", "n + 1", "m") + end(), "s>t t>e"))
        process.start("p", {"n": 2**64})
        assert process.variables["m"] == 2**64 + 1


class TestSettingVariables:
    def test_at_the_instance_they_are_those_of_the_root(self, process: ProcessTester) -> None:
        process.deploy(one_task())
        process.start("p", {"a": 1})
        process.set_variables({"a": 2, "b": 3})
        assert process.variables == {"a": 2, "b": 3}

    def test_local_ones_stay_at_their_element(self, process: ProcessTester) -> None:
        process.deploy(one_task(mappings=outputs(seen="=a")))
        process.start("p", {"a": 1})
        local_of(process, "t", {"a": 2})
        process.complete_job("t")
        assert process.variables == {"a": 1, "seen": 2}

    def test_an_element_without_locals_writes_to_the_nearest_scope_with_the_name(
        self, process: ProcessTester
    ) -> None:
        process.deploy(one_task())
        process.start("p", {"a": 1})
        (key,) = [place.key for place in process.detail.waiting]
        process.app.set_variables(key, {"a": 5, "b": 6})
        assert process.variables == {"a": 5, "b": 6}

    def test_an_ended_or_unknown_scope_is_not_found(self, process: ProcessTester) -> None:
        process.deploy(bpmn(start() + end(), "s>e"))
        instance = process.start("p")
        for key in (instance.key, 42):
            with pytest.raises(NotFound, match=str(key)):
                process.app.set_variables(key, {"a": 1})

    def test_what_is_no_json_object_is_refused(self, process: ProcessTester) -> None:
        process.deploy(one_task())
        for wrong in ([1], "text", {1: 2}, {"a": object()}):
            with pytest.raises(VariablesInvalid):
                process.start("p", wrong)


def test_message_variables_reach_the_root_past_a_scope(process: ProcessTester) -> None:
    inner = start("is") + job("t") + boundary("b", "t", on_message("ping"), interrupting=False) + end("ie")
    process.deploy(bpmn(start() + sub("sub", inner, "is>t t>ie"), "s>sub", definitions=message("ping")))
    process.start("p", {"key": "A"})
    process.publish("ping", "A", {"n": 1})
    assert process.variables == {"key": "A", "n": 1}


def test_parallel_branches_see_what_the_others_wrote(process: ProcessTester) -> None:
    body = start() + job("a") + job("b") + script("c", "x * 2", "y") + end()
    process.deploy(bpmn(body, "s>a s>b b>c c>e"))
    process.start("p")
    process.complete_job("a", {"x": 21})
    process.complete_job("b")
    assert process.variables == {"x": 21, "y": 42}
