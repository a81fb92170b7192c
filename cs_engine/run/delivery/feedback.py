"""What became of messages whose fate was not known: by what the provider has told, by the channel's own log, else by the step's policy."""

from __future__ import annotations

from datetime import timedelta

from cs_engine.journey import message
from cs_engine.journey.message import State
from cs_engine.playbook.plan import Email, Notice, Webhook
from cs_engine.ports import Candidate, Trace
from cs_engine.run.context import TickContext
from cs_engine.run.delivery.deliver import settle
from cs_engine.run.events import hear

LONGEST_DOUBT = timedelta(hours=24) // timedelta(microseconds=1)
"""After this an uncertain message ends, whatever its policy."""


def settle_doubts(tick: TickContext) -> None:
    """`drop` ends it at once, `resend` plans it again, `ask` waits for the provider or a person, 24 hours at most."""
    hear(tick.engine.store, tick.report, tick.at)
    doubtful = tick.engine.store.uncertain()
    moves = []
    for channel in sorted({c.channel for c in doubtful}):
        candidates = [c for c in doubtful if c.channel == channel]
        known = dict(tick.engine.outbox.lookup(channel, [c.id for c in candidates]))
        # In the very tick their record cannot have them yet, and who does not answer would not answer this either.
        traces = [Trace(c.id, c.email, c.playbook) for c in candidates if c.id not in known and c.email and c.moved_at < tick.at]
        known |= tick.engine.outbox.search(channel, traces)
        for candidate in candidates:
            outcome = known.get(candidate.id)
            if outcome is not None and outcome.kind == "accepted":
                moves.append(message.resolved(candidate.id, State.ACCEPTED, "found", outcome.provider_id))
            elif outcome is not None and outcome.kind == "retry" and candidate.moved_at < tick.at:
                # In the very tick the request may still be on its way there.
                moves.append(message.resolved(candidate.id, State.PLANNED, "never_left"))
            elif (move := _by_policy(tick, candidate)) is not None:
                moves.append(move)
    settle(tick, moves)


def _by_policy(tick: TickContext, candidate: Candidate) -> message.Move | None:
    plan = tick.plans.get(candidate.digest)
    step = plan.step(candidate.step) if plan is not None else None
    policy = step.uncertain if isinstance(step, Email | Notice | Webhook) else "ask"
    if policy == "resend" and candidate.moved_at < tick.at and candidate.attempts < 3:
        return message.resolved(candidate.id, State.PLANNED, "resent")
    if policy == "drop":
        return message.resolved(candidate.id, State.SKIPPED, "uncertain_dropped")
    if tick.at - candidate.moved_at >= LONGEST_DOUBT:
        return message.resolved(candidate.id, State.SKIPPED, "uncertain_unanswered")
    return None
