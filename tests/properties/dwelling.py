"""What state machines over a town share: how time passes, who is inside and for what reason, and how all comes to rest."""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np
import pytest
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition

from cs_engine.instants import from_micros, to_micros
from cs_engine.journey.enrolment import Standing
from cs_engine.language import durations
from cs_engine.language.expression import Duration, Expression
from cs_engine.playbook.plan import Cta, Email, Notice, Plan, Wait, WaitDate, WaitUntil
from tests.properties.memory import Fate
from tests.properties.project import Home
from tests.properties.town import START, Town, mixed

_ACCEPTED: list[Fate] = ["accepted"] * 6
FATES: list[Fate] = [*_ACCEPTED, "rejected", "lost", "unheard", "retry"]
QUIET_DAYS = 3
"""After so many ticks in which nothing moves nothing ever will: they are further apart than the longest wait."""


def sometimes_lost(message: str, now: datetime) -> Fate:
    # When a retry comes is spread by the process's name.
    return FATES[mixed(message, now) % (len(FATES) - 1)]


class Dwelling(RuleBasedStateMachine):
    """One town. Its now only goes forward."""

    home: Home
    town: Town
    longest: int
    """Ticks until all must have come to rest."""

    def __init__(self) -> None:
        super().__init__()
        self.now = START
        self.weather = 0
        self.muted: set[str] = set()

    def teardown(self) -> None:
        if hasattr(self, "town"):
            self.calms_down()
            self.town.close()

    # --- what differs

    def ticks(self, horizon: bool = False) -> None:
        """A tick at this now, in which nothing dies."""
        raise NotImplementedError

    def version(self, digest: str) -> Plan:
        """The plan that a passage of that digest goes by."""
        raise NotImplementedError

    def stands_still(self, who: Standing, plan: Plan) -> bool:
        """Whether its timers do; for a reason."""
        if who.held_since is not None:
            assert self.is_held(plan.digest, who.subject_id), "its timers stand still because a hold is on"
        return who.held_since is not None

    def rests(self) -> None:
        """Before each tick in which all is to come to rest."""

    # --- what is so

    def horizon_of(self, wanted: bool) -> datetime | None:
        return self.now + timedelta(hours=12) if wanted else None

    def is_held(self, digest: str, subject: str) -> bool:
        plan = self.version(digest)
        row = self.town.facts.rows(plan.subject).get(subject)
        return plan.hold is not None and row is not None and bool(self.town.facts.mask(plan.hold)[row])

    def active(self) -> list[tuple[Standing, Plan]]:
        at = to_micros(self.now) + 1
        return [
            (who, self.version(digest))
            for playbook, digest, n in self.town.store.occupied()
            if n
            for who in self.town.store.standing(playbook, digest, at)
        ]

    # --- what always holds

    def stands_well(self, who: Standing, plan: Plan) -> None:
        """After a tick in which the playbook was due: at a step, and for a reason."""
        now, step = to_micros(self.now), plan.step(who.step)
        if self.stands_still(who, plan):
            return
        match step:
            case Wait():
                assert _after(who.since, step.duration) > now
            case WaitUntil():
                assert not self._holds(plan, step.until, who)
                assert who.otherwise_done or step.at_most is None or _after(who.since, step.at_most) > now
            case WaitDate():
                assert self.town.facts.instants(step.at)[self.town.facts.rows(plan.subject)[who.subject_id]] > now
            case Email() | Notice() | Cta() if who.control:
                assert who.since == now or step.repeat is not None, "a control passage waits for no message"
            case Email() | Notice() | Cta() if step.repeat is not None and who.step_ended_at is not None:
                assert who.step_ended_at == now or _after(who.step_ended_at, step.repeat.every) > now
            case _:
                assert step is not None
                messages = self.town.rows(
                    "SELECT settled_at FROM messages WHERE enrolment_id = :id AND step = :step AND kind <> 'cta_update'",
                    id=who.id,
                    step=who.step,
                )
                assert messages, "it waits for messages that there are"
                assert who.step_ended_at == now or (None,) in messages

    def _holds(self, plan: Plan, condition: Expression, who: Standing) -> bool:
        row = self.town.facts.rows(plan.subject)[who.subject_id]
        if not condition.of_passage:
            return bool(self.town.facts.mask(condition)[row])
        (kept,) = self.town.rows("SELECT kept FROM kept_at_entry WHERE enrolment_id = :id", id=who.id) or [("",)]
        return bool(self.town.facts.passages(plan.subject, np.array([row]), [kept[0]]).holds(condition)[0])

    @invariant()
    @precondition(lambda self: hasattr(self, "town"))
    def what_is_planned_is_somewhere(self) -> None:
        planned, *rest = self.town.store.counts()
        assert planned == sum(rest)

    # --- in the end

    def calms_down(self) -> None:
        """Nothing changes any more and all that is sent arrives: after some ticks all who are inside wait for what will not come."""
        self.weather, quiet = 0, 0
        self.now = self.now.replace(hour=10, minute=0) + timedelta(days=1)
        for _ in range(self.longest):
            if quiet >= QUIET_DAYS:
                break
            self.now += timedelta(days=8)
            self.rests()
            lines = "SELECT count(*) FROM journal"
            before = self.town.rows(lines)
            self.ticks()
            quiet = quiet + 1 if self.town.rows(lines) == before else 0
        else:
            going_on = "SELECT playbook, step, event, reason, count(*) FROM journal WHERE at = :now GROUP BY 1, 2, 3, 4"
            pytest.fail(f"it never comes to rest: {self.town.rows(going_on, now=to_micros(self.now))}")
        counts = self.town.store.counts()
        kept = self.town.rows("SELECT digest, subject_id, reason FROM messages WHERE state = 'held'")
        assert all(self.is_held(digest, subject) for digest, subject, _ in kept), f"only a hold that is on keeps mail for good: {kept}"
        assert (counts.pending, counts.uncertain) == (0, 0)
        gone = {row[0] for row in self.town.rows("SELECT id FROM enrolments WHERE finished_reason IN ('goal', 'exit')")}
        assert not [cta for cta in self.town.store.open_ctas() if cta.enrolment_id in gone]
        for who, plan in self.active():
            step = plan.step(who.step)
            if who.held_since is not None:
                assert self.is_held(plan.digest, who.subject_id)
                continue
            assert isinstance(step, WaitUntil), "nobody is stuck"
            assert step.at_most is None or who.otherwise_done


def _after(at: int, duration: Duration) -> int:
    return to_micros(durations.add(from_micros(at), duration, START.tzinfo))  # type: ignore[arg-type]
