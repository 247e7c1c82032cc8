"""Functions that run under their lock."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import pytest

from procession.errors import CommandLocked, InvalidInput, NotReady
from procession.operations.commands import Commands, Status, held_lock


@pytest.fixture
def commands(tmp_path: Path) -> Commands:
    return Commands(locks=tmp_path / "locks")


def statuses(commands: Commands) -> dict[str, Status]:
    return {one.key: one.status for one in commands.status()}


def test_a_function_runs_under_its_lock(commands: Commands) -> None:
    @commands.command("Get Orders")
    def get_orders(shop: str) -> str:
        """Doc."""
        assert statuses(commands)["get-orders"] is Status.WORKING
        assert held_lock().key == "get-orders"
        return f"orders of {shop}"

    assert get_orders("pl") == "orders of pl"
    assert get_orders.__doc__ == "Doc."
    assert statuses(commands)["get-orders"] is Status.IDLE


async def test_an_async_function_runs_under_its_lock(commands: Commands) -> None:
    @commands.command("Get Orders")
    async def get_orders() -> str:
        await held_lock().acheck()
        return held_lock().key

    assert await get_orders() == "get-orders"


def test_each_instance_has_its_own_lock(commands: Commands) -> None:
    ran: list[str] = []

    @commands.command("Import Invoices", instances=["service1", "service2"])
    def import_invoices(instance: str, again: str = "") -> None:
        ran.append(held_lock().key)
        if again:
            import_invoices(again)

    import_invoices("service1", again="service2")
    with pytest.raises(CommandLocked):
        import_invoices(instance="service1", again="service1")

    assert ran == ["import-invoices-service1", "import-invoices-service2", "import-invoices-service1"]


def test_a_function_of_instances_takes_the_instance(commands: Commands) -> None:
    with pytest.raises(InvalidInput, match="needs a parameter 'instance'"):

        @commands.command("Import Invoices", instances=["service1"])
        def import_invoices() -> None: ...


def test_outside_of_a_command_there_is_no_lock(commands: Commands) -> None:
    with pytest.raises(NotReady, match="no command runs here"):
        held_lock()


async def test_being_cancelled_gives_the_lock_back_and_is_no_error(commands: Commands) -> None:
    started = asyncio.Event()

    @commands.command("Get Orders")
    async def get_orders() -> None:
        started.set()
        await asyncio.Event().wait()

    running = asyncio.create_task(get_orders())
    await started.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running

    assert statuses(commands)["get-orders"] is Status.IDLE


async def test_being_cancelled_while_taking_the_lock_leaves_it_free(commands: Commands) -> None:
    commands.register({test_decorated: "Decorated"})
    lock, taking, go_on = commands.lock("test-decorated"), threading.Event(), threading.Event()
    take = lock._take

    def slowly() -> object:
        taking.set()
        go_on.wait()
        return take()

    lock._take = slowly  # type: ignore[assignment, method-assign]
    running = asyncio.create_task(lock.__aenter__())
    await asyncio.to_thread(taking.wait)
    running.cancel()
    await asyncio.sleep(0)
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await running

    assert statuses(commands)["test-decorated"] is Status.IDLE


def test_decorated() -> None:
    """Only a name."""


def test_the_shared_commands_are_as_the_environment_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from procession.operations.commands import command, command_lock, register_commands, shared_commands

    shared_commands.cache_clear()
    monkeypatch.delenv("PROCESSION_DB", raising=False)
    monkeypatch.setenv("PROCESSION_LOCKS", str(tmp_path / "here"))
    try:
        register_commands({test_decorated: "Decorated"})

        @command("Get Orders")
        def get_orders() -> bool:
            return (tmp_path / "here" / "get-orders.lock").exists()

        with command_lock("test-decorated") as lock:
            assert lock.key == "test-decorated"
            assert get_orders()
    finally:
        shared_commands.cache_clear()
