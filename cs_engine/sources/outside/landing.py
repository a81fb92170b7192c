"""Where rows of databases land: Parquet files below the usage store, which are then read as any other file is.

    .cs-engine/usage/landing/<source>/manifest.json      what was asked, when, and the fingerprint of each day
    .cs-engine/usage/landing/<source>/<day>-<token>.parquet

Events are kept by day (in UTC), and a visit brings only days that are not as they were: the database counts and compares, single
rows travel once. Accounts, contacts and whatever has no time that it can compare come whole. A visit that dies leaves the files of before.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import numpy as np

from cs_engine.errors import SyncStopped
from cs_engine.instants import from_micros, to_micros
from cs_engine.playbook.sources import DatabaseSpec, EventsSource, Named, Origin, Sources, span
from cs_engine.sources.outside import duckdb_files
from cs_engine.sources.outside.files import ParquetFile
from cs_engine.sources.outside.landed import DAY, TIMELESS, WHOLE, Landed, part_of, start, together
from cs_engine.sources.outside.warehouse import Days, Visit, visit
from cs_engine.sources.sql import listed, quoted, text

_AT_ONCE = 400_000
"""Rows that one question brings, where days are short enough."""
_TYPED_BY = 1_000
_FORMAT = 1
_PEACE = 60_000_000
"""Microseconds."""


@dataclass(frozen=True, slots=True)
class Landing:
    """The folder of all landed rows of one project."""

    project: Path

    @property
    def folder(self) -> Path:
        return self.project / ".cs-engine" / "usage" / "landing"

    def of(self, key: str) -> Landed | None:
        """What has landed of the source with that key; None where nothing has."""
        try:
            return Landed(**json.loads((self.folder / key / "manifest.json").read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return None

    def files(self, named: Named) -> list[ParquetFile]:
        """What has landed of it, in order of days. Raises SyncStopped where nothing has."""
        found = self.of(named.key)
        if found is None:
            raise SyncStopped(f"{named.name}: nothing has been read of {named.source.place} yet", "cs-engine sync")
        return [
            ParquetFile(self.folder / named.key / file, named.source.place + ("" if part == WHOLE else f", {part}"), lasts=True)
            for part, file in sorted(found.files.items())
        ]

    def land(
        self, named: Named, sources: Sources, now: datetime, *, anew: bool = False, tell: Callable[[int], None] = lambda _: None
    ) -> None:
        """Brings what lies there in step with the database, and tells how many rows have come so far.

        Raises SourceAway, SyncStopped, SettingsError, leaving what there was.
        """
        spec, source = sources.databases[named.source.database or ""], named.source
        folder = self.folder / named.key
        folder.mkdir(parents=True, exist_ok=True)
        key = json.dumps([_FORMAT, spec.url, spec.duckdb, source.table, source.query, source.stays, [*source.mapped()]])
        before = None if anew else self.of(named.key)
        if before is not None and (before.key != key or not all((folder / file).exists() for file in before.files.values())):
            before = None
        fresh = Landed(key, to_micros(now))
        try:
            if spec.duckdb is not None:
                duckdb_files.land(folder, self.project / spec.duckdb, source, before, fresh)
            else:
                with visit(source.database or "", spec, source) as found:
                    _Bringing(folder, found, source, before, fresh, tell).all()
        except BaseException:
            _sweep(folder, before.files.values() if before is not None else None)
            raise
        fresh.rows = sum(fresh.counts.values())
        aside = folder / "manifest.json.new"
        aside.write_text(json.dumps(asdict(fresh)), encoding="utf-8")
        aside.replace(folder / "manifest.json")
        _sweep(folder, fresh.files.values())

    def due(self, sources: Sources, now: datetime) -> bool:
        """Whether what was read of some database is older than it may be, or was never read. One that did not answer is left in peace for a
        minute: who ticks every few seconds should not wait for it each time.
        """
        if 0 <= to_micros(now) - self._away_since() < _PEACE:
            return False
        for named in sources.all():
            spec = sources.databases.get(named.source.database or "")
            if spec is None or spec.duckdb is not None:
                continue
            found = self.of(named.key)
            if found is None or not to_micros(now) - (span(spec.every) or 0) <= found.read <= to_micros(now):
                return True
        return False

    def was_away(self, now: datetime | None) -> None:
        """Remembers that a database did not answer at `now`; None: all do."""
        if now is None:
            (self.folder / "away").unlink(missing_ok=True)
        else:
            (self.folder / "away").write_text(str(to_micros(now)), encoding="utf-8")

    def _away_since(self) -> int:
        try:
            return int((self.folder / "away").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return -_PEACE

    def forget(self) -> None:
        """Drops what has landed of people: the next sync reads them anew. Of events only ids are there."""
        for file in (self.folder / "contacts").glob("*.parquet"):
            file.unlink(missing_ok=True)

    @contextmanager
    def held(self) -> Iterator[None]:
        """While one process brings rows and reads them, another waits."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / "lock").open("w") as file:
            try:
                import fcntl
            except ImportError:  # a system without it: who syncs twice at once there may have to do it again
                yield
                return
            fcntl.flock(file, fcntl.LOCK_EX)
            yield


def sample(named: Named, sources: Sources, project: Path, folder: Path, most: int) -> ParquetFile:
    """The first rows of a source, as a file in `folder`; nothing is kept of it elsewhere."""
    spec, source = sources.databases[named.source.database or ""], named.source
    path = folder / f"{named.key}.parquet"
    if spec.duckdb is not None:
        duckdb_files.sample(project / spec.duckdb, source, path, most)
    else:
        with visit(source.database or "", spec, source) as found, Staging(found.names()) as staging:
            for batch in found.rows(most=most):
                staging.add(batch)
            staging.write(path)
    return ParquetFile(path, source.place)


def reaches(name: str, spec: DatabaseSpec, project: Path, named: Iterable[Named]) -> Iterator[str]:
    """Looks at each of these sources of one database; what it has of columns, in words. Raises as `land` does."""
    for one in named:
        if spec.duckdb is not None:
            names = duckdb_files.names(project / spec.duckdb, one.source)
        else:
            with visit(name, spec, one.source) as found:
                names = found.names()
        yield f"{one.source.place}: {len(names)} columns"


# --- a database by SQLAlchemy


class _Bringing:
    """One visit that brings a source."""

    def __init__(
        self, folder: Path, found: Visit, source: Origin, before: Landed | None, fresh: Landed, tell: Callable[[int], None]
    ) -> None:
        self._folder, self._visit, self._source, self._before, self._fresh = folder, found, source, before, fresh
        self._tell, self._come = tell, 0
        self._names = found.names()

    def all(self) -> None:
        source = self._source
        if source.stays:
            self._types()
            return
        by_day = isinstance(source, EventsSource) and source.at in self._names and self._has_instants(source.at)
        if by_day and isinstance(source, EventsSource):
            self._days(source)
        if not self._fresh.files:
            order = getattr(source, "id", None) or getattr(source, "account", None) or getattr(source, "contact", None)
            with Staging(self._names) as staging:
                self._take(staging, self._visit.rows(order=order if order in self._names else None))
                self._keep(staging, WHOLE)

    def _types(self) -> None:
        """No row, but the types of its columns, by the first of them."""
        with Staging(self._names) as staging:
            for batch in self._visit.rows(most=_TYPED_BY):
                staging.add(batch)
            self._keep(staging, WHOLE, "false")

    def _has_instants(self, at: str) -> bool:
        """Whether the column of time holds times that the database itself can compare."""
        return any(isinstance(end, datetime) and end.tzinfo is not None for end in self._visit.ends(at))

    def _days(self, source: EventsSource) -> None:
        before, fresh = self._before, self._fresh
        horizon = self._horizon(source)
        days = Days(source.at, source.learned_at if source.learned_at in self._names else None)
        marks = {part_of(day): mark for day, mark in self._visit.days(days, horizon).items()}
        if before is not None and horizon is not None:
            for part in before.files:
                if part != TIMELESS and part < part_of(horizon.date()):
                    fresh.files[part], fresh.marks[part], fresh.counts[part] = before.files[part], before.marks[part], before.counts[part]
        changed: list[tuple[str, int]] = []
        for part, (rows, mark) in sorted(marks.items()):
            if before is not None and before.marks.get(part) == mark:
                fresh.files[part], fresh.marks[part], fresh.counts[part] = before.files[part], mark, rows
            else:
                changed.append((part, rows))
        for parts in together(changed, _AT_ONCE):
            self._bring(source.at, parts, marks)

    def _horizon(self, source: EventsSource) -> datetime | None:
        """From when on days are looked at; None: all."""
        days = [part for part in self._before.files if part != TIMELESS] if self._before is not None else []
        if not days or WHOLE in days:
            return None
        # By the last time that anything was read, not the newest day: one event of the future must not shut out the days between.
        last = min(max(days), part_of(from_micros(self._before.read).date() if self._before is not None else None))
        looked = datetime.fromisoformat(last).replace(tzinfo=UTC) - timedelta(microseconds=span(source.late) or 0)
        return looked.replace(hour=0, minute=0, second=0, microsecond=0)

    def _bring(self, at: str, parts: Sequence[str], marks: Mapping[str, tuple[int, str]]) -> None:
        """Days that follow each other, by one question."""
        timeless = parts[0] == TIMELESS
        first, last = (None, None) if timeless else (start(parts[0]), start(parts[-1]) + DAY)
        asked = (first, last) if first is not None and last is not None else None
        with Staging(self._names) as staging:
            self._take(staging, self._visit.rows(at=at, span=asked))
            for part in parts:
                only = "" if timeless else f"CAST(timezone('UTC', CAST({quoted(at)} AS TIMESTAMPTZ)) AS DATE) = DATE '{part}'"
                self._keep(staging, part, only)
                self._fresh.marks[part] = marks[part][1]

    def _take(self, staging: Staging, batches: Iterator[Sequence[Sequence[Any]]]) -> None:
        for batch in batches:
            staging.add(batch)
            self._come += len(batch)
            self._tell(self._come)

    def _keep(self, staging: Staging, part: str, only: str = "") -> None:
        file = f"{part}-{uuid.uuid4().hex[:8]}.parquet"
        self._fresh.counts[part] = staging.write(self._folder / file, only)
        self._fresh.files[part] = file
        self._fresh.marks.setdefault(part, "")


class Staging:
    """Rows as Python values on their way into Parquet. They travel as text, and get the one type that all values of a column have."""

    def __init__(self, names: Sequence[str]) -> None:
        self._names = names
        self._kinds: list[set[str]] = [set() for _ in names]
        self._db = duckdb.connect(":memory:")
        self._db.execute("SET TimeZone = 'UTC'; SET memory_limit = '400MB'; SET enable_progress_bar = false")
        self._db.execute(f"CREATE TABLE t ({listed(f'{quoted(name)} VARCHAR' for name in names)})")

    def __enter__(self) -> Staging:
        return self

    def __exit__(self, *_: object) -> None:
        self._db.close()

    def add(self, rows: Sequence[Sequence[Any]]) -> None:
        self.insert(self._db, "t", rows, self._kinds)

    @staticmethod
    def insert(db: duckdb.DuckDBPyConnection, table: str, rows: Sequence[Sequence[Any]], kinds: list[set[str]]) -> None:
        """Adds rows as text to a table of texts, and the kinds of their values to those of each column."""
        arrays = {}
        for i, column in enumerate(zip(*rows, strict=True)):
            texts = [None if value is None else _said(value, kinds[i]) for value in column]
            arrays[f"c{i}"] = np.array(texts, np.object_)
        if arrays:
            db.register("batch", arrays)
            db.execute(f"INSERT INTO {table} SELECT * FROM batch")
            db.unregister("batch")

    def write(self, path: Path, only: str = "") -> int:
        """Writes the rows, or `only` those; how many."""
        shown = listed(
            f"CAST({quoted(name)} AS {_kind(kinds)}) AS {quoted(name)}" for name, kinds in zip(self._names, self._kinds, strict=True)
        )
        where = f" WHERE {only}" if only else ""
        self._db.execute(f"COPY (SELECT {shown} FROM t{where}) TO {text(path)} (FORMAT parquet, COMPRESSION snappy)")
        found = self._db.execute(f"SELECT count(*) FROM t{where}").fetchall()
        return int(found[0][0])


def _said(value: Any, kinds: set[str]) -> str:
    """The value as text that DuckDB reads back, and its kind added to those of its column."""
    kind, said = "VARCHAR", None
    match value:
        case str():
            said = value
        case bool():
            kind, said = "BOOLEAN", "true" if value else "false"
        case int() if -(2**63) <= value < 2**63:
            kind, said = "BIGINT", str(value)
        case float():
            kind, said = "DOUBLE", repr(value)
        case Decimal() if value.is_finite() and value == value.to_integral_value() and abs(value) < 2**63:
            kind, said = "BIGINT", str(int(value))
        case Decimal():
            kind, said = "DOUBLE", str(value)
        case datetime():
            kind, said = "TIMESTAMP" if value.tzinfo is None else "TIMESTAMPTZ", value.isoformat()
        case date():
            kind, said = "DATE", value.isoformat()
        case dict() | list():
            said = json.dumps(value, ensure_ascii=False, default=str)
        case bytes() | memoryview():
            said = bytes(value).hex()
    kinds.add(kind)
    return str(value) if said is None else said


def _kind(kinds: set[str]) -> str:
    if kinds == {"BIGINT", "DOUBLE"}:
        return "DOUBLE"
    return next(iter(kinds)) if len(kinds) == 1 else "VARCHAR"


def _sweep(folder: Path, kept: Iterable[str] | None) -> None:
    """Deletes files of parts that are in no manifest; None: whatever a manifest says is kept by it."""
    if kept is None:
        try:
            kept = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))["files"].values()
        except (OSError, ValueError, KeyError):
            kept = ()
    there = set(kept)
    for file in folder.glob("*.parquet"):
        if file.name not in there:
            file.unlink(missing_ok=True)
