"""Settings of the random tests, and the database they start from.

`HYPOTHESIS_PROFILE=nightly` runs many more examples, `unshrunk` shows the first failure as it was found.
A failure prints what reproduces it.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, settings

from procession.testing.database import create_database

_SLOW = (HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much)
settings.register_profile(
    "default", max_examples=25, deadline=None, print_blob=True, suppress_health_check=_SLOW
)
settings.register_profile(
    "nightly", max_examples=2_000, deadline=None, print_blob=True, suppress_health_check=_SLOW
)
settings.register_profile(
    "unshrunk",
    max_examples=100,
    deadline=None,
    print_blob=True,
    suppress_health_check=_SLOW,
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with tables and no rows; tests work on copies."""
    return create_database(tmp_path_factory.mktemp("property") / "empty.db")


@pytest.fixture(scope="module")
def new_folder(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Path]:
    """A path for a folder per example, not made yet."""
    base = tmp_path_factory.mktemp("examples")
    numbers = itertools.count()
    return lambda: base / str(next(numbers))
