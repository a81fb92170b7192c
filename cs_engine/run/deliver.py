"""Delivery reads rows. Claimed under the rules, committed as dispatching before the first byte leaves, settled as rows again."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from random import Random

from cs_engine.instants import Micros, from_micros, to_micros
from cs_engine.journey import message
from cs_engine.journey.policy import Request, judge
from cs_engine.ports import Candidate, Claim, Outcome, Parcel
from cs_engine.run.context import TickContext
from cs_engine.run.letters import Letters
from cs_engine.run.outbox import Failed

BATCH = 500
"""Messages a claim: what may be uncertain, at most, when the process dies."""

MOST_ATTEMPTS = 12
"""Proven refusals to take a message, before it is given up as rejected; with the back-off below about two days."""

_LONGEST_PAUSE = 20.0
"""Seconds that a tick waits for a provider that names a time; longer ones wait for a later tick."""


def deliver(tick: TickContext) -> None:
    """Sends what may go now; in a span also what may go until the next tick, each at its time."""
    recover(tick)
    tick.engine.store.skip_left(tick.at)
    letters = Letters(tick)
    jitter = Random(tick.engine.holder)  # noqa: S311 - spreads retries, guards nothing
    _deliver_now(tick, letters, jitter)
    while tick.horizon is not None:
        opens = tick.engine.store.next_until()
        if opens is None or opens >= to_micros(tick.horizon):
            return
        if opens > to_micros(tick.clock.now()):
            tick.clock = tick.engine.delivery_clock(from_micros(opens))
        _deliver_now(tick, letters, jitter)


def _deliver_now(tick: TickContext, letters: Letters, jitter: Random) -> None:
    pauses = 3
    while True:
        seen, claim = _claim(tick, letters)
        for move in claim.moved:
            _count(tick, seen[move.id].playbook if move.id in seen else "", move)
        outcomes = _send(tick, letters, claim.dispatching)
        moves = [_move(tick, candidate, outcomes[candidate.id], jitter) for candidate in claim.dispatching]
        tick.engine.store.settle(moves, tick.at)
        for move in moves:
            _count(tick, seen[move.id].playbook, move)
        if claim.more:
            continue
        pause = max((o.retry_after for o in outcomes.values() if o.kind == "retry" and o.retry_after), default=0.0)
        if not 0 < pause <= _LONGEST_PAUSE or not pauses:
            return
        pauses -= 1
        time.sleep(pause + 0.05)


def _claim(tick: TickContext, letters: Letters) -> tuple[dict[str, Candidate], Claim]:
    seen: dict[str, Candidate] = {}

    def verdict(candidates: Sequence[Candidate]) -> Sequence[message.Move | None]:
        seen.update((c.id, c) for c in candidates)
        return judge([_request(c) for c in candidates], letters.rules, tick.clock.now())

    engine = tick.engine
    wall, delivery_now = to_micros(engine.wall.now()), to_micros(tick.clock.now())
    return seen, engine.store.claim(wall, delivery_now, tick.at, BATCH, engine.holder, verdict)


def recover(tick: TickContext) -> None:
    """What died on its way: sent or not where the channel can tell, else uncertain."""
    store = tick.engine.store
    lost = store.expired_leases(to_micros(tick.engine.wall.now()))
    moves = []
    for channel in sorted({c.channel for c in lost}):
        ids = [c.id for c in lost if c.channel == channel]
        known = tick.engine.outbox.lookup(channel, ids)
        for id in ids:
            outcome = known.get(id)
            if outcome is None:
                moves.append(message.lost_sight(id, "died_on_the_way"))
            elif outcome.kind == "accepted":
                moves.append(message.accepted(id, outcome.provider_id))
            else:
                moves.append(message.retried(id, "never_left", to_micros(tick.clock.now())))
    if moves:
        store.settle(moves, tick.at)


def _send(tick: TickContext, letters: Letters, candidates: Sequence[Candidate]) -> dict[str, Outcome]:
    """One outcome a candidate. What cannot be rendered is rejected alone; the others go."""
    outcomes: dict[str, Outcome] = {}
    jobs, without = letters.jobs(candidates)
    outcomes.update((id, Outcome(id, "rejected", code)) for id, code in without.items())
    parcels: dict[str, list[Parcel]] = {}
    for job, made in zip(jobs, tick.engine.outbox.make(jobs), strict=True):
        if isinstance(made, Failed):
            outcomes[made.id] = Outcome(made.id, "rejected", made.code)
        else:
            parcels.setdefault(job.channel, []).append(made)
    for channel, ready in parcels.items():
        outcomes.update((outcome.id, outcome) for outcome in tick.engine.outbox.send(channel, ready))
    return outcomes


def _move(tick: TickContext, candidate: Candidate, outcome: Outcome, jitter: Random) -> message.Move:
    match outcome.kind:
        case "accepted":
            return message.accepted(candidate.id, outcome.provider_id)
        case "rejected":
            return message.rejected(candidate.id, outcome.code)
        case "uncertain":
            return message.lost_sight(candidate.id, outcome.code)
        case "retry":
            if candidate.attempts >= MOST_ATTEMPTS:
                return message.rejected(candidate.id, f"gave_up:{outcome.code}")
            if outcome.code == "auth":
                _fail_loudly(tick, f"delivery: the {candidate.channel} channel refuses our key")
            return message.retried(candidate.id, outcome.code, _later(tick, candidate.attempts, outcome.retry_after, jitter))


def _later(tick: TickContext, attempts: int, named: float | None, jitter: Random) -> Micros:
    seconds = named if named is not None else min(6 * 3600.0, 30.0 * 2**attempts) * jitter.uniform(0.5, 1.0)
    return to_micros(tick.clock.now() + timedelta(seconds=seconds))


def _fail_loudly(tick: TickContext, failure: str) -> None:
    if failure not in tick.report.failures:
        tick.report.failures.append(failure)


def _request(c: Candidate) -> Request:
    return Request(
        id=c.id, state=c.state, channel=c.channel, topic=c.topic, template=c.template, recipient_kind=c.recipient_kind,
        known=c.contact_known, address=bool(c.email), suppressed=c.suppressed, zone=c.timezone, locale=c.locale,
    )  # fmt: skip


def _count(tick: TickContext, playbook: str, move: message.Move) -> None:
    tick.report.delivery[move.state.value] += 1
    if playbook and move.state is message.State.HELD:
        tick.of(playbook).held += 1
    elif playbook and move.state is message.State.SKIPPED:
        tick.of(playbook).skipped += 1


def stocks(tick: TickContext) -> None:
    """Ends the report: held, pending and uncertain are what stands now, over all messages."""
    counts = tick.engine.store.counts()
    flows: Counter[str] = tick.report.delivery
    flows.update({"held": counts.held - flows["held"], "pending": counts.pending - flows["pending"]})
    flows.update({"uncertain": counts.uncertain - flows["uncertain"]})
