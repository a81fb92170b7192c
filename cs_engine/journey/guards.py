"""How much one run may do, and on which data: beyond that the work waits until somebody says yes. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from math import ceil
from statistics import median
from typing import Literal, NamedTuple

from cs_engine.instants import Micros, from_micros
from cs_engine.journey.orders import Order

What = Literal["enrolments", "mails", "ctas", "accounts", "contacts", "events", "newest"]
WORK: tuple[What, ...] = ("enrolments", "mails", "ctas")
"""What runs do, guarded from above, a playbook at a time."""
STOCK: tuple[What, ...] = ("accounts", "contacts", "events")
"""What there is to decide on, guarded from below, for all playbooks at once."""

BREACH, APPROVED = "breach:", "approved:"
"""Kinds of orders, before what they are about. A breach stands `by` the run in which it began, with the number that was wanted as its
value; an approval allows the number that is its value.
"""

RECENT = 20
"""Runs that a median is taken of."""
FEW = 3
"""With fewer runs than this there is no median to speak of."""
KEPT = 100
"""Tallies that are kept of each playbook and kind of work."""
ROOM = 1.1
"""A yes lets go what was seen and a tenth more: there are a few more by the time that it is given."""
FIRST_DAY: Micros = timedelta(days=1) // timedelta(microseconds=1)


class Tally(NamedTuple):
    """So much of something in the run at that instant."""

    playbook: str
    """'' for what all playbooks share."""
    what: str
    at: Micros
    n: int


@dataclass(frozen=True, slots=True)
class Most:
    """The upper limit of one kind of work in one run of one playbook."""

    times: float
    """So many times the median of its recent runs."""
    at_least: int
    """So many are always allowed."""
    first_day: int
    """So many in all on the playbook's first day, and as long as it has too few runs behind it."""


@dataclass(frozen=True, slots=True)
class Floor:
    """What one source must be like."""

    newest: Micros | None = None
    """It is no older."""
    at_least: int | None = None
    """It has so many rows."""


class SourceState(NamedTuple):
    """What one source is like, by now."""

    name: str
    rows: int
    newest: Micros | None
    """Of what happens, when the latest did; of others since when it says what it says. None: it has nothing."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What project.yaml guards. Empty: nothing."""

    most: Mapping[str, Most] = field(default_factory=dict)
    """Of WORK."""
    least: Mapping[str, float] = field(default_factory=dict)
    """Of STOCK: no less than this share of the median of recent runs."""
    newest: Micros | None = None
    """The newest event is no older."""
    sources: Mapping[str, Floor] = field(default_factory=dict)
    """By name, those of which something is demanded."""

    def __bool__(self) -> bool:
        return bool(self.most or self.on_data)

    @property
    def on_data(self) -> bool:
        """Whether anything is demanded of what is decided on."""
        return bool(self.least or self.newest is not None or self.sources)


class Breach(NamedTuple):
    """More was wanted than may be, or less is there than must be."""

    playbook: str
    what: str
    n: int
    """How much was wanted, or is there."""
    reason: str


def run_id(at: Micros) -> str:
    """Names the run at that instant."""
    return f"run_{from_micros(at):%Y%m%dT%H%M%SZ}"


class Guards:
    """One run's guards: what each playbook may still do, by what it has done before, and what it has wanted beyond."""

    def __init__(self, limits: Limits, at: Micros, tallies: Iterable[Tally] = (), orders: Iterable[Order] = ()) -> None:
        """`tallies`: of runs up to this one; those at `at` are its own, of a try that died."""
        self.limits, self._at = limits, at
        self._before: dict[tuple[str, str], list[tuple[Micros, int]]] = defaultdict(list)
        self._done: dict[tuple[str, str], int] = defaultdict(int)
        self._refused: dict[tuple[str, str], int] = defaultdict(int)
        self._short_of: dict[tuple[str, str], Breach] = {}
        self._standing: dict[tuple[str, str], Order] = {}
        self._approved: dict[tuple[str, str], Order] = {}
        for tally in sorted(tallies, key=lambda tally: tally.at):
            if tally.at < at:
                self._before[tally.playbook, tally.what].append((tally.at, tally.n))
            elif tally.at == at:
                self._done[tally.playbook, tally.what] += tally.n
        for order in orders:
            for kind, known in ((BREACH, self._standing), (APPROVED, self._approved)):
                if order.kind.startswith(kind):
                    known[order.playbook, order.kind.removeprefix(kind)] = order

    def fits(self, playbook: str, what: str, n: int) -> bool:
        """Whether so much more of it may be done in this run."""
        key = playbook, what
        return what not in self.limits.most or self._done[key] + self._refused[key] + n <= self._limit(playbook, what)[0]

    def allow(self, playbook: str, work: Mapping[str, int], *, part: bool = False) -> bool:
        """Whether this work may be done beside what this run has done: then it counts as done, else as wanted. `part`: of something
        whose whole does not fit.
        """
        allowed = not part and all(self.fits(playbook, what, n) for what, n in work.items() if n)
        for what, n in work.items():
            (self._done if allowed else self._refused)[playbook, what] += n
        return allowed

    def undo(self, tallies: Iterable[Tally]) -> None:
        """Takes back what was allowed and did not come to be."""
        for tally in tallies:
            self._done[tally.playbook, tally.what] -= tally.n

    def _limit(self, playbook: str, what: str) -> tuple[int, str]:
        limit, why = self._usual(playbook, what)
        approved = self._approved.get((playbook, what))
        return (max(limit, int(approved.value)), f"approved as {approved.by}") if approved is not None else (limit, why)

    def _usual(self, playbook: str, what: str) -> tuple[int, str]:
        most, before = self.limits.most[what], self._before.get((playbook, what), [])
        young = not before or (len(before) < KEPT and before[0][0] > self._at - FIRST_DAY)
        if young or len(before) < FEW:
            lately = sum(n for at, n in before if at > self._at - FIRST_DAY)
            left = max(0, most.first_day - lately)
            return left, f"first_day: {most.first_day:,}" + (f", of which {lately:,} are gone" if lately else "")
        middle = median(n for _, n in before[-RECENT:])
        if most.at_least >= most.times * middle:
            return most.at_least, f"at_least: {most.at_least:,}"
        return ceil(most.times * middle), f"{most.times:g} times the median of its recent runs, {middle:g}"

    def look(self, stock: Mapping[str, int], newest: Micros | None, sources: Iterable[SourceState] = ()) -> list[Breach]:
        """What is wrong with the data that this run would decide on; [] when nothing is, or somebody has said yes to it."""
        found = [breach for what, n in stock.items() if (breach := self._short(what, n)) is not None]
        if self.limits.newest is not None and (newest is None or newest < self._at - self.limits.newest):
            age = "there is none" if newest is None else f"the newest is of {from_micros(newest):%Y-%m-%d %H:%M} UTC"
            found.append(Breach("", "newest", 0, f"the usage is too old: {age}"))
        found += [breach for state in sources for breach in self._beneath(state)]
        self._short_of = {(breach.playbook, breach.what): breach for breach in found}
        return [breach for breach in found if ("", breach.what) not in self._approved]

    def _short(self, what: str, n: int) -> Breach | None:
        before = [of for _, of in self._before.get(("", what), [])][-RECENT:]
        if what not in self.limits.least or not before:
            return None
        share, middle = self.limits.least[what], median(before)
        if n >= share * middle:
            return None
        return Breach("", what, n, f"there are {n:,} {what}, fewer than {share:.0%} of the usual {middle:,.0f}")

    def _beneath(self, state: SourceState) -> Iterator[Breach]:
        """What is too little or too old about one source."""
        floor = self.limits.sources.get(state.name, Floor())
        if floor.newest is not None and (state.newest is None or state.newest < self._at - floor.newest):
            age = "there is nothing in it" if state.newest is None else f"the newest is of {from_micros(state.newest):%Y-%m-%d %H:%M} UTC"
            yield Breach("", f"newest:{state.name}", 0, f"the source {state.name} is too old: {age}")
        if floor.at_least is not None and state.rows < floor.at_least:
            reason = f"the source {state.name} has {state.rows:,} rows, fewer than {floor.at_least:,}"
            yield Breach("", f"rows:{state.name}", state.rows, reason)

    def counted(self) -> bool:
        """Whether this run has tallied the data already, in a try that died."""
        return any(not playbook for playbook, _ in self._done)

    def breaches(self) -> list[Breach]:
        """All of this run that nobody has said yes to."""
        found = [breach for key, breach in self._short_of.items() if key not in self._approved]
        for (playbook, what), refused in self._refused.items():
            limit, why = self._limit(playbook, what) if what in self.limits.most else (0, "")
            wanted = self._done[playbook, what] + refused
            if why and wanted > limit:
                reason = f"{wanted:,} {what} in one run, {limit:,} are allowed ({why})"
                found.append(Breach(playbook, what, wanted, reason))
        return sorted(found)

    def standing(self, breach: Breach) -> Order | None:
        """The order that tells of it since an earlier run."""
        return self._standing.get((breach.playbook, breach.what))

    def breached(self, playbook: str) -> list[Order]:
        """Orders that say why work of the playbook, or all work, waits."""
        return [order for (of, _), order in sorted(self._standing.items()) if of in ("", playbook)]

    def over(self, looked_at: Iterable[str]) -> list[tuple[str, str, str]]:
        """(playbook, '', kind) of orders that are done with: of playbooks that this run has looked at ('' for the data), breaches that
        are none any more, and approvals that have been used. A yes to data holds until the data are well.
        """
        seen, now = set(looked_at), {breach[:2] for breach in self.breaches()}
        over = [(BREACH, key) for key in self._standing if key[0] in seen and key not in now]
        over += [(APPROVED, key) for key in self._approved if key[0] in seen and (key[0] or key not in self._short_of)]
        return sorted((playbook, "", f"{kind}{what}") for kind, (playbook, what) in over)


def approval(breach: Order, at: Micros, by: str) -> Order:
    """The yes to a breach: what was wanted may be, and a little more."""
    what = breach.kind.removeprefix(BREACH)
    return Order(breach.playbook, "", f"{APPROVED}{what}", at, breach.by, by, str(ceil(int(breach.value) * ROOM)))
