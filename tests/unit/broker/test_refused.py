"""What a refused command leaves behind."""

from __future__ import annotations

import gc
from pathlib import Path

import pytest

from procession import NotFound, Procession
from procession.engine import Unit


async def test_a_refused_command_leaves_no_unit_of_work_in_memory(tmp_path: Path) -> None:
    # Given
    before = units()
    async with Procession(f"sqlite:///{tmp_path / 'refused.db'}") as app:
        for _ in range(100):
            # When
            with pytest.raises(NotFound):
                await app.start("unheard-of")

        # Then
        assert units() < before + 10


def units() -> int:
    gc.collect()
    return sum(type(one) is Unit for one in gc.get_objects())
