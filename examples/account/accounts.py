"""The accounts service. Run a process of it with `python -m examples.account.accounts DATABASE BROKER`."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from examples.account.service import Service, run

LEAST_DEPOSIT = 10

metadata = sa.MetaData()
# Nothing here keeps an account from being there twice: that is the inbox's work.
account = sa.Table(
    "account",
    metadata,
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("user_id", sa.Integer, nullable=False),
    sa.Column("balance", sa.Integer, nullable=False),
    mysql_engine="InnoDB",
)


def open_(session: Session, request: Any) -> Any:
    if request["deposit"] < LEAST_DEPOSIT:
        return {"refused": f"a deposit of {request['deposit']} is too small"}
    made = account.insert().values(user_id=request["user"], balance=request["deposit"])
    return {"number": session.execute(made.returning(account.c.number)).scalar_one()}


service = Service("accounts", {"open": open_}, metadata)

if __name__ == "__main__":
    asyncio.run(run(service, sys.argv[1], sys.argv[2]))
