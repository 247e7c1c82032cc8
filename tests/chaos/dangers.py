"""What may happen to the crew, the network and the server; everything about it is drawn from the seed."""

from __future__ import annotations

import random
import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from tests.postgres import Server

from .crew import Crew
from .proxy import Proxy

_SHORT, _MEDIUM = 1.0, 3.0
_LONGEST_DELAY = 0.08
_LONGEST_ABSENCE = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Draw:
    """One danger: which, and all the chance it needs, so that replaying does not depend on timing."""

    kind: str
    after: float
    """Seconds since the last one."""
    number: int
    """Picks the victim."""
    pause: float
    """How long a stopped process sleeps, in seconds."""
    part: float
    """Of the connections."""
    short: float
    """Between 0 and 1: how bad it is."""


@dataclass(slots=True, kw_only=True)
class Field:
    """Where it happens. Without proxy and database server only processes are in danger."""

    crew: Crew
    server: Server | None = None
    proxy: Proxy | None = None
    _undo: list[tuple[float, Callable[[], object]]] = field(default_factory=list)

    def later(self, seconds: float, undo: Callable[[], object]) -> None:
        self._undo.append((time.monotonic() + seconds, undo))

    def wait(self, seconds: float) -> None:
        """Sleep; what is over meanwhile is undone at its time."""
        end = time.monotonic() + seconds
        while True:
            self._undo.sort(key=lambda one: one[0])
            until = min(end, self._undo[0][0]) if self._undo else end
            time.sleep(max(until - time.monotonic(), 0))
            if not self._undo or self._undo[0][0] > end:
                return
            self._undo.pop(0)[1]()

    def wait_for(self, call: Callable[[], object]) -> None:
        """Run something that takes its time; it may have to wait for what is over meanwhile."""
        with ThreadPoolExecutor(1) as thread:
            future = thread.submit(call)
            while not future.done():
                self.wait(0.02)
            future.result()

    def calm(self) -> None:
        """Wait until everything is undone."""
        while self._undo:
            self.wait(max(until for until, _ in self._undo) - time.monotonic())


def draws(seed: int, kinds: tuple[str, ...], count: int, mean: float, longest: float) -> Iterator[Draw]:
    """So many dangers: each kind as often as the others, in random order."""
    chance = random.Random(seed)
    deck: list[str] = []
    for _ in range(count):
        if not deck:
            deck = chance.sample(kinds, len(kinds))
        least, most = chance.choice([(0.1, _SHORT), (_SHORT, _MEDIUM), (_MEDIUM, longest)])
        yield Draw(
            kind=deck.pop(),
            after=chance.uniform(0, 2 * mean),
            number=chance.randrange(1 << 32),
            pause=min(chance.uniform(least, most), longest),
            part=chance.choice([0.2, 0.5, 1.0]),
            short=chance.random(),
        )


def strike(field: Field, draw: Draw) -> None:
    _DANGERS[draw.kind](field, draw)


def _kill(field: Field, draw: Draw) -> None:
    """SIGKILL, as a crash would have it; a successor starts at once."""
    victim = field.crew.members[draw.number % len(field.crew.members)]
    field.crew.kill(victim)
    field.crew.launch(victim)


def _pause(field: Field, draw: Draw) -> None:
    """SIGSTOP, and SIGCONT when others may have taken over."""
    victim = field.crew.members[draw.number % len(field.crew.members)]
    if victim.process is not None:
        victim.process.send_signal(signal.SIGSTOP)
        stopped = victim.process
        field.later(draw.pause, lambda: stopped.send_signal(signal.SIGCONT))


def _cut(field: Field, draw: Draw) -> None:
    _proxy(field).cut(draw.part, draw.number)


def _swallow(field: Field, draw: Draw) -> None:
    """Answers are lost, those to COMMIT too; then the connections."""
    _proxy(field).swallow(draw.part, draw.number)
    field.later(draw.short / 2, _proxy(field).cut_swallowed)


def _delay(field: Field, draw: Draw) -> None:
    _proxy(field).delay(draw.short * _LONGEST_DELAY)
    field.later(draw.pause / 3, lambda: _proxy(field).delay(0))


def _restart(how: signal.Signals) -> Callable[[Field, Draw], None]:
    def restart(field: Field, draw: Draw) -> None:
        # A server that ends may wait for a connection whose client is stopped before it has said a word.
        field.wait_for(lambda: _server(field).stop(how))
        field.wait(draw.short * _LONGEST_ABSENCE)
        field.wait_for(_server(field).start)

    return restart


def _crash(field: Field, draw: Draw) -> None:
    field.wait_for(lambda: _server(field).crash(draw.number))


def _proxy(field: Field) -> Proxy:
    if field.proxy is None:
        raise ValueError("this danger needs a network")
    return field.proxy


def _server(field: Field) -> Server:
    if field.server is None:
        raise ValueError("this danger needs a server")
    return field.server


_DANGERS: dict[str, Callable[[Field, Draw], None]] = {
    "kill": _kill,
    "pause": _pause,
    "cut": _cut,
    "lost answers": _swallow,
    "delay": _delay,
    "server restarted": _restart(signal.SIGINT),
    "server stopped at once": _restart(signal.SIGQUIT),
    "server killed": _restart(signal.SIGKILL),
    "server session killed": _crash,
}
"""What `pg_ctl restart` does in its modes fast and immediate, the signals do."""

PROCESSES_ONLY = ("kill",)
NETWORK = ("kill", "kill", "pause", "cut", "lost answers", "delay")
EVERYTHING = ("kill", "kill", "pause", "pause", *(name for name in _DANGERS if name not in ("kill", "pause")))
