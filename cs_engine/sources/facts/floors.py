"""How much each source has, and how old it is: asked of those alone of which project.yaml demands something."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import duckdb

from cs_engine.journey.guards import SourceState
from cs_engine.playbook.config import ProjectConfig
from cs_engine.playbook.sources import AccountsSource, AttributesSource, ContactsSource, EventsSource, Named
from cs_engine.sources.duck import reading_room
from cs_engine.sources.facts.in_place import InPlace
from cs_engine.sources.sets.snapshot import UsageSet
from cs_engine.sources.sql import listed, text
from cs_engine.usage.windows_sql import Moment


def states(usage: UsageSet, config: ProjectConfig, now: datetime) -> list[SourceState]:
    """One for each source of which something is demanded. What happened, or was learned, after `now` does not count."""
    demanded = [named for named in config.sources.all() if named.source.is_demanded]
    if not demanded:
        return []
    with reading_room("UTC") as db:
        return [_state(db, usage, named, now) if not named.source.stays else _there(usage, config, named, now) for named in demanded]


def _there(usage: UsageSet, config: ProjectConfig, named: Named, now: datetime) -> SourceState:
    """Of events that stay in their database: it is asked."""
    moment = Moment(now, ZoneInfo(config.timezone))
    rows, newest = InPlace(config, moment, lambda source: dict(usage.attributes.events[source])).stock(named.name)
    return SourceState(named.name, rows, newest)


def _state(db: duckdb.DuckDBPyConnection, usage: UsageSet, named: Named, now: datetime) -> SourceState:
    until = f"TIMESTAMPTZ '{now.astimezone(UTC).isoformat()}'"
    source = named.source
    match source:
        case AccountsSource() | ContactsSource():
            file = usage.accounts if isinstance(source, AccountsSource) else usage.contacts
            if source.learned_at is not None:
                return _asked(db, named.name, f"read_parquet({text(file)})", "learned_at", f"coalesce(learned_at <= {until}, true)")
            rows = _asked(db, named.name, f"read_parquet({text(file)})", "CAST(NULL AS TIMESTAMPTZ)", "true").rows
            return SourceState(named.name, rows, usage.read.get(named.key))
        case AttributesSource():
            return SourceState(named.name, usage.rows.get(named.name, 0), usage.read.get(named.key))
        case EventsSource():
            files = [text(usage.events(named.name, segment)) for segment in usage.segments.get(named.name, ()) if segment.rows]
            if not files:
                return SourceState(named.name, 0, None)
            learned = f' AND coalesce("learned_at", "at") <= {until}' if "learned_at" in usage.physical[named.name] else ""
            relation = f"read_parquet([{listed(files)}], union_by_name = true)"
            return _asked(db, named.name, relation, '"at"', f'"at" <= {until}{learned}')
        case _:
            relation = f'(SELECT make_timestamptz("at") AS "at" FROM read_parquet({text(usage.touches)}))'
            return _asked(db, named.name, relation, '"at"', f'"at" <= {until}')


def _asked(db: duckdb.DuckDBPyConnection, name: str, relation: str, newest: str, where: str) -> SourceState:
    rows, latest = db.execute(f"SELECT count(*), epoch_us(max({newest})) FROM {relation} WHERE {where}").fetchall()[0]
    return SourceState(name, int(rows), None if latest is None else int(latest))
