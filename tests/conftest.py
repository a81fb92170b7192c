from __future__ import annotations

import gc
from collections.abc import Iterator
from pathlib import Path

import pytest


def pytest_collection_finish() -> None:
    """What is there by now, thousands of tests and all they import, stays to the end: no collection need look through it again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000)  # as the command line has it


def pytest_unconfigure() -> None:
    gc.unfreeze()  # what nanobind made says of itself that it leaked where the interpreter cannot free it at its end


@pytest.fixture(scope="session")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("place") / "project"


@pytest.fixture
def here(place: Path, tmp_path: Path) -> Iterator[Path]:
    """Where a test makes its project: nothing is there yet. It is the same path for all tests of a process, as one project's is for all
    ticks of one: DuckDB's engine of the facts, a twentieth of a second to make, stays. Afterwards what was made lies in `tmp_path`.

    Not for a test whose processes may outlive it.
    """
    yield place
    if place.exists():
        place.rename(tmp_path / "project")
