"""What the processes are that are killed."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path

import msgspec

from examples.account import accounts, service, users
from tests.forkserver import until_asked_to_end

from . import awaited
from .placing import hurry, watch_cases, watch_service
from .points import OF_CASES, OF_SERVICES, Board, Point, Trail


class Role(StrEnum):
    USERS = "users"
    ACCOUNTS = "accounts"
    CASES = "cases"
    """Runs stages, sends requests, takes replies in."""

    @property
    def points(self) -> tuple[Point, ...]:
        return OF_CASES if self is Role.CASES else OF_SERVICES


class Birth(msgspec.Struct, frozen=True, kw_only=True):
    """What a process is told."""

    role: Role
    asynchronous: bool
    slot: int
    slots: int
    board: str
    database: str
    """The service's own."""
    broker: str
    deadly: Point | None
    after: int


async def live(birth: Birth) -> None:
    """Work until SIGTERM."""
    trail = Trail(Board(Path(birth.board), birth.slots), birth.slot, birth.deadly, birth.after)
    hurry()
    if birth.role is Role.CASES:
        watch_cases(trail)
        await _work_on_cases()
        return
    watch_service(trail)
    which = {Role.USERS: users.service, Role.ACCOUNTS: accounts.service}[birth.role]
    run = awaited.run if birth.asynchronous else service.run
    await run(which, birth.database, birth.broker)


async def _work_on_cases() -> None:
    from examples.account.case import app

    async with app:
        await until_asked_to_end()
