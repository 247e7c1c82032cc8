"""Many processes that want one lock at once."""

from __future__ import annotations

from pathlib import Path

from .companions import Other
from .roles import Witness

PROCESSES = 50


def raced(place: str, locks: str, folder: Path, *, total: int, kills: int) -> Witness:
    with Other("racers", place, locks, str(folder), str(PROCESSES), str(total), str(kills)) as other:
        other.expect("ready")
        other.expect("ended 0")
        other.finish()
    return Witness(folder)


def test_fifty_processes_that_want_one_lock_a_thousand_times_never_have_it_twice(
    place: str, locks: str, tmp_path: Path
) -> None:
    # When they race
    witness = raced(place, locks, tmp_path, total=1000, kills=0)
    # Then nobody met another, no step was lost, and numbers only grew
    numbers = witness.numbers()
    assert witness.broken() == ""
    assert len(numbers) == witness.count() >= 1000
    assert numbers == sorted(set(numbers))


def test_the_same_while_some_are_killed(place: str, locks: str, tmp_path: Path) -> None:
    # When they race
    witness = raced(place, locks, tmp_path, total=200, kills=20)
    # Then nobody met another, and numbers only grew; who was killed may not have counted
    numbers = witness.numbers()
    assert witness.broken() == ""
    assert numbers == sorted(set(numbers))
    assert witness.count() >= 200
