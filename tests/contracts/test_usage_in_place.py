"""Events that stay in their database: facts are what they are when the same events lie in a file, and no single event travels."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

import duckdb
import numpy as np
import pytest

from cs_engine.errors import SourceAway
from cs_engine.instants import to_micros
from cs_engine.journey.guards import SourceState
from cs_engine.language.expression import Grain
from cs_engine.language.problems import Problems
from cs_engine.playbook.config import ProjectConfig
from cs_engine.ports import Overlay, Touched
from cs_engine.sources.describe import describe
from cs_engine.sources.facts.in_place import rendered
from cs_engine.usage.catalogue import build
from cs_engine.usage.model import JourneySpec, WindowMetric
from cs_engine.usage.windows_sql import Moment
from tests.contracts.test_usage_oracle import METRICS
from tests.contracts.usage_databases import URL, Postgres
from tests.contracts.usage_world import NOTHING, Account, Contact, Event, Project, World, open_project, write

NOW = datetime(2026, 3, 31, 10, tzinfo=UTC)
FURTHER: dict[str, dict[str, Any]] = {
    "lowest": {"min": "amount", "in": "14 days"},
    "mean": {"avg": "amount"},
    "first": {"first_time": "*", "where": "event like 'a%'"},
    "last": {"last_time": "*"},
    "since_first": {"days_since_first": "*"},
    "kinds": {"count_distinct": "event"},
    "days_in_a_row": {"streak_days": "*"},
    "weeks_in_a_row": {"streak_weeks": "*"},
    "lately": {"count": "*", "where": "at >= now() - 3 days and amount > 1"},
}
ALL = {name: spec for name, spec in {**METRICS, **FURTHER}.items() if "funnel" not in spec}


def world() -> World:
    random = Random(7)
    accounts = [Account(f"a{i}", "A", signed_up_at=NOW - timedelta(days=40 + i)) for i in range(4)]
    contacts = [Contact(f"c{i}", f"a{i % 4}", created_at=NOW - timedelta(days=30)) for i in range(6)]
    events = [
        Event(
            f"e{i}", f"a{random.randrange(3)}", random.choice([f"c{i % 6}", "stranger", None, " "]), random.choice(["a", "b", "ä: 5%"]),
            NOW + timedelta(minutes=random.randrange(-60 * 24 * 45, 60 * 24 * 2)), random.choice([None, 0.5, 2, 7.25]),
        )
        for i in range(400)
    ]  # fmt: skip
    return World(accounts, contacts, [*events, *events[:20], Event("x", "", "c1", "a", NOW)])


@pytest.fixture(scope="module")
def pair(postgres: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Project, Project]]:
    """The same world from files, and with its usage left where it is."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(URL, postgres)
        metrics = ALL
        found = []
        for name in ("files", "place"):
            folder = tmp_path_factory.mktemp(name)
            config = write(folder, world()) if name == "files" else Postgres(postgres).write(world(), in_place=True, at_least=1)
            plain = config.model_dump(by_alias=True, exclude_unset=True)
            plain["sources"]["most_bad_rows"] = "50%"
            found.append(open_project(folder, ProjectConfig.model_validate(plain), metrics=metrics))
        yield found[0], found[1]


@pytest.mark.parametrize("now", [NOW, NOW - timedelta(days=3, hours=11), datetime(2026, 3, 29, 0, 30, tzinfo=UTC), NOW + timedelta(days=9)])
@pytest.mark.parametrize("grain", list(Grain))
def test_every_metric_is_what_it_is_from_files(pair: tuple[Project, Project], now: datetime, grain: Grain) -> None:
    names = list(ALL)
    seen = []
    for project in pair:
        with closing(project.facts(now)) as facts:
            ids = facts.ids(grain)
            columns = facts.columns(grain, names, np.arange(len(ids)))
            seen.append({name: dict(zip(ids, column, strict=True)) for name, column in zip(names, columns, strict=True)})
            assert facts.failed == []
    for name in names:
        assert seen[1][name] == seen[0][name], name


def test_no_single_event_travels(pair: tuple[Project, Project]) -> None:
    for file in (pair[1].folder / ".cs-engine/usage").rglob("*.parquet"):
        if "usage" in file.name or "usage" in file.parent.name:
            assert duckdb.execute(f"SELECT count(*) FROM '{file}'").fetchall() == [(0,)], file


def test_how_much_there_is_and_who_answered_is_asked_there_too(pair: tuple[Project, Project]) -> None:
    touched = Touched([("a0", "c0", to_micros(NOW - timedelta(days=days))) for days in (1, 5, 20)], [])
    overlay = NOTHING._replace(touched=lambda: touched)
    files, place = (project.usage.facts(NOW, [], overlay) for project in pair)
    with closing(files), closing(place):
        assert place.stock() == files.stock()
        (state,) = pair[1].usage.states(NOW)
        assert state == SourceState("usage", place.stock().events, place.stock().newest)
        for grain in Grain:
            rows = np.arange(len(files.ids(grain)))
            assert place.columns(grain, ["unanswered_streak"], rows) == files.columns(grain, ["unanswered_streak"], rows)


def test_conditions_are_what_they_are_from_files(pair: tuple[Project, Project]) -> None:
    for text in ("n_7d >= 2 and quiet < 30", "happened('a') and people_30d > 0", "not happened('b', amount > 7)"):
        assert pair[1].holds_for(NOW, text) == pair[0].holds_for(NOW, text), text


def test_names_are_the_databases_own_and_zones_are_in_its_words() -> None:
    sql = """SELECT "#no", getvariable('today') AS t FROM (SELECT timezone('Asia/Tokyo', "source!At") AS "#no" FROM "source!t")"""
    said = rendered(sql, "snowflake", Moment(NOW, ZoneInfo("UTC")), str.upper)
    assert said == (
        "SELECT \"cs_no\", CAST('2026-03-31' AS DATE) AS t FROM (SELECT CONVERT_TIMEZONE('Asia/Tokyo', AT) AS \"cs_no\" FROM T) AS sub_0"
    )


def test_a_funnel_is_not_counted_in_place(pair: tuple[Project, Project]) -> None:
    problems = Problems()
    funnel = WindowMetric.model_validate({"funnel": ["a", "b"], "within": "3 days"})
    build({"f": funnel}, {}, JourneySpec(), None, describe(pair[1].folder, pair[1].config), {}, problems)
    assert [(problem.code, "counts no funnels" in problem.message) for problem in problems] == [("M109", True)]


def test_a_database_that_is_away_decides_nothing(pair: tuple[Project, Project], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(URL, "postgresql://u:hunter2@127.0.0.1:1/nowhere")
    with pytest.raises(SourceAway):
        pair[1].holds_for(NOW, "n > 0", overlay=Overlay({}, {}, {}))


def test_before_the_first_sync_it_has_the_same_columns(pair: tuple[Project, Project], tmp_path: Path) -> None:
    assert describe(tmp_path, pair[1].config).events == describe(pair[1].folder, pair[1].config).events
