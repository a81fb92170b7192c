"""Facts equal plain counting: on worlds made at random, and on the shipped sample."""

from __future__ import annotations

import csv
import gzip
import tempfile
from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cs_engine.language.expression import Grain
from tests.contracts.by_hand import Subject, dated, naive
from tests.contracts.usage_world import NOTHING, Account, Contact, Event, Project, World, config_of, open_project, write

SAMPLE = Path(__file__).parents[2] / "data" / "contributions"

METRICS: dict[str, dict[str, Any]] = {
    "n": {"count": "*"},
    "n_1d": {"count": "*", "in": "1 day"},
    "n_7d": {"count": "*", "in": "7 days"},
    "n_prev_7d": {"count": "*", "in": "7 days", "ago": "7 days"},
    "n_last_year": {"count": "*", "in": "1 week", "ago": "52 weeks"},
    "n_until": {"count": "*", "ago": "3 days"},
    "n_5h": {"count": "*", "in": "5 hours"},
    "n_a": {"count": "*", "where": "event = 'a'"},
    "n_a_7d": {"count": "*", "in": "7 days", "where": "event = 'a'"},
    "n_rich": {"count": "*", "in": "2 weeks", "where": "amount >= 1.5"},
    "n_early": {"count": "*", "where": "at < '2026-03-29' and event = 'b'"},
    "days_nobody": {"active_days": "*", "where": "contact is null"},
    "people": {"count_distinct": "contact"},
    "people_30d": {"count_distinct": "contact", "in": "30 days"},
    "people_before": {"count_distinct": "contact", "in": "30 days", "ago": "2 days"},
    "kinds_28d": {"count_distinct": "event", "in": "28 days"},
    "people_a": {"count_distinct": "contact", "where": "event = 'a'"},
    "days_distinct": {"count_distinct": "day", "in": "2 weeks"},
    "amounts_30d": {"count_distinct": "amount", "in": "30 days"},
    "amount_7d": {"sum": "amount", "in": "7 days"},
    "lowest": {"min": "amount"},
    "highest_7d": {"max": "amount", "in": "7 days", "ago": "1 day"},
    "mean_a": {"avg": "amount", "where": "event = 'a'"},
    "mean_5h": {"avg": "amount", "in": "5 hours"},
    "latest_at": {"max": "at", "in": "4 days"},
    "first": {"first_time": "*"},
    "first_a_7d": {"first_time": "*", "in": "7 days", "where": "event = 'a'"},
    "last": {"last_time": "*"},
    "last_before": {"last_time": "*", "ago": "3 days"},
    "age": {"days_since_first": "*"},
    "age_a": {"days_since_first": "*", "where": "event = 'a'"},
    "row_days": {"streak_days": "*"},
    "row_days_a": {"streak_days": "*", "where": "event = 'a'", "in": "3 days"},
    "row_weeks": {"streak_weeks": "*"},
    "row_weeks_2w": {"streak_weeks": "*", "in": "2 weeks"},
    "n_trend": {"trend": "n_7d"},
    "n_growth": {"trend": "n_prev_7d", "as": "difference", "ago": "2 days"},
    "high_trend": {"trend": "highest_7d"},
    "high_growth": {"trend": "highest_7d", "as": "difference"},
    "seats_used": {"count_distinct": "contact", "in": "30 days", "share_of": "account.seats"},
    "way": {"funnel": ["a", "b"], "within": "2 days"},
    "way_rate": {"funnel": ["a", "b"], "within": "2 days", "as": "rate"},
    "way_same": {"funnel": ["a", "a"], "within": "0 days", "by": "contact"},
    "way_person": {"funnel": ["a", "b", "c"], "within": "1 week", "by": "contact", "in": "10 days", "ago": "2 days"},
    "way_long": {"funnel": ["a", "b", "c", "a"]},
    "way_hours": {"funnel": ["a", "b"], "within": "30 hours", "in": "60 hours"},
    "way_rich": {"funnel": ["a", "b"], "within": "30 hours", "in": "6 days", "ago": "3 days"},
    "quiet": {"days_since_last": "*"},
    "quiet_a": {"days_since_last": "*", "where": "event = 'a'"},
    "days": {"active_days": "*"},
    "days_28d": {"active_days": "*", "in": "28 days"},
    "days_a": {"active_days": "*", "in": "28 days", "where": "event = 'a'"},
    "weeks_6w": {"active_weeks": "*", "in": "6 weeks"},
    "weeks_moved": {"active_weeks": "*", "in": "3 weeks", "ago": "2 days"},
}

SINCE_EVER = ("n", "people", "quiet", "age", "last", "row_days", "row_weeks", "n_trend", "n_growth")

# Around the night in which Berlin's clocks went forward: days of 23 hours, and midnights that are not UTC's.
START = datetime(2026, 3, 20, tzinfo=UTC)
minutes = st.one_of(st.integers(0, 20 * 24 * 60), st.sampled_from([m * 60 for m in range(20 * 24)]))


PEOPLE = ("c0", "c1", "c2", "c3", "c4", "stranger", None)
KINDS = ("a", "b", "c")
AMOUNTS = (None, 1.5, -2.0, 40.0)


@st.composite
def worlds(draw: st.DrawFn) -> tuple[World, list[datetime]]:
    accounts = [Account(f"a{i}", seats=(4, 0, None)[i], signed_up_at=START + timedelta(minutes=draw(minutes))) for i in range(3)]
    contacts = [Contact(f"c{i}", f"a{i % 3}", created_at=START + timedelta(minutes=draw(minutes))) for i in range(5)]
    # Edges as they are drawn, in a crowd: streaks and ways from event to event need many.
    edges = draw(
        st.lists(
            st.tuples(
                st.integers(0, 2),
                st.sampled_from(PEOPLE),
                st.sampled_from(KINDS),
                minutes,
                st.sampled_from(AMOUNTS),
                st.sampled_from([0, 0, 0, 1]),
            ),
            max_size=12,
        )
    )
    chance = Random(draw(st.integers(0, 2**32)))
    crowd = [
        (chance.randrange(3), chance.choice(PEOPLE), chance.choice(KINDS), chance.randrange(20 * 48) * 30, chance.choice(AMOUNTS), 0)
        for _ in range(chance.randrange(80))
    ]
    events = [
        Event(f"e{i}", f"a{account}", contact, kind, START + timedelta(days=-365 * long_ago, minutes=at), amount)
        for i, (account, contact, kind, at, amount, long_ago) in enumerate([*edges, *crowd])
    ]
    nows = [START + timedelta(minutes=at) for at in draw(st.lists(minutes, min_size=2, max_size=3))]
    return World(accounts, contacts, events, draw(st.sampled_from(["Europe/Berlin", "UTC", "Asia/Tokyo", "America/St_Johns"]))), nows


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(worlds())
def test_every_metric_is_what_plain_counting_gives(drawn: tuple[World, list[datetime]]) -> None:
    world, nows = drawn
    with tempfile.TemporaryDirectory() as folder:
        # One more value, so that the column `amount` is a number in every world.
        world.events = [*world.events, Event("last", "a0", "c0", "b", START + timedelta(days=40), 1.0)]
        project = open_project(Path(folder), write(Path(folder), world), metrics=METRICS)
        for now in nows:
            _compare(project, world.accounts, world.contacts, world.events, now, world.zone)


def _compare(
    project: Project, accounts: Sequence[Account], contacts: Sequence[Contact], events: Sequence[Event], now: datetime, zone: str
) -> None:
    of_account, of_contact = defaultdict(list), defaultdict(list)
    for event in dated(events, zone):
        of_account[event.event.account_id].append(event)
        of_contact[event.event.contact_id].append(event)
    facts = project.usage.facts(now, [], NOTHING)
    there = [a for a in accounts if a.signed_up_at is None or a.signed_up_at <= now]
    known = {a.account_id for a in there}
    people = [c for c in contacts if c.account_id in known and (c.created_at is None or c.created_at <= now)]
    assert facts.ids(Grain.ACCOUNT) == [a.account_id for a in there]
    assert facts.ids(Grain.CONTACT) == [c.contact_id for c in people]
    names = list(METRICS)
    found = facts.columns(Grain.ACCOUNT, names, np.arange(len(there)))
    own = facts.columns(Grain.CONTACT, names, np.arange(len(people)))
    accounts_own = facts.columns(Grain.CONTACT, [f"account.{name}" for name in names], np.arange(len(people)))
    of = {a.account_id: {name: column[i] for name, column in zip(names, found, strict=True)} for i, a in enumerate(there)}
    whole = {a.account_id: Subject(of_account[a.account_id], a.signed_up_at, a.seats) for a in there}
    for name, column, mine, account in zip(names, found, own, accounts_own, strict=True):
        assert column == [naive(METRICS, name, whole[a.account_id], now, zone) for a in there], name
        assert mine == [
            naive(METRICS, name, Subject(of_contact[c.contact_id], c.created_at, whole[c.account_id].seats), now, zone) for c in people
        ], name
        assert account == [of[c.account_id][name] for c in people], name
    assert not facts.failed
    facts.close()


@pytest.fixture(scope="module")
def sample() -> tuple[list[Account], list[Contact], list[Event]]:
    def rows(name: str) -> list[dict[str, str]]:
        with gzip.open(SAMPLE / f"{name}.csv.gz", "rt", encoding="utf-8") as file:
            return list(csv.DictReader(file))

    return (
        [Account(r["account_id"], signed_up_at=datetime.fromisoformat(r["signed_up_at"])) for r in rows("accounts")],
        [Contact(r["contact_id"], r["account_id"], created_at=datetime.fromisoformat(r["created_at"])) for r in rows("contacts")],
        [
            Event(r["event_id"], r["account_id"], r["contact_id"], r["event"], datetime.fromisoformat(r["occurred_at"]))
            for r in rows("usage_events")
        ],
    )


def test_the_sample_is_counted_right_at_borders_of_days(sample: tuple[list[Account], list[Contact], list[Event]], tmp_path: Path) -> None:
    (accounts, contacts, events), zone = sample, "Europe/Berlin"
    config = config_of(zone, id="event_id")
    sources = {"accounts": {"file": str(SAMPLE / "accounts.csv.gz")}, "contacts": {"file": str(SAMPLE / "contacts.csv.gz")}}
    sources["usage"] = {"file": str(SAMPLE / "usage_events.csv.gz"), "id": "event_id"}
    config = type(config).model_validate(config.model_dump(by_alias=True, exclude_unset=True) | {"sources": sources})
    # The sample has no amounts and other kinds of events.
    metrics = {
        name: spec
        for name, spec in METRICS.items()
        if "amount" not in spec.values() and not spec.keys() & {"funnel", "share_of"} and ("in" in spec or name in SINCE_EVER)
    }
    renamed = {name: {**spec, **({"where": "event = 'net_changed'"} if "where" in spec else {})} for name, spec in metrics.items()}
    project = open_project(tmp_path, config, metrics=renamed)
    of_account = defaultdict(list)
    for event in dated(events, zone):
        of_account[event.event.account_id].append(event)
    # A second before and at midnight in Berlin, before its clocks change, and the last moment of all; of some accounts each.
    for now, step in (
        (datetime(2015, 10, 24, 21, 59, 59, tzinfo=UTC), 3),
        (datetime(2015, 10, 24, 22, 0, 0, tzinfo=UTC), 3),
        (max(event.occurred_at for event in events), 10),
    ):
        facts = project.facts(now)
        there = [a for a in accounts if a.signed_up_at is not None and a.signed_up_at <= now]
        found = facts.columns(Grain.ACCOUNT, list(renamed), np.arange(len(there)))
        by_now = {account: [e for e in seen if e.at <= now] for account, seen in of_account.items()}
        of = [Subject(by_now.get(a.account_id, []), a.signed_up_at) for a in there[::step]]
        for name, column in zip(renamed, found, strict=True):
            assert column[::step] == [naive(renamed, name, subject, now, zone) for subject in of], (name, now)
        facts.close()
    assert len(contacts) == len(project.usage.people()[1])
