"""Sources -> one new set of normalised Parquet files. All of it or nothing.

Every source is staged, checked row by row, typed, renamed to the names that authors use (`reading`), and written (`making`). Rows that
cannot be are counted and named by file and line; when they are too many, the sync stops and the set before stays in force.

Of accounts, contacts and what is kept of them elsewhere all is read again when any of it has changed, and nothing when none has
(`standing`).

Events carry the numbers of their account and contact (#account, #contact), their day in the project's zone (#day), and lie in
order of time (`segments`): facts at any `now` then read whole numbers, and of them only the days that their windows reach. Those that
were there, and whose files are proven to be as they were, are not read again (`growing`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from pathlib import Path

import duckdb

from cs_engine.clock import SystemClock
from cs_engine.errors import SourceAway
from cs_engine.playbook.config import ProjectConfig
from cs_engine.playbook.sources import Named
from cs_engine.ports import CollectedMark, Profile, SourceReport
from cs_engine.sources.duck import reading_room
from cs_engine.sources.intake.making import Making
from cs_engine.sources.intake.reading import Reading, staging_database
from cs_engine.sources.outside.duckdb_files import stamp
from cs_engine.sources.outside.files import find_paths
from cs_engine.sources.outside.landing import Landing
from cs_engine.sources.sets.snapshot import Shelf, UsageSet
from cs_engine.usage.attributes import Attributes
from cs_engine.usage.collected import ProfileKind

_LITTLE = 8 << 20
"""Bytes of source files, packed or not."""

Grow = Callable[[UsageSet], tuple[UsageSet, list[SourceReport]]]
"""Adds to a set, before it becomes current, what is in no file and no database."""


def sync(
    project: Path,
    config: ProjectConfig,
    on_progress: Callable[[str], None] | None = None,
    *,
    now: datetime | None = None,
    anew: bool = False,
    grow: Grow | None = None,
    profiles: Callable[[ProfileKind], Sequence[Profile]] = lambda _: (),
    collected: CollectedMark | None = None,
) -> tuple[UsageSet, list[SourceReport]]:
    """Reads all sources into a new set and makes it current. Raises SyncStopped, changing nothing, when a source will not do.

    `now`: by the wall, where it is not the machine's. `anew`: everything is read, of databases all days, not only what has changed.
    `profiles`: what calls said of people; `collected`: where calls stood before anything was read.
    """
    tell, at = on_progress or (lambda _: None), now or SystemClock().now()
    shelf = Shelf.of(project)
    with _landed(project, config, tell, at, anew=anew), shelf.writing():
        folder = shelf.begin()
        try:
            # Taken before the files are read: what changes meanwhile is found to be newer.
            signature = signature_of(project, config)
            read = {n.key: written(project, config, n) for n in config.sources.all() if not n.source.only_collected}
            before, kept = shelf.before(config)
            with _workshop(folder, project, config) as db:
                reading = Reading(project, config, db, tell, at, profiles)
                fresh = UsageSet(folder, Attributes(), signature=signature, read=read, people=folder.name)
                making = Making(reading, fresh, None if anew else before, collected)
                reports = making.all()
                making.compare(before, kept, at)
            for left in folder.glob("staging*"):
                left.unlink()
            made = making.made
            if grow is not None:
                made, more = grow(made)
                reports += more
            return shelf.publish(made, config), reports
        except BaseException:
            shelf.discard(folder)
            raise


@contextmanager
def _workshop(folder: Path, project: Path, config: ProjectConfig) -> Iterator[duckdb.DuckDBPyConnection]:
    """An empty database for a sync: in memory where little is read, for a file costs more than that."""
    if _size(project, config) <= _LITTLE:
        with reading_room(config.timezone) as db:
            yield db
    else:
        with staging_database(folder / "staging.duckdb", config.timezone) as db:
            yield db


def _size(project: Path, config: ProjectConfig) -> int:
    """Bytes of all files that are read."""
    landing = Landing(project)
    named = [one for one in config.sources.all() if not one.source.only_collected]
    paths = [path for one in named if one.source.file is not None for path in find_paths(project, one.source.file)]
    paths += [file.path for one in named if one.source.file is None for file in landing.files(one)]
    return sum(path.stat().st_size for path in paths)


@contextmanager
def _landed(project: Path, config: ProjectConfig, tell: Callable[[str], None], now: datetime, *, anew: bool) -> Iterator[None]:
    """Brings rows of databases first; while they are read nobody else brings any."""
    theirs = [named for named in config.sources.all() if named.source.database is not None]
    if not theirs:
        yield
        return
    landing = Landing(project)
    with landing.held():
        for named in theirs:
            what = f"fetching {named.name} from {named.source.place}"
            tell(what)
            try:
                landing.land(named, config.sources, now, anew=anew, tell=partial(_count, tell, what))
            except SourceAway:
                landing.was_away(now)
                raise
        landing.was_away(None)
        yield


def _count(tell: Callable[[str], None], what: str, rows: int) -> None:
    tell(f"{what}: {rows:,} rows")


def signature_of(project: Path, config: ProjectConfig) -> str:
    """What tells whether sources have changed, as one text: names, sizes and times of files, and when databases were last read.

    Raises SyncStopped when a file is missing.
    """
    sources, seen = config.sources, []
    for named in sources.all():
        if named.source.file is not None:
            for found in find_paths(project, named.source.file):
                stat = found.stat()
                seen.append(f"{found.name} {stat.st_size} {stat.st_mtime_ns}")
        elif named.source.database is None:
            continue
        elif (file := sources.databases[named.source.database].duckdb) is not None:
            seen.append(f"{file} {stamp(project / file)}")
        else:
            landed = Landing(project).of(named.key)
            seen.append(f"{named.name} {landed.read if landed is not None else 'never'}")
    return "\n".join(seen)


def written(project: Path, config: ProjectConfig, named: Named) -> int:
    """Since when a source says what it says, as microseconds: when its newest file was written, or its database read."""
    if named.source.file is not None:
        return max(path.stat().st_mtime_ns for path in find_paths(project, named.source.file)) // 1000
    if (file := config.sources.databases[named.source.database or ""].duckdb) is not None:
        return (project / file).stat().st_mtime_ns // 1000
    landed = Landing(project).of(named.key)
    return landed.read if landed is not None else 0
