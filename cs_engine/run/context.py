"""What the phases of one tick share: the assembled engine, one `now`, its facts, and the report they write."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import repeat
from zoneinfo import ZoneInfo

import numpy as np

from cs_engine.clock import Clock
from cs_engine.instants import NO_TIME, Micros, from_micros, to_micros
from cs_engine.journey import experiment
from cs_engine.journey.decide import Ints, Own, View
from cs_engine.journey.guards import Guards, Limits
from cs_engine.journey.orders import Orders
from cs_engine.journey.step_orders import StepOrder, by_passage
from cs_engine.language import durations
from cs_engine.language.expression import Duration, Expression, Grain, Spell
from cs_engine.playbook.plan import SHADOW_MODE, Plan, Split
from cs_engine.playbook.project import Project
from cs_engine.ports import Facts, Mask, Store, Usage
from cs_engine.run.delivery.links import AnswerLinks, PreferenceLinks
from cs_engine.run.delivery.outbox import Outbox
from cs_engine.run.people import Directory
from cs_engine.run.report import PlaybookReport, TickReport


@dataclass(frozen=True, slots=True)
class Engine:
    """Everything a tick is given. Running, simulating and testing differ in the store, the outbox and the clocks."""

    project: Project
    store: Store
    usage: Usage
    outbox: Outbox
    holder: str
    """Names this process: who holds the tick and the messages on their way."""
    delivery_clock: Callable[[datetime], Clock]
    """Delivery's clock for a tick at that `now`: it ticks in a run and stands still in a simulation."""
    wall: Clock
    """Real time, for leases."""
    links: AnswerLinks | None = None
    """Makes the links of mails that ask; None where nothing does."""
    preferences: PreferenceLinks | None = None
    """Makes the links in the feet of mails; None where nobody knows where our pages are reached."""
    steered: bool = False
    """Whether Slack can call us back: alerts have buttons then that skip and postpone steps."""
    browsed: bool = False
    """Whether people know where our pages are reached: what waits for a yes can be opened in a browser then."""
    hashes: Callable[[str], list[str]] = lambda _address: []
    """Keyed hashes of an address, as suppressions are held by."""


@dataclass(slots=True)
class TickContext:
    """One tick under way."""

    engine: Engine
    now: datetime
    facts: Facts
    directory: Directory
    plans: dict[str, Plan]
    """Live and occupied plans by digest."""
    due: list[str]
    """Playbooks that are due, by priority, the highest first."""
    clock: Clock
    """Delivery's."""
    report: TickReport
    first_run: frozenset[str] = frozenset()
    """Playbooks that run for the first time in this tick."""
    guards: Guards = field(default_factory=lambda: Guards(Limits(), 0))
    """How much this run may do."""
    unfit: bool = False
    """The data are too little or too old for anything to be decided on them."""
    late: Mapping[str, Micros] = field(default_factory=dict)
    """Playbooks that have missed their turns: how late they run."""
    orders: Orders = field(default_factory=Orders)
    """What stands about playbooks beside their plans."""
    horizon: datetime | None = None
    """The next tick of a span: delivery's clock runs on to it."""
    narrow: bool = False
    """It looks at the playbooks that are due alone, and completes nothing: the next whole tick sees to the rest."""
    latched: Mapping[str, tuple[Sequence[str], Sequence[Micros]]] = field(default_factory=dict)
    """Milestone -> (accounts, when) of what had been reached when the tick began."""
    claimed: Mapping[str, tuple[Sequence[str], Sequence[Micros]]] = field(default_factory=dict)
    """The same of those that customers confirm, whether they have or not."""
    next_due: dict[str, Micros] = field(default_factory=dict)
    spells: tuple[Spell, ...] = ()
    """What anything asks held(…) of."""
    _assigned: dict[str, dict[str, str]] = field(default_factory=dict)
    """Split -> account -> arm, as kept before this tick."""
    _step_orders: dict[str, dict[str, StepOrder]] | None = None
    _holdouts: dict[str, float] | None = None
    at: Micros = field(init=False)
    """`now` as an instant."""
    began: Micros = field(init=False)
    """When delivery's clock was set last: at `now`, or at a moment of a span. Caps count by it, as ticks are what passes time."""

    def __post_init__(self) -> None:
        self.at = self.began = to_micros(self.now)

    def run_on(self, at: datetime) -> None:
        """Sets delivery's clock to a later moment of the span."""
        self.clock, self.began = self.engine.delivery_clock(at), to_micros(at)

    @property
    def step_orders(self) -> dict[str, dict[str, StepOrder]]:
        """Passage -> what somebody ordered for its steps."""
        if self._step_orders is None:
            self._step_orders = by_passage(self.engine.store.step_orders())
        return self._step_orders

    def look_again(self) -> None:
        """Others have changed what was read: orders for steps are read anew."""
        self._step_orders = None

    @property
    def holdouts(self) -> dict[str, float]:
        """Playbook -> the smallest share that its control group has had."""
        if self._holdouts is None:
            self._holdouts = self.engine.store.holdouts()
        return self._holdouts

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.engine.project.config.timezone)

    @property
    def opens_the_day(self) -> bool:
        """Whether no tick was completed before it on its day of the project's zone."""
        return opens_the_day(self.engine, self.at)

    def of(self, playbook: str) -> PlaybookReport:
        """The playbook's part of the report."""
        reports = self.report.playbooks
        if playbook not in reports:
            live = self.engine.project.plans.get(playbook)
            reports[playbook] = PlaybookReport(playbook, live.digest if live else "")
        return reports[playbook]

    def view(self, plan: Plan, own: Own | None = None) -> View:
        """What a walk of this plan reads; `own`: what the passages know that are walked."""
        return View(
            now=self.at,
            holds=self.facts.mask,
            reaches=lambda step: self.directory.reaches(step, plan.subject),
            history=lambda milestone: self._history(milestone, plan.subject),
            after=self.after,
            arms=lambda split, rows: self._arms(plan, split, rows),
            times=self.facts.instants,
            days=self._days,
            own=own,
            outage=plan.playbook in self.late,
        )

    def in_shadow(self, playbook: str) -> bool:
        """Whether nothing of the playbook leaves, as it is now."""
        live = self.engine.project.plans.get(playbook)
        return live is not None and live.mode == SHADOW_MODE

    def held(self, plan: Plan) -> Mask | None:
        """Over the plan's subjects: whose mail a hold keeps; None when nothing can."""
        masks = [self.over(plan.subject, condition) for condition in self.engine.project.holds_of(plan)]
        return np.logical_or.reduce(masks) if masks else None

    def paused(self, plan: Plan) -> Mask | None:
        """Over the plan's subjects: who is paused in it; None when nobody is."""
        size = len(self.facts.ids(plan.subject))
        if self.orders.pause(plan.playbook) is not None:
            return np.ones(size, dtype=bool)
        accounts = self.rows_of(Grain.ACCOUNT, self.orders.paused_accounts(plan.playbook))
        if not len(accounts):
            return None
        mask = np.zeros(len(self.facts.ids(Grain.ACCOUNT)), dtype=bool)
        mask[accounts[accounts >= 0]] = True
        return mask if plan.subject is Grain.ACCOUNT else mask[self.facts.account_of_contact()]

    def over(self, grain: Grain, condition: Expression) -> Mask:
        """Where a condition holds, over the rows of that grain: of an account, for all of its contacts."""
        mask = self.facts.mask(condition)
        return mask if condition.grain is grain else mask[self.facts.account_of_contact()]

    def _history(self, milestone: str, grain: Grain) -> Mask:
        """Over the grain's rows: whose account had reached it before its first evaluation."""
        mask = np.zeros(len(self.facts.ids(Grain.ACCOUNT)), dtype=bool)
        rows = self.rows_of(Grain.ACCOUNT, self.engine.store.history(milestone))
        mask[rows[rows >= 0]] = True
        return mask if grain is Grain.ACCOUNT else mask[self.facts.account_of_contact()]

    def rows_of(self, grain: Grain, subjects: list[str]) -> Ints:
        """Their rows in the facts, -1 for who is not there."""
        index: Mapping[str, int] = self.facts.rows(grain)
        return np.fromiter(map(index.get, subjects, repeat(-1)), np.int64, len(subjects))

    def _arms(self, plan: Plan, split: Split, rows: Ints) -> Ints:
        name = experiment.of_split(plan.playbook, split.id)
        if name not in self._assigned:
            self._assigned[name] = self.engine.store.assigned(name)
        kept, names = self._assigned[name], {arm.name: number for number, arm in enumerate(split.arms)}
        ids = self.facts.ids(Grain.ACCOUNT)
        of = rows if plan.subject is Grain.ACCOUNT else self.facts.account_of_contact()[rows]
        accounts = [ids[row] for row in of.tolist()]
        weights = [arm.weight for arm in split.arms]
        if kept.keys().isdisjoint(accounts):
            return experiment.arms(name, accounts, weights)
        chosen = np.array([names.get(kept.get(account, ""), -1) for account in accounts], np.int64)
        fresh = np.flatnonzero(chosen < 0)
        chosen[fresh] = experiment.arms(name, [accounts[i] for i in fresh.tolist()], weights)
        return chosen

    def _days(self, instants: Ints) -> Ints:
        """Which day each is in the project's zone; NO_TIME stays."""
        distinct, where = np.unique(instants, return_inverse=True)
        days = [at if at == NO_TIME else from_micros(at).astimezone(self.zone).toordinal() for at in distinct.tolist()]
        return np.array(days, dtype=np.int64)[where]

    def after(self, instants: Ints, duration: Duration) -> Ints:
        """Instants plus a duration, in the project's zone."""
        exact = durations.micros(duration)
        if exact is not None:
            return instants + exact
        # Days depend on the zone's calendar. Instants are nows of ticks, so few of many are distinct.
        off = self.engine.project.is_day_off if duration.unit == "business days" else None
        distinct, where = np.unique(instants, return_inverse=True)
        moved = [to_micros(durations.add(from_micros(at), duration, self.zone, off=off)) for at in distinct.tolist()]
        return np.array(moved, dtype=np.int64)[where]


def opens_the_day(engine: Engine, at: Micros) -> bool:
    """Whether no tick before that one was completed on its day of the project's zone."""
    zone, before = ZoneInfo(engine.project.config.timezone), engine.store.ticks_before(at, 1)
    return not before or from_micros(before[0]).astimezone(zone).date() < from_micros(at).astimezone(zone).date()
