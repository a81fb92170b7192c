"""The states of a message, and the moves between them.

    planned ──claimed──▶ dispatching ──accepted──▶ accepted
       │  ▲                  │ ├──rejected──▶ rejected(code)
       │  └──retried─────────┤ └──lost sight──▶ uncertain ──▶ accepted | rejected | skipped | planned
       ├──held──▶ held(until, reason) ──claimed──▶ …
       └──skipped──▶ skipped(reason)

What has not settled becomes accepted when its provider tells of it (`told_of`): then it was taken, whatever we believed.
`planned = accepted + skipped + rejected + uncertain + held + pending` over all messages; pending is planned + dispatching.
"""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from cs_engine.instants import Micros

ALARM = "alarm"
"""The kind of a message that tells our own people how the engine fares. It belongs to no enrolment."""
MOST_URGENT = 100
"""The priority of alarms: they go before all else."""


COPY = "cta_copy"
"""The kind of a message that tells another of us of a CTA."""


class State(StrEnum):
    PLANNED = "planned"
    HELD = "held"
    DISPATCHING = "dispatching"
    ACCEPTED = "accepted"
    SKIPPED = "skipped"
    REJECTED = "rejected"
    UNCERTAIN = "uncertain"

    @property
    def settled(self) -> bool:
        """A settled message has ended: nothing more happens to it, and its step may end."""
        return self in (State.ACCEPTED, State.SKIPPED, State.REJECTED)


class NewMessage(NamedTuple):
    """A row of the outbox as it is planned. No address, no text: those are found when it is claimed."""

    id: str
    enrolment_id: str
    playbook: str
    digest: str
    step: str
    kind: str
    """email | notice | cta | cta_copy | cta_update | alarm | webhook"""
    channel: str
    """email | slack | webhook"""
    template: str
    topic: str
    account_id: str
    subject_id: str
    recipient: str
    """A contact id, a staff e-mail, the name of a Slack channel, or a webhook's endpoint as the step names it."""
    recipient_kind: str
    """contact | staff | channel | endpoint: which of these `recipient` is."""
    cta_id: str
    """'' unless kind is cta."""
    priority: int
    """The playbook's."""
    planned_at: Micros
    """The tick's now."""


class Alarm(NamedTuple):
    """A message that tells our own people how the engine fares, and what it says: ids, numbers and words of ours."""

    message: NewMessage
    text: str


class Move(NamedTuple):
    """One message moves from `was` to `state`. Applied as UPDATE … WHERE id = :id AND state = :was."""

    id: str
    was: State
    state: State
    reason: str
    """Why, as a slug for skipped and held (`suppressed`, `quiet_hours`), a code for rejected; '' else."""
    until: Micros | None = None
    """Held: not before this instant. Retried: when to try again."""
    provider_id: str = ""
    counts: bool = True
    """Retried: whether the attempt that was made counts; not when the channel was at fault."""
    instead: tuple[NewMessage, ...] = ()
    """Skipped: what is planned in its place, in the same transaction."""
    fence: int | None = None
    """Of the outcome of an attempt: which one. Another has taken the message since where it is not the latest; None: whichever is."""


def held(id: str, was: State, reason: str, until: Micros) -> Move:
    return Move(id, was, State.HELD, reason, until)


def skipped(id: str, was: State, reason: str) -> Move:
    return Move(id, was, State.SKIPPED, reason)


def accepted(id: str, provider_id: str, *, fence: int | None = None) -> Move:
    return Move(id, State.DISPATCHING, State.ACCEPTED, "", None, provider_id, fence=fence)


def rejected(id: str, code: str, *, fence: int | None = None) -> Move:
    return Move(id, State.DISPATCHING, State.REJECTED, code, fence=fence)


def retried(id: str, reason: str, until: Micros, *, counts: bool = True, fence: int | None = None) -> Move:
    """Proven not accepted (no connection, 429, a 4xx that says so): planned again, not before `until`."""
    return Move(id, State.DISPATCHING, State.PLANNED, reason, until, counts=counts, fence=fence)


def lost_sight(id: str, reason: str, *, fence: int | None = None) -> Move:
    """The request left and no answer came, or the process died while it was on its way."""
    return Move(id, State.DISPATCHING, State.UNCERTAIN, reason, fence=fence)


def told_of(id: str, was: State, provider_id: str) -> Move:
    """The provider tells of it, so it was taken: whatever we believed, it is never sent again."""
    return Move(id, was, State.ACCEPTED, "told", None, provider_id)


def resolved(id: str, state: State, reason: str, provider_id: str = "") -> Move:
    """An uncertain message is settled (accepted, rejected, skipped) or, never having left, planned again."""
    return Move(id, State.UNCERTAIN, state, reason, None, provider_id)


LATE = "learned_late"
"""Why a message is accepted whose acceptance was learned by a process that had lost it."""


def late(move: Move, state: State, *, latest: bool) -> Move | None:
    """What the outcome of an attempt still does that comes when its lease is over: the message stands at `state` by then; `latest`: nobody
    has tried it since. None: nothing. What was accepted is not sent (again) by those who still could; what an attempt proves that nobody
    knew the fate of is believed.
    """
    if move.state is State.ACCEPTED and state in (State.PLANNED, State.HELD, State.UNCERTAIN):
        return Move(move.id, state, State.ACCEPTED, LATE, None, move.provider_id)
    if latest and state is State.UNCERTAIN and move.state in (State.REJECTED, State.PLANNED):
        return move._replace(was=state)
    return None
