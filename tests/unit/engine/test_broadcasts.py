"""A broadcast to many: page by page, to all who waited when it came, and to nobody else."""

from __future__ import annotations

import msgspec
import pytest

from procession.engine import commands as c
from procession.engine.handlers import signals
from procession.engine.tables import SIGNALLED_AT_ONCE, TABLES
from tests.building import bpmn, catch, job, on_signal, signal, start

from .driver import Driver

PAGE = 3
NEWS = signal("news")
ONCE = bpmn(start() + catch("c", on_signal("news")) + job("t"), "s>c c>t", definitions=NEWS)
AGAIN = bpmn(start() + catch("c", on_signal("news")), "s>c c>c", definitions=NEWS)


@pytest.fixture
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    indexes = TABLES["signal_subscription"].indexes
    monkeypatch.setitem(indexes, "signal", msgspec.structs.replace(indexes["signal"], limit=PAGE))


def waiting(content: bytes, count: int) -> Driver:
    driver = Driver(content)
    for _ in range(count):
        driver.execute(c.StartInstance("p"))
    return driver


def commands(driver: Driver, kind: type[c.Command]) -> list[c.Command]:
    found = [c.decode(row.payload) for row in driver.records("command")]
    return [command for command in found if isinstance(command, kind)]


def test_a_page_is_bounded() -> None:
    assert TABLES["signal_subscription"].indexes["signal"].limit == SIGNALLED_AT_ONCE == 1000


@pytest.mark.parametrize("count", [0, 1, PAGE - 1, PAGE, PAGE + 1, 2 * PAGE, 10])
def test_all_who_wait_hear_once_a_page_at_a_time(small_pages: None, count: int) -> None:
    # Given more instances than one transaction has room for
    driver = waiting(ONCE, count)
    # When the signal is broadcast
    driver.execute(c.BroadcastSignal("news", {"x": "1"}))
    # Then its transaction reaches one page, and leaves the rest
    assert len(commands(driver, c.DeliverSignal)) == min(count, PAGE)
    assert len(commands(driver, c.BroadcastSignal)) == (count >= PAGE)
    # And in the end all have heard
    driver.settle()
    assert len(driver.records("job")) == count
    assert driver.records("signal_subscription") == []
    assert len(driver.records("variable")) == count


def test_who_begins_to_wait_between_two_pages_does_not_hear(small_pages: None) -> None:
    driver = waiting(ONCE, PAGE + 1)
    driver.execute(c.BroadcastSignal("news"))
    driver.execute(c.StartInstance("p"))
    driver.settle()
    assert len(driver.records("job")) == PAGE + 1
    assert len(driver.records("signal_subscription")) == 1


def test_who_waits_again_after_hearing_does_not_hear_it_twice(small_pages: None) -> None:
    driver = waiting(AGAIN, 2 * PAGE)
    driver.execute(c.BroadcastSignal("news"))
    driver.settle()
    passed = [one for one in driver.records("element_instance") if one.element_id == "c"]
    assert len(passed) == 2 * (2 * PAGE)  # once heard, once waiting again
    assert len(driver.records("signal_subscription")) == 2 * PAGE


def test_a_cancelled_instance_between_two_pages_is_left_out(small_pages: None) -> None:
    driver = waiting(ONCE, PAGE + 2)
    driver.execute(c.BroadcastSignal("news"))
    for instance in driver.records("process_instance")[:: PAGE + 1]:  # one to be reached, one reached
        driver.execute(c.CancelInstance(instance.key))
    driver.settle()
    assert len(driver.records("job")) == PAGE
    assert driver.records("command") == []


def test_big_variables_make_small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signals, "BYTES_AT_ONCE", 100)
    driver = waiting(ONCE, 5)
    driver.execute(c.BroadcastSignal("news", {"x": "1" * 49}))
    assert len(commands(driver, c.DeliverSignal)) == 2
    driver.settle()
    assert len(driver.records("job")) == 5


def test_a_signal_starts_processes_once_however_many_pages(small_pages: None) -> None:
    content = bpmn(
        start("s")
        + start("by_signal", on_signal("news"))
        + catch("c", on_signal("news"))
        + job("t")
        + job("u"),
        "s>c c>t by_signal>u",
        definitions=NEWS,
    )
    driver = waiting(content, PAGE + 1)
    begins = driver.records("definition")[0]
    start_row = TABLES["signal_start"].record(7, begins.key, "<default>", "p", "news", "by_signal", 0)
    driver.rows["signal_start"][7] = msgspec.structs.astuple(start_row)
    driver.execute(c.BroadcastSignal("news"))
    driver.settle()
    assert [one.element_id for one in driver.records("job")].count("u") == 1
    assert [one.element_id for one in driver.records("job")].count("t") == PAGE + 1
