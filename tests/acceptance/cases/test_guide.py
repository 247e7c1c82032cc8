"""The program in docs/business-cases.md does what the guide says."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from procession.process.cases import CaseManager, CaseStatus

from .scene import KEYS, comes_to, service

GUIDE = Path(__file__).parents[3] / "docs" / "business-cases.md"


async def test_the_program_of_the_guide_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sqlite_url: str
) -> None:
    # Given the first program of the guide
    [program, *_] = re.findall(r"```python\n(.*?)```", GUIDE.read_text(), re.S)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PROCESSION_CASE_KEYS", KEYS[0])
    monkeypatch.delenv("PROCESSION_BROKER", raising=False)
    names: dict[str, Any] = {"__name__": "bank"}
    exec(compile(program, str(GUIDE), "exec"), names)  # it is ours
    cases: CaseManager = names["cases"]
    cases.app.url = sqlite_url
    # When a case of it runs
    async with (
        cases.app,
        service(cases.broker, "users", lambda message: {"id": 7}) as got,
    ):
        started = await cases.start("open-account", {"email": "ada@example.com", "password": "sesame"})
        waiting = await comes_to(cases, started.key, CaseStatus.WAITING)
        while waiting.info.stage != "finish":
            waiting = await comes_to(cases, started.key, CaseStatus.WAITING)
    # Then its service was asked, and it waits five minutes for its end
    assert [message.json()["email"] for message in got] == ["ada@example.com"]
    assert waiting.data["user"] == 7
    assert waiting.info.message == f"waits {timedelta(minutes=5)} before finish"
