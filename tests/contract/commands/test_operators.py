"""What operators see and do: statuses, disabling, who did it."""

from __future__ import annotations

import json
import time
from datetime import timedelta

import pytest
import sqlalchemy as sa

from procession.errors import CommandDisabled, DeadlineExceeded, NotFound
from procession.operations.commands import CommandStatus, Status
from procession.storage.operations import command_action
from tests.migrations import engine

from .places import Place, losing

KEY = "get-orders"
LEASE = timedelta(minutes=1)


def seen(place: Place, key: str = KEY) -> CommandStatus:
    return {one.key: one for one in place.open().status()}[key]


def fail(place: Place) -> None:
    with pytest.raises(ValueError, match="boom"), place.open().lock(KEY):
        raise ValueError("boom")


def test_what_is_registered_is_listed_with_labels(place: Place) -> None:
    assert {one.key: one.label for one in place.open().status()} == {
        "get-orders": "Get Orders",
        "import-invoices-service1": "Import Invoices (service1)",
        "import-invoices-service2": "Import Invoices (service2)",
        "process-manager": "Process Manager",
    }


def test_a_command_that_never_ran_is_idle(place: Place) -> None:
    found = seen(place)

    assert (found.status, found.last_start, found.last_duration) == (Status.IDLE, None, None)


def test_a_run_is_seen_while_it_works_and_afterwards(place: Place) -> None:
    with place.open().lock(KEY):
        during = seen(place)
    after = seen(place)

    assert (during.status, after.status) == (Status.WORKING, Status.IDLE)
    assert during.last_start == after.last_start is not None
    assert (during.last_duration, after.last_duration) != (None, None)
    assert "process " in (during.note or "")


def test_an_error_counts_until_the_next_success(place: Place) -> None:
    fail(place)
    failed = seen(place)
    with place.open().lock(KEY):
        pass
    mended = seen(place)

    assert failed.status is Status.ERROR
    assert (failed.last_error or "").endswith("ValueError: boom")
    assert (mended.status, mended.last_error) == (Status.IDLE, failed.last_error)


def test_an_error_counts_for_72_hours(place: Place) -> None:
    fail(place)
    place.jump(timedelta(hours=71, minutes=59))
    before = seen(place).status
    place.jump(timedelta(minutes=2))
    after = seen(place)

    assert before is Status.ERROR
    assert (after.status, after.last_error) == (Status.IDLE, None)


def test_disabled_comes_before_error(place: Place) -> None:
    fail(place)
    place.open().disable(KEY, actor="anna")

    assert seen(place).status is Status.DISABLED


def test_locked_comes_before_disabled(place: Place) -> None:
    with place.open().lock(KEY):
        place.open().disable(KEY, actor="anna")

        assert seen(place).status is Status.WORKING


def test_an_outdated_lock_is_locked_and_told_once(place: Place) -> None:
    with place.open().lock(KEY) as lock:
        place.jump(2 * LEASE)
        commands = place.open()
        # When two look, and somebody takes it over
        found = [{one.key: one for one in commands.status()}[KEY] for _ in range(2)]
        commands.close()
        # Then both see it, and people are told once
        assert [one.status for one in found] == [Status.LOCKED] * 2
        assert "lease ended" in (found[0].note or "")
        assert [alert.data["kind"] for alert in place.alerts.sent] == ["COMMAND_LOCK_OUTDATED"]
        lock.check()


def test_taking_an_outdated_lock_over_tells_once(place: Place) -> None:
    commands = place.open()
    with losing(place.open().lock(KEY)):
        place.jump(2 * LEASE)
        for _ in range(2):
            with commands.lock(KEY):
                pass
    commands.close()

    (alert,) = place.alerts.sent
    assert (alert.data["command"], alert.data["taken_over"]) == (KEY, True)


def test_taking_over_what_people_were_told_of_does_not_tell_again(place: Place) -> None:
    commands = place.open()
    with losing(place.open().lock(KEY)):
        place.jump(2 * LEASE)
        commands.status()
        with commands.lock(KEY):
            pass
    commands.close()

    assert len(place.alerts.sent) == 1


def test_a_run_that_fails_is_told(place: Place) -> None:
    commands = place.open(service="shop")
    with pytest.raises(ValueError, match="boom"), commands.lock(KEY):
        raise ValueError("boom")
    commands.close()

    (alert,) = place.alerts.sent
    assert alert.subject.startswith("[shop] the command get-orders failed: ")
    assert alert.message.endswith("ValueError: boom")
    assert alert.data["label"] == "Get Orders"


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit])
def test_being_told_to_end_is_no_error(place: Place, kind: type[BaseException]) -> None:
    with pytest.raises(kind), place.open().lock(KEY):
        raise kind

    assert seen(place).status is Status.IDLE


def test_disabling_stops_starts_until_it_is_undone(place: Place) -> None:
    place.open().disable(KEY, actor="anna", reason="shop is down")
    with pytest.raises(CommandDisabled, match=r"disabled by anna .*: shop is down") as refused:
        place.open().lock(KEY).__enter__()
    assert refused.value.reason == "shop is down"

    assert place.open().enable(KEY, actor="anna") is None

    with place.open().lock(KEY):
        pass


def test_what_is_disabled_one_by_one_stays_so_when_all_are_enabled(place: Place) -> None:
    place.open().disable(KEY, actor="anna")
    place.open().disable(actor="anna")
    place.open().enable(actor="anna")

    assert seen(place).status is Status.DISABLED
    assert seen(place, "import-invoices-service1").status is Status.IDLE


def test_enabling_says_what_still_disables(place: Place) -> None:
    place.open().disable(KEY, actor="anna")
    place.open().disable(actor="piotr", reason="upgrade")

    left = place.open().enable(KEY, actor="anna")

    assert left is not None
    assert (left.key, left.actor, left.reason) == ("all-commands", "piotr", "upgrade")


def test_a_run_is_told_to_stop_when_its_command_is_disabled(place: Place) -> None:
    with place.open().lock(KEY) as lock:
        assert not lock.should_stop()
        place.open().disable(KEY, actor="anna")
        while not lock.should_stop():
            time.sleep(0.01)


@pytest.mark.parametrize("what", ["disable", "enable", "unlock"])
def test_an_unknown_key_is_refused(place: Place, what: str) -> None:
    with pytest.raises(NotFound, match="known are get-orders, import-invoices-service1"):
        getattr(place.open(), what)("get-ordres", actor="anna")


def test_who_did_what_is_recorded(place: Place) -> None:
    commands = place.open()
    with losing(commands.lock(KEY)):
        commands.disable(KEY, actor="anna", reason="shop is down")
        commands.unlock(KEY, actor="piotr", reason="hangs")
        commands.enable(KEY, actor="anna", reason="shop is back")

    assert actions(place) == [
        (KEY, "disable", "anna", "shop is down"),
        (KEY, "unlock", "piotr", "hangs"),
        (KEY, "enable", "anna", "shop is back"),
    ]


def actions(place: Place) -> list[tuple[str, str, str, str]]:
    if place.url is None:
        lines = map(json.loads, place.file("actions.log").read_text().splitlines())
        return [(line["key"], line["action"], line["actor"], line["reason"]) for line in lines]
    c, made = command_action.c, engine(place.url)
    with made.connect() as connection:
        rows = connection.execute(sa.select(c.key, c.action, c.actor, c.reason).order_by(c.at, c.id)).all()
    made.dispose()
    return [tuple(row) for row in rows]


def test_waiting_ends_when_nothing_works(place: Place) -> None:
    assert {one.status for one in place.open().wait_until_idle()} == {Status.IDLE}


def test_waiting_names_those_that_still_work(place: Place) -> None:
    with place.open().lock(KEY), pytest.raises(DeadlineExceeded, match=r"get-orders \(process \d+"):
        place.open().wait_until_idle(timedelta(0))


def test_nobody_waits_for_a_process_that_is_gone(place: Place) -> None:
    with place.open().lock(KEY) as lock:
        place.jump(2 * LEASE)
        found = {one.key: one.status for one in place.open().wait_until_idle(timedelta(0))}
        assert found[KEY] is Status.LOCKED
        lock.check()
