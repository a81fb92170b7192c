"""What became of messages whose fate was not known: by what the provider has told, by the channel's own log, else by the step's policy."""

from __future__ import annotations

from datetime import timedelta

from cs_engine.journey import message
from cs_engine.journey.message import ALARM, State
from cs_engine.playbook.plan import Email, Notice, Webhook
from cs_engine.ports import Candidate, Outcome, Trace
from cs_engine.run.context import TickContext
from cs_engine.run.delivery.deliver import settle
from cs_engine.run.events import hear

LONGEST_DOUBT = timedelta(hours=24) // timedelta(microseconds=1)
"""After this an uncertain message ends, whatever its policy."""
_ON_ITS_WAY = timedelta(minutes=1) // timedelta(microseconds=1)
"""As long as this a request that nobody waits for any more may yet arrive: that a record lacks it proves nothing."""


def settle_doubts(tick: TickContext) -> None:
    """`drop` ends it at once, `resend` plans it again, `ask` waits for the provider or a person, 24 hours at most."""
    hear(tick.engine.store, tick.report, tick.at)
    doubtful = tick.engine.store.uncertain()
    moves = []
    for channel in sorted({c.channel for c in doubtful}):
        candidates = [c for c in doubtful if c.channel == channel]
        known = dict(tick.engine.outbox.lookup(channel, [c.id for c in candidates]))
        known |= _searched(tick, channel, [c for c in candidates if c.id not in known])
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


def _searched(tick: TickContext, channel: str, candidates: list[Candidate]) -> dict[str, Outcome]:
    """What the provider's own record has of them."""
    # In the very tick it cannot have them yet, and who does not answer would not answer this either.
    earlier = [c for c in candidates if c.moved_at < tick.at]
    threads = _threads(tick, earlier)
    traces = [Trace(c.id, c.email, c.playbook, threads.get(c.id, "")) for c in earlier if c.email or c.id in threads]
    found = tick.engine.outbox.search(channel, traces)
    late = {c.id for c in earlier if tick.at - c.moved_at < _ON_ITS_WAY}
    return {id: outcome for id, outcome in found.items() if outcome.kind == "accepted" or id not in late}


def _threads(tick: TickContext, candidates: list[Candidate]) -> dict[str, str]:
    """Of replies: where the thread stands that each was meant for. A CTA that was opened anew since has another."""
    replies = [c for c in candidates if c.kind == ALARM and c.cta_id and c.provider_ref]
    if not replies:
        return {}
    ctas = tick.engine.store.ctas({c.cta_id for c in replies})
    return {c.id: c.provider_ref for c in replies if (cta := ctas.get(c.cta_id)) is not None and cta.opened_at <= c.planned_at}


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
