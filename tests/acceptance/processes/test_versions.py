"""Class versions: what is deployed is never changed under running processes."""

from __future__ import annotations

import logging
from typing import Any, ClassVar

import pytest

from procession import WrongState
from procession.process import Process, ProcessResult, Status
from tests.acceptance.processes.scene import ORDER, comes_to, running


class V1(Process):
    process_id = "ship"
    version = 1
    STEPS: ClassVar = {"pack": "pack", "send": "send"}
    open: ClassVar[bool] = True

    def pack(self) -> ProcessResult:
        if not self.open:
            return ProcessResult("closed", status=Status.ERROR)
        return ProcessResult(f"packed by version {self.version}")

    def send(self) -> ProcessResult:
        return ProcessResult(f"sent by version {self.version}")


class V2(V1):
    version = 2
    STEPS: ClassVar = {"pack": "pack", "weigh": "send", "send": "send"}


def changed(**attributes: Any) -> type[V1]:
    return type("Changed", (V1,), attributes)


@pytest.mark.parametrize(
    ("steps", "difference"),
    [
        ({"pack": "pack", "post": "send"}, "step 2 is 'post', deployed is 'send'"),
        ({"pack": "pack", "send": "pack"}, "step 'send' is handled by pack, deployed is send"),
        ({"pack": "pack", "send": "send", "tell": "send"}, "step 'tell' is new"),
        ({"pack": "pack"}, "step 'send' is missing"),
    ],
)
async def test_other_steps_of_a_deployed_version_are_refused(
    url: str, steps: dict[str, str], difference: str
) -> None:
    # Given version 1 is deployed
    async with running(url, V1):
        pass
    # When an app has other steps under the same number, then it does not start
    with pytest.raises(WrongState, match=difference) as refused:
        async with running(url, changed(STEPS=steps)):
            pass
    assert "raise `version` to 2" in str(refused.value)


async def test_steps_that_move_to_another_phase_are_other_steps(sqlite_url: str) -> None:
    async with running(sqlite_url, V1):
        pass
    with pytest.raises(WrongState, match="other phases"):
        async with running(sqlite_url, changed(STEPS={"pack": "pack"}, FINISH={"send": "send"})):
            pass


async def test_code_that_changes_inside_its_steps_is_the_same_version(url: str) -> None:
    # Given version 1 is deployed
    async with running(url, V1):
        pass
    # When its class moves, is renamed, and gets another label
    async with running(url, changed(label="SHIP")) as processes:
        instance = await processes.start("SHIP", ORDER)
        await instance.result()
    # Then processes start on it
    assert instance.created


async def test_starting_an_app_again_deploys_nothing(url: str) -> None:
    for _ in range(3):
        async with running(url, V1, V2) as processes:
            found = await processes.app.definitions("ship")
    assert [one.version for one in found] == [2, 1]


async def test_what_began_on_an_older_version_goes_on_there(url: str) -> None:
    # Given a process that began on version 1 and is held
    V1.open = False
    try:
        async with running(url, V1) as processes:
            old = await processes.start(V1, ORDER)
            await comes_to(processes, old.key, Status.ERROR)
    finally:
        V1.open = True
    # When version 2 is there too
    async with running(url, V1, V2) as processes:
        await processes.restart(old.key)
        await old_result(processes, old.key)
        new = await processes.start("ship", ("order", "A-2"))
        explicit = await processes.start(V1, ("order", "A-3"))
        for instance in (new, explicit):
            await instance.result()
        steps = {
            key: [(run.step, run.message) for run in (await processes.show(key)).history][-2:]
            for key in (old.key, new.key, explicit.key)
        }
        versions = [(await processes.show(key)).info.class_version for key in steps]
    # Then each ran on its own
    assert steps[old.key] == [("pack", "packed by version 1"), ("send", "sent by version 1")]
    assert steps[new.key] == [("weigh", "sent by version 2"), ("send", "sent by version 2")]
    assert steps[explicit.key] == [("pack", "packed by version 1"), ("send", "sent by version 1")]
    assert versions == [1, 2, 1]


async def old_result(processes: Any, key: int) -> None:
    await comes_to(processes, key, Status.SUCCESS)


async def test_a_version_whose_code_nobody_has_is_told(url: str, caplog: pytest.LogCaptureFixture) -> None:
    # Given a process of version 1 that waits for a worker
    V1.open = False
    try:
        async with running(url, V1) as processes:
            old = await processes.start(V1, ORDER)
            await comes_to(processes, old.key, Status.ERROR)
            processes.leasing.held_back = True
            await processes.leasing.obey()
            await processes.restart(old.key)
    finally:
        V1.open = True
    # When only version 2 is registered
    with caplog.at_level(logging.WARNING, "procession.process"):
        async with running(url, V2) as processes:
            info = (await processes.show(old.key)).info
    # Then the log and the list say so
    assert "1 running ship of version 1 wait for a worker with its code" in caplog.text
    assert info.message == "waits for a worker with the code of version 1, which is not registered here"


async def test_an_older_app_goes_on_starting_its_own_version(sqlite_url: str) -> None:
    # Given both versions were deployed
    async with running(sqlite_url, V1, V2):
        pass
    # When an app that knows only version 1 starts
    async with running(sqlite_url, V1) as processes:
        instance = await processes.start(V1, ORDER)
        await instance.result()
        found = await processes.app.definitions("ship")
    # Then it runs on version 1, and version 2 stays the latest
    assert instance.version == 1
    assert [one.version for one in found] == [2, 1]
