"""Each message is kept once, goes to each process at most once, and goes there if somebody waits."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from .history import History, Instance, Message, Visit
from .promises import MessageId, Promises

STORY = "voyage"
ECHO = "echo"
_EFFECTS = {"begin": "Begin", "paid": "WaitPaid", "nudge": "Nudged", "answer": "Answer", "recall": "Recall"}
"""Message name -> the element that completes once for each that is correlated."""
_WAITING = {"paid": "WaitPaid", "nudge": "WaitPaid", "answer": "Choose", "recall": "Sub"}
"""Message name -> the element that waits for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Story:
    """An instance, and the messages with its reference by name."""

    where: str
    history: History
    messages: dict[str, list[Message]]
    visits: list[Visit]

    def completed(self, element_id: str) -> int:
        return sum(visit.element_id == element_id and visit.completed for visit in self.visits)

    def correlated(self, message: Message) -> bool:
        return (message.key, STORY) in self.history.correlated


def messages(history: History, promises: Promises) -> Iterator[str]:
    """Complaints about messages, none if each was told of and went where it had to."""
    found: dict[tuple[str, str, str | None], list[int]] = defaultdict(list)
    by_ref: dict[str, dict[str, list[Message]]] = defaultdict(lambda: defaultdict(list))
    for message in history.messages:
        found[message.name, message.correlation_key, message.message_id].append(message.key)
        by_ref[message.correlation_key][message.name].append(message)
    for identity, key in promises.published.items():
        keys = found.get(identity, [])
        if len(keys) != 1 or key not in (None, keys[0]):
            yield f"message {identity} was acknowledged as {key}, the database has {keys}"
    for known in found.keys() - promises.meant_messages:
        yield f"nobody published {known}"
    for instance in history.instances.values():
        if instance.process_id == STORY:
            yield from _instance(instance, history, by_ref[history.ref_of(instance.key) or ""], promises)
    yield from _echoes(history, by_ref, promises)


def _instance(
    instance: Instance, history: History, own: dict[str, list[Message]], promises: Promises
) -> Iterator[str]:
    story = _Story(
        where=f"{STORY} {history.ref_of(instance.key) or instance.key}",
        history=history,
        messages=own,
        visits=history.visits.get(instance.key, []),
    )
    for name, element_id in _EFFECTS.items():
        correlated = sum(map(story.correlated, own.get(name, ())))
        if story.completed(element_id) != correlated:
            yield (
                f"{story.where}: {correlated} messages {name!r} were correlated, "
                f"{element_id} completed {story.completed(element_id)} times"
            )
    yield from _nudges(story, instance)
    yield from _missed(story, promises)


def _nudges(story: _Story, instance: Instance) -> Iterator[str]:
    """A nudge writes its id into the instance: those that were correlated, and none twice."""
    ids = story.history.written.get((instance.key, "nudge_id"), [])
    own = [f'"{nudge.message_id}"' for nudge in story.messages.get("nudge", ()) if story.correlated(nudge)]
    if sorted(ids) != sorted(own):
        yield f"{story.where}: nudged {len(own)} times, by {ids}"


def _missed(story: _Story, promises: Promises) -> Iterator[str]:
    """If messages were there before somebody began to wait for them, one was correlated at once."""
    for name, element_id in _WAITING.items():
        own = story.messages.get(name, [])
        if any(map(story.correlated, own)):
            continue
        for visit in story.visits:
            if visit.element_id != element_id or (name == "nudge" and visit.completed):
                continue  # who has been paid at once is not nudged
            for message in own:
                published = promises.published_by.get(_identity(message))
                if published is not None and published <= visit.started_at:
                    yield f"{story.where}: {element_id} missed message {message.message_id!r}"


def _identity(message: Message) -> MessageId:
    return message.name, message.correlation_key, message.message_id or ""


def _echoes(
    history: History, by_ref: dict[str, dict[str, list[Message]]], promises: Promises
) -> Iterator[str]:
    echoes = Counter(i.start_key or "" for i in history.instances.values() if i.process_id == ECHO)
    expected = {ref for name, ref, _ in promises.published if name == "hello"}
    possible = {ref for name, ref, _ in promises.meant_messages if name == "hello"}
    for ref in expected | set(echoes):
        if echoes[ref] > 1 or (ref in expected and not echoes[ref]) or ref not in possible:
            yield f"hello of {ref} started {echoes[ref]} echoes"
        correlated = sum((hello.key, ECHO) in history.correlated for hello in by_ref[ref]["hello"])
        if correlated != echoes[ref]:
            yield f"hello of {ref} was correlated {correlated} times and started {echoes[ref]} echoes"
