"""The unit of work: what was loaded, what changed, and what was missed."""

import pytest

from procession.engine import Missed, Unit
from procession.engine.records import ElementInstance, Item, Timer, Variable

TIMER = (7, 1, 1, 3, "b", 100, None, 1)


def timer(key: int, element: int = 3) -> Timer:
    return Timer(key, 1, 1, element, "b", 100)


def test_a_record_that_was_not_loaded_is_missed() -> None:
    with pytest.raises(Missed) as missed:
        Unit().timers.get(7)
    assert (missed.value.table, missed.value.index, missed.value.value) == ("timer", None, 7)


def test_a_record_that_is_known_to_be_absent_is_none() -> None:
    unit = Unit()
    unit.timers.loaded[7] = None
    assert unit.timers.get(7) is None


def test_nothing_is_stored_under_a_key_given_out_in_this_transaction() -> None:
    unit = Unit()
    unit.fresh.add(50)
    assert unit.timers.get(50) is None
    assert unit.timers.find("element", 50) == []
    assert unit.variables.get((50, "x")) is None


def test_what_was_only_looked_at_is_not_written() -> None:
    unit = Unit()
    unit.timers.loaded[7] = TIMER
    unit.timers.get(7)
    changes = unit.timers.changes()
    assert (changes.added, changes.updated, changes.removed) == ([], [], [])


def test_a_changed_record_is_updated() -> None:
    unit = Unit()
    unit.timers.loaded[7] = TIMER
    record = unit.timers.get(7)
    assert record is not None
    record.due = 200
    assert unit.timers.changes().updated == [record]


def test_a_rewritten_record_is_replaced_whole() -> None:
    unit = Unit()
    unit.timers.loaded[7] = TIMER
    record = unit.timers.get(7)
    assert record is not None
    record.target_id = "other"
    unit.timers.rewrite(record)
    changes = unit.timers.changes()
    assert (changes.rewritten, changes.updated) == ([record], [])


def test_what_was_rewritten_may_be_removed_and_a_new_record_is_only_added() -> None:
    unit = Unit()
    unit.timers.loaded[7] = TIMER
    record, added = unit.timers.get(7), unit.timers.add(timer(8))
    assert record is not None
    for one in (record, added):
        unit.timers.rewrite(one)
    unit.timers.remove(record)
    changes = unit.timers.changes()
    assert (changes.added, changes.rewritten, changes.removed) == ([added], [], [7])


def test_a_new_record_is_inserted_and_found() -> None:
    unit = Unit()
    unit.timers.indexes["element"].loaded[3] = []
    added = unit.timers.add(timer(8))
    assert unit.timers.find("element", 3) == [added]
    assert unit.timers.changes().added == [added]


def test_a_record_added_after_an_index_was_asked_is_found_by_it() -> None:
    unit = Unit()
    unit.timers.indexes["element"].loaded[3] = [7]
    unit.timers.loaded[7] = TIMER
    assert [found.key for found in unit.timers.find("element", 3)] == [7]
    unit.timers.add(timer(8))
    assert [found.key for found in unit.timers.find("element", 3)] == [7, 8]


def test_a_removed_record_is_deleted_and_found_no_more() -> None:
    unit = Unit()
    unit.timers.indexes["element"].loaded[3] = [7]
    unit.timers.loaded[7] = TIMER
    (record,) = unit.timers.find("element", 3)
    unit.timers.remove(record)
    assert unit.timers.get(7) is None
    assert unit.timers.find("element", 3) == []
    assert unit.timers.changes().removed == [7]


def test_a_record_added_and_removed_leaves_nothing() -> None:
    unit = Unit()
    added = unit.timers.add(timer(8))
    unit.timers.remove(added)
    changes = unit.timers.changes()
    assert (changes.added, changes.updated, changes.removed) == ([], [], [])


def test_a_record_removed_and_added_again_is_an_update() -> None:
    unit = Unit()
    unit.items.loaded[(1, 2)] = (1, 2, 1, "3")
    record = unit.items.get((1, 2))
    assert record is not None
    unit.items.remove(record)
    again = unit.items.add(Item(1, 2, 1, "4"))
    changes = unit.items.changes()
    assert (changes.added, changes.updated, changes.removed) == ([], [again], [])


def test_a_reset_forgets_what_was_done_and_keeps_what_was_loaded() -> None:
    unit = Unit()
    unit.timers.loaded[7] = TIMER
    record = unit.timers.get(7)
    assert record is not None
    record.due = 200
    unit.timers.add(timer(8))
    unit.reset()
    fresh = unit.timers.get(7)
    assert fresh is not None
    assert fresh.due == 100
    assert unit.timers.changes().added == []


def test_an_open_index_leaves_out_what_has_ended() -> None:
    unit = Unit()
    unit.elements.indexes["children"].loaded[1] = []
    child = unit.elements.add(ElementInstance(9, 1, 1, 1, 2, "t", None, 0))
    assert unit.elements.find("children", 1) == [child]
    child.ended_at = 5
    assert unit.elements.find("children", 1) == []


def test_variables_are_known_by_scope_and_name() -> None:
    unit = Unit()
    unit.variables.loaded[(1, "x")] = (1, "x", 1, "2", 0)
    assert unit.variables.get((1, "x")) == Variable(1, "x", 1, "2", 0)
    with pytest.raises(Missed):
        unit.variables.get((1, "y"))
