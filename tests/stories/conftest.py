from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.stories.world import World, copy_of, make_base


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_base(tmp_path_factory.mktemp("base"))


@pytest.fixture(scope="session")
def synced(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What syncs made, by what they read: many stories begin with the same customers."""
    return tmp_path_factory.mktemp("synced")


@pytest.fixture
def world(base: Path, synced: Path, here: Path) -> Iterator[World]:
    """A project that has nobody and no playbook yet."""
    made = World(copy_of(base, here), synced)
    yield made
    made.close()
