"""What is done with the tables of queues: each function in a transaction of its own.

A message is leased to an owner until a moment of the database's clock, under a fencing number that grows
with each lease. Whoever settles it names both.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa

from procession.errors import WrongState
from procession.messaging.dialects import begin_writing, now_ms
from procession.messaging.message import Message
from procession.messaging.outbox import columns_of, message_from
from procession.messaging.port import Addressed
from procession.messaging.tables import MESSAGE, dead, queue, queued

RETRIED_AT_ONCE = 1000
ENDED = "delivery_limit: its consumers ended without an answer, or could not be reached in time"


class Leased(NamedTuple):
    """A message with its lease."""

    id: int
    fence: int
    message: Message


class Settlement(NamedTuple):
    """What becomes of a leased message."""

    id: int
    fence: int
    dead: bool = False
    """It becomes a dead letter, because of `reason`."""
    again: bool = False
    """It is delivered again."""
    reason: str = ""


def declare(connection: sa.Connection, name: str, delivery_limit: int) -> None:
    """Make a queue unless it is there.

    Raises:
        WrongState: it is, with another limit.
    """
    found = connection.scalar(sa.select(queue.c.delivery_limit).where(queue.c.name == name))
    if found is None:
        connection.execute(queue.insert(), {"name": name, "delivery_limit": delivery_limit})
    elif found != delivery_limit:
        raise WrongState(
            f"queue {name} exists with other arguments than delivery_limit={delivery_limit} asks for: it has "
            f"{found}; use the limit it was made with, or delete the queue's row when it is empty"
        )


def publish(connection: sa.Connection, messages: Sequence[Addressed]) -> list[bool]:
    """Store messages; answers for each whether its queue exists."""
    names = {one.queue for one in messages}
    there = set(connection.scalars(sa.select(queue.c.name).where(queue.c.name.in_(names))))
    rows = [{"queue": one.queue, **columns_of(one.message)} for one in messages if one.queue in there]
    if rows:
        connection.execute(queued.insert(), rows)
    return [one.queue in there for one in messages]


def lease(connection: sa.Connection, name: str, owner: str, most: int, milliseconds: int) -> list[Leased]:
    """Lease the oldest messages nobody holds. Those delivered too often become dead letters."""
    begin_writing(connection, queued)
    rows = connection.execute(_FREE, {"name": name, "most": most}).all()
    if not rows:
        return []
    limit = connection.scalar(sa.select(queue.c.delivery_limit).where(queue.c.name == name)) or 0
    for row in [row for row in rows if row.deliveries >= limit]:
        _bury(connection, row.id, ENDED)
    taken = [row for row in rows if row.deliveries < limit]
    values = {
        "owner": owner,
        "leased_until": now_ms() + milliseconds,
        "fence": queued.c.fence + 1,
        "deliveries": queued.c.deliveries + 1,
    }
    if not taken:
        return lease(connection, name, owner, most, milliseconds)  # there are fewer now
    connection.execute(queued.update().where(queued.c.id.in_([row.id for row in taken])).values(values))
    return [Leased(row.id, row.fence + 1, message_from(row, attempt=row.deliveries + 1)) for row in taken]


_FREE = (
    sa.select(*(queued.c[name] for name in ("id", "fence", "deliveries", *MESSAGE)))
    .where(queued.c.queue == sa.bindparam("name"), queued.c.leased_until <= now_ms())
    .order_by(queued.c.id)
    .limit(sa.bindparam("most"))
    .with_for_update(skip_locked=True)
)


def renew(connection: sa.Connection, owner: str, ids: Sequence[int], milliseconds: int) -> None:
    """Make leases last longer. Those that were lost stay lost."""
    values = {"leased_until": now_ms() + milliseconds}
    connection.execute(queued.update().where(queued.c.id.in_(ids), queued.c.owner == owner).values(values))


def settle(connection: sa.Connection, owner: str, settlements: Sequence[Settlement]) -> list[bool]:
    """Acknowledge, give back and bury; answers for each whether it was still held."""
    begin_writing(connection, queued)
    mine = sa.select(queued.c.id, queued.c.fence).where(
        queued.c.id.in_([one.id for one in settlements]), queued.c.owner == owner
    )
    rows = connection.execute(mine.order_by(queued.c.id).with_for_update())
    fences = {row.id: row.fence for row in rows}
    held = [fences.get(one.id) == one.fence for one in settlements]
    _settle(connection, [one for one, is_held in zip(settlements, held, strict=True) if is_held])
    return held


def _settle(connection: sa.Connection, settlements: Sequence[Settlement]) -> None:
    done = [one.id for one in settlements if not (one.again or one.dead)]
    if done:
        connection.execute(queued.delete().where(queued.c.id.in_(done)))
    again = [one.id for one in settlements if one.again]
    if again:
        values = {"owner": None, "leased_until": 0}
        connection.execute(queued.update().where(queued.c.id.in_(again)).values(values))
    for one in settlements:
        if one.dead:
            _bury(connection, one.id, one.reason)


def _bury(connection: sa.Connection, id: int, reason: str) -> None:
    columns = ("queue", "deliveries", *MESSAGE)
    row = sa.select(*(queued.c[name] for name in columns), sa.literal(reason, sa.Text()), now_ms()).where(
        queued.c.id == id
    )
    connection.execute(dead.insert().from_select([*columns, "reason", "died_at"], row))
    connection.execute(queued.delete().where(queued.c.id == id))


def dead_letters(connection: sa.Connection, name: str | None, most: int) -> Sequence[Any]:
    """Rows of dead letters, oldest first."""
    return connection.execute(
        sa.select(dead).where(_chosen(name, None)).order_by(dead.c.id).limit(most)
    ).all()


class Retried(NamedTuple):
    """Dead letters that were put back, or the name of a queue that does not exist (then none were)."""

    number: int
    queues: frozenset[str] = frozenset()
    missing: str | None = None


def newest_dead(connection: sa.Connection) -> int:
    """The number of the newest dead letter; those that come later have higher ones."""
    return connection.scalar(sa.select(sa.func.max(dead.c.id))) or 0


def retry_dead(connection: sa.Connection, name: str | None, message_id: str | None, newest: int) -> Retried:
    """Put the oldest dead letters back, as many as are retried at once."""
    begin_writing(connection, dead)
    chosen = sa.select(dead.c.id, dead.c.queue).where(_chosen(name, message_id), dead.c.id <= newest)
    rows = connection.execute(chosen.order_by(dead.c.id).limit(RETRIED_AT_ONCE).with_for_update()).all()
    names = frozenset(row.queue for row in rows)
    missing = names - set(connection.scalars(sa.select(queue.c.name).where(queue.c.name.in_(names))))
    if missing:
        return Retried(0, missing=min(missing))
    if rows:
        mine = dead.c.id.in_([row.id for row in rows])
        columns = ("queue", *MESSAGE)
        again = sa.select(*(dead.c[column] for column in columns)).where(mine).order_by(dead.c.id)
        connection.execute(queued.insert().from_select(columns, again))
        connection.execute(dead.delete().where(mine))
    return Retried(len(rows), names)


def drop_dead(connection: sa.Connection, name: str | None, message_id: str | None) -> int:
    """Delete dead letters; answers how many."""
    begin_writing(connection, dead)
    return connection.execute(dead.delete().where(_chosen(name, message_id))).rowcount


def _chosen(name: str | None, message_id: str | None) -> sa.ColumnElement[bool]:
    conditions = [] if name is None else [dead.c.queue == name]
    if message_id is not None:
        conditions.append(dead.c.message_id == message_id)
    return sa.and_(sa.true(), *conditions)
