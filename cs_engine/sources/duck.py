"""DuckDB in memory: an engine that stays, and databases in it that vanish.

Making an engine registers all of DuckDB's functions, a fortieth of a second of processor time; a database in one that is there costs
a fortieth of that. A process keeps one for reading sources, and one for the facts of the project that it asked about last.
"""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import NamedTuple

import duckdb

from cs_engine.sources.sql import text

MEMORY_LIMIT = "600MB"


class _Engine(NamedTuple):
    about: tuple[object, ...]
    db: duckdb.DuckDBPyConnection


_lock = threading.Lock()
_numbers = count(1)
_kept: dict[tuple[int, str], _Engine] = {}
"""Process and purpose -> the engine. Dropped from here it lives on until the last database in it is closed."""


class Room:
    """A database of its own in an engine that others share, with its own tables, variables and zone. Closing it gives back its memory."""

    def __init__(self, engine: duckdb.DuckDBPyConnection) -> None:
        self._engine, self._name = engine, f"room_{next(_numbers)}"
        self.db = engine.cursor()
        self.db.execute(f"ATTACH ':memory:' AS {self._name}; USE {self._name}")
        # Whoever fails while it is being furnished need not think of closing it.
        self._leave = weakref.finalize(self, _left, engine, self.db, self._name)
        self._leave.atexit = False

    def beside(self) -> duckdb.DuckDBPyConnection:
        """Another connection to it, for what is asked at the same time; it has no variables yet. Closed before the room is."""
        db = self._engine.cursor()
        db.execute(f"USE {self._name}")
        return db

    def close(self) -> None:
        """Closed again it does nothing."""
        self._leave()


def _left(engine: duckdb.DuckDBPyConnection, db: duckdb.DuckDBPyConnection, name: str) -> None:
    db.close()
    with engine.cursor() as beside:
        beside.execute(f"DETACH {name}")


@contextmanager
def reading_room(timezone: str) -> Iterator[duckdb.DuckDBPyConnection]:
    """An empty database for reading sources, in that zone, bounded in memory with all the others."""
    room = Room(_engine("reading", (), f"SET memory_limit = {text(MEMORY_LIMIT)}; SET enable_progress_bar = false"))
    try:
        room.db.execute(f"SET TimeZone = {text(timezone)}")
        yield room.db
    finally:
        room.close()


def facts_room(folder: Path, timezone: str) -> Room:
    """An empty database in that zone, from which nothing can be read or written but files below `folder`, nor can that be changed."""
    return Room(
        _engine(
            "facts",
            (folder, timezone),
            f"SET GLOBAL TimeZone = {text(timezone)}; SET memory_limit = {text(MEMORY_LIMIT)}; SET enable_progress_bar = false;"
            f"SET temp_directory = {text(folder / f'spill-{os.getpid()}')}; SET allowed_directories = [{text(folder)}];"
            "SET enable_external_access = false; SET lock_configuration = true",
        )
    )


def _engine(purpose: str, about: tuple[object, ...], settings: str) -> duckdb.DuckDBPyConnection:
    # A process that was forked lets its parent's alone: their threads stayed behind, and closing one would wait for them for ever.
    place = (os.getpid(), purpose)
    with _lock:
        there = _kept.get(place)
        if there is None or there.about != about:
            db = duckdb.connect(":memory:")
            db.execute(settings)
            there = _kept[place] = _Engine(about, db)
        return there.db
