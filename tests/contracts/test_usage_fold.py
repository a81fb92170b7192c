"""Folding what came one by one into the set in force."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from cs_engine.errors import CsEngineError
from cs_engine.instants import to_micros
from cs_engine.language.expression import Grain, Type
from cs_engine.sources.describe import describe
from cs_engine.sources.intake import growing
from cs_engine.sources.intake import sync as syncing
from cs_engine.sources.intake.arriving import Arrivals
from cs_engine.sources.intake.fold import fold, taken
from cs_engine.sources.sets import known_ids, segments
from cs_engine.sources.sets.snapshot import Shelf
from tests.contracts.usage_world import Account, Contact, Event, Project, World, config_of, open_project, write

NOW = datetime(2026, 3, 31, 10, tzinfo=UTC)
WORLD = World(
    [Account(f"a{i}", signed_up_at=NOW - timedelta(days=30)) for i in range(3)],
    [Contact(f"c{i}", f"a{i}", created_at=NOW - timedelta(days=20)) for i in range(3)],
    [Event(f"e{i}", f"a{i % 3}", f"c{i % 3}", "opened", NOW - timedelta(hours=i), 1.0) for i in range(6)],
)
METRICS = {
    "changes": {"count": "*"},
    "people": {"count_distinct": "contact"},
    "kinds": {"count_distinct": "event"},
    "amount_7d": {"sum": "amount", "in": "7 days"},
}


def arrivals(*events: Event, learned: datetime | None = None, properties: Sequence[dict[str, Any]] = ()) -> Arrivals:
    given = properties or [{} if event.amount is None else {"amount": event.amount} for event in events]
    return Arrivals(
        [event.event_id for event in events],
        [event.account_id for event in events],
        [event.contact_id for event in events],
        [event.event for event in events],
        [to_micros(event.occurred_at) for event in events],
        [to_micros(learned or event.occurred_at) for event in events],
        [json.dumps(one) for one in given],
    )


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return open_project(tmp_path, write(tmp_path, WORLD), metrics=METRICS)


def reopened(project: Project) -> Project:
    """With what the sources have by now."""
    return open_project(project.folder, project.config, metrics=METRICS, sync=False)


def test_what_came_counts_beside_what_was_there(project: Project) -> None:
    came = [Event("n1", "a0", "c0", "saved", NOW, 2.0), Event("n2", "a1", "nobody yet", "opened", NOW - timedelta(days=9), 4.0)]
    folded = fold(project.folder, project.config, "usage", arrivals(*came), 2)
    assert (folded.report.read, folded.report.kept, folded.unknown) == (2, 2, [])
    project = reopened(project)
    assert project.values(NOW, "changes") == {"a0": 3, "a1": 3, "a2": 2}
    assert project.values(NOW, "people") == {"a0": 1, "a1": 2, "a2": 1}
    assert project.values(NOW, "kinds") == {"a0": 2, "a1": 1, "a2": 1}
    assert project.values(NOW, "amount_7d") == {"a0": 4.0, "a1": 2.0, "a2": 2.0}
    assert project.values(NOW, "changes", Grain.CONTACT) == {"c0": 3, "c1": 2, "c2": 2}
    assert taken(project.folder, project.config, "usage") == 2


def test_an_id_counts_once_however_often_it_comes(project: Project) -> None:
    twice = Event("n1", "a0", "c0", "saved", NOW)
    for _ in range(2):
        fold(project.folder, project.config, "usage", arrivals(WORLD.events[0], twice, twice), 3)
    assert reopened(project).values(NOW, "changes") == {"a0": 3, "a1": 2, "a2": 2}


@pytest.mark.parametrize("at_once", [1, 4, 50])
def test_an_id_is_found_in_a_large_segment_by_what_lies_in_order_beside_it(
    at_once: int, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many orders its ids lie in; and one that is like none is new."""
    monkeypatch.setattr(known_ids, "_ORDERED_FROM", 3)
    monkeypatch.setattr(known_ids, "_AT_ONCE", at_once)
    monkeypatch.setattr(segments, "_AT_ONCE", 4)
    came = [*WORLD.events, *(Event(f"n{i}", "a0", "c0", "saved", NOW) for i in range(4))]
    for _ in range(2):
        fold(project.folder, project.config, "usage", arrivals(*came, *came[:2]), 1)
    current = Shelf.of(project.folder).current(project.config)
    assert current is not None
    assert len([*current.folder.glob("tally-*-ids-marked.numbers")]) == 2
    assert reopened(project).values(NOW, "changes") == {"a0": 6, "a1": 2, "a2": 2}


@pytest.mark.parametrize("amounts", [True, False])
def test_in_whatever_order_events_come_they_lie_in_order_of_time_each_with_what_is_its_own(project: Project, amounts: bool) -> None:
    """Among them texts that need trimming, and one that no calendar can date: what is wrong is told by the place that it came at."""
    hours = [5, 1, 4, 1, 3]
    came = [Event(f" n{i}", f"a{i % 2}", f"c{i % 2}\u00a0", f"kind {i}", NOW - timedelta(hours=h)) for i, h in enumerate(hours)]
    given = arrivals(*came, properties=[{"amount": i} if amounts else {} for i in range(len(came))])
    folded = fold(project.folder, project.config, "usage", given._replace(at=[*given.at[:2], 2**62, *given.at[3:]]), 1)
    assert folded.report.examples == ("usage:3 at is no time",)
    (file,) = (folded.usage.events("usage", segment) for segment in folded.usage.segments["usage"] if segment.arrived)
    shown = 'id, account, contact, event, "#account", "#contact", "at"' + (", CAST(amount AS INTEGER)" if amounts else "")
    with duckdb.connect() as db:
        rows = db.execute(f"SELECT {shown} FROM read_parquet('{file}', file_row_number = true) ORDER BY file_row_number").fetchall()
    assert [row[:6] for row in rows] == [(f"n{i}", f"a{i % 2}", f"c{i % 2}", f"kind {i}", i % 2, i % 2) for i in (0, 4, 1, 3)]
    assert [row[7:] for row in rows] == [(i,) if amounts else () for i in (0, 4, 1, 3)]


def test_what_was_learned_after_now_is_not_there_yet(project: Project) -> None:
    fold(project.folder, project.config, "usage", arrivals(Event("n1", "a0", "c0", "saved", NOW), learned=NOW + timedelta(hours=1)), 1)
    again = reopened(project)
    assert again.values(NOW, "changes")["a0"] == 2
    assert again.values(NOW + timedelta(hours=1), "changes")["a0"] == 3


def test_events_of_unknown_accounts_and_bad_ones_are_told_apart(project: Project) -> None:
    came = [Event("n1", "a9", "c0", "saved", NOW), Event("n2", "", "c0", "saved", NOW), Event("n3", "a0", "c0", "saved", NOW)]
    folded = fold(project.folder, project.config, "usage", arrivals(*came), 3)
    assert (folded.unknown, folded.report.kept, folded.report.bad) == ([0], 1, 2)
    assert folded.report.examples == ("usage:1 account is not among the accounts", "usage:2 no account")


def test_a_stranger_is_the_same_person_in_every_fold(project: Project) -> None:
    for i in range(3):
        fold(project.folder, project.config, "usage", arrivals(Event(f"n{i}", "a0", "stranger", "saved", NOW)), i)
    assert reopened(project).values(NOW, "people")["a0"] == 2


def test_properties_become_columns_of_their_types_and_text_where_types_differ(project: Project) -> None:
    came = [Event(f"n{i}", "a0", "c0", "saved", NOW) for i in range(3)]
    first: list[dict[str, Any]] = [
        {"amount": 1, "seats": 4, "trial": True, "PLAN": "007", "Amount": 9},
        {"seats": 5.5},
        {"nested": {"a": [1]}, "#day": 1},
    ]
    fold(project.folder, project.config, "usage", arrivals(*came, properties=first), 1)
    found = describe(project.folder, project.config).events["usage"]
    expected = {"amount": Type.NUMBER, "seats": Type.NUMBER, "trial": Type.BOOLEAN, "PLAN": Type.TEXT, "nested": Type.TEXT}
    assert {name: found[name] for name in found.keys() - {"id", "account", "contact", "event", "at", "learned_at"}} == expected
    late = [event._replace(event_id=f"m{event.event_id}") for event in came]
    fold(project.folder, project.config, "usage", arrivals(*late, properties=[{"seats": "many"}, {"trial": None}, {"trial": False}]), 2)
    found = describe(project.folder, project.config).events["usage"]
    assert (found["seats"], found["trial"]) == (Type.TEXT, Type.BOOLEAN)
    metrics = {
        "plans": {"count_distinct": "seats"},
        "trials": {"count": "*", "where": "trial"},
        "manies": {"count": "*", "where": "seats = 'many'"},
    }
    again = open_project(project.folder, project.config, metrics=metrics, sync=False)
    assert [again.values(NOW, name)["a0"] for name in metrics] == [3, 1, 1]


def test_many_small_folds_leave_few_segments(project: Project) -> None:
    for i in range(9):
        fold(project.folder, project.config, "usage", arrivals(Event(f"n{i}", "a0", "c0", "saved", NOW - timedelta(days=i))), i)
    current = Shelf.of(project.folder).current(project.config)
    assert current is not None
    assert len(current.segments["usage"]) <= 4
    assert reopened(project).values(NOW, "changes")["a0"] == 11
    assert len(list(current.folder.glob("events-*"))) == len(current.segments["usage"])


def test_what_a_sync_laid_out_by_files_stays_as_it_lies(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """However alike the sizes of its segments are: later syncs read files again by them."""
    monkeypatch.setattr(growing, "APART_FROM", 0)
    usage = project.folder / "data" / "usage.csv"
    usage.with_stem("usage-more").write_bytes(usage.read_bytes().replace(b"\ne", b"\nm"))
    config = config_of(WORLD.zone, "*.csv", id="event_id")
    syncing.sync(project.folder, config)
    before = Shelf.of(project.folder).current(config)
    fold(project.folder, config, "usage", arrivals(WORLD.events[0]), 1)
    after = Shelf.of(project.folder).current(config)
    assert before is not None
    assert after is not None
    assert len(before.segments["usage"]) == 2
    assert after.segments == before.segments


def test_facts_in_use_keep_their_set(project: Project) -> None:
    facts = project.facts(NOW)
    for i in range(3):
        fold(project.folder, project.config, "usage", arrivals(Event(f"n{i}", "a0", "c0", "saved", NOW)), i)
    assert facts.columns(Grain.ACCOUNT, ["changes"], facts.account_of_contact()[:1]) == [[2]]
    facts.close()
    fold(project.folder, project.config, "usage", arrivals(Event("n9", "a0", "c0", "saved", NOW)), 9)
    assert len(list(Shelf.of(project.folder).folder.glob("set-*"))) == 2


def test_nothing_is_folded_before_the_first_sync(tmp_path: Path) -> None:
    project = open_project(tmp_path, write(tmp_path, WORLD), metrics=METRICS, sync=False)
    with pytest.raises(CsEngineError, match="no usage has been read"):
        fold(tmp_path, project.config, "usage", arrivals(WORLD.events[0]), 1)
    assert taken(tmp_path, project.config, "usage") == 0


def test_nothing_new_changes_nothing_but_how_far_it_was_taken(project: Project) -> None:
    before = project.values(NOW, "changes")
    assert fold(project.folder, project.config, "usage", arrivals(), 7).report.read == 0
    assert reopened(project).values(NOW, "changes") == before
    assert taken(project.folder, project.config, "usage") == 7
