"""Deleting versions of processes, as Zeebe 8.6 does it (spec/engine.md section 12)."""

from __future__ import annotations

from datetime import timedelta

import pytest

from procession import InvalidInput, NotFound, WrongState
from procession.testing import ProcessTester
from tests.building import bpmn, call, end, file, job, message, on_message, start
from tests.building import process as in_file


def model(name: str, *, id: str = "p") -> bytes:
    """A process with one job, whose type tells the versions apart."""
    return bpmn(start() + job(name) + end(), f"s>{name} {name}>e", id=id)


def by_message(name: str, job_name: str) -> bytes:
    return bpmn(
        start("s", on_message(name)) + job(job_name), f"s>{job_name}", id="p", definitions=message(name)
    )


def deploy(process: ProcessTester, content: bytes) -> int:
    """Deploy a process. Answers the key of its definition."""
    (definition,) = process.deploy(content).definitions
    return definition.key


def running(process: ProcessTester) -> int:
    return sum(instance.ended_at is None for instance in process.app.instances())


class TestWhatStarts:
    def test_the_latest_version_is_then_the_one_before(self, process: ProcessTester) -> None:
        deploy(process, model("one"))
        second = deploy(process, model("two"))
        process.app.delete_definition(second)
        assert process.start("p").version == 1
        process.assert_waits_at("one")

    def test_an_older_one_may_go_and_the_latest_stays(self, process: ProcessTester) -> None:
        first = deploy(process, model("one"))
        deploy(process, model("two"))
        process.app.delete_definition(first)
        assert process.start("p").version == 2
        with pytest.raises(NotFound, match="has no version 1"):
            process.start("p", version=1)

    def test_without_any_left_nothing_starts(self, process: ProcessTester) -> None:
        process.app.delete_definition(deploy(process, model("one")))
        with pytest.raises(NotFound, match="there is no process 'p'"):
            process.start("p")
        with pytest.raises(NotFound):
            process.start("p", version=1)

    def test_call_activities_call_the_one_before(self, process: ProcessTester) -> None:
        deploy(process, model("one", id="called"))
        process.app.delete_definition(deploy(process, model("two", id="called")))
        deploy(process, bpmn(start() + call("call", "called") + end(), "s>call call>e", id="caller"))
        process.start("caller")
        process.complete_job("one")
        process.assert_completed()

    def test_a_call_of_what_is_gone_waits_for_a_deployment(self, process: ProcessTester) -> None:
        process.app.delete_definition(deploy(process, model("one", id="called")))
        deploy(process, bpmn(start() + call("call", "called") + end(), "s>call call>e", id="caller"))
        process.start("caller")
        process.assert_incident("CALLED_ELEMENT_ERROR", at="call")
        deploy(process, model("two", id="called"))
        process.resolve_incident()
        process.complete_job("two")
        process.assert_completed()


class TestNumbers:
    def test_they_are_never_used_again(self, process: ProcessTester) -> None:
        deploy(process, model("one"))
        process.app.delete_definition(deploy(process, model("two")))
        (third,) = process.deploy(model("three")).definitions
        assert third.version == 3

    @pytest.mark.parametrize("again", ["one", "two"])
    def test_what_was_deployed_before_makes_a_new_version(self, process: ProcessTester, again: str) -> None:
        # Also the content that is the latest now: files are compared with the version deployed last
        deploy(process, model("one"))
        process.app.delete_definition(deploy(process, model("two")))
        (third,) = process.deploy(model(again)).definitions
        assert third.version == 3
        assert process.deploy(model(again)).definitions == [third]


class TestRefused:
    def test_unknown_keys(self, process: ProcessTester) -> None:
        deploy(process, model("one"))
        with pytest.raises(NotFound, match="no process definition with key 4711"):
            process.app.delete_definition(4711)

    def test_a_second_time(self, process: ProcessTester) -> None:
        key = deploy(process, model("one"))
        process.app.delete_definition(key)
        with pytest.raises(NotFound) as refused:
            process.app.delete_definition(key)
        assert refused.value.key == key

    def test_while_an_instance_of_it_runs(self, process: ProcessTester) -> None:
        # Given instances of two versions
        first = deploy(process, model("one"))
        process.start("p")
        second = deploy(process, model("two"))
        # Then only the one without any can be deleted
        with pytest.raises(WrongState, match=r"version 1 .* has running instances") as refused:
            process.app.delete_definition(first)
        assert refused.value.key == first
        process.app.delete_definition(second)
        # And the other one when its instances have ended
        process.complete_job("one")
        process.app.delete_definition(first)

    def test_while_it_runs_for_a_caller(self, process: ProcessTester) -> None:
        called = deploy(process, model("one", id="called"))
        deploy(process, bpmn(start() + call("call", "called") + end(), "s>call call>e", id="caller"))
        process.start("caller")
        with pytest.raises(WrongState):
            process.app.delete_definition(called)
        process.complete_job("one")
        process.app.delete_definition(called)

    def test_while_an_incident_is_open(self, process: ProcessTester) -> None:
        key = deploy(process, model("one"))
        process.start("p")
        process.fail_job("one", retries=0)
        with pytest.raises(WrongState):
            process.app.delete_definition(key)
        process.cancel()
        process.app.delete_definition(key)


class TestMessageStarts:
    def test_those_of_the_version_before_wait_again(self, process: ProcessTester) -> None:
        # Given two versions that begin with different messages
        deploy(process, by_message("first", "one"))
        second = deploy(process, by_message("second", "two"))
        process.publish("first")
        assert running(process) == 0
        # When the latest is deleted
        process.app.delete_definition(second)
        # Then its message starts nothing, and that of the one before does
        process.publish("second")
        assert running(process) == 0
        process.publish("first")
        assert [instance.version for instance in process.app.instances()] == [1]

    def test_they_close_with_the_last_version(self, process: ProcessTester) -> None:
        process.app.delete_definition(deploy(process, by_message("first", "one")))
        process.publish("first")
        assert running(process) == 0

    def test_those_of_the_latest_stay_when_an_older_one_goes(self, process: ProcessTester) -> None:
        first = deploy(process, by_message("first", "one"))
        deploy(process, by_message("second", "two"))
        process.app.delete_definition(first)
        process.publish("first")
        process.publish("second")
        assert [instance.version for instance in process.app.instances()] == [2]

    def test_a_message_that_was_sent_meanwhile_starts_nothing(self, process: ProcessTester) -> None:
        # Given a message that nobody waited for when it came
        deploy(process, by_message("first", "one"))
        second = deploy(process, model("two"))
        process.publish("first", ttl=timedelta(hours=1))
        process.app.delete_definition(second)
        assert running(process) == 0


class TestWhatStays:
    def test_the_history_of_its_instances(self, process: ProcessTester) -> None:
        key = deploy(process, model("one"))
        process.start("p", {"n": 1})
        process.complete_job("one")
        process.app.delete_definition(key)
        process.restart()
        process.assert_completed()
        assert [step.element_id for step in process.detail.path] == ["s", "one", "e"]
        assert process.variables == {"n": 1}

    def test_the_other_processes_of_its_file(self, process: ProcessTester) -> None:
        both = file(
            in_file(start("s1") + job("one"), "s1>one", id="p"),
            in_file(start("s2") + job("two"), "s2>two", id="q"),
        )
        first, second = process.deploy(both).definitions
        process.app.delete_definition(first.key)
        assert process.start("q").version == 1
        # And the same file makes new versions of both
        again = process.deploy(both).definitions
        assert [(d.process_id, d.version) for d in again] == [("p", 2), ("q", 2)]
        assert second.key not in {d.key for d in again}

    def test_a_repeated_start_answers_the_instance_it_made(self, process: ProcessTester) -> None:
        key = deploy(process, model("one"))
        first = process.start("p", idempotency_key="1")
        process.complete_job("one")
        process.app.delete_definition(key)
        assert process.start("p", idempotency_key="1").key == first.key
        with pytest.raises(NotFound):
            process.start("p", idempotency_key="2")


class TestLists:
    def test_versions_are_listed_newest_first(self, process: ProcessTester) -> None:
        deploy(process, model("one"))
        deploy(process, model("two"))
        deploy(process, model("other", id="a"))
        found = process.app.definitions()
        assert [(d.process_id, d.version) for d in found] == [("a", 1), ("p", 2), ("p", 1)]
        assert [d.version for d in process.app.definitions("p", limit=1)] == [2]

    def test_those_that_were_deleted_when_asked_for(self, process: ProcessTester) -> None:
        deploy(process, model("one"))
        process.app.delete_definition(deploy(process, model("two")))
        assert [d.version for d in process.app.definitions("p")] == [1]
        gone, left = process.app.definitions("p", include_deleted=True)
        assert gone.deleted_at is not None
        assert left.deleted_at is None
        assert [(d.version, d.key) for d in process.app.status().definitions] == [(1, left.key)]


def test_nothing_with_a_nul_reaches_the_engine(process: ProcessTester) -> None:
    deploy(process, model("one"))
    with pytest.raises(InvalidInput):
        process.start("p", start_at=["o\0ne"])
