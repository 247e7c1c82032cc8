"""Random processes with random fates run the same way on a real Zeebe and on our server."""

from __future__ import annotations

import random

import pytest

from procession.bpmn import read
from tests.oracle.played import Chosen, Played
from tests.oracle.random_processes import Drawing, random_play

_FIRST = 1


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "seed" not in metafunc.fixturenames:
        return
    only = metafunc.config.getoption("--oracle-seed")
    count = metafunc.config.getoption("--oracle-random")
    seeds = [only] if only is not None else range(_FIRST, _FIRST + count)
    marks = {seed: pytest.mark.plays(Chosen(f"random {seed}", random_play(seed))) for seed in seeds}
    metafunc.parametrize("seed", [pytest.param(seed, marks=mark) for seed, mark in marks.items()])


@pytest.mark.zeebe
def test_both_servers_run_a_random_process_the_same_way(played: Played, seed: int) -> None:
    complaint = played.complaint(f"random {seed}")
    again = f"make test-zeebe ARGS='-k random --oracle-seed={seed}'"
    assert complaint is None, f"\n{complaint}\nagain: {again}"


def test_drawn_processes_are_valid_and_the_same_for_a_seed() -> None:
    for seed in random.sample(range(10_000), 20):
        model = Drawing(seed).file()
        assert model == Drawing(seed).file()
        assert not read(model, "random.bpmn").faults, f"seed {seed}"
