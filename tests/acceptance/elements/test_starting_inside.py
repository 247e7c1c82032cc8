"""Starting at given elements instead of the start event (Zeebe's start instructions)."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

import pytest
import sqlalchemy as sa

from procession import InvalidInput, WrongState
from procession.testing import ProcessTester
from tests.building import (
    boundary,
    bpmn,
    call,
    catch,
    each,
    element,
    end,
    gateway,
    inputs,
    job,
    message,
    on_duration,
    on_message,
    receive,
    script,
    start,
    sub,
)

LINE = bpmn(start() + job("a") + job("b") + end(), "s>a a>b b>e")
DEEP = sub("deep", start("ds") + job("d1") + job("d2") + end("de"), "ds>d1 d1>d2 d2>de")
NESTED = bpmn(
    start() + job("a") + sub("sub", start("ss") + job("x") + DEEP + end("se"), "ss>x x>deep deep>se") + end(),
    "s>a a>sub sub>e",
)


def elements(process: ProcessTester) -> Counter[str]:
    """How often each element was entered."""
    return Counter(step.element_id for step in process.detail.path)


class TestWhere:
    def test_what_comes_before_is_left_out(self, process: ProcessTester) -> None:
        process.deploy(LINE)
        process.start("p", {"n": 1}, start_at=["b"])
        process.assert_waits_at("b")
        process.complete_job("b")
        process.assert_completed()
        assert elements(process) == {"b": 1, "e": 1}
        assert process.variables == {"n": 1}

    def test_the_scopes_around_are_entered_without_their_start_events(self, process: ProcessTester) -> None:
        process.deploy(NESTED)
        process.start("p", start_at=["d2"])
        process.complete_job("d2")
        process.assert_completed()
        assert elements(process) == {"sub": 1, "deep": 1, "d2": 1, "de": 1, "se": 1, "e": 1}

    def test_several_at_once_share_the_scopes_around_them(self, process: ProcessTester) -> None:
        # Given starts in a sub-process, in one inside it, and outside
        process.deploy(NESTED)
        process.start("p", start_at=["d1", "d2", "x", "a"])
        # Then each has its token, and there is one sub-process
        process.assert_waits_at("d1", "d2", "x", "a")
        assert (elements(process)["sub"], elements(process)["deep"]) == (1, 1)
        # And it goes on when all that began in it have ended
        for done in ("d1", "d2", "d2"):
            process.complete_job(done)
        assert elements(process)["se"] == 1
        process.assert_waits_at("sub", "x", "a")

    def test_an_element_named_twice_gets_two_tokens(self, process: ProcessTester) -> None:
        process.deploy(LINE)
        process.start("p", start_at=["b", "b"])
        process.complete_job("b")
        process.assert_active()
        process.complete_job("b")
        process.assert_completed()

    def test_a_sub_process_that_is_named_begins_at_its_start_event(self, process: ProcessTester) -> None:
        process.deploy(NESTED)
        process.start("p", start_at=["sub", "d1"])
        assert elements(process) == {"sub": 2, "ss": 1, "x": 1, "deep": 1, "d1": 1}

    def test_a_join_that_is_named_waits_for_nobody(self, process: ProcessTester) -> None:
        fork = gateway("parallel", "fork") + job("a") + job("b") + gateway("parallel", "join")
        process.deploy(bpmn(start() + fork + job("t"), "s>fork fork>a fork>b a>join b>join join>t"))
        process.start("p", start_at=["join"])
        process.assert_waits_at("t")
        # And tokens that begin before it meet there
        process.start("p", start_at=["a", "b"])
        process.complete_job("a")
        process.assert_waits_at("b")
        process.complete_job("b")
        process.assert_waits_at("t")

    def test_activities_that_hold_others_begin_as_usual(self, process: ProcessTester) -> None:
        process.deploy(bpmn(start("cs") + job("c"), "cs>c", id="called"))
        many = sub("many", start("ms") + job("m"), "ms>m", inner=each("=[1, 2]"))
        process.deploy(bpmn(start() + call("call", "called") + many, "s>call call>many"))
        process.start("p", start_at=["many", "call"])
        assert sorted(open_job.element_id for open_job in process.jobs) == ["c", "m", "m"]

    def test_events_are_waited_for(self, process: ProcessTester) -> None:
        waits = catch("caught", on_message("m")) + receive("received", "m")
        process.deploy(bpmn(start() + waits, "s>caught caught>received", definitions=message("m")))
        process.start("p", {"key": "K"}, start_at=["received"])
        process.publish("m", "K")
        process.assert_completed()

    def test_a_process_that_only_messages_start_may_begin_inside(self, process: ProcessTester) -> None:
        process.deploy(
            bpmn(start("s", on_message("go")) + job("t"), "s>t", id="p", definitions=message("go"))
        )
        with pytest.raises(WrongState):
            process.start("p")
        process.start("p", start_at=["t"])
        process.complete_job("t")
        process.assert_completed()

    def test_more_places_than_one_transaction_has_room_for(self, process: ProcessTester) -> None:
        # Given the same element named 1,500 times
        process.deploy(bpmn(start() + element("task", "t") + end(), "s>t t>e"))
        process.start("p", start_at=["t"] * 1500)
        process.assert_completed()
        key = process.instance_key
        engine = sa.create_engine(process.url)
        count = f"SELECT count(*) FROM element_instance WHERE element_id='t' AND instance_key={key}"
        with engine.connect() as connection:
            assert connection.exec_driver_sql(count).scalar_one() == 1500
        engine.dispose()


class TestEnteredScopes:
    def test_input_mappings_are_applied(self, process: ProcessTester) -> None:
        inner = start("ss") + script("t", "local * 10", "out") + end("se")
        mapped = sub("sub", inner, "ss>t t>se", mappings=inputs(local="=n + 1"))
        process.deploy(bpmn(start() + mapped + end(), "s>sub sub>e"))
        process.start("p", {"n": 1}, start_at=["t"])
        process.assert_completed()
        assert process.variables == {"n": 1, "out": 20}

    def test_boundary_events_are_open(self, process: ProcessTester) -> None:
        events = boundary("paid", "sub", on_message("m"), interrupting=False) + boundary(
            "late", "sub", on_duration("PT1H")
        )
        process.deploy(
            bpmn(
                start() + sub("sub", start("ss") + job("t"), "ss>t") + events + job("x") + job("y"),
                "s>sub paid>x late>y",
                definitions=message("m"),
            )
        )
        process.start("p", {"key": "K"}, start_at=["t"])
        process.publish("m", "K")
        process.assert_waits_at("t", "x")
        process.advance(timedelta(hours=1))
        process.assert_waits_at("x", "y")
        assert [open_job.element_id for open_job in process.jobs] == ["x", "y"]

    def test_a_message_that_waits_for_the_boundary_event_is_taken(self, process: ProcessTester) -> None:
        caught = boundary("paid", "sub", on_message("m")) + job("x")
        model = start() + sub("sub", start("ss") + job("t"), "ss>t") + caught
        process.deploy(bpmn(model, "s>sub paid>x", definitions=message("m")))
        process.publish("m", "K", ttl=timedelta(hours=1))
        process.start("p", {"key": "K"}, start_at=["t"])
        process.assert_waits_at("x")
        assert [open_job.element_id for open_job in process.jobs] == ["x"]

    @pytest.mark.parametrize(
        "scope",
        [
            pytest.param(
                sub("sub", start("ss") + job("t"), "ss>t") + boundary("b", "sub", on_message("m")),
                id="a boundary event without a key",
            ),
            pytest.param(
                sub(
                    "sub",
                    start("ss") + job("t"),
                    "ss>t",
                    mappings=inputs(fine="=1", loops="=f(1)", endless="=for i in 1..10000000 return i"),
                ),
                id="an input mapping that has no end",
            ),
        ],
    )
    def test_a_scope_that_cannot_be_entered_refuses_the_start(
        self, process: ProcessTester, scope: str
    ) -> None:
        # Given a process whose sub-process cannot be entered without a variable
        flows = "s>sub b>e" if "boundaryEvent" in scope else "s>sub"
        process.deploy(bpmn(start() + scope + end(), flows, definitions=message("m")))
        process.deploy(bpmn(start() + job("u"), "s>u", id="q"))
        # When an instance is to start in it
        with pytest.raises(InvalidInput, match="'sub' cannot be entered"):
            process.start("p", {"n": 1}, start_at=["t", "t"])
        # Then nothing of it is there, and what comes next works
        engine = sa.create_engine(process.url)
        with engine.connect() as connection:
            for table in (
                "process_instance",
                "element_instance",
                "variable",
                "timer",
                "message_subscription",
            ):
                assert connection.exec_driver_sql(f"SELECT count(*) FROM {table}").scalar_one() == 0
        engine.dispose()
        process.start("q")
        process.assert_waits_at("u")


class TestRefused:
    MODEL = bpmn(
        start()
        + sub("sub", start("ss") + job("x"), "ss>x")
        + boundary("b", "sub", on_message("m"))
        + sub(
            "many",
            start("ms") + sub("in", start("is") + job("inner"), "is>inner"),
            "ms>in",
            inner=each("=[1]"),
        )
        + element("eventBasedGateway", "either")
        + catch("c1", on_message("m"))
        + catch("c2", on_duration("PT1H"))
        + end(),
        "s>sub sub>many many>either either>c1 either>c2 b>e",
        definitions=message("m"),
    )

    @pytest.mark.parametrize(
        ("at", "why"),
        [
            (["nowhere"], "has no element 'nowhere' to start at"),
            ([""], "has no element '' to start at"),
            (["p"], "has no element 'p' to start at"),
            (["s_sub"], "has no element 's_sub' to start at"),
            (["s"], "'s': it is a start event"),
            (["ss"], "'ss': it is a start event"),
            (["b"], "'b': it is a boundary event"),
            (["c1"], "'c1': it is an event behind an event-based gateway"),
            (["c2"], "'c2': it is an event behind an event-based gateway"),
            (["in"], "'in': it is inside a multi-instance activity"),
            (["inner"], "'inner': it is inside a multi-instance activity"),
            (["x", "nowhere"], "has no element 'nowhere' to start at"),
            (["a\0b"], "NUL"),
        ],
    )
    def test_places_where_nothing_can_start(self, process: ProcessTester, at: list[str], why: str) -> None:
        process.deploy(self.MODEL)
        with pytest.raises(InvalidInput) as refused:
            process.start("p", start_at=at)
        assert why in str(refused.value)
        assert process.app.instances() == []


class TestWithTheRest:
    def test_a_repeated_start_answers_the_first_instance(self, process: ProcessTester) -> None:
        process.deploy(LINE)
        first = process.start("p", start_at=["b"], idempotency_key="1", business_key="order 1")
        again = process.start("p", start_at=["a"], idempotency_key="1")
        assert (again.key, again.created) == (first.key, False)
        process.assert_waits_at("b")
        assert process.detail.info.business_key == "order 1"

    def test_it_may_be_part_of_the_callers_transaction(self, process: ProcessTester) -> None:
        process.deploy(NESTED)
        engine = sa.create_engine(process.url)
        with engine.begin() as connection:
            instance = process.app.start("p", start_at=["d2"], connection=connection)
        engine.dispose()
        process.of(instance).complete_job("d2")
        process.of(instance).assert_completed()
