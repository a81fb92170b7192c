"""The states of an enrolment (one passage of one subject through one playbook), and the moves between them.

   entered ──▶ active at a step ──parked / advanced──▶ … ──▶ finished(goal | done | exit | moved | step_removed | playbook_removed | failed)

The pointer is (step, otherwise done?). A passage that stands at a sending step waits for its messages: `step_ended_at` is
written by the state when the last of them settles.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import repeat
from typing import NamedTuple

from cs_engine.instants import Micros
from cs_engine.journey.columns import from_columns

ACTIVE = "active"
FINISHED = "finished"
MOVED = "moved"
"""How the passage of a contact ends who belongs to another account now."""

ARRIVE = ".arrive"
"""Ends the pointer of who comes to a step at the next tick of its playbook, as if from the step before it. No step has such an id."""


def step_of(pointer: str) -> str:
    """The step that a passage stands at, or is about to come to."""
    return pointer.removesuffix(ARRIVE)


class NewEnrolment(NamedTuple):
    """A row as the passage begins, before its first step."""

    id: str
    playbook: str
    digest: str
    subject_id: str
    account_id: str
    key: str
    """The value of `once_per`; '' without one."""
    passage: int
    step: str
    entered_at: Micros
    held_since: Micros | None = None
    control: bool = False
    """Takes the same way as all others, and has no effect."""


class Passage(NamedTuple):
    """The last passage of a subject under a key."""

    subject_id: str
    key: str
    number: int
    active: bool
    changed_at: Micros
    """Its last move; of one that has ended, its end."""
    rearmed: bool
    """Whether since its end a tick has seen its subject not match: without that there is no next one."""
    moved: bool = False
    """Whether it ended because its contact went to another account: there another one may begin."""


class Standing(NamedTuple):
    """An active enrolment as the state holds it."""

    id: str
    subject_id: str
    account_id: str
    step: str
    otherwise_done: bool
    since: Micros
    """When it came to stand at this step: the end of the step before."""
    step_ended_at: Micros | None
    """At a sending step: the now of the tick that settled its last message; None while any is open."""
    revision: int
    """Counts the moves; the guard of the next one."""
    entered_at: Micros
    held_since: Micros | None = None
    """Since when its timers stand still; None: they run."""
    control: bool = False
    """Takes the same way as all others, and has no effect."""
    repeats: int = 0
    """How often this step has been done again."""


class Timer(NamedTuple):
    """What becomes of the timers of a passage that does not move: applied as UPDATE … WHERE id = :id AND revision = :revision."""

    id: str
    revision: int
    since: Micros
    step_ended_at: Micros | None
    held_since: Micros | None


class Move(NamedTuple):
    """Applied as UPDATE … WHERE id = :id AND revision = :revision; sets revision + 1 and clears step_ended_at."""

    id: str
    revision: int
    state: str
    step: str
    otherwise_done: bool
    since: Micros
    finished_reason: str
    """'' while active."""
    repeats: int = 0


def stopped(who: Standing, at: Micros) -> Standing:
    """Its timers stand still from `at` on."""
    return who._replace(held_since=at)


def released(who: Standing, at: Micros) -> Standing:
    """Its timers run on at `at` as if the time between had not been."""
    if who.held_since is None:
        return who
    ended = None if who.step_ended_at is None else who.step_ended_at + at - max(who.held_since, who.step_ended_at)
    return who._replace(since=who.since + at - max(who.held_since, who.since), step_ended_at=ended, held_since=None)


def parked(who: Standing, step: str, since: Micros, otherwise_done: bool = False, repeats: int = 0) -> Move:
    """Stands at `step` since `since`, which has been done again so often."""
    return Move(who.id, who.revision, ACTIVE, step, otherwise_done, since, "", repeats)


def all_parked(
    who: Sequence[Standing], steps: Sequence[str], since: Sequence[Micros], otherwise_done: Sequence[bool], repeats: Sequence[int]
) -> list[Move]:
    """`parked` for many at once."""
    ids, revisions = [w.id for w in who], [w.revision for w in who]
    return from_columns(Move, ids, revisions, repeat(ACTIVE), steps, otherwise_done, since, repeat(""), repeats)


def finished(who: Standing, reason: str, at: Micros) -> Move:
    """The passage ends: goal | done | exit | moved | step_removed | playbook_removed | failed."""
    return Move(who.id, who.revision, FINISHED, who.step, who.otherwise_done, at, reason)
