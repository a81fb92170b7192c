"""What plans say of messages at the claim."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cs_engine.instants import Micros
from cs_engine.journey import identity
from cs_engine.language.expression import Duration, Expression, Grain
from cs_engine.playbook.plan import Plan, SendingStep, WaitDate
from cs_engine.ports import Candidate
from cs_engine.run.context import TickContext
from cs_engine.run.own import Own, own_of


class PlanRules:
    """The rules of the plans that messages come from, within one tick."""

    def __init__(self, tick: TickContext) -> None:
        self._tick = tick
        self._ends: dict[tuple[Micros, Duration], Micros] = {}
        self._dated: dict[tuple[str, str], tuple[Plan, WaitDate]] = {
            (plan.digest, step.next.to or ""): (plan, step)
            for plan in tick.plans.values()
            for step in plan.steps
            if isinstance(step, WaitDate)
        }
        """(digest, step that has a date) -> where it is waited for."""

    def has_date(self, digest: str, step: str) -> bool:
        """Whether that step waits for a date."""
        return (digest, step) in self._dated

    def expiries(self, candidates: Sequence[Candidate], dates: Sequence[Micros | None]) -> list[Micros | None]:
        """For each from when on it is not sent any more; None: it keeps. `dates`: theirs, which they have waited for."""
        return [self._expiry(candidate, date) for candidate, date in zip(candidates, dates, strict=True)]

    def dates(self, candidates: Sequence[Candidate]) -> list[Micros | None]:
        """For each what the `at` of its step is now; NO_TIME: blank; None: it has none, or does not wait for it."""
        found: list[Micros | None] = [None] * len(candidates)
        groups: dict[tuple[str, str], list[int]] = {}
        for i, candidate in enumerate(candidates if self._dated else ()):
            key = (candidate.digest, candidate.step)
            if key in self._dated and candidate.kind != "cta_update" and self._first(candidate):
                groups.setdefault(key, []).append(i)
        for key, mine in groups.items():
            plan, step = self._dated[key]
            rows = self._tick.rows_of(plan.subject, [candidates[i].subject_id for i in mine])
            own = own_of(self._tick, plan, rows, [candidates[i].enrolment_id for i in mine]) if step.at.of_passage else None
            times = (own or Own(self._tick, plan, rows, [])).times(step.at)
            for i, row, at in zip(mine, rows.tolist(), times.tolist(), strict=True):
                found[i] = at if row >= 0 else None
        return found

    def holds(self, candidates: Sequence[Candidate]) -> list[bool]:
        """For each whether its playbook or the project holds mail to it."""
        held = [False] * len(candidates)
        for digest in {c.digest for c in candidates}:
            plan = self._tick.plans.get(digest)
            mask = None if plan is None else self._tick.held(plan)
            if plan is None or mask is None:
                continue
            mine = [i for i, c in enumerate(candidates) if c.digest == digest]
            rows = self._tick.rows_of(plan.subject, [candidates[i].subject_id for i in mine])
            for i, is_held in zip(mine, (mask[rows] & (rows >= 0)).tolist(), strict=True):
                held[i] = is_held
        return held

    def lost(self, candidates: Sequence[Candidate]) -> list[bool]:
        """For each whether it goes to a contact that our persistence has lost."""
        return self._of_contacts(self._tick.engine.project.lost_when, candidates)

    def _of_contacts(self, rule: Expression | None, candidates: Sequence[Candidate]) -> list[bool]:
        """For each whether it goes to a contact of whom that is so."""
        if rule is None or all(c.recipient_kind != "contact" for c in candidates):
            return [False] * len(candidates)
        rows = self._tick.rows_of(Grain.CONTACT, [c.recipient if c.recipient_kind == "contact" else "" for c in candidates])
        mask = self._tick.facts.mask(rule)
        return [bool(row >= 0 and mask[row]) for row in rows.tolist()]

    def left(self, candidates: Sequence[Candidate]) -> list[bool]:
        """For each whether it goes to a contact who has left their company."""
        return self._of_contacts(self._tick.engine.project.catalogue.has_left, candidates)

    def not_before(self, candidates: Sequence[Candidate]) -> list[Micros | None]:
        """For each until when somebody postponed its step; None: nobody did."""
        return [self._not_before(candidate) for candidate in candidates] if self._tick.step_orders else [None] * len(candidates)

    def _not_before(self, candidate: Candidate) -> Micros | None:
        order = self._tick.step_orders.get(candidate.enrolment_id, {}).get(candidate.step)
        return order.until if order is not None and order.kind == "postpone" and candidate.kind != "cta_update" else None

    def _first(self, candidate: Candidate) -> bool:
        """Whether it is the first of its step: its repeats follow it, wherever the date has moved since."""
        step = self._dated[candidate.digest, candidate.step][0].step(candidate.step)
        if not isinstance(step, SendingStep) or step.repeat is None:
            return True
        return candidate.id == identity.message_id(candidate.enrolment_id, candidate.step, candidate.channel, candidate.recipient)

    def _expiry(self, candidate: Candidate, date: Micros | None) -> Micros | None:
        plan = self._tick.plans.get(candidate.digest)
        step = plan.step(candidate.step) if plan is not None and candidate.kind != "cta_update" else None
        if plan is None or not isinstance(step, SendingStep) or step.expires is None:
            return None
        # What somebody postponed, or whose date has moved, keeps from then on as long as it would have.
        began = max(candidate.planned_at, self._not_before(candidate) or 0, date or 0)
        key = (began, step.expires)
        if key not in self._ends:
            self._ends[key] = int(self._tick.view(plan).after(np.array([began]), step.expires)[0])
        return self._ends[key]
