"""The usage store over DuckDB and Parquet files of our own."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import duckdb

from cs_engine.clock import Clock, SystemClock
from cs_engine.errors import CsEngineError
from cs_engine.journey.consent import read_consent
from cs_engine.journey.guards import SourceState
from cs_engine.journey.identity import person_key, touch_id
from cs_engine.journey.touch import TALKED, Reaction, Touch, talked
from cs_engine.language.expression import Expression
from cs_engine.playbook.calendars import Calendars
from cs_engine.playbook.company import is_zone
from cs_engine.playbook.config import ProjectConfig
from cs_engine.ports import AccountRow, CollectedMark, ContactRow, Feed, Overlay, SourceReport
from cs_engine.sources.duck import reading_room
from cs_engine.sources.facts import floors
from cs_engine.sources.facts.champion import champions
from cs_engine.sources.facts.in_place import InPlace
from cs_engine.sources.facts.tables import Tables
from cs_engine.sources.facts.tick_facts import DuckdbFacts
from cs_engine.sources.intake import collecting
from cs_engine.sources.intake import sync as syncing
from cs_engine.sources.outside.landing import Landing
from cs_engine.sources.sets import persons
from cs_engine.sources.sets.snapshot import Shelf, UsageSet
from cs_engine.sources.sets.tallies import TALLIED_FROM
from cs_engine.sources.sql import listed, quoted, text
from cs_engine.usage.catalogue import Catalogue
from cs_engine.usage.windows_sql import Moment


class DuckdbUsage:
    """Implements `ports.Usage`. `hash_email` is the keyed hash that suppressions are held by, `older_hashes` those under earlier keys."""

    def __init__(
        self,
        project: Path,
        config: ProjectConfig,
        catalogue: Catalogue,
        hash_email: Callable[[str], str],
        older_hashes: Callable[[str], Sequence[str]] = lambda _: (),
        wall: Clock | None = None,
        feed: Feed | None = None,
        tallied_from: int = TALLIED_FROM,
    ) -> None:
        """`feed`: what was collected; None where nobody asks for it. `tallied_from`: from how many events on a segment has tallies."""
        self._tallied_from = tallied_from
        self._project = project
        self._config = config
        self._catalogue = catalogue
        self._hash_email, self._older_hashes = hash_email, older_hashes
        self._calendars = Calendars.of(config)
        self._wall = wall or SystemClock()
        self._source = config.sources.collected
        self._feed = feed if self._source is not None or config.sources.profiled else None

    def sync(self, on_progress: Callable[[str], None] | None = None, *, anew: bool = False) -> list[SourceReport]:
        feed, project, config = self._feed, self._project, self._config
        if feed is None:
            return syncing.sync(project, config, on_progress, now=self._wall.now(), anew=anew)[1]
        # Before anything of it is read: what comes meanwhile is found to be newer.
        mark = feed.collected_mark()
        grow = partial(self._grown, feed, mark)
        return syncing.sync(
            project, config, on_progress, now=self._wall.now(), anew=anew, grow=grow, profiles=feed.profiles, collected=mark
        )[1]  # fmt: skip

    def _grown(self, feed: Feed, mark: CollectedMark, made: UsageSet) -> tuple[UsageSet, list[SourceReport]]:
        reports: list[SourceReport] = []
        if self._source is not None:
            made, reports = collecting.grow(self._project, self._config, self._source, feed, made)
        return replace(made, edition=mark.edition, profiles=mark.profiles), reports

    def behind(self) -> bool:
        current = Shelf.of(self._project).current(self._config)
        if self._feed is None or current is None:
            return False
        mark = self._feed.collected_mark()
        more = self._source is not None and mark.last > current.taken.get(self._source, 0)
        return more or self._otherwise(current, mark)

    def _otherwise(self, current: UsageSet, mark: CollectedMark) -> bool:
        """Whether what is in already is not as it was: something was taken out of it, or accounts or contacts are others."""
        return mark.edition != current.edition or (self._config.sources.profiled and mark.profiles != current.profiles)

    def take_in(self) -> list[SourceReport]:
        feed = self._feed
        if feed is None:
            return []
        if self._source is None or self._otherwise(self._current(), feed.collected_mark()):
            return self.sync()
        return collecting.fold_in(self._project, self._config, self._source, feed)

    def waiting(self) -> int:
        current = Shelf.of(self._project).current(self._config)
        return sum(current.waiting.values()) if current is not None else 0

    def synced(self) -> bool:
        return Shelf.of(self._project).current(self._config) is not None

    def stale(self) -> bool:
        current = Shelf.of(self._project).current(self._config)
        if current is None or current.signature != syncing.signature_of(self._project, self._config):
            return True
        return Landing(self._project).due(self._config.sources, self._wall.now())

    def states(self, now: datetime) -> list[SourceState]:
        return floors.states(self._current(), self._config, now)

    def set_name(self) -> str:
        current = Shelf.of(self._project).current(self._config)
        # The hash of nothing stands for the key.
        return f"{current.people} {self._hash_email('')[:12]}" if current is not None else ""

    def people(self) -> tuple[list[AccountRow], list[ContactRow]]:
        usage, source = self._current(), self._config.sources.contacts
        # A column that merely has such a name was not meant as a record.
        consent = [name if getattr(source, name) is not None else "" for name in ("consent", "consent_source", "consent_at")]
        with reading_room("UTC") as db:
            accounts = _rows(db, usage.accounts, ("id", "name", "locale", "timezone", "csm", "country"), ("signed_up_at",))
            texts = ("id", "account", "email", "name", "role", "locale", "timezone", "country", consent[0], consent[1])
            contacts = _rows(db, usage.contacts, texts, ("created_at", consent[2]))
        hashed = self._hash_email
        known = lru_cache(maxsize=None)(is_zone)

        def zone(name: str) -> str:
            # One that does not exist says nothing: the account's, or the project's, holds instead.
            return name if name and known(name) else ""

        return (
            [AccountRow(id, name, locale, zone(tz), csm, at, land.upper()) for id, name, locale, tz, csm, land, at in accounts],
            [
                ContactRow(id, account, email, hashed(email) if email else "", name, role, locale, zone(tz), at, land.upper(), *record)
                for id, account, email, name, role, locale, tz, land, at, record in map(_with_record, contacts)
            ],
        )

    def touches(self) -> tuple[list[Touch], list[Reaction]]:
        file = self._current().touches
        if not file.exists():
            return [], []
        with reading_room("UTC") as db:
            rows = db.execute(f'SELECT account, contact, kind, "by", "at", answered FROM read_parquet({text(file)})').fetchall()
        touches = [
            Touch(touch_id(account, contact, kind, by, at), account, contact, kind, by, at) for account, contact, kind, by, at, _ in rows
        ]
        reactions = [Reaction(account, contact, TALKED, at) for account, contact, kind, _, at, answered in rows if talked(kind, answered)]
        return touches, reactions

    def rehashed(self, known: Collection[str]) -> list[tuple[str, str]]:
        if not known or not self._older_hashes(""):
            return []
        with reading_room("UTC") as db:
            addresses = db.execute(
                f"SELECT DISTINCT email FROM read_parquet({text(self._current().contacts)}) WHERE email <> ''"
            ).fetchall()
        return [(old, self._hash_email(address)) for (address,) in addresses for old in self._older_hashes(address) if old in known]

    def person(self, contacts: Collection[str]) -> dict[str, list[dict[str, Any]]]:
        return persons.rows(self._current(), contacts)

    def known_by(self, hashes: Collection[str]) -> list[str]:
        if not hashes:
            return []

        def known(id: str, email: str) -> bool:
            return any(
                self._hash_email(text) in hashes or any(old in hashes for old in self._older_hashes(text))
                for text in (person_key(id), email)
                if text
            )

        return [id for id, email in persons.addresses(self._current()) if known(id, email)]

    def forget(self, contacts: Collection[str]) -> None:
        persons.forget(self._current(), contacts)
        Landing(self._project).forget()

    def facts(self, now: datetime, conditions: Iterable[Expression], overlay: Overlay, *, milestones: bool = True) -> DuckdbFacts:
        config = self._config
        ranks = champions(config.people, self._catalogue)
        found = Shelf.of(self._project).reading(config)
        if found is None:
            raise _nothing_read()
        usage, held = found
        try:
            tables = Tables(
                usage,
                self._catalogue,
                ranks,
                now,
                config.timezone,
                overlay,
                self._calendars,
                config.business_calendar,
                held,
                self._tallied_from,
                self._in_place if config.sources.in_place else None,
            )
        except BaseException:
            os.close(held)
            raise
        facts = DuckdbFacts(tables)
        try:
            facts.prepare(conditions, milestones=milestones)
        except BaseException:
            facts.close()
            raise
        return facts

    def _in_place(self, moment: Moment, catalogue: Catalogue) -> InPlace:
        return InPlace(self._config, moment, lambda source: dict(catalogue.attributes.events[source]))

    def _current(self) -> UsageSet:
        found = Shelf.of(self._project).current(self._config)
        if found is None:
            raise _nothing_read()
        return found


def _nothing_read() -> CsEngineError:
    return CsEngineError("no usage has been read yet, or the sources have changed in project.yaml since", "cs-engine sync")


def _with_record(row: tuple[Any, ...]) -> tuple[Any, ...]:
    """A contact's row, what is on record of its consent put together at its end."""
    *named, consent, source, created_at, consent_at = row
    return (*named, created_at, (read_consent(consent), source, consent_at))


def _rows(db: duckdb.DuckDBPyConnection, file: Path, texts: tuple[str, ...], instants: tuple[str, ...]) -> list[tuple[Any, ...]]:
    """Columns that the source does not have are blank."""
    there = {str(row[0]) for row in db.execute(f"DESCRIBE SELECT * FROM read_parquet({text(file)})").fetchall()}
    shown = [f"coalesce(CAST({quoted(name)} AS VARCHAR), '')" if name in there else "''" for name in texts]
    shown += [f"epoch_us({quoted(name)})" if name in there else "NULL" for name in instants]
    return db.execute(f'SELECT {listed(shown)} FROM read_parquet({text(file)}) ORDER BY "#no"').fetchall()
