"""The segments and milestones that conditions name, what a version of a playbook covers, and old meanings kept for those inside."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any, NamedTuple

from cs_engine.language.expression import Grain

_USE = re.compile(r"\b(in_segment|reached|claimed|doubted)\s*\(\s*'([^']*)'", re.IGNORECASE)
_DEEPEST = 20
"""Segments within segments; a cycle is reported elsewhere."""


class Milestone(NamedTuple):
    """What a plan needs of a milestone."""

    when: str
    notice: str | None
    """The template that tells of it, or asks."""
    confirm: bool = False

    def as_json(self) -> dict[str, Any]:
        """As versions name it: those from before there was `confirm` keep their names."""
        return {"when": self.when, "notice": self.notice} | ({"confirm": True} if self.confirm else {})


@dataclass(frozen=True, slots=True)
class Definitions:
    """Named conditions, as text."""

    segments: Mapping[str, str] = field(default_factory=dict)
    milestones: Mapping[str, Milestone] = field(default_factory=dict)

    @property
    def confirmed(self) -> frozenset[str]:
        """Milestones that count once the customer has said yes."""
        return frozenset(name for name, milestone in self.milestones.items() if milestone.confirm)

    def used_by(self, texts: Iterable[str], milestones: Iterable[str] = ()) -> Definitions:
        """Those that the texts name, and those that these name in turn."""
        segments: dict[str, str] = {}
        found = {name: self.milestones[name] for name in milestones if name in self.milestones}
        waiting = [*texts, *(milestone.when for milestone in found.values())]
        while waiting:
            for function, name in _USE.findall(waiting.pop()):
                if function.lower() == "in_segment" and name in self.segments and name not in segments:
                    segments[name] = self.segments[name]
                    waiting.append(segments[name])
                elif function.lower() != "in_segment" and name in self.milestones and name not in found:
                    found[name] = self.milestones[name]
                    waiting.append(found[name].when)
        return Definitions(segments, found)

    def overlaid(self, older: Definitions) -> Definitions:
        """These, where `older` has no other meaning."""
        return Definitions({**self.segments, **older.segments}, {**self.milestones, **older.milestones})

    def changed(self, today: Definitions) -> dict[str, str]:
        """Segments of these that mean something else today, or nothing: by themselves, or through one that they name."""
        found = {name for name, when in self.segments.items() if today.segments.get(name) != when}
        while more := {name for name, when in self.segments.items() if name not in found and not found.isdisjoint(_segments_in(when))}:
            found |= more
        return {name: self.segments[name] for name in found}

    def as_json(self) -> dict[str, Any]:
        return {"segments": dict(self.segments), "milestones": {name: m.as_json() for name, m in self.milestones.items()}}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Definitions:
        return cls(dict(data["segments"]), {name: Milestone(**m) for name, m in data["milestones"].items()})


def _segments_in(text: str) -> set[str]:
    return {name for function, name in _USE.findall(text) if function.lower() == "in_segment"}


def digest(data: Any, used: Definitions) -> str:
    """Names a version of a playbook: its data (comments and blank lines do not count) with the segments and milestones it uses."""
    text = json.dumps({"playbook": data, **used.as_json()}, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return blake2b(text.encode(), digest_size=12).hexdigest()


@dataclass(frozen=True, slots=True)
class OldSegments:
    """Segments that mean something else today, or nothing: written out where a plan names them, so that those inside keep theirs."""

    meanings: Mapping[str, str]
    metrics: Collection[str]
    """A segment is over accounts: in a condition over contacts its metrics are the account's."""

    def rewrite(self, text: str, grain: Grain) -> str:
        """The condition without old segments."""
        for _ in range(_DEEPEST):
            before, text = text, self._once(text, grain)
            if before == text:
                break
        return text

    def _once(self, text: str, grain: Grain) -> str:
        def meaning(found: re.Match[str]) -> str:
            old = self.meanings.get(found[1])
            if old is None:
                return found[0]
            return f"({_of_account(old, self.metrics) if grain is Grain.CONTACT else old})"

        return re.sub(r"\bin_segment\s*\(\s*'([^']*)'\s*\)", meaning, text, flags=re.IGNORECASE)


def _of_account(text: str, metrics: Collection[str]) -> str:
    """Bare metrics as `account.metric`; quoted text stays as it is."""

    def qualified(found: re.Match[str]) -> str:
        return f"account.{found[0]}" if found[0] in metrics else found[0]

    parts = re.split(r"('(?:[^']|'')*')", text)
    return "".join(part if part.startswith("'") else re.sub(r"(?<![\w.])[A-Za-z_]\w*(?![\w.(])", qualified, part) for part in parts)
