"""What data that nobody meant to send do: each answer is stated in docs/sources.md or docs/metrics.md."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pytest

from cs_engine.language.expression import Grain, Type
from cs_engine.language.problems import Problems
from cs_engine.playbook.config import ProjectConfig
from cs_engine.ports import SourceReport
from cs_engine.sources.intake.sync import sync
from cs_engine.sources.sets.snapshot import Shelf
from cs_engine.usage.catalogue import build
from cs_engine.usage.model import WindowMetric
from tests.contracts.usage_world import Account, Contact, Event, World, config_of, open_project, write

NOW = datetime(2026, 3, 31, 10, tzinfo=UTC)
SINCE = NOW - timedelta(days=30)
METRICS = {
    "n": {"count": "*"},
    "n_7d": {"count": "*", "in": "7 days"},
    "first": {"first_time": "*"},
    "quiet": {"days_since_last": "*"},
}


def world(*events: Event) -> World:
    usual = Event("usual", "a0", "c0", "opened", NOW - timedelta(days=2), 1.0)
    return World([Account("a0", signed_up_at=SINCE)], [Contact("c0", "a0", created_at=SINCE)], [usual, *events], "UTC")


def event(id: str, at: datetime) -> Event:
    return Event(id, "a0", "c0", "opened", at, 1.0)


def reports(folder: Path, config: ProjectConfig) -> dict[str, SourceReport]:
    return {report.source: report for report in sync(folder, config, now=NOW)[1]}


def values(folder: Path, config: ProjectConfig, at: datetime = NOW, metrics: Mapping[str, Any] = METRICS) -> dict[str, Any]:
    """Each metric of the account a0."""
    project = open_project(folder, config, metrics=metrics)
    facts = project.facts(at)
    try:
        found = facts.columns(Grain.ACCOUNT, list(metrics), np.array([facts.rows(Grain.ACCOUNT)["a0"]]))
        return {name: column[0] for name, column in zip(metrics, found, strict=True)}
    finally:
        facts.close()


def test_an_event_of_the_future_is_told_of_and_counts_when_its_time_has_come(tmp_path: Path) -> None:
    config = write(tmp_path, world(event("tomorrow", NOW + timedelta(days=1)), event("off", NOW + timedelta(days=3650))))
    report = reports(tmp_path, config)["usage"]
    assert (report.kept, report.bad) == (3, 0)
    assert report.odd == ("2 lie after now: counted when the time has come; is a clock wrong? data/usage.csv:3",)
    assert values(tmp_path, config) == {"n": 1, "n_7d": 1, "first": NOW - timedelta(days=2), "quiet": 2}
    assert values(tmp_path, config, NOW + timedelta(days=1))["n"] == 2


def test_a_clock_ten_years_slow_is_told_of_and_moves_only_what_looks_back_without_an_end(tmp_path: Path) -> None:
    off = NOW - timedelta(days=3650)
    config = write(tmp_path, world(event("off", off)))
    note = "1 lies a year or more before the sign-up: counted as it says; is a clock wrong? data/usage.csv:3"
    assert reports(tmp_path, config)["usage"].odd == (note,)
    assert values(tmp_path, config) == {"n": 2, "n_7d": 1, "first": off, "quiet": 2}


@pytest.mark.parametrize("given", ["0000-01-01", "0000-01-01T00:00:00Z", "9999-12-31T23:59:59-05:00"])
def test_a_time_that_no_calendar_has_is_no_time(tmp_path: Path, given: str) -> None:
    config = write(tmp_path, world())
    with (tmp_path / "data/usage.csv").open("a") as file:
        file.write(f"odd,a0,c0,opened,{given},1\n" + "".join(f"e{i},a0,c0,opened,2026-03-30,1\n" for i in range(200)))
    assert reports(tmp_path, config)["usage"].examples == ("data/usage.csv:3 occurred_at is no time",)
    assert values(tmp_path, config)["n"] == 201


def test_an_infinite_time_is_bad_in_an_event_and_blank_in_a_column_of_your_own(tmp_path: Path) -> None:
    config = write(tmp_path, world(), kind="parquet")
    with duckdb.connect() as db:
        read = f"read_parquet('{tmp_path}/data/%s.parquet')"
        events = f"SELECT * FROM {read % 'usage'} UNION ALL SELECT 'e', 'a0', 'c0', 'opened', TIMESTAMPTZ 'infinity', 1 FROM range(1)"
        few = f"SELECT * FROM ({events}) UNION ALL SELECT i::VARCHAR, 'a0', 'c0', 'x', TIMESTAMPTZ '2026-03-30', 1 FROM range(200) t(i)"
        db.execute(f"CREATE TABLE u AS {few}; CREATE TABLE a AS SELECT *, TIMESTAMPTZ 'infinity' AS renewal_at FROM {read % 'accounts'}")
        db.execute(f"COPY u TO '{tmp_path}/data/usage.parquet'; COPY a TO '{tmp_path}/data/accounts.parquet'")
    assert reports(tmp_path, config)["usage"].bad == 1
    assert open_project(tmp_path, config, metrics=METRICS).values(NOW, "account.renewal_at") == {"a0": None}


def test_an_account_with_a_million_rows_is_counted_like_any_other(tmp_path: Path) -> None:
    """By arithmetic: one event a minute, by ten people in turn, its kinds a, b and c in turn."""
    n = 1_000_000
    begin = NOW - timedelta(minutes=n - 1)
    write(tmp_path, World([Account("a0", signed_up_at=begin)], [Contact("c0", "a0", created_at=begin)]), "parquet")
    with duckdb.connect() as db:
        who, what = "'a0' AS account_id, 'p' || i % 10 AS contact_id", "chr((97 + i % 3)::INT) AS event, 1.5 AS amount"
        rows = f"SELECT {who}, {what}, TIMESTAMPTZ '{begin}' + to_minutes(i) AS occurred_at FROM range({n}) t(i)"
        db.execute(f"COPY ({rows}) TO '{tmp_path}/data/usage.parquet'")
    metrics = {
        **METRICS,
        "people": {"count_distinct": "contact", "in": "30 days"},
        "total": {"sum": "amount"},
        "row": {"streak_days": "*"},
        "way": {"funnel": ["a", "b", "c"], "within": "1 hour", "in": "30 days"},
        "same": {"funnel": ["a", "b"], "by": "contact", "within": "9 hours", "in": "2 hours"},
    }
    found = values(tmp_path, config_of("UTC", ".parquet"), metrics=metrics)
    of_a_week = 6 * 1440 + 10 * 60 + 1
    days = (NOW.date() - begin.date()).days + 1
    assert found == {
        "n": n, "n_7d": of_a_week, "first": begin, "quiet": 0, "people": 10, "total": 1.5 * n, "row": days,
        "way": (29 * 1440 + 601) // 3, "same": 40 - 4,
    }  # fmt: skip


TYPED = "account_id,contact_id,event,occurred_at,amount\n"


def test_a_property_that_becomes_text_is_text_and_the_value_that_made_it_so_is_named(tmp_path: Path) -> None:
    write(tmp_path, world())
    (tmp_path / "data/usage.csv").unlink()
    for day, amounts in ((28, ("1", "2.5", "3", "")), (29, ("4", "5", "n/a", "6"))):
        rows = "".join(f"a0,c0,paid,2026-03-{day}T10:00:00Z,{amount}\n" for amount in amounts)
        (tmp_path / f"data/usage-{day}.csv").write_text(TYPED + rows)
    config = config_of("UTC").model_dump(by_alias=True, exclude_unset=True)
    config["sources"]["usage"]["file"] = "data/usage-*.csv"
    read = ProjectConfig.model_validate(config)
    said = "1 of 7 values is no number: data/usage-29.csv:4"
    assert reports(tmp_path, read)["usage"].odd == (f"amount is text, for {said}",)
    shelved = Shelf.of(tmp_path).current(read)
    assert shelved is not None
    problems = Problems()
    build({"x": WindowMetric(sum="amount")}, {}, None, None, shelved.attributes, {}, problems)
    assert [f"{problem.message}; {problem.mend}" for problem in problems] == [f'"amount" is text, a sum needs numbers; {said}']


def test_a_property_of_two_types_in_two_parquet_files_is_text(tmp_path: Path) -> None:
    write(tmp_path, world())
    (tmp_path / "data/usage.csv").unlink()
    with duckdb.connect() as db:
        shown = "SELECT 'a0' AS account_id, 'c0' AS contact_id, 'paid' AS event, TIMESTAMPTZ '2026-03-30 10:00Z' AS occurred_at"
        db.execute(f"COPY ({shown}, 12 AS amount) TO '{tmp_path}/data/usage-1.parquet'")
        db.execute(f"COPY ({shown}, 'twelve' AS amount) TO '{tmp_path}/data/usage-2.parquet'")
    config = config_of("UTC").model_dump(by_alias=True, exclude_unset=True)
    config["sources"]["usage"]["file"] = "data/usage-*.parquet"
    made, _ = sync(tmp_path, ProjectConfig.model_validate(config), now=NOW)
    assert made.attributes.events["usage"]["amount"] is Type.TEXT


def test_what_is_no_number_is_blank_and_above_no_limit(tmp_path: Path) -> None:
    """Tools write NaN for what is missing, and databases think it larger than all numbers."""
    write(tmp_path, world(), kind="parquet")
    with duckdb.connect() as db:
        odd = "[CAST('nan' AS DOUBLE), 'inf', '-inf', 5][i + 1]"
        event = "'a0' AS account_id, 'c0' AS contact_id, 'paid' AS event, TIMESTAMPTZ '2026-03-30 10:00Z' AS occurred_at"
        db.execute(f"COPY (SELECT {event}, {odd} AS amount FROM range(4) t(i)) TO '{tmp_path}/data/usage.parquet'")
        of = (
            f"'a' || i AS account_id, TIMESTAMPTZ '{SINCE}' AS signed_up_at, {odd} AS arr, CAST({odd} AS FLOAT) AS seats, NULL AS csm_email"
        )
        db.execute(f"COPY (SELECT {of} FROM range(4) t(i)) TO '{tmp_path}/data/accounts.parquet'")
    plain = config_of("UTC", ".parquet")
    assert values(tmp_path, plain, metrics={"sum": {"sum": "amount"}, "top": {"max": "amount"}, "mean": {"avg": "amount"}}) == {
        "sum": 5, "top": 5, "mean": 5,
    }  # fmt: skip
    project = open_project(tmp_path, plain)
    assert project.holds_for(NOW, "account.arr > 1") == project.holds_for(NOW, "account.seats > 1") == {"a3"}
    assert project.holds_for(NOW, "account.arr is null") == {"a0", "a1", "a2"}


def test_ids_of_more_digits_than_a_number_keeps_stay_apart(tmp_path: Path) -> None:
    write(tmp_path, world())
    orders = "".join(f"a0,c0,paid,2026-03-30T10:00:00Z,12345678901234567{end}\n" for end in (89, 88, 87))
    (tmp_path / "data/usage.csv").write_text(f"account_id,contact_id,event,occurred_at,order\n{orders}")
    assert values(tmp_path, config_of("UTC"), metrics={"n": {"count_distinct": "order"}}) == {"n": 3}


def test_a_parquet_id_with_digits_behind_the_point_is_still_that_id(tmp_path: Path) -> None:
    """And a column may be called what DuckDB calls the number of a row."""
    write(tmp_path, World([], [], [Event("e", "7", None, "opened", NOW - timedelta(days=1), 1.0)], "UTC"))
    with duckdb.connect() as db:
        rows = f"7::DECIMAL(38, 10) AS account_id, TIMESTAMPTZ '{SINCE}' AS signed_up_at, 3 AS file_row_number, [1, 2] AS tags"
        db.execute(f"COPY (SELECT {rows}, '' AS csm_email) TO '{tmp_path}/data/accounts.parquet'")
    given = config_of("UTC").model_dump(by_alias=True, exclude_unset=True)
    given["sources"]["accounts"]["file"] = "data/accounts.parquet"
    project = open_project(tmp_path, ProjectConfig.model_validate(given), metrics={"n": {"count": "*"}})
    asked = ("n", "account.file_row_number", "account.tags")
    assert [project.values(NOW, name) for name in asked] == [{"7": 1}, {"7": 3}, {"7": "[1, 2]"}]


def test_a_nul_byte_in_a_column_of_your_own_is_left_out(tmp_path: Path) -> None:
    """PostgreSQL would refuse what is written of it: one such plan would stop every tick."""
    config = write(tmp_path, World([Account("a0", plan="te\0am", signed_up_at=SINCE)], [], [], "UTC"))
    assert open_project(tmp_path, config).values(NOW, "account.plan") == {"a0": "team"}


def test_each_of_many_columns_has_its_type(tmp_path: Path) -> None:
    write(tmp_path, world())
    names, numbers = ",".join(f"k{i}" for i in range(60)), ",".join(map(str, range(60)))
    (tmp_path / "data/usage.csv").write_text(
        f"account_id,contact_id,event,occurred_at,{names}\n" + f"a0,c0,paid,2026-03-30T10:00:00Z,{numbers}\n" * 3
    )
    made, _ = sync(tmp_path, config_of("UTC"), now=NOW)
    assert {made.attributes.events["usage"][f"k{i}"] for i in range(60)} == {Type.NUMBER}


def test_of_an_account_that_stands_twice_the_first_row_is_taken(tmp_path: Path) -> None:
    config = write(tmp_path, world())
    with (tmp_path / "data/accounts.csv").open("a") as file:
        file.write(f"a0,Again,enterprise,9,{SINCE.isoformat()},en,UTC,\n")
        file.write("".join(f"b{i},B,team,1,{SINCE.isoformat()},en,UTC,\n" for i in range(150)))
    assert reports(tmp_path, config)["accounts"].examples == ("data/accounts.csv:3 account_id stood in an earlier row already",)
    assert open_project(tmp_path, config).values(NOW, "account.plan")["a0"] == "team"


def test_usage_of_an_account_that_vanished_is_left_out_and_named(tmp_path: Path) -> None:
    """Its passages end; see the story of people who are gone."""
    given = world()
    usage = [Event(f"e{i}", "a0", "c0", "opened", NOW - timedelta(hours=i), 1.0) for i in range(200)]
    given.events = [Event("of-a1", "a1", "c1", "opened", NOW, 1.0), *usage]
    report = reports(tmp_path, write(tmp_path, given))["usage"]
    assert (report.kept, report.bad) == (200, 1)
    assert report.examples == ("data/usage.csv:2 account_id is not among the accounts",)
