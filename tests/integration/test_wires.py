"""Messages between nodes, on each kind of database."""

from __future__ import annotations

import select
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from procession.storage import open_storage
from procession.storage.port import Storage, Wire


@pytest.fixture(params=["postgresql", "sqlite"])
def storage(request: pytest.FixtureRequest, database: Path) -> Iterator[Storage]:
    is_sqlite = request.param == "sqlite"
    opened = open_storage(f"sqlite:///{database}" if is_sqlite else request.getfixturevalue("postgresql_url"))
    yield opened
    opened.close()


@pytest.fixture
def wires(storage: Storage) -> Iterator[tuple[Wire, Wire]]:
    one, other = storage.wire(listen=True), storage.wire(listen=True)
    yield one, other
    one.close()
    other.close()


def received(wire: Wire, count: int) -> list[bytes]:
    """Sleep as a node does until so much has come."""
    found: list[bytes] = []
    deadline = time.monotonic() + 10
    while len(found) < count and time.monotonic() < deadline:
        if not wire.pending():
            select.select([wire.fileno()], [], [], 1)
        found += wire.receive()
    return found


def test_what_one_sends_the_other_receives_and_not_itself(wires: tuple[Wire, Wire]) -> None:
    one, other = wires
    for number in range(8):
        one.send(f"{number}".encode())

    # What is sent while an answer is on its way goes out with the next look.
    deadline = time.monotonic() + 10
    found: list[bytes] = []
    while len(found) < 8 and time.monotonic() < deadline:
        assert one.receive() == []
        found += other.receive()

    assert found == [f"{number}".encode() for number in range(8)]


def test_what_is_taken_on_the_way_to_sending_is_still_there(wires: tuple[Wire, Wire]) -> None:
    one, other = wires
    other.send(b"news")
    time.sleep(0.3)

    one.others()  # this may take it from the socket
    one.send(b"more")

    assert received(one, 1) == [b"news"]


def test_a_wire_knows_whether_anybody_listens(storage: Storage) -> None:
    one = storage.wire(listen=True)
    deadline = time.monotonic() + 10
    while one.others() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not one.others()

    other = storage.wire(listen=True)
    while not one.others() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert one.others()
    one.close()
    other.close()
