"""Texts of the command line, and what they mean."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from procession.cli.output import plain
from procession.cli.parsing import read_duration, read_variables


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("90", timedelta(seconds=90)),
        ("0.5", timedelta(seconds=0.5)),
        ("250ms", timedelta(milliseconds=250)),
        ("30s", timedelta(seconds=30)),
        ("1h30m", timedelta(hours=1, minutes=30)),
        ("2d", timedelta(days=2)),
        ("PT1H", timedelta(hours=1)),
        ("p1dt2h", timedelta(days=1, hours=2)),
    ],
)
def test_durations_are_seconds_units_or_iso_8601(text: str, expected: timedelta) -> None:
    assert read_duration(text, "--ttl") == expected


def test_fractions_keep_every_digit() -> None:
    assert read_variables('{"total": 0.10000000000000000001}') == {"total": Decimal("0.10000000000000000001")}


def test_control_characters_of_others_do_not_reach_the_terminal() -> None:
    assert plain("red \x1b[31m\tbell \a\nnext line") == "red \ufffd[31m\ufffdbell \ufffd\nnext line"
