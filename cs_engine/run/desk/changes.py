"""What a project would change, in people: versions, who is inside which, whom a first run would enrol; and carrying it out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import repeat
from typing import Any, Literal

from cs_engine.errors import CsEngineError, LostRace
from cs_engine.instants import Micros
from cs_engine.journey import enrolment
from cs_engine.journey.columns import from_columns
from cs_engine.journey.enrolment import Standing
from cs_engine.journey.migrate import PLAYBOOK_REMOVED, REMOVED, Difference, behind, difference, moved, unsafe, way
from cs_engine.journey.orders import EXISTING, PERSON, Order
from cs_engine.playbook.plan import SHADOW, SHADOW_MODE, Plan
from cs_engine.ports import JournalLine, PlaybookState
from cs_engine.run.advance import MOST_AT_ONCE
from cs_engine.run.context import TickContext
from cs_engine.run.desk.past import MIGRATED
from cs_engine.run.enrol import would_enter
from cs_engine.run.modes import leaves_shadow
from cs_engine.run.observe import never_completed, version_of

_FAR: Micros = 2**62
_MOST_RACES = 5


@dataclass(frozen=True, slots=True)
class Inside:
    """People inside a version that is not the one that is written now."""

    version: str
    steps: Mapping[str, int]
    """Where they stand, and how many."""
    ways: Mapping[str, str]
    """Where they would go when they are moved: a step, or `step_removed`."""
    unsafe: Sequence[tuple[str, str]]
    """Why they cannot be moved, and how to mend it."""
    readable: bool = True
    """Whether that version still compiles."""

    @property
    def people(self) -> int:
        return sum(self.steps.values())


@dataclass(frozen=True, slots=True)
class Change:
    """One playbook, as it is written, against what runs."""

    playbook: str
    state: Literal["new", "changed", "same", "removed", "broken"]
    version: str
    """'' of what is removed or broken."""
    was: str
    """The version that new entrants got so far; '' of a new one."""
    mode: str
    steps: Difference | None
    """Against that version; None where there is none to compare with."""
    inside: int
    """In the version that is written now."""
    elsewhere: Sequence[Inside] = field(default_factory=tuple)
    existing: str = ""
    """What becomes of those who match already at its first run: skip | include; '' when it has had that, or nobody has said."""
    match_already: int = 0
    """How many they are."""

    @property
    def asks(self) -> bool:
        """Whether somebody has to say what becomes of those who match already."""
        return bool(self.match_already) and not self.existing

    @property
    def left_behind(self) -> int:
        """How many are inside though the project has the playbook no more."""
        return sum(inside.people for inside in self.elsewhere) if self.state == "removed" else 0

    @property
    def for_real(self) -> int:
        """How many are inside a playbook in shadow since before it was, and go on to get what it sends."""
        return self.inside + sum(inside.people for inside in self.elsewhere) if self.mode == SHADOW_MODE.kind else 0

    @property
    def differs(self) -> bool:
        return self.state != "same" or bool(self.elsewhere) or bool(self.match_already) or bool(self.for_real)

    def as_json(self) -> dict[str, Any]:
        steps = self.steps
        return {
            "playbook": self.playbook, "state": self.state, "version": self.version, "was": self.was, "mode": self.mode,
            "steps": None if steps is None else {
                "added": list(steps.added), "removed": list(steps.removed),
                "changed": {id: {"from": old, "to": new} for id, (old, new) in steps.changed.items()},
            },
            "inside": self.inside,
            "elsewhere": [
                {
                    "version": i.version, "people": i.people, "steps": dict(i.steps), "ways": dict(i.ways),
                    "unsafe": [{"message": message, "mend": mend} for message, mend in i.unsafe],
                }
                for i in self.elsewhere
            ],
            "existing": self.existing, "match_already": self.match_already,
        }  # fmt: skip


def changes(tick: TickContext) -> list[Change]:
    """All playbooks of the project, and those that people are inside though it has them no more. `tick`: a look."""
    store, project = tick.engine.store, tick.engine.project
    states, people = store.playbooks(), _people(tick)
    found = [_change(tick, plan, states.get(playbook), people.get(playbook, {})) for playbook, plan in sorted(project.plans.items())]
    gone = sorted({*people, *project.broken} - set(project.plans))
    return found + [_gone(tick, playbook, states.get(playbook), people.get(playbook, {})) for playbook in gone]


def _people(tick: TickContext) -> dict[str, dict[str, int]]:
    """Playbook -> version -> people inside, shadows aside."""
    found: dict[str, dict[str, int]] = {}
    for playbook, digest, n in tick.engine.store.occupied():
        if n and not digest.endswith(SHADOW):
            found.setdefault(playbook, {})[digest] = n
    return found


def _change(tick: TickContext, plan: Plan, state: PlaybookState | None, people: Mapping[str, int]) -> Change:
    was = state.digest if state is not None else ""
    first = state is None or never_completed(state) or leaves_shadow(tick, plan.playbook)
    existing = (plan.existing or tick.orders.existing(plan.playbook)) if first else ""
    before = version_of(tick, was) if was and was != plan.digest else None
    return Change(
        plan.playbook, "new" if state is None else "same" if was == plan.digest else "changed", plan.digest, was, str(plan.mode),
        difference(before, plan) if before is not None else None, people.get(plan.digest, 0),
        [_inside(tick, plan, digest) for digest in sorted(people) if digest != plan.digest], existing,
        would_enter(tick, plan) if first else 0,
    )  # fmt: skip


def _gone(tick: TickContext, playbook: str, state: PlaybookState | None, people: Mapping[str, int]) -> Change:
    kind: Literal["broken", "removed"] = "broken" if playbook in tick.engine.project.broken else "removed"
    elsewhere = [_inside(tick, None, digest) for digest in sorted(people)]
    return Change(playbook, kind, "", state.digest if state is not None else "", "", None, 0, elsewhere)


def _inside(tick: TickContext, new: Plan | None, digest: str) -> Inside:
    old = tick.plans.get(digest)
    playbook = new.playbook if new is not None else next(p for p, d, _ in tick.engine.store.occupied() if d == digest)
    steps = Counter(who.step for who in tick.engine.store.standing(playbook, digest, _FAR))
    if new is None:
        return Inside(digest, steps, {}, ())
    if old is None:
        wrong = ("this version no longer compiles", "mend the metrics and milestones that it uses: cs-engine check")
        return Inside(digest, steps, {}, [wrong], readable=False)
    ways = {step: to.step if (to := way(new, step)).kind != "removed" else REMOVED for step in steps}
    return Inside(digest, steps, ways, list(unsafe(old, new, steps)))


class Unsafe(CsEngineError):
    """People cannot be moved as it stands; nothing was changed."""


def apply(
    tick: TickContext, found: Sequence[Change], answers: Mapping[str, str], *, migrate: bool, ending: Collection[str] = ()
) -> dict[str, Counter[str]]:  # fmt: skip
    """Makes what is written the version of new entrants, keeps the answers about who matches already, and with `migrate` moves people.
    Those inside a playbook of `ending`, which the project has no more, end.

    Answers how many of each playbook stayed, were redirected or removed, or ended with their playbook. Raises Unsafe, and changes
    nothing, when moving somebody is not safe. Each batch of people is one transaction; dying in between and applying again moves the rest.
    """
    store, project = tick.engine.store, tick.engine.project
    if migrate:
        wrong = [f"{c.playbook}: {message}\n    {mend}" for c in found for i in c.elsewhere if c.version for message, mend in i.unsafe]
        if wrong:
            raise Unsafe("nobody was moved, for it is not safe:\n  " + "\n  ".join(wrong), "mend that, or apply without --migrate")
    at = store.last_tick() or 0
    for change in found:
        if change.state == "changed":  # a new one is registered by its first run, at the moment that it has
            store.register_plan(change.playbook, change.version, project.bundles[change.version], at)
    store.order([Order(playbook, "", EXISTING, at, PERSON, "", answer) for playbook, answer in sorted(answers.items())])
    moves: dict[str, Counter[str]] = {}
    for change in found if migrate else ():
        for inside in change.elsewhere:
            if change.version:
                counted = moves.setdefault(change.playbook, Counter())
                counted.update(_migrate(tick, tick.plans[inside.version], project.plans[change.playbook], at))
    for change in found:
        if change.left_behind and change.playbook in ending:
            ended = sum(_end_all(tick, change.playbook, digest, at) for p, digest, n in store.occupied() if p == change.playbook and n)
            moves[change.playbook] = Counter(ended=ended)
    return moves


def _end_all(tick: TickContext, playbook: str, digest: str, at: Micros) -> int:
    """Ends all who are inside that version; how many. What is planned for them is skipped by the next tick, and their CTAs are closed."""

    def end(members: Sequence[Standing]) -> Counter[str]:
        ended = [enrolment.finished(who, PLAYBOOK_REMOVED, at) for who in members]
        lines = [
            JournalLine(at, playbook, who.account_id, who.subject_id, who.id, who.step, "finished", PLAYBOOK_REMOVED, "") for who in members
        ]
        tick.engine.store.migrate_people((), ended, lines, at)
        return Counter(ended=len(members))

    return _in_batches(tick, playbook, digest, end)["ended"]


def _migrate(tick: TickContext, old: Plan, new: Plan, at: Micros) -> Counter[str]:
    return _in_batches(tick, old.playbook, old.digest, lambda members: _migrate_batch(tick, old, new, members, at))


def _in_batches(tick: TickContext, playbook: str, digest: str, work: Callable[[Sequence[Standing]], Counter[str]]) -> Counter[str]:
    """Does it to all inside that version, a transaction a batch; what a run has moved meanwhile is done again as it stands then."""
    counted: Counter[str] = Counter()
    members = tick.engine.store.standing(playbook, digest, _FAR)
    for start in range(0, len(members), MOST_AT_ONCE):
        batch = members[start : start + MOST_AT_ONCE]
        for left in reversed(range(_MOST_RACES)):
            try:
                counted.update(work(batch))
                break
            except LostRace:
                if not left:
                    raise
                known = {who.id for who in batch}
                batch = [who for who in tick.engine.store.standing(playbook, digest, _FAR) if who.id in known]
    return counted


def _migrate_batch(tick: TickContext, old: Plan, new: Plan, members: Sequence[Standing], at: Micros) -> Counter[str]:
    counted: Counter[str] = Counter()
    moves, ended, lines = [], [], list[JournalLine]()
    passed = {step: behind(old, new, way(new, step).step) for step in {who.step for who in members}}
    for who in members:
        to = way(new, who.step)
        counted[to.kind] += 1
        move = moved(who, new, at)
        if move is None:
            ended.append(enrolment.finished(who, REMOVED, at))
            lines.append(_line(at, old, who, who.step, "finished", REMOVED))
            continue
        moves.append(move)
        lines.append(_line(at, old, who, who.step, MIGRATED, f"{old.digest[:8]} to {new.digest[:8]}, at {to.step}"))
        lines += from_columns(
            JournalLine, repeat(at), repeat(old.playbook), repeat(who.account_id), repeat(who.subject_id), repeat(who.id),
            passed[who.step], repeat("not_applicable"), repeat("added behind"), repeat(""),
        )  # fmt: skip
    tick.engine.store.migrate_people(moves, ended, lines, at)
    return counted


def _line(at: Micros, plan: Plan, who: Standing, step: str, event: str, reason: str) -> JournalLine:
    return JournalLine(at, plan.playbook, who.account_id, who.subject_id, who.id, step, event, reason, "")
