"""What is told of each instance: drawn from the seed and its reference, so it is the same on every try."""

from __future__ import annotations

import random
from dataclasses import dataclass
from pathlib import Path

STORY = Path(__file__).with_name("story.bpmn")
VOYAGE = "voyage"
BEGIN = "begin"
"""The message that begins a voyage."""
_AGAIN = "+"
_HALFWAY = ("Pause",)
_EVERY_BRANCH = ("Work", "Approve", "SubFork", "Choose", "Many", "Harbour", "Pier")
"""Between the gateways Fork and Join; SubFork stands in a sub-process."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Beginning:
    """How an instance is started."""

    by_message: bool
    elements: tuple[str, ...]
    """Where its tokens begin."""

    @property
    def start_at(self) -> tuple[str, ...]:
        """The start instructions."""
        return () if self.by_message or self.elements == ("Start",) else self.elements


_BEGINNINGS = (
    Beginning(by_message=False, elements=("Start",)),
    Beginning(by_message=True, elements=("Begin",)),
    Beginning(by_message=False, elements=_EVERY_BRANCH),
    Beginning(by_message=False, elements=_HALFWAY),
)
_ODDS = (4, 4, 2, 1)


def beginning_of(ref: str, seed: int) -> Beginning:
    return random.Random(f"{seed} {first_of(ref)} beginning").choices(_BEGINNINGS, _ODDS)[0]


def facts_of(ref: str, seed: int) -> dict[str, int]:
    """The variables an instance starts with."""
    chance = random.Random(f"{seed} {ref}")
    return {
        "route": chance.randrange(3),
        "fault": chance.randrange(4),
        "a": chance.randrange(2),
        "b": chance.randrange(2),
    }


def messages_of(ref: str, seed: int) -> list[tuple[str, str]]:
    """(name, message id) of what is published for an instance, in order."""
    chance = random.Random(f"{seed} {ref} messages")
    likely = {"paid": 0.8, "nudge": 0.6, "answer": 0.6, "recall": 0.3}
    messages = [(name, f"{name}-{ref}") for name, part in likely.items() if chance.random() < part]
    messages += [("nudge", f"nudge-again-{ref}")] if chance.random() < 0.4 else []
    chance.shuffle(messages)
    return messages


def again(ref: str, time: int) -> str:
    """The reference of another try to start, where a lost try may have made an instance."""
    return f"{ref}{_AGAIN}{time}" if time else ref


def first_of(ref: str) -> str:
    """The reference of the first try."""
    return ref.partition(_AGAIN)[0]
