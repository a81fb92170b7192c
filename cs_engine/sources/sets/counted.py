"""Window metrics read from pages of numbers (see `pages`), with numpy: what `usage.tallies_sql` says in SQL of the other tallies."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import date, timedelta
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from cs_engine.sources.sets.pages import HALF, LOW, Flags, Homes, Kinds, Numbers, Page, distinct, keys_of, packed, roomy, unpacked
from cs_engine.usage.tallies import BLOCK, Measure, Tally, day_number, first_day, place
from cs_engine.usage.tallies_sql import Reach
from cs_engine.usage.windows import Kind, Window

NONE = -(1 << 31) + 1
"""Stands for no day, and lies before all days."""
_LATER = 1 << 31
"""Lies after them."""
TOLD_AS_DAYS = (Kind.DAYS_SINCE_FIRST, Kind.DAYS_SINCE_LAST)


class Place(NamedTuple):
    """Pages, and of which days they may be read."""

    pages: Iterable[Page]
    first: int = NONE
    """The first day, since 1970, that they have."""
    before: int = _LATER
    """The first of which and after which they tell nothing."""
    closed: Collection[int] = ()
    """Further days of which they do not."""


def count_windows(tally: Tally, windows: Sequence[tuple[Window, Reach]], places: Iterable[Place], kinds: int) -> dict[str, Numbers]:
    """A column a window, by the subject's number: how many; of days since the first or last, that day since 1970, or NONE."""
    spans = [_span(reach) for _, reach in windows]
    if tally.measure is Measure.EVENTS:
        return _sums(windows, spans, places)
    if tally.column:
        return _distinct(windows, spans, places, keys_of(tally, kinds))
    return _days(windows, spans, places)


def _span(reach: Reach) -> tuple[int, int]:
    """The first day of a window, and the first after it."""
    first, last = reach
    return (NONE if first is None else day_number(first)), day_number(last) + 1


def _sums(windows: Sequence[tuple[Window, Reach]], spans: Sequence[tuple[int, int]], places: Iterable[Place]) -> dict[str, Numbers]:
    """Days between two edges of windows are added up once, whatever windows they are in."""
    found, size = [np.zeros(0, np.float64) for _ in windows], 0
    for there in places:
        cuts = {day for span in spans for day in span} | {day for closed in there.closed for day in (closed, closed + 1)}
        edges = np.array(sorted({NONE, *cuts, there.before}), np.int64)
        within = [
            [] if edge in there.closed or edge >= there.before
            else [i for i, (first, end) in enumerate(spans) if first <= edge < end]
            for edge in edges.tolist()
        ]  # fmt: skip
        parts: dict[int, NDArray[np.float64]] = {}
        for page in there.pages:
            starts = [*np.searchsorted(page[1], edges), page.shape[1]]
            for i, (start, end) in enumerate(pairwise(starts)):
                if within[i] and start < end:
                    added = np.bincount(page[0, start:end], page[2, start:end])
                    parts[i] = roomy(parts[i], len(added)) if i in parts else np.zeros(len(added))
                    parts[i][: len(added)] += added
                    size = max(size, len(added))
        for i, part in parts.items():
            for window in within[i]:
                found[window] = roomy(found[window], len(part))
                found[window][: len(part)] += part
    return _named(windows, [sums[:size].astype(np.int64) for sums in found])


def _distinct(
    windows: Sequence[tuple[Window, Reach]], spans: Sequence[tuple[int, int]], places: Iterable[Place], keys: Kinds | Homes
) -> dict[str, Numbers]:
    """Each pair of a subject and a value counts once, wherever its marks stand."""
    seen: list[Flags] = [np.zeros(0, np.bool_) for _ in windows]
    others: list[list[Numbers]] = [[] for _ in windows]
    for page, _, masks in _marked(places, spans):
        dense, away = keys.dense(page[0], page[1])
        size = int(dense.max()) + 1
        for i, mask in enumerate(masks):
            if mask:
                there = _any_of(page, mask)
                if away is not None:
                    others[i].append(packed(page[0][there & away], page[1][there & away]))
                    there &= ~away
                seen[i] = roomy(seen[i], size)
                if there.all():
                    seen[i][dense] = True
                elif away is None:
                    seen[i][dense] |= there  # each key of a page is another: a third of the time of dense[there]
                else:
                    seen[i][dense[there]] = True
    counts = []
    for dense_seen, pairs in zip(seen, others, strict=True):
        found = keys.count(dense_seen)
        if pairs:
            more = np.bincount(unpacked(distinct(np.concatenate(pairs)))[0])
            found = np.concatenate([found, np.zeros(max(0, len(more) - len(found)), np.int64)])
            found[: len(more)] += more
        counts.append(found)
    return _named(windows, counts)


def _days(windows: Sequence[tuple[Window, Reach]], spans: Sequence[tuple[int, int]], places: Iterable[Place]) -> dict[str, Numbers]:
    """Days, and weeks, with events: all marks of a block put together first."""
    blocks: dict[int, Numbers] = {}
    size = 0
    for page, told, _ in _marked(places, spans):
        block, bits = int(page[1, 0]), (page[2] | (page[3].astype(np.int64) << HALF)) & told
        size = max(size, int(page[0].max()) + 1)
        blocks[block] = roomy(blocks.get(block, np.zeros(0, np.int64)), size)
        blocks[block][page[0]] |= bits
    blocks = {block: bits[:size] for block, bits in blocks.items()}
    order = sorted(blocks)
    columns = []
    for (window, reach), span in zip(windows, spans, strict=True):
        columns.append(_told(window, reach, {block: blocks[block] & mask for block in order if (mask := _mask(block, *span))}))
    return _named(windows, columns)


def _told(window: Window, reach: Reach, blocks: dict[int, Numbers]) -> Numbers:
    """What the days of a window say of each subject. `blocks`: bits by subject, of blocks in their order."""
    size = max(map(len, blocks.values()), default=0)
    match window.kind:
        case Kind.DAYS_SINCE_LAST | Kind.DAYS_SINCE_FIRST:
            first = window.kind is Kind.DAYS_SINCE_FIRST
            told = np.full(size, NONE, np.int64)
            for block in sorted(blocks, reverse=first):
                bits = blocks[block]
                some = np.flatnonzero(bits)
                told[some] = first_day(block) + (_lowest(bits[some]) if first else _highest(bits[some]))
        case Kind.STREAK_DAYS | Kind.STREAK_WEEKS:
            told = _streak(window, reach, blocks, size)
        case Kind.ACTIVE_WEEKS:
            told = np.zeros(size, np.int64)
            for begins, ends in _back(reach, 7):
                told += _active(blocks, begins, ends, size)
        case _:
            told = np.zeros(size, np.int64)
            for bits in blocks.values():
                told[: len(bits)] += np.bitwise_count(bits)
    return told


def _streak(window: Window, reach: Reach, blocks: dict[int, Numbers], size: int) -> Numbers:
    """Days, or weeks, in a row, counted back from the last day. Today may be missing: it is not over; a week always ends today."""
    if not blocks:
        return np.zeros(size, np.int64)
    days = window.kind is Kind.STREAK_DAYS
    first, last = reach
    there = date(1970, 1, 1) + timedelta(days=first_day(min(blocks)))
    spans = _back((max(there, first) if first else there, last), 1 if days else 7)
    told = _active(blocks, *next(spans), size).astype(np.int64) if days else np.zeros(size, np.int64)
    unbroken = np.ones(size, np.bool_)
    for begins, ends in spans:
        unbroken &= _active(blocks, begins, ends, size)
        if not unbroken.any():
            break
        told += unbroken
    return told


def _back(reach: Reach, length: int) -> Iterator[tuple[int, int]]:
    """Spans of so many days back from the last: the first day of each, and the first after it."""
    first, last = reach
    assert first is not None  # such a window has no tally
    for ends in range(day_number(last) + 1, day_number(first), -length):
        yield max(day_number(first), ends - length), ends


def _active(blocks: dict[int, Numbers], begins: int, ends: int, size: int) -> Flags:
    """Who had an event between these days."""
    active = np.zeros(size, np.bool_)
    for block in {place(begins)[0], place(ends - 1)[0]} & blocks.keys():
        bits = blocks[block]
        active[: len(bits)] |= (bits & _mask(block, begins, ends)) != 0
    return active


def _highest(bits: Numbers) -> Numbers:
    """The place of the highest bit. Of thirty at a time: a DOUBLE holds no sixty."""
    upper = bits >> HALF
    places = np.frexp(np.where(upper > 0, upper, bits).astype(np.float64))[1] - 1
    return np.where(upper > 0, places + HALF, places).astype(np.int64)


def _lowest(bits: Numbers) -> Numbers:
    return (np.frexp((bits & -bits).astype(np.float64))[1] - 1).astype(np.int64)


def _marked(places: Iterable[Place], spans: Sequence[tuple[int, int]]) -> Iterator[tuple[Page, int, list[int]]]:
    """The pages that windows reach; which of their sixty days may be read, and which of these each window reaches."""
    for there in places:
        for page in there.pages:
            if page.shape[1]:
                block = int(page[-3, 0])
                told = _mask(block, there.first, there.before)
                for day in there.closed:
                    told &= ~_mask(block, day, day + 1)
                masks = [_mask(block, *span) & told for span in spans]
                if any(masks):
                    yield page, told, masks


def _any_of(page: Page, mask: int) -> Flags:
    """Of which rows of a page of pairs a bit is in the mask."""
    low, high = np.int32(mask & LOW), np.int32(mask >> HALF)
    if low and high:
        there: Flags = ((page[3] & low) | (page[4] & high)) != 0
    else:
        there = (page[3] & low if low else page[4] & high) != 0
    return there


def _mask(block: int, first: int, end: int) -> int:
    """The bits of a block's days from the first on, and before the end."""
    start = first_day(block)
    low, high = min(max(first - start, 0), BLOCK), min(max(end - start, 0), BLOCK)
    return ((1 << high) - 1) >> low << low


def _named(windows: Sequence[tuple[Window, Reach]], columns: Sequence[Numbers]) -> dict[str, Numbers]:
    """All of one length: of subjects that are not reached there is nothing."""
    size = max(map(len, columns), default=0)
    return {
        window.name: roomy(column, size, NONE if window.kind in TOLD_AS_DAYS else 0)[:size]
        for (window, _), column in zip(windows, columns, strict=True)
    }
