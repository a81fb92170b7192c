"""A tick that dies anywhere and is run again, that is run twice, or that a twin runs into, leaves what an undisturbed one leaves."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.properties.days import Day, Flags, begins, days, happens, initially, moments, playbooks, towns
from tests.properties.documents import Doc
from tests.properties.memory import Fate
from tests.properties.profiles import quick, soak
from tests.properties.project import Home
from tests.properties.town import START, Life, Moment, Town, differences, mixed, state

Story = Sequence[tuple[Day, list[Moment], bool]]
"""Days, each with the moments at which a process dies, or, third, a twin comes in."""


def some_rejected(id: str, _now: object) -> Fate:
    return "rejected" if mixed(id) < 10 else "accepted"


def ends_the_same(home: Home, docs: list[Doc], flags: Flags, story: Story) -> None:
    people, now = towns(flags), START
    calm, rough = (Town(home.project, docs, people, some_rejected) for _ in range(2))
    for day, troubles, twin in story:
        now += day.span
        horizon = now + timedelta(days=1) if day.horizon else None
        happens(day, people)
        begins(day, calm)
        begins(day, rough)
        assert calm.survives(now, horizon=horizon)
        joins = partial(rough.survives, now, horizon=horizon) if twin else None
        for moment in troubles:
            rough.survives(now, Life(moment, joins), horizon)
        for _ in range(2):  # to its end, and once more
            assert rough.survives(now, horizon=horizon)
        assert differences(state(calm), state(rough)) == []
    calm.close()
    rough.close()


def _stories(least: int, most: int) -> st.SearchStrategy[Story]:
    return st.lists(st.tuples(days(), st.lists(moments(), min_size=1, max_size=2), st.booleans()), min_size=least, max_size=most)


@quick(14)
@given(docs=playbooks(), flags=initially(), story=_stories(3, 6))
def test_killed_and_repeated_it_ends_as_undisturbed(home: Home, docs: list[Doc], flags: Flags, story: Story) -> None:
    ends_the_same(home, docs, flags, story)


@pytest.mark.soak
@soak(600)
@given(docs=playbooks(), flags=initially(), story=_stories(3, 12))
def test_killed_soak(home: Home, docs: list[Doc], flags: Flags, story: Story) -> None:
    ends_the_same(home, docs, flags, story)
