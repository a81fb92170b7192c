"""Further attributes joined by their keys, and what attributes were before: what was known when."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from cs_engine.errors import SyncStopped
from cs_engine.language.expression import Grain, Type
from cs_engine.playbook.config import ProjectConfig
from cs_engine.ports import SourceReport
from cs_engine.sources.describe import describe
from cs_engine.sources.intake.fold import grown
from cs_engine.sources.intake.sync import sync
from cs_engine.sources.sets.snapshot import Shelf
from tests.contracts.usage_world import Account, Contact, Event, Project, World, open_project, write

START = datetime(2026, 3, 1, 10, tzinfo=UTC)
EVENT = [Event("e", "a1", "c1", "opened", START, 1.0)]


def day(number: float) -> datetime:
    return START + timedelta(days=number)


def world(plan: str = "free", seats: int | None = 4, name: str = "Ann", *more: Account) -> World:
    accounts = [Account("a1", "A", plan, seats, START - timedelta(days=30)), Account("a2", "B", "team", 9, START - timedelta(days=30))]
    return World([*accounts, *more], [Contact("c1", "a1", "c1@customer.example", name, created_at=START - timedelta(days=9))], EVENT)


def crm(folder: Path, rows: Sequence[str], file: str = "crm") -> None:
    (folder / f"data/{file}.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")


def configured(folder: Path, at: World, *, history: str | None = "400 days", **attributes: dict[str, Any]) -> ProjectConfig:
    plain = write(folder, at).model_dump(by_alias=True, exclude_unset=True)
    added: dict[str, Any] = {"attributes": attributes} | ({"history": history} if history else {})
    return ProjectConfig.model_validate(plain | {"sources": plain["sources"] | added})


CRM: dict[str, Any] = {"file": "data/crm.csv", "account": "account_id"}


def opened(folder: Path, config: ProjectConfig) -> Project:
    return open_project(folder, config, metrics={"uses": {"count": "*"}}, sync=False)


def report(reports: Sequence[SourceReport], source: str) -> SourceReport:
    return next(report for report in reports if report.source == source)


# --- further attributes


def test_attributes_of_other_systems_are_joined_by_their_key(tmp_path: Path) -> None:
    config = configured(
        tmp_path, world(), crm={**CRM, "prefix": "crm_"}, nps={"file": "data/nps.csv", "contact": "who", "columns": ["score"]}
    )
    crm(tmp_path, ["account_id,tier,arr", "a2,gold,1200.5", "stranger,x,1"])
    crm(tmp_path, ["who,score,comment", "c1,9,fine"], "nps")
    before = describe(tmp_path, config)
    _, reports = sync(tmp_path, config)
    assert report(reports, "crm") == SourceReport("crm", 2, 2, 0, (), note="1 of 2 accounts have no row, 1 of its accounts are not known")
    assert report(reports, "nps").note == ""
    project = opened(tmp_path, config)
    assert project.values(START, "account.crm_tier") == {"a1": None, "a2": "gold"}
    assert project.values(START, "account.crm_arr") == {"a1": None, "a2": 1200.5}
    assert project.holds_for(START, "contact.score >= 9 and account.plan = 'free'", Grain.CONTACT) == {"c1"}
    attributes = describe(tmp_path, config)
    assert before.alike(attributes)
    assert (attributes.account["crm_arr"], attributes.blanks["account.crm_tier"]) == (Type.NUMBER, (1, 2))


def test_a_name_that_is_there_already_is_an_error_with_its_mend(tmp_path: Path) -> None:
    config = configured(tmp_path, world(), crm=CRM)
    crm(tmp_path, ["account_id,Plan", "a1,gold"])
    with pytest.raises(SyncStopped, match=r'crm: its column "Plan" would be account.Plan, which is there already') as stopped:
        sync(tmp_path, config)
    assert "prefix: crm_" in stopped.value.mend
    with pytest.raises(SyncStopped, match="there already"):
        describe(tmp_path, config)


def test_a_key_that_comes_twice_is_a_bad_row_and_the_first_holds(tmp_path: Path) -> None:
    config = configured(tmp_path, world(), crm=CRM)
    plain = config.model_dump(by_alias=True, exclude_unset=True)
    plain["sources"]["most_bad_rows"] = "100%"
    crm(tmp_path, ["account_id,tier", "a1,gold", "a1,silver", ",lead"])
    config = ProjectConfig.model_validate(plain)
    _, reports = sync(tmp_path, config)
    assert report(reports, "crm").examples == ("data/crm.csv:3 account_id stood in an earlier row already", "data/crm.csv:4 no account_id")
    assert opened(tmp_path, config).values(START, "account.tier") == {"a1": "gold", "a2": None}


@pytest.mark.parametrize(
    ("key", "said"), [({"account": "acount_id"}, 'there is no column "acount_id"'), ({"columns": ["teir"]}, 'did you mean "tier"')]
)
def test_a_column_that_is_not_there_is_said_with_its_place(key: dict[str, Any], said: str, tmp_path: Path) -> None:
    config = configured(tmp_path, world(), crm={**CRM, **key})
    crm(tmp_path, ["account_id,tier", "a1,gold"])
    with pytest.raises(SyncStopped, match=said) as stopped:
        sync(tmp_path, config)
    assert "sources.attributes.crm" in stopped.value.mend


# --- what was known when


def test_facts_of_a_past_now_see_what_was_known_then(tmp_path: Path) -> None:
    """The plan changes from free to team on day 10: on day 5 it was free, whenever that is asked."""
    config = configured(tmp_path, world())
    sync(tmp_path, config, now=day(0))
    write(tmp_path, world("team", None, "Ann"))
    sync(tmp_path, config, now=day(10))
    write(tmp_path, world("enterprise", 7, "Anna"))
    sync(tmp_path, config, now=day(20))
    sync(tmp_path, config, now=day(21))
    project = opened(tmp_path, config)
    seen = [(project.values(day(at), "account.plan")["a1"], project.values(day(at), "account.seats")["a1"]) for at in (5, 10, 15, 20, 30)]
    assert seen == [("free", 4), ("team", None), ("team", None), ("enterprise", 7), ("enterprise", 7)]
    assert project.values(day(15), "contact.name", Grain.CONTACT) == {"c1": "Ann"}
    assert project.holds_for(day(5), "account.plan = 'free' and account.seats = 4") == {"a1"}
    assert project.values(day(5), "account.plan")["a2"] == "team", "what has not changed has no history"
    usage = Shelf.of(tmp_path).current(config)
    assert usage is not None
    with duckdb.connect() as db:
        assert db.execute(f"SELECT count(*) FROM '{usage.history}'").fetchall() == [(5,)], "a row a change, not a sync"


def test_without_history_the_past_sees_what_is_known_now_and_changes_are_kept_all_the_same(tmp_path: Path) -> None:
    plain = configured(tmp_path, world(), history=None)
    sync(tmp_path, plain, now=day(0))
    write(tmp_path, world("team"))
    sync(tmp_path, plain, now=day(10))
    assert opened(tmp_path, plain).values(day(5), "account.plan")["a1"] == "team"
    config = configured(tmp_path, world("team"))
    assert opened(tmp_path, config).values(day(5), "account.plan")["a1"] == "free", "from the day on which it is asked for"


def test_who_comes_back_or_is_new_has_no_past(tmp_path: Path) -> None:
    config = configured(tmp_path, world())
    sync(tmp_path, config, now=day(0))
    write(tmp_path, world("team", 4, "Ann", Account("a3", "C", "free", 1, START)))
    sync(tmp_path, config, now=day(10))
    assert opened(tmp_path, config).values(day(5), "account.plan") == {"a1": "free", "a2": "team", "a3": "free"}


def test_what_is_older_than_the_history_is_dropped(tmp_path: Path) -> None:
    config = configured(tmp_path, world(), history="30 days")
    sync(tmp_path, config, now=day(0))
    write(tmp_path, world("team"))
    sync(tmp_path, config, now=day(10))
    write(tmp_path, world("enterprise"))
    sync(tmp_path, config, now=day(35))
    sync(tmp_path, config, now=day(41))
    assert opened(tmp_path, config).values(day(5), "account.plan")["a1"] == "team", "the oldest that is known"


def test_rows_that_say_when_they_were_learned_are_a_history_of_their_own(tmp_path: Path) -> None:
    """Of one key the latest holds; a row that stands late in the file holds from its own time on; before the first all is blank."""
    config = configured(tmp_path, world(), history=None, crm={**CRM, "learned_at": "known"})
    rows = ["account_id,tier,known", "a1,gold,2026-03-11T10:00:00Z", "a1,silver,2026-03-06T10:00:00Z", "a1,future,2026-05-01T00:00:00Z"]
    crm(tmp_path, [*rows, "a2,bronze,"])
    sync(tmp_path, config, now=day(20))
    project = opened(tmp_path, config)
    seen = [project.values(day(at), "account.tier")["a1"] for at in (4, 5, 9, 10, 40, 70)]
    assert seen == [None, "silver", "silver", "gold", "gold", "future"]
    assert project.values(day(0), "account.tier")["a2"] == "bronze", "without a time it was known always"
    crm(tmp_path, [*rows, "a1,basic,2026-03-04T10:00:00Z", "a2,bronze,"])
    sync(tmp_path, config, now=day(21))
    assert [project.values(day(at), "account.tier")["a1"] for at in (2, 3, 5)] == [None, "basic", "silver"]


def test_a_change_is_as_old_as_its_row_says(tmp_path: Path) -> None:
    plain = configured(tmp_path, world()).model_dump(by_alias=True, exclude_unset=True)
    plain["sources"]["accounts"]["learned_at"] = "learned_at"
    config = ProjectConfig.model_validate(plain)

    def learn(plan: str, at: datetime) -> None:
        crm(
            tmp_path,
            ["account_id,name,plan,csm_email,signed_up_at,learned_at", f"a1,A,{plan},,2026-02-01T00:00:00Z,{at.isoformat()}"],
            "accounts",
        )

    learn("free", day(1))
    sync(tmp_path, config, now=day(2))
    learn("team", day(8))
    sync(tmp_path, config, now=day(10))
    project = opened(tmp_path, config)
    assert [project.values(day(at), "account.plan") for at in (0, 7, 9)] == [{}, {"a1": "free"}, {"a1": "team"}]


def test_history_stays_with_a_set_that_grows_and_goes_with_who_is_forgotten(tmp_path: Path) -> None:
    config = configured(tmp_path, world())
    sync(tmp_path, config, now=day(0))
    write(tmp_path, world("team", 4, "Anna"))
    sync(tmp_path, config, now=day(10))
    usage = Shelf.of(tmp_path).current(config)
    assert usage is not None
    (tmp_path / "other").mkdir()
    assert grown(usage, tmp_path / "other").history.exists()
    project = opened(tmp_path, config)
    assert [row["value"] for row in project.usage.person(["c1"])["history"]] == ["Ann"]
    project.usage.forget(["c1"])
    assert "history" not in project.usage.person(["c1"])
    assert project.values(day(5), "account.plan")["a1"] == "free"


def test_a_set_that_is_read_otherwise_keeps_the_history(tmp_path: Path) -> None:
    config = configured(tmp_path, world())
    sync(tmp_path, config, now=day(0))
    write(tmp_path, world("team"))
    sync(tmp_path, config, now=day(10))
    moved = ProjectConfig.model_validate(config.model_dump(by_alias=True, exclude_unset=True) | {"timezone": "Asia/Tokyo"})
    sync(tmp_path, moved, now=day(11))
    assert opened(tmp_path, moved).values(day(5), "account.plan")["a1"] == "free"
