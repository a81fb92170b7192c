"""Tallies of numbers tell every window as counting its events does, however their pages were cut and numbered."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from itertools import count, pairwise, takewhile
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cs_engine.language.expression import Grain
from cs_engine.sources.sets import counting
from cs_engine.sources.sets.counted import NONE, Place, count_windows
from cs_engine.sources.sets.counting import Events, Pass
from cs_engine.sources.sets.pages import Page
from cs_engine.usage.tallies import Tally, day_number
from cs_engine.usage.windows import Kind, Window

TODAY = date(2026, 6, 1)
KINDS = 3
KIND_OF = {
    "n": (Kind.COUNT, ""),
    "people": (Kind.COUNT_DISTINCT, "contact"),
    "kinds": (Kind.COUNT_DISTINCT, "event"),
    "days": (Kind.ACTIVE_DAYS, ""),
    "weeks": (Kind.ACTIVE_WEEKS, ""),
    "day_streak": (Kind.STREAK_DAYS, ""),
    "week_streak": (Kind.STREAK_WEEKS, ""),
    "last": (Kind.DAYS_SINCE_LAST, ""),
    "first": (Kind.DAYS_SINCE_FIRST, ""),
}


class One(NamedTuple):
    back: int
    account: int
    contact: int
    event: int
    marked: bool


backs = st.one_of(st.integers(0, 130), st.integers(0, 6))
contacts = st.one_of(st.integers(-1, 3), st.just(900))
ones = st.builds(One, backs, st.integers(-1, 4), contacts, st.integers(0, KINDS - 1), st.booleans())
spans = st.tuples(st.one_of(st.none(), st.integers(1, 130)), st.integers(0, 70))


def windows(days: int | None, ago: int, where: str) -> list[Window]:
    return [
        Window(
            f"{name}_{where}",
            kind,
            "usage",
            column,
            where,
            days or (35 if kind is Kind.ACTIVE_WEEKS else None),
            0 if kind in (Kind.STREAK_DAYS, Kind.STREAK_WEEKS) else ago,
        )
        for name, (kind, column) in KIND_OF.items()
    ]


def pages(found: Iterable[One], tallies: Iterable[Tally], kinds: int, parts: int) -> dict[Tally, list[Page]]:
    ordered = sorted(found, key=lambda one: -one.back)
    made: dict[Tally, list[Page]] = {tally: [] for tally in tallies}
    run = Pass(made, dict.fromkeys(Grain, kinds), lambda tally, page: made[tally].append(page))
    for start, end in pairwise(sorted({*range(0, len(ordered), max(1, len(ordered) // parts)), len(ordered)})):
        some = ordered[start:end]
        columns = {name: np.array([getattr(one, name) for one in some], np.int32) for name in ("account", "contact", "event")}
        days = np.array([day_number(TODAY) - one.back for one in some], np.int32)
        run.feed(Events.sorted(days, columns, {"marked": np.array([one.marked for one in some], np.bool_)}))
    run.finish()
    return made


def by_hand(window: Window, found: Iterable[One], account: int) -> int:
    back = [
        one for one in found if one.account == account and one.back >= window.ago and (not window.where or one.marked)
        and (window.days is None or one.back < window.ago + window.days)
    ]  # fmt: skip
    match window.kind:
        case Kind.COUNT:
            return len(back)
        case Kind.COUNT_DISTINCT:
            return len({getattr(one, window.column) for one in back} - {-1})
        case Kind.ACTIVE_DAYS:
            return len({one.back for one in back})
        case Kind.ACTIVE_WEEKS:
            return len({(one.back - window.ago) // 7 for one in back})
        case Kind.STREAK_DAYS:
            active = {one.back for one in back}
            return (0 in active) + len([*takewhile(lambda day: day in active, count(1))])
        case Kind.STREAK_WEEKS:
            active = {one.back // 7 for one in back}
            return len([*takewhile(lambda week: week in active, count())])
        case Kind.DAYS_SINCE_LAST:
            return max((day_number(TODAY) - one.back for one in back), default=NONE)
        case _:
            return min((day_number(TODAY) - one.back for one in back), default=NONE)


@pytest.mark.parametrize("kinds", [KINDS, 0])
@pytest.mark.parametrize(("sparse", "most", "many"), [(64, 16_000_000, 0), (0, 2, 20_000), (0, 2, 3)])
def test_pages_tell_every_window_as_its_events_do(kinds: int, sparse: int, most: int, many: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Kinds numbered or not; few keys of many looked up or sorted; days with many events by themselves, those with few together; events
    kept and open, some of them of days that are shut.
    """
    monkeypatch.setattr(counting, "_SPARSE", sparse)
    monkeypatch.setattr(counting, "_MOST_OTHERS", most)
    monkeypatch.setattr(counting, "_MANY", many)

    @settings(max_examples=25, deadline=None, database=None)
    @given(st.lists(ones, max_size=30), st.lists(ones, max_size=8), spans, st.integers(1, 4), st.sets(st.integers(1, 130), max_size=3))
    def holds(kept: list[One], late: list[One], span: tuple[int | None, int], parts: int, shut: set[int]) -> None:
        told = [one for one in kept if one.back > 0 and one.back not in shut]
        asked: dict[Tally, list[Window]] = {}
        for window in [*windows(*span, ""), *windows(7, 7, "marked")]:
            tally = Tally.of(window, Grain.ACCOUNT)
            assert tally is not None
            assert tally.numbered
            asked.setdefault(tally, []).append(window)
        there, open_now = pages(kept, asked, kinds, parts), pages(late, asked, kinds, 1)
        first = day_number(TODAY - timedelta(days=max((one.back for one in kept), default=0)))
        for tally, of in asked.items():
            places = [
                Place(there[tally], first, day_number(TODAY), {day_number(TODAY - timedelta(days=back)) for back in shut}),
                Place(open_now[tally]),
            ]
            reaches = [
                (w, (None if w.days is None else TODAY - timedelta(days=w.ago + w.days - 1), TODAY - timedelta(days=w.ago))) for w in of
            ]
            columns = count_windows(tally, reaches, places, kinds)
            for window in of:
                column = columns[window.name].tolist()
                for account in range(5):
                    found = column[account] if account < len(column) else by_hand(window, [], account)
                    assert found == by_hand(window, [*told, *late], account), (window.name, account)

    holds()
