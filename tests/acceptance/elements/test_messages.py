"""Messages: correlation, time to live, dedupe, buffering, and message start events."""

from datetime import timedelta

import pytest

from procession import AlreadyExists, InvalidInput, WrongState
from procession.testing import ProcessTester
from tests.building import (
    bpmn,
    catch,
    element,
    end,
    file,
    io,
    job,
    message,
    on_message,
    outputs,
    receive,
    start,
)
from tests.building import process as process_of

HOUR = timedelta(hours=1)
WAITING = bpmn(
    start() + catch("wait", on_message("ping")) + end(), "s>wait wait>e", definitions=message("ping")
)
STARTING = bpmn(start(inner=on_message("begin")) + job("t") + end(), "s>t t>e", definitions=message("begin"))


def running(process: ProcessTester, process_id: str = "p") -> list[int]:
    """Keys of the active instances, oldest first."""
    return sorted(i.key for i in process.app.instances(process_id=process_id, state="ACTIVE"))


class TestCatching:
    @pytest.mark.parametrize("how", ["event", "task"])
    def test_a_message_reaches_the_instance_that_waits_for_its_key(
        self, process: ProcessTester, how: str
    ) -> None:
        waiting = catch("wait", on_message("ping")) if how == "event" else receive("wait", "ping")
        process.deploy(bpmn(start() + waiting + end(), "s>wait wait>e", definitions=message("ping")))
        other = process.start("p", {"key": "B"})
        process.start("p", {"key": "A"})
        process.publish("ping", "A", {"answer": 42})
        process.assert_passed("wait", "e")
        assert process.variables == {"key": "A", "answer": 42}
        process.of(other).assert_waits_at("wait")

    def test_another_name_or_key_does_not(self, process: ProcessTester) -> None:
        process.deploy(WAITING)
        process.start("p", {"key": "A"})
        process.publish("pong", "A")
        process.publish("ping", "a")
        process.publish("ping")
        process.assert_waits_at("wait")

    def test_a_key_may_be_a_whole_number(self, process: ProcessTester) -> None:
        process.deploy(WAITING)
        process.start("p", {"key": 17})
        process.publish("ping", "17")
        process.assert_completed()

    @pytest.mark.parametrize("key", [None, True, 1.5, ["A"]])
    def test_another_key_is_an_incident(self, process: ProcessTester, key: object) -> None:
        process.deploy(WAITING)
        process.start("p", {"key": key})
        process.assert_incident("EXTRACT_VALUE_ERROR", at="wait")
        process.set_variables({"key": "A"})
        process.resolve_incident()
        process.publish("ping", "A")
        process.assert_completed()

    def test_output_mappings_choose_what_is_kept(self, process: ProcessTester) -> None:
        waiting = catch("wait", on_message("ping"), io=io(outputs(got="=answer")))
        process.deploy(bpmn(start() + waiting + end(), "s>wait wait>e", definitions=message("ping")))
        process.start("p", {"key": "A"})
        process.publish("ping", "A", {"answer": 42, "noise": 1})
        assert process.variables == {"key": "A", "got": 42}

    def test_a_message_goes_once_to_each_process_that_waits(self, process: ProcessTester) -> None:
        # Given two instances of one process and one of another, waiting for the same
        other = process_of(start("os") + catch("ow", on_message("ping")), "os>ow", id="other")
        first = process_of(start() + catch("wait", on_message("ping")) + end(), "s>wait wait>e")
        process.deploy(file(first, other, definitions=message("ping")))
        older = process.start("p", {"key": "A"})
        newer = process.start("p", {"key": "A"})
        elsewhere = process.start("other", {"key": "A"})
        # When one message comes
        process.publish("ping", "A", ttl=HOUR)
        # Then the oldest of each process gets it
        process.of(older).assert_completed()
        process.of(newer).assert_active()
        process.of(elsewhere).assert_completed()

    def test_it_goes_once_to_a_process_over_all_its_versions(self, process: ProcessTester) -> None:
        process.deploy(WAITING)
        older = process.start("p", {"key": "A"})
        process.deploy(WAITING.replace(b'id="e"', b'id="e" name="new"'))
        newer = process.start("p", {"key": "A"})
        process.publish("ping", "A", ttl=HOUR)
        process.of(older).assert_completed()
        process.of(newer).assert_active()

    def test_a_message_needs_a_name(self, process: ProcessTester) -> None:
        with pytest.raises(InvalidInput):
            process.publish("", "A")


class TestBuffering:
    def test_a_message_waits_as_long_as_it_lives(self, process: ProcessTester) -> None:
        process.deploy(WAITING)
        process.publish("ping", "A", {"n": 1}, ttl=HOUR)
        process.advance(timedelta(minutes=59))
        process.start("p", {"key": "A"})
        process.assert_completed()
        assert process.variables["n"] == 1

    def test_and_no_longer(self, process: ProcessTester) -> None:
        process.deploy(WAITING)
        process.publish("ping", "A", ttl=HOUR)
        process.advance(HOUR)
        process.start("p", {"key": "A"})
        process.assert_waits_at("wait")

    @pytest.mark.parametrize("ttl", [timedelta(0), timedelta(seconds=-1)])
    def test_without_time_to_live_it_is_taken_now_or_never(
        self, process: ProcessTester, ttl: timedelta
    ) -> None:
        process.deploy(WAITING)
        process.publish("ping", "A", ttl=ttl)
        process.start("p", {"key": "A"})
        process.assert_waits_at("wait")

    def test_the_oldest_is_taken_first(self, process: ProcessTester) -> None:
        process.deploy(WAITING)
        for n in (1, 2, 3):
            process.publish("ping", "A", {"n": n}, ttl=HOUR)
        taken = []
        for _ in range(3):
            process.start("p", {"key": "A"})
            taken.append(process.variables["n"])
        assert taken == [1, 2, 3]

    def test_a_message_that_was_taken_is_not_taken_again(self, process: ProcessTester) -> None:
        process.deploy(WAITING)
        process.publish("ping", "A", ttl=HOUR)
        process.start("p", {"key": "A"})
        process.start("p", {"key": "A"})
        process.assert_waits_at("wait")

    def test_a_loop_takes_one_message_after_the_other(self, process: ProcessTester) -> None:
        body = start() + catch("w1", on_message("ping")) + catch("w2", on_message("ping")) + end()
        process.deploy(bpmn(body, "s>w1 w1>w2 w2>e", definitions=message("ping")))
        process.publish("ping", "A", {"n": 1}, ttl=HOUR)
        process.start("p", {"key": "A"})
        process.assert_waits_at("w2")
        process.publish("ping", "A", {"n": 2}, ttl=HOUR)
        process.assert_completed()

    def test_a_restart_loses_no_message(self, process: ProcessTester) -> None:
        process.deploy(WAITING)
        process.publish("ping", "A", ttl=HOUR)
        process.restart()
        process.start("p", {"key": "A"})
        process.assert_completed()

    def test_expired_messages_are_swept(self, process: ProcessTester) -> None:
        process.deploy(WAITING)
        process.publish("ping", "A", ttl=HOUR)
        assert process.app.status().messages == 1
        process.advance(HOUR)
        assert process.app.status().messages == 0


class TestDedupe:
    def test_the_same_id_is_refused_while_the_message_lives(self, process: ProcessTester) -> None:
        process.publish("ping", "A", ttl=HOUR, message_id="m-1")
        with pytest.raises(AlreadyExists, match="m-1"):
            process.publish("ping", "A", ttl=HOUR, message_id="m-1")

    def test_and_taken_again_after_its_life(self, process: ProcessTester) -> None:
        process.publish("ping", "A", ttl=HOUR, message_id="m-1")
        process.advance(HOUR)
        process.publish("ping", "A", ttl=HOUR, message_id="m-1")

    def test_a_message_that_was_correlated_still_counts(self, process: ProcessTester) -> None:
        process.deploy(WAITING)
        process.start("p", {"key": "A"})
        process.publish("ping", "A", ttl=HOUR, message_id="m-1")
        process.assert_completed()
        with pytest.raises(AlreadyExists):
            process.publish("ping", "A", ttl=HOUR, message_id="m-1")

    @pytest.mark.parametrize(
        ("name", "key", "id"), [("pong", "A", "1"), ("ping", "B", "1"), ("ping", "A", "2")]
    )
    def test_another_name_key_or_id_is_another_message(
        self, process: ProcessTester, name: str, key: str, id: str
    ) -> None:
        process.publish("ping", "A", ttl=HOUR, message_id="1")
        process.publish(name, key, ttl=HOUR, message_id=id)


class TestStarting:
    def test_a_message_starts_an_instance_with_its_variables(self, process: ProcessTester) -> None:
        process.deploy(STARTING)
        process.publish("begin", "A", {"n": 1})
        process.assert_passed("s")
        process.assert_waits_at("t")
        assert process.variables == {"n": 1}

    def test_output_mappings_of_the_start_event_are_applied(self, process: ProcessTester) -> None:
        begun = element("startEvent", "s", on_message("begin"), extensions=io(outputs(double="=n * 2")))
        process.deploy(bpmn(begun + job("t"), "s>t", definitions=message("begin")))
        process.publish("begin", "A", {"n": 2})
        assert process.variables == {"double": 4}  # and nothing else of the message goes on

    def test_an_output_mapping_that_fails_is_an_incident_on_the_start_event(
        self, process: ProcessTester
    ) -> None:
        begun = element("startEvent", "s", on_message("begin"), extensions=io(outputs(n="=assert(n, n > 0)")))
        process.deploy(bpmn(begun + job("t"), "s>t", definitions=message("begin")))
        process.publish("begin", "A", {"n": 0})
        process.assert_incident("IO_MAPPING_ERROR", at="s")

    def test_one_instance_per_key_at_a_time(self, process: ProcessTester) -> None:
        process.deploy(STARTING)
        process.publish("begin", "A")
        process.publish("begin", "A")
        process.publish("begin", "B")
        assert len(running(process)) == 2

    def test_without_a_key_there_is_no_limit(self, process: ProcessTester) -> None:
        process.deploy(STARTING)
        process.publish("begin")
        process.publish("begin")
        assert len(running(process)) == 2

    def test_a_buffered_message_starts_when_the_first_instance_ends(self, process: ProcessTester) -> None:
        # Given an instance, and two messages that wait for its end
        process.deploy(STARTING)
        for n in (1, 2, 3):
            process.publish("begin", "A", {"n": n}, ttl=HOUR)
        assert len(running(process)) == 1
        # When it ends, the oldest starts the next one, and so on
        for n in (1, 2, 3):
            (key,) = running(process)
            assert process.of(key).variables == {"n": n}
            process.of(key).complete_job("t")
        assert running(process) == []

    def test_the_end_by_cancelling_counts_too(self, process: ProcessTester) -> None:
        process.deploy(STARTING)
        process.publish("begin", "A", {"n": 1})
        process.publish("begin", "A", {"n": 2}, ttl=HOUR)
        (key,) = running(process)
        process.of(key).cancel()
        (following,) = running(process)
        assert process.of(following).variables == {"n": 2}

    def test_a_message_without_time_to_live_is_dropped_meanwhile(self, process: ProcessTester) -> None:
        process.deploy(STARTING)
        process.publish("begin", "A")
        process.publish("begin", "A")
        process.complete_job("t")
        assert running(process) == []

    def test_an_expired_message_starts_nothing(self, process: ProcessTester) -> None:
        process.deploy(STARTING)
        process.publish("begin", "A")
        process.publish("begin", "A", ttl=HOUR)
        process.advance(2 * HOUR)
        process.complete_job("t")
        assert running(process) == []

    def test_instances_that_never_wait_start_one_after_the_other(self, process: ProcessTester) -> None:
        process.deploy(bpmn(start(inner=on_message("begin")) + end(), "s>e", definitions=message("begin")))
        for _ in range(3):
            process.publish("begin", "A", ttl=HOUR)
        assert process.app.count_instances("p")["COMPLETED"] == 3

    def test_the_message_that_started_an_instance_is_not_caught_in_it(self, process: ProcessTester) -> None:
        body = start(inner=on_message("begin")) + catch("wait", on_message("begin")) + end()
        process.deploy(bpmn(body, "s>wait wait>e", definitions=message("begin")))
        process.publish("begin", "A", {"key": "A"}, ttl=HOUR)
        process.assert_waits_at("wait")

    def test_a_new_version_takes_the_start_event_over(self, process: ProcessTester) -> None:
        process.deploy(STARTING)
        process.deploy(STARTING.replace(b'"t"', b'"u"').replace(b"s_t", b"s_u"))
        process.publish("begin", "A")
        (key,) = running(process)
        assert process.of(key).detail.info.version == 2

    def test_a_version_without_it_starts_no_more(self, process: ProcessTester) -> None:
        process.deploy(STARTING)
        process.deploy(bpmn(start() + job("t"), "s>t"))
        process.publish("begin", "A", ttl=HOUR)
        assert running(process) == []

    def test_a_process_that_only_messages_start_cannot_be_started_otherwise(
        self, process: ProcessTester
    ) -> None:
        process.deploy(STARTING)
        with pytest.raises(WrongState, match="message"):
            process.start("p")
