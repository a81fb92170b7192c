"""Counts many tallies in one pass over the events, with numpy: those whose keys are whole numbers (see `pages`).

Events go by a day at a time where a day has many, and each costs what it has: a step a tally over arrays of its events, indexed by their
keys. Days with few events go by together, as many of them as share a row of marks, and are sorted: a step costs more than they have.
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
from cs_engine.usage.tallies import Measure, Tally, first_day, place

_SPARSE = 64
"""Where less than one of so many keys may occur, those that do are sorted; else all are looked through."""

_MANY = 20_000
"""Events of a day that goes by itself."""

_SUBJECT = 32
"""Bits that hold any subject's number."""

_MOST_OTHERS = 16_000_000
"""Marks of pairs that have no number of their own: so many are in memory."""

_NO_KEYS: Numbers = np.zeros(0, np.int64)
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

    def by_days(self) -> Iterator[tuple[int, slice]]:
        """The block, and which they are, of one day with many events or of several days with few."""
        if not len(self.days):
            return
        edges = [0, *(np.flatnonzero(np.diff(self.days)) + 1).tolist(), len(self.days)]
        begun, of = 0, place(int(self.days[0]))[0]
        for start, end in pairwise(edges):
            block, many = place(int(self.days[start]))[0], end - start >= _MANY
            if begun < start and (many or block != of):
                yield of, slice(begun, start)
                begun = start
            of = block
            if many:
                yield block, slice(begun, end)
                begun = end
        if begun < len(self.days):
            yield of, slice(begun, len(self.days))


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
        for block, some in events.by_days():
            for count in self._counts:
                count.marks.turn(block, self._emit)
                count.add(events, some)
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
        self._first: tuple[Numbers, Numbers | np.int64] | None = None
        """What was marked, until more is: of a single day, as today is, no room is made for all keys."""
        self._bits: Numbers = np.zeros(0, np.int64)
        self._touched: list[Numbers] | None = []
        """The keys that have bits, some of them more than once; None where they have become many."""
        self._others: list[Numbers] = []
        """Packed pairs, each with the place of its day."""

    def mark(self, keys: Numbers, bits: Numbers | np.int64) -> None:
        """`keys`: each once, in their order."""
        if not len(keys):
            return
        if self._first is not None:
            first, self._first = self._first, None
            self._put(*first)
        elif self._touched is not None and not self._touched:
            self._first = keys, bits
            return
        self._put(keys, bits)

    def _put(self, keys: Numbers, bits: Numbers | np.int64) -> None:
        self._bits = roomy(self._bits, int(keys[-1]) + 1)
        self._bits[keys] |= bits
        if self._touched is not None:
            self._touched.append(keys)
            if sum(map(len, self._touched)) * _SPARSE >= len(self._bits):
                self._touched = None

    def mark_others(self, pairs: Numbers, places: Numbers | int) -> None:
        self._others.append(pairs << PLACES | places)

    def settle(self, emit: Emit, *, all_of_them: bool = False) -> None:
        """Makes a page of the other pairs, where there are many marks of them."""
        if sum(map(len, self._others)) > (0 if all_of_them else _MOST_OTHERS):
            pairs, bits = _together(np.concatenate(self._others))
            self._others = []
            self._page(emit, unpacked(pairs), bits)

    def turn(self, block: int | None, emit: Emit) -> None:
        """To the days of that block: what is known of another is a page, or two."""
        if block == self._block:
            return
        if self._block is not None and self._tally is not None:
            keys, bits = self._taken()
            columns = (keys,) if self._keys is None else self._keys.pairs(keys)
            self._page(emit, columns, bits)
            self.settle(emit, all_of_them=True)
        self._block = block

    def _taken(self) -> tuple[Numbers, Numbers]:
        """The keys that have bits, in their order, and these; none has any after it."""
        if self._first is not None:
            (keys, bits), self._first = self._first, None
            return keys, np.broadcast_to(bits, keys.shape)
        keys = np.flatnonzero(self._bits != 0) if self._touched is None else distinct(np.concatenate([_NO_KEYS, *self._touched]))
        found = self._bits[keys]
        self._bits[keys] = 0
        self._touched = []
        return keys, found

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

    def add(self, events: Events, some: slice) -> None:
        days, subjects = _that_count(events, some, self._where, self._grain)
        if not len(subjects):
            return
        if _one_day(events, some):
            self._add_day(int(days[0]), subjects)
        else:
            self._add_days(days, subjects)

    def _add_day(self, day: int, subjects: Numbers) -> None:
        size = int(subjects.max()) + 1
        if self._by_day is None:
            who = _distinct(subjects, size)
        else:
            who, many = _counted(subjects, size)
            self._days.append(page(who, day, many))
        if self._marked:
            self.marks.mark(who, np.int64(1 << place(day)[1]))

    def _add_days(self, days: Numbers, subjects: Numbers) -> None:
        if self._by_day is not None:
            # Of days since 1970 that may lie before it: their numbers stay in order.
            found, many = np.unique(days.astype(np.int64) << _SUBJECT | subjects, return_counts=True)
            days, subjects = found >> _SUBJECT, found & ((1 << _SUBJECT) - 1)
            self._days.append(page(subjects, days, many))
        if self._marked:
            self.marks.mark(*_together(subjects.astype(np.int64) << PLACES | _places(days)))

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

    def add(self, events: Events, some: slice) -> None:
        days, subjects, values = _that_count(events, some, self._where, *self._names)
        keys, away = self._keys.dense(subjects, values)
        if away is not None:
            self.marks.mark_others(packed(subjects[away], values[away]), _places(days[away]))
            keys, days = keys[~away], days[~away]
        if not len(keys):
            return
        if _one_day(events, some):
            self.marks.mark(_distinct(keys, int(keys.max()) + 1), np.int64(1 << place(int(days[0]))[1]))
        else:
            self.marks.mark(*_together(keys.astype(np.int64) << PLACES | _places(days)))

    def flush(self, emit: Emit) -> None:
        self.marks.settle(emit)


def _that_count(events: Events, some: slice, where: str, *names: str) -> list[Numbers]:
    """The days and these numbers of the events that have them all, and for which `where` is true."""
    columns = [events.days[some], *(events.columns[name][some] for name in names)]
    known = columns[1] >= 0
    for column in columns[2:]:
        known &= column >= 0
    if where:
        known &= events.flags[where][some]
    return columns if known.all() else [column[known] for column in columns]


def _one_day(events: Events, some: slice) -> bool:
    return bool(events.days[some.start] == events.days[some.stop - 1])


def _places(days: Numbers) -> Numbers:
    """Of days of one block."""
    return days - first_day(place(int(days[0]))[0])


def _together(marks: Numbers) -> tuple[Numbers, Numbers]:
    """Keys, each once in their order, and their bits. `marks`: each a key and, in its last PLACES bits, a day's place."""
    marks = distinct(marks)
    keys = marks >> PLACES
    starts = np.flatnonzero(np.diff(keys, prepend=-1))
    return keys[starts], np.bitwise_or.reduceat(np.int64(1) << (marks & ((1 << PLACES) - 1)), starts)


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
