"""Random block-structured processes, and what happens to them, all from one seed.

Every job, message and incident is answered by what (seed, element, visit) draws, never by time or
by the order in which a server happens to hand things out.
"""

from __future__ import annotations

import itertools
import random
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

from msgspec import Struct

from tests.building import (
    boundary,
    call,
    catch,
    connect,
    each,
    end,
    error,
    file,
    flow,
    gateway,
    inputs,
    job,
    message,
    on_duration,
    on_error,
    on_message,
    process,
    receive,
    script,
    start,
    sub,
)
from tests.oracle.run import Job, Run, Unexpected
from tests.oracle.state import State

SOON = "PT0.3S"
NEVER = "PT6H"
_SOON_MS = 60_000
_ROUNDS = 150
_DEPTH = 2


class Piece(Struct, frozen=True):
    """Elements with one way in and one way out."""

    xml: str
    first: str
    last: str


class Drawing:
    """Draws a process. `many` is whether what is drawn may run several times at once: then nobody waits
    for messages there, since which of them gets one is open."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._numbers = itertools.count(1)
        self.messages: list[str] = []
        self.called: list[str] = []

    def name(self, kind: str) -> str:
        return f"{kind}{next(self._numbers)}"

    def file(self) -> bytes:
        main = process(self._scope(self.sequence(_DEPTH, many=False)), id="p")
        definitions = error("E") + "".join(message(name) for name in self.messages)
        return file(main, *self.called, definitions=definitions)

    def _scope(self, piece: Piece) -> str:
        """A piece between a start and an end."""
        first, last = self.name("start"), self.name("end")
        return start(first) + piece.xml + end(last) + connect(f"{first}>{piece.first} {piece.last}>{last}")

    def sequence(self, depth: int, *, many: bool) -> Piece:
        parts = [self.block(depth, many=many) for _ in range(self._random.randint(1, 3))]
        flows = connect(" ".join(f"{a.last}>{b.first}" for a, b in itertools.pairwise(parts)))
        return Piece("".join(part.xml for part in parts) + flows, parts[0].first, parts[-1].last)

    def block(self, depth: int, *, many: bool) -> Piece:
        leaves: list[Callable[..., Piece]] = [self.task, self.task, self.script, self.wait, self.many_tasks]
        blocks = [self.exclusive, self.parallel, self.inclusive, self.scope, self.loop, self.race]
        if not many:  # see "A value that a local variable has already" in the differences from Zeebe
            blocks.append(self.call)
        draw = self._random.choice(leaves + blocks if depth else leaves)
        return draw(depth - 1, many=many)

    def task(self, depth: int, *, many: bool) -> Piece:
        name = self.name("task")
        mappings = inputs(local="=c") if self._random.random() < 0.3 else ""
        return self._guarded(name, job(name, type="w", mappings=mappings), many=many)

    def script(self, depth: int, *, many: bool) -> Piece:
        name = self.name("script")
        read = "c" if many else f"if v_{name} = null then c else v_{name} + 1"  # others may be writing it
        xml = script(name, read, f"v_{name}")
        return Piece(xml, name, name)

    def wait(self, depth: int, *, many: bool) -> Piece:
        name = self.name("wait")
        if many or self._random.random() < 0.5:
            return Piece(catch(name, on_duration(SOON)), name, name)
        self.messages.append(f"m_{name}")
        if self._random.random() < 0.5:
            return Piece(receive(name, f"m_{name}"), name, name)
        return Piece(catch(name, on_message(f"m_{name}")), name, name)

    def many_tasks(self, depth: int, *, many: bool) -> Piece:
        name = self.name("many")
        item, sequential = f"item_{name}", self._random.random() < 0.5
        marker = each("=items", item, collect=(f"all_{name}", f"={item} * 2"), sequential=sequential)
        return self._guarded(name, job(name, type="w", inner=marker), many=many)

    def exclusive(self, depth: int, *, many: bool) -> Piece:
        split, join = self.name("split"), self.name("join")
        one, other = self.sequence(depth, many=many), self.sequence(depth, many=many)
        xml = gateway("exclusive", split, default=f"{split}_{other.first}") + gateway("exclusive", join)
        flows = flow(split, one.first, f"c > {self._random.randint(0, 9)}") + flow(split, other.first)
        ends = connect(f"{one.last}>{join} {other.last}>{join}")
        return Piece(xml + one.xml + other.xml + flows + ends, split, join)

    def parallel(self, depth: int, *, many: bool) -> Piece:
        split, join = self.name("fork"), self.name("meet")
        branches = [self.sequence(depth, many=many) for _ in range(2)]
        flows = connect(" ".join(f"{split}>{one.first} {one.last}>{join}" for one in branches))
        xml = gateway("parallel", split) + gateway("parallel", join)
        return Piece(xml + "".join(one.xml for one in branches) + flows, split, join)

    def inclusive(self, depth: int, *, many: bool) -> Piece:
        """In a sub-process of its own, which waits for all branches (Zeebe joins none)."""
        name, first, split = self.name("some"), self.name("start"), self.name("some_split")
        branches = [self.sequence(depth, many=many) for _ in range(3)]
        conditions = [f"c > {self._random.randint(0, 9)}", f"c < {self._random.randint(0, 9)}", None]
        body = start(first) + gateway("inclusive", split, default=f"{split}_{branches[2].first}")
        for branch, condition in zip(branches, conditions, strict=True):
            last = self.name("end")
            body += branch.xml + end(last)
            body += flow(split, branch.first, condition) + flow(branch.last, last)
        return Piece(sub(name, body, f"{first}>{split}"), name, name)

    def scope(self, depth: int, *, many: bool) -> Piece:
        name = self.name("box")
        repeated = self._random.random() < 0.3
        item = f"item_{name}"
        marker = each("=items", item, collect=(f"all_{name}", f"={item}")) if repeated else ""
        body = self._scope(self.sequence(depth, many=many or repeated))
        return self._guarded(name, sub(name, body, inner=marker), many=many, soon=False)

    def call(self, depth: int, *, many: bool) -> Piece:
        name = self.name("call")
        called = self.name("called")
        self.called.append(process(self._scope(self.sequence(depth, many=many)), id=called))
        return self._guarded(name, call(name, called), many=many, soon=False)

    def loop(self, depth: int, *, many: bool) -> Piece:
        top, count, again, out = (self.name(kind) for kind in ("top", "count", "again", "out"))
        body = self.sequence(depth, many=many)
        counter = script(count, f"if n_{count} = null then 1 else n_{count} + 1", f"n_{count}")
        xml = gateway("exclusive", top) + counter + gateway("exclusive", again, default=f"{again}_{out}")
        xml += gateway("exclusive", out) + flow(again, top, f"n_{count} < 2") + flow(again, out)
        flows = connect(f"{top}>{count} {count}>{body.first} {body.last}>{again}")
        piece = Piece(xml + body.xml + flows, top, out)
        return self._with_its_own(f"n_{count}", piece) if many else piece

    def _with_its_own(self, counter: str, piece: Piece) -> Piece:
        """A piece in a scope of its own that has a counter: others like it may be running."""
        name = self.name("own")
        return Piece(sub(name, self._scope(piece), mappings=inputs(**{counter: "=0"})), name, name)

    def race(self, depth: int, *, many: bool) -> Piece:
        name, timer, other, join = (self.name(kind) for kind in ("race", "timer", "other", "join"))
        if many:
            second = catch(other, on_duration(NEVER))
            first = catch(timer, on_duration(SOON))
        else:
            self.messages.append(f"m_{other}")
            second = catch(other, on_message(f"m_{other}"))
            first = catch(timer, on_duration(self._random.choice((SOON, NEVER))))
        xml = gateway("eventBased", name) + first + second + gateway("exclusive", join)
        flows = connect(f"{name}>{timer} {name}>{other} {timer}>{join} {other}>{join}")
        return Piece(xml + flows, name, join)

    def _guarded(self, name: str, xml: str, *, many: bool, soon: bool = True) -> Piece:
        """An activity, perhaps with a boundary event; one that interrupts joins the way out again.

        Without `soon` it has no timer that is due soon: those inside would race with it."""
        if self._random.random() < 0.4:
            return Piece(xml, name, name)
        event, join, last = self.name("event"), self.name("join"), self.name("end")
        kinds = [on_error("E"), on_error("E"), on_duration(SOON if soon else NEVER), on_duration(NEVER)]
        if not many:
            kinds.append(on_message(f"m_{event}"))
        kind = self._random.choice(kinds)
        if "message" in kind:
            self.messages.append(f"m_{event}")
        interrupting = "error" in kind or self._random.random() < 0.6
        xml += boundary(event, name, kind, interrupting=interrupting)
        if interrupting:
            xml += gateway("exclusive", join) + connect(f"{name}>{join} {event}>{join}")
            return Piece(xml, name, join)
        return Piece(xml + end(last) + connect(f"{event}>{last}"), name, name)


class Fate:
    """What happens to jobs: by seed, element, item and visit. And how often each message was sent."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._visits: Counter[str] = Counter()
        self.sent: Counter[str] = Counter()

    def of(self, job_: Job) -> str:
        visit = f"{job_.element} {_items(job_)}"
        self._visits[visit] += 1
        drawn = random.Random(f"{self._seed} {visit} {self._visits[visit]}").random()
        if self._visits[visit] > 4 or drawn < 0.6:
            return "complete"
        return "throw" if drawn < 0.75 else "retry" if drawn < 0.85 else "late" if drawn < 0.92 else "give up"


def _items(job_: Job) -> list[int]:
    """The items of the multi-instances a job is in: which of its like it is."""
    return [value for name, value in sorted(job_.variables.items()) if name.startswith("item_")]


def random_play(seed: int) -> Callable[[Run], Any]:
    """A scenario of a random process and its fate."""

    async def play(run: Run) -> None:
        chosen = random.Random(f"{seed} variables")
        await run.deploy(Drawing(seed).file())
        await run.create({"key": "1", "c": chosen.randint(0, 10), "items": list(range(chosen.randint(0, 3)))})
        fate = Fate(seed)
        for _ in range(_ROUNDS):
            await _rest(run)
            if run.side.read(run.suffix, lambda state: state.is_over):
                return
            if not await _round(run, fate):
                return
        raise Unexpected(f"it did not end in {_ROUNDS} rounds")

    return play


async def _rest(run: Run) -> None:
    """Wait until nothing happens any more, and no timer is due soon."""
    await run.rest()
    while run.side.read(run.suffix, _soon):
        await run.until("the timers that are due soon", lambda state: not _soon(state))
        await run.rest()


def _soon(state: State) -> list[int]:
    soon = time.time() * 1000 + _SOON_MS
    return [timer.due for timer in state.timers.values() if timer.due < soon]


async def _round(run: Run, fate: Fate) -> bool:
    """Answer everything that can be answered now. Whether anything could."""
    jobs = sorted(await run.open_jobs("w"), key=lambda one: (one.element, _items(one)))
    for one in jobs:
        run.note(f"job at {one.element}, items {_items(one)}")
        what = fate.of(one)
        if what == "throw":
            await run.throw(one, "E", {f"e_{one.element}": 1})
            break  # it may have ended some of the others: they are asked for again
        await _FATES[what](run, one)
    return bool(jobs) or await _mend(run) or await _send(run, fate)


async def _complete(run: Run, job_: Job) -> None:
    await run.complete(job_, {f"r_{job_.element}": _items(job_)})


async def _retry(run: Run, job_: Job) -> None:
    await run.fail(job_, 1, {"failed": True})


async def _late(run: Run, job_: Job) -> None:
    await run.fail(job_, 1, backoff_ms=100)


async def _give_up(run: Run, job_: Job) -> None:
    await run.fail(job_, 0)


_FATES = {"complete": _complete, "retry": _retry, "late": _late, "give up": _give_up}


async def _mend(run: Run) -> bool:
    """Resolve all incidents."""
    incidents = run.side.read(
        run.suffix, lambda state: sorted((one.element, one.type, key) for key, one in state.incidents.items())
    )
    failed = run.side.read(
        run.suffix, lambda state: [key for key, one in state.jobs.items() if one.state == "FAILED"]
    )
    for key in failed:
        await run.set_retries(key, 1)
    for element, kind, key in incidents:
        run.note(f"incident at {element}: {kind}")
        await run.resolve(key)
    return bool(incidents)


async def _send(run: Run, fate: Fate) -> bool:
    """Send the message that was sent least often of those somebody waits for: some wait for one forever."""
    awaited = run.side.read(run.suffix, lambda state: {one.name for one in state.subscriptions.values()})
    if not awaited:
        return False
    name = min((one.removesuffix(run.suffix) for one in awaited), key=lambda one: (fate.sent[one], one))
    fate.sent[name] += 1
    await run.publish(name, "1", {"sent": name})
    return True
