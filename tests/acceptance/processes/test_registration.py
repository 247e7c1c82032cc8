"""What is wrong with a process class is said when it is registered, naming the step."""

from __future__ import annotations

from typing import Any

import pytest

from procession import InvalidInput, Procession, WrongState
from procession.process import Channel, Process, ProcessManager, ProcessResult, RetryPolicy, Task


class Announce(Task):
    def handle(self) -> ProcessResult:
        return ProcessResult()


class NewOrder(Process):
    """CREATE ORDER

    More about it.
    """

    STEPS = {"reserve": "reserve", "announce": Announce}  # noqa: RUF012

    def reserve(self) -> ProcessResult:
        return ProcessResult()


@pytest.fixture
def manager() -> ProcessManager:
    return ProcessManager(Procession("sqlite:///never-opened.db"))


def made(**attributes: Any) -> type[Process]:
    """A process class with these attributes."""
    defaults = {"STEPS": {"work": "work"}, "work": lambda self: None, "__doc__": None}
    return type("Made", (Process,), defaults | attributes)


def test_the_label_is_given_or_the_first_line_of_the_docstring(manager: ProcessManager) -> None:
    # Given a class with a docstring, registered as it is and with a label
    other = made()
    # When both are registered
    manager.register(NewOrder, {other: "OTHER"})
    # Then their labels and ids are
    found = {one.process_id: one.label for one in manager.blueprints}
    assert found == {"new-order": "CREATE ORDER", "made": "OTHER"}


def test_each_step_is_a_job_type_that_names_process_version_and_step(manager: ProcessManager) -> None:
    # When a class is registered
    manager.register(NewOrder)
    # Then the app handles
    assert manager.app.tasks == ("new-order.v1.announce", "new-order.v1.reserve")


class Unfit:
    """No handle()."""


class NeedsMore:
    def __init__(self, process: Process, more: int) -> None: ...

    def handle(self) -> None: ...


@pytest.mark.parametrize(
    ("attributes", "complaint"),
    [
        ({"STEPS": {}}, "STEPS is empty"),
        ({"version": 0}, "version 0: it is a whole number, 1 or more"),
        ({"version": True}, "version True"),
        ({"STEPS": {"one": "missing"}}, "step 'one' in STEPS: class Made has no method 'missing'"),
        ({"STEPS": {"one": Unfit}}, "step 'one' in STEPS: .*Unfit.* is neither the name of a method"),
        ({"STEPS": {"one": NeedsMore}}, "step 'one' in STEPS: class NeedsMore must be made with the process"),
        ({"STEPS": {"one": Task}}, "step 'one' in STEPS: class Task is abstract"),
        ({"work": lambda self, order: None}, "method 'work' must take nothing but self"),
        ({"STEPS": {"a b": "work"}}, "step 'a b' in STEPS: a name is letters"),
        ({"STEPS": {"end": "work"}}, "'end' is the name of an element around the steps"),
        ({"FINISH": {"work": "work"}}, "step 'work' in FINISH: another step has the same name"),
        ({"process_id": "New Order"}, "process id 'New Order'"),
        ({"retries": {"other": RetryPolicy()}}, "retries name 'other', which is no step"),
    ],
)
def test_a_class_with_a_fault_is_refused(
    manager: ProcessManager, attributes: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(InvalidInput, match=complaint):
        manager.register(made(**attributes))


def test_an_async_hook_needs_async_steps(manager: ProcessManager) -> None:
    async def boot(self: Process) -> None: ...

    with pytest.raises(InvalidInput, match="boot is async, but step 'work' is not"):
        manager.register(made(boot=boot))


def test_all_faults_are_told_together(manager: ProcessManager) -> None:
    with pytest.raises(InvalidInput) as refused:
        manager.register(made(version=0, STEPS={"a b": "work", "two": "missing"}))
    assert len(str(refused.value).splitlines()) == 4


def test_a_version_of_a_process_is_registered_once(manager: ProcessManager) -> None:
    manager.register(NewOrder)
    with pytest.raises(InvalidInput, match="version 1 of 'new-order' is NewOrder already"):
        manager.register(NewOrder)


@pytest.mark.parametrize("name", ["", "Books", "all books", "-a"])
def test_a_channel_needs_a_plain_name(name: str) -> None:
    with pytest.raises(InvalidInput, match="use lower-case words joined by hyphens"):
        Channel(name)


async def test_a_running_app_takes_no_process_manager(sqlite_url: str) -> None:
    async with Procession(sqlite_url) as app:
        with pytest.raises(WrongState, match="before it runs"):
            ProcessManager(app)
