"""When a milestone became true is what looking at every moment gives: each event, each midnight, the sign-up."""

from __future__ import annotations

import json
import tempfile
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from random import Random
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings

from cs_engine.instants import from_micros, to_micros
from cs_engine.language.expression import Grain
from cs_engine.playbook.config import ProjectConfig
from cs_engine.sources.facts import past as duckdb_past
from cs_engine.sources.intake.sync import sync
from tests.contracts.by_hand import Subject, dated, naive
from tests.contracts.test_usage_oracle import METRICS, START, worlds
from tests.contracts.usage_world import NOTHING, Account, Event, World, open_project, write

TOLD = [name for name, spec in METRICS.items() if not spec.keys() & {"first_time", "last_time"} and name not in ("mean_5h", "latest_at")]
"""Those that give numbers."""
LEAST = {name: 1 if METRICS[name].keys() & {"funnel", "share_of"} else 2 for name in TOLD}


def moments(subject: Subject, now: datetime, zone: str) -> list[datetime]:
    """All at which something may become true, oldest first."""
    since, tz = subject.since, ZoneInfo(zone)
    assert since is not None
    day = since.astimezone(tz).date()
    midnights = [datetime.combine(day + timedelta(days=n), time(), tz).astimezone(UTC) for n in range((now.date() - day).days + 2)]
    return sorted(at for at in {since, now, *midnights, *(event.at for event in subject.events)} if since <= at <= now)


def first_by_hand(name: str, subject: Subject, now: datetime, zone: str) -> datetime | None:
    def holds(at: datetime) -> bool:
        value = naive(METRICS, name, subject, at, zone)
        return value is not None and value >= LEAST[name]

    return next((at for at in moments(subject, now, zone) if holds(at)), None) if holds(now) else None


@settings(max_examples=2, deadline=None, phases=(Phase.explicit, Phase.reuse, Phase.generate), suppress_health_check=[HealthCheck.too_slow])
@given(worlds())
def test_it_is_the_first_of_all_moments(drawn: tuple[World, list[datetime]]) -> None:
    world, nows = drawn
    now = max(nows)
    world.events = [*world.events, Event("last", "a0", "c0", "b", START + timedelta(days=40), 1.0)]
    with tempfile.TemporaryDirectory() as folder:
        project = open_project(
            Path(folder), write(Path(folder), world), metrics=METRICS, milestones={name: f"{name} >= {LEAST[name]}" for name in TOLD}
        )
        facts = project.usage.facts(now, [], NOTHING)
        ids = facts.ids(Grain.ACCOUNT)
        accounts = {account.account_id: account for account in world.accounts}
        for name, mask in facts.milestones().items():
            rows = np.flatnonzero(mask)
            when, seen = facts.became(name, rows, None)
            for row, at, values in zip(rows.tolist(), when, seen, strict=True):
                account = accounts[ids[row]]
                own = dated([event for event in world.events if event.account_id == account.account_id], world.zone)
                subject = Subject(own, account.signed_up_at, account.seats)
                assert from_micros(at) == first_by_hand(name, subject, now, world.zone), (name, account.account_id)
                assert json.loads(values)[name] >= LEAST[name]
        facts.close()


def test_what_hangs_on_an_order_became_true_with_the_event_that_completed_it(tmp_path: Path) -> None:
    events = [Event(f"e{n}", "a0", "c0", "ab"[n % 2], START + timedelta(days=n, hours=1)) for n in range(16)]
    world, now = World([Account("a0", signed_up_at=START)], (), events), START + timedelta(days=15, hours=12)
    least = {"row_days": 4, "row_weeks": 3, "way": 3, "way_same": 0}
    project = open_project(tmp_path, write(tmp_path, world), metrics=METRICS, milestones={m: f"{m} >= {n}" for m, n in least.items()})
    facts = project.usage.facts(now, [], NOTHING)
    found = {name: facts.became(name, np.array([0]), None)[0][0] for name in least}
    facts.close()
    first = [to_micros(START + timedelta(days=n, hours=1)) for n in range(16)]
    midnight = to_micros(START + timedelta(days=14, hours=-2))  # as a third week has come into sight: no event is needed
    assert found == {"row_days": first[3], "row_weeks": midnight, "way": first[5], "way_same": to_micros(START)}


def test_many_accounts_are_looked_at_in_parts_and_their_first_days_before_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is found is the same. Some have signed up after their first events, some became so late, and some without an event."""
    chance = Random(5)
    accounts = [Account(f"a{i}", signed_up_at=START + timedelta(hours=chance.randrange(24 * 30))) for i in range(24)]
    begun = [chance.randrange(24 * 20) for _ in accounts]
    events = [
        Event(
            f"e{i}",
            f"a{of}",
            None,
            chance.choice("abc"),
            START + timedelta(hours=begun[of] + chance.choice((1, 9, 99, 999)) * chance.random()),
        )
        for i, of in enumerate(chance.choices(range(24), k=300))
    ]
    least = {"n": 8, "n_a": 3, "quiet": 12}
    metrics = {name: METRICS[name] for name in least}
    world = World(accounts, (), events)
    project = open_project(tmp_path, write(tmp_path, world), metrics=metrics, milestones={m: f"{m} >= {n}" for m, n in least.items()})

    def found() -> list[tuple[list[int], list[str]]]:
        facts = project.usage.facts(START + timedelta(days=60), [], NOTHING)
        try:
            return [facts.became(name, np.flatnonzero(mask), None) for name, mask in facts.milestones().items()]
        finally:
            facts.close()

    whole = found()
    monkeypatch.setattr(duckdb_past, "_AT_ONCE", 75)
    assert found() == whole
    assert all(len(when) > 6 for when, _ in whole), "more than are looked at together"


@pytest.mark.parametrize(
    "when", ["n_1d >= 2 and n_1d < 4", "n_1d = 2", "2 <= n_1d and not n_1d >= 4", "2 + n_1d - n_1d < n_1d + 1 and n_1d <= 3"]
)
def test_what_more_events_make_false_again_is_seen_in_the_course_of_its_day(tmp_path: Path, when: str) -> None:
    """As the first day ended it did not hold."""
    at = [START + timedelta(hours=hour) for hour in (1, 2, 3, 4, 5, 49, 50)]
    world = World([Account("a0", signed_up_at=START)], (), [Event(f"e{i}", "a0", None, "a", one) for i, one in enumerate(at)])
    project = open_project(tmp_path, write(tmp_path, world), metrics=METRICS, milestones={"m": when})
    facts = project.usage.facts(at[-1], [], NOTHING)
    when_found, _ = facts.became("m", np.array([0]), None)
    facts.close()
    assert when_found == [to_micros(at[1])]


def test_where_very_much_happened_each_day_is_looked_at_as_it_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The moment on that day is exact all the same."""
    monkeypatch.setattr(duckdb_past, "_MOST", 0)
    events = [Event(f"e{n}", "a0", "c0", "a", START + timedelta(days=n // 2, hours=9 + n % 2)) for n in range(16)]
    world = World([Account("a0", signed_up_at=START)], (), events)
    project = open_project(tmp_path, write(tmp_path, world), metrics=METRICS, milestones={"m": "n >= 7"})
    facts = project.usage.facts(START + timedelta(days=15), [], NOTHING)
    when, _ = facts.became("m", np.array([0]), None)
    assert from_micros(when[0]) == events[6].occurred_at
    facts.close()


def test_where_it_was_kept_how_columns_were_it_is_the_first_of_all_that_facts_of_then_say(tmp_path: Path) -> None:
    """Plans and seats that change with each sync, and blank ones: at no moment before it did facts of that moment meet the condition."""
    chance, accounts = Random(7), [f"a{n}" for n in range(12)]
    plain = write(tmp_path, World([Account(id, signed_up_at=START) for id in accounts])).model_dump(by_alias=True, exclude_unset=True)
    config = ProjectConfig.model_validate(plain | {"sources": plain["sources"] | {"history": "900 days"}})
    events = [Event(f"e{n}", chance.choice(accounts), None, "a", START + timedelta(hours=chance.randrange(170))) for n in range(12)]
    read = [START + timedelta(hours=50 * n) for n in range(4)]
    for at in read:
        plans = [(chance.choice(["free", "team"]), chance.choice([None, 3, 9])) for _ in accounts]
        write(tmp_path, World([Account(id, "A", *of, START) for id, of in zip(accounts, plans, strict=True)], (), events))
        sync(tmp_path, config, now=at)
    conditions = {
        "told": "account.plan = 'team'",
        "both": "account.plan = 'team' and n >= 2",
        "blank": "account.seats is null and n_7d >= 1",
        "quiet": "account.seats >= quiet_days and account.plan = 'free'",
    }
    metrics = {"n": {"count": "*"}, "n_7d": {"count": "*", "in": "7 days"}, "quiet_days": {"days_since_last": "*"}}
    project = open_project(tmp_path, config, metrics=metrics, milestones=conditions, sync=False)
    now = read[-1] + timedelta(hours=1)
    zone = ZoneInfo("Europe/Berlin")
    midnights = [datetime.combine(START.date() + timedelta(days=n), time(), zone) for n in range(7)]
    looked_at = sorted(at for at in {START, now, *read, *midnights, *(event.occurred_at for event in events)} if START <= at <= now)
    first: dict[tuple[str, str], datetime] = {}
    for at in looked_at:
        then = project.usage.facts(at, [], NOTHING)
        for name, mask in then.milestones().items():
            for row in np.flatnonzero(mask).tolist():
                first.setdefault((name, then.ids(Grain.ACCOUNT)[row]), at)
        then.close()
    facts = project.usage.facts(now, [], NOTHING)
    found: dict[tuple[str, str], datetime] = {}
    for name, mask in facts.milestones().items():
        rows = np.flatnonzero(mask)
        when, _ = facts.became(name, rows, to_micros(now - timedelta(minutes=1)))
        found |= {(name, facts.ids(Grain.ACCOUNT)[row]): from_micros(at) for row, at in zip(rows.tolist(), when, strict=True)}
    facts.close()
    assert found == {key: at for key, at in first.items() if key in found}
    assert {name for name, _ in found} == set(conditions)
    assert {at for at in found.values() if at in read[1:]}, "some with a change"
