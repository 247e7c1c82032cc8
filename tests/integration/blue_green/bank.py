"""Business cases whose stages say who ran them; the environment names the api this process has."""

from __future__ import annotations

import os
from datetime import timedelta
from typing import Any

from procession import BusinessCase, CaseManager, Procession, stage
from procession.process.cases import Context


class OpenAccount(BusinessCase, api="v1"):
    @stage(first=True)
    async def begin(self, ctx: Context) -> Any:
        ctx.data["ran_by"] = [f"{self.api} {os.environ['BUILD']}"]
        return ctx.next(delay=timedelta(seconds=ctx.payload))

    @stage
    async def end(self, ctx: Context) -> Any:
        ctx.data["ran_by"].append(f"{self.api} {os.environ['BUILD']}")
        return ctx.finish(ctx.data["ran_by"])


class OpenAccountAgain(OpenAccount, api="v2"):
    case_id = "open-account"


app = Procession(os.environ["PROCESSION_DB"])
cases = CaseManager(app)
cases.register(*{"v1": [OpenAccount], "v2": [OpenAccountAgain]}[os.environ["API"]])
