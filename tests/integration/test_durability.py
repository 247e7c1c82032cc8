"""A kill cannot show durability, system calls can: no reply leaves before the sync of its commit."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from .companions import Companion
from .syscalls import read_calls, too_early

COUNT = 100
MARKER = re.compile(r"(?:started|completed)-m\d{5}m")
STRACE = shutil.which("strace")


@pytest.mark.skipif(STRACE is None, reason="strace is not installed, so system calls cannot be traced")
def test_no_reply_leaves_before_the_sync_of_its_commit(
    url: str, database: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # Given a node under load whose client writes a line for each acknowledgement
    trace, journal = tmp_path / "trace", tmp_path / "acknowledged"
    strace = ("strace", "-f", "-y", "-s", "5000", "-o", str(trace))
    traced = ("-e", "trace=write,pwrite64,writev,pwritev,fsync,fdatasync")
    # When its system calls are traced
    with Companion("load", url, str(journal), str(COUNT), before=(*strace, *traced)) as node:
        node.expect("done")
        node.finish()
    # Then each line is of a start or completion that a finished sync had made durable before
    calls = list(read_calls(trace.read_text(errors="replace").splitlines()))
    assert too_early(calls, MARKER, log=f"{database.name}-wal", replies=journal.name) == []
    assert len(MARKER.findall(journal.read_text())) == COUNT * 2
    syncs = sum(call.name in ("fsync", "fdatasync") for call in calls)
    with capsys.disabled():
        print(f"\n{COUNT * 2} acknowledgements, {syncs} syncs: none came early")


_WRITE = '7 pwrite64(5</x/t.db-wal>, "..started-m00001m..", 4096, 32) = 4096'
_SYNC = "7 fdatasync(5</x/t.db-wal>) = 0"
_REPLY = '7 write(9</x/acks>, "started-m00001m\\n", 16) = 16'
_SYNC_BEGINS = "8 fdatasync(5</x/t.db-wal> <unfinished ...>"
_SYNC_ENDS = "8 <... fdatasync resumed>) = 0"


@pytest.mark.parametrize(
    "lines",
    [
        pytest.param([_WRITE, _REPLY, _SYNC], id="the reply came before the sync"),
        pytest.param([_REPLY, _WRITE, _SYNC], id="the reply came before the write"),
        pytest.param([_SYNC, _WRITE, _REPLY], id="the sync came before the write"),
        pytest.param([_WRITE, _REPLY], id="there was no sync"),
        pytest.param([_WRITE, _SYNC_BEGINS, _REPLY, _SYNC_ENDS], id="the sync had not ended"),
        pytest.param([_SYNC_BEGINS, _WRITE, _SYNC_ENDS, _REPLY], id="the sync had begun before the write"),
        pytest.param([_WRITE, _SYNC.replace("-wal", ""), _REPLY], id="another file was synced"),
        pytest.param([_WRITE, _SYNC.replace("= 0", "= -1 EIO"), _REPLY], id="the sync failed"),
    ],
)
def test_the_trace_shows_when(lines: list[str]) -> None:
    assert too_early(read_calls(lines), MARKER, log="t.db-wal", replies="acks") == ["started-m00001m"]


@pytest.mark.parametrize(
    "lines", [[_WRITE, _SYNC, _REPLY], [_WRITE, _SYNC_BEGINS, _SYNC_ENDS, _REPLY]], ids=["whole", "split"]
)
def test_the_trace_of_a_reply_after_the_sync_has_no_complaint(lines: list[str]) -> None:
    assert too_early(read_calls(lines), MARKER, log="t.db-wal", replies="acks") == []
