"""The business case: a customer gets a user and an account, or neither."""

from __future__ import annotations

import os
from datetime import timedelta
from typing import Any

from procession import BusinessCase, CaseError, CaseManager, Procession, catch, stage
from procession.process.cases import CaseFailure, Context


class OpenAccount(BusinessCase, api="v1"):
    """OPEN AN ACCOUNT"""

    HIDDEN = frozenset({"password"})

    @stage(first=True)
    async def create_user(self, ctx: Context) -> None:
        ctx.data["email"] = ctx.payload["email"]
        user = {"email": ctx.payload["email"], "password": ctx.payload["password"]}
        await ctx.service("users", "create", user, next="open_account")

    @stage
    async def open_account(self, ctx: Context, reply: Any) -> None:
        ctx.data["user"] = reply["id"]
        account = {"user": reply["id"], "deposit": ctx.payload["deposit"]}
        await ctx.service("accounts", "open", account, next="welcome")

    @stage
    async def welcome(self, ctx: Context, reply: Any) -> Any:
        if "refused" in reply:
            raise CaseError(reply["refused"], code="refused")
        ctx.data["account"] = reply["number"]
        return ctx.next(stage="finish", delay=timedelta(seconds=1))

    @stage
    async def finish(self, ctx: Context) -> Any:
        return ctx.finish({"user": ctx.data["user"], "account": ctx.data["account"]})

    @stage
    async def undone(self, ctx: Context) -> Any:
        return ctx.fail(ctx.data["why"], code="refused")

    @catch
    async def undo(self, ctx: Context, error: CaseFailure) -> Any:
        if "user" not in ctx.data:
            return ctx.fail(error)
        ctx.data["why"] = error.message
        return ctx.service("users", "remove", {"id": ctx.data["user"]}, next="undone")


app = Procession(os.environ.get("PROCESSION_DB", "sqlite:///run/account/cases.db"))
cases = CaseManager(app)
cases.register(OpenAccount)
