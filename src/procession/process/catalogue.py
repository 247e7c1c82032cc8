"""The process classes an app has: which there are, by whatever name they are asked for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from procession.errors import InvalidInput
from procession.process.base import Process
from procession.process.blueprint import Blueprint, read
from procession.process.looking import class_version
from procession.process.policy import RetryPolicy
from procession.storage.searches.steps import InstanceFacts


class Catalogue:
    """Blueprints by process id and class version."""

    def __init__(self) -> None:
        self.registered: dict[tuple[str, int], Blueprint] = {}

    def add(self, kinds: Iterable[type[Process] | Mapping[type[Process], str]]) -> list[Blueprint]:
        """Add process classes, or mappings of classes to labels; all, or none. Answers what was added.

        Raises:
            InvalidInput: a class has faults, all of which are named; or it is there already.
        """
        labelled: list[tuple[type[Process], str | None]] = []
        for one in kinds:
            labelled += list(one.items()) if isinstance(one, Mapping) else [(one, None)]
        added = [read(kind, label) for kind, label in labelled]
        known = dict(self.registered)
        for blueprint in added:
            identity = (blueprint.process_id, blueprint.version)
            if (other := known.setdefault(identity, blueprint)) is not blueprint:
                raise InvalidInput(
                    f"process {blueprint.kind.__name__}: version {identity[1]} of {identity[0]!r} is "
                    f"{other.kind.__name__} already"
                )
        self.registered.update(known)
        return added

    @property
    def blueprints(self) -> list[Blueprint]:
        """All, by process id and class version."""
        return [one for _, one in sorted(self.registered.items(), key=lambda item: item[0])]

    @property
    def process_ids(self) -> set[str]:
        return {process_id for process_id, _ in self.registered}

    @property
    def job_types(self) -> list[str]:
        """Of all steps."""
        return [one.job_type(step) for one in self.blueprints for step in one.steps]

    @property
    def strict_channels(self) -> set[str]:
        """The names of those that classes have."""
        return {one.kind.channel.name for one in self.blueprints if one.kind.channel.fifo}

    def of(self, kind: type[Process] | str) -> Blueprint:
        """What there is for a class, or for a name, process id or label (then of the newest version).

        Raises:
            InvalidInput: nothing is.
        """
        for one in reversed(self.blueprints):
            names = (one.kind.__name__, one.process_id, one.label)
            if one.kind is kind or (isinstance(kind, str) and kind in names):
                return one
        name = kind if isinstance(kind, str) else kind.__name__
        known = ", ".join(one.kind.__name__ for one in self.blueprints) or "nothing"
        raise InvalidInput(f"process {name!r} is not registered; there are: {known}")

    def policy(self, facts: InstanceFacts) -> RetryPolicy:
        """How often the step is tried that a process is at."""
        version = class_version(facts.version_tag) or 0
        blueprint = self.registered.get((facts.info.process_id, version))
        steps = {step.name: step for step in blueprint.steps} if blueprint is not None else {}
        step = steps.get(facts.element_id or "")
        return step.retry if step is not None else RetryPolicy()
