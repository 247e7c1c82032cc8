"""Step processes run: steps, hooks, meta, skipping, results."""

from __future__ import annotations

from typing import Any, ClassVar

import pytest

from procession import InvalidInput
from procession.process import Process, Processable, ProcessEnded, ProcessResult, Status, Task
from tests.acceptance.processes.scene import ORDER, comes_to, running


class HandleTask2(Task):
    def handle(self) -> ProcessResult:
        return ProcessResult("Announced", data={"order": str(self.process.processable)})


class DefaultProcess(Process):
    """The example of the seed."""

    STEPS: ClassVar = {
        "step1": "handle_task",
        "step2": HandleTask2,
    }

    version = 1

    def handle_task(self) -> ProcessResult:
        return ProcessResult("Task completed")


async def test_the_example_of_the_seed_runs(url: str) -> None:
    # Given the class of the seed
    async with running(url, DefaultProcess) as processes:
        # When it is started for an order
        instance = await processes.start(DefaultProcess, ORDER)
        values = await instance.result()
        # Then both steps were run, and what they said is kept
        detail = await processes.show(instance.key)
    assert values["result"] == {"order": "order:A-1"}
    assert [(run.step, run.status, run.message) for run in detail.history] == [
        ("step1", Status.SUCCESS, "Task completed"),
        ("step2", Status.SUCCESS, "Announced"),
    ]
    assert detail.info.status is Status.SUCCESS


class Surrounded(Process):
    START: ClassVar = {"open": "note"}
    STEPS: ClassVar = {"work": "note"}
    FINISH: ClassVar = {"close": "note"}
    seen: ClassVar[list[str]] = []

    def note(self) -> ProcessResult:
        self.seen.append(self.step)
        return ProcessResult()

    def boot(self) -> None:
        self.seen.append("boot")

    def validate(self) -> None:
        self.seen.append("validate")

    def before_next_step(self) -> None:
        self.seen.append("before")


async def test_hooks_and_surrounding_steps_run_in_their_order(sqlite_url: str) -> None:
    Surrounded.seen.clear()
    async with running(sqlite_url, Surrounded) as processes:
        # When it has run
        await (await processes.start(Surrounded, ORDER)).result()
    # Then START comes first and FINISH last, and validate is called once
    assert Surrounded.seen == [
        *("boot", "validate", "before", "open"),
        *("boot", "before", "work"),
        *("boot", "before", "close"),
    ]


class Async(Process):
    STEPS: ClassVar = {"one": "one", "two": "two"}

    async def boot(self) -> None:
        self.meta["booted"] = self.meta.get("booted", 0) + 1

    async def one(self) -> ProcessResult:
        return ProcessResult(meta={"lines": [1, 2], "totals": {"net": 1}})

    async def two(self) -> ProcessResult:
        return ProcessResult(meta={"lines": [3], "seen": self.meta})


async def test_meta_is_merged_by_key_and_lists_are_replaced(url: str) -> None:
    async with running(url, Async) as processes:
        # When steps extend the document a process began with
        instance = await processes.start(Async, ORDER, meta={"first": True, "totals": {"tax": 2}})
        values = await instance.result()
    # Then
    assert values["meta"] == {
        "first": True,
        "booted": 2,
        "lines": [3],
        "totals": {"net": 1},
        "seen": {"first": True, "booted": 2, "lines": [1, 2], "totals": {"net": 1}},
    }


class Jumping(Process):
    STEPS: ClassVar = {"one": "one", "two": "other", "three": "other", "four": "other"}

    def one(self) -> ProcessResult:
        return ProcessResult(meta={"goto_step": "three"})

    def other(self) -> ProcessResult:
        return ProcessResult("done")


async def test_goto_step_skips_and_records_what_it_skipped(url: str) -> None:
    async with running(url, Jumping) as processes:
        # When a step names a later one
        instance = await processes.start(Jumping, ORDER)
        values = await instance.result()
        detail = await processes.show(instance.key)
    # Then those between are recorded as skipped, and the document forgets the jump
    assert [(run.step, run.status) for run in detail.history] == [
        ("one", Status.SUCCESS),
        ("two", Status.SKIPPED),
        ("three", Status.SUCCESS),
        ("four", Status.SUCCESS),
    ]
    assert "goto_step" not in values["meta"]
    assert values["status"] == Status.SUCCESS


async def test_a_process_may_begin_further_on(sqlite_url: str) -> None:
    async with running(sqlite_url, Jumping) as processes:
        instance = await processes.start(Jumping, ORDER, meta={"goto_step": "four"})
        await instance.result()
        detail = await processes.show(instance.key)
        with pytest.raises(InvalidInput, match="goto_step names 'five'"):
            await processes.start(Jumping, ("order", "A-2"), meta={"goto_step": "five"})
    assert [run.status for run in detail.history] == [Status.SKIPPED] * 3 + [Status.SUCCESS]


class Backwards(Jumping):
    def other(self) -> ProcessResult:
        return ProcessResult(meta={"goto_step": "one"})


async def test_jumping_back_is_a_mistake_that_holds_the_process(sqlite_url: str) -> None:
    async with running(sqlite_url, Backwards) as processes:
        instance = await processes.start(Backwards, ORDER)
        held = await comes_to(processes, instance.key, Status.EXCEPTION)
    assert held.step == "three"
    assert held.message == "EXCEPTION: goto_step names 'one', which is no step behind 'three'"


class Ending(Process):
    STEPS: ClassVar = {"one": "one", "two": "two"}
    FINISH: ClassVar = {"three": "two"}

    def one(self) -> ProcessResult:
        raise ProcessEnded("the order was cancelled")

    def two(self) -> ProcessResult:
        raise AssertionError("it must not run")


async def test_a_process_that_has_ended_skips_the_rest(url: str) -> None:
    async with running(url, Ending) as processes:
        instance = await processes.start(Ending, ORDER)
        await instance.result()
        detail = await processes.show(instance.key)
    assert detail.info.status is Status.SKIPPED
    assert [(run.step, run.status, run.message) for run in detail.history] == [
        ("one", Status.SKIPPED, "the order was cancelled"),
        ("two", Status.SKIPPED, "The process has ended"),
        ("three", Status.SKIPPED, "The process has ended"),
    ]


class Remarks(Process):
    STEPS: ClassVar = {"one": "one", "two": "two", "three": "three"}

    def one(self) -> ProcessResult:
        return ProcessResult(status=Status.WARNING)

    def two(self) -> ProcessResult:
        return ProcessResult(status=Status.INFO)

    def three(self) -> None:
        return None


async def test_a_process_ends_with_the_gravest_remark_of_its_steps(sqlite_url: str) -> None:
    async with running(sqlite_url, Remarks) as processes:
        instance = await processes.start(Remarks, ORDER)
        values = await instance.result()
    assert values["status"] == Status.WARNING


class Subject(Process):
    STEPS: ClassVar = {"one": "one"}

    def one(self) -> ProcessResult:
        about: dict[str, Any] = {
            "processable": self.processable == Processable("order", "A-1"),
            "key": self.key,
            "channel": self.channel_name,
            "attempt": self.attempt,
        }
        return ProcessResult(data=about)


async def test_a_step_knows_what_it_is_about(sqlite_url: str) -> None:
    async with running(sqlite_url, Subject) as processes:
        instance = await processes.start("Subject", "order:A-1")
        values = await instance.result()
    about = {"processable": True, "key": instance.key, "channel": "default", "attempt": 1}
    assert values["result"] == about


async def test_the_same_processable_is_started_once_unless_asked_otherwise(url: str) -> None:
    async with running(url, Subject, Jumping) as processes:
        # Given a process that was started, and has ended
        first = await processes.start(Subject, ORDER)
        await first.result()
        # When it is started again, another process for the same order, and once more on purpose
        repeated = await processes.start(Subject, ORDER)
        other = await processes.start(Jumping, ORDER)
        anew = await processes.start(Subject, ORDER, again=True)
    # Then
    assert (repeated.key, repeated.created) == (first.key, False)
    assert other.created
    assert anew.created


async def test_many_are_started_in_one_call_each_of_them_once(url: str) -> None:
    # Given one that was started before
    async with running(url, DefaultProcess) as processes:
        before = await processes.start(DefaultProcess, ("order", 2))
        # When many are started
        orders = [("order", number) for number in range(1, 6)]
        started = await processes.start_all(DefaultProcess, orders, meta={"from": "import"})
        results = [(await one.result())["result"]["order"] for one in started]
    # Then there is one for each, in their order
    assert results == [f"order:{number}" for number in range(1, 6)]
    assert [one.created for one in started] == [True, False, True, True, True]
    assert started[1].key == before.key


async def test_of_many_none_is_started_if_one_names_nothing(sqlite_url: str) -> None:
    async with running(sqlite_url, DefaultProcess) as processes:
        with pytest.raises(InvalidInput, match="names no processable"):
            await processes.start_all(DefaultProcess, ["order:1", "order"])
        assert await processes.search() == []


@pytest.mark.parametrize("subject", ["A-1", ":A-1", "order:", ("", "A-1")])
async def test_a_processable_has_a_type_and_an_id(sqlite_url: str, subject: Any) -> None:
    async with running(sqlite_url, Subject) as processes:
        with pytest.raises(InvalidInput, match="TYPE:ID"):
            await processes.start(Subject, subject)


async def test_what_is_not_registered_cannot_be_started(sqlite_url: str) -> None:
    async with running(sqlite_url, Subject) as processes:
        with pytest.raises(InvalidInput, match="'Jumping' is not registered; there are: Subject"):
            await processes.start(Jumping, ORDER)
