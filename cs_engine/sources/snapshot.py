"""Where synced usage lies: whole sets of Parquet files, one of them current.

    .cs-engine/usage/current           the name of the current set
    .cs-engine/usage/<set>/            accounts.parquet, contacts.parquet, manifest.json,
                                       events-<source>.parquet, years-<source>.parquet, firsts-<source>.parquet,
                                       touches.parquet

A set is written aside and becomes current by one atomic rename, so a sync that dies leaves the old one in force.
"""

from __future__ import annotations

import json
import os
import shutil
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from cs_engine.language.expression import Type
from cs_engine.playbook.config import ProjectConfig
from cs_engine.usage.attributes import Attributes

_FORMAT = 6
"""Raise it when the Parquet files change shape: older sets are then synced anew."""


@dataclass(frozen=True, slots=True)
class UsageSet:
    """One synced set of files."""

    folder: Path
    attributes: Attributes
    locales: tuple[str, ...] = ()
    """Languages of the people in it."""
    signature: str = ""
    """What the source files looked like when they were read."""

    @property
    def accounts(self) -> Path:
        return self.folder / "accounts.parquet"

    @property
    def contacts(self) -> Path:
        return self.folder / "contacts.parquet"

    def events(self, source: str) -> Path:
        return self.folder / f"events-{source}.parquet"

    def years(self, source: str) -> Path:
        return self.folder / f"years-{source}.parquet"

    def firsts(self, source: str) -> Path:
        return self.folder / f"firsts-{source}.parquet"

    @property
    def touches(self) -> Path:
        """There only where project.yaml names a source of them."""
        return self.folder / "touches.parquet"


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
        return UsageSet(self.folder / name, _attributes(manifest["attributes"]), tuple(manifest["locales"]), manifest["signature"])

    def begin(self) -> Path:
        """A new empty folder to write a set into."""
        folder = self.folder / f"set-{uuid.uuid4().hex[:12]}"
        folder.mkdir(parents=True)
        return folder

    def publish(self, found: UsageSet, config: ProjectConfig) -> UsageSet:
        """Makes a set current. The one before is kept for those who read it still; older ones go."""
        folder = found.folder
        manifest = {
            "reading": _reading(config),
            "signature": found.signature,
            "locales": list(found.locales),
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
            if old.name not in (folder.name, before):
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


def _reading(config: ProjectConfig) -> dict[str, object]:
    """What decides how the sources are read: a set read otherwise is out of date. The zone cuts the days."""
    return {"format": _FORMAT, "timezone": config.timezone, "sources": config.sources.model_dump(mode="json")}


def _plain(attributes: Attributes) -> dict[str, object]:
    return {
        "account": dict(attributes.account),
        "contact": dict(attributes.contact),
        "events": {source: dict(columns) for source, columns in attributes.events.items()},
        "blanks": {name: list(count) for name, count in attributes.blanks.items()},
    }


def _attributes(plain: Mapping[str, Mapping[str, object]]) -> Attributes:
    def types(columns: object) -> dict[str, Type]:
        assert isinstance(columns, dict)
        return {name: Type(kind) for name, kind in columns.items()}

    return Attributes(
        account=types(plain["account"]),
        contact=types(plain["contact"]),
        events={source: types(columns) for source, columns in plain["events"].items()},
        blanks={name: (count[0], count[1]) for name, count in plain["blanks"].items() if isinstance(count, list)},
    )
