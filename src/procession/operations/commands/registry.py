"""Which commands there are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TypeAlias

from procession.errors import InvalidInput
from procession.operations.commands.keys import (
    PROCESS_MANAGER,
    Named,
    is_channel,
    is_reserved,
    kebab,
    key_of,
    unknown,
)

Instances: TypeAlias = "Sequence[str | int]"
Registration: TypeAlias = "str | tuple[str, Instances]"
"""A label, or a label and the instances that have a lock each."""


class Registry:
    """The commands of an application: lock keys with labels. The process manager is always there."""

    def __init__(self) -> None:
        self._labels = {PROCESS_MANAGER: "Process Manager"}
        self._owners: dict[str, Named] = {}

    def add(self, commands: Mapping[Named, Registration]) -> None:
        """Register commands, all or none. Doing it again changes labels and adds instances.

        Raises:
            InvalidInput: a key is reserved, or belongs to another command, or cannot be one.
        """
        found = list(_keys(commands))
        owners = dict(self._owners)
        for key, _, named in found:
            if is_reserved(key):
                raise InvalidInput(
                    f"the key {key} of {_name(named)} is reserved for the process manager and its channels; "
                    "give it another name"
                )
            if not _same(owners.setdefault(key, named), named):
                raise InvalidInput(
                    f"{_name(owners[key])} and {_name(named)} would both have the lock key {key}; rename one"
                )
        self._owners = owners
        self._labels |= {key: label for key, label, _ in found}

    def labels(self) -> dict[str, str]:
        """Every key with its label."""
        return dict(self._labels)

    def label(self, key: str) -> str:
        """The label of a key.

        Raises:
            NotFound: nobody registered it.
        """
        found = self._labels.get(key)
        if found is None and is_channel(key):
            return f"Process Manager ({key.removeprefix(f'{PROCESS_MANAGER}-')})"
        if found is None:
            raise unknown(key, self._labels)
        return found

    @property
    def empty(self) -> bool:
        return not self._owners


def _keys(commands: Mapping[Named, Registration]) -> Iterator[tuple[str, str, Named]]:
    for named, registration in commands.items():
        key = key_of(named)
        if isinstance(registration, str):
            yield key, registration, named
            continue
        label, instances = registration
        if isinstance(instances, str) or not instances:
            raise InvalidInput(
                f"{_name(named)}: give its instances as a list, such as ['service1', 'service2']"
            )
        for instance in instances:
            yield f"{key}-{kebab(str(instance))}", f"{label} ({instance})", named


def _same(one: Named, other: Named) -> bool:
    """A module that is loaded twice makes its classes and functions anew."""
    return one is other or (one.__module__, one.__qualname__) == (other.__module__, other.__qualname__)


def _name(named: Named) -> str:
    return f"{named.__module__}.{named.__qualname__}"
