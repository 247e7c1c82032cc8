"""What happens to nodes (killed, stopped and woken, asked to leave) and their server. All is journaled.

Everything about a danger is drawn from the seed, but for whom an aimed stop hits: whoever is in the middle
of a slow run of a step.
"""

from __future__ import annotations

import random
import signal
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tests.chaos.crew import Crew, Member
from tests.chaos.journal import Journal, read_journal
from tests.postgres import Server

from .bookings import LEASE

_LEAVES_WITHIN = 60.0
_AIM_SECONDS = 5.0
_LOOK_SECONDS = 0.005


@dataclass(frozen=True, slots=True, kw_only=True)
class Draw:
    kind: str
    after: float
    """Seconds since the last one."""
    number: int
    """Picks the victim."""
    absence: float
    """Seconds until there is a successor, or a stopped node is woken."""


NODES_ONLY = ("kill", "stop", "aimed stop", "kill", "stop", "aimed stop", "leave")
WITH_SERVER = ("kill", "stop", "aimed stop", "server restarted", *NODES_ONLY[3:])


def draws(seed: int, kinds: Sequence[str], count: int, mean: float, longest: float) -> Iterator[Draw]:
    """So many dangers: each kind as often as it is named, in random order."""
    chance = random.Random(f"{seed} dangers")
    deck: list[str] = []
    for number in range(count):
        if not deck:
            deck = chance.sample(kinds, len(kinds)) if number else list(kinds[::-1])
        kind = deck.pop()
        stop = chance.uniform(LEASE.total_seconds() * 1.2, longest)
        yield Draw(
            kind=kind,
            after=chance.uniform(0, 2 * mean),
            number=chance.randrange(1 << 32),
            absence=stop if "stop" in kind else chance.choice([0.0, chance.uniform(0, longest)]),
        )


class Dangers:
    """Strikes the nodes of a crew; what is over meanwhile is undone by `tend`."""

    def __init__(self, crew: Crew, journal: Journal, server: Server | None) -> None:
        self._crew = crew
        self._server = server
        self._journal = journal
        self._nodes = [member for member in crew.members if member.role == "node"]
        self._back_at: list[tuple[float, Member, int]] = []
        """When a node comes back, and when it was stopped (0: it has ended)."""

    def strike(self, draw: Draw) -> bool:
        """Whether there was a node to hit: one always stays."""
        if draw.kind == "server restarted":
            self._restart_server()
            return True
        awake = [node for node in self._nodes if node not in [away for _, away, _ in self._back_at]]
        if len(awake) < 2:
            return False
        victim = awake[draw.number % len(awake)]
        if draw.kind == "aimed stop":
            victim = self._in_a_slow_run(awake) or victim
        stopped = self._stop(victim) if "stop" in draw.kind else self._end(victim, draw.kind)
        self._back_at.append((time.monotonic() + draw.absence, victim, stopped))
        return True

    def _restart_server(self) -> None:
        """As `pg_ctl restart` does; nobody sleeps meanwhile, as the server would wait for him."""
        assert self._server is not None
        self.calm()
        at = time.monotonic_ns()
        self._server.stop()
        self._server.start()
        self._journal.write("server", since=at, until=time.monotonic_ns())

    def _stop(self, victim: Member) -> int:
        at = time.monotonic_ns()
        assert victim.process is not None
        victim.process.send_signal(signal.SIGSTOP)
        return at

    def _end(self, victim: Member, kind: str) -> int:
        process = victim.process
        assert process is not None
        at = time.monotonic_ns()
        if kind == "kill":
            self._crew.kill(victim)
        else:
            assert process.stdin is not None
            process.stdin.close()
            assert process.wait(_LEAVES_WITHIN) == 0, self._crew.log_of(victim)
        self._journal.write("ended", how=kind, pid=process.pid, since=at, until=time.monotonic_ns())
        victim.process = None
        return 0

    def _in_a_slow_run(self, awake: Sequence[Member]) -> Member | None:
        """The node that is in the middle of one now; None if none comes to one in a while."""
        end = time.monotonic() + _AIM_SECONDS
        while time.monotonic() < end:
            for member in awake:
                if self._is_in_a_slow_run(member):
                    return member
            self.tend()
            time.sleep(_LOOK_SECONDS)
        return None

    def _is_in_a_slow_run(self, member: Member) -> bool:
        lately = read_journal(self._crew.folder / f"{member.name}.jsonl")[-20:]
        over = {(entry["job"], entry["lease"]) for entry in lately if entry["kind"] == "end"}
        return any(
            entry["slow"] and (entry["job"], entry["lease"]) not in over
            for entry in lately
            if entry["kind"] == "begin" and member.process is not None and entry["pid"] == member.process.pid
        )

    def tend(self) -> None:
        """Bring back those whose time has come."""
        due = [one for one in self._back_at if one[0] <= time.monotonic()]
        for one in due:
            self._back_at.remove(one)
            self._bring_back(one[1], one[2])

    def _bring_back(self, node: Member, stopped: int) -> None:
        if node.process is None:
            self._crew.launch(node)
            return
        self._journal.write("stopped", pid=node.process.pid, since=stopped, until=time.monotonic_ns())
        node.process.send_signal(signal.SIGCONT)

    def wait(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.tend()
            time.sleep(0.02)

    def calm(self) -> None:
        """Wait until everybody is back."""
        while self._back_at:
            self.wait(0.05)
