"""A signal goes once to everybody who waits when it comes, and to nobody else."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator

from .history import History, Instance, Visit
from .promises import Promises
from .story import VOYAGE

_HEARD = {"Raise": "Flag", "Bell": "Rung", "Alarm": "Alarmed"}
"""Throwing element -> the one that waits for just this throw, and for nothing else."""
_KEEPER = "keeper"


def signals(history: History, promises: Promises) -> Iterator[str]:
    """Complaints about signals, none if each that was thrown was heard where it had to be, and no other."""
    visits = _visits_by_instance(history)
    voyages = {i.key: i for i in history.instances.values() if i.process_id == VOYAGE}
    lit = {
        history.ref_of(key): visit
        for key in voyages
        for visit in visits[key]
        if visit.element_id == "Light" and visit.completed
    }
    for key in voyages:
        where = f"{VOYAGE} {history.ref_of(key) or key}"
        yield from _inside(where, visits[key])
        if _completed(visits[key], "Horn") and f"horn-{history.ref_of(key)}" not in promises.meant_broadcasts:
            yield f"{where}: heard a horn that nobody sounded"
        yield from _lights(where, key, history, visits[key], lit)
    keepers = (i for i in history.instances.values() if i.process_id == _KEEPER)
    yield from _keepers(keepers, history, lit)


def _visits_by_instance(history: History) -> dict[int, list[Visit]]:
    found: dict[int, list[Visit]] = defaultdict(list)
    for scope in history.visits.values():
        for visit in scope:
            found[visit.instance_key].append(visit)
    return found


def _completed(visits: list[Visit], element_id: str) -> list[Visit]:
    return [visit for visit in visits if visit.element_id == element_id and visit.completed]


def _inside(where: str, visits: list[Visit]) -> Iterator[str]:
    """What a voyage throws to itself."""
    for throwing, waiting in _HEARD.items():
        thrown, heard = _completed(visits, throwing), _completed(visits, waiting)
        if len(thrown) != len(heard):
            yield f"{where}: {throwing} threw {len(thrown)} times, {waiting} heard it {len(heard)} times"
        for throw, hearing in zip(thrown, heard, strict=False):
            if (hearing.ended_at or 0) < throw.started_at:
                yield f"{where}: {waiting} heard {throwing} before it threw"


def _lights(
    where: str, key: int, history: History, visits: list[Visit], lit: dict[str | None, Visit]
) -> Iterator[str]:
    """Whoever waits for approval sees the lights of all voyages, each once; their names are written down.

    That the wait had not ended before is not asked of the times: a node may carry out what another one left
    after its own transaction had begun, and ends the wait by its own, earlier time.
    """
    names = [name.strip('"') for name in history.written.get((key, "lit_by"), [])]
    seen = _completed(visits, "Lit")
    if len(names) != len(seen) or len(set(names)) != len(names):
        yield f"{where}: saw {len(seen)} lights, of {sorted(names)}"
    waiting = [visit for visit in visits if visit.element_id == "Approve"]
    for name in names:
        light = lit.get(name)
        if light is None:
            yield f"{where}: saw the light of {name}, which was never lit"
        elif not any(visit.started_at <= light.started_at for visit in waiting):
            begun = [visit.started_at - light.started_at for visit in waiting]
            yield f"{where}: saw the light of {name}, but began to wait {begun} ms later"


def _keepers(keepers: Iterator[Instance], history: History, lit: dict[str | None, Visit]) -> Iterator[str]:
    """Each light starts one keeper."""
    found = Counter(history.text(keeper.key, "lit_by") for keeper in keepers)
    for name in lit.keys() | found.keys():
        if found[name] != (name in lit):
            yield f"the light of {name} started {found[name]} keepers"
