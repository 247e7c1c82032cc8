"""The checker and its models: what one client could have seen is accepted, all else is refused."""

from __future__ import annotations

import random
from collections.abc import Callable, Hashable, Sequence
from itertools import combinations, permutations

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from . import leases, messages
from .checker import NEVER, Operation, Step, TooComplex, Verdict, check
from .leases import OK, REFUSED, Activated, Call, Job, Status
from .messages import EXISTS, Mailbox, Publication, Span, Start
from .simulating import Told, blurred, lease_story, message_story

HOUR = 3_600_000
seeds = st.integers(0, 2**32)


def judge_job(history: Sequence[Operation]) -> Verdict:
    return check(Job(), leases.step, history)


def judge_box(history: Sequence[Operation]) -> Verdict:
    return check(Mailbox(), messages.step, history)


def one_by_one(*told: Told) -> list[Operation]:
    """Each is called when the one before it was answered."""
    return [
        Operation(kind=kind, input=given, output=output, called=at, answered=at + 0.5)
        for at, (kind, given, output) in enumerate(told)
    ]


# --- leases ----------------------------------------------------------------------------------------


def lease(number: int, now: int, deadline: int) -> Told:
    return ("activate", Call(at=now, timeout=deadline - now), Activated(number, deadline))


FIRST = lease(1, 100, 150)
SECOND = lease(2, 150, 200)


@pytest.mark.parametrize(
    "told",
    [
        pytest.param([FIRST, ("complete", Call(1, 110), OK)], id="an answer in time"),
        pytest.param([FIRST, ("complete", Call(1, 160), OK)], id="late, but nobody else has it"),
        pytest.param([FIRST, SECOND, ("complete", Call(1), REFUSED)], id="a stale answer is refused"),
        pytest.param(
            [FIRST, ("complete", Call(1), OK), ("complete", Call(1), OK)], id="a completion may be repeated"
        ),
        pytest.param(
            [
                FIRST,
                ("fail", Call(1, 105, 10, 3), OK),
                lease(2, 115, 120),
            ],
            id="after a backoff",
        ),
        pytest.param(
            [FIRST, ("release", Call(1, 105), OK), lease(2, 105, 110)],
            id="after it was given back",
        ),
        pytest.param(
            [FIRST, ("fail", Call(1, 105, 0, 0), OK), ("complete", Call(1), REFUSED)], id="failed for good"
        ),
    ],
)
def test_what_one_worker_after_the_other_sees_is_accepted(told: list[Told]) -> None:
    assert judge_job(one_by_one(*told)).holds


@pytest.mark.parametrize(
    "told",
    [
        pytest.param([FIRST, lease(2, 110, 160)], id="two valid leases at once"),
        pytest.param([FIRST, lease(1, 150, 200)], id="a number used twice"),
        pytest.param([FIRST, lease(3, 150, 200)], id="a number left out"),
        pytest.param([FIRST, SECOND, ("complete", Call(1), OK)], id="a stale completion accepted"),
        pytest.param([FIRST, SECOND, ("fail", Call(1, retries=3), OK)], id="a stale failure accepted"),
        pytest.param([FIRST, SECOND, ("extend", Call(1, 160, 50), OK)], id="a stale extension accepted"),
        pytest.param(
            [
                FIRST,
                ("extend", Call(1, 140, 100), OK),
                ("activate", Call(at=160, timeout=9), Activated(2, 170)),
            ],
            id="leased in spite of an extension",
        ),
        pytest.param(
            [
                FIRST,
                ("fail", Call(1, 105, 99, 3), OK),
                ("activate", Call(at=120, timeout=5), Activated(2, 130)),
            ],
            id="leased before the backoff is over",
        ),
        pytest.param([FIRST, ("complete", Call(1), REFUSED)], id="a valid completion refused"),
        pytest.param(
            [FIRST, ("complete", Call(1), OK), ("complete", Call(1), REFUSED)], id="a repeated one refused"
        ),
        pytest.param([FIRST, ("complete", Call(1), OK), SECOND], id="leased after it was completed"),
        pytest.param(
            [FIRST, ("complete", Call(1), OK), ("look", None, (Status.LEASED, 1))], id="a lost write"
        ),
    ],
)
def test_what_no_worker_may_see_is_refused(told: list[Told]) -> None:
    verdict = judge_job(one_by_one(*told))
    assert not verdict.holds
    assert "no order explains this history" in str(verdict)


def test_a_lease_nobody_heard_of_explains_a_number_left_out() -> None:
    lost = Operation(kind="activate", input=Call(at=150, timeout=10), called=1.6)
    third = lease(3, 170, 220)
    history = one_by_one(FIRST, ("release", Call(1, 120), OK), ("release", Call(9, 120), OK), third)
    assert not judge_job(history).holds
    assert judge_job([*history, lost]).holds


# --- messages --------------------------------------------------------------------------------------


def publish(
    marker: str, *, id: str | None = None, ttl: int = HOUR, at: int = 0, to: str | None = None, told: str = OK
) -> Told:
    return ("publish", Publication(marker, id, ttl, Span(at, at), to), told)


def start(name: str, key: int, *, got: str | None = None, at: int = 0) -> Told:
    return ("start", Start(name, key, Span(at, at), got), key)


def waiting(*names: str, at: int = 0) -> Told:
    return ("look", Span(at, at), frozenset(names))


@pytest.mark.parametrize(
    "told",
    [
        pytest.param([publish("m", to="a"), start("a", 1, got="m"), waiting()], id="buffered"),
        pytest.param(
            [start("a", 1, got="m"), publish("m", to="a", ttl=0), ("result", "a", "m")], id="awaited"
        ),
        pytest.param([publish("m", ttl=0), start("a", 1), waiting("a")], id="nobody waited"),
        pytest.param([publish("m", ttl=9, at=0), start("a", 1, at=9), waiting("a", at=9)], id="expired"),
        pytest.param(
            [publish("m", id="x"), publish("n", id="x", told=EXISTS), waiting()], id="the id is alive"
        ),
        pytest.param(
            [publish("m", id="x", ttl=9), publish("n", id="x", at=9), waiting()], id="the id has expired"
        ),
        pytest.param(
            [start("b", 2, got="n"), start("a", 1, got="m"), publish("m", to="a"), publish("n", to="b")],
            id="the older key first",
        ),
    ],
)
def test_what_one_client_after_the_other_sees_is_accepted(told: list[Told]) -> None:
    assert judge_box(one_by_one(*told)).holds


@pytest.mark.parametrize(
    "told",
    [
        pytest.param([publish("m"), start("a", 1), waiting("a")], id="a lost message"),
        pytest.param([start("a", 1), publish("m"), waiting("a")], id="a message that passed by who waited"),
        pytest.param(
            [publish("m", to="a"), start("a", 1, got="m"), start("b", 2, got="m"), waiting()],
            id="a double correlation",
        ),
        pytest.param(
            [
                publish("m", at=0, to="b"),
                publish("n", at=5, to="a"),
                start("a", 1, got="n"),
                start("b", 2, got="m"),
            ],
            id="the younger first",
        ),
        pytest.param([publish("m", id="x"), publish("n", id="x"), waiting()], id="an id taken twice"),
        pytest.param([publish("n", id="x", told=EXISTS), waiting()], id="an id that nobody used"),
        pytest.param(
            [publish("m", id="x", ttl=9), publish("n", id="x", at=10, told=EXISTS)], id="an id long expired"
        ),
        pytest.param([publish("m", ttl=9, to="a"), start("a", 1, got="m", at=10)], id="a dead message"),
        pytest.param([publish("m", ttl=0, to="a"), start("a", 1, got="m")], id="one that was not to be kept"),
        pytest.param(
            [("result", "a", "m"), start("a", 1, got="m"), publish("m", to="a")], id="seen too early"
        ),
        pytest.param(
            [start("a", 1, got="n"), start("b", 2, got="m"), publish("m", to="b"), publish("n", to="a")],
            id="the younger key first",
        ),
        pytest.param(
            [
                *(
                    start("a", 1, got="m"),
                    publish("m", to="a"),
                    ("result", "a", "m"),
                    publish("n", at=1, to="b"),
                ),
                *(publish("o", at=5, to="c"), start("c", 3, got="o", at=6), start("b", 2, got="n", at=7)),
            ],
            id="one overtaken that nobody could have been sent",
        ),
        pytest.param(
            [
                *(start("a", 1, got="m"), start("b", 2, got="o"), start("c", 3, got="n")),
                *(publish("m", to="a"), publish("n", to="c"), publish("o", to="b"), waiting()),
            ],
            id="of two at once, the second passed by the oldest who waited",
        ),
        pytest.param(
            [
                *(start("a", 1, got="m"), publish("m", to="a"), publish("n", to="b")),
                *(publish("o", to="c", at=5), start("c", 3, got="o", at=6), start("b", 2, got="n", at=7)),
            ],
            id="one overtaken while another was under way",
        ),
        pytest.param(
            [start("a", 1, got="m"), publish("m", to="a"), publish("n"), start("b", 2), waiting("b")],
            id="left waiting beside a message that was under way",
        ),
    ],
)
def test_what_no_client_may_see_is_refused(told: list[Told]) -> None:
    assert not judge_box(one_by_one(*told)).holds


# --- any history -----------------------------------------------------------------------------------


@given(seeds)
@settings(deadline=None)
def test_histories_of_one_correct_job_with_overlap_are_accepted(seed: int) -> None:
    dice = random.Random(seed)
    verdict = judge_job(blurred(lease_story(dice, 25), dice))
    assert verdict.holds, verdict


@given(seeds)
@settings(deadline=None)
def test_histories_of_one_correct_mailbox_with_overlap_are_accepted(seed: int) -> None:
    dice = random.Random(seed)
    verdict = judge_box(blurred(message_story(dice, 25), dice))
    assert verdict.holds, verdict


def _places(story: Sequence[Told], wanted: Callable[[Told], bool]) -> list[int]:
    places = [at for at, told in enumerate(story) if wanted(told)]
    assume(places)
    return places


def _end(story: Sequence[Told]) -> tuple[Status, int]:
    job = judge_job(one_by_one(*story)).state
    return job.status, job.lease


@given(seeds)
def test_a_lease_that_the_database_forgot_is_found(seed: int) -> None:
    dice = random.Random(seed)
    story = lease_story(dice, 15)
    at = dice.choice(_places(story, lambda told: told[0] == "activate"))
    assert judge_job(one_by_one(*story[: at + 1], ("look", None, _end(story[: at + 1])))).holds
    assert not judge_job(one_by_one(*story[: at + 1], ("look", None, _end(story[:at])))).holds


@given(seeds)
def test_two_valid_leases_at_once_are_found(seed: int) -> None:
    dice = random.Random(seed)
    story = lease_story(dice, 15)
    at = dice.choice(_places(story, lambda told: told[0] == "activate"))
    lease, deadline = story[at][2]
    again = ("activate", Call(at=deadline - 1, timeout=9), Activated(lease + 1, deadline - 1 + 9))
    assert not judge_job(one_by_one(*story[: at + 1], again)).holds
    in_time = ("activate", Call(at=deadline, timeout=9), Activated(lease + 1, deadline + 9))
    assert judge_job(one_by_one(*story[: at + 1], in_time)).holds


@given(seeds)
def test_a_stale_completion_that_was_accepted_is_found(seed: int) -> None:
    dice = random.Random(seed)
    story = lease_story(dice, 15)
    at = dice.choice(_places(story, lambda told: told[0] == "activate" and told[2].lease > 1))
    lease = story[at][2].lease - 1
    assert judge_job(one_by_one(*story[: at + 1], ("complete", Call(lease), REFUSED))).holds
    assert not judge_job(one_by_one(*story[: at + 1], ("complete", Call(lease), OK))).holds


@given(seeds)
def test_a_message_that_was_lost_is_found(seed: int) -> None:
    dice = random.Random(seed)
    story = message_story(dice, 15)
    del story[dice.choice(_places(story, lambda told: told[0] == "publish" and told[1].receiver))]
    assert not judge_box(one_by_one(*story)).holds


@given(seeds)
def test_a_double_correlation_is_found(seed: int) -> None:
    dice = random.Random(seed)
    story = message_story(dice, 15)
    first = story[dice.choice(_places(story, lambda told: told[0] == "start" and told[1].got))]
    again = first[1]._replace(name="again", key=99)
    assert not judge_box(one_by_one(*story[:-1], ("start", again, 99), story[-1])).holds


def _by_trying(initial: Hashable, step: Step, history: Sequence[Operation]) -> bool:
    """Every order of every choice of what may have happened."""
    known = [one for one in history if one.known]
    unknown = [one for one in history if not one.known]
    return any(
        _is_possible(order) and _leads_on(initial, step, order)
        for count in range(len(unknown) + 1)
        for chosen in combinations(unknown, count)
        for order in permutations([*known, *chosen])
    )


def _is_possible(order: Sequence[Operation]) -> bool:
    return not any(later.answered < one.called for at, one in enumerate(order) for later in order[at + 1 :])


def _leads_on(state: Hashable | None, step: Step, order: Sequence[Operation]) -> bool:
    for operation in order:
        state = step(state, operation)
        if state is None:
            return False
    return True


@given(seeds, st.sampled_from(["leases", "messages"]))
@settings(deadline=None, max_examples=150)
def test_it_agrees_with_trying_every_order(seed: int, about: str) -> None:
    # Given a small history, often with an answer that belongs to another one
    dice = random.Random(seed)
    story = (lease_story if about == "leases" else message_story)(dice, 5)
    other = (lease_story if about == "leases" else message_story)(dice, 5)
    if dice.random() < 0.7:
        story[dice.randrange(len(story))] = dice.choice(other)
    history = blurred(story, dice, forgets=0.2)
    # Then both say the same of it
    initial, step = (Job(), leases.step) if about == "leases" else (Mailbox(), messages.step)
    assert check(initial, step, history).holds == _by_trying(initial, step, history)


def test_a_search_that_takes_too_long_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.linearizability.checker.MOST_STATES", 100)
    lost = [
        Operation(kind="publish", input=Publication(str(n), None, HOUR, Span(0, NEVER), None), called=0)
        for n in range(20)
    ]
    wrong = Operation(kind="look", input=Span(0, 0), output=frozenset("x"), called=1, answered=2)
    with pytest.raises(TooComplex):
        judge_box([*lost, wrong])
