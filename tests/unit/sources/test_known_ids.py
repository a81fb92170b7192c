"""Ids are found among those in order whatever the marks before them say, and in whatever shares they lie."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cs_engine.sources.sets import pages
from cs_engine.sources.sets.known_ids import _marked, _put, _shared

NUMBERS = st.one_of(st.integers(0, 2**64 - 1), st.integers(0, 40), st.integers(2**64 - 40, 2**64 - 1), st.integers(2**62 - 9, 2**62 + 9))


@settings(max_examples=150, deadline=None)
@given(
    there=st.lists(NUMBERS, max_size=60), asked=st.lists(NUMBERS, max_size=60), bits=st.integers(0, 3), cells=st.sampled_from([8, 64, 4096])
)
def test_those_that_are_there_are_found_and_no_others(
    tmp_path_factory: pytest.TempPathFactory, there: list[int], asked: list[int], bits: int, cells: int
) -> None:
    """With eight cells for sixty ids all of them are marked, and tell nothing."""
    file: Path = tmp_path_factory.getbasetemp() / "ids.numbers"
    with file.open("wb") as opened:
        for share in range(1 << bits):
            _put(opened, np.array([id for id in there if id >> (64 - bits) == share], np.uint64), bits, cells)
    assert set(_shared(np.sort(np.array(asked, np.uint64)), file).tolist()) == set(there) & set(asked)


def test_most_that_are_not_there_are_told_by_the_marks_alone(tmp_path: Path) -> None:
    there, asked = np.random.default_rng(1).integers(0, 2**64, (2, 20_000), np.uint64)
    file = tmp_path / "ids.numbers"
    with file.open("wb") as opened:
        _put(opened, there, 0, 1 << 19)
    (marks,), _ = pages.read(file)
    assert len(_marked(np.sort(there), marks, 0)) == 20_000
    assert len(_marked(np.sort(asked), marks, 0)) < 20_000 / 100
