"""What a tick did, in counts: the objects of `run --format json`. No customer is named here."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from cs_engine.instants import from_micros, to_micros
from cs_engine.journey.enrolment import Move


@dataclass(slots=True)
class PlaybookReport:
    """One playbook in one tick."""

    playbook: str
    version: str
    """The live plan's digest."""
    matched: int = 0
    """Subjects that meet audience and enter now."""
    entered: int = 0
    advanced: int = 0
    """Passages that moved at least one step."""
    finished: Counter[str] = field(default_factory=Counter)
    planned: int = 0
    sent: int = 0
    """Accepted in this run."""
    held: int = 0
    skipped: int = 0
    passed_over: int = 0
    """Matched already at the playbook's first run, and not taken (see `existing`)."""

    paused: str = ""
    """Why it stands still: somebody, or the engine, has paused it. '' while it runs."""

    mode: str = "live"
    shadow: Counter[str] = field(default_factory=Counter)
    """Of shadow passages, which the counts above leave out: entered, advanced, finished; mails and ctas that would have been."""
    left_out: int = 0
    """Would enter, and are not among the share of accounts that may."""
    control: Counter[str] = field(default_factory=Counter)
    """Of control passages, which the counts above leave out: entered, advanced."""
    control_finished: Counter[str] = field(default_factory=Counter)

    def count(self, moves: Iterable[Move], controls: Collection[str], *, shadow: bool = False) -> None:
        """Counts the ends among these moves; `controls` are the ids of control passages, `shadow` says that all are shadows."""
        for move in moves:
            if move.finished_reason and shadow:
                self.shadow["finished"] += 1
            elif move.finished_reason:
                (self.control_finished if move.id in controls else self.finished)[move.finished_reason] += 1

    def as_json(self) -> dict[str, Any]:
        return {
            "playbook": self.playbook,
            "version": self.version,
            "matched": self.matched,
            "entered": self.entered,
            "advanced": self.advanced,
            "finished": dict(sorted(self.finished.items())),
            "messages": {"planned": self.planned, "held": self.held, "skipped": self.skipped},
            "passed_over": self.passed_over,
            "paused": self.paused,
            "mode": self.mode,
            "left_out": self.left_out,
            "shadow": {name: self.shadow[name] for name in ("entered", "advanced", "finished", "mails", "ctas")},
            "control": {
                "entered": self.control["entered"],
                "advanced": self.control["advanced"],
                "finished": dict(sorted(self.control_finished.items())),
            },
        }


class Held(NamedTuple):
    """Work that a guard holds until somebody says yes."""

    run: str
    """Since which run: what `cs-engine approve` is told."""
    playbook: str
    """'' for all."""
    what: str
    reason: str


@dataclass(slots=True)
class TickReport:
    """One tick. `delivery`'s held, uncertain and pending are stocks; the rest counts this run."""

    now: datetime
    repeat: bool = False
    playbooks: dict[str, PlaybookReport] = field(default_factory=dict)
    milestones: Counter[str] = field(default_factory=Counter)
    """Newly reached, by milestone."""
    delivery: Counter[str] = field(default_factory=Counter)
    guards: list[Held] = field(default_factory=list)
    """What waits for a yes."""
    failures: list[str] = field(default_factory=list)
    """What went wrong and was survived: a slug, never a customer's data."""

    @property
    def troubles(self) -> list[str]:
        """Everything that somebody has to look at."""
        waiting = (f"{held.playbook or 'all playbooks'}: {held.reason}: waits for cs-engine approve {held.run}" for held in self.guards)
        return [*self.failures, *waiting]

    def as_json(self) -> dict[str, Any]:
        states = ("accepted", "held", "skipped", "rejected", "uncertain", "pending")
        return {
            "now": from_micros(to_micros(self.now)).isoformat().replace("+00:00", "Z"),
            "playbooks": [report.as_json() for report in self.playbooks.values()],
            "delivery": {state: self.delivery[state] for state in states},
            "milestones": dict(sorted(self.milestones.items())),
            "guards": [held._asdict() for held in self.guards],
            "failures": list(self.failures),
        }
