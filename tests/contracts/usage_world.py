"""Small worlds of accounts, contacts and events: written as any kind of source."""

from __future__ import annotations

import csv
import gzip
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import numpy as np
from pydantic import TypeAdapter

from cs_engine.language.expression import Expression, Grain
from cs_engine.language.expressions import compile_condition, compile_scalar
from cs_engine.language.problems import Place, Problems
from cs_engine.playbook.config import ProjectConfig
from cs_engine.ports import Overlay
from cs_engine.sources.describe import describe
from cs_engine.sources.duckdb_usage import DuckdbUsage
from cs_engine.sources.facts.tick_facts import DuckdbFacts
from cs_engine.sources.sets.tallies import TALLIED_FROM
from cs_engine.usage.catalogue import Catalogue, build
from cs_engine.usage.model import HealthSpec, JourneySpec, MetricSpec, SegmentSpec

NOTHING = Overlay({}, {}, {})


class Account(NamedTuple):
    account_id: str
    name: str = "A"
    plan: str = "team"
    seats: int | None = 4
    signed_up_at: datetime | None = None
    locale: str = "en"
    timezone: str = "UTC"
    csm_email: str = ""


class Contact(NamedTuple):
    contact_id: str
    account_id: str
    email: str = ""
    name: str = "C"
    role: str = "operator"
    locale: str = ""
    timezone: str = ""
    created_at: datetime | None = None


class Event(NamedTuple):
    event_id: str
    account_id: str
    contact_id: str | None
    event: str
    occurred_at: datetime
    amount: float | None = None


@dataclass
class World:
    accounts: Sequence[Account]
    contacts: Sequence[Contact] = ()
    events: Sequence[Event] = ()
    zone: str = "Europe/Berlin"


def as_csv(path: Path, rows: Sequence[NamedTuple], columns: Sequence[str]) -> None:
    path.write_text(_csv_text(rows, columns), encoding="utf-8")


def as_csv_with_bom(path: Path, rows: Sequence[NamedTuple], columns: Sequence[str]) -> None:
    path.write_text(_csv_text(rows, columns), encoding="utf-8-sig")


def as_shift_jis(path: Path, rows: Sequence[NamedTuple], columns: Sequence[str]) -> None:
    path.write_text(_csv_text(rows, columns), encoding="cp932")


def as_csv_gz(path: Path, rows: Sequence[NamedTuple], columns: Sequence[str]) -> None:
    path.write_bytes(gzip.compress(_csv_text(rows, columns).encode()))


def as_parquet(path: Path, rows: Sequence[NamedTuple], columns: Sequence[str]) -> None:
    kinds = {
        "signed_up_at": "TIMESTAMPTZ",
        "created_at": "TIMESTAMPTZ",
        "occurred_at": "TIMESTAMPTZ",
        "seats": "INTEGER",
        "amount": "DOUBLE",
    }
    with duckdb.connect() as db:
        shape = ", ".join(f"{name} {kinds.get(name, 'VARCHAR')}" for name in columns)
        db.execute(f"CREATE TABLE t ({shape})")
        if rows:
            db.executemany(f"INSERT INTO t VALUES ({', '.join('?' * len(columns))})", [list(row) for row in rows])
        db.execute(f"COPY t TO '{path}' (FORMAT parquet)")


Writer = Callable[[Path, Sequence[Any], Sequence[str]], None]
WRITERS: Mapping[str, tuple[str, Writer]] = {
    "csv": (".csv", as_csv),
    "csv with a BOM": (".csv", as_csv_with_bom),
    "csv in Shift_JIS": (".csv", as_shift_jis),
    "csv.gz": (".csv.gz", as_csv_gz),
    "parquet": (".parquet", as_parquet),
}
"""Every kind of source file -> its suffix and how it is written. A new kind is one line here."""


def _csv_text(rows: Sequence[NamedTuple], columns: Sequence[str]) -> str:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(columns)
    for row in rows:
        writer.writerow(value.isoformat() if isinstance(value, datetime) else value for value in row)
    return text.getvalue()


def config_of(zone: str, suffix: str = ".csv", **usage: Any) -> ProjectConfig:
    return ProjectConfig.model_validate(
        {
            "name": "world",
            "timezone": zone,
            "company": {"name": "Vendor"},
            "sender": {"fallback": "cs@vendor.example"},
            "people": {"fallback": {"champion": "operators"}},
            "sources": {
                "accounts": {"file": f"data/accounts{suffix}", "csm": "csm_email"},
                "contacts": {"file": f"data/contacts{suffix}"},
                "usage": {"file": f"data/usage{suffix}", **usage},
            },
        }
    )


def write(folder: Path, world: World, kind: str = "csv") -> ProjectConfig:
    """The world's sources below `folder`, and the project.yaml that reads them."""
    suffix, writer = WRITERS[kind]
    (folder / "data").mkdir(exist_ok=True)
    writer(folder / f"data/accounts{suffix}", world.accounts, Account._fields)
    writer(folder / f"data/contacts{suffix}", world.contacts, Contact._fields)
    writer(folder / f"data/usage{suffix}", world.events, Event._fields)
    return config_of(world.zone, suffix, id="event_id")


@dataclass
class Project:
    """A synced world with its definitions."""

    folder: Path
    config: ProjectConfig
    catalogue: Catalogue
    usage: DuckdbUsage
    problems: Problems = field(default_factory=Problems)

    def condition(self, text: str, grain: Grain = Grain.ACCOUNT) -> Expression:
        found = compile_condition(text, _place, self.catalogue.scope(grain), self.problems)
        assert found is not None, [problem.render() for problem in self.problems]
        return found

    def scalar(self, text: str, grain: Grain = Grain.ACCOUNT) -> Expression:
        found = compile_scalar(text, _place, self.catalogue.scope(grain), self.problems)
        assert found is not None, [problem.render() for problem in self.problems]
        return found

    def facts(self, now: datetime, *conditions: Expression, overlay: Overlay = NOTHING) -> DuckdbFacts:
        return self.usage.facts(now, conditions, overlay)

    def holds_for(self, now: datetime, text: str, grain: Grain = Grain.ACCOUNT, overlay: Overlay = NOTHING) -> set[str]:
        """The subjects for which a condition holds."""
        condition = self.condition(text, grain)
        facts = self.facts(now, condition, overlay=overlay)
        try:
            return {id for id, holds in zip(facts.ids(grain), facts.mask(condition), strict=True) if holds}
        finally:
            facts.close()

    def values(self, now: datetime, name: str, grain: Grain = Grain.ACCOUNT) -> dict[str, Any]:
        """Subject -> value of a name."""
        facts = self.facts(now)
        try:
            ids = facts.ids(grain)
            return dict(zip(ids, facts.columns(grain, [name], np.arange(len(ids)))[0], strict=True))
        finally:
            facts.close()


def open_project(
    folder: Path,
    config: ProjectConfig,
    *,
    metrics: Mapping[str, Any] | None = None,
    segments: Mapping[str, str] | None = None,
    milestones: Mapping[str, str] | None = None,
    health: Mapping[str, Any] | None = None,
    sync: bool = True,
    tallied_from: int = TALLIED_FROM,
) -> Project:
    """The project with these definitions, which must have no problems."""
    problems = Problems()
    journey = JourneySpec.model_validate(
        {"phases": [{"phase": "p", "milestones": [{"id": id, "title": id, "when": when} for id, when in (milestones or {}).items()]}]}
    )
    catalogue = build(
        TypeAdapter(dict[str, MetricSpec]).validate_python(metrics or {}),
        {name: SegmentSpec(when=when) for name, when in (segments or {}).items()},
        journey,
        HealthSpec.model_validate(health) if health else None,
        describe(folder, config),
        {},
        problems,
    )
    assert not len(problems), [problem.render() for problem in problems]
    usage = DuckdbUsage(folder, config, catalogue, lambda email: f"hash of {email}", tallied_from=tallied_from)
    if sync:
        usage.sync()
    return Project(folder, config, catalogue, usage)


def _place(offset: int, length: int) -> Place:
    return Place("test", 1, offset + 1, length)
