"""Case classes for tests."""

from __future__ import annotations

from typing import Any

from procession.process.cases import BusinessCase, Context, stage


@stage
def work(self: BusinessCase, ctx: Context) -> None:
    """A stage."""


def made(name: str = "Made", **attributes: Any) -> type[BusinessCase]:
    """A case class with these attributes; with one stage, `work`, unless that is given."""
    return type(name, (BusinessCase,), {"work": work, "__doc__": None} | attributes)
