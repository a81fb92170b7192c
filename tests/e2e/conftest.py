from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.prefect_house import Server, start_server, wait_until_up


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.e2e)


@pytest.fixture(scope="session")
def booting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that starts while something else is done."""
    server = start_server(tmp_path_factory.mktemp("prefect"))
    yield server
    server.stop()


@pytest.fixture
def server(booting: Server) -> Server:
    """The session's one Prefect server."""
    return wait_until_up(booting)


@pytest.fixture(scope="session")
def embedded_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the servers that runs bring along keep their database: made by the first, which costs ten seconds."""
    return tmp_path_factory.mktemp("embedded")
