"""Customers who open accounts for as long as they are let in, some of them with too little money."""

from __future__ import annotations

import asyncio
import random
from datetime import timedelta

import msgspec

from examples.account.accounts import LEAST_DEPOSIT
from procession.process.cases import CaseDetail, CaseManager

REFUSED = 0.2
"""The share of customers whose deposit is too small."""
PATIENCE = timedelta(minutes=2)


class Customer(msgspec.Struct, frozen=True):
    """One customer."""

    email: str
    deposit: int

    @property
    def refused(self) -> bool:
        return self.deposit < LEAST_DEPOSIT


class Customers:
    """Those who came, and their cases."""

    def __init__(self, cases: CaseManager, at_once: int, chance: random.Random) -> None:
        self._cases = cases
        self._at_once = at_once
        self._chance = chance
        self.ended: dict[Customer, CaseDetail] = {}

    async def come_until(self, enough: asyncio.Event) -> None:
        """Start cases while too few are under way; returns when all have ended."""
        places = asyncio.Semaphore(self._at_once)
        number = 0
        async with asyncio.TaskGroup() as group:
            while not enough.is_set():
                await places.acquire()
                number += 1
                group.create_task(self._open_account(self._customer(number), places))

    def _customer(self, number: int) -> Customer:
        refused = self._chance.random() < REFUSED
        deposit = self._chance.randrange(*((0, LEAST_DEPOSIT) if refused else (LEAST_DEPOSIT, 10_000)))
        return Customer(f"customer{number}@example.org", deposit)

    async def _open_account(self, customer: Customer, places: asyncio.Semaphore) -> None:
        payload = {"email": customer.email, "password": "secret", "deposit": customer.deposit}
        case = await self._cases.start("OpenAccount", payload, idempotency_key=customer.email)
        detail = await self._cases.wait(case.key, PATIENCE)
        assert detail.info.ended_at is not None, f"the case of {customer} does not end: {detail}"
        self.ended[customer] = detail
        places.release()
