"""The promises of `ports.Usage` and `ports.Facts`, over every kind of source file."""

from __future__ import annotations

import json
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from cs_engine.instants import from_micros, to_micros
from cs_engine.language.expression import Duration, Expression, Grain, Type
from cs_engine.language.scope import kept as kept_column
from cs_engine.playbook.plan import EventEntry
from cs_engine.ports import AccountRow, ContactRow, Facts, Overlay, Usage
from tests.contracts.usage_world import WRITERS, Account, Contact, Event, Project, World, open_project, write

NOW = datetime(2026, 3, 31, 10, tzinfo=UTC)
ROWS = np.arange

WORLD = World(
    [
        Account("a1", "株式会社アルファ", "team", 4, NOW - timedelta(days=30), "ja", "Asia/Tokyo", "csm@vendor.example"),
        Account("a2", "Beta", "starter", None, NOW - timedelta(days=3)),
        Account("later", "Gamma", "team", 9, NOW + timedelta(seconds=1)),
    ],
    [
        Contact("c1", "a1", "c1@customer.example", "山田", "operator", "ja", "Asia/Tokyo", NOW - timedelta(days=20)),
        Contact("c2", "a1", "c2@customer.example", "Two", "champion", created_at=NOW - timedelta(days=10)),
        Contact("c3", "a2", "", "Three", "operator", created_at=NOW - timedelta(days=3)),
        Contact("c4", "a1", "c4@customer.example", "Four", "champion", created_at=NOW + timedelta(days=1)),
        Contact("c5", "later", "c5@customer.example", "Five", "operator", created_at=NOW - timedelta(days=1)),
    ],
    [
        Event("e1", "a1", "c1", "opened", NOW - timedelta(days=8), 2.5),
        Event("e2", "a1", "c1", "opened", NOW - timedelta(hours=1), 1.0),
        Event("e2", "a1", "c1", "opened", NOW - timedelta(hours=1), 1.0),
        Event("e3", "a1", "c2", "saved", NOW, None),
        Event("e4", "a1", "c2", "saved", NOW + timedelta(seconds=1), 100.0),
        Event("e5", "later", "c5", "saved", NOW - timedelta(days=1), 1.0),
    ],
)
METRICS = {
    "changes": {"count": "*"},
    "changes_7d": {"count": "*", "in": "7 days"},
    "people": {"count_distinct": "contact"},
    "quiet_days": {"days_since_last": "*"},
    "amount": {"sum": "amount"},
    "seat_usage": "people / nullif(account.seats, 0)",
}


@pytest.fixture(params=WRITERS, scope="module")
def project(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Project:
    folder = tmp_path_factory.mktemp("world")
    return open_project(
        folder,
        write(folder, WORLD, request.param),
        metrics=METRICS,
        segments={"japan": "account.locale = 'ja'"},
        milestones={"first": "changes >= 1", "saved": "people >= 2 and reached('first')"},
    )


@pytest.fixture
def csv_project(tmp_path: Path) -> Project:
    return open_project(tmp_path, write(tmp_path, WORLD), metrics=METRICS, milestones={"first": "changes >= 1", "saved": "people >= 2"})


def test_it_is_the_port(csv_project: Project) -> None:
    usage: Usage = csv_project.usage
    facts: Facts = usage.facts(NOW, [], Overlay({}, {}, {}))
    assert facts.now == NOW
    facts.close()


def test_a_sync_reports_what_it_read_and_people_come_back_whole(project: Project) -> None:
    assert [(r.source, r.read, r.kept, r.bad) for r in project.usage.sync()] == [
        ("accounts", 3, 3, 0),
        ("contacts", 5, 5, 0),
        ("usage", 6, 6, 0),
    ]
    accounts, contacts = project.usage.people()
    born = to_micros(NOW - timedelta(days=30))
    assert accounts[0] == AccountRow("a1", "株式会社アルファ", "ja", "Asia/Tokyo", "csm@vendor.example", born)
    since = to_micros(NOW - timedelta(days=20))
    email = "c1@customer.example"
    assert contacts[0] == ContactRow("c1", "a1", email, f"hash of {email}", "山田", "operator", "ja", "Asia/Tokyo", since)
    assert contacts[2].email_hash == "", "nobody without an address has a hash"
    assert project.usage.synced()


def test_nothing_later_than_now_is_there(project: Project) -> None:
    facts = project.facts(NOW)
    assert facts.ids(Grain.ACCOUNT) == ["a1", "a2"]
    assert facts.ids(Grain.CONTACT) == ["c1", "c2", "c3"], "one comes later, one is of an account that comes later"
    assert facts.account_of_contact().tolist() == [0, 0, 1]
    assert facts.columns(Grain.ACCOUNT, ["changes", "amount"], ROWS(2)) == [[3, 0], [3.5, 0]], (
        "an event at now counts, one after it does not"
    )
    facts.close()


def test_a_bare_metric_is_the_subjects_and_account_names_its_account(project: Project) -> None:
    facts = project.facts(NOW)
    assert facts.columns(Grain.CONTACT, ["changes", "account.changes", "account.seat_usage", "seat_usage"], ROWS(3)) == [
        [2, 1, 0], [3, 3, 0], [0.5, 0.5, None], [0.25, 0.25, None],
    ]  # fmt: skip
    facts.close()


def test_the_champion_is_the_earliest_there_and_else_the_fall_backs_earliest(project: Project) -> None:
    assert project.values(NOW, "champion.id") == {"a1": "c2", "a2": "c3"}
    before = NOW - timedelta(days=12)
    assert project.values(before, "champion.name") == {"a1": "山田"}, "the champion was not there yet"


def test_milestones_are_reached_in_the_same_tick_and_stay_reached(project: Project) -> None:
    latched = Overlay({"saved": (["a2", "gone"], [to_micros(NOW - timedelta(days=1)), 0])}, {}, {})
    facts = project.facts(NOW, overlay=latched)
    found = facts.milestones()
    assert {name: mask.tolist() for name, mask in found.items()} == {"first": [True, False], "saved": [True, True]}
    assert facts.columns(Grain.ACCOUNT, ["reached_at:saved", "reached_at:first"], ROWS(2)) == [[NOW, NOW - timedelta(days=1)], [NOW, None]]
    facts.close()


def test_conditions_are_asked_of_all_rows_whenever_they_come(project: Project) -> None:
    given = project.condition("changes_7d >= 2 and in_segment('japan')")
    asked_later = project.condition("not reached('first') or account.seats is null")
    facts = project.facts(NOW, given)
    assert facts.mask(given).tolist() == [True, False]
    assert facts.mask(asked_later).tolist() == [False, True]
    assert facts.mask(given).dtype == np.bool_
    of_contacts = project.condition("contact.role = 'operator' and account.plan = 'team' and in_segment('japan')", Grain.CONTACT)
    assert facts.mask(of_contacts).tolist() == [True, False, False]
    facts.close()


def test_many_conditions_asked_together_are_what_each_of_them_is_alone(csv_project: Project) -> None:
    """They go in two halves, on two connections: both know the clock, and one that fails leaves the others alone."""
    project = csv_project
    texts = [
        text.format(n=n)
        for n in range(12)
        for text in (
            "changes_7d >= {n}",
            "changes > 1 and days_since(account.signed_up_at) > {n}",
            "account.signed_up_at < now() - {n} days and account.seats is null",
        )
    ]
    conditions = [project.condition(text) for text in texts]
    failing = Expression("failing", Grain.ACCOUNT, "CAST(\"account.name\" || '7' AS INTEGER) > 0", Type.BOOLEAN, ("account.name",))
    alone = [[id in project.holds_for(NOW, text) for id in ("a1", "a2")] for text in texts]
    assert len({tuple(mask) for mask in alone}) == 4, "they differ"
    for place in (0, len(conditions)):
        asked = [*conditions[:place], failing, *conditions[place:]]
        facts = project.facts(NOW, *asked)
        assert [facts.mask(condition).tolist() for condition in conditions] == alone
        assert [failure.text for failure in facts.failed] == ["failing"]
        facts.close()


def test_what_only_our_tables_know_is_laid_over(project: Project) -> None:
    overlay = Overlay({}, {"open_ctas": (["a2", "gone"], [2.0, 9.0]), "emails_30d": (["a1"], [3.0])}, {"emails_30d": (["c2"], [1.0])})
    assert project.holds_for(NOW, "open_ctas = 2 or emails_30d = 3", overlay=overlay) == {"a1", "a2"}
    assert project.holds_for(NOW, "emails_30d = 0", overlay=overlay) == {"a2"}, "0 for the rest"
    assert project.holds_for(NOW, "emails_30d = 1 and account.emails_30d = 3", Grain.CONTACT, overlay) == {"c2"}


def test_blank_makes_a_comparison_not_true(project: Project) -> None:
    assert project.holds_for(NOW, "account.seats > 0") == {"a1"}
    assert project.holds_for(NOW, "not (account.seats > 0)") == set()


def test_values_come_plain_in_the_order_asked(project: Project) -> None:
    facts = project.facts(NOW)
    rows = np.array([1, -1, 0, 1])
    assert facts.columns(Grain.ACCOUNT, ["account.name", "account.seats", "account.signed_up_at"], rows) == [
        ["Beta", None, "株式会社アルファ", "Beta"],
        [None, None, 4, None],
        [NOW - timedelta(days=3), None, NOW - timedelta(days=30), NOW - timedelta(days=3)],
    ]
    facts.close()


def test_the_journal_keeps_the_values_that_a_condition_named(project: Project) -> None:
    condition = project.condition("changes > 1 and account.signed_up_at < now() and reached('first')")
    facts = project.facts(NOW, condition)
    assert json.loads(facts.seen(condition, np.array([0]))[0]) == {
        "account.signed_up_at": "2026-03-01T10:00:00Z",
        "changes": 3,
        "reached:first": True,
    }
    facts.close()


def test_once_per_is_text(project: Project) -> None:
    facts = project.facts(NOW)
    assert facts.texts(project.scalar("account.seats")) == ["4", ""]
    assert facts.texts(project.scalar("account.signed_up_at")) == ["2026-03-01T10:00:00Z", "2026-03-28T10:00:00Z"]
    facts.close()


def test_what_fails_fails_alone_and_says_so(csv_project: Project) -> None:
    sound = csv_project.condition("changes > 1")
    no_number = "CAST(CASE WHEN changes > 0 THEN 'secret' ELSE '1' END AS INTEGER) = 1"
    failing = Expression("failing", Grain.ACCOUNT, no_number, Type.BOOLEAN, ("changes",))
    nonsense = Expression("nonsense", Grain.ACCOUNT, 'no_such_function("changes")', Type.BOOLEAN, ("changes",))
    unknown = Expression("unknown", Grain.ACCOUNT, '"gone" > 0', Type.BOOLEAN, ("gone",))
    facts = csv_project.facts(NOW, sound, failing, nonsense, unknown)
    assert facts.mask(sound).tolist() == [True, False]
    assert facts.mask(failing).tolist() == [False, True], "false only where it fails"
    assert facts.mask(nonsense).tolist() == [False, False]
    assert facts.mask(unknown).tolist() == [False, False]
    assert sorted(failure.text for failure in facts.failed) == ["failing", "nonsense", "unknown"]
    assert "secret" not in str(facts.failed), "reasons hold no data"
    facts.close()


def test_a_metric_that_fails_is_blank_where_it_fails(tmp_path: Path) -> None:
    project = open_project(
        tmp_path,
        write(tmp_path, WORLD),
        metrics={"changes": {"count": "*"}, "wild": "changes * changes"},
        segments={"fine": "changes >= 0"},
    )
    # Nothing that compiles should fail; what does, despite all, must not take the tick with it.
    wild = project.catalogue.derived[Grain.ACCOUNT]["wild"]
    object.__setattr__(wild, "sql", '(9223372036854775807 + "changes")')
    assert project.holds_for(NOW, "wild > 0 or in_segment('fine')") == {"a1", "a2"}
    facts = project.facts(NOW, project.condition("wild > 0"))
    assert facts.columns(Grain.ACCOUNT, ["wild"], ROWS(2)) == [[None, 9223372036854775807]]
    assert [failure.text for failure in facts.failed] == ["wild"]
    facts.close()


def test_a_condition_reaches_no_file(csv_project: Project) -> None:
    outside = csv_project.folder / "data" / "accounts.csv"
    reading = Expression("reading", Grain.ACCOUNT, f"(SELECT count(*) FROM read_csv('{outside}')) > 0", Type.BOOLEAN, ())
    facts = csv_project.facts(NOW, reading)
    assert not facts.mask(reading).any()
    assert [failure.text for failure in facts.failed] == ["reading"]
    facts.close()


def test_health_weighs_its_components(tmp_path: Path) -> None:
    health = {
        "components": {
            "usage": {"metric": "changes", "weight": 3, "points": [[0, 0], [2, 50], [4, 100]]},
            "seats": {"metric": "account.seats", "weight": 1, "points": [[1, 100], [4, 20]]},
        },
        "bands": {"green": 70, "yellow": 40, "red": 0},
        "overrides": {"account.plan = 'starter' and changes = 0": "red"},
    }
    project = open_project(tmp_path, write(tmp_path, WORLD), metrics={"changes": {"count": "*"}}, health=health)
    # a1: (3 * 75 + 1 * 20) / 4; a2 has no seats: changes alone.
    assert project.values(NOW, "health") == {"a1": 61.25, "a2": 0.0}
    assert project.values(NOW, "health_band") == {"a1": "yellow", "a2": "red"}
    assert project.values(NOW, "health_band", Grain.CONTACT) == {"c1": "yellow", "c2": "yellow", "c3": "red"}


def test_what_was_learned_later_than_now_is_not_there(tmp_path: Path) -> None:
    config = write(tmp_path, WORLD)
    learned = (NOW + timedelta(days=1)).isoformat()
    for name in ("accounts", "usage"):
        file = tmp_path / f"data/{name}.csv"
        head, *lines = file.read_text(encoding="utf-8").splitlines()
        rest = [f"{line},{learned if line.startswith(('a2', 'e1')) else ''}" for line in lines]
        file.write_text("\n".join([f"{head},learned_at", *rest]), encoding="utf-8")
    sources = config.model_dump(by_alias=True, exclude_unset=True)["sources"]
    for name in ("accounts", "usage"):
        sources[name]["learned_at"] = "learned_at"
    config = type(config).model_validate(config.model_dump(by_alias=True, exclude_unset=True) | {"sources": sources})
    project = open_project(tmp_path, config, metrics={"changes": {"count": "*"}, "people": {"count_distinct": "contact"}})
    assert project.values(NOW, "changes") == {"a1": 2}
    assert project.values(NOW, "people") == {"a1": 2}
    assert project.values(NOW + timedelta(days=1), "changes") == {"a1": 4, "a2": 0, "later": 1}


# --- events that passages begin with ---------------------------------------------------------------------------------------


def entry(event: str, where: str | None = None) -> EventEntry:
    columns = {"id": Type.TEXT, "event": Type.TEXT, "at": Type.INSTANT, "amount": Type.NUMBER}
    found = None if where is None else Expression(where, Grain.ACCOUNT, where, Type.BOOLEAN, ())
    return EventEntry(event, "usage", found, Duration(7, "days"), columns)


def happened(project: Project, asked: EventEntry, grain: Grain, since: datetime, now: datetime = NOW) -> list[tuple[str, str, datetime]]:
    """(subject, id, at) of each."""
    with closing(project.usage.facts(now, [], Overlay({}, {}, {}))) as facts:
        found = facts.occurrences(asked, grain, since)
        ids = facts.ids(grain)
        return [(ids[row], id, from_micros(at)) for row, at, id in zip(found.row.tolist(), found.at.tolist(), found.id, strict=True)]


def test_events_after_a_time_and_no_later_than_now_are_found_once_by_their_id(project: Project) -> None:
    hour_ago, week_ago = NOW - timedelta(hours=1), NOW - timedelta(days=8)
    assert happened(project, entry("opened"), Grain.ACCOUNT, week_ago - timedelta(seconds=1)) == [
        ("a1", "e1", week_ago),
        ("a1", "e2", hour_ago),
    ]
    assert happened(project, entry("opened"), Grain.CONTACT, week_ago) == [("c1", "e2", hour_ago)]
    assert happened(project, entry("saved"), Grain.CONTACT, week_ago) == [("c2", "e3", NOW)]
    assert happened(project, entry("saved"), Grain.ACCOUNT, NOW) == []


def test_which_events_count_is_told_by_their_own_columns_and_one_that_fails_does_not(project: Project) -> None:
    since = NOW - timedelta(days=30)
    assert [id for _, id, _ in happened(project, entry("opened", "amount > 2"), Grain.ACCOUNT, since)] == ["e1"]
    assert happened(project, entry("opened", "CAST(event AS INTEGER) > 2"), Grain.ACCOUNT, since) == []


def test_what_is_kept_of_an_event_has_its_values_in_their_kind(project: Project) -> None:
    with closing(project.usage.facts(NOW, [], Overlay({}, {}, {}))) as facts:
        found = facts.occurrences(entry("opened"), Grain.ACCOUNT, NOW - timedelta(hours=2))
        kept = json.loads(found.kept[0])
        assert kept["event.at"] == "2026-03-31T09:00:00.000000Z"
        assert (kept["event.id"], kept["event.contact"], kept["event.amount"]) == ("e2", "c1", 1.0)
        column = kept_column("event.amount", Type.NUMBER)
        condition = Expression("", Grain.ACCOUNT, f"coalesce({column.to_sql()} = changes, false)", Type.BOOLEAN, (column.name, "changes"))
        passages = facts.passages(Grain.ACCOUNT, np.array([0, 0, 1, -1]), [found.kept[0], '{"event.amount": 3}', "", found.kept[0]])
        assert passages.holds(condition).tolist() == [False, True, False, False]
        assert json.loads(passages.seen(condition, np.array([1]))[0]) == {"event.amount": 3, "changes": 3}


def test_without_an_id_an_event_is_known_by_who_did_what_when(tmp_path: Path) -> None:
    config = write(tmp_path, WORLD)
    sources = config.model_dump(by_alias=True, exclude_unset=True)["sources"]
    sources["usage"]["id"] = None
    plain = config.model_dump(by_alias=True, exclude_unset=True) | {"sources": sources}
    project = open_project(tmp_path, type(config).model_validate(plain))
    since = NOW - timedelta(days=30)
    ids = [id for _, id, _ in happened(project, entry("opened"), Grain.ACCOUNT, since)]
    assert len(ids) == 3
    assert len(set(ids)) == 2
    project.usage.sync()
    assert [id for _, id, _ in happened(project, entry("opened"), Grain.CONTACT, since)] == ids
