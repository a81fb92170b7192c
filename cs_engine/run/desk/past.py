"""One account in one playbook as it stood at a moment: its rows of today, led back by the journal's lines."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from cs_engine.instants import Micros
from cs_engine.journey.message import State
from cs_engine.journey.orders import PAUSE, PAUSED, PERSON, Order
from cs_engine.journey.policy import HOLD
from cs_engine.playbook.plan import SHADOW
from cs_engine.ports import EnrolmentView, JournalLine, MessageView, Store

_MOST_LINES = 10_000
_LEFT = ("advanced", "finished")
"""Events of lines that say which step was left."""
MIGRATED = "migrated"
"""The event of the line that says at which step a passage came into another version, and from which."""


class Trace(NamedTuple):
    """What our tables know of one account in one playbook."""

    passages: list[EnrolmentView]
    messages: list[MessageView]
    journal: list[JournalLine]
    """Oldest first."""


def trace(store: Store, account: str, playbook: str, until: Micros | None = None) -> Trace:
    """All of it; `until` an instant of the past: as it was then."""
    passages, messages = store.enrolments_of(account, playbook), store.messages_of(account, playbook)
    if until is None:
        return Trace(passages, messages, store.journal(account, playbook))
    lines, versions = store.journal(account, playbook, _MOST_LINES), store.versions(playbook)
    return Trace(
        [_passage_then(_version_then(p, lines, versions, until), messages, lines, until) for p in passages if p.entered_at <= until],
        [_message_then(m, lines, until) for m in messages if m.planned_at <= until],
        [line for line in lines if line.at <= until],
    )


def pause_then(store: Store, account: str, playbook: str, at: Micros) -> Order | None:
    """The pause of the playbook, or of the account in it, that stood then; None when neither was paused."""
    standing: dict[str, JournalLine] = {}
    for line in store.pauses_of(account, playbook, at):
        if line.event == "paused":
            standing[line.account_id] = line
        else:
            standing.pop(line.account_id, None)
    told = standing.get("") or standing.get(account)
    return None if told is None else Order(playbook, told.account_id, PAUSE, told.at, PERSON, told.reason)


def _version_then(passage: EnrolmentView, lines: Sequence[JournalLine], versions: Sequence[str], until: Micros) -> EnrolmentView:
    """A line names, shortened, the version that was left: the first one afterwards is that which the passage had."""
    moved = (line for line in lines if line.enrolment_id == passage.id and line.at > until and line.event == MIGRATED)
    if (following := next(moved, None)) is None:
        return passage
    was = following.reason.partition(" ")[0]
    shadow = SHADOW if passage.digest.endswith(SHADOW) else ""
    return passage._replace(digest=next((f"{digest}{shadow}" for digest in versions if digest.startswith(was)), passage.digest))


def _passage_then(passage: EnrolmentView, messages: Sequence[MessageView], lines: Sequence[JournalLine], until: Micros) -> EnrolmentView:
    """A line names the step that was left: the first one afterwards is where the passage stood."""
    own = [line for line in lines if line.enrolment_id == passage.id]
    following = next((line for line in own if line.at > until and line.event in (*_LEFT, MIGRATED)), None)
    rests = _rests(own)
    held_since = next((began for began, ended in rests if began <= until and (ended is None or ended > until)), None)
    if following is None:
        late = sum(ended - began for began, ended in rests if ended is not None and ended > until)
        return passage._replace(held_since=held_since, since=passage.since - late) if passage.state == "active" else passage
    left = [line for line in own if line.at <= until and line.event in _LEFT]
    done = any(line.step == following.step and line.reason in ("otherwise", "at_most") for line in left)
    since = _since(left[-1], passage, messages) if left else passage.entered_at
    since += sum(ended - max(began, since) for began, ended in rests if ended is not None and since <= ended <= until)
    return passage._replace(
        state="active", step=following.step, since=since, otherwise_done=done, finished_at=None, finished_reason="", held_since=held_since
    )


def _since(last: JournalLine, passage: EnrolmentView, messages: Sequence[MessageView]) -> Micros:
    """After a message the next step counts from when it ended."""
    ended = [m.settled_at for m in messages if (m.enrolment_id, m.step) == (passage.id, last.step) and m.settled_at is not None]
    return max(ended) if last.reason == "sent" and ended else last.at


def _rests(own: Sequence[JournalLine]) -> list[tuple[Micros, Micros | None]]:
    """From when to when the passage's timers stood still, for a hold or a pause; to None: they do still."""
    found: list[tuple[Micros, Micros | None]] = []
    for line in own:
        resting = bool(found) and found[-1][1] is None
        if line.event == "advanced" and resting:
            found.pop()  # it was the mail alone that was held
        elif line.event == "held" and line.reason in (HOLD, PAUSED) and not resting:
            found.append((line.at, None))
        elif line.event == "released" and resting:
            found[-1] = (found[-1][0], line.at)
    return found


def _message_then(message: MessageView, lines: Sequence[JournalLine], until: Micros) -> MessageView:
    """A message that has moved since stood planned, or held as the last line of its step says; of what was told since nothing was known."""
    if message.delivery_at is not None and message.delivery_at > until:
        message = message._replace(delivery="", delivery_reason="", delivery_at=None, opens=0, clicks=0, machine_opens=0, machine_clicks=0)
    if message.moved_at <= until:
        return message
    waiting = (State.HELD.value, State.UNCERTAIN.value, "retried")
    own = [line for line in lines if (line.enrolment_id, line.step) == (message.enrolment_id, message.step)]
    last = next((line for line in reversed(own) if line.at <= until and line.event in waiting), None)
    state = State.PLANNED.value if last is None or last.event == "retried" else last.event
    return message._replace(state=state, reason=last.reason if last else "", until=None, settled_at=None)
