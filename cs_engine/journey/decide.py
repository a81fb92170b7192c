"""Where a cohort goes: the rules of LANGUAGE.md's tick, for all who stand at a step at once.

`walk` reads a plan and columns and gives columns back. Nobody moves more than once a tick, and nobody passes more than one
sending step in it: a passage stands there until its last message has ended.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol, assert_never

import numpy as np
from numpy.typing import NDArray

from cs_engine.instants import NO_TIME, Micros
from cs_engine.journey.enrolment import ARRIVE, MOVED
from cs_engine.language.expression import Duration, Expression
from cs_engine.playbook.plan import (
    AnyStep,
    Branch,
    Cta,
    Edge,
    Email,
    Enrol,
    Notice,
    Plan,
    Repeat,
    Sending,
    Set,
    Split,
    Stop,
    Wait,
    WaitDate,
    WaitUntil,
    Webhook,
    own_recipients,
)

Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Cohort:
    """Aligned columns of passages that stand at the same step, or are about to enter (`arriving`)."""

    step: str
    row: Ints
    """The subject's row in the facts; -1 when it is not there any more."""
    since: Ints
    """Instants: when they came to stand here."""
    ended: Ints
    """Instants: when the step's last message settled; NO_TIME while one is open."""
    otherwise_done: Mask
    entered: Ints
    """Instants: when the passage began."""
    held: Mask
    """Whose timers stand still: they may leave, and do nothing else."""
    control: Mask
    """Who takes the same way without effect."""
    repeats: Ints
    """How often each has done its step again."""
    moved: Mask | None = None
    """Who is a contact of another account now; None: nobody."""
    arriving: bool = False
    leaving: bool = False
    """Nothing is done but to leave: the playbook, or an `otherwise` block whose wait is met. Who leaves a block comes to the step behind
    it when the playbook is due.
    """
    skips: Mapping[str, Mask] = field(default_factory=dict)
    """Step -> for whom somebody ordered that it is skipped."""
    waits: Mapping[str, Mask] = field(default_factory=dict)
    """Step -> for whom somebody ordered that it does not end before a time that has not come."""

    def __len__(self) -> int:
        return len(self.row)


class Own(Protocol):
    """What passages of a cohort know that their subjects do not, in the cohort's order."""

    def holds(self, condition: Expression) -> Mask: ...

    def times(self, expression: Expression) -> Ints: ...

    def reaches(self, step: Sending) -> Mask:
        """Whether the step has anybody to go to."""


@dataclass(frozen=True, slots=True)
class View:
    """What a decision may read. Masks are over the rows of the plan's subjects."""

    now: Micros
    holds: Callable[[Expression], Mask]
    reaches: Callable[[Sending], Mask]
    """Whether a sending step has anybody to go to."""
    history: Callable[[str], Mask]
    """Where a milestone was true before we came: of that no notice is given."""
    after: Callable[[Ints, Duration], Ints]
    """Instants plus a duration, in the project's zone."""
    arms: Callable[[Split, Ints], Ints]
    """For subjects at these rows the numbers of their arms."""
    times: Callable[[Expression], Ints]
    """Instants over the rows of the plan's subjects; NO_TIME where blank."""
    days: Callable[[Ints], Ints]
    """Instants as numbers of days in the project's zone."""
    own: Own | None = None
    """Of the cohort that is walked; None where no expression of the plan asks for it."""
    outage: bool = False
    """Whether the playbook has missed its turns: what was to happen on a day before is late, wherever they stood."""


@dataclass(frozen=True, slots=True)
class Passed:
    """Members left, or passed by, a step for the same reason: a line of the journal each."""

    step: str
    members: Ints
    reason: str
    """goal | exit | while | subject_gone | moved
    | met | waited | due | late | no_date | otherwise | at_most | sent | control | repeat | until
    | set | enrolled | if | nobody | history | then | else | stop | end, or the arm of a split"""
    because: Expression | None = None
    """The condition that decided."""
    finished: str = ""
    """goal | exit | moved | done when this ended the passage."""


@dataclass(slots=True)
class Walk:
    """Where each member of a cohort rests now, and what that causes. Columns are aligned with the cohort."""

    step: NDArray[np.object_]
    since: Ints
    otherwise_done: Mask
    finished: NDArray[np.object_]
    """'' while active, else goal | done | exit | moved."""
    moved: Mask
    repeats: Ints
    sends: list[tuple[Sending, Ints]] = field(default_factory=list)
    spared: list[tuple[Sending, Ints]] = field(default_factory=list)
    """Members of control who come to a sending step: nothing is sent to them."""
    effects: list[tuple[Set | Enrol, Ints]] = field(default_factory=list)
    assigned: list[tuple[Split, Ints, Ints]] = field(default_factory=list)
    """Members who came to a split, and their arms."""
    passed: list[Passed] = field(default_factory=list)


def walk(plan: Plan, cohort: Cohort, view: View) -> Walk:
    """Moves a cohort on: goal, then exit, then its step and on through what is due, until a wait or a message."""
    return _Walker(plan, cohort, view).run()


class _Walker:
    """One walk: members wait in a queue per step; every edge runs forward, so one pass over the steps is enough."""

    def __init__(self, plan: Plan, cohort: Cohort, view: View) -> None:
        self.plan, self.cohort, self.view = plan, cohort, view
        size = len(cohort)
        self.out = Walk(
            step=np.full(size, cohort.step, dtype=object),
            since=cohort.since.copy(),
            otherwise_done=cohort.otherwise_done.copy(),
            finished=np.full(size, "", dtype=object),
            moved=~cohort.held if cohort.arriving and not cohort.leaving else np.zeros(size, dtype=bool),
            repeats=cohort.repeats.copy(),
        )
        self.arriving = np.full(size, cohort.arriving)
        self.position = {step.id: i for i, step in enumerate(plan.steps)}
        self.queue: list[list[Ints]] = [[] for _ in plan.steps]

    def run(self) -> Walk:
        members = np.arange(len(self.cohort), dtype=np.int64)
        gone = self.cohort.row < 0
        self._finish(members[gone], self.cohort.step, "exit", "subject_gone")
        members = members[~gone]
        if self.cohort.moved is not None:
            moved = self.cohort.moved[members]
            self._finish(members[moved], self.cohort.step, MOVED, MOVED)
            members = members[~moved]
        for leave in self.plan.leaves():
            if len(members):
                met = self._holds(leave.condition, members) == leave.when
                self._finish(members[met], self.cohort.step, leave.finished, leave.reason, leave.condition)
                members = members[~met]
        members = members[~self.cohort.held[members]]
        start = self.position[self.cohort.step]
        standing = self._leave_met_blocks(start, members)
        if self.cohort.leaving:
            return self.out
        self.queue[start].append(standing)
        for position in range(len(self.plan.steps)):
            arrived = self.queue[position]
            if arrived:
                self._at(position, arrived[0] if len(arrived) == 1 else np.concatenate(arrived))
        return self.out

    def _leave_met_blocks(self, start: int, members: Ints) -> Ints:
        """While in an `otherwise` the wait stays watched: once it is met, the rest of the block is left."""
        if self.cohort.arriving:
            return members
        for wait_id in self.plan.steps[start].watched_by:
            wait = self.plan.steps[self.position[wait_id]]
            if isinstance(wait, WaitUntil) and len(members):
                met = self._holds(wait.until, members)
                self._go(members[met], wait.id, wait.next, "met", wait.until, since=self.view.now)
                members = members[~met]
        return members

    def _at(self, position: int, members: Ints) -> None:
        step = self.plan.steps[position]
        members = self._stopping(step, members)
        if not len(members):
            return
        match step:
            case Email() | Notice() | Cta() | Webhook():
                self._send(step, members)
            case Wait():
                over = self.view.after(self.out.since[members], step.duration) <= self.view.now
                self._go(members[over], step.id, step.next, "waited", since=self.view.now)
                self._rest(members[~over], step.id)
            case WaitUntil():
                self._wait_until(step, members)
            case WaitDate():
                self._wait_date(step, members)
            case Branch():
                yes = self._holds(step.condition, members)
                self._go(members[yes], step.id, step.then, "then", step.condition)
                self._go(members[~yes], step.id, step.otherwise, "else", step.condition)
            case Split():
                self._split(step, members)
            case Set() | Enrol():
                control = self.cohort.control[members]
                self.out.effects.append((step, members[~control]))
                self._go(members[~control], step.id, step.next, "set" if isinstance(step, Set) else "enrolled")
                self._go(members[control], step.id, step.next, "control")
            case Stop():
                self._finish(members, step.id, "done", "stop")
            case _:
                assert_never(step)

    def _stopping(self, step: AnyStep, members: Ints) -> Ints:
        """Those who do the step: the others pass it by, by order or by its `if`, or are to wait a while longer."""
        if (skipped := self.cohort.skips.get(step.id)) is not None:
            leaving = members[skipped[members]]
            since = np.where(self.arriving[leaving], self.out.since[leaving], self.view.now)
            self._go(leaving, step.id, step.skip if isinstance(step, WaitDate) else step.next, "skip", since=since)
            members = members[~skipped[members]]
        if step.only_if is not None:
            fresh = self.arriving[members]
            passing = fresh & ~self._holds(step.only_if, members)
            self._go(members[passing], step.id, step.next, "if", step.only_if)
            members = members[~passing]
        if (waiting := self.cohort.waits.get(step.id)) is not None and isinstance(step, Wait | WaitUntil | WaitDate):
            self._rest(members[waiting[members]], step.id)
            members = members[~waiting[members]]
        return members

    def _send(self, step: Sending, members: Ints) -> None:
        fresh = self.arriving[members]
        standing = members[~fresh]
        # What ended in this very tick moves on in the next one, however often this one is run.
        # A control passage has no message to wait for: it stands here for a tick, as those do whose mail goes at once.
        when = np.where(self.cohort.control, self.cohort.since, self.cohort.ended)
        ended = (when[standing] != NO_TIME) & (when[standing] < self.view.now)
        self._rest(standing[~ended], step.id)
        leaving = standing[ended]
        if step.repeat is not None:
            leaving = self._again(step, step.repeat, leaving, when)
        control = self.cohort.control[leaving]
        # The next wait counts from when the last message really ended, not from when it was planned.
        for reason, some in (("sent", leaving[~control]), ("control", leaving[control])):
            self._go(some, step.id, step.next, reason, since=when[some])
        arrived = members[fresh]
        if isinstance(step, Notice) and len(arrived):
            old = self.view.history(step.milestone)[self.cohort.row[arrived]]
            self._go(arrived[old], step.id, step.next, "history")
            arrived = arrived[~old]
        if not len(arrived):
            return
        reached = self._reaches(step, arrived)
        self._go(arrived[~reached], step.id, step.next, "nobody")
        sending = arrived[reached]
        if len(sending):
            self.out.since[sending] = self.view.now
            self._rest(sending, step.id)
            self._sends(step, sending)

    def _again(self, step: Sending, repeat: Repeat, members: Ints, when: Ints) -> Ints:
        """Those whose last message has ended, and who are through with the step; the others send again, or wait to."""
        if repeat.until is not None:
            met = self._holds(repeat.until, members)
            self._go(members[met], step.id, step.next, "until", repeat.until, since=when[members[met]])
            members = members[~met]
        over = self.out.repeats[members] + 1 >= repeat.times
        through, members = members[over], members[~over]
        due = self.view.after(when[members], repeat.every) <= self.view.now
        self._rest(members[~due], step.id)
        members = members[due]
        reached = self._reaches(step, members)
        self._go(members[~reached], step.id, step.next, "nobody")
        members = members[reached]
        if len(members):
            self.out.repeats[members] += 1
            self.out.since[members] = self.view.now
            self.out.moved[members] = True
            self.out.passed.append(Passed(step.id, members, "repeat"))
            self._sends(step, members)
        return through

    def _sends(self, step: Sending, members: Ints) -> None:
        control = self.cohort.control[members]
        for into, some in ((self.out.sends, members[~control]), (self.out.spared, members[control])):
            if len(some):
                into.append((step, some))

    def _wait_until(self, step: WaitUntil, members: Ints) -> None:
        met = self._holds(step.until, members)
        self._go(members[met], step.id, step.next, "met", step.until, since=self.view.now)
        members = members[~met]
        if step.at_most is None or not len(members):
            self._rest(members, step.id)
            return
        late = ~self.out.otherwise_done[members] & (self.view.after(self.out.since[members], step.at_most) <= self.view.now)
        self._rest(members[~late], step.id)
        late_ones = members[late]
        if step.otherwise is not None:
            self._go(late_ones, step.id, Edge(step.otherwise), "otherwise", step.until, since=self.view.now)
        elif step.after == "continue":
            self._go(late_ones, step.id, step.next, "at_most", step.until, since=self.view.now)
        elif step.after == "stop":
            self._finish(late_ones, step.id, "done", "at_most", step.until)
        else:
            self._go(late_ones, step.id, Edge(step.id, otherwise_done=True), "at_most", step.until, since=self.view.now)

    def _split(self, step: Split, members: Ints) -> None:
        arms = self.view.arms(step, self.cohort.row[members])
        for number, arm in enumerate(step.arms):
            self._go(members[arms == number], step.id, arm.to, arm.name)
        told = ~self.cohort.control[members]
        if told.any():
            self.out.assigned.append((step, members[told], arms[told]))

    def _wait_date(self, step: WaitDate, members: Ints) -> None:
        now, since = self.view.now, np.where(self.arriving[members], self.out.since[members], self.view.now)
        at = self._times(step.at, members)
        blank, due = at == NO_TIME, at <= now
        late = np.zeros(len(members), dtype=bool)
        if step.if_late != "now" and (due & ~blank).any():
            # Dates are days: what fell on the very day is not late, whatever the hour at which the passage came.
            before = self.cohort.entered[members]
            if step.if_late == "skip":
                before = np.full(len(members), now) if self.view.outage else self.out.since[members]
            late = due & ~blank & (self.view.days(at) < self.view.days(before))
        for leaving, edge, reason in ((blank, step.skip, "no_date"), (late, step.skip, "late"), (due & ~blank & ~late, step.next, "due")):
            self._go(members[leaving], step.id, edge, reason, step.at, since=since[leaving])
        self._rest(members[~due], step.id)

    def _holds(self, condition: Expression, members: Ints) -> Mask:
        if condition.of_passage and self.view.own is not None:
            return self.view.own.holds(condition)[members]
        return self.view.holds(condition)[self.cohort.row[members]]

    def _times(self, expression: Expression, members: Ints) -> Ints:
        if expression.of_passage and self.view.own is not None:
            return self.view.own.times(expression)[members]
        return self.view.times(expression)[self.cohort.row[members]]

    def _reaches(self, step: Sending, members: Ints) -> Mask:
        if self.view.own is not None and own_recipients(step) is not None:
            return self.view.own.reaches(step)[members]
        return self.view.reaches(step)[self.cohort.row[members]]

    def _go(
        self, members: Ints, step: str, edge: Edge, reason: str, because: Expression | None = None, since: Ints | Micros | None = None
    ) -> None:
        if not len(members):
            return
        if edge.to is None:
            self._finish(members, step, "done", reason, because)
            return
        self.out.passed.append(Passed(step, members, reason, because))
        self.out.moved[members] = True
        self.arriving[members] = True
        self.out.otherwise_done[members] = edge.otherwise_done
        self.out.repeats[members] = 0
        if since is not None:
            self.out.since[members] = since
        if edge.otherwise_done:  # the one edge that runs back: it parks at its wait
            self._rest(members, edge.to)
        elif self.cohort.leaving:
            self._rest(members, f"{edge.to}{ARRIVE}")
        else:
            self.queue[self.position[edge.to]].append(members)

    def _rest(self, members: Ints, step: str) -> None:
        self.out.step[members] = step

    def _finish(self, members: Ints, step: str, reason: str, why: str, because: Expression | None = None) -> None:
        if not len(members):
            return
        self.out.passed.append(Passed(step, members, why, because, finished=reason))
        self.out.moved[members] = True
        self.out.step[members] = step
        self.out.since[members] = self.view.now
        self.out.finished[members] = reason
