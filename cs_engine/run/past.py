"""One account in one playbook as it stood at a moment: its rows of today, led back by the journal's lines."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from cs_engine.instants import Micros
from cs_engine.journey.message import State
from cs_engine.journey.policy import HOLD
from cs_engine.ports import EnrolmentView, JournalLine, MessageView, Store

_MOST_LINES = 10_000
_LEFT = ("advanced", "finished")
"""Events of lines that say which step was left."""


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
    lines = store.journal(account, playbook, _MOST_LINES)
    return Trace(
        [_passage_then(p, messages, lines, until) for p in passages if p.entered_at <= until],
        [_message_then(m, lines, until) for m in messages if m.planned_at <= until],
        [line for line in lines if line.at <= until],
    )


def _passage_then(passage: EnrolmentView, messages: Sequence[MessageView], lines: Sequence[JournalLine], until: Micros) -> EnrolmentView:
    """A line names the step that was left: the first one afterwards is where the passage stood."""
    own = [line for line in lines if line.enrolment_id == passage.id]
    following = next((line for line in own if line.at > until and line.event in _LEFT), None)
    held_since = _held_since(own, until)
    if following is None:
        return passage._replace(held_since=held_since) if passage.state == "active" else passage
    left = [line for line in own if line.at <= until and line.event in _LEFT]
    done = any(line.step == following.step and line.reason in ("otherwise", "at_most") for line in left)
    since = _since(left[-1], passage, messages) if left else passage.entered_at
    return passage._replace(
        state="active", step=following.step, since=since, otherwise_done=done, finished_at=None, finished_reason="", held_since=held_since
    )


def _since(last: JournalLine, passage: EnrolmentView, messages: Sequence[MessageView]) -> Micros:
    """After a message the next step counts from when it ended."""
    ended = [m.settled_at for m in messages if (m.enrolment_id, m.step) == (passage.id, last.step) and m.settled_at is not None]
    return max(ended) if last.reason == "sent" and ended else last.at


def _held_since(own: Sequence[JournalLine], until: Micros) -> Micros | None:
    held: Micros | None = None
    for line in own:
        if line.at <= until and line.reason == HOLD:
            held = (held or line.at) if line.event == "held" else None
    return held


def _message_then(message: MessageView, lines: Sequence[JournalLine], until: Micros) -> MessageView:
    """A message that has moved since stood planned, or held as the last line of its step says."""
    if message.moved_at <= until:
        return message
    waiting = (State.HELD.value, State.UNCERTAIN.value, "retried")
    own = [line for line in lines if (line.enrolment_id, line.step) == (message.enrolment_id, message.step)]
    last = next((line for line in reversed(own) if line.at <= until and line.event in waiting), None)
    state = State.PLANNED.value if last is None or last.event == "retried" else last.event
    return message._replace(state=state, reason=last.reason if last else "", until=None, settled_at=None)
