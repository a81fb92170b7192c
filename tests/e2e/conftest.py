from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.prefect_house import Server, make_database, new_home, start_server, wait_until_up


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.e2e)


@pytest.fixture(scope="session")
def prefect_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What homes of Prefect's begin with; the processes that share the tests share it. The tutorial alone starts from nothing."""
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent
    home = folder / "prefect-database"
    with (folder / "prefect-database.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (home / "made").exists():
            make_database(home)
            (home / "made").touch()
    return home / "prefect.db"


@pytest.fixture(scope="session")
def booting(prefect_database: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that starts while something else is done."""
    server = start_server(new_home(prefect_database, tmp_path_factory.mktemp("prefect")))
    yield server
    server.stop()


@pytest.fixture
def server(booting: Server) -> Server:
    """The session's one Prefect server."""
    return wait_until_up(booting)


@pytest.fixture(scope="session")
def embedded_home(prefect_database: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the servers that runs bring along keep their database."""
    return new_home(prefect_database, tmp_path_factory.mktemp("embedded"))
