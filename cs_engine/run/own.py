"""What passages know that their subjects do not: what was kept of each when it began, beside the tick's facts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property

import numpy as np

from cs_engine.instants import NO_TIME
from cs_engine.language.expression import Expression
from cs_engine.playbook.plan import Plan, Sending, own_recipients
from cs_engine.ports import Mask, PassageFacts, Rows
from cs_engine.run.context import TickContext


class Own:
    """Expressions over passages, in the order in which they were given; those that read nothing of a passage over its subject."""

    def __init__(
        self, tick: TickContext, plan: Plan, rows: Rows, kept: Sequence[str], known: Mapping[str, Mask] | None = None
    ) -> None:  # fmt: skip
        """`rows`: of their subjects; `kept`: JSON each; `known`: what is known already of conditions over them."""
        self._tick, self._plan, self._rows, self._kept = tick, plan, rows, kept
        self._known = dict(known or {})

    def only(self, which: Rows) -> Own:
        """Those at these positions, of whom nothing is asked twice."""
        known = {sql: mask[which] for sql, mask in self._known.items()}
        return Own(self._tick, self._plan, self._rows[which], [self._kept[i] for i in which.tolist()], known)

    @cached_property
    def _facts(self) -> PassageFacts:
        likely = [c for c in self._plan.conditions() if c.of_passage and c.grain is self._plan.subject]
        return self._tick.facts.passages(self._plan.subject, self._rows, self._kept, likely)

    def holds(self, condition: Expression) -> Mask:
        if condition.of_passage:
            if condition.sql not in self._known:
                self._known[condition.sql] = self._facts.holds(condition)
            return self._known[condition.sql]
        return (self._rows >= 0) & self._tick.facts.mask(condition)[self._rows]

    def times(self, expression: Expression) -> Rows:
        if expression.of_passage:
            return self._facts.times(expression)
        times = self._tick.facts.instants(expression)[self._rows]
        return np.where(self._rows >= 0, times, NO_TIME)

    def texts(self, expression: Expression) -> list[str]:
        if expression.of_passage:
            return self._facts.texts(expression)
        every = self._tick.facts.texts(expression)
        return [every[row] for row in self._rows.tolist()]

    def seen(self, expression: Expression, which: Rows) -> list[str]:
        """For those at these positions a JSON object of the values of the names that the expression reads."""
        return self._facts.seen(expression, which) if expression.of_passage else self._tick.facts.seen(expression, self._rows[which])

    def reaches(self, step: Sending) -> Mask:
        """Whether the step has anybody to go to."""
        mask = np.zeros(len(self._rows), dtype=bool)
        mask[self.contacts(step)[0]] = True
        return mask

    def contacts(self, step: Sending) -> tuple[Rows, Rows]:
        """(position, contact's row) of whom a step goes to whose `to` is a condition over passages."""
        condition = own_recipients(step)
        assert condition is not None
        return self._facts.contacts(condition)


def kept_of(tick: TickContext, plan: Plan, rows: Rows, events: Sequence[str]) -> list[str]:
    """What is kept of passages that begin now: of their events (JSON each, or ''), and what at_entry(…) asks for."""
    asked = plan.at_entry
    if not asked:
        return list(events)
    values = tick.facts.values(plan.subject, asked, rows)
    return [f"{event[:-1]}, {now[1:]}" if event else now for event, now in zip(events, values, strict=True)]


def own_of(tick: TickContext, plan: Plan, rows: Rows, ids: Sequence[str]) -> Own | None:
    """Of the passages of those ids, whose subjects stand at `rows`; None for a plan that asks for nothing of it."""
    if not plan.asks_passages:
        return None
    kept = tick.engine.store.kept(ids)
    return Own(tick, plan, rows, [kept.get(id, "") for id in ids])


def chosen(own: Own | None, step: Sending, which: Rows) -> tuple[Rows, Rows] | None:
    """Whom a step goes to whose `to` hangs on the passage: (position in `which`, contact's row); None for all other steps."""
    if own is None or own_recipients(step) is None:
        return None
    position, contact = own.contacts(step)
    place = {member: i for i, member in enumerate(which.tolist())}
    found = [(place[p], c) for p, c in zip(position.tolist(), contact.tolist(), strict=True) if p in place]
    return np.array([p for p, _ in found], np.int64), np.array([c for _, c in found], np.int64)
