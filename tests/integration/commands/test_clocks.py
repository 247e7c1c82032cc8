"""On PostgreSQL a lease goes by the server's clock, whatever the hosts' say."""

from __future__ import annotations

import time
from datetime import timedelta
from pathlib import Path

import pytest

from procession.errors import CommandLocked
from procession.operations.commands import Commands


@pytest.mark.parametrize("hours", [-1, 1])
def test_a_host_whose_clock_is_wrong_takes_nothing_over(
    postgresql_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hours: int
) -> None:
    # Given a holder, and a host whose clock is an hour ahead or behind
    real = time.time_ns
    with (
        Commands(postgresql_url, locks=tmp_path / "a") as right,
        Commands(postgresql_url, locks=tmp_path / "b") as wrong,
        right.lock("process-manager", lease=timedelta(minutes=1)) as lock,
    ):
        monkeypatch.setattr(time, "time_ns", lambda: real() + hours * 3_600_000_000_000)
        # When that host wants the lock, it is refused
        with pytest.raises(CommandLocked):
            wrong.lock("process-manager").__enter__()
        # And when it has one itself, others are
        lock.check()
        with wrong.lock("process-manager-orders"):
            monkeypatch.setattr(time, "time_ns", real)
            with pytest.raises(CommandLocked):
                right.lock("process-manager-orders").__enter__()
