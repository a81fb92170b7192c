"""Counts many tallies in one pass over the events, with numpy: those whose keys are whole numbers (see `pages`).

Events go by a day at a time, and each day costs what it has: a step a tally over arrays of its events.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from cs_engine.language.expression import Grain
from cs_engine.sources.sets.pages import (
    HALF,
    LOW,
    PLACES,
    Flags,
    Homes,
    Kinds,
    Numbers,
    Page,
    distinct,
    keys_of,
    packed,
    page,
    roomy,
    unpacked,
)
from cs_engine.usage.tallies import Measure, Tally, place

_SPARSE = 64
"""Where less than one of so many keys may occur, those that do are sorted; else all are looked through."""

_MOST_OTHERS = 16_000_000
"""Marks of pairs that have no number of their own: so many are in memory."""

Emit = Callable[[Tally, Page], None]


@dataclass(frozen=True, slots=True)
class Events:
    """Some events, in order of their days."""

    days: Numbers
    """Since 1970."""
    columns: Mapping[str, Numbers]
    """account, contact, event: the number of each, -1 for none."""
    flags: Mapping[str, Flags]
    """`where` -> of which events it is true."""

    @classmethod
    def sorted(cls, days: Numbers, columns: Mapping[str, Numbers], flags: Mapping[str, Flags]) -> Events:
        """The same of events in any order."""
        if np.all(days[1:] >= days[:-1]):
            return cls(days, columns, flags)
        order = np.argsort(days, kind="stable")
        return cls(days[order], {name: c[order] for name, c in columns.items()}, {where: f[order] for where, f in flags.items()})

    def by_day(self) -> Iterator[tuple[int, slice]]:
        if not len(self.days):
            return
        edges = [0, *(np.flatnonzero(np.diff(self.days)) + 1).tolist(), len(self.days)]
        for start, end in pairwise(edges):
            yield int(self.days[start]), slice(start, end)


class Pass:
    """One pass over the events of one place. Feed it events in order of their days, and finish it."""

    def __init__(self, tallies: Iterable[Tally], kinds: Mapping[Grain, int], emit: Emit) -> None:
        """`kinds`: how many kinds of events there are, 0 for too many to number their pairs with subjects. `emit` gets each page that is
        full.
        """
        self._emit = emit
        by_key: dict[tuple[str, str, str], list[Tally]] = {}
        for tally in tallies:
            by_key.setdefault((tally.grain.value, tally.where, tally.column), []).append(tally)
        self._counts = [
            _Pairs(found[0], keys_of(found[0], kinds[found[0].grain])) if column else _Subjects(found)
            for (_, _, column), found in by_key.items()
        ]

    def feed(self, events: Events) -> None:
        for day, some in events.by_day():
            for count in self._counts:
                count.marks.turn(place(day)[0], self._emit)
                count.add(day, events, some)
        for count in self._counts:
            count.flush(self._emit)

    def finish(self) -> None:
        for count in self._counts:
            count.marks.turn(None, self._emit)


class _Marks:
    """Bits of sixty days by a dense key, and of the few pairs that have none."""

    def __init__(self, tally: Tally | None, keys: Kinds | Homes | None = None) -> None:
        self._tally, self._keys = tally, keys
        self._block: int | None = None
        self._bits: Numbers = np.zeros(0, np.int64)
        self._others: list[Numbers] = []
        """Packed pairs, each with the place of its day."""

    def mark(self, day: int, keys: Numbers, size: int) -> None:
        """`keys`: each once, all below `size`."""
        self._bits = roomy(self._bits, size)
        self._bits[keys] |= np.int64(1 << place(day)[1])

    def mark_others(self, day: int, pairs: Numbers) -> None:
        self._others.append(pairs << PLACES | place(day)[1])

    def settle(self, emit: Emit, *, all_of_them: bool = False) -> None:
        """Makes a page of the other pairs, where there are many marks of them."""
        if sum(map(len, self._others)) > (0 if all_of_them else _MOST_OTHERS):
            marks = distinct(np.concatenate(self._others))
            self._others = []
            pairs, places = marks >> PLACES, marks & ((1 << PLACES) - 1)
            starts = np.flatnonzero(np.diff(pairs, prepend=-1))
            self._page(emit, unpacked(pairs[starts]), np.bitwise_or.reduceat(np.int64(1) << places, starts))

    def turn(self, block: int | None, emit: Emit) -> None:
        """To the days of that block: what is known of another is a page, or two."""
        if block == self._block:
            return
        if self._block is not None and self._tally is not None:
            keys = np.flatnonzero(self._bits)
            columns = (keys,) if self._keys is None else self._keys.pairs(keys)
            self._page(emit, columns, self._bits[keys])
            self._bits[:] = 0
            self.settle(emit, all_of_them=True)
        self._block = block

    def _page(self, emit: Emit, columns: Sequence[Numbers], bits: Numbers) -> None:
        assert self._tally is not None
        assert self._block is not None
        if len(bits):
            emit(self._tally, page(*columns, self._block, bits & LOW, bits >> HALF))


class _Subjects:
    """How many events of each subject a day, and on which days it had any."""

    def __init__(self, tallies: Sequence[Tally]) -> None:
        self._grain, self._where = tallies[0].grain.value, tallies[0].where
        self._by_day = next((t for t in tallies if t.measure is Measure.EVENTS), None)
        self._marked = any(t.measure is Measure.MARKS for t in tallies)
        self.marks = _Marks(next((t for t in tallies if t.measure is Measure.MARKS), None))
        self._days: list[Page] = []

    def add(self, day: int, events: Events, some: slice) -> None:
        (subjects,) = _that_count(events, some, self._where, self._grain)
        if not len(subjects):
            return
        size = int(subjects.max()) + 1
        if self._by_day is None:
            who = _distinct(subjects, size)
        else:
            who, many = _counted(subjects, size)
            self._days.append(page(who, day, many))
        if self._marked:
            self.marks.mark(day, who, size)

    def flush(self, emit: Emit) -> None:
        if self._by_day is not None and self._days:
            emit(self._by_day, np.concatenate(self._days, axis=1))
            self._days = []


class _Pairs:
    """On which days there was an event of each pair of a subject and a value."""

    def __init__(self, tally: Tally, keys: Kinds | Homes) -> None:
        self._names, self._where = (tally.grain.value, tally.column), tally.where
        self._keys = keys
        self.marks = _Marks(tally, keys)

    def add(self, day: int, events: Events, some: slice) -> None:
        subjects, values = _that_count(events, some, self._where, *self._names)
        keys, away = self._keys.dense(subjects, values)
        if away is not None:
            self.marks.mark_others(day, packed(subjects[away], values[away]))
            keys = keys[~away]
        if len(keys):
            size = int(keys.max()) + 1
            self.marks.mark(day, _distinct(keys, size), size)

    def flush(self, emit: Emit) -> None:
        self.marks.settle(emit)


def _that_count(events: Events, some: slice, where: str, *names: str) -> list[Numbers]:
    """These numbers of the events that have them all, and for which `where` is true."""
    columns = [events.columns[name][some] for name in names]
    known = columns[0] >= 0
    for column in columns[1:]:
        known &= column >= 0
    if where:
        known &= events.flags[where][some]
    return columns if known.all() else [column[known] for column in columns]


def _distinct(keys: Numbers, size: int) -> Numbers:
    """The keys that occur, in their order; all are below `size`."""
    if len(keys) * _SPARSE < size:
        return distinct(keys)
    seen = np.zeros(size, np.bool_)
    seen[keys] = True
    return np.flatnonzero(seen)


def _counted(keys: Numbers, size: int) -> tuple[Numbers, Numbers]:
    """The keys that occur, in their order, and how often each does."""
    if len(keys) * _SPARSE < size:
        return np.unique(keys, return_counts=True)
    found = _distinct(keys, size)  # by bits: to look through the counts for what is not 0 takes three times as long
    return found, np.bincount(keys)[found]
