"""Read sets: what a command needs is known before it runs, in a few rounds (design, "Read sets")."""

import pytest

from procession.engine import commands as c
from procession.engine.run import TRANSITIONS_PER_COMMAND
from procession.errors import WrongState
from tests.building import (
    boundary,
    bpmn,
    each,
    element,
    end,
    gateway,
    inputs,
    job,
    message,
    on_duration,
    on_message,
    outputs,
    script,
    start,
    sub,
)
from tests.unit.engine.driver import Driver

ROUNDS = 4
"""Passes a command may take, however many records it touches."""


def open_jobs(driver: Driver) -> list[int]:
    return sorted(record.key for record in driver.records("job") if record.ended_at is None)


def test_starting_and_completing_a_one_task_instance_takes_one_round_each() -> None:
    driver = Driver(bpmn(start() + job("t") + end(), "s>t t>e"))
    driver.execute(c.StartInstance("p", variables={"n": "1"}))
    assert driver.rounds == 1
    driver.execute(c.CompleteJob(*open_jobs(driver), {"m": "2"}))
    assert driver.rounds == 1


def test_mappings_and_conditions_on_the_way_are_foreseen() -> None:
    # Given a job followed by mappings, scripts and a join, in a sub-process with locals
    inner = start("is") + job("a", mappings=inputs(x="=n") + outputs(y="=x")) + script("b", "y + z", "r")
    inner += gateway("parallel", "f") + element("task", "c") + gateway("parallel", "j") + end("ie")
    body = start() + sub("sub", inner, "is>a a>b b>f f>c f>j c>j j>ie", mappings=inputs(z="=n")) + end()
    driver = Driver(bpmn(body, "s>sub sub>e"))
    driver.execute(c.StartInstance("p", variables={"n": "1"}))
    # When it is completed
    driver.execute(c.CompleteJob(*open_jobs(driver)))
    # Then nothing was missed
    assert driver.rounds == 1
    (instance,) = driver.records("process_instance")
    assert instance.ended_at is not None


def test_results_that_are_mapped_out_are_the_first_local_variables_and_not_looked_for() -> None:
    # Given a job whose results stay at its element, but for what its mappings let out
    out = outputs(meta="=meta", status="=status", result="=result")
    driver = Driver(bpmn(start() + job("t", mappings=out) + end(), "s>t t>e"))
    driver.execute(c.StartInstance("p", variables={"meta": "{}", "status": "null", "result": "null"}))
    # When it is completed with one that is let out, and one that is not
    driver.execute(c.CompleteJob(*open_jobs(driver), {"status": '"SUCCESS"', "run": "1"}))
    # Then nothing was missed
    assert driver.rounds == 1
    (instance,) = driver.records("process_instance")
    values = {one.name: one.value for one in driver.records("variable") if one.scope_key == instance.key}
    assert values == {"meta": "{}", "status": '"SUCCESS"', "result": "null"}


def test_a_message_needs_few_rounds() -> None:
    body = start() + job("t") + boundary("b", "t", on_message("ping")) + script("x", "n + k", "r")
    driver = Driver(bpmn(body, "s>t b>x", definitions=message("ping")))
    driver.execute(c.StartInstance("p", variables={"key": '"A"', "n": "1"}))
    driver.execute(c.PublishMessage("ping", "A", variables={"k": "2"}))
    assert driver.rounds == 1
    (payload,) = [record.payload for record in driver.records("command")]
    driver.execute(c.decode(payload))
    assert driver.rounds <= ROUNDS


@pytest.mark.parametrize("children", [3, 300])
def test_cancelling_takes_as_many_rounds_for_many_children_as_for_few(children: int) -> None:
    work = job("t", inner=each(f"=for n in 1..{children} return n"))
    work += boundary("b", "t", on_duration("P1D"))
    driver = Driver(bpmn(start() + work, "s>t"))
    started = driver.execute(c.StartInstance("p"))
    driver.settle()
    driver.execute(c.CancelInstance(started.key))
    assert driver.rounds <= 2 * ROUNDS
    driver.settle()
    assert open_jobs(driver) == []
    assert driver.records("timer") == []


def test_completing_one_of_many_children_reads_none_of_the_others() -> None:
    driver = Driver(bpmn(start() + job("t", inner=each("=for n in 1..50 return n")), "s>t"))
    driver.execute(c.StartInstance("p"))
    loaded: set[int] = set()
    load_keys = driver._load_keys

    def watch(unit: object, name: str, keys: set[int]) -> None:
        if name == "element_instance":
            loaded.update(keys)
        load_keys(unit, name, keys)  # type: ignore[arg-type]

    driver._load_keys = watch  # type: ignore[method-assign]
    driver.execute(c.CompleteJob(open_jobs(driver)[7]))
    assert len(loaded) == 2  # the child and its body


class TestBounds:
    def test_ten_thousand_children_are_made_by_many_transactions(self) -> None:
        driver = Driver(bpmn(start() + job("t", inner=each("=for n in 1..10000 return n")), "s>t"))
        driver.execute(c.StartInstance("p"))
        created = [driver.created]
        while driver.rows["command"]:
            payload = driver.rows["command"].pop(min(driver.rows["command"]))[3]
            driver.execute(c.decode(payload))
            created.append(driver.created)
        assert sum(created) == 10_002
        assert max(created) <= 1.2 * TRANSITIONS_PER_COMMAND

    def test_a_loop_that_never_waits_is_cut(self) -> None:
        driver = Driver(bpmn(start() + gateway("exclusive", "m") + element("task", "t"), "s>m m>t t>m"))
        driver.execute(c.StartInstance("p"))
        assert driver.created <= TRANSITIONS_PER_COMMAND
        assert len(driver.records("command")) == 1


def test_the_same_commands_make_the_same_records() -> None:
    inner = each("=[3, 1, 2]", "n", collect=("results", "=r"))
    content = bpmn(start() + script("t", "n * random number()", "r", inner=inner) + end(), "s>t t>e")
    twins = [Driver(content), Driver(content)]
    for driver in twins:
        driver.execute(c.StartInstance("p"))
        driver.settle()
    assert twins[0].rows == twins[1].rows
    assert len(twins[0].rows["element_instance"]) == 6


@pytest.mark.parametrize("children", [3, 300])
def test_migrating_takes_as_many_rounds_for_many_tokens_as_for_few(children: int) -> None:
    # Given many jobs with events at their boundary, in a sub-process
    def version(task: str) -> bytes:
        work = job(task, inner=each(f"=for n in 1..{children} return n"))
        work += boundary("late", task, on_duration("P1D"))
        return bpmn(start() + sub("sub", start("is") + work, f"is>{task}"), "s>sub")

    driver = Driver(version("t"))
    started = driver.execute(c.StartInstance("p", version=1))
    driver.settle()
    driver.deploy(version("u"))
    # When the instance is migrated
    driver.execute(c.MigrateInstance(started.key, {"t": "u"}, version=2, equal_ids=True, retype_jobs=True))
    # Then no round was repeated, and all have moved
    assert driver.rounds == 1
    jobs = driver.records("job")
    assert {(one.type, one.definition_key) for one in jobs} == {("u", 2)}
    assert len(jobs) == children


@pytest.mark.parametrize("before", [1, 100])
def test_migrating_reads_nothing_of_what_has_ended(before: int) -> None:
    # Given an instance that has been through some loops
    flows = "s>x x>t t>x"
    content = bpmn(start() + gateway("exclusive", "x") + job("t"), flows)
    driver = Driver(content)
    started = driver.execute(c.StartInstance("p", version=1))
    for _ in range(before):
        driver.execute(c.CompleteJob(*open_jobs(driver)))
    driver.deploy(content)
    driver.execute(c.MigrateInstance(started.key, version=2, equal_ids=True))
    assert driver.loaded == 1


def test_nothing_is_migrated_while_tokens_are_on_their_way() -> None:
    # Given a loop over so much that its rest waits for other transactions
    content = bpmn(start() + job("t", inner=each("=for n in 1..3000 return n")), "s>t")
    driver = Driver(content)
    started = driver.execute(c.StartInstance("p", version=1))
    driver.deploy(content)
    command = c.MigrateInstance(started.key, version=2, equal_ids=True)
    # When it is migrated before and after these
    with pytest.raises(WrongState, match="on its way between two elements; try again"):
        driver.execute(command)
    driver.settle()
    driver.execute(command)
    # Then all are on one version
    assert {one.definition_key for one in driver.records("element_instance") if one.ended_at is None} == {2}


def test_more_tokens_than_one_transaction_moves_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("procession.engine.moves.MIGRATED_AT_ONCE", 4)
    content = bpmn(start() + job("t", inner=each("=[1,2,3]")), "s>t")
    driver = Driver(content)
    started = driver.execute(c.StartInstance("p", version=1))
    driver.deploy(content)
    with pytest.raises(WrongState, match="4 active elements or more are too many"):
        driver.execute(c.MigrateInstance(started.key, version=2, equal_ids=True))
