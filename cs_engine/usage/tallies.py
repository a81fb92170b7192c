"""Tallies: what is kept of an event source so that windows need not read its events again. Text and arithmetic only.

A tally is of one grain, one way to count and one `where`; every window over the same shares it, however long it is and however far
back it was moved. Three shapes:

- *by day*: a row a (subject "#no", "#day") with what adds up over days: how many, the sum, the lowest and the highest, the first and the
  last time;
- *marks*: a row a (subject "#no", value "#by", "#block" of 60 days) whose "#bits" say on which of the 60 days there was such an event.
  Every count of distinct values in whole days is told by them, wherever the window lies; without a value, days and weeks with events;
- *ways*: a row a (subject "#no", "#day"), where one person takes all steps a (subject "#no", person "#by", "#day"), with how far
  through a funnel that day's events lead by its end: from each of its first steps, and from ways that began before (see `ways_sql`).

Rows of one key may stand in several places (a segment of the usage each, and the events of days that are not over): whoever
reads a tally adds up, so that late events only add a row. What was kept is of whole days; which of them may be read is `sources.tallies`.

Two things cannot be told from them, and are read from events: what is of hours, windows or a funnel's `within`, and what hangs on `now`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from hashlib import blake2b

from cs_engine.language.expression import Grain, Type
from cs_engine.language.scope import quoted
from cs_engine.usage.ways_sql import days_ways, ways_taken
from cs_engine.usage.windows import Kind, Window

BLOCK = 60
"""Days that one row of marks speaks for: as many as bits of a BIGINT that are no sign."""
_EPOCH = date(1970, 1, 1)
_BEFORE = 200_000 * BLOCK
"""Makes the number of every day that DuckDB knows positive."""
_MOST_WEEKS = 60
"""More weeks than this have no bits: they are counted from events."""


class Measure(StrEnum):
    """What is kept of a subject's events, beside whether there were any."""

    EVENTS = "events"
    """How many: "#n"."""
    TIMES = "times"
    """"#first" and "#last" of them."""
    VALUES = "values"
    """Of a column: "#n" values, their "#sum", "#low" and "#high"."""
    MOMENTS = "moments"
    """How many different times: "#n". A time is of one day, so days add up; days whose events lie in two places do not."""
    MARKS = "marks"
    WAYS = "ways"
    """How far each of its first steps led, and each step of ways that began before. What followed what in a day hangs on all events of
    that day: days whose events lie in two places do not add up.
    """


_MEASURES: Mapping[Kind, Measure] = {
    Kind.COUNT: Measure.EVENTS,
    Kind.SUM: Measure.VALUES,
    Kind.MIN: Measure.VALUES,
    Kind.MAX: Measure.VALUES,
    Kind.AVG: Measure.VALUES,
    Kind.FIRST_TIME: Measure.TIMES,
    Kind.LAST_TIME: Measure.TIMES,
    Kind.COUNT_DISTINCT: Measure.MARKS,
    Kind.ACTIVE_DAYS: Measure.MARKS,
    Kind.ACTIVE_WEEKS: Measure.MARKS,
    Kind.DAYS_SINCE_FIRST: Measure.MARKS,
    Kind.DAYS_SINCE_LAST: Measure.MARKS,
    Kind.STREAK_DAYS: Measure.MARKS,
    Kind.STREAK_WEEKS: Measure.MARKS,
    Kind.FUNNEL: Measure.WAYS,
}


@dataclass(frozen=True, slots=True)
class Tally:
    source: str
    grain: Grain
    measure: Measure
    column: str
    """What VALUES are of, and MARKS and WAYS are grouped by; '' for none."""
    where: str
    reads: tuple[str, ...] = ()
    """The columns of events that it hangs on."""
    instants: bool = False
    """Whether VALUES are times."""
    steps: tuple[str, ...] = ()
    """SQL of the steps of WAYS."""

    @classmethod
    def of(cls, window: Window, grain: Grain) -> Tally | None:
        """The tally that tells it; None for a window that only events tell."""
        measure = Measure.TIMES if window.when is not None else _MEASURES.get(window.kind)
        weeks = window.kind is Kind.ACTIVE_WEEKS and (window.days is None or window.days > _MOST_WEEKS * 7)
        steps = window.funnel.steps if window.funnel else ()
        hours = window.hours is not None or (window.funnel is not None and window.funnel.hours is not None)
        if measure is None or weeks or hours or any("getvariable" in sql for sql in (window.where, *steps)):
            return None
        if window.kind is Kind.COUNT_DISTINCT and window.column == "at":
            measure = Measure.MOMENTS
        column = window.column if measure in (Measure.MARKS, Measure.VALUES) else ""
        if window.funnel is not None and window.funnel.one_person and grain is Grain.ACCOUNT:
            column = "contact"
        timed = measure in (Measure.TIMES, Measure.MOMENTS, Measure.WAYS)
        reads = sorted({*window.reads, *([column] if column else []), *(["at"] if timed else [])})
        return cls(window.source, grain, measure, column, window.where, tuple(reads), window.value is Type.INSTANT, steps)

    @property
    def view(self) -> str:
        """The name of the view that has it: of all that there is to read at `now`."""
        return quoted(f"tally_{self._digest('')}")

    def told(self, windows: Iterable[Window]) -> str:
        """The name of the table or view that has what it says of these windows at `now`, where it is `told_apart`."""
        names = blake2b("\0".join(window.name for window in windows).encode(), digest_size=6).hexdigest()
        return quoted(f"told_{self._digest('')}_{names}")

    def digest(self, kinds: Mapping[str, str]) -> str:
        """Names it among those that are kept, with the types of the columns that it reads: of another type, they are counted anew."""
        return self._digest(",".join(kinds.get(name, "") for name in self.reads))

    def _digest(self, more: str) -> str:
        parts = (*map(str, (self.source, self.grain, self.measure, self.column, self.where, self.instants, more)), *self.reads, *self.steps)
        return blake2b("\0".join(parts).encode(), digest_size=10).hexdigest()

    @property
    def told_apart(self) -> bool:
        """Whether what it says of windows is counted beforehand, and read by that name (`told`)."""
        return self.numbered or self.measure is Measure.WAYS

    @property
    def numbered(self) -> bool:
        """Whether its keys are whole numbers alone, and it counts nothing but events and days."""
        return self.measure is Measure.EVENTS or (self.measure is Measure.MARKS and self.column in ("", "contact", "event"))

    @property
    def by_day(self) -> bool:
        return self.measure is not Measure.MARKS

    @property
    def by_whole_day(self) -> bool:
        """Whether a day's rows are made of all of its events together, and rows of two places do not add up."""
        return self.measure in (Measure.MOMENTS, Measure.WAYS)

    @property
    def keys(self) -> tuple[str, ...]:
        """Its columns that tell a row from others."""
        if self.by_day:
            return quoted("#no"), *([quoted("#by")] if self.column and self.measure is Measure.WAYS else []), quoted("#day")
        return quoted("#no"), *([quoted("#by")] if self.column else []), quoted("#block")

    def kept(self, events: str) -> str:
        """SELECT of what is kept of these events, a row a key, in order of time; of ways in order of whose they are."""
        keys = ", ".join(self.keys)
        states = ", ".join(f"{sql} AS {quoted(name)}" for name, sql in self._states().items())
        # Ways are followed from day to day, all else is read in spans of days.
        order = keys if self.measure is Measure.WAYS else f"{self.keys[-1]}, {keys}"
        return f"SELECT {keys}, {states} FROM ({self._events(events)}) GROUP BY ALL ORDER BY {order}"

    def straight(self, events: str) -> str:
        """SELECT of the same straight from events: keys may repeat, as they may in several places."""
        if self.by_whole_day:
            made = ", ".join([*self.keys, *(f"{sql} AS {quoted(name)}" for name, sql in self._states().items())])
            return f"SELECT {made} FROM ({self._events(events)}) GROUP BY ALL"
        shown = ", ".join([*self.keys, *(f"{sql} AS {quoted(name)}" for name, sql in self._single().items())])
        return f"SELECT {shown} FROM ({self._events(events)})"

    def columns(self) -> list[str]:
        return [*self.keys, *map(quoted, self._states())]

    def _events(self, events: str) -> str:
        """SELECT of the events that count, by the tally's names."""
        subject = quoted(f"#{self.grain}")
        shown, parts = [f'{subject} AS "#no"'], [f"{subject} IS NOT NULL"]
        match self.measure:
            case Measure.MARKS:
                if self.column:
                    value = quoted(f"#{self.column}" if self.column in ("contact", "event") else self.column)
                    shown.append(f'{value} AS "#by"')
                    parts.append(f"{value} IS NOT NULL")
                shown += [f'CAST({_NUMBER} // {BLOCK} AS INTEGER) AS "#block"', f'(CAST(1 AS BIGINT) << ({_NUMBER} % {BLOCK})) AS "#bit"']
            case Measure.VALUES:
                value = quoted(self.column) if self.instants else f"CAST({quoted(self.column)} AS DOUBLE)"
                shown += ['"#day"', f'{value} AS "#value"']
                parts.append(f"{quoted(self.column)} IS NOT NULL")
            case Measure.TIMES | Measure.MOMENTS:
                shown += ['"#day"', '"at" AS "#at"']
            case Measure.WAYS:
                if self.column:
                    shown.append('"#contact" AS "#by"')
                    parts.append('"#contact" IS NOT NULL')
                shown += ['"#day"', 'epoch_us("at") AS "#us"', *(f'({step}) AS "#step{i}"' for i, step in enumerate(self.steps))]
            case Measure.EVENTS:
                shown.append('"#day"')
        if self.where:
            parts.append(f"({self.where})")
        selected = f"SELECT {', '.join(shown)} FROM {events} WHERE {' AND '.join(parts)}"
        return ways_taken(selected, len(self.steps), self.keys) if self.measure is Measure.WAYS else selected

    def _states(self) -> dict[str, str]:
        """What is kept -> how it is made of single events."""
        match self.measure:
            case Measure.EVENTS:
                return {"#n": "CAST(count(*) AS INTEGER)"}
            case Measure.MOMENTS:
                return {"#n": 'count(DISTINCT "#at")'}
            case Measure.TIMES:
                return {"#first": 'min("#at")', "#last": 'max("#at")'}
            case Measure.VALUES:
                total = {} if self.instants else {"#sum": 'sum("#value")'}
                return {"#n": "count(*)", **total, "#low": 'min("#value")', "#high": 'max("#value")'}
            case Measure.MARKS:
                return {"#bits": 'bit_or("#bit")'}
            case Measure.WAYS:
                return days_ways(len(self.steps))

    def _single(self) -> dict[str, str]:
        """The same of one event."""
        value = '"#at"' if self.measure is Measure.TIMES else '"#value"'
        single = {"#n": "1", "#bits": '"#bit"'}
        return {name: single.get(name, value) for name in self._states()}


_NUMBER = f"(\"#day\" - DATE '{_EPOCH.isoformat()}' + {_BEFORE})"


def day_number(day: date) -> int:
    """Days since 1970."""
    return (day - _EPOCH).days


def place(day: int) -> tuple[int, int]:
    """The block that a day since 1970 lies in, and its bit."""
    return divmod(day + _BEFORE, BLOCK)


def first_day(block: int) -> int:
    """The first day of a block, since 1970."""
    return block * BLOCK - _BEFORE


def number(day: date) -> tuple[int, int]:
    """The block that a day lies in, and its bit."""
    return place(day_number(day))


def bits(first: date | None, last: date) -> str:
    """SQL of those "#bits" that lie between two days, both included; without a first, of all up to the last."""
    (first_block, first_bit), (last_block, last_bit) = number(first) if first else (0, 0), number(last)
    upper = (1 << (last_bit + 1)) - 1
    if first_block == last_block:
        return f'(CASE WHEN "#block" = {last_block} THEN "#bits" & {upper >> first_bit << first_bit} ELSE 0 END)'
    lower = ((1 << BLOCK) - 1) >> first_bit << first_bit
    between = f'"#block" < {last_block}' + (f' AND "#block" > {first_block}' if first else "")
    parts = [f'"#block" = {last_block} THEN "#bits" & {upper}']
    parts += [f'"#block" = {first_block} THEN "#bits" & {lower}'] if first else []
    parts += [f'{between} THEN "#bits"'] if first is None or last_block - first_block > 1 else []
    return f"(CASE {' '.join(f'WHEN {part}' for part in parts)} ELSE 0 END)"


def without(days: Iterable[date]) -> str:
    """SQL of "#bits" but for those days."""
    masks: dict[int, int] = {}
    for day in days:
        block, bit = number(day)
        masks[block] = masks.get(block, (1 << BLOCK) - 1) & ~(1 << bit)
    if not masks:
        return '"#bits"'
    cases = " ".join(f'WHEN {block} THEN "#bits" & {mask}' for block, mask in masks.items())
    return f'(CASE "#block" {cases} ELSE "#bits" END)'


def day_of(number_sql: str) -> str:
    """SQL of the day with that number (see `number`)."""
    return f"(DATE '{_EPOCH.isoformat()}' + CAST({number_sql} - {_BEFORE} AS INTEGER))"


LATEST = (
    f'max("#block" * {BLOCK} + CASE WHEN "#bits" >> 30 > 0 THEN 30 + CAST(floor(log2(greatest("#bits" >> 30, 1))) AS INTEGER) '
    'ELSE CAST(floor(log2(greatest("#bits", 1))) AS INTEGER) END) FILTER ("#bits" <> 0)'
)
"""SQL of the number of the last day of all marks. Of 30 bits at a time: a DOUBLE holds no sixty."""
EARLIEST = f'min("#block" * {BLOCK} + CAST(log2(greatest("#bits" & -"#bits", 1)) AS INTEGER)) FILTER ("#bits" <> 0)'
"""SQL of the number of the first."""


def weeks(first: date, last: date) -> str:
    """SQL of a BIGINT with a bit for each week with an event between the days, weeks of seven days counted back from the last."""
    terms = []
    for week in range((last - first).days // 7 + 1):
        ends = last - timedelta(days=7 * week)
        terms.append(f"(CASE WHEN {bits(max(first, ends - timedelta(days=6)), ends)} <> 0 THEN {1 << week} ELSE 0 END)")
    return " | ".join(f"CAST({term} AS BIGINT)" for term in terms)
