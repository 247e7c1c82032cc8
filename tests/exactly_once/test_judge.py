"""The judge finds what a service that applies twice, or loses something, leaves behind."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from msgspec import structs

from examples.account import accounts, users
from examples.account.service import database
from procession.process.cases import CaseDetail, CaseInfo, CaseStatus, Keyring, TaskId, new_key

from .customers import Customer
from .judge import judge

KEYS = Keyring([new_key("judge")])
RICH, POOR = Customer("rich@example.org", 100), Customer("poor@example.org", 5)
THEN = datetime(2026, 1, 1, tzinfo=UTC)
World = tuple[sa.Engine, sa.Engine, dict[Customer, CaseDetail]]


def _case(key: int, status: CaseStatus, data: dict[str, Any], result: Any) -> CaseDetail:
    info = CaseInfo(
        key=key,
        case_id="open-account",
        api="v1",
        label="",
        status=status,
        stage=None,
        message=None,
        business_key=None,
        started_at=THEN,
        ended_at=THEN,
    )
    return CaseDetail(info=info, payload=None, data=data, result=result, error=None, stages=[])


def _task(key: int, stage: str, ordinal: int) -> str:
    task = TaskId(case_key=key, case_id="open-account", api="v1", stage=stage, ordinal=ordinal)
    return task.sealed(KEYS)


def _received(engine: sa.Engine, *ids: str) -> None:
    with engine.begin() as connection:
        for id in ids:
            connection.exec_driver_sql("INSERT INTO procession_inbox VALUES (?, 0)", (id,))


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """A customer who has an account, and one who was refused: all as it should be."""
    of_users, of_accounts = (database(f"sqlite:///{tmp_path / name}") for name in ("users", "accounts"))
    users.service.make_tables(of_users)
    accounts.service.make_tables(of_accounts)
    with of_users.begin() as connection:
        connection.exec_driver_sql("INSERT INTO app_user VALUES (1, 'rich@example.org', '')")
    with of_accounts.begin() as connection:
        connection.exec_driver_sql("INSERT INTO account VALUES (7, 1, 100)")
    _received(of_users, _task(10, "create_user", 1), _task(20, "create_user", 1), _task(20, "undo", 3))
    _received(of_accounts, _task(10, "open_account", 2), _task(20, "open_account", 2))
    ended = {
        RICH: _case(10, CaseStatus.FINISHED, {}, {"user": 1, "account": 7}),
        POOR: _case(20, CaseStatus.FAILED, {"undo": {"removed": 1}}, None),
    }
    yield of_users, of_accounts, ended
    of_users.dispose()
    of_accounts.dispose()


def test_nothing_is_wrong_where_all_was_applied_once(world: World) -> None:
    assert judge(*world, KEYS) == []


@pytest.mark.parametrize(
    ("service", "damage", "finding"),
    [
        ("users", "INSERT INTO app_user VALUES (2, 'rich@example.org', '')", "is there 2 times"),
        ("users", "INSERT INTO app_user VALUES (2, 'poor@example.org', '')", "is there 1 times"),
        ("users", "INSERT INTO app_user VALUES (2, 'who@example.org', '')", "nobody asked for user who"),
        ("users", "DELETE FROM app_user", "is there 0 times"),
        ("users", "DELETE FROM procession_inbox", "users never got 3 requests"),
        ("users", "INSERT INTO procession_inbox VALUES ('other', 0)", "users got 1 requests that were never"),
        ("accounts", "INSERT INTO account VALUES (8, 1, 100)", "has 2 accounts"),
        ("accounts", "INSERT INTO account VALUES (8, 2, 100)", "account 8 is nobody's"),
        ("accounts", "DELETE FROM account", "has 0 accounts"),
        ("accounts", "UPDATE account SET balance = 200", "has [(7, 200)]"),
        ("accounts", "UPDATE account SET number = 8", "instead of user [1], account [(8, 100)]"),
        ("accounts", "DELETE FROM procession_inbox", "accounts never got 2 requests"),
    ],
)
def test_what_a_broken_service_leaves_is_found(world: World, service: str, damage: str, finding: str) -> None:
    # Given
    of_users, of_accounts, ended = world
    # When
    with {"users": of_users, "accounts": of_accounts}[service].begin() as connection:
        connection.exec_driver_sql(damage)
    # Then
    assert any(finding in fault for fault in judge(of_users, of_accounts, ended, KEYS))


def test_cases_that_ended_otherwise_are_found(world: World) -> None:
    # Given a case that failed for no reason, and one whose user was removed twice
    of_users, of_accounts, ended = world
    ended[RICH] = structs.replace(
        ended[RICH], info=structs.replace(ended[RICH].info, status=CaseStatus.FAILED)
    )
    ended[POOR] = structs.replace(ended[POOR], data={"undo": {"removed": 0}})
    # When
    wrong = judge(of_users, of_accounts, ended, KEYS)
    # Then
    assert ["is FAILED instead of FINISHED" in wrong[0], "was not removed once" in wrong[1]] == [True, True]
