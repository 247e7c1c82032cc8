"""What has to be true in the end, read from the services' own tables with plain SQL and from the cases."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

import sqlalchemy as sa

from procession.process.cases import CaseDetail, CaseStatus, Keyring, TaskId

from .customers import Customer

Ended = Mapping[Customer, CaseDetail]


def judge(users: sa.Engine, accounts: sa.Engine, ended: Ended, keys: Keyring) -> list[str]:
    """Everything that is wrong with those whose cases have ended."""
    people = _rows(users, "SELECT id, email FROM app_user")
    opened = _rows(accounts, "SELECT number, user_id, balance FROM account")
    ids: defaultdict[str, list[int]] = defaultdict(list)
    for id, email in people:
        ids[email].append(id)
    of_user: defaultdict[int, list[tuple[int, int]]] = defaultdict(list)
    for number, user, balance in opened:
        of_user[user].append((number, balance))
    wrong = [fault for customer, case in ended.items() for fault in _case_faults(customer, case)]
    for customer, case in ended.items():
        wrong += _effect_faults(customer, case, ids.pop(customer.email, []), of_user)
    wrong += [f"nobody asked for user {email}" for email in ids]
    wrong += [f"account {number} is nobody's" for rows in of_user.values() for number, _ in rows]
    wrong += _inbox_faults("users", users, _asked(ended, keys, ("create_user", 1), ("undo", 3)))
    wrong += _inbox_faults("accounts", accounts, _asked(ended, keys, ("open_account", 2)))
    return wrong


def _case_faults(customer: Customer, case: CaseDetail) -> Iterator[str]:
    expected = CaseStatus.FAILED if customer.refused else CaseStatus.FINISHED
    if case.info.status is not expected:
        yield f"the case of {customer} is {case.info.status} instead of {expected}: {case}"
    if customer.refused and case.data.get("undo") != {"removed": 1}:
        yield f"the user of {customer} was not removed once: {case.data.get('undo')}"


def _effect_faults(
    customer: Customer, case: CaseDetail, ids: list[int], of_user: dict[int, list[tuple[int, int]]]
) -> Iterator[str]:
    """Takes the user's accounts out of `of_user`."""
    if len(ids) != (0 if customer.refused else 1):
        yield f"{customer} is there {len(ids)} times"
    if customer.refused:
        return
    rows = [row for id in ids for row in of_user.pop(id, [])]
    if len(rows) != 1:
        yield f"{customer} has {len(rows)} accounts"
    if sum(balance for _, balance in rows) != customer.deposit:
        yield f"{customer} has {rows}"
    if len(ids) == len(rows) == 1 and case.result != {"user": ids[0], "account": rows[0][0]}:
        yield f"the case of {customer} found {case.result} instead of user {ids}, account {rows}"


def _asked(ended: Ended, keys: Keyring, *requests: tuple[str, int]) -> Counter[str]:
    """The ids of what a service was asked for: the undoing only for those who were refused."""
    return Counter(
        TaskId(
            case_key=case.info.key,
            case_id=case.info.case_id,
            api=case.info.api,
            stage=stage,
            ordinal=ordinal,
        ).sealed(keys)
        for customer, case in ended.items()
        for stage, ordinal in requests
        if stage != "undo" or customer.refused
    )


def _inbox_faults(service: str, engine: sa.Engine, asked: Counter[str]) -> Iterator[str]:
    known = Counter(id for (id,) in _rows(engine, "SELECT message_id FROM procession_inbox"))
    if missing := asked - known:
        yield f"{service} never got {missing.total()} requests"
    if extra := known - asked:
        yield f"{service} got {extra.total()} requests that were never made, or under another id"


def waiting(engine: sa.Engine) -> int:
    """Answers that are still in a service's outbox."""
    [(count,)] = _rows(engine, "SELECT count(*) FROM procession_outbox")
    return int(count)


def _rows(engine: sa.Engine, statement: str) -> list[tuple[Any, ...]]:
    with engine.connect() as connection:
        return [tuple(row) for row in connection.exec_driver_sql(statement)]
