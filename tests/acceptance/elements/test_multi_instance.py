"""Multi-instance activities (BPMN 2.0 section 10.3.8): one child per item."""

from datetime import timedelta

import pytest

from procession import Job, Procession
from procession.testing import ProcessTester
from tests.building import (
    boundary,
    bpmn,
    call,
    catch,
    each,
    element,
    end,
    error,
    file,
    flow,
    gateway,
    inputs,
    job,
    message,
    on_duration,
    on_error,
    outputs,
    receive,
    script,
    start,
    sub,
    terminate,
    times,
)
from tests.building import process as process_of


def looped(marker: str, **options: str) -> bytes:
    return bpmn(start() + job("t", inner=marker, **options) + end(), "s>t t>e")


DOUBLED = each("=items", "n", collect=("results", "=double"))


def children(process: ProcessTester) -> list[int]:
    return [step.loop_counter for step in process.detail.path if step.loop_counter]


def complete_in_order(process: ProcessTester, *positions: int) -> None:
    """Complete the children that stand at these positions of the open jobs."""
    jobs = process.jobs
    for position in positions:
        process.app.complete_job(jobs[position].key, {"double": position * 10})


class TestParallel:
    def test_every_item_has_a_child_at_once(self, process: ProcessTester) -> None:
        process.deploy(looped(each("=items")))
        process.start("p", {"items": ["a", "b", "c"]})
        assert len(process.jobs) == 3
        assert children(process) == [1, 2, 3]

    def test_it_completes_when_all_children_have(self, process: ProcessTester) -> None:
        process.deploy(looped(each("=items")))
        process.start("p", {"items": [1, 2]})
        process.complete_job("t")
        process.assert_waits_at("t")
        process.complete_job("t")
        process.assert_passed("s", "t", "e")
        process.assert_completed()

    def test_an_empty_collection_is_passed_at_once(self, process: ProcessTester) -> None:
        process.deploy(looped(DOUBLED))
        process.start("p", {"items": []})
        process.assert_passed("t", "e")
        assert process.variables["results"] == []

    def test_the_output_follows_the_order_of_the_input(self, process: ProcessTester) -> None:
        process.deploy(looped(DOUBLED))
        process.start("p", {"items": [1, 2, 3]})
        complete_in_order(process, 2, 0, 1)
        process.assert_completed()
        assert process.variables == {"items": [1, 2, 3], "results": [0, 10, 20]}

    def test_a_child_without_a_result_leaves_null(self, process: ProcessTester) -> None:
        process.deploy(looped(DOUBLED))
        process.start("p", {"items": [1, 2]})
        process.complete_job("t", {"double": 1})
        process.complete_job("t")
        assert process.variables["results"] == [1, None]

    def test_each_child_sees_its_item_and_its_counter(self, process: ProcessTester) -> None:
        seen: list[tuple[int, str]] = []
        app = Procession("sqlite:///unused.db")

        @app.task("t")
        def handle(item: str, loopCounter: int) -> None:  # noqa: N803 # the engine's name
            seen.append((loopCounter, item))

        process.handle(app)
        process.deploy(looped(each("=items")))
        process.start("p", {"items": ["a", "b"]})
        process.assert_completed()
        assert sorted(seen) == [(1, "a"), (2, "b")]
        assert "item" not in process.variables

    def test_a_cardinality_says_how_many(self, process: ProcessTester) -> None:
        process.deploy(looped(times("=n + 1")))
        process.start("p", {"n": 2})
        assert children(process) == [1, 2, 3]

    @pytest.mark.parametrize("n", [-1, 1.5, "many", None])
    def test_a_cardinality_that_is_no_count_is_an_incident(self, process: ProcessTester, n: object) -> None:
        process.deploy(looped(times("=n")))
        process.start("p", {"n": n})
        process.assert_incident("EXTRACT_VALUE_ERROR", at="t")
        process.set_variables({"n": 1})
        process.resolve_incident()
        process.complete_job("t")
        process.assert_completed()

    @pytest.mark.parametrize("items", [None, 7, {"a": 1}])
    def test_a_collection_that_is_no_list_is_an_incident(self, process: ProcessTester, items: object) -> None:
        process.deploy(looped(each("=items")))
        process.start("p", {"items": items})
        process.assert_incident("EXTRACT_VALUE_ERROR", at="t")
        process.set_variables({"items": [1]})
        process.resolve_incident()
        process.complete_job("t")
        process.assert_completed()

    def test_enough_children_end_the_others(self, process: ProcessTester) -> None:
        # Given a vote that two voices decide
        decided = each("=items", collect=("votes", "=vote"), until="numberOfCompletedInstances >= 2")
        process.deploy(looped(decided))
        process.start("p", {"items": [1, 2, 3, 4]})
        first, _, third, _ = process.jobs
        # When two have voted
        process.app.complete_job(third.key, {"vote": "no"})
        process.app.complete_job(first.key, {"vote": "yes"})
        # Then the others are taken back, and count as null
        process.assert_completed()
        assert process.jobs == []
        assert process.variables["votes"] == ["yes", None, "no", None]

    def test_the_condition_sees_the_numbers(self, process: ProcessTester) -> None:
        numbers = "numberOfInstances = 3 and numberOfCompletedInstances = 2 and numberOfActiveInstances = 1"
        process.deploy(looped(each("=items", until=f"{numbers} and numberOfTerminatedInstances = 0")))
        process.start("p", {"items": [1, 2, 3]})
        process.complete_job("t")
        process.assert_active()
        process.complete_job("t")
        process.assert_completed()

    def test_an_incident_in_one_child_leaves_the_others_alone(self, process: ProcessTester) -> None:
        process.deploy(looped(DOUBLED))
        process.start("p", {"items": [1, 2]})
        process.fail_job("t", retries=0)
        process.complete_job("t", {"double": 2})
        process.assert_waits_at("t")
        process.resolve_incident(retries=1)
        process.complete_job("t", {"double": 1})
        process.assert_completed()
        assert process.variables["results"] == [1, 2]


def test_ten_thousand_children_run(process: ProcessTester) -> None:
    """No transaction makes them all, and none reads the others when one completes."""
    app = Procession("sqlite:///unused.db")

    @app.task("t", concurrency=200)
    async def double(n: int) -> dict[str, int]:
        return {"double": 2 * n}

    process.handle(app)
    process.deploy(looped(DOUBLED))
    items = list(range(10_000))
    process.start("p", {"items": items})
    process.assert_completed()
    assert process.variables["results"] == [2 * n for n in items]


class TestSequential:
    def test_one_child_follows_the_other(self, process: ProcessTester) -> None:
        process.deploy(looped(each("=items", collect=("results", "=double"), sequential=True)))
        process.start("p", {"items": [1, 2, 3]})
        for position in range(3):
            assert len(process.jobs) == 1
            assert children(process) == list(range(1, position + 2))
            process.complete_job("t", {"double": position * 2})
        process.assert_completed()
        assert process.variables["results"] == [0, 2, 4]

    def test_an_empty_collection_is_passed_at_once(self, process: ProcessTester) -> None:
        process.deploy(looped(each("=items", sequential=True)))
        process.start("p", {"items": []})
        process.assert_passed("t", "e")

    def test_the_condition_may_end_it_early(self, process: ProcessTester) -> None:
        marker = each("=items", collect=("results", "=double"), sequential=True, until="double > 5")
        process.deploy(looped(marker))
        process.start("p", {"items": [1, 2, 3]})
        process.complete_job("t", {"double": 1})
        process.complete_job("t", {"double": 9})
        process.assert_completed()
        assert process.variables["results"] == [1, 9, None]

    def test_children_that_never_wait_run_in_one_go(self, process: ProcessTester) -> None:
        marker = each("=items", "n", collect=("results", "=square"), sequential=True)
        process.deploy(bpmn(start() + script("t", "n * n", "square", inner=marker) + end(), "s>t t>e"))
        process.start("p", {"items": [1, 2, 3]})
        process.assert_completed()
        assert process.variables["results"] == [1, 4, 9]


def test_a_sub_process_may_be_looped(process: ProcessTester) -> None:
    inner = start("is") + job("a") + script("b", "n * 2", "double") + end("ie")
    looped_sub = sub("t", inner, "is>a a>b b>ie", inner=DOUBLED)
    process.deploy(bpmn(start() + looped_sub + end(), "s>t t>e"))
    process.start("p", {"items": [1, 2]})
    process.complete_job("a")
    process.complete_job("a")
    process.assert_completed()
    assert process.variables["results"] == [2, 4]


def test_a_call_may_be_looped(process: ProcessTester) -> None:
    child = process_of(start("cs") + script("c", "n * 2", "double") + end("ce"), "cs>c c>ce", id="child")
    parent = process_of(start() + call("t", "child", inner=DOUBLED) + end(), "s>t t>e")
    process.deploy(file(child, parent))
    process.start("p", {"items": [1, 2, 3]})
    process.assert_completed()
    assert process.variables["results"] == [2, 4, 6]


def test_loops_may_stand_in_each_other(process: ProcessTester) -> None:
    row = script("cell", "x * y", "product", inner=each("=columns", "x", collect=("row", "=product")))
    rows = sub("rows", start("is") + row, "is>cell", inner=each("=[1, 2]", "y", collect=("table", "=row")))
    process.deploy(bpmn(start() + rows + end(), "s>rows rows>e"))
    process.start("p", {"columns": [1, 2, 3]})
    process.assert_completed()
    assert process.variables["table"] == [[1, 2, 3], [2, 4, 6]]


def test_each_child_has_its_own_timer(process: ProcessTester) -> None:
    inner = start("is") + catch("wait", on_duration('=duration("P" + string(n) + "D")'))
    process.deploy(bpmn(start() + sub("t", inner, "is>wait", inner=each("=[1, 3]", "n")) + end(), "s>t t>e"))
    process.start("p")
    process.advance(timedelta(days=1))
    assert len([s for s in process.detail.path if s.element_id == "wait" and s.ended_at is not None]) == 1
    process.advance(timedelta(days=2))
    process.assert_completed()


def test_output_mappings_of_a_child_run_before_its_result_is_collected(process: ProcessTester) -> None:
    mapped = each("=items", "n", collect=("results", "=got"))
    process.deploy(looped(mapped, mappings=outputs(got="=raw + 1")))
    process.start("p", {"items": [1, 2]})
    process.complete_job("t", {"raw": 1})
    process.complete_job("t", {"raw": 5})
    assert process.variables["results"] == [2, 6]


def test_a_looped_job_of_ten_items_may_be_left_by_a_worker_that_fails_once(process: ProcessTester) -> None:
    failed: set[int] = set()
    app = Procession("sqlite:///unused.db")

    @app.task("t", backoff=timedelta(hours=1))
    def flaky(job: Job, n: int) -> dict[str, int]:
        if n not in failed:
            failed.add(n)
            raise OSError("not yet")
        return {"double": n * job.attempt}

    process.handle(app)
    process.deploy(looped(DOUBLED))
    process.start("p", {"items": list(range(10))})
    process.advance(timedelta(hours=1))
    process.assert_completed()
    assert process.variables["results"] == [2 * n for n in range(10)]


def test_a_pass_through_task_may_be_looped(process: ProcessTester) -> None:
    process.deploy(bpmn(start() + element("task", "t", each("=[1,2,3]")) + end(), "s>t t>e"))
    process.start("p")
    process.assert_completed()
    assert children(process) == [1, 2, 3]


def test_input_mappings_of_a_child_see_its_item(process: ProcessTester) -> None:
    mapped = each("=items", "n", collect=("results", "=label"))
    process.deploy(looped(mapped, mappings=inputs(label='="item " + string(n)')))
    process.start("p", {"items": [1, 2]})
    process.complete_job("t")
    process.complete_job("t")
    assert process.variables == {"items": [1, 2], "results": ["item 1", "item 2"]}


MANY = "=for n in 1..3000 return n"


def test_enough_of_many_children_end_the_others(process: ProcessTester) -> None:
    process.deploy(looped(each(MANY, collect=("results", "=r"), until="numberOfCompletedInstances >= 2")))
    process.start("p")
    process.complete_job("t", {"r": 1})
    process.complete_job("t", {"r": 2})
    process.assert_completed()
    assert process.jobs == []
    assert process.variables["results"] == [1, 2] + [None] * 2998


def test_a_body_can_be_cancelled_while_its_children_are_still_being_made(process: ProcessTester) -> None:
    process.deploy(looped(each(MANY)))
    instance = process.app.start("p")
    process.app.cancel(instance.key)
    process.of(instance).assert_terminated()
    assert process.of(instance).jobs == []


def test_children_that_never_wait_complete_over_many_transactions(process: ProcessTester) -> None:
    marker = each(MANY, "n", collect=("results", "=double"))
    process.deploy(bpmn(start() + script("t", "n * 2", "double", inner=marker) + end(), "s>t t>e"))
    process.start("p")
    process.assert_completed()
    assert process.variables["results"] == [2 * n for n in range(1, 3001)]


def test_a_non_interrupting_event_of_the_body_leaves_the_children_alone(process: ProcessTester) -> None:
    body = start() + job("t", inner=each("=[1, 2]")) + end() + element("task", "x")
    body += boundary("b", "t", on_duration("P1D"), interrupting=False)
    process.deploy(bpmn(body, "s>t t>e b>x"))
    process.start("p")
    process.advance(timedelta(days=1))
    assert [step.element_id for step in process.detail.path].count("x") == 1
    assert len(process.jobs) == 2


def test_an_interrupting_event_of_the_body_ends_all_children(process: ProcessTester) -> None:
    body = start() + job("t", inner=each("=[1, 2]", sequential=True)) + end() + element("task", "x")
    body += boundary("b", "t", on_duration("P1D"))
    process.deploy(bpmn(body, "s>t t>e b>x"))
    process.start("p")
    process.advance(timedelta(days=1))
    process.assert_passed("b", "x")
    process.assert_completed()
    assert process.jobs == []


def test_a_result_that_cannot_be_made_is_an_incident_of_its_child(process: ProcessTester) -> None:
    endless = "count(for a in 1..100000 return for b in 1..100000 return for c in 1..1000 return c)"
    process.deploy(looped(each("=[1, 2]", collect=("results", f"={endless}"))))
    process.start("p")
    process.complete_job("t")
    process.assert_incident("EXTRACT_VALUE_ERROR", at="t")
    process.assert_active()


def test_a_terminate_end_event_in_a_child_ends_that_child_only(process: ProcessTester) -> None:
    inner = start("is") + job("go") + terminate("stop") + job("other")
    process.deploy(
        bpmn(start() + sub("t", inner, "is>go go>stop is>other", inner=each("=[1, 2]")) + end(), "s>t t>e")
    )
    process.start("p")
    process.complete_job("go")
    assert sorted(open_job.element_id for open_job in process.jobs) == ["go", "other"]
    process.complete_job("go")
    process.assert_passed("t", "e")
    process.assert_completed()


def test_each_child_waits_for_its_own_message(process: ProcessTester) -> None:
    looped_task = receive("t", "ping", inner=each("=keys", "key", collect=("results", "=n")))
    process.deploy(bpmn(start() + looped_task + end(), "s>t t>e", definitions=message("ping")))
    process.start("p", {"keys": ["A", "B"]})
    process.publish("ping", "B", {"n": 2})
    process.assert_waits_at("t")
    process.publish("ping", "A", {"n": 1})
    process.assert_completed()
    assert process.variables["results"] == [1, 2]


def test_an_error_end_event_in_one_child_ends_the_whole_body(process: ProcessTester) -> None:
    inner = start("is") + job("go") + end("bad", on_error("BAD"))
    looped_sub = sub("t", inner, "is>go go>bad", inner=each("=[1, 2, 3]"))
    body = start() + looped_sub + boundary("b", "t", on_error("BAD")) + element("task", "x")
    process.deploy(bpmn(body, "s>t b>x", definitions=error("BAD")))
    process.start("p")
    process.complete_job("go")
    process.assert_passed("b", "x")
    process.assert_completed()
    assert process.jobs == []


def test_many_called_instances_are_cancelled_with_their_caller(process: ProcessTester) -> None:
    child = process_of(start("cs") + job("work") + catch("c", on_duration("P1D")), "cs>work cs>c", id="child")
    parent = process_of(start() + call("t", "child", inner=each("=for n in 1..600 return n")), "s>t")
    process.deploy(file(child, parent))
    process.start("p")
    assert process.app.count_instances("child")["ACTIVE"] == 600
    process.cancel()
    process.assert_terminated()
    assert process.app.count_instances("child") == {"ACTIVE": 0, "COMPLETED": 0, "TERMINATED": 600}
    assert process.jobs == []


def test_a_long_sequence_that_never_waits_is_bounded_and_complete(process: ProcessTester) -> None:
    marker = each(MANY, "n", collect=("results", "=double"), sequential=True)
    process.deploy(bpmn(start() + script("t", "n * 2", "double", inner=marker) + end(), "s>t t>e"))
    process.start("p")
    process.assert_completed()
    assert process.variables["results"][-1] == 6000


def test_a_merge_in_each_child_is_of_that_child(process: ProcessTester) -> None:
    inner = (
        start("is") + gateway("inclusive", "g") + job("a") + job("b") + gateway("inclusive", "m") + end("ie")
    )
    inner += flow("g", "a", "n <= 2") + flow("g", "b", "n >= 2")
    looped_sub = sub("t", inner, "is>g a>m b>m m>ie", inner=each("=[1, 2, 3]", "n"))
    process.deploy(bpmn(start() + looped_sub + end(), "s>t t>e"))
    process.start("p")
    for name in ("a", "a", "b", "b"):
        process.assert_active()
        process.complete_job(name)
    process.assert_completed()
    assert [step.element_id for step in process.detail.path].count("m") == 3
