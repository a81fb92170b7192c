from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.doubles.sendgrid import API_KEY, SendgridDouble
from tests.stories.world import World, copy_of, make_base


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_base(tmp_path_factory.mktemp("promise"))


@pytest.fixture
def world(base: Path, tmp_path: Path) -> Iterator[World]:
    """A project that has nobody and no playbook yet."""
    made = World(copy_of(base, tmp_path / "project"))
    yield made
    made.close()


@pytest.fixture
def sendgrid(monkeypatch: pytest.MonkeyPatch) -> Iterator[SendgridDouble]:
    """SendGrid, and an environment in which the engine sends through it."""
    with SendgridDouble() as double:
        monkeypatch.setenv("CS_ENGINE_EMAIL", "sendgrid")
        monkeypatch.setenv("SENDGRID_API_KEY", API_KEY)
        monkeypatch.setenv("SENDGRID_BASE_URL", double.base_url)
        yield double
        assert double.problems == [], "every request is one that the vendor would take"
