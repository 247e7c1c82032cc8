"""Migrating what waits for events: those with a place go on being waited for (as on Zeebe 8.6)."""

from __future__ import annotations

from datetime import timedelta

import pytest

from procession import WrongState
from procession.testing import ProcessTester
from tests.acceptance.migration.models import started
from tests.building import (
    boundary,
    bpmn,
    catch,
    each,
    end,
    flow,
    gateway,
    job,
    message,
    on_duration,
    on_message,
    on_signal,
    receive,
    signal,
    start,
)
from tests.oracle.models import line

DEFINITIONS = message("m1") + message("m2", "=key2") + signal("sig")
VALUES = {"key": "1", "key2": "2"}


def bound(host: str, *events: tuple[str, str], interrupting: bool = True, after: str = "") -> bytes:
    """A job with events at its boundary, each with an end of its own."""
    more = ""
    for id, inner in events:
        more += boundary(id, host, inner, interrupting=interrupting) + end(f"{id}_e") + flow(id, f"{id}_e")
    return line(job(host), more=more, definitions=DEFINITIONS)


class TestCatchEvents:
    @pytest.mark.parametrize("element", ["catch", "receive"])
    def test_a_message_is_waited_for_as_before(self, process: ProcessTester, element: str) -> None:
        def model(id: str, name: str) -> bytes:
            waits = catch(id, on_message(name)) if element == "catch" else receive(id, name)
            return line(waits, definitions=DEFINITIONS)

        key = started(process, model("c", "m1"), model("c2", "m2"), VALUES)
        process.app.migrate(key, {"c": "c2"}, version=2)
        # Then it is not the new version's message that it hears
        process.publish("m2", "2")
        process.assert_active()
        process.publish("m1", "1", {"x": 1})
        process.assert_passed("c2")
        process.assert_completed()

    def test_a_timer_keeps_its_time(self, process: ProcessTester) -> None:
        old, new = (line(catch(id, on_duration(text))) for id, text in (("c", "PT1H"), ("c2", "PT5H")))
        key = started(process, old, new)
        process.app.migrate(key, {"c": "c2"}, version=2)
        process.advance(timedelta(minutes=59))
        process.assert_waits_at("c2")
        process.advance(timedelta(minutes=1))
        process.assert_passed("c2")

    def test_a_signal_is_heard(self, process: ProcessTester) -> None:
        old, new = (line(catch(id, on_signal("sig")), definitions=DEFINITIONS) for id in ("c", "c2"))
        key = started(process, old, new)
        process.app.migrate(key, {"c": "c2"}, version=2)
        process.broadcast("sig")
        process.assert_passed("c2")

    def test_an_event_of_another_kind_is_no_place(self, process: ProcessTester) -> None:
        old = line(catch("c", on_duration("PT1H")))
        key = started(process, old, line(catch("c", on_message("m1")), definitions=DEFINITIONS))
        with pytest.raises(WrongState, match="with timer, not with message"):
            process.app.migrate(key, version=2)
        process.advance(timedelta(hours=1))
        process.assert_completed()

    def test_messages_reach_another_process_under_its_name(self, process: ProcessTester) -> None:
        old = line(catch("c", on_message("m1")), definitions=DEFINITIONS)
        other = line(catch("c", on_message("m1")), id="q", definitions=DEFINITIONS)
        key = started(process, old, other, VALUES)
        definition = process.app.definitions("q")[0].key
        process.app.migrate(key, definition_key=definition)
        process.publish("m1", "1")
        process.assert_completed()


class TestBoundaryEvents:
    OLD = bound("a", ("bm", on_message("m1")), ("bt", on_duration("PT1H")))
    NEW = bound("a2", ("bm2", on_message("m2")), ("bt2", on_duration("PT5H")))

    def test_those_with_a_place_are_waited_for_as_before(self, process: ProcessTester) -> None:
        key = started(process, self.OLD, self.NEW, VALUES)
        process.app.migrate(key, {"a": "a2", "bm": "bm2", "bt": "bt2"}, version=2)
        process.publish("m2", "2")
        process.assert_waits_at("a2")
        process.advance(timedelta(hours=1))
        process.assert_passed("bt2", "bt2_e")
        process.assert_completed()

    def test_those_without_close_and_new_ones_open(self, process: ProcessTester) -> None:
        key = started(process, self.OLD, self.NEW, VALUES)
        process.app.migrate(key, {"a": "a2"}, version=2)
        process.publish("m1", "1")
        process.advance(timedelta(hours=4))
        process.assert_waits_at("a2")
        process.advance(timedelta(hours=1))
        process.assert_passed("bt2")

    def test_a_new_one_takes_a_message_that_waits(self, process: ProcessTester) -> None:
        key = started(process, self.OLD, self.NEW, VALUES)
        process.publish("m2", "2", ttl=timedelta(hours=1))
        process.app.migrate(key, {"a": "a2"}, version=2)
        process.assert_passed("bm2")
        process.assert_completed()

    def test_equal_ids_are_places_too(self, process: ProcessTester) -> None:
        key = started(process, self.OLD, bound("a", ("bt", on_duration("PT5H"))), VALUES)
        process.app.migrate(key, version=2)
        process.publish("m1", "1")
        process.advance(timedelta(hours=1))
        process.assert_passed("bt")

    def test_one_that_interrupts_no_more_does_not(self, process: ProcessTester) -> None:
        old = bound("a", ("b", on_message("m1")))
        key = started(process, old, bound("a", ("b", on_message("m1")), interrupting=False), VALUES)
        process.app.migrate(key, version=2)
        process.publish("m1", "1")
        process.publish("m1", "1")
        process.complete_job("a")
        process.assert_completed()
        assert [one.element_id for one in process.detail.path].count("b") == 2

    def test_a_used_up_timer_does_not_begin_again(self, process: ProcessTester) -> None:
        # Given a timer at the boundary that fired already
        old, new = (bound("a", ("b", on_duration(text)), interrupting=False) for text in ("PT1H", "PT2H"))
        key = started(process, old, new)
        process.advance(timedelta(hours=1))
        # When its activity moves, then it does not fire again
        process.app.migrate(key, version=2)
        process.advance(timedelta(hours=10))
        assert [one.element_id for one in process.detail.path].count("b") == 1

    def test_those_of_a_multi_instance_are_waited_for_once(self, process: ProcessTester) -> None:
        def model(id: str) -> bytes:
            more = boundary("b", id, on_message("m1")) + end("be") + flow("b", "be")
            return line(job(id, inner=each("=[1,2]")), more=more, definitions=DEFINITIONS)

        key = started(process, model("a"), model("a2"), VALUES)
        process.app.migrate(key, {"a": "a2"}, version=2)
        process.publish("m1", "1")
        process.assert_passed("b")
        process.assert_completed()

    @pytest.mark.parametrize(
        ("mapping", "says"),
        [
            ({"bm": "bt2"}, "it waits for a message, not for a timer"),
            ({"bm": "bm2", "bt": "bm2"}, "it waits for a timer, not for a message"),
            ({"bm": "a2"}, "that is no event of 'a2'"),
        ],
    )
    def test_places_that_do_not_fit(self, process: ProcessTester, mapping: dict[str, str], says: str) -> None:
        key = started(process, self.OLD, self.NEW, VALUES)
        with pytest.raises(WrongState, match=says):
            process.app.migrate(key, {"a": "a2", **mapping}, version=2)
        process.publish("m1", "1")
        process.assert_passed("bm")

    def test_two_events_cannot_become_one(self, process: ProcessTester) -> None:
        old = bound("a", ("b", on_message("m1")), ("c", on_message("m2")))
        key = started(process, old, bound("a", ("b", on_message("m1"))), VALUES)
        with pytest.raises(WrongState, match="cannot become 'b' both"):
            process.app.migrate(key, {"b": "b", "c": "b"}, version=2)

    def test_a_new_one_that_cannot_be_evaluated_is_told_and_nothing_changes(
        self, process: ProcessTester
    ) -> None:
        # Given a new version that waits for a message with a key nobody knows
        new = line(
            job("a"),
            more=boundary("b", "a", on_message("m3")) + end("be") + flow("b", "be"),
            definitions=message("m3", "=nothing"),
        )
        key = started(process, self.OLD, new, VALUES)
        with pytest.raises(WrongState, match="wait for an event, but the correlation key of 'b'"):
            process.app.migrate(key, version=2)
        process.publish("m1", "1")
        process.assert_passed("bm")


class TestEventGateways:
    def model(self, id: str, left: str, right: str, name: str = "m1") -> bytes:
        return bpmn(
            start()
            + gateway("eventBased", id)
            + catch(left, on_message(name))
            + catch(right, on_duration("PT1H"))
            + end("e")
            + end("f"),
            f"s>{id} {id}>{left} {id}>{right} {left}>e {right}>f",
            definitions=DEFINITIONS,
        )

    def test_events_with_a_place_are_waited_for_as_before(self, process: ProcessTester) -> None:
        key = started(process, self.model("g", "l", "r"), self.model("h", "l2", "r2", "m2"), VALUES)
        process.app.migrate(key, {"g": "h", "l": "l2", "r": "r2"}, version=2)
        process.publish("m1", "1")
        process.assert_passed("h", "l2", "e")

    def test_without_one_the_new_ones_are_waited_for(self, process: ProcessTester) -> None:
        key = started(process, self.model("g", "l", "r"), self.model("h", "l2", "r2", "m2"), VALUES)
        process.app.migrate(key, {"g": "h"}, version=2)
        process.publish("m1", "1")
        process.assert_active()
        process.publish("m2", "2")
        process.assert_passed("h", "l2", "e")
