"""Play a scenario on a server, and say where two servers differ."""

from __future__ import annotations

import asyncio
import difflib
import traceback
from collections.abc import Iterable, Sequence

from msgspec import Struct

from tests.oracle.run import Run
from tests.oracle.scenario import Difference, Play
from tests.oracle.sides import Side

_SECONDS = 90.0


class Transcript(Struct, kw_only=True):
    lines: list[str]
    fault: str | None = None
    """Why the scenario could not be played to its end."""


async def play(one: Play, side: Side) -> Transcript:
    """Play a scenario on a server, and note in the end what everything has become."""
    run = Run(side)
    fault = None
    try:
        async with asyncio.timeout(_SECONDS):
            await one(run)
            await run.settle()
    except Exception:
        fault = traceback.format_exc(limit=-4)
    return Transcript(lines=run.transcript, fault=fault)


def differences(zeebe: Sequence[str], ours: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The lines that only Zeebe wrote and those that only ours did, without their indentation."""
    delta = list(difflib.ndiff(zeebe, ours))
    return _marked(delta, "- "), _marked(delta, "+ ")


def _marked(delta: Iterable[str], mark: str) -> tuple[str, ...]:
    return tuple(line[2:].strip() for line in delta if line.startswith(mark))


def complaint(zeebe: Transcript, ours: Transcript, expected: Difference | None) -> str | None:
    """What is wrong with two transcripts of a scenario; None: they are as they should be."""
    for name, one in (("Zeebe", zeebe), ("Procession", ours)):
        if one.fault is not None:
            done = "\n".join(one.lines)
            return f"on {name} the scenario came only so far:\n{done}\n{one.fault}"
    found = differences(zeebe.lines, ours.lines)
    wanted = (expected.zeebe, expected.ours) if expected else ((), ())
    if found == wanted:
        return None
    hint = f"\nexpected difference ({expected.why}): {wanted}\nfound: {found}" if expected else ""
    return side_by_side(zeebe.lines, ours.lines) + hint


def side_by_side(zeebe: Sequence[str], ours: Sequence[str]) -> str:
    """Two transcripts in two columns; lines that differ are marked."""
    width = max((len(line) for line in ("Zeebe", *zeebe)), default=0)
    rows = [f"  {'Zeebe':{width}}   Procession"]
    matcher = difflib.SequenceMatcher(None, zeebe, ours, autojunk=False)
    for tag, i, i_end, j, j_end in matcher.get_opcodes():
        left, right = list(zeebe[i:i_end]), list(ours[j:j_end])
        height = max(len(left), len(right))
        left += [""] * (height - len(left))
        right += [""] * (height - len(right))
        mark = " " if tag == "equal" else "!"
        rows += [f"{mark} {a:{width}} | {b}" for a, b in zip(left, right, strict=True)]
    return "\n".join(rows)
