"""Is a concurrent history explained by some order of its operations, one after the other?

The search of Wing and Gong with Lowe's memory: an operation may come next if none of those left
answered before it was called; the model says what it does there; a set of operations with the state
they led to is looked at once. An operation whose outcome is unknown may come at any later time, or
never. Each partition (a correlation key, a job) is a history of its own (Herlihy and Wing: a history
is linearizable if its objects are).
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

NEVER = float("inf")
MOST_STATES = 2_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """What a client asked, and what it was told."""

    kind: str
    input: Any
    output: Any = None
    """None too where the outcome is unknown."""
    called: float
    answered: float = NEVER
    """NEVER: the outcome is unknown."""
    who: str = ""

    @property
    def known(self) -> bool:
        return self.answered != NEVER

    def __str__(self) -> str:
        answered = f"{self.answered:.6f}" if self.known else "unknown"
        return f"{self.called:.6f}..{answered} {self.who} {self.kind} {self.input} -> {self.output}"


Step = Callable[[Any, Operation], Hashable | None]
"""(state, operation) -> the state after it; None: the answer is wrong there."""


class TooComplex(Exception):
    """The search was given up: the history says neither yes nor no."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    holds: bool
    order: tuple[Operation, ...]
    """The order found; if there is none, the longest one that was possible."""
    state: Any
    """After it."""
    stuck: tuple[Operation, ...]
    """What could have come next, and was wrong."""

    def __str__(self) -> str:
        if self.holds:
            return f"explained by an order of {len(self.order)} operations"
        lines = ["no order explains this history; the longest that is possible:"]
        lines += [f"  {operation}" for operation in self.order]
        lines += [f"leads to {self.state}", "and nothing of this may come next:"]
        lines += [f"  {operation}" for operation in self.stuck]
        return "\n".join(lines)


def check(initial: Hashable, step: Step, history: Iterable[Operation]) -> Verdict:
    """Look for an order.

    Raises:
        TooComplex: after `MOST_STATES` states.
    """
    operations = sorted(history, key=lambda operation: operation.called)
    must = sum(1 << at for at, operation in enumerate(operations) if operation.known)
    seen: set[tuple[int, Hashable]] = set()
    longest: tuple[tuple[int, ...], Any, list[int]] = ((), initial, [])
    stack: list[tuple[int, Hashable, tuple[int, ...]]] = [(0, initial, ())]
    while stack:
        done, state, order = stack.pop()
        if done & must == must:
            return Verdict(holds=True, order=tuple(operations[at] for at in order), state=state, stuck=())
        candidates = _next(operations, done)
        following = []
        for at in candidates:
            after = step(state, operations[at])
            if after is None or (after == state and not operations[at].known):
                continue  # what may never have happened need not happen without effect
            key = (done | 1 << at, after)
            if key not in seen:
                seen.add(key)
                following.append((key[0], after, (*order, at)))
        if len(seen) > MOST_STATES:
            raise TooComplex(f"more than {MOST_STATES} states, of {len(operations)} operations")
        if len(order) >= len(longest[0]):
            longest = order, state, candidates
        stack.extend(reversed(following))
    order, state, candidates = longest
    return Verdict(
        holds=False,
        order=tuple(operations[at] for at in order),
        state=state,
        stuck=tuple(operations[at] for at in candidates),
    )


def _next(operations: Sequence[Operation], done: int) -> list[int]:
    """Which may come next, those that answered first ahead."""
    earliest = NEVER
    found: list[int] = []
    for at, operation in enumerate(operations):
        if operation.called > earliest:
            break
        if not done >> at & 1:
            found.append(at)
            earliest = min(earliest, operation.answered)
    return sorted(
        (at for at in found if operations[at].called <= earliest), key=lambda at: operations[at].answered
    )
