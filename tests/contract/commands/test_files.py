"""The locks directory shows what is so, and what people do there is obeyed: the same for every store."""

from __future__ import annotations

import json
import os
import time
from datetime import timedelta

import pytest

from procession.errors import CommandDisabled, CommandLocked, LockLost
from procession.operations.commands import Status

from .places import Place, losing

KEY = "get-orders"


def statuses(place: Place) -> dict[str, Status]:
    return {one.key: one.status for one in place.open().status()}


def remove(place: Place, pattern: str) -> None:
    for file in place.folder.glob(pattern):
        file.unlink()


def test_a_lock_is_a_file_that_says_whose_it_is(place: Place) -> None:
    with place.open().lock(KEY) as lock:
        said = json.loads(place.file("get-orders.lock").read_text())

    assert said.keys() == {"owner", "host", "pid", "started", "expires", "fencing_number"}
    assert (said["pid"], said["fencing_number"]) == (os.getpid(), lock.fencing_number)
    assert said["started"] < said["expires"]
    assert not place.file("get-orders.lock").exists()


def test_the_last_run_is_a_file(place: Place) -> None:
    with place.open().lock(KEY):
        begun = json.loads(place.file("get-orders.lock.execution").read_text())
    ended = json.loads(place.file("get-orders.lock.execution").read_text())

    assert (begun["duration_seconds"], begun["started"]) == (None, ended["started"])
    assert ended["duration_seconds"] >= 0
    assert ended["failed"] is False


def test_removing_the_files_of_a_lock_frees_it(place: Place) -> None:
    with losing(place.open().lock(KEY)) as lock:
        # When somebody removes them by hand
        remove(place, "get-orders.lock*")
        # Then the holder is to stop, and another may have the lock
        assert lock.should_stop()
        with place.open().lock(KEY) as next_:
            assert next_.fencing_number > lock.fencing_number
            with pytest.raises(LockLost):
                lock.check()
            next_.check()


def test_a_holder_notices_that_its_file_was_removed(place: Place) -> None:
    with losing(place.open().lock(KEY)) as lock:
        remove(place, "get-orders.lock*")
        with pytest.raises(LockLost, match="it was freed"):
            lock.check()
    assert statuses(place)[KEY] is Status.IDLE


@pytest.mark.parametrize("content", ["", "shop is down", '{"actor": "anna", "reason": "shop is down"}', "{"])
def test_a_file_disables_a_command_whatever_it_holds(place: Place, content: str) -> None:
    place.folder.mkdir(parents=True, exist_ok=True)
    place.file("get-orders.disabled").write_text(content)

    with pytest.raises(CommandDisabled, match=r"get-orders is disabled .*get-orders\.disabled") as refused:
        place.open().lock(KEY).__enter__()

    assert refused.value.reason == ("shop is down" if "down" in content else refused.value.reason)
    assert statuses(place)[KEY] is Status.DISABLED
    with place.open().lock("import-invoices-service1"):
        pass


def test_removing_that_file_lets_it_start_again(place: Place) -> None:
    place.folder.mkdir(parents=True, exist_ok=True)
    place.file("get-orders.disabled").touch()
    place.file("get-orders.disabled").unlink()

    with place.open().lock(KEY):
        pass


def test_one_file_disables_all_commands(place: Place) -> None:
    place.folder.mkdir(parents=True, exist_ok=True)
    place.file("all-commands.disabled").touch()

    assert set(statuses(place).values()) == {Status.DISABLED}
    for key in (KEY, "process-manager", "process-manager-orders"):
        with pytest.raises(CommandDisabled, match="all-commands"):
            place.open().lock(key).__enter__()


def test_disabling_the_process_manager_disables_its_channels(place: Place) -> None:
    place.folder.mkdir(parents=True, exist_ok=True)
    place.file("process-manager.disabled").touch()

    for key in ("process-manager", "process-manager-orders"):
        with pytest.raises(CommandDisabled):
            place.open().lock(key).__enter__()
    with place.open().lock(KEY):
        pass


def test_disabling_a_channel_disables_no_other(place: Place) -> None:
    place.folder.mkdir(parents=True, exist_ok=True)
    place.file("process-manager-orders.disabled").touch()

    with pytest.raises(CommandDisabled):
        place.open().lock("process-manager-orders").__enter__()
    with place.open().lock("process-manager-refunds"), place.open().lock("process-manager"):
        pass


def test_a_run_stops_at_a_file(place: Place) -> None:
    with place.open().lock(KEY) as lock:
        assert not lock.should_stop()
        place.file("get-orders.disabled").touch()
        assert lock.should_stop()
        assert "get-orders.disabled" in (lock.why_stop() or "")
        place.file("get-orders.disabled").unlink()
        assert not lock.should_stop()


def test_an_error_is_a_file_of_its_last_ten_lines(place: Place) -> None:
    for number in range(9):
        with pytest.raises(ValueError, match="boom"), place.open().lock(KEY):
            raise ValueError(f"boom {number}")

    lines = place.file("get-orders.error").read_text().splitlines()
    assert len(lines) == 10
    assert lines[-1].endswith("Z ValueError: boom 8")
    assert any(line.endswith("ValueError: boom 7") for line in lines)


def test_removing_an_error_clears_it(place: Place) -> None:
    with pytest.raises(ValueError, match="boom"), place.open().lock(KEY):
        raise ValueError("boom")
    assert statuses(place)[KEY] is Status.ERROR

    place.file("get-orders.error").unlink()

    assert statuses(place)[KEY] is Status.IDLE


def test_a_file_of_an_old_error_goes(place: Place) -> None:
    with pytest.raises(ValueError, match="boom"), place.open().lock(KEY):
        raise ValueError("boom")
    old = time.time() - timedelta(hours=72, minutes=1).total_seconds()
    os.utime(place.file("get-orders.error"), (old, old))

    place.open().status()

    assert not place.file("get-orders.error").exists()


def test_a_lock_that_people_were_told_of_has_a_file(place: Place) -> None:
    with place.open().lock(KEY) as lock:
        place.jump(timedelta(minutes=2))
        assert statuses(place)[KEY] is Status.LOCKED
        assert place.file("get-orders.lock.notified").exists()
        # And the file goes when the holder is back
        lock.check()
        assert not place.file("get-orders.lock.notified").exists()
        assert statuses(place)[KEY] is Status.WORKING


def test_enabling_removes_the_file(place: Place) -> None:
    place.folder.mkdir(parents=True, exist_ok=True)
    place.file("get-orders.disabled").touch()

    assert place.open().enable(KEY, actor="anna") is None

    assert not place.file("get-orders.disabled").exists()
    with place.open().lock(KEY):
        pass


def test_numbers_grow_though_all_files_are_removed(place: Place) -> None:
    numbers = []
    for _ in range(3):
        with place.open().lock(KEY) as lock:
            numbers.append(lock.fencing_number)
        remove(place, "*")
        remove(place, ".*")

    assert numbers == sorted(set(numbers))


def test_a_lock_in_a_directory_made_anew_is_still_held(database_place: Place) -> None:
    place = database_place
    with place.open().lock(KEY) as lock:
        remove(place, "*")
        remove(place, ".*")
        place.folder.rmdir()
        # When the directory was removed as a whole, the database decides
        with pytest.raises(CommandLocked):
            place.open().lock(KEY).__enter__()
        # And the file is back with the next renewal
        lock.check()
        assert place.file("get-orders.lock").exists()


def test_a_lock_freed_on_another_host_leaves_no_file_behind(database_place: Place) -> None:
    place = database_place
    # Given a holder, and an operator on a host with a directory of its own
    with losing(place.open().lock(KEY)):
        place.open(locks=place.folder.with_name("elsewhere")).unlock(KEY)
        assert place.file("get-orders.lock").exists()
    # When the holder has left its block, the file is gone
    assert not place.file("get-orders.lock").exists()
