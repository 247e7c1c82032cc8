"""Every scenario has the same transcript on a real Zeebe and on our server, but for known differences."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.oracle.played import Chosen, Played
from tests.oracle.scenario import Scenario, all_scenarios

DIFFERENCES = Path(__file__).parents[2] / "docs" / "differences-from-zeebe.md"
SCENARIOS = all_scenarios()


@pytest.mark.zeebe
@pytest.mark.parametrize(
    "scenario",
    [
        pytest.param(
            one, id=one.name, marks=pytest.mark.plays(Chosen(one.name, one.play, one.differs, one.alone))
        )
        for one in SCENARIOS
    ],
)
def test_both_servers_tell_the_same_story(played: Played, scenario: Scenario) -> None:
    complaint = played.complaint(scenario.name)
    assert complaint is None, f"\n{complaint}"


def test_there_are_enough_scenarios() -> None:
    assert len(SCENARIOS) >= 150


def test_every_expected_difference_is_explained_in_the_docs() -> None:
    headings = set(re.findall(r"^#+ (.+)$", DIFFERENCES.read_text(), re.MULTILINE))
    used = {one.differs.why for one in SCENARIOS if one.differs is not None}
    assert used <= headings
