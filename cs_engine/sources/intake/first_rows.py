"""What the sources have, without a sync: by the first rows of each."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb

from cs_engine.language.expression import Type
from cs_engine.playbook.config import ProjectConfig
from cs_engine.playbook.sources import AccountsSource, AttributesSource, ContactsSource, EventsSource, Named
from cs_engine.sources.duck import reading_room
from cs_engine.sources.intake import beside
from cs_engine.sources.intake.checking import ROOMS, in_words, mapping, typed
from cs_engine.sources.intake.profiles import nobody
from cs_engine.sources.intake.staging import Staged, empty, stage, whole
from cs_engine.sources.outside.files import find
from cs_engine.sources.outside.landing import sample
from cs_engine.usage.attributes import Attributes


def describe(project: Path, config: ProjectConfig, most: int = 20_000) -> Attributes:
    """Columns and their types, by so many rows of each source. Raises SyncStopped for files or columns that are missing."""
    seen: dict[str, dict[str, Type]] = {}
    with reading_room(config.timezone) as db, TemporaryDirectory(prefix="cs-engine-") as folder:
        for i, named in enumerate(config.sources.all()):
            source, room = named.source, ROOMS[type(named.source)]
            staged = replace(_staged(db, f"raw_{i}", named, config, project, Path(folder), most), zone=source.zone)
            with whole(staged.files):
                taken = typed(db, staged, mapping(named.name, staged, source, room), room, '"#fault" IS NULL')
            taken = in_words(taken, staged) if source.stays else taken
            seen[named.key] = {key: column.type for key, column in taken.items()}
            if isinstance(source, AttributesSource):
                people = seen[source.people]
                people.update({shown: taken[column].type for column, shown in beside.names(named.name, source, people, taken).items()})
    events = {named.name: seen[named.key] for named in config.sources.all() if isinstance(named.source, EventsSource)}
    return Attributes(seen["accounts"], seen["contacts"], events, in_place=config.sources.in_place)


def _staged(
    db: duckdb.DuckDBPyConnection, table: str, named: Named, config: ProjectConfig, project: Path, folder: Path, most: int
) -> Staged:
    source = named.source
    if source.only_collected:
        return nobody(db, table, source) if isinstance(source, AccountsSource | ContactsSource) else empty(db, table)
    if source.file is None:
        return stage(db, table, [sample(named, config.sources, project, folder, most)], most=most)
    return stage(db, table, find(project, source.file), most=most)
