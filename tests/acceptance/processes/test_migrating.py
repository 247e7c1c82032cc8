"""Moving processes to a newer class: what waits goes on there, at the step that its own becomes."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any, ClassVar

import pytest

from procession import InvalidInput, WrongState
from procession.process import Channel, Process, ProcessError, ProcessResult, RetryPolicy, Status
from procession.process.blueprint import read
from tests.acceptance.processes.scene import ORDER, comes_to, running, until

NEVER = RetryPolicy(wait=timedelta(days=1))


class V1(Process):
    process_id = "ship"
    version = 1
    retry = NEVER
    STEPS: ClassVar = {"pack": "pack", "send": "send"}

    def pack(self) -> ProcessResult:
        if self.meta.get("held"):
            raise ProcessError("no box")
        if self.meta.get("broken"):
            raise RuntimeError("no tape")
        return self.done("packed")

    def send(self) -> ProcessResult:
        return self.done("sent")

    def done(self, what: str) -> ProcessResult:
        return ProcessResult(f"{what} by version {self.version}")


class V2(V1):
    version = 2
    STEPS: ClassVar = {"weigh": "pack", "pack_goods": "pack", "send": "send"}
    MIGRATE: ClassVar = {1: {"pack": "pack_goods"}}

    def pack(self) -> ProcessResult:
        return self.done(f"try {self.attempt}, packed")


async def began(url: str, kind: type[Process], status: Status, meta: dict[str, Any] | None = None) -> int:
    """The key of a process of a class that has come to a status, and whose app has gone."""
    async with running(url, kind) as processes:
        key = (await processes.start(kind, ORDER, meta=meta)).key
        await comes_to(processes, key, status)
    return key


async def left(url: str, kind: type[Process], **options: Any) -> int:
    """The key of a process that nobody has begun to work on."""
    async with running(url, kind) as processes:
        processes.leasing.held_back = True
        await processes.leasing.obey()
        return (await processes.start(kind, ORDER, **options)).key


@pytest.mark.parametrize(
    ("meta", "status", "attempt"),
    [({"broken": True}, Status.RETRY, 2), ({"held": True}, Status.ERROR, 1)],
)
async def test_what_waits_goes_on_with_its_tries_and_history(
    url: str, meta: dict[str, Any], status: Status, attempt: int
) -> None:
    # Given a process that failed once on version 1
    key = await began(url, V1, status, meta)
    # When it is moved, and tried again
    async with running(url, V2) as processes:
        await processes.migrate(key)
        moved = await processes.show(key)
        await processes.restart(key)
        await comes_to(processes, key, Status.SUCCESS)
        ended = await processes.show(key)
    # Then it waited at the mapped step as it had before
    assert (moved.info.status, moved.info.step, moved.info.class_version) == (status, "pack_goods", 2)
    assert moved.meta == meta
    # And went on with what it had; what is held gets all its tries again
    assert [(run.step, run.attempt, run.message) for run in ended.history[1:]] == [
        ("pack_goods", attempt, f"try {attempt}, packed by version 2"),
        ("send", 1, "sent by version 2"),
    ]
    assert (ended.history[0].step, ended.history[0].attempt) == ("pack", 1)


async def test_what_has_not_begun_begins_there(url: str) -> None:
    key = await left(url, V1)
    async with running(url, V2) as processes:
        await processes.migrate(key)
        await comes_to(processes, key, Status.SUCCESS)
        history = (await processes.show(key)).history
    assert [run.step for run in history] == ["pack_goods", "send"]


async def test_its_key_for_other_services_stays(sqlite_url: str) -> None:
    class Telling(V1):
        def pack(self) -> ProcessResult:
            return ProcessResult(self.idempotency_key, status=Status.ERROR)

    class Telling2(V2):
        def pack(self) -> ProcessResult:
            return ProcessResult(self.idempotency_key)

    key = await began(sqlite_url, Telling, Status.ERROR)
    async with running(sqlite_url, Telling2) as processes:
        await processes.migrate(key)
        await processes.restart(key)
        await comes_to(processes, key, Status.SUCCESS)
        history = (await processes.show(key)).history
    assert history[0].message == history[1].message


async def test_a_repeated_start_answers_the_one_that_was_moved(sqlite_url: str) -> None:
    key = await left(sqlite_url, V1)
    async with running(sqlite_url, V2) as processes:
        await processes.migrate(key)
        again = await processes.start("ship", ORDER)
    assert (again.key, again.created) == (key, False)


async def test_what_it_was_skipping_to_is_found_under_its_new_name(sqlite_url: str) -> None:
    class Long(V1):
        STEPS: ClassVar = {"ask": "send", "skipped": "send", "pack": "pack", "send": "send"}

    class Longer(V2):
        STEPS: ClassVar = {"ask": "send", "skipped": "send", "weigh": "send", "box": "pack", "send": "send"}
        MIGRATE: ClassVar = {1: {"pack": "box"}}

    # Given a process that is to go on at step pack
    key = await left(sqlite_url, Long, meta={"goto_step": "pack"})
    async with running(sqlite_url, Longer) as processes:
        await processes.migrate(key)
        await comes_to(processes, key, Status.SUCCESS)
        history = (await processes.show(key)).history
    # Then it goes on at what that has become
    assert [(run.step, run.status is Status.SKIPPED) for run in history] == [
        ("ask", True),
        ("skipped", True),
        ("weigh", True),
        ("box", False),
        ("send", False),
    ]


class TestRefused:
    async def test_what_a_worker_is_at_is_left_to_it(self, url: str) -> None:
        # Given a step under way
        class Slow(V1):
            may_end: ClassVar[asyncio.Event]
            STEPS: ClassVar = {"pack": "wait"}

            async def wait(self) -> None:
                await self.may_end.wait()

        class Next(Slow):
            version = 2
            STEPS: ClassVar = {"pack": "wait", "send": "wait"}

        Slow.may_end = asyncio.Event()
        async with running(url, Slow, Next) as processes:
            key = (await processes.start(Slow, ORDER)).key
            await until(lambda: _worker(processes, key), bool)
            with pytest.raises(WrongState, match=r"worker .* is at 'pack'.*try again when it is done"):
                await processes.migrate(key)
            # Then it ends where it was
            Slow.may_end.set()
            await comes_to(processes, key, Status.SUCCESS)
            assert (await processes.show(key)).info.class_version == 1

    async def test_a_step_that_becomes_none(self, sqlite_url: str) -> None:
        class Other(V2):
            STEPS: ClassVar = {"send": "send"}
            MIGRATE: ClassVar = {}

        key = await left(sqlite_url, V1)
        async with running(sqlite_url, Other) as processes:
            with pytest.raises(
                WrongState, match=r"at step 'pack'.*Other.MIGRATE = \{1: \{'pack': \.\.\.\}\}"
            ):
                await processes.migrate(key)

    async def test_what_has_ended_or_is_there_already(self, sqlite_url: str) -> None:
        ended = await began(sqlite_url, V1, Status.SUCCESS)
        async with running(sqlite_url, V2) as processes:
            new = (await processes.start("ship", ORDER, again=True)).key
            for key, says in ((ended, "has ended"), (new, "has ended|is on version 2 already")):
                with pytest.raises(WrongState, match=says):
                    await processes.migrate(key)

    async def test_a_step_of_the_old_version_that_never_was(self, sqlite_url: str) -> None:
        class Wrong(V2):
            MIGRATE: ClassVar = {1: {"pack": "pack_goods", "wrap": "send"}}

        key = await left(sqlite_url, V1)
        async with running(sqlite_url, Wrong) as processes:
            with pytest.raises(InvalidInput, match="version 1 has no element 'wrap'"):
                await processes.migrate(key)

    @pytest.mark.parametrize(
        ("mapping", "says"),
        [
            ({2: {}}, "MIGRATE names version 2: it is one before 2"),
            ({1: {"pack": "nothing"}}, "step 'pack' of version 1 becomes 'nothing', which is no step"),
            ({1: {"turn": "send"}}, "MIGRATE names 'turn'"),
        ],
    )
    def test_mappings_that_cannot_be_right(self, mapping: dict[int, dict[str, str]], says: str) -> None:
        with pytest.raises(InvalidInput, match=says):
            read(type("Wrong", (V2,), {"MIGRATE": mapping}))


async def _worker(processes: Any, key: int) -> str | None:
    history = (await processes.show(key)).history
    return history[-1].worker if history else None


class TestMany:
    async def test_all_that_run_on_older_versions_are_found_and_moved(self, url: str) -> None:
        # Given processes of two versions, and a third that has no place for one of them
        class V3(V2):
            version = 3
            STEPS: ClassVar = {"weigh": "pack", "send": "send"}
            MIGRATE: ClassVar = {}

        one, two = await left(url, V1, again=True), await left(url, V2, again=True)
        async with running(url, V3) as processes:
            found = await processes.outdated()
            of_two = await processes.outdated("ship", from_version=2)
            # When all are moved
            bulk = await processes.migrate_all(found)
            await comes_to(processes, two, Status.SUCCESS)
            left_over = await processes.outdated()
        # Then what is refused stopped no other
        assert (found, of_two) == ([one, two], [two])
        assert bulk.done == [two]
        assert "at step 'pack', which version 3 does not have" in bulk.refused[one]
        assert left_over == [one]


class TestStrictChannels:
    async def test_what_waits_for_its_turn_keeps_its_place(self, url: str) -> None:
        # Given a held process of a strict channel, and one behind it
        class First(V1):
            channel = Channel("books", fifo=True)

        class Second(V2):
            channel = Channel("books", fifo=True)

        async with running(url, First) as processes:
            first = (await processes.start(First, ("order", 1), meta={"held": True})).key
            second = (await processes.start(First, ("order", 2))).key
            await comes_to(processes, first, Status.ERROR)
        # When both are moved, and the first goes on
        async with running(url, Second) as processes:
            bulk = await processes.migrate_all([first, second])
            waiting = (await processes.show(second)).info
            await processes.restart(first)
            ends = [await comes_to(processes, key, Status.SUCCESS) for key in (first, second)]
            histories = [(await processes.show(key)).history for key in (first, second)]
        # Then the second one waited for its turn until then
        assert bulk.done == [first, second]
        assert (waiting.step, waiting.status, waiting.class_version) == ("turn", Status.PENDING, 2)
        assert [one.class_version for one in ends] == [2, 2]
        assert histories[1][0].started_at >= histories[0][-1].ended_at

    async def test_without_strict_channel_it_begins_at_once(self, sqlite_url: str) -> None:
        class Strict(V1):
            channel = Channel("books", fifo=True)

        async with running(sqlite_url, Strict) as processes:
            first = (await processes.start(Strict, ("order", 1), meta={"held": True})).key
            second = (await processes.start(Strict, ("order", 2))).key
            await comes_to(processes, first, Status.ERROR)
        async with running(sqlite_url, V2) as processes:
            await processes.migrate(second)
            await comes_to(processes, second, Status.SUCCESS)
            assert [run.step for run in (await processes.show(second)).history] == [
                "weigh",
                "pack_goods",
                "send",
            ]

    async def test_into_a_strict_channel_nothing_slips(self, sqlite_url: str) -> None:
        class Strict(V2):
            channel = Channel("books", fifo=True)

        key = await left(sqlite_url, V1)
        async with running(sqlite_url, Strict) as processes:
            with pytest.raises(WrongState, match="it has no turn there"):
                await processes.migrate(key)
