"""The first program in the operators' page on commands runs as it is shown."""

from __future__ import annotations

from pathlib import Path

from tests.acceptance.cli.conftest import Shell

GUIDE = Path(__file__).parents[2] / "docs" / "commands.md"


def test_it_runs_and_is_seen(tmp_path: Path) -> None:
    program = GUIDE.read_text(encoding="utf-8").split("```python\n", 1)[1].split("```", 1)[0]
    shell = Shell(tmp_path)
    shell.write("jobs.py", program)

    ran = shell.python("import jobs; jobs.get_orders()")
    seen = shell.ask("commands", "status", "--db", "sqlite:///orders.db")

    assert (ran.code, ran.err) == (0, "")
    command = next(one for one in seen if one["key"] == "get-orders")
    assert (command["label"], command["status"]) == ("Get Orders", "Idle")
    assert command["last_start"] is not None
    assert (tmp_path / "storage" / "locks" / "get-orders.lock.execution").exists()
