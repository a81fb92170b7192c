"""Where synced usage lies: whole sets of Parquet files, one of them current.

    .cs-engine/usage/current           the name of the current set
    .cs-engine/usage/lock              held by the one who makes a new set
    .cs-engine/usage/<set>/            accounts.parquet, contacts.parquet, touches.parquet, manifest.json, numbers-*.parquet,
                                       events-<source>-<segment>.parquet, tally-<segment>-<digest>.parquet or .numbers

A set is written aside and becomes current by one atomic rename, so a sync that dies leaves the old one in force. Files never change
once they are current; a set that grows out of another has the same files under its own name (hard links) and a few more.

The events of a source lie in segments: what came together, in order of time. Facts read them all; what is counted from a large one
time and again is kept beside it (cs_engine.sources.sets.tallies).
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

from cs_engine.language.expression import Type
from cs_engine.playbook.config import ProjectConfig
from cs_engine.sources.outside.pieces import Past, PastPeople
from cs_engine.usage.attributes import Attributes

_FORMAT = 13
"""Raise it when the Parquet files change shape: older sets are then synced anew."""


class Segment(NamedTuple):
    """Events of one source that came together: one file, in order of time, that never changes."""

    name: str
    rows: int
    arrived: bool = False
    """They came one by one (`fold`), not from the source's files."""


_TRIES = 5


@dataclass(frozen=True, slots=True)
class UsageSet:
    """One synced set of files."""

    folder: Path
    attributes: Attributes
    locales: tuple[str, ...] = ()
    """Languages of the people in it."""
    signature: str = ""
    """What the source files looked like when they were read."""
    segments: Mapping[str, tuple[Segment, ...]] = field(default_factory=dict)
    """Source -> its events, in the order in which they came."""
    kinds: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Source -> its kinds of events; their places are the numbers that stand for them."""
    physical: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """Source -> its columns as DuckDB types, over all segments."""
    taken: Mapping[str, int] = field(default_factory=dict)
    """Source -> up to where a feed of arrivals has been folded in; 0 where nothing was."""

    read: Mapping[str, int] = field(default_factory=dict)
    """Key of a source -> since when it says what it says, as microseconds: its files' time, or when its database was read."""
    edition: int = 0
    """Which edition of the calls that were collected these arrivals are of."""
    profiles: int = 0
    """As of which change of profiles accounts and contacts are."""
    waiting: Mapping[str, int] = field(default_factory=dict)
    """Source -> arrivals that are not in it, because nobody knows their account yet."""
    people: str = ""
    """Names the sync that read accounts and contacts: sets that grow out of its own have the same people."""

    rows: Mapping[str, int] = field(default_factory=dict)
    """Name of a source of further attributes -> its rows."""
    changed: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    """accounts or contacts -> attribute -> until when, as microseconds, it was something else of somebody."""
    told: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    """Of these, what the sources themselves tell."""
    all_history: bool = False
    """Whether facts of the past believe what syncs have seen, too."""
    past: Mapping[str, Past] = field(default_factory=dict)
    """Source of events -> how its files were read."""
    past_people: PastPeople | None = None
    """How all other sources were; None where nothing is known of it."""

    @property
    def history(self) -> Path:
        """What attributes were before (see history.py); there only where any has changed."""
        return self.folder / "history.parquet"

    @property
    def accounts(self) -> Path:
        return self.folder / "accounts.parquet"

    @property
    def contacts(self) -> Path:
        return self.folder / "contacts.parquet"

    def events(self, source: str, segment: Segment) -> Path:
        return self.folder / f"events-{source}-{segment.name}.parquet"

    def tally(self, segment: Segment, digest: str) -> Path:
        return self.folder / f"tally-{segment.name}-{digest}.parquet"

    def numbers(self, segment: Segment, digest: str) -> Path:
        """A tally of numbers alone (see pages.py)."""
        return self.folder / f"tally-{segment.name}-{digest}.numbers"

    def with_events(self, source: str, segments: tuple[Segment, ...], kinds: tuple[str, ...], physical: Mapping[str, str]) -> UsageSet:
        """The same set with other events of one source."""
        return replace(
            self,
            segments={**self.segments, source: segments},
            kinds={**self.kinds, source: kinds},
            physical={**self.physical, source: physical},
        )

    @property
    def touches(self) -> Path:
        """There only where project.yaml names a source of them."""
        return self.folder / "touches.parquet"

    def take_over(self, file: Path) -> None:
        """Makes a file of another set one of this, under a second name: files of sets never change."""
        try:
            os.link(file, self.folder / file.name)
        except OSError:  # not every file system has second names
            shutil.copy2(file, self.folder / file.name)


@dataclass(frozen=True, slots=True)
class Shelf:
    """The folder of all sets of one project."""

    folder: Path

    @classmethod
    def of(cls, project: Path) -> Shelf:
        return cls(project / ".cs-engine" / "usage")

    def current(self, config: ProjectConfig) -> UsageSet | None:
        """The set in force, or None when there is none, or none that was read as project.yaml now says."""
        try:
            name = (self.folder / "current").read_text(encoding="utf-8").strip()
            manifest = json.loads((self.folder / name / "manifest.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        if manifest.get("reading") != _reading(config):
            return None
        return UsageSet(
            self.folder / name,
            replace(
                _attributes(manifest["attributes"], manifest["kinds"]),
                in_place=config.sources.in_place,
                told=frozenset(f"account.{name}" for name in manifest["told"].get("accounts", ())),
            ),
            tuple(manifest["locales"]),
            manifest["signature"],
            {source: tuple(Segment(*one) for one in found) for source, found in manifest["segments"].items()},
            {source: tuple(kinds) for source, kinds in manifest["kinds"].items()},
            manifest["physical"],
            manifest["taken"],
            manifest["read"],
            manifest.get("edition", 0),
            manifest.get("profiles", 0),
            manifest.get("waiting", {}),
            manifest.get("people", name),
            manifest["rows"],
            manifest["changed"],
            manifest["told"],
            config.sources.history is not None,
            {source: Past.of(plain) for source, plain in manifest["past"].items()},
            PastPeople.of(manifest["past_people"]) if manifest.get("past_people") else None,
        )

    @contextmanager
    def writing(self) -> Iterator[None]:
        """One at a time makes a set: what two grow out of the same one would lose what the other took in."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def reading(self, config: ProjectConfig) -> tuple[UsageSet, int] | None:
        """The set in force, and an open file that keeps it from being cleared away until it is closed."""
        for _ in range(_TRIES):
            found = self.current(config)
            if found is None:
                return None
            try:
                held = os.open(found.folder / "manifest.json", os.O_RDONLY)
            except OSError:
                continue  # a newer one came, twice
            fcntl.flock(held, fcntl.LOCK_SH)
            if (found.folder / "manifest.json").exists():
                return found, held
            os.close(held)
        return None

    def begin(self) -> Path:
        """A new empty folder to write a set into."""
        folder = self.folder / f"set-{uuid.uuid4().hex[:12]}"
        folder.mkdir(parents=True)
        return folder

    def before(self, config: ProjectConfig) -> tuple[UsageSet | None, Path | None]:
        """The set in force; and, though it was read otherwise than project.yaml now says, the history that was kept with it."""
        history = self.folder / self._current_name() / "history.parquet"
        return self.current(config), history if self._current_name() and history.exists() else None

    def publish(self, found: UsageSet, config: ProjectConfig) -> UsageSet:
        """Makes a set current. The one before is kept for those who read it still; older ones go."""
        folder = found.folder
        manifest = {
            "reading": _reading(config),
            "signature": found.signature,
            "locales": list(found.locales),
            "segments": {source: [list(one) for one in segments] for source, segments in found.segments.items()},
            "kinds": {source: list(kinds) for source, kinds in found.kinds.items()},
            "physical": {source: dict(columns) for source, columns in found.physical.items()},
            "taken": dict(found.taken),
            "read": dict(found.read),
            "edition": found.edition,
            "profiles": found.profiles,
            "waiting": dict(found.waiting),
            "people": found.people or folder.name,
            "rows": dict(found.rows),
            "changed": dict(found.changed),
            "told": dict(found.told),
            "past": {source: past.plain() for source, past in found.past.items()},
            "past_people": found.past_people.plain() if found.past_people is not None else None,
            "attributes": _plain(found.attributes),
        }
        (folder / "manifest.json").write_text(json.dumps(manifest, ensure_ascii=False, indent=1), encoding="utf-8")
        before = self._current_name()
        aside = self.folder / f"current.{folder.name}"
        with aside.open("w", encoding="utf-8") as file:
            file.write(folder.name)
            file.flush()
            os.fsync(file.fileno())
        aside.replace(self.folder / "current")
        for old in self.folder.glob("set-*"):
            if old.name not in (folder.name, before) and not _is_read(old):
                shutil.rmtree(old, ignore_errors=True)
        return found

    def discard(self, folder: Path) -> None:
        """Drops a set that did not come to be."""
        shutil.rmtree(folder, ignore_errors=True)

    def _current_name(self) -> str:
        try:
            return (self.folder / "current").read_text(encoding="utf-8").strip()
        except OSError:
            return ""


def _is_read(folder: Path) -> bool:
    """Whether somebody has asked that the set stay."""
    try:
        with (folder / "manifest.json").open() as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def _reading(config: ProjectConfig) -> dict[str, object]:
    """What decides how the sources are read: a set read otherwise is out of date. The zone cuts the days."""
    sources = config.sources
    return {
        "format": _FORMAT,
        "timezone": config.timezone,
        "sources": {named.key: named.source.model_dump(mode="json", exclude=_BESIDE) for named in sources.all()},
        "databases": {name: spec.model_dump(mode="json", exclude=_BESIDE) for name, spec in sources.databases.items()},
        "most_bad_rows": sources.most_bad_rows,
    }


_BESIDE = {"newest", "at_least", "every", "late"}
"""Keys that say when to read, and when to trust what was read: not how."""


def _plain(attributes: Attributes) -> dict[str, object]:
    return {
        "account": dict(attributes.account),
        "contact": dict(attributes.contact),
        "events": {source: dict(columns) for source, columns in attributes.events.items()},
        "blanks": {name: list(count) for name, count in attributes.blanks.items()},
        "odd": dict(attributes.odd),
        "csms": dict(attributes.csms),
        "no_zones": dict(attributes.no_zones),
        "values": {name: list(values) for name, values in attributes.values.items() if not name.endswith(_EVENT)},
    }


_EVENT = ".event"
_MOST_KINDS = 2_000
"""Of a source with more names of events these are made by a machine, and none of them is doubted."""


def _attributes(plain: Mapping[str, Mapping[str, object]], kinds: Mapping[str, Sequence[str]]) -> Attributes:
    def types(columns: object) -> dict[str, Type]:
        assert isinstance(columns, dict)
        return {name: Type(kind) for name, kind in columns.items()}

    return Attributes(
        account=types(plain["account"]),
        contact=types(plain["contact"]),
        events={source: types(columns) for source, columns in plain["events"].items()},
        blanks={name: (count[0], count[1]) for name, count in plain["blanks"].items() if isinstance(count, list)},
        odd={name: str(said) for name, said in plain.get("odd", {}).items()},
        csms={csm: n for csm, n in plain.get("csms", {}).items() if isinstance(n, int)},
        no_zones={zone: n for zone, n in plain.get("no_zones", {}).items() if isinstance(n, int)},
        values={
            **{name: tuple(values) for name, values in plain.get("values", {}).items() if isinstance(values, list)},
            **{f"{source}{_EVENT}": tuple(names) for source, names in kinds.items() if len(names) <= _MOST_KINDS},
        },
    )
