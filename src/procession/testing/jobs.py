"""The open jobs of an instance, as a test chooses among them."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import sqlalchemy as sa

from procession.engine.records import JobState
from procession.storage.schema import tables

_job = tables["job"].c
_element = tables["element_instance"].c
_ANSWERABLE = (JobState.ACTIVATABLE.value, JobState.ACTIVATED.value)


class OpenJob(msgspec.Struct, frozen=True):
    """A job that waits for its answer."""

    key: int
    type: str
    element_id: str
    retries: int
    state: int

    @property
    def is_answerable(self) -> bool:
        """Not held by an incident."""
        return self.state in _ANSWERABLE


def open_jobs(connection: sa.Connection, instance_key: int) -> list[OpenJob]:
    """The jobs of an instance, and of those it called, that are not answered, oldest first."""
    columns = (_job.key, _job.type, _element.element_id, _job.retries, _job.state)
    of_instance = sa.or_(_job.instance_key == instance_key, _job.root_key == instance_key)
    at = sa.join(tables["job"], tables["element_instance"], _element.key == _job.element_key)
    query = sa.select(*columns).select_from(at).where(of_instance, _job.ended_at.is_(None))
    rows = connection.execute(query.order_by(_job.created_at, _job.key))
    return [OpenJob(*row) for row in rows]


def choose(jobs: Sequence[OpenJob], name: str | None) -> OpenJob | None:
    """The oldest answerable job of this type or element; without a name, the only one."""
    answerable = [job for job in jobs if job.is_answerable]
    if name is None:
        return answerable[0] if len(answerable) == 1 else None
    return next((job for job in answerable if name in (job.type, job.element_id)), None)
