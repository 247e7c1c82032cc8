"""What clients are told while processes, sessions and the server die, one alone could have been told."""

from __future__ import annotations

import random
import tempfile
from collections import Counter
from pathlib import Path

import pytest

from tests.postgres import Server, programs

from .histories import calls_of, verdicts
from .recording import Record, Run

SECONDS = 4.0


def _seed(request: pytest.FixtureRequest) -> int:
    given = request.config.getoption("linear_seed", None)
    seed: int = random.randrange(1 << 32) if given is None else given
    print(f"\nreplay: pytest tests/linearizability --linear-seed={seed}")
    return seed


def _seconds(request: pytest.FixtureRequest) -> float:
    return request.config.getoption("linear_seconds", None) or SECONDS


def _judge(record: Record, capsys: pytest.CaptureFixture[str], where: str) -> None:
    found = verdicts(record)
    calls = calls_of(record)
    told = Counter(call.kind for call in calls if call.output is not None)
    unknown = sum(call.output is None for call in calls)
    with capsys.disabled():
        print(f"\n{where}: answers {dict(told)}, {unknown} without; {', '.join(record.faults)}")
    wrong = {subject: verdict for subject, verdict in found.items() if not verdict.holds}
    assert not wrong, "\n\n".join(f"{subject}: {verdict}" for subject, verdict in wrong.items())
    # And the run was worth looking at
    for kind in ("publish", "start", "result", "activate", "complete", "fail", "extend", "release"):
        assert told[kind], f"there was no {kind} at all"
    assert record.faults


async def test_histories_on_postgresql(
    request: pytest.FixtureRequest, tmp_path: Path, capsys: pytest.CaptureFixture[str], postgres: Server
) -> None:
    # Given a server of its own, because it is restarted
    found = programs()
    assert found is not None
    with tempfile.TemporaryDirectory(prefix="procession-linear-", ignore_cleanup_errors=True) as folder:
        server = Server(Path(folder), found)
        server.start()
        try:
            run = Run(server.url("postgres"), tmp_path, _seed(request), _seconds(request), server)
            record = await run.record()
        finally:
            server.stop()
    _judge(record, capsys, "PostgreSQL")


async def test_histories_on_sqlite(
    request: pytest.FixtureRequest, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = Run(f"sqlite:///{tmp_path}/test.db", tmp_path, _seed(request), _seconds(request), None)
    _judge(await run.record(), capsys, "SQLite")
