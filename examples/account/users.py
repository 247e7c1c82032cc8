"""The users service. Run a process of it with `python -m examples.account.users DATABASE BROKER`."""

from __future__ import annotations

import asyncio
import hashlib
import sys
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from examples.account.service import Service, run

metadata = sa.MetaData()
# Nothing here keeps a user from being there twice: that is the inbox's work.
user = sa.Table(
    "app_user",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("email", sa.String(200), nullable=False),
    sa.Column("password", sa.String(64), nullable=False),
    mysql_engine="InnoDB",
)


def create(session: Session, request: Any) -> Any:
    password = hashlib.sha256(request["password"].encode()).hexdigest()  # a real one has a salt, and is slow
    made = user.insert().values(email=request["email"], password=password)
    return {"id": session.execute(made.returning(user.c.id)).scalar_one()}


def remove(session: Session, request: Any) -> Any:
    removed = user.delete().where(user.c.id == request["id"]).returning(user.c.id)
    return {"removed": len(session.execute(removed).all())}


service = Service("users", {"create": create, "remove": remove}, metadata)

if __name__ == "__main__":
    asyncio.run(run(service, sys.argv[1], sys.argv[2]))
