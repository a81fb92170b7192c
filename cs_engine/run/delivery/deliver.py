"""Delivery reads rows. Claimed under the rules, committed as dispatching before the first byte leaves, settled as rows again."""

from __future__ import annotations

import math
import time
from collections import Counter, deque
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import count
from random import Random

from cs_engine.clock import steady
from cs_engine.errors import DatabaseUnavailable, LostRace
from cs_engine.instants import Micros, from_micros, to_micros
from cs_engine.journey import message
from cs_engine.journey.caps import History, Queue, Scope
from cs_engine.journey.policy import Request, judge, no_longer_than
from cs_engine.journey.rates import Buckets, Line
from cs_engine.ports import Candidate, Outcome
from cs_engine.run.context import TickContext
from cs_engine.run.ctas.digest import is_digest, share_out, verdicts
from cs_engine.run.delivery.alarms import fail
from cs_engine.run.delivery.approvals import review, steps_to_read, unread
from cs_engine.run.delivery.breakers import Guard
from cs_engine.run.delivery.claimed import PlanRules
from cs_engine.run.delivery.fallback import Fallbacks
from cs_engine.run.delivery.lease import MOST_FLYING, Lease
from cs_engine.run.delivery.letters import Letters
from cs_engine.run.delivery.outage import respaced
from cs_engine.run.delivery.outbox import NotSent
from cs_engine.run.delivery.press import Failed
from cs_engine.run.delivery.stopping import Stopping, sleep, told_to_end
from cs_engine.run.hold import wake

BATCH = 500
"""Messages a claim."""

MOST_ATTEMPTS = 18
"""Attempts that failed by the message's own fault, before it is given up as rejected; with the back-off below about two days."""

PATIENCE = 120.0
"""Seconds that a tick may spend on a channel that limits it; what is left then waits for a later tick."""
DATABASE_PATIENCE = 60.0
"""Seconds that a database is waited for which cannot be told what became of messages."""
MOST_VAIN_WAITS = 2
"""How often in a row a limit is waited for and then is still there."""

_TURN = 1.0
"""Seconds, at least, between claims of what waits for a rate."""
_SOON = timedelta(seconds=30)
"""When to try again what a channel could not take, or we could not make. Ticks are further apart."""
_MENDING = timedelta(hours=1)
"""When to look again at a template that its author has to mend."""
_NEVER_PAUSED = frozenset({"cta_update", message.ALARM})
"""Kinds of messages that go though their playbook is paused: they say that something has ended, or is wrong."""
_OF_THE_CUSTOMER = frozenset({"subject_gone"})
"""Why a message cannot be made for which its playbook is not to blame."""
_LIMITS = frozenset({"rate_limited", "paced", "slow", "lease_over"})
_MOST_RACES = 5


def deliver(tick: TickContext) -> None:
    """Sends what may go now; in a span also what may go until the next tick, each at its time. Told to end (SIGTERM), it sends what it has
    claimed, and then ends.
    """
    with told_to_end() as stopping:
        _deliver(tick, stopping)


def _deliver(tick: TickContext, stopping: Stopping) -> None:
    store = tick.engine.store
    recover(tick)
    wake(tick)
    for playbook, skipped in store.skip_left(tick.at).items():
        tick.report.delivery[message.State.SKIPPED.value] += skipped
        tick.of(playbook).skipped += skipped
    settle(tick, respaced(tick))
    letters = Letters(tick)
    review(tick, letters)
    share_out(tick)
    lanes = [_Lane(tick, letters, channel, stopping) for channel in tick.engine.outbox.channels]
    while lanes := [lane for lane in lanes if lane.deliver()]:
        opens = store.next_until([lane.channel for lane in lanes])
        if tick.horizon is None or opens is None or opens >= to_micros(tick.horizon):
            return
        if opens > to_micros(tick.clock.now()):
            tick.run_on(from_micros(opens))


def recover(tick: TickContext) -> None:
    """What died on its way: sent or not where the channel can tell, else uncertain."""
    lost = tick.engine.store.expired_leases(to_micros(tick.engine.wall.now()))
    moves = []
    for channel in sorted({c.channel for c in lost}):
        ids = {c.id: c.fence for c in lost if c.channel == channel}
        known = tick.engine.outbox.lookup(channel, list(ids))
        for id, fence in ids.items():
            outcome = known.get(id)
            if outcome is None:
                moves.append(message.lost_sight(id, "died_on_the_way", fence=fence))
            elif outcome.kind == "accepted":
                moves.append(message.accepted(id, outcome.provider_id, fence=fence))
            else:
                moves.append(message.retried(id, "never_left", to_micros(tick.clock.now()), counts=False, fence=fence))
    settle(tick, moves)


def settle(tick: TickContext, moves: Sequence[message.Move]) -> None:
    """Applies what is known of messages, and counts it. Nobody else knows it: a lost race is run again, and a database that is locked,
    full or restarted is waited for.
    """
    if not moves:
        return
    made: Sequence[message.Move] = ()
    until = time.monotonic() + DATABASE_PATIENCE
    for turn in count():
        try:
            made = tick.engine.store.settle(moves, tick.at)
            break
        except LostRace:
            if turn >= _MOST_RACES:
                raise
        except DatabaseUnavailable:
            if time.monotonic() > until:
                raise
            time.sleep(min(5.0, 0.1 * 2**turn))
    for move in made:
        tick.report.delivery[move.state.value] += 1


def stocks(tick: TickContext) -> None:
    """Ends the report: held, pending and uncertain are what stands now, over all messages."""
    counts = tick.engine.store.counts()
    flows: Counter[str] = tick.report.delivery
    flows.update({"held": counts.held - flows["held"], "pending": counts.pending - flows["pending"]})
    flows.update({"uncertain": counts.uncertain - flows["uncertain"]})


@dataclass(frozen=True, slots=True)
class _Batch:
    """Messages that were claimed together, and are on their way."""

    candidates: Sequence[Candidate]
    lease: Lease
    without: Mapping[str, str]
    """Those that nothing can be made of, and the code why."""
    posted: Callable[[], list[Outcome | Failed]]
    """What became of the others, once it is known."""
    more: bool
    """Whether there is more to be claimed now."""


class _Lane:
    """One channel's way out, in one tick. No channel waits for another's limits, or fails with it."""

    def __init__(self, tick: TickContext, letters: Letters, channel: str, stopping: Stopping) -> None:
        self.channel, self._stopping = channel, stopping
        self._tick, self._letters, self._plans = tick, letters, PlanRules(tick)
        self._fallbacks = Fallbacks(tick)
        self._patience, self._vain = PATIENCE, 0
        self._to_read = steps_to_read(tick)
        self._silent: Collection[str] = ()
        """Addresses of our own people that are suppressed."""
        self._stand_ins = False
        """Whether what was refused has others planned in its place, who can be claimed now."""
        self._alerts: dict[str, str] = {}
        """CTA -> the message that tells of it in this tick."""
        self._queue = Queue(sum(tick.engine.store.count_held(cap.reason) for cap in letters.rules.caps if cap.scope is Scope.PROJECT))
        self._guard = Guard(tick, channel)
        self._line = Line()
        self._turn: Micros | None = None
        """When the first goes of those that wait for a rate."""
        self._jitter = Random(f"{tick.engine.holder} {channel}")  # noqa: S311 - spreads retries, guards nothing

    def deliver(self) -> bool:
        """Sends what may go now. False when the channel takes nothing more in this tick."""
        flying: deque[_Batch] = deque()
        more, pause = True, 0.0
        while True:
            try:
                while more and not pause and len(flying) < self._most():
                    if self._stopping() or not self._may_send():
                        pause = math.inf
                        break
                    flying.append(self._claim())
                    more = flying[-1].more
                if flying:
                    began = time.monotonic()
                    sent = self._settle(flying.popleft())
                    more, self._stand_ins = more or self._stand_ins, False
                    wait = self._pause(sent, time.monotonic() - began)
                    pause = math.inf if wait is None else max(pause, wait)
            except BaseException:
                self._land(flying)
                raise
            if flying:
                continue
            if pause == math.inf:
                return False
            if not pause and not more and not (pause := self._in_turn()):
                return True
            if pause:
                sleep(pause + 0.05, self._stopping)
                more, pause = True, 0.0

    def _most(self) -> int:
        """Batches on their way at once: alone we would only hold more in doubt."""
        return MOST_FLYING if self._tick.engine.outbox.posts_beside(self.channel) and not self._guard.probes else 1

    def _may_send(self) -> bool:
        """Whether the vendor is not given a rest."""
        if rests := self._guard.rests():
            self._fail_loudly(rests)
        return not rests

    def _land(self, flying: deque[_Batch]) -> None:
        """Something failed: what is on its way all the same is told."""
        while flying:
            with suppress(Exception):
                self._settle(flying.popleft())

    def _claim(self) -> _Batch:
        """Claims a batch, commits, and sends it on its way."""
        tick, engine = self._tick, self._tick.engine
        playbooks: dict[str, str] = {}
        moment = tick.clock.now()

        def verdict(candidates: Sequence[Candidate], history: History) -> Sequence[message.Move | None]:
            playbooks.update((c.id, c.playbook) for c in candidates)
            requests = self._requests(candidates)

            read, of_digest = unread(tick, self._to_read, candidates), verdicts(tick)

            def unmade(position: int) -> message.Move | None:
                candidate = candidates[position]
                if is_digest(candidate):
                    return of_digest(candidate)
                return self._unmakeable(candidate) or read(candidate) or self._told(candidate)

            buckets = self._buckets(requests, moment)
            moves = judge(requests, self._letters.rules, moment, history, unmade, self._queue, buckets, tick.began)
            if buckets is not None:
                self._spend(buckets)
            kept = [no_longer_than(move, request.expires_at) for move, request in zip(moves, requests, strict=True)]
            return self._fallbacks.instead(candidates, kept)

        self._fallbacks.ready()
        self._silent = self._suppressed_staff()
        began, wall = steady(), to_micros(engine.wall.now())
        most = 1 if self._guard.probes else BATCH
        claim = engine.store.claim(wall, to_micros(moment), tick.at, most, engine.holder, verdict, self.channel, tick.began)
        for move in claim.moved:
            self._count(playbooks.get(move.id, ""), move)
            if move.instead:
                tick.of(playbooks[move.id]).planned += len(move.instead)
        lease = Lease(engine.store, engine.wall, claim, began)
        try:
            jobs, without = self._letters.jobs(claim.dispatching)
            left = engine.store.count_waiting(self.channel, to_micros(moment)) if claim.more and engine.outbox.grows(self.channel) else 0
        except BaseException:
            self._put_back(claim.dispatching, "not_made")
            raise
        # From here on some may have left: what is interrupted now is in doubt.
        posted = engine.outbox.post(self.channel, jobs, lease, left=left)
        return _Batch(claim.dispatching, lease, without, posted, claim.more)

    def _suppressed_staff(self) -> set[str]:
        engine = self._tick.engine
        if self.channel != "email":
            return set()
        owner = {hashed: one.email for one in engine.project.team.staff for hashed in engine.hashes(one.email)}
        return {owner[hashed] for hashed in engine.store.suppressed_of(owner)} if owner else set()

    def _buckets(self, requests: Sequence[Request], moment: datetime) -> Buckets | None:
        """What is left of the project's rates; None when it declares none."""
        rates = self._letters.rules.rates
        if not rates:
            return None
        vendor, read = self._tick.engine.outbox.vendor(self.channel), self._tick.engine.store.buckets
        return Buckets(rates, vendor, requests, read, to_micros(moment), self._line)

    def _spend(self, buckets: Buckets) -> None:
        if spent := buckets.spent:
            self._tick.engine.store.put_buckets(spent)
        self._turn = min((at for at in (self._turn, buckets.next_turn) if at is not None), default=None)

    def _in_turn(self) -> float:
        """Seconds until one goes that waits for a rate, when it is worth waiting for; 0: there is none."""
        turn, self._turn = self._turn, None
        # In a span delivery's clock is moved on to it; what goes nowhere need not be waited for.
        if turn is None or self._tick.horizon is not None or self._tick.engine.outbox.vendor(self.channel) == "mailbox":
            return 0.0
        wait = max(_TURN, (turn - to_micros(self._tick.clock.now())) / 1_000_000)
        if wait > self._patience:
            return 0.0
        self._patience -= wait
        self._line.moves_on()
        return wait

    def _requests(self, candidates: Sequence[Candidate]) -> list[Request]:
        dates, holds, orders = self._plans.dates(candidates), self._plans.holds(candidates), self._tick.orders
        expiries = self._plans.expiries(candidates, dates)
        paused = [c.kind not in _NEVER_PAUSED and orders.pause(c.playbook, c.account_id) is not None for c in candidates]
        lost, left, not_before = self._plans.lost(candidates), self._plans.left(candidates), self._plans.not_before(candidates)
        unfit = [self._tick.unfit] * len(candidates)
        silent = [c.recipient_kind == "staff" and c.recipient in self._silent for c in candidates]
        given = zip(candidates, expiries, holds, paused, lost, not_before, dates, unfit, silent, left, strict=True)
        return [request_of(*one) for one in given]

    def _unmakeable(self, candidate: Candidate) -> message.Move | None:
        """Holds what no letter can be made of until its author has mended the template."""
        fault = self._letters.fault(candidate)
        if not fault:
            return None
        self._fail_loudly(f"delivery: {candidate.template} is held: {fault}")
        return message.held(candidate.id, candidate.state, fault, to_micros(self._tick.clock.now() + _MENDING))

    def _told(self, candidate: Candidate) -> message.Move | None:
        """A CTA that several fire at once, as contacts of one account do, is one alert, and one copy for each who gets one."""
        alert = candidate.cta_id if candidate.kind == "cta" else f"{candidate.cta_id} {candidate.recipient}"
        if candidate.kind not in ("cta", message.COPY) or self._alerts.setdefault(alert, candidate.id) == candidate.id:
            return None
        return message.skipped(candidate.id, candidate.state, "told_already")

    def _settle(self, batch: _Batch) -> list[Outcome]:
        """Waits for what became of a batch, and settles it: the channel's outcomes. What cannot be rendered is rejected alone."""
        try:
            with batch.lease.kept():
                told = batch.posted()
        except NotSent as failure:
            self._put_back(batch.candidates, "not_made")
            raise failure.__cause__ or failure from None
        unmade = {**batch.without, **{failed.id: failed.code for failed in told if isinstance(failed, Failed)}}
        sent = [outcome for outcome in told if isinstance(outcome, Outcome)]
        outcomes = {outcome.id: outcome for outcome in (*(Outcome(id, "rejected", code) for id, code in unmade.items()), *sent)}
        moves = [self._move(candidate, outcomes[candidate.id]) for candidate in batch.candidates]
        moves = self._fallbacks.after_refusal(batch.candidates, moves, outcomes)
        settle(self._tick, moves)  # before all else that could fail: nobody else knows it
        self._guard.learned(sent)
        for candidate in batch.candidates:
            if outcomes[candidate.id].nobody and candidate.email_hash:
                self._tick.engine.store.suppress(candidate.email_hash, "refused", self._tick.at)
        for candidate, move in zip(batch.candidates, moves, strict=True):
            if move.instead:
                self._tick.of(candidate.playbook).planned += len(move.instead)
                self._stand_ins = True
        self._blame(batch.candidates, unmade)
        for playbook, accepted in self._accepted(batch, outcomes).items():
            self._tick.of(playbook).sent += accepted
        return sent

    @staticmethod
    def _accepted(batch: _Batch, outcomes: Mapping[str, Outcome]) -> Counter[str]:
        return Counter(c.playbook for c in batch.candidates if outcomes[c.id].kind == "accepted" and c.kind != message.ALARM)

    def _blame(self, candidates: Sequence[Candidate], unmade: Mapping[str, str]) -> None:
        """What could not be made is a failure of its playbook."""
        blamed = Counter((c.playbook, c.step, unmade[c.id]) for c in candidates if c.id in unmade and unmade[c.id] not in _OF_THE_CUSTOMER)
        for (playbook, step, reason), n in sorted(blamed.items()):
            fail(self._tick, playbook, step, "message", reason, n)

    def _put_back(self, candidates: Sequence[Candidate], why: str) -> None:
        """Gives back what was claimed and surely never left."""
        now = to_micros(self._tick.clock.now())
        settle(self._tick, [message.retried(c.id, why, now, counts=False, fence=c.fence) for c in candidates])

    def _pause(self, sent: Sequence[Outcome], took: float) -> float | None:
        """Seconds until the channel takes more: 0 when it does now, None when it does not in this tick."""
        troubled = [outcome for outcome in sent if outcome.kind == "retry" and outcome.blameless]
        if not troubled:
            return 0.0
        wait = max(outcome.retry_after or 0.0 for outcome in troubled)
        through = any(outcome.kind == "accepted" for outcome in sent)
        failures = sorted({outcome.code for outcome in troubled} - _LIMITS)
        if failures or not wait:
            # Waiting mends no key. While some still get through, the others may too.
            wait, rests = 0.0, not through
        else:
            self._patience -= wait + took
            self._vain = 0 if through else self._vain + 1
            rests = self._patience < 0 or self._vain > MOST_VAIN_WAITS
        for code in failures:
            if code in ("auth", "forbidden"):
                self._fail_loudly(f"delivery: the {self.channel} channel refuses our key; its messages wait")
            elif rests:
                self._fail_loudly(f"delivery: the {self.channel} channel takes nothing now ({code}); its messages wait")
        return None if rests else wait

    def _move(self, candidate: Candidate, outcome: Outcome) -> message.Move:
        id, fence = candidate.id, candidate.fence
        match outcome.kind:
            case "accepted":
                return message.accepted(id, outcome.provider_id, fence=fence)
            case "rejected":
                return message.rejected(id, outcome.code, fence=fence)
            case "uncertain":
                return message.lost_sight(id, outcome.code, fence=fence)
            case "retry" if not outcome.blameless and candidate.attempts >= MOST_ATTEMPTS:
                return message.rejected(id, f"gave_up:{outcome.code}", fence=fence)
            case "retry":
                again = self._later(candidate, outcome)
                return message.retried(id, outcome.code, again, counts=not outcome.blameless, fence=fence)

    def _later(self, candidate: Candidate, outcome: Outcome) -> Micros:
        if outcome.retry_after is not None:
            span = timedelta(seconds=outcome.retry_after)
        elif outcome.blameless:
            span = _SOON
        else:
            span = min(timedelta(hours=6), timedelta(seconds=30 * 2**candidate.attempts)) * self._jitter.uniform(0.5, 1.0)
        return to_micros(self._tick.clock.now() + span)

    def _fail_loudly(self, failure: str) -> None:
        if failure not in self._tick.report.failures:
            self._tick.report.failures.append(failure)

    def _count(self, playbook: str, move: message.Move) -> None:
        self._tick.report.delivery[move.state.value] += 1
        if playbook and move.state is message.State.HELD:
            self._tick.of(playbook).held += 1
        elif playbook and move.state is message.State.SKIPPED:
            self._tick.of(playbook).skipped += 1


def request_of(
    c: Candidate, expires_at: Micros | None = None, hold: bool = False, paused: bool = False, lost: bool = False,
    not_before: Micros | None = None, date: Micros | None = None, unfit: bool = False, silent: bool = False,
    left: bool = False,
) -> Request:  # fmt: skip
    """What the rules read of a candidate."""
    return Request(
        id=c.id, state=c.state, channel=c.channel, topic=c.topic, template=c.template, recipient_kind=c.recipient_kind,
        known=c.contact_known, address=bool(c.email), suppressed=c.suppressed or silent, zone=c.timezone, locale=c.locale,
        kind=c.kind, account=c.account_id, recipient=c.recipient, domain=c.email.rpartition("@")[2].lower(), reason=c.reason,
        expires_at=expires_at, hold=hold, paused=paused, lost=lost, not_before=not_before, date=date, unfit=unfit,
        erased=c.erased, refused=c.refused, asked_for=c.asked_for, consent=c.consent, country=c.country,
        person=c.person, same=c.same, had=c.had, left=left,
    )  # fmt: skip
