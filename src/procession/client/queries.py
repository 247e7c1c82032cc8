"""What an app can look up about its instances."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from procession.client.backend import Backend
from procession.errors import NotFound

if TYPE_CHECKING:
    from procession.storage.searches import (
        DefinitionStatus,
        IncidentInfo,
        InstanceDetail,
        InstanceInfo,
        InstanceStatus,
        Status,
    )


class Queries(ABC):
    """The part of `Procession` that only looks. All of it needs the database."""

    @property
    @abstractmethod
    def _backend(self) -> Backend:
        """See `Commands`."""

    async def instances(
        self,
        *,
        process_id: str | None = None,
        state: InstanceStatus | str | None = None,
        business_key: str | None = None,
        limit: int = 100,
    ) -> list[InstanceInfo]:
        """Process instances, newest first."""
        from procession.storage import searches

        return await asyncio.to_thread(
            searches.instances,
            self._backend.reader("listing instances"),
            process_id=process_id,
            state=searches.InstanceStatus(state) if state is not None else None,
            business_key=business_key,
            limit=limit,
        )

    async def count_instances(self, process_id: str | None = None) -> dict[InstanceStatus, int]:
        """How many instances are in each state."""
        from procession.storage import searches

        return await asyncio.to_thread(
            searches.count_instances, self._backend.reader("counting instances"), process_id
        )

    async def incidents(
        self,
        *,
        instance_key: int | None = None,
        process_id: str | None = None,
        include_resolved: bool = False,
        limit: int = 100,
    ) -> list[IncidentInfo]:
        """Incidents, newest first; open ones unless told otherwise."""
        from procession.storage import searches

        return await asyncio.to_thread(
            searches.incidents,
            self._backend.reader("listing incidents"),
            instance_key=instance_key,
            process_id=process_id,
            include_resolved=include_resolved,
            limit=limit,
        )

    async def instance(self, key: int) -> InstanceDetail:
        """One instance: the path it took, where it waits and why, its variables and incidents.

        Raises:
            NotFound: there is none.
        """
        from procession.storage import searches

        detail = await asyncio.to_thread(
            searches.instance, self._backend.reader("looking at an instance"), key
        )
        if detail is None:
            raise NotFound(f"there is no process instance with key {key}", key=key)
        return detail

    async def definitions(
        self, process_id: str | None = None, *, include_deleted: bool = False, limit: int = 100
    ) -> list[DefinitionStatus]:
        """Versions of all processes (or of one), by process id and newest first."""
        from procession.storage import searches

        return await asyncio.to_thread(
            searches.definitions,
            self._backend.reader("listing definitions"),
            process_id=process_id,
            include_deleted=include_deleted,
            limit=limit,
        )

    async def status(self) -> Status:
        """Counts of everything that runs or waits."""
        from procession.storage import searches

        return await asyncio.to_thread(searches.status, self._backend.reader("the status of everything"))
