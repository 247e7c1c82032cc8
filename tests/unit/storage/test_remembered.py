"""What the SQLite storage remembers between transactions is what the file says, and is forgotten in time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from procession.engine import Missed, Reads, Unit
from procession.engine.records import (
    COMPLETED,
    Definition,
    ElementInstance,
    ProcessInstance,
    Timer,
    Variable,
)
from procession.storage.sqlite import SQLiteStorage, remembered

ROOT, ELEMENT, TIMER = 100, 101, 102


@pytest.fixture
def storage(tmp_path: Path) -> Iterator[SQLiteStorage]:
    opened = SQLiteStorage(tmp_path / "test.db")
    opened.open()
    yield opened
    opened.close()


@pytest.fixture
def other(storage: SQLiteStorage) -> Iterator[SQLiteStorage]:
    """The same file, opened by somebody else."""
    opened = SQLiteStorage(storage.path)
    opened.open()
    yield opened
    opened.close()


def begin_root(storage: SQLiteStorage, key: int = ROOT, *, value: str = "1") -> None:
    with storage.transaction() as transaction:
        unit = transaction.unit()
        unit.instances.add(ProcessInstance(key, key, 1, "t", "p", 1, None, None, None, None, 1, 5, active=1))
        unit.elements.add(ElementInstance(key + 1, key, key, key, 1, "wait", None, 5))
        unit.timers.add(Timer(key + 2, key, key, key + 1, "wait", 50))
        unit.variables.add(Variable(key, "n", key, value, 5))
        transaction.write(unit)
        transaction.commit()


def change(storage: SQLiteStorage, work: Callable[[Unit], object]) -> None:
    with storage.transaction() as transaction:
        unit = transaction.unit()
        work(unit)
        transaction.write(unit)
        transaction.commit()


def test_a_root_made_here_needs_no_loading(storage: SQLiteStorage) -> None:
    begin_root(storage)
    with storage.transaction() as transaction:
        unit = transaction.unit()
        element = unit.elements.get(ELEMENT)
        assert element is not None
        assert element.element_id == "wait"
        assert [timer.key for timer in unit.timers.find("element", ELEMENT)] == [TIMER]
        assert {v.name: v.value for v in unit.variables.find("scope", ROOT)} == {"n": "1"}
        assert unit.variables.get((ROOT, "missing")) is None
        assert unit.joins.find("scope", ROOT) == []


def test_what_another_connection_wrote_is_not_hidden(storage: SQLiteStorage, other: SQLiteStorage) -> None:
    begin_root(storage)
    begin_root(other, 200)
    with storage.transaction() as transaction, pytest.raises(Missed):
        transaction.unit().elements.get(ELEMENT)


def test_only_what_was_committed_is_remembered(storage: SQLiteStorage) -> None:
    begin_root(storage)
    with storage.transaction() as transaction:
        unit = transaction.unit()
        element = unit.elements.get(ELEMENT)
        assert element is not None
        element.state = COMPLETED
        transaction.write(unit)  # and no commit
    with storage.transaction() as transaction:
        again = transaction.unit().elements.get(ELEMENT)
        assert again is not None
        assert again.state != COMPLETED


def test_changes_and_removals_are_taken_over(storage: SQLiteStorage) -> None:
    begin_root(storage)

    def work(unit: Unit) -> None:
        (timer,) = unit.timers.find("element", ELEMENT)
        unit.timers.remove(timer)
        variable = unit.variables.get((ROOT, "n"))
        assert variable is not None
        variable.value = "2"

    change(storage, work)
    with storage.transaction() as transaction:
        unit = transaction.unit()
        assert unit.timers.find("element", ELEMENT) == []
        variable = unit.variables.get((ROOT, "n"))
        assert variable is not None
        assert variable.value == "2"


def test_what_ended_is_forgotten_and_the_root_with_its_end(storage: SQLiteStorage) -> None:
    begin_root(storage)

    def end_element(unit: Unit) -> None:
        element = unit.elements.get(ELEMENT)
        assert element is not None
        element.state, element.ended_at = COMPLETED, 6

    def end_root(unit: Unit) -> None:
        root = unit.instances.get(ROOT)
        assert root is not None
        root.state, root.ended_at = COMPLETED, 7

    change(storage, end_element)
    with storage.transaction() as transaction:
        unit = transaction.unit()
        assert unit.instances.get(ROOT) is not None
        with pytest.raises(Missed):
            unit.elements.get(ELEMENT)
    change(storage, end_root)
    with storage.transaction() as transaction:
        assert transaction.unit().known.owners == {}


def test_memory_is_bounded(storage: SQLiteStorage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remembered, "MAX_KEYS", 7)
    for key in (100, 200, 300):  # each owns three keys
        begin_root(storage, key)
    with storage.transaction() as transaction:
        assert set(transaction.unit().known.owners) == {200, 201, 202, 300, 301, 302}
    monkeypatch.setattr(remembered, "MAX_BYTES", 50)
    begin_root(storage, 400, value='"' + "x" * 60 + '"')
    with storage.transaction() as transaction:
        assert transaction.unit().known.owners == {}


def test_a_deployment_is_seen_at_once(storage: SQLiteStorage, other: SQLiteStorage) -> None:
    def deploy(into: SQLiteStorage, key: int, version: int) -> None:
        record = Definition(key, 1, "t", "p", version, None, None, "p.bpmn", "c", 5)
        change(into, lambda unit: unit.definitions.add(record))

    def versions() -> list[int]:
        with storage.transaction() as transaction:
            unit = transaction.unit()
            if not unit.definitions.found("process", ("t", "p")):
                want = Reads(unit, lambda _: None)
                want.find(unit.definitions, "process", ("t", "p"))
                transaction.load(want)
            return [definition.version for definition in unit.definitions.find("process", ("t", "p"))]

    assert versions() == []
    deploy(storage, 1, 1)
    assert versions() == [1]
    deploy(storage, 2, 2)
    assert versions() == [1, 2]
    deploy(other, 3, 3)
    assert versions() == [1, 2, 3]


def test_definitions_stay_known_while_they_are_used(storage: SQLiteStorage) -> None:
    definition = Definition(1, 1, "t", "p", 1, None, None, "p.bpmn", "c", 5)
    change(storage, lambda unit: unit.definitions.add(definition))

    def use(unit: Unit) -> None:
        unit.timers.add(Timer(50, 7, 7, 7, "wait", 50))
        assert unit.definitions.get(1) == definition

    with storage.transaction() as transaction:
        unit = transaction.unit()
        want = Reads(unit, lambda _: None)
        want.get(unit.definitions, 1)
        transaction.load(want)
        use(unit)
        transaction.write(unit)
        transaction.commit()
    with storage.transaction() as transaction:
        assert transaction.unit().definitions.get(1) == definition
