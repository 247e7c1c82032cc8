"""Migrating sub-processes, multi-instances, and tokens that wait at joining gateways."""

from __future__ import annotations

import pytest

from procession import WrongState
from procession.testing import ProcessTester
from tests.acceptance.migration.models import started
from tests.building import boundary, bpmn, each, end, flow, gateway, job, message, on_message, start, sub
from tests.oracle.models import line


class TestScopes:
    def inside(self, id: str, task: str, *, after: str = "") -> bytes:
        body = sub(id, start("s2") + job(task) + job("next") + end("e2"), f"s2>{task} {task}>next next>e2")
        return line(body, job(after)) if after else line(body)

    def test_a_scope_and_what_is_in_it_move_together(self, process: ProcessTester) -> None:
        key = started(process, self.inside("u", "a"), self.inside("u2", "a2", after="b"))
        process.app.migrate(key, {"u": "u2", "a": "a2"}, version=2)
        for job_type in ("a", "next", "b"):
            process.complete_job(job_type)
        process.assert_completed()
        process.assert_passed("u2", "b")

    @pytest.mark.parametrize("mapping", [{"a": "a2"}, {"u": "u2"}])
    def test_both_need_a_place(self, process: ProcessTester, mapping: dict[str, str]) -> None:
        key = started(process, self.inside("u", "a"), self.inside("u2", "a2"))
        with pytest.raises(WrongState, match="is active and has no place"):
            process.app.migrate(key, mapping, version=2)

    def test_nothing_leaves_its_scope(self, process: ProcessTester) -> None:
        key = started(process, self.inside("u", "a"), self.inside("u2", "a2", after="b"))
        with pytest.raises(WrongState, match="that stands in 'p', but what is around it becomes 'u2'"):
            process.app.migrate(key, {"u": "u2", "a": "b"}, version=2)

    def test_nothing_gets_into_another_one(self, process: ProcessTester) -> None:
        key = started(process, line(job("a")), self.inside("u2", "a2"))
        with pytest.raises(WrongState, match="that stands in 'u2', but what is around it becomes 'p'"):
            process.app.migrate(key, {"a": "a2"}, version=2)

    def test_events_at_the_boundary_of_a_scope(self, process: ProcessTester) -> None:
        # Given a new version whose sub-process can be interrupted
        body = sub("u", start("s2") + job("a") + end("e2"), "s2>a a>e2")
        more = boundary("b", "u", on_message("m")) + end("be") + flow("b", "be")
        key = started(process, line(body), line(body, more=more, definitions=message("m")), {"key": "1"})
        process.app.migrate(key, version=2)
        process.publish("m", "1")
        process.assert_passed("b", "be")
        process.assert_completed()


class TestMultiInstance:
    @pytest.mark.parametrize("sequential", [False, True])
    def test_body_and_children_move_together(self, process: ProcessTester, sequential: bool) -> None:
        old, new = (
            line(job(id, inner=each("=[1,2,3]", collect=("all", "=item"), sequential=sequential)))
            for id in ("a", "a2")
        )
        key = started(process, old, new)
        process.complete_job("a")
        process.app.migrate(key, {"a": "a2"}, version=2)
        process.complete_job("a")
        process.complete_job("a2" if sequential else "a")
        process.assert_completed()
        assert process.variables["all"] == [1, 2, 3]

    def test_a_body_is_no_single_activity(self, process: ProcessTester) -> None:
        many, one = line(job("a", inner=each("=[1,2]"))), line(job("a"))
        key = started(process, many, one)
        with pytest.raises(WrongState, match="only one of them is a multi-instance activity"):
            process.app.migrate(key, version=2)

    def test_the_order_stays(self, process: ProcessTester) -> None:
        old, new = (line(job("a", inner=each("=[1,2]", sequential=one))) for one in (False, True))
        key = started(process, old, new)
        with pytest.raises(WrongState, match="one is repeated in parallel"):
            process.app.migrate(key, version=2)

    def test_sub_processes_in_it(self, process: ProcessTester) -> None:
        def model(task: str) -> bytes:
            body = start("s2") + job(task) + end("e2")
            return line(sub("u", body, f"s2>{task} {task}>e2", inner=each("=[1,2]")))

        key = started(process, model("a"), model("a2"))
        process.app.migrate(key, {"a": "a2"}, version=2)
        process.complete_job("a")
        process.complete_job("a")
        process.assert_completed()


class TestJoins:
    def model(self, join: str, *, kind: str = "parallel", after: str = "after", third: bool = False) -> bytes:
        tasks = ("a", "b", "c") if third else ("a", "b")
        condition = "true" if kind == "inclusive" else None
        flows = "".join(flow("f", task, condition) + flow(task, join) for task in tasks)
        parts = start() + gateway(kind, "f") + gateway(kind, join) + job(after) + end()
        return bpmn(parts + "".join(map(job, tasks)) + flows, f"s>f {join}>{after} {after}>e")

    @pytest.mark.parametrize("kind", ["parallel", "inclusive"])
    def test_tokens_that_wait_there_move_too(self, process: ProcessTester, kind: str) -> None:
        key = started(process, self.model("g", kind=kind), self.model("g", kind=kind, after="later"))
        process.complete_job("a")
        process.app.migrate(key, version=2)
        process.complete_job("b")
        process.complete_job("later")
        process.assert_completed()

    def test_a_gateway_with_another_name_needs_the_same_flows(self, process: ProcessTester) -> None:
        new = self.model("h").replace(b"a_h", b"a_g").replace(b"b_h", b"b_g")
        key = started(process, self.model("g"), new)
        process.complete_job("a")
        process.app.migrate(key, {"g": "h"}, version=2)
        process.complete_job("b")
        process.assert_passed("h")
        process.assert_waits_at("after")

    def test_other_flows_are_none_to_wait_on(self, process: ProcessTester) -> None:
        key = started(process, self.model("g"), self.model("h"))
        process.complete_job("a")
        with pytest.raises(WrongState, match="no flow 'a_g' leads to that"):
            process.app.migrate(key, {"g": "h"}, version=2)

    def test_where_fewer_flows_arrive_more_may_have_come_than_are_waited_for(
        self, process: ProcessTester
    ) -> None:
        key = started(process, self.model("g", third=True), self.model("g"))
        process.complete_job("a")
        with pytest.raises(WrongState, match="fewer flows lead to that"):
            process.app.migrate(key, {"c": "b"}, version=2)

    def test_a_gateway_without_a_place(self, process: ProcessTester) -> None:
        key = started(process, self.model("g"), self.model("h"))
        process.complete_job("a")
        with pytest.raises(WrongState, match="element 'g' is active and has no place"):
            process.app.migrate(key, version=2)

    def test_an_inclusive_one_goes_on_when_nothing_more_can_come(self, process: ProcessTester) -> None:
        # Given a token at an inclusive join that waits for task b
        old = self.model("g", kind="inclusive")
        parts = start() + gateway("inclusive", "f") + gateway("inclusive", "g") + job("after") + end()
        flows = flow("f", "a", "true") + flow("a", "g") + flow("f", "c", "true") + flow("c", "g")
        aside = job("a") + job("c") + job("b") + end("be") + flow("f", "b", "true") + flow("b", "be")
        key = started(process, old, bpmn(parts + aside + flows, "s>f g>after after>e"))
        process.complete_job("a")
        # When b leads elsewhere in the new version
        process.app.migrate(key, version=2)
        # Then the join waits no longer
        process.assert_waits_at("after", "b")
