"""One batch on PostgreSQL: READ COMMITTED with explicit locks, in as few round trips as it can.

Whatever needs no answer at once is only asked, and travels with the next thing that does: BEGIN and
the clock with the root locks and the records that commands name, the writes with COMMIT.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import psycopg

from procession.engine import Reads, Table, Target, Unit
from procession.engine.records import CommandRow, Definition, ElementInstance, Job
from procession.engine.tables import TABLES
from procession.storage.order import OutOfOrder, refuse_waits
from procession.storage.port import Clock, Contended, Transaction
from procession.storage.postgresql import statements as s
from procession.storage.postgresql.locks import locks_of, split
from procession.storage.postgresql.session import Answer, Session, Statement
from procession.storage.postgresql.statements import STATEMENTS, Alike, integers
from procession.storage.rows import KEY_OF_ROW, Row
from procession.storage.versions import Versions

_json = msgspec.json.Encoder().encode
_SCOPE = ElementInstance.__struct_fields__.index("scope_key")
_INSTANCE = ElementInstance.__struct_fields__.index("instance_key")
_DUE = Job.__struct_fields__.index("due")
_WITNESSES = ("process_instance", "element_instance", "definition", "message", "variable_change")
"""Tables whose rows stay for long after they were made, and are read without locking them."""


_MANY = 8
"""Records from which on a statement of their own costs less than repeating what they have in common."""

_AT_ONCE = 200
"""Records that one statement updates or deletes: at worst it compares each with each."""


def _number(value: int) -> bytes:
    return str(value).encode()


def _text(value: int | str | None) -> bytes | None:
    return None if value is None else str(value).encode()


class PostgreSQLTransaction(Transaction):
    """See the port. Made by `PostgreSQLStorage.transaction`."""

    def __init__(
        self,
        session: Session,
        ahead: Collection[int],
        *,
        hurry: bool,
        settle: Callable[..., None],
        check: Callable[[Versions], None],
    ) -> None:
        """`settle` commits; `check` refuses schemas this program does not know."""
        self._session = session
        self._settle = settle
        self._check = check
        self._held: set[int] = set(ahead)
        self._clock: Clock | None = None
        self._asked_xid: Answer | None = None
        self._dirty = False
        self._witness: tuple[str, int] | None = None
        self._loaded: list[tuple[str, list[Any], list[Row]]] = []
        """What `lock` loaded ahead, and the command rows taken: (table, keys asked for, rows)."""
        self._absent: set[Target] = set()
        self._next_jobs: dict[str, Answer] = {}
        self._has_activated = False
        session.ask(s.BEGIN)
        if hurry:
            session.ask(s.HURRY)
        if ahead:
            session.ask(s.WAIT_FOR, integers(sorted(ahead)))
        self._asked_clock = session.ask(s.CLOCK)

    @property
    def clock(self) -> Clock:
        if self._clock is None:
            if not self._asked_clock.rows:
                self._session.sync()
            [(now, zone, version, readable_since)] = self._asked_clock.rows
            self._check(Versions(version, readable_since))
            self._clock = Clock(now, ZoneInfo(zone))
        return self._clock

    def _move_on(self, asked_now: Answer) -> None:
        """The time of the locks is the transaction's: in no root does time run backwards."""
        clock, [(now,)] = self.clock, asked_now.rows
        self._clock = Clock(max(clock.now, now), clock.zone)

    def _ask_xid(self) -> None:
        """The transaction's number, by which a commit whose answer is lost is settled."""
        if self._asked_xid is None:
            self._asked_xid = self._session.ask(s.XID)

    # --- locks ----------------------------------------------------------------------------------

    def lock(self, targets: Collection[Target]) -> set[Target]:
        if not targets:
            return set()
        if self._has_activated:
            raise OutOfOrder("roots are locked before jobs are handed out, not afterwards")
        self._ask_xid()
        by_table: dict[str, list[int]] = {}
        for table, key in targets:
            by_table.setdefault(table, []).append(key)
        places = {table: _places(table) for table in by_table}
        locks = {
            (table, place): self._session.ask(s.LOCKED_ROOTS[place], integers(keys))
            for table, keys in by_table.items()
            for place in places[table]
        }
        # Whoever had these roots before may have worked at a later time than ours began.
        asked_now = self._session.ask(s.NOW)
        ahead = {table: self._ask_records(table, keys) for table, keys in by_table.items()}
        self._session.sync()
        self._move_on(asked_now)
        roots: dict[Target, tuple[int, bool]] = {}
        for (table, _), answer in locks.items():
            roots.update({(table, key): (root, got) for key, root, got in answer.rows})
        granted = {target for target in targets if roots.get(target, (0, True))[1]}
        # What is found later under a key that had no record yet stands under no lock of ours.
        self._absent = {(place, key) for table, key in targets - roots.keys() for place in places[table]}
        ours = {root for root, got in roots.values() if got}
        for table, answers in ahead.items():
            keys = [key for key in by_table[table] if (table, key) in roots and (table, key) in granted]
            for name, answer in answers:
                at = TABLES[name].record.__struct_fields__.index("root_key")
                rows = [row for row in answer.rows if row[at] in ours]
                found = {row[0] for row in rows}
                self._loaded.append((name, [key for key in keys if key in found], rows))
        return granted

    def _ask_records(self, table: str, keys: list[int]) -> list[tuple[str, Answer]]:
        """The records named and what they bring along; only of use where the root is ours."""
        statement = s.JOBS_OF_LOCKED_ROOTS if table == "job" else STATEMENTS[table].by_key
        asked = [(table, self._session.ask(statement, integers(keys)))]
        for other, companion in STATEMENTS[table].companions:
            asked.append((other, self._session.ask(companion, integers(keys))))
        return asked

    def _lock_values(self, wanted: set[int]) -> Callable[[], None]:
        """Ask for the locks of look-ups; what is answered checks, afterwards, that all were got."""
        wait, attempt = split(wanted, self._held)
        refused = self._session.ask(s.TRY_FOR, integers(attempt)) if attempt else None
        if wait:
            self._session.ask(s.WAIT_FOR, integers(wait))

        def check() -> None:
            if refused is not None and refused.rows:
                raise Contended(frozenset(self._held | wanted), held=False)
            self._held |= wanted

        return check

    # --- loading --------------------------------------------------------------------------------

    def load(self, reads: Reads) -> None:
        if self._has_activated:
            refuse_waits(reads)
        unit = reads.unit
        self._ask_xid()
        self._pour(unit)
        asked: list[tuple[str, list[Any], Answer]] = []
        wanted = locks_of(reads.finds) - self._held
        check = self._lock_values(wanted)
        for name, wanted in reads.keys.items():
            loaded = unit.by_name[name].loaded
            keys = [key for key in wanted if key not in loaded]
            if keys:
                asked += self._ask_keys(name, keys)
        found = [
            (name, index, block, self._ask_index(name, index, block))
            for (name, index), values in reads.finds.items()
            for block in _together(name, index, values)
        ]
        if asked or found:
            try:
                self._session.sync()
            except psycopg.errors.LockNotAvailable as error:
                raise Contended(frozenset(self._held | wanted), held=True) from error
        check()
        for name, keys, answer in asked:
            _put(unit.by_name[name], answer.rows, keys)
        for name, index, values, answer in found:
            _put_found(unit.by_name[name], index, values, answer.rows)
        self._load_around(unit.elements)
        reads.keys.clear()
        reads.finds.clear()

    def _pour(self, unit: Unit) -> None:
        """What was loaded ahead becomes known."""
        loaded, self._loaded = self._loaded, []
        for name, keys, rows in loaded:
            _put(unit.by_name[name], rows, keys)
        for name, key in self._absent:
            unit.by_name[name].loaded.setdefault(key, None)

    def _ask_keys(self, name: str, keys: list[Any]) -> list[tuple[str, list[Any], Answer]]:
        statements = STATEMENTS[name]
        arrays = statements.keys(keys)
        asked = [(name, keys, self._session.ask(statements.by_key, *arrays))]
        for other, companion in statements.companions:
            asked.append((other, [], self._session.ask(companion, *arrays)))
        return asked

    def _ask_index(self, name: str, index: str, values: list[Any]) -> Answer:
        statements = STATEMENTS[name]
        return self._session.ask(statements.by_index[index], *statements.values[index](values))

    def _load_around(self, elements: Table[ElementInstance]) -> None:
        """All element instances around those that are known, in one look."""
        loaded = elements.loaded
        around = {
            row[_SCOPE] for row in loaded.values() if row is not None and row[_SCOPE] != row[_INSTANCE]
        } - loaded.keys()
        if around:
            answer = self._session.ask(s.AROUND, integers(list(around)))
            self._session.sync()
            _put(elements, answer.rows, list(around))

    def resource(self, definition_key: int) -> tuple[Definition, bytes] | None:
        rows = self._now(s.RESOURCE, _number(definition_key))
        return (Definition(*rows[0][:-1]), rows[0][-1]) if rows else None

    def _now(self, statement: Statement, *parameters: bytes) -> list[Row]:
        answer = self._session.ask(statement, *parameters)
        self._session.sync()
        return answer.rows

    # --- due work -------------------------------------------------------------------------------

    def commands(self, limit: int, without: Collection[int] = ()) -> list[CommandRow]:
        rows = self._now(s.COMMANDS, _number(limit), integers(list(without)))
        self._loaded.append(("command", [row[0] for row in rows], rows))
        return [CommandRow(*row) for row in rows]

    def due_timers(self, limit: int, without: Collection[int] = ()) -> list[int]:
        rows = self._now(s.DUE_TIMERS, _number(self.clock.now), _number(limit), integers(list(without)))
        return [key for (key,) in rows]

    def activatable(self, unit: Unit, type_: str, limit: int) -> list[Job]:
        self._has_activated = True
        table = unit.jobs
        now = self.clock.now
        known = [
            key
            for key in table.live
            if (row := table.loaded.get(key)) is not None and row[_DUE] is not None and row[_DUE] <= now
        ]
        name = type_.encode()
        answer = self._session.ask(s.ACTIVATABLE, name, _number(now), _number(limit), integers(known))
        self._next_jobs[type_] = self._session.ask(s.NEXT_JOB, name, _number(now))
        self._session.sync()
        found: list[Job] = []
        for row in answer.rows:
            table.loaded[row[0]] = row
            job = table.get(row[0])
            if job is not None:
                found.append(job)
        return found

    def next_job_due(self, type_: str) -> int | None:
        answer = self._next_jobs.get(type_)
        rows = answer.rows if answer else self._now(s.NEXT_JOB, type_.encode(), _number(self.clock.now))
        due: int | None = rows[0][0]
        return due

    def next_timer_due(self) -> int | None:
        due: int | None = self._now(s.NEXT_TIMER)[0][0]
        return due

    def sweep_messages(self, limit: int) -> int:
        rows = self._now(s.SWEEP, _number(self.clock.now), _number(limit))
        if rows:
            self._ask_xid()
            self._dirty = True
            self._session.ask(s.SWEEP_CORRELATIONS, integers([key for (key,) in rows]))
        return len(rows)

    # --- writing --------------------------------------------------------------------------------

    def write(self, unit: Unit) -> None:
        ask = self._session.ask
        for table in unit.touched():
            changes = table.changes()
            statements = STATEMENTS[table.name]
            if changes.removed:
                for removed in _blocks(changes.removed):
                    ask(statements.delete, *statements.keys(removed))
            if changes.updated:
                if statements.update is None:
                    raise TypeError(f"records of {table.name} do not change")
                for block in _blocks(self._write_alike(statements.update_alike, changes.updated)):
                    keys = integers(list({_first(table.key_of(record)) for record in block}))
                    ask(statements.update, _json(list(map(statements.narrow, block))), keys)
            for block in _blocks(changes.rewritten):
                ask(statements.delete, *statements.keys(list(map(table.key_of, block))))
                ask(statements.insert, _json(block))
            if changes.added:
                single = self._write_alike(statements.insert_alike, changes.added)
                if single:
                    ask(statements.insert, _json(single))
                if self._witness is None and table.name in _WITNESSES:
                    self._witness = table.name, table.key_of(changes.added[0])
            self._dirty = self._dirty or bool(
                changes.removed or changes.updated or changes.rewritten or changes.added
            )

    def _write_alike(self, alike: Alike | None, records: list[Any]) -> list[Any]:
        """Write those that have much in common; answers the others."""
        if alike is None or len(records) < _MANY:
            return records
        groups: dict[tuple[Any, ...], list[Any]] = {}
        common = alike.common
        for record in records:
            groups.setdefault(common(record), []).append(record)
        single: list[Any] = []
        for values, group in groups.items():
            if len(group) < _MANY:
                single += group
            else:
                self._session.ask(alike.statement, alike.differing(group), *map(_text, values))
        return single

    def commit(self) -> None:
        if not self._dirty:
            self.roll_back()
            return
        if self._asked_xid is None or not self._asked_xid.rows:
            self._ask_xid()
            self._session.sync()
        assert self._asked_xid is not None
        [(xid,)] = self._asked_xid.rows
        answer = self._session.ask(s.COMMIT)
        self._settle(self._session, xid, self._witness, answer)

    def roll_back(self) -> None:
        """Undo everything, unless it is committed or the session is lost."""
        self._session.forget()
        if self._session.in_transaction and not self._session.lost:
            self._session.ask(s.ROLLBACK)
            self._session.sync()

    @property
    def xid(self) -> str | None:
        """Its number, if it has got one."""
        rows = self._asked_xid.rows if self._asked_xid is not None else []
        return rows[0][0] if rows else None


def _blocks(items: list[Any]) -> Iterator[list[Any]]:
    for at in range(0, len(items), _AT_ONCE):
        yield items[at : at + _AT_ONCE]


def _first(key: Any) -> int:
    """The first field of a record's key, which is a number in every table."""
    first: int = key[0] if isinstance(key, tuple) else key
    return first


def _places(table: str) -> tuple[str, ...]:
    """The tables in which a target may be: the scope of variables may be a process instance too."""
    return (table, "process_instance") if table == "element_instance" else (table,)


def _put(table: Table[Any], rows: Iterable[Row], keys: Iterable[Any]) -> None:
    """Make rows known, and the keys that have none. What is known already stays as it was first seen."""
    known = table.loaded.setdefault
    key_of = KEY_OF_ROW[table.name]
    for row in rows:
        known(key_of(row), row)
    for key in keys:
        known(key, None)


def _together(name: str, index: str, values: Iterable[Any]) -> list[list[Any]]:
    """The values that are asked for at once: of a page one cannot tell which of several values found it."""
    listed = list(values)
    return [[value] for value in listed] if TABLES[name].indexes[index].paged else [listed]


def _put_found(table: Table[Any], index: str, values: list[Any], rows: list[Row]) -> None:
    view = table.indexes[index]
    fields = TABLES[table.name].record.__struct_fields__
    places = [fields.index(field) for field in view.spec.fields]
    found: dict[Any, list[Any]] = {value: [] for value in values}
    key_of = KEY_OF_ROW[table.name]
    known = table.loaded.setdefault
    for row in rows:
        key = key_of(row)
        known(key, row)
        if view.spec.paged:
            found[values[0]].append(key)
            continue
        value = row[places[0]] if len(places) == 1 else tuple(row[place] for place in places)
        found[value].append(key)
    view.loaded.update(found)
