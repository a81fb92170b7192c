"""Accounts, contacts, attributes and touches of which nothing has changed are not read, and all is as if they had been."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from cs_engine.errors import SyncStopped
from cs_engine.playbook.config import ProjectConfig
from cs_engine.ports import CollectedMark, Profile, SourceReport
from cs_engine.sources.intake.sync import sync
from cs_engine.sources.sets import persons
from cs_engine.sources.sets.snapshot import Shelf, UsageSet
from tests.contracts.test_usage_growth import append, content, event, lines

NOW = datetime(2026, 3, 31, 10, tzinfo=UTC)
PEOPLE = ("accounts", "contacts", "crm", "nps", "touches")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Rows that are bad or odd among good ones, a CRM that tells its past, and one who acts and is no contact."""
    (tmp_path / "data").mkdir()
    accounts = ["a1,A,2026-01-01,team,en,1\n", "a2,B,2026-01-01,free,ja,2\n", "a1,again,2026-01-01,free,en,3\n"]
    accounts += [*(f"b{n},B,2026-01-01,team,en,{n}\n" for n in range(9)), "b9,B,2026-01-01,team,en,many\n"]
    lines(tmp_path, "accounts-1.csv", "account_id,name,signed_up_at,plan,locale,size\n", *accounts)
    lines(tmp_path, "contacts.csv", "contact_id,account_id,email\n", "c1,a1,c1@a.example\n", "c2,a2,\n", "c3,nobody,\n")
    lines(tmp_path, "crm.csv", "account,tier,known\n", "a1,silver,2026-03-01T00:00:00Z\n", "a1,gold,2026-03-09T00:00:00Z\n")
    lines(tmp_path, "nps.csv", "contact,score\n", "c1,9\n", "stranger,1\n")
    lines(tmp_path, "touches.csv", "account_id,kind,at\n", "a1,call,2026-03-02T10:00:00Z\n", "a1,dance,2026-03-02T10:00:00Z\n")
    lines(tmp_path, "usage-1.csv", "event_id,account_id,contact_id,event,occurred_at,amount\n", event(1), event(2, contact="who"))
    return tmp_path


def config(**changed: Any) -> ProjectConfig:
    sources = {
        "accounts": {"file": "data/accounts-*.csv"},
        "contacts": {"file": "data/contacts.csv"},
        "usage": {"file": "data/usage-*.csv"},
        "attributes": {
            "crm": {"file": "data/crm.csv", "account": "account", "learned_at": "known"},
            "nps": {"file": "data/nps.csv", "contact": "contact"},
        },
        "touches": {"file": "data/touches.csv"},
        "most_bad_rows": "60%",
        **changed.pop("sources", {}),
    }
    plain = {"name": "w", "timezone": "Europe/Berlin", "company": {"name": "V"}, "sender": {"fallback": "a@b.example"}, "sources": sources}
    return ProjectConfig.model_validate(plain | changed)


def fresh(reports: Sequence[SourceReport]) -> dict[str, int | None]:
    return {report.source: report.fresh for report in reports if report.source in PEOPLE}


def stood(found: UsageSet, reports: Sequence[SourceReport], before: UsageSet) -> bool:
    """Whether accounts and contacts are those of the set before, unread."""
    assert len({fresh(reports)[name] for name in ("accounts", "contacts", "crm", "nps")}) == 1
    linked = [file.samefile(before.folder / file.name) for file in (found.accounts, found.contacts)]
    assert len({*linked, found.people == before.people, fresh(reports)["accounts"] == 0}) == 1
    return linked[0]


def test_what_stands_is_as_if_it_had_been_read(project: Path) -> None:
    """The rows, their numbers, and all that there is to say of them."""
    before, first = sync(project, config(), now=NOW)
    append(project, "usage-1.csv", event(3), event(4, contact="another"))
    found, reports = sync(project, config(), now=NOW + timedelta(hours=1))
    assert stood(found, reports, before)
    assert fresh(reports) == dict.fromkeys(PEOPLE, 0)
    assert [r._replace(fresh=None) for r in reports if r.source != "usage"] == [r for r in first if r.source != "usage"]
    assert [r.bad for r in reports if r.source in ("accounts", "contacts", "touches")] == [1, 1, 1]
    again = Shelf.of(project).current(config())
    assert again is not None
    anew, told = sync(project, config(), now=NOW + timedelta(hours=2), anew=True)
    assert [r[:8] for r in told] == [r[:8] for r in reports]
    assert content(found) == content(anew)
    assert replace(found.attributes, told=frozenset()) == anew.attributes
    assert found.touches.read_bytes() == anew.touches.read_bytes()
    plain = ("locales", "rows", "changed", "told", "read", "kinds")
    assert [getattr(again, name) for name in plain] == [getattr(anew, name) for name in plain]


def test_it_stands_from_set_to_set(project: Path) -> None:
    before, _ = sync(project, config())
    for number in range(3, 6):
        append(project, "usage-1.csv", event(number))
        found, reports = sync(project, config())
        assert stood(found, reports, before)
        before = found


def renamed(file: Path, name: str) -> None:
    file.rename(file.with_name(name))


CHANGES: dict[str, Callable[[Path], None]] = {
    "a value, as long as the one before": lambda p: lines(p, "nps.csv", "contact,score\n", "c1,8\n", "stranger,1\n"),
    "a row more": lambda p: append(p, "accounts-1.csv", "a9,C,2026-01-01,free,en,1\n"),
    "a file more": lambda p: lines(p, "accounts-2.csv", "account_id,name,signed_up_at\n", "a9,C,2026-01-01\n"),
    "fewer rows": lambda p: lines(p, "contacts.csv", "contact_id,account_id,email\n", "c1,a1,c1@a.example\n"),
    "another name": lambda p: renamed(p / "data/accounts-1.csv", "accounts-7.csv"),
    "what a source tells of the past": lambda p: append(p, "crm.csv", "a2,gold,2026-03-05T00:00:00Z\n"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_when_any_of_it_has_changed_all_of_it_is_read(change: str, project: Path) -> None:
    before, _ = sync(project, config(), now=NOW)
    CHANGES[change](project)
    found, reports = sync(project, config(), now=NOW + timedelta(hours=1))
    assert not stood(found, reports, before)
    anew, told = sync(project, config(), now=NOW + timedelta(hours=2), anew=True)
    assert (content(found), [r[:8] for r in reports]) == (content(anew), [r[:8] for r in told])


@pytest.mark.parametrize("changed", [{"timezone": "Asia/Tokyo"}, {"sources": {"most_bad_rows": "70%"}}, {"sources": {"attributes": {}}}])
def test_read_otherwise_it_is_read_anew(changed: dict[str, Any], project: Path) -> None:
    before, _ = sync(project, config())
    found, _ = sync(project, config(**changed))
    assert found.people != before.people


def test_the_same_bytes_are_the_same_file_and_parquet_that_was_touched_is_not(project: Path) -> None:
    before, _ = sync(project, config())
    for file in (project / "data").glob("*.csv"):
        file.write_bytes(file.read_bytes())
    found, reports = sync(project, config())
    assert stood(found, reports, before)
    with duckdb.connect() as db:
        db.execute(f"COPY (FROM read_csv('{project / 'data/contacts.csv'}')) TO '{project / 'data/contacts.parquet'}' (FORMAT parquet)")
    packed = config(sources={"contacts": {"file": "data/contacts.parquet"}})
    time.sleep(0.06)  # as old as a file must be for its times to prove anything
    before, _ = sync(project, packed)
    found, reports = sync(project, packed)
    assert stood(found, reports, before)
    os.utime(project / "data/contacts.parquet")
    after, reports = sync(project, packed)
    assert not stood(after, reports, found)


def test_touches_are_read_by_themselves(project: Path) -> None:
    before, _ = sync(project, config())
    append(project, "touches.csv", "a2,call,2026-03-03T10:00:00Z\n")
    found, reports = sync(project, config())
    assert stood(found, reports, before)
    assert fresh(reports)["touches"] is None
    assert found.touches.read_bytes() != before.touches.read_bytes()


def test_what_attributes_were_stays_beside_them_and_grows_old(project: Path) -> None:
    """What a source tells of its past stays; what syncs saw goes when it is older than the project wants."""
    how = config(sources={"history": "30 days"})
    sync(project, how, now=NOW)
    accounts = project / "data/accounts-1.csv"
    accounts.write_text(accounts.read_text().replace("a2,B,2026-01-01,free", "a2,B,2026-01-01,team"))
    before, _ = sync(project, how, now=NOW + timedelta(days=1))
    kept = {"tier": 2, "plan": 1}
    for days, left in ((2, kept), (30, kept), (32, {"tier": 2}), (33, {"tier": 2})):
        found, reports = sync(project, how, now=NOW + timedelta(days=days))
        assert stood(found, reports, before)
        assert changes(found) == left
        assert set(found.changed["accounts"]) == set(left)
        before = found


def changes(usage: UsageSet) -> dict[str, int]:
    with duckdb.connect() as db:
        return dict(db.execute(f"SELECT attribute, count(*) FROM '{usage.history}' GROUP BY 1").fetchall())


def test_who_was_forgotten_stays_so(project: Path) -> None:
    before, _ = sync(project, config())
    persons.forget(before, ["c1"])
    append(project, "usage-1.csv", event(3))
    found, reports = sync(project, config())
    assert stood(found, reports, before)
    assert persons.rows(found, ["c1"])["contacts"][0].keys() == {"id", "account", "created_at"}
    assert persons.addresses(found) == [("c2", "")]


def test_what_calls_say_of_people_is_part_of_it(project: Path) -> None:
    how = config(sources={"contacts": {"file": "data/contacts.csv", "collector": True}, "attributes": {}})
    said = [Profile("c1", "", '{"role": "boss"}', 0)]

    def synced(edition: int, profiles: int) -> tuple[UsageSet, Sequence[SourceReport]]:
        mark = CollectedMark(0, 0, edition, profiles)

        def grow(made: UsageSet) -> tuple[UsageSet, list[SourceReport]]:
            return replace(made, edition=edition, profiles=profiles), []

        return sync(project, how, grow=grow, profiles=lambda _: said, collected=mark)

    first, _ = synced(0, 1)
    same, _ = synced(0, 1)
    assert same.people == first.people
    assert [synced(0, 2)[0].people == same.people, synced(1, 2)[0].people == same.people] == [False, False]


def test_what_was_bad_before_is_said_beside_what_stops_a_sync(project: Path) -> None:
    sync(project, config())
    append(project, "usage-1.csv", *(event(n, account="nobody") for n in range(10, 20)))
    with pytest.raises(SyncStopped, match=r"contacts: 1 of 3 rows are bad too\s+data/contacts.csv:4 account_id is not among the accounts"):
        sync(project, config())
