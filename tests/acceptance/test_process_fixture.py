"""The pytest plugin as its users see it: fixtures, jumps of the clock, and what failures say."""

from datetime import timedelta
from pathlib import Path

import pytest

from procession import DeploymentRejected, Procession, WrongState
from procession.testing import ProcessTester
from tests.building import bpmn, catch, end, job, message, on_duration, on_message, start

pytest_plugins = ["pytester"]

ORDER = bpmn(
    start() + job("reserve") + catch("paid", on_message("payment")) + end(),
    "s>reserve reserve>paid paid>e",
    id="order",
    definitions=message("payment"),
)


def failure(assertion: str, process: ProcessTester, *arguments: str) -> str:
    """What a failing assertion says."""
    with pytest.raises(AssertionError) as raised:
        getattr(process, assertion)(*arguments)
    return str(raised.value)


class TestFailures:
    @pytest.fixture(autouse=True)
    def _waiting(self, process: ProcessTester) -> None:
        process.deploy(ORDER)
        process.start("order", {"key": "A-1"})

    def test_they_say_what_was_expected_and_the_path_taken(self, process: ProcessTester) -> None:
        said = failure("assert_passed", process, "reserve", "paid")
        assert "expected to have passed reserve -> paid" in said
        assert "path taken:\n    s\n    reserve (active)" in said

    def test_they_say_where_it_waits_and_why(self, process: ProcessTester) -> None:
        said = failure("assert_waits_at", process, "paid")
        assert "expected to wait at paid" in said
        assert "waits at:\n    reserve: job reserve: waits for a worker" in said

    def test_they_show_incidents_and_variables(self, process: ProcessTester) -> None:
        process.fail_job("reserve", retries=0, message="the stock is empty")
        said = failure("assert_completed", process)
        assert "reserve: JOB_NO_RETRIES the stock is empty" in said
        assert "key = 'A-1'" in said

    def test_the_order_matters(self, process: ProcessTester) -> None:
        process.complete_job("reserve")
        failure("assert_passed", process, "reserve", "s")
        process.assert_passed("s", "reserve")

    @pytest.mark.parametrize(
        ("assertion", "arguments"),
        [
            ("assert_completed", ()),
            ("assert_terminated", ()),
            ("assert_incident", ("JOB_NO_RETRIES",)),
            ("assert_not_passed", ("s",)),
            ("complete_job", ("nothing",)),
            ("fail_job", ("nothing",)),
            ("resolve_incident", ()),
        ],
    )
    def test_every_assertion_can_fail(
        self, process: ProcessTester, assertion: str, arguments: tuple[str, ...]
    ) -> None:
        assert "path taken" in failure(assertion, process, *arguments)

    def test_an_active_instance_with_an_incident_fails_the_others(self, process: ProcessTester) -> None:
        process.fail_job("reserve", retries=0)
        failure("assert_no_incident", process)
        failure("assert_incident", process, "CONDITION_ERROR")
        process.cancel()
        failure("assert_active", process)


def test_throwing_needs_a_job_that_is_clear(process: ProcessTester) -> None:
    process.deploy(bpmn(start() + job("a") + job("b"), "s>a s>b"))
    process.start("p")
    with pytest.raises(AssertionError, match="exactly one open job"):
        process.throw_error("BAD")
    process.throw_error("BAD", job="a")
    process.assert_incident("UNHANDLED_ERROR_EVENT", at="a")


def test_before_anything_was_started_there_is_nothing_to_assert(process: ProcessTester) -> None:
    with pytest.raises(AssertionError, match="no process instance was started"):
        process.assert_completed()


def test_models_are_files_or_text(process: ProcessTester, tmp_path: Path) -> None:
    path = tmp_path / "order.bpmn"
    path.write_bytes(ORDER)
    (by_path,) = process.deploy(path).definitions
    assert by_path.resource_name == "order.bpmn"
    (by_text,) = process.deploy(ORDER.decode()).definitions
    assert by_text.version == 2


def test_faults_of_a_model_are_raised(process: ProcessTester) -> None:
    with pytest.raises(DeploymentRejected):
        process.deploy(bpmn(start() + job("t"), "s>nowhere"))


def test_handlers_are_borrowed_before_the_engine_runs(process: ProcessTester) -> None:
    process.deploy(ORDER)
    with pytest.raises(WrongState):
        process.handle(Procession("sqlite:///unused.db"))


class TestTheClock:
    def test_time_passes_only_as_far_as_it_is_told(self, process: ProcessTester) -> None:
        before = process.now
        process.advance(timedelta(weeks=3))
        assert timedelta(weeks=3) <= process.now - before < timedelta(weeks=3, seconds=30)

    def test_things_happen_at_their_own_time_on_the_way(self, process: ProcessTester) -> None:
        body = start() + catch("w1", on_duration("P1W")) + catch("w2", on_duration("P1W")) + end()
        process.deploy(bpmn(body, "s>w1 w1>w2 w2>e"))
        process.start("p")
        process.advance(timedelta(weeks=5))
        begin, *_, finish = process.detail.path
        assert timedelta(weeks=2) <= finish.started_at - begin.started_at < timedelta(weeks=2, seconds=30)

    def test_all_nodes_of_a_database_jump(self, process: ProcessTester) -> None:
        process.deploy(bpmn(start() + catch("w", on_duration("P1D")) + end(), "s>w w>e"))
        with Procession(process.url).sync() as other:
            instance = other.start("p")
            process.advance(timedelta(days=1))
            assert instance.result(timedelta(seconds=10)) == {}


def test_two_testers_share_nothing(process: ProcessTester, procession_database: Path, tmp_path: Path) -> None:
    from procession.testing.database import copy_database

    copy_database(procession_database, tmp_path / "other.db")
    process.deploy(ORDER)
    with ProcessTester(f"sqlite:///{tmp_path}/other.db") as other:
        assert other.app.status().definitions == []


def test_the_plugin_gives_the_fixture_to_any_project(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        '''
        from datetime import timedelta

        def test_waits_for_a_day(process):
            process.deploy("""
                <definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" id="d" targetNamespace="t">
                  <process id="p" isExecutable="true">
                    <startEvent id="s"/><endEvent id="e"/>
                    <intermediateCatchEvent id="w">
                      <timerEventDefinition><timeDuration>P1D</timeDuration></timerEventDefinition>
                    </intermediateCatchEvent>
                    <sequenceFlow id="f1" sourceRef="s" targetRef="w"/>
                    <sequenceFlow id="f2" sourceRef="w" targetRef="e"/>
                  </process>
                </definitions>""")
            process.start("p")
            process.assert_waits_at("w")
            process.advance(timedelta(days=1))
            process.assert_passed("s", "w", "e")
            process.assert_completed()
        '''
    )
    pytester.runpytest_subprocess("-q").assert_outcomes(passed=1)
