"""Facts read from tallies, grown by folds, are exactly what counting all events anew gives."""

from __future__ import annotations

import tempfile
from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cs_engine.language.expression import Grain
from cs_engine.sources.intake.arriving import Arrivals
from cs_engine.sources.intake.fold import fold
from cs_engine.sources.sets.snapshot import Shelf
from cs_engine.usage.tallies import BLOCK, number
from tests.contracts.by_hand import Subject, dated, naive
from tests.contracts.test_usage_fold import arrivals
from tests.contracts.usage_world import NOTHING, Account, Contact, Event, Project, World, open_project, write

ZONES = ("Europe/Berlin", "America/St_Johns", "Asia/Tokyo")
START = datetime(2026, 3, 20, tzinfo=UTC)
"""Berlin's clocks go forward nine days later, and a block of marks ends within the span."""
NOWS = (START + timedelta(days=9, hours=12), START + timedelta(days=20))

BEFORE: dict[str, dict[str, Any]] = {
    "n_7d": {"count": "*", "in": "7 days"},
    "people_a": {"count_distinct": "contact", "where": "event = 'b'"},
}
"""Metrics of these names mean something else later."""
METRICS: dict[str, dict[str, Any]] = {
    "n": {"count": "*"},
    "n_7d": {"count": "*", "in": "7 days", "where": "event = 'a'"},
    "n_prev_7d": {"count": "*", "in": "7 days", "ago": "7 days"},
    "n_until": {"count": "*", "ago": "3 days"},
    "n_5h": {"count": "*", "in": "5 hours"},
    "moments_28d": {"count_distinct": "occurred_at", "in": "28 days"},
    "people": {"count_distinct": "contact"},
    "people_a": {"count_distinct": "contact", "where": "event = 'a'"},
    "people_30d": {"count_distinct": "contact", "in": "30 days"},
    "people_before": {"count_distinct": "contact", "in": "30 days", "ago": "2 days"},
    "kinds_52w": {"count_distinct": "event", "in": "52 weeks"},
    "amounts": {"count_distinct": "amount", "in": "28 days"},
    "amount_7d": {"sum": "amount", "in": "7 days"},
    "quiet": {"days_since_last": "*"},
    "days_28d": {"active_days": "*", "in": "28 days"},
    "row_days": {"streak_days": "*"},
    "row_weeks_a": {"streak_weeks": "*", "where": "event = 'a'", "in": "5 weeks"},
    "weeks_6w": {"active_weeks": "*", "in": "6 weeks"},
    "weeks_moved": {"active_weeks": "*", "in": "3 weeks", "ago": "2 days"},
    "way": {"funnel": ["a", "b"], "within": "2 days"},
    "way_rate": {"funnel": ["a", "b"], "within": "2 days", "in": "8 days", "ago": "3 days", "as": "rate"},
    "way_person": {"funnel": ["a", "b", "a"], "within": "1 week", "by": "contact", "in": "10 days"},
    "way_rich": {"funnel": ["a", "a", "b", "a"], "where": "amount >= 1.5", "ago": "4 days"},
}
SPELT = {
    name: {**spec, **({"count_distinct": "at"} if spec.get("count_distinct") == "occurred_at" else {})} for name, spec in METRICS.items()
}

minutes = st.one_of(st.integers(0, 20 * 24 * 60), st.sampled_from([m * 60 for m in range(0, 20 * 24, 6)]))
events = st.tuples(
    st.sampled_from(["a0", "a1", "a2"]),
    st.sampled_from(["c0", "c1", "c2", "stranger", None]),
    st.sampled_from(["a", "b"]),
    minutes,
    st.sampled_from([None, 1.5, -2.0]),
    st.sampled_from([0, 0, 0, 80, 365]),
)
ACCOUNTS = [Account(f"a{i}", signed_up_at=START) for i in range(3)]
CONTACTS = [Contact(f"c{i}", f"a{i}", created_at=START) for i in range(3)]


def happened(drawn: Sequence[tuple[str, str | None, str, int, float | None, int]]) -> list[Event]:
    return [
        Event(f"e{i}", account, contact, kind, START + timedelta(minutes=at, days=-long_ago), amount)
        for i, (account, contact, kind, at, amount, long_ago) in enumerate(drawn)
    ]


@settings(max_examples=4, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(events, min_size=8, max_size=40),
    st.randoms(use_true_random=False),
    st.sampled_from([1, 5, 20]),
    st.sampled_from(ZONES),
    st.integers(0, 30),
)
def test_folded_events_count_as_if_all_were_read_anew(drawn: Sequence[Any], chance: Random, tallied_from: int, zone: str, lag: int) -> None:
    """In any order, some of them twice, some learned late; metrics that have changed in between. Many on few days: ways from event to
    event, and days that lie in several places, need many.
    """
    crowd = [
        (f"a{chance.randrange(3)}", chance.choice(["c0", "c1", None]), chance.choice("ab"), chance.randrange(7 * 48, 16 * 48) * 30, 2.0, 0)
        for _ in range(chance.randrange(60))
    ]
    all_events = happened([*drawn, *crowd])
    of: list[list[Event]] = [[], [], []]
    for event in all_events:
        of[chance.randrange(3)].append(event)
    with tempfile.TemporaryDirectory() as folder:
        # One more of each kind, with a value: in every world both kinds have been seen, and the column `amount` is a number.
        files = [*of[0], *(Event(f"last {kind}", "a0", "c0", kind, START + timedelta(days=40), 1.0) for kind in "ab")]
        config = write(Path(folder), World(ACCOUNTS, CONTACTS, files, zone))
        project = open_project(Path(folder), config, metrics=BEFORE, tallied_from=tallied_from)
        project.values(NOWS[0], "n_7d")
        learned = {}
        for i, came in enumerate(of[1:]):
            twice = [*came, *files[:1], *came[:2]]
            for event in came:
                learned[event.event_id] = NOWS[0] + timedelta(minutes=lag - 15) if i == 1 else event.occurred_at
            fold(Path(folder), config, "usage", _learned(twice, learned), i)
            project = open_project(Path(folder), config, metrics=SPELT, sync=False, tallied_from=tallied_from)
            known = [*files, *(event for part in of[1 : i + 2] for event in part)]
            for now in NOWS[: 2 if i == 1 else 1]:
                _compare(project, [e for e in known if learned.get(e.event_id, e.occurred_at) <= now], now, zone)


def _learned(came: list[Event], learned: dict[str, datetime]) -> Arrivals:
    found = arrivals(*came)
    at = [int(learned.get(event.event_id, event.occurred_at).timestamp() * 1_000_000) for event in came]
    return found._replace(learned_at=at)


def _compare(project: Project, known: Sequence[Event], now: datetime, zone: str) -> None:
    facts = project.usage.facts(now, [], NOTHING)
    for grain, key, subjects in ((Grain.ACCOUNT, "account_id", ACCOUNTS), (Grain.CONTACT, "contact_id", CONTACTS)):
        of = defaultdict(list)
        for event in dated(known, zone):
            of[getattr(event.event, key)].append(event)
        found = facts.columns(grain, list(METRICS), np.arange(3))
        for name, column in zip(METRICS, found, strict=True):
            assert column == [naive(METRICS, name, Subject(of[subject[0]], START), now, zone) for subject in subjects], (grain, name, now)
    assert facts.stock().events == sum(event.occurred_at <= now for event in known)
    assert not facts.failed
    facts.close()


A = {"n_a": {"count": "*", "where": "event = 'a'"}}


@pytest.fixture
def tallied(tmp_path: Path) -> Project:
    world = World(ACCOUNTS, CONTACTS, happened([("a0", "c0", "a", i * 600, 1.0 - i, 0) for i in range(6)]))
    return open_project(tmp_path, write(tmp_path, world), metrics=A, tallied_from=3)


def tallies(project: Project) -> list[str]:
    current = Shelf.of(project.folder).current(project.config)
    assert current is not None
    return sorted(file.name for file in current.folder.glob("tally-*"))


def test_a_tally_is_made_once_and_taken_over_by_folds(tallied: Project) -> None:
    now = START + timedelta(days=9)
    assert tallies(tallied) == []
    assert tallied.values(now, "n_a") == {"a0": 6, "a1": 0, "a2": 0}
    made = tallies(tallied)
    assert len(made) == 2, "it, and which days are there"
    fold(tallied.folder, tallied.config, "usage", arrivals(Event("n1", "a1", "c1", "a", now)), 1)
    assert tallies(tallied) == made
    again = open_project(
        tallied.folder, tallied.config, metrics={"n_a": {"count": "*", "where": "event = 'a'"}}, sync=False, tallied_from=3
    )
    assert again.values(now, "n_a") == {"a0": 6, "a1": 1, "a2": 0}
    assert tallies(again) == made, "few events are read themselves"


def test_a_way_leads_from_segment_to_segment_whatever_their_sizes(tallied: Project) -> None:
    """Its steps may lie in a large one and a small one, on one day or on several; a late step is taken back into its day."""
    metrics = {"way": {"funnel": ["a", "b", "c"], "within": "2 days"}, "same_day": {"funnel": ["a", "b"], "within": "0 days"}}
    day = timedelta(days=1)

    def ways(*came: Event) -> list[int]:
        fold(tallied.folder, tallied.config, "usage", arrivals(*came), 1)
        project = open_project(tallied.folder, tallied.config, metrics=metrics, sync=False, tallied_from=3)
        return [project.values(START + 9 * day, name)["a0"] for name in metrics]

    first = START + timedelta(hours=50)  # the last of those that are there
    fold(tallied.folder, tallied.config, "usage", arrivals(*(Event(f"{kind}0", "a2", "c2", kind, first - 9 * day) for kind in "bc")), 1)
    assert ways(Event("c", "a0", "c0", "c", first + 2 * day)) == [0, 0]
    assert ways(Event("b", "a0", None, "b", first - timedelta(hours=1))) == [0, 0], "it was before, on the same day"
    assert ways(Event("b1", "a0", None, "b", first + timedelta(hours=1))) == [1, 1], "a small segment tells of a large one's day"
    crowd = [Event(f"n{i}", "a1", "c1", "d", first + i * day) for i in range(3)]
    assert ways(*crowd) == [1, 1], "large by now, and they share a day"
    assert ways(
        Event("a", "a0", "c0", "a", first + timedelta(minutes=30)), *(one._replace(event_id=f"m{one.event_id}") for one in crowd)
    ) == [2, 2]


@pytest.mark.parametrize(
    ("spec", "kept"),
    [
        ({"funnel": ["a", "a"], "within": "7 days", "in": "90 days", "by": "contact"}, True),
        ({"funnel": ["a", "a"], "within": "30 hours"}, False),
        ({"funnel": ["a", "a"], "in": "60 hours"}, False),
    ],
)
def test_a_funnel_is_read_from_days_unless_it_counts_hours(tallied: Project, spec: dict[str, Any], kept: bool) -> None:
    again = open_project(tallied.folder, tallied.config, metrics={"way": spec}, sync=False, tallied_from=3)
    again.values(START + timedelta(days=9), "way")
    assert any("days-known" not in name for name in tallies(again)) is kept


def test_a_where_that_fails_on_some_event_is_blank_there_alone(tallied: Project) -> None:
    metrics = {"n": {"count": "*"}, "odd": {"count": "*", "where": "amount = 1"}}
    again = open_project(tallied.folder, tallied.config, metrics=metrics, sync=False, tallied_from=3)
    # Nothing that compiles should fail; what does, despite all, must not take the tick with it.
    object.__setattr__(again.catalogue.windows["odd"], "where", 'CAST("event" AS INTEGER) = 1')
    facts = again.facts(START + timedelta(days=9))
    assert facts.columns(Grain.ACCOUNT, ["n", "odd"], np.arange(1)) == [[6], [0]]
    assert [failure.text for failure in facts.failed] == ["odd"]
    facts.close()


def test_every_day_has_a_bit_of_its_own() -> None:
    days = [date(1969, 12, 31), date(1970, 1, 1), date(1, 1, 1), date(9999, 12, 31)]
    assert len({number(day) for day in days}) == 4
    assert all(0 <= bit < BLOCK and block > 0 for block, bit in map(number, days))
