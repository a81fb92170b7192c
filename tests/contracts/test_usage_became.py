"""When a milestone became true is what looking at every moment gives: each event, each midnight, the sign-up."""

from __future__ import annotations

import json
import tempfile
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings

from cs_engine.instants import from_micros, to_micros
from cs_engine.language.expression import Grain
from cs_engine.sources.facts import past as duckdb_past
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
