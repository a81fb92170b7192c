"""Events that came in one by one -> the set in force grown by them. The road of the collector; no source is read anew.

What is there stays as it is: the new set has the same files under its own name, and a segment more. Small segments are put together
now and then, so that there are few. Events of accounts that are not known (yet) are not taken, and told of.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple, TypeVar

import duckdb

from cs_engine.errors import CsEngineError
from cs_engine.language.expression import Type
from cs_engine.playbook.config import ProjectConfig
from cs_engine.ports import SourceReport
from cs_engine.sources.duck import reading_room
from cs_engine.sources.intake import columns as cols
from cs_engine.sources.intake.arriving import TEXTS, TIMES, Arrivals, Came
from cs_engine.sources.intake.checking import EVENTS, typed
from cs_engine.sources.intake.reading import Reading
from cs_engine.sources.intake.staging import Staged
from cs_engine.sources.outside.files import ParquetFile
from cs_engine.sources.sets import segments
from cs_engine.sources.sets.known_ids import looked_for
from cs_engine.sources.sets.snapshot import Segment, Shelf, UsageSet
from cs_engine.sources.sql import ZONED, listed, quoted, text

MOST_PROPERTIES = 300
"""So many columns may the events of one source have; of properties beyond, the rarest are left out."""
_FULL = 4_000_000
"""Rows of a segment that is not put together with others any more."""
T = TypeVar("T")


class Folded(NamedTuple):
    usage: UsageSet
    """In force by now."""
    report: SourceReport
    unknown: list[int]
    """Positions of those that were not taken because their account is not known; the others that are bad will never be."""


def taken(project: Path, config: ProjectConfig, source: str) -> int:
    """Up to where arrivals of that source have been folded into the set in force: 0 when none were, or it was made anew without them."""
    current = Shelf.of(project).current(config)
    return current.taken.get(source, 0) if current is not None else 0


def fold(project: Path, config: ProjectConfig, source: str, arrivals: Arrivals, upto: int) -> Folded:
    """Makes a set current that has these events too, and keeps `upto` for `taken`. A property that was a number, time or yes/no so far
    and now is something else becomes text, in all events. Raises CsEngineError when nothing was synced yet.
    """

    def add(made: UsageSet) -> tuple[UsageSet, tuple[SourceReport, list[int]]]:
        with reading_room(config.timezone) as db:
            made, report, unknown = take_in(project, config, db, made, source, arrivals)
        return replace(made, taken={**made.taken, source: upto}), (report, unknown)

    made, (report, unknown) = growing(project, config, add)
    return Folded(made, report, unknown)


def growing(project: Path, config: ProjectConfig, add: Callable[[UsageSet], tuple[UsageSet, T]]) -> tuple[UsageSet, T]:
    """Makes current what `add` makes of a copy of the set in force, and nothing where it raises; that set, and what `add` says of it.
    Raises CsEngineError when nothing was synced yet.
    """
    shelf = Shelf.of(project)
    with shelf.writing():
        current = shelf.current(config)
        if current is None:
            raise CsEngineError("no usage has been read yet, or the sources have changed in project.yaml since", "cs-engine sync")
        made = grown(current, shelf.begin())
        try:
            made, said = add(made)
            return shelf.publish(made, config), said
        except BaseException:
            shelf.discard(made.folder)
            raise


def grown(usage: UsageSet, folder: Path) -> UsageSet:
    """The same set in another folder: its files under a second name each."""
    made = replace(usage, folder=folder)
    for file in [*usage.folder.glob("*.parquet"), *usage.folder.glob("*.numbers")]:
        made.take_over(file)
    return made


def open_people(db: duckdb.DuckDBPyConnection, usage: UsageSet) -> None:
    """The accounts and contacts of a set, for events to be numbered by."""
    db.execute(f'CREATE VIEW accounts AS SELECT id, "#no" FROM read_parquet({text(usage.accounts)})')
    db.execute(f'CREATE VIEW contacts AS SELECT id, "#no" FROM read_parquet({text(usage.contacts)})')
    segments.open_strangers(db, usage.folder)


def tidied(db: duckdb.DuckDBPyConnection, usage: UsageSet, source: str) -> UsageSet:
    """The set with its last segments put together where they are of like size: there are never many, and each row moves seldom."""
    there = list(usage.segments[source])
    if not there[-1].arrived:  # what a sync has read lies as its files do
        return usage
    first, rows = len(there) - 1, there[-1].rows
    while first and there[first - 1].arrived == there[-1].arrived and there[first - 1].rows <= min(2 * rows, _FULL):
        first -= 1
        rows += there[first].rows
    if first == len(there) - 1:
        return usage
    old = there[first:]
    whole = segments.named(rows, arrived=old[-1].arrived)
    some = usage.with_events(source, tuple(old), usage.kinds[source], segments.physical(db, usage, source, old))
    db.execute(
        f'COPY (FROM ({segments.relation(some, source)}) ORDER BY "at") TO {text(usage.events(source, whole))} ({segments.COMPRESSION})'
    )
    for segment in old:
        _unlink(usage, source, segment)
    kept = (*there[:first], whole)
    return usage.with_events(source, kept, usage.kinds[source], usage.physical[source])


def _unlink(usage: UsageSet, source: str, segment: Segment) -> None:
    for file in (usage.events(source, segment), *usage.folder.glob(f"tally-{segment.name}-*")):
        file.unlink()


def take_in(
    project: Path, config: ProjectConfig, db: duckdb.DuckDBPyConnection, usage: UsageSet, source: str, arrivals: Arrivals
) -> tuple[UsageSet, SourceReport, list[int]]:
    """A set that is being made, grown by these events; what became of them, and the positions of those whose account is not known."""
    if not arrivals.account:
        return usage, SourceReport(source, 0, 0, 0, ()), []
    open_people(db, usage)
    known = usage.attributes.events.get(source, {})
    came = Came(db, arrivals)
    came.number()
    ids = came.ids
    with looked_for(db, usage, source, ids) as unseen:
        staged = _stage(db, source, came, known)
        mapped = {name: name for name in Arrivals._fields if name in staged.columns}
        taken = fitted(typed(db, staged, mapped, EVENTS), staged.columns, known)
        checked = Reading(project, config, db).checked_rows(source, staged, mapped, taken, EVENTS)
        kinds = _number(db, came, checked.table, usage.kinds.get(source, ()))
        new = unseen()
    if (ids[1:] == ids[:-1]).any():
        new = f"{new} AND {segments.first_of_id(db, checked.table)}"
    made = segments.write_numbered(db, usage, source, checked.table, checked.columns, kinds, new)
    segments.write_strangers(db, made.folder)
    made = tidied(db, made, source)
    columns = {name: kind for name, kind in {**known, **checked.columns}.items() if name in made.physical[source]}
    events = {**usage.attributes.events, source: columns}
    strange = f'SELECT "#line" - 1 FROM {quoted(checked.table)} WHERE "#account" IS NULL AND account IS NOT NULL ORDER BY 1'
    unknown = [row[0] for row in db.execute(strange).fetchall()] if checked.report.bad else []
    return replace(made, attributes=replace(usage.attributes, events=events)), checked.report, unknown


def _stage(db: duckdb.DuckDBPyConnection, source: str, came: Came, known: Mapping[str, Type]) -> Staged:
    """The arrivals as raw rows. Keys of properties that differ in capitals alone are one property."""
    keys = _keys(db, known) if came.has_properties else {}
    beside = ""
    if keys:
        # A key that is written in several ways counts as the one whose spelling is the first of them that has a value.
        read = listed(f"coalesce({listed(map(_property, spelt))}) AS {quoted(name)}" for name, spelt in keys.items())
        db.execute(f"CREATE TABLE properties AS SELECT {read} FROM opened")
        beside = " POSITIONAL JOIN properties"
    db.execute(
        f'CREATE VIEW arrived AS SELECT CAST(0 AS SMALLINT) AS "#file", CAST(NULL AS VARCHAR) AS "#fault", * FROM ({came.select()}){beside}'
    )
    columns = {**dict.fromkeys(TEXTS, "VARCHAR"), **dict.fromkeys(TIMES, ZONED), **dict.fromkeys(keys, "VARCHAR")}
    return Staged("arrived", columns, (ParquetFile(Path(), source),), exact_lines=True, clean=came.clean, numbered=True)


def _number(db: duckdb.DuckDBPyConnection, came: Came, table: str, kinds: tuple[str, ...]) -> tuple[str, ...]:
    """Finds the numbers of people and kinds of events, those that good rows name first among them; all kinds."""
    good = f'(SELECT "#line", {{}} AS text FROM {quoted(table)} WHERE "#fault" IS NULL)'
    contacts = good.format("contact")
    came.look_up("#contact", contacts, "contacts")
    if not came.all_found("#contact"):
        strange = f'SELECT contact AS id FROM {quoted(table)} WHERE "#fault" IS NULL AND "#contact" IS NULL AND contact IS NOT NULL'
        segments.add_strangers(db, strange)
        came.look_up("#contact", contacts, "strangers")
    kinds = segments.with_kinds(db, table, kinds)
    came.look_up("#event", good.format("event"), "kinds")
    return kinds


def _keys(db: duckdb.DuckDBPyConnection, known: Mapping[str, Type]) -> dict[str, list[str]]:
    """Column -> the keys of properties that it is read from, as they are spelt: known columns first, then the most frequent.

    Makes the table `opened` of the properties as JSON.
    """
    properties = "CAST(properties AS VARCHAR)"
    db.execute(
        f"CREATE TABLE opened AS SELECT CASE WHEN json_valid({properties}) AND json_type({properties}) = 'OBJECT' "
        f'THEN CAST({properties} AS JSON) END AS "#properties" FROM given'
    )
    counted = db.execute(
        'SELECT key, count(*) FROM (SELECT unnest(json_keys("#properties")) AS key FROM opened) '
        "WHERE trim(key) <> '' AND key NOT LIKE '#%' AND NOT contains(key, chr(0)) GROUP BY 1 ORDER BY 2 DESC, 1"
    ).fetchall()
    names = {name.lower(): name for name in known}
    found: dict[str, list[str]] = {}
    for key, _ in sorted(counted, key=lambda counted: counted[0].lower() not in names):
        if key.lower() in Arrivals._fields or (len(names) >= MOST_PROPERTIES and key.lower() not in names):
            continue
        found.setdefault(names.setdefault(key.lower(), key), []).append(key)
    return found


def _property(key: str) -> str:
    """SQL of a property's value as text."""
    return f'json_extract_string("#properties", {text("/" + key.replace("~", "~0").replace("/", "~1"))})'


def fitted(taken: Mapping[str, cols.Column], kinds: Mapping[str, str], known: Mapping[str, Type]) -> dict[str, cols.Column]:
    """Columns of new events as those that are there take them: a column with values of two types is text."""
    found = dict(taken)
    for name, column in taken.items():
        before = known.get(name, Type.UNKNOWN)
        if name in kinds and before not in (Type.UNKNOWN, column.type):
            kind = before if column.type is Type.UNKNOWN else Type.TEXT
            found[name] = cols.Column(cols.clean_text(name, kinds[name]) if kind is Type.TEXT else column.sql, kind)
    return found
