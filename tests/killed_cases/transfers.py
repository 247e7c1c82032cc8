"""The case whose workers are killed: it takes from one account, gives to another, and notes the receipts."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from procession.process import RetryPolicy
from procession.process.cases import BusinessCase, Context, stage

from .points import Point, trail

TAKE, GIVE = "debits", "credits"
"""The services."""


class Transfer(BusinessCase, api="v1"):
    """TRANSFER"""

    HIDDEN = frozenset({"note"})
    retry = RetryPolicy(attempts=1000, wait=timedelta(0))

    @stage(first=True)
    async def take(self, ctx: Context) -> None:
        ctx.data["runs"] = ctx.data.get("runs", 0) + 1
        ctx.service(TAKE, "take", ctx.payload, next="give")
        trail.at(Point.IN_STAGE)

    @stage
    def give(self, ctx: Context, reply: Any) -> None:
        ctx.data["runs"] += 1
        ctx.service(GIVE, "give", {"amount": reply, "note": ctx.payload["note"]}, next="close")
        trail.at(Point.IN_STAGE)

    @stage
    async def close(self, ctx: Context, reply: Any) -> Any:
        ctx.data["runs"] += 1
        trail.at(Point.IN_STAGE)
        return ctx.finish([ctx.data["take"], reply, ctx.data["runs"]])
