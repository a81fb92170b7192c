"""Sources that only grew are read where they are new, and what comes of it is what comes of reading all of it."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import duckdb
import pytest

from cs_engine.errors import SyncStopped
from cs_engine.language.expression import Type
from cs_engine.playbook.config import ProjectConfig
from cs_engine.ports import SourceReport
from cs_engine.sources.intake import growing
from cs_engine.sources.intake.sync import sync
from cs_engine.sources.outside.landing import Landing
from cs_engine.sources.sets.snapshot import Shelf, UsageSet
from tests.contracts.usage_databases import URL, Postgres, write_duckdb
from tests.contracts.usage_world import Account, Contact, Event, World, as_parquet

NOW = datetime(2026, 3, 31, 10, tzinfo=UTC)
HEADER = "event_id,account_id,contact_id,event,occurred_at,amount\n"


def event(number: int, account: str = "a1", contact: str = "c1", amount: Any = 1, hours: float = 0) -> str:
    return f"e{number},{account},{contact},opened,{(NOW - timedelta(hours=number + hours)).isoformat()},{amount}\n"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Two accounts, two contacts; usage in data/usage-*.csv."""
    (tmp_path / "data").mkdir()
    lines(tmp_path, "accounts.csv", "account_id,name,signed_up_at\n", "a1,A,2026-01-01\n", "a2,B,2026-01-01\n")
    lines(tmp_path, "contacts.csv", "contact_id,account_id,email\n", "c1,a1,c1@a.example\n", "c2,a2,\n")
    lines(tmp_path, "usage-1.csv", HEADER, *(event(i) for i in range(20)))
    return tmp_path


def lines(project: Path, file: str, *rows: str) -> None:
    (project / "data" / file).write_text("".join(rows), encoding="utf-8")


def append(project: Path, file: str, *rows: str) -> None:
    with (project / "data" / file).open("a", encoding="utf-8") as opened:
        opened.write("".join(rows))


def config(pattern: str = "data/usage-*.csv", bad: str = "60%", **usage: Any) -> ProjectConfig:
    sources = {
        "accounts": {"file": "data/accounts.csv"},
        "contacts": {"file": "data/contacts.csv"},
        "usage": {"file": pattern, **usage},
        "most_bad_rows": bad,
    }
    return ProjectConfig.model_validate(
        {"name": "w", "timezone": "Europe/Berlin", "company": {"name": "V"}, "sender": {"fallback": "a@b.example"}, "sources": sources}
    )


def usage_of(reports: Sequence[SourceReport]) -> SourceReport:
    return next(report for report in reports if report.source == "usage")


def fresh(project: Path, how: ProjectConfig, *, judged: bool = False) -> int | None:
    """Rows of usage that a sync reads; where it is `judged`, it is held against one that reads all."""
    found, reports = sync(project, how)
    if judged:
        equal_to_anew(project, how, found, usage_of(reports))
    return usage_of(reports).fresh


def equal_to_anew(project: Path, how: ProjectConfig, found: UsageSet, report: SourceReport) -> None:
    """The set is what a project finds that has never read these files before."""
    other = project / "anew"
    if not other.exists():
        other.mkdir()
        (other / "data").symlink_to(project / "data")
    for left in (other / ".cs-engine").rglob("*"):
        left.unlink() if left.is_file() else None
    expected, reports = sync(other, how)
    assert content(found) == content(expected)
    assert found.attributes.events == expected.attributes.events
    assert (found.attributes.account, found.attributes.contact) == (expected.attributes.account, expected.attributes.contact)
    assert report[:5] == usage_of(reports)[:5]


def content(usage: UsageSet) -> list[list[tuple[Any, ...]]]:
    """Accounts, contacts and events, the numbers in them put into words."""
    with duckdb.connect() as db:
        db.execute("SET TimeZone = 'UTC'")
        db.execute(f"CREATE VIEW accounts AS FROM '{usage.accounts}'")
        strangers = usage.folder / "numbers-contacts.parquet"
        more = f" UNION ALL SELECT id, \"#no\" FROM '{strangers}'" if strangers.exists() else ""
        db.execute(f"""CREATE VIEW people AS SELECT id, "#no" FROM '{usage.contacts}'{more}""")
        kinds = usage.kinds["usage"]
        files = [str(usage.events("usage", segment)) for segment in usage.segments["usage"]]
        names = sorted(name for name in usage.physical["usage"] if not name.startswith("#"))
        shown = ", ".join(f'CAST(e."{name}" AS VARCHAR) AS "{name}"' for name in names)
        events = db.execute(
            f'SELECT a.id, p.id, $kinds[e."#event" + 1], CAST(e."#day" AS VARCHAR), {shown} '
            f'FROM read_parquet($files, union_by_name = true) AS e LEFT JOIN accounts AS a ON a."#no" = e."#account" '
            f'LEFT JOIN people AS p ON p."#no" = e."#contact" ORDER BY ALL',
            {"kinds": list(kinds), "files": files},
        ).fetchall()
        assert db.execute('SELECT count(*) = count(DISTINCT "#no") FROM people').fetchall() == [(True,)]
        contacts = f"""SELECT c.* EXCLUDE ("#no", "#account"), a.id AS "of" FROM '{usage.contacts}' AS c
            LEFT JOIN accounts AS a ON a."#no" = c."#account" ORDER BY ALL"""
        return [db.execute('SELECT * EXCLUDE ("#no") FROM accounts ORDER BY ALL').fetchall(), db.execute(contacts).fetchall(), events]


# --- what is read


def test_of_a_file_that_was_appended_only_the_new_rows_are_read(project: Path) -> None:
    how = config(id="event_id")
    assert fresh(project, how) is None
    assert fresh(project, how) == 0
    append(project, "usage-1.csv", event(20), event(21, contact="somebody new"))
    assert fresh(project, how) == 2
    append(project, "usage-1.csv", event(500, hours=72))
    assert fresh(project, how, judged=True) == 1, "a late row is a row of its day"


def test_a_new_file_beside_the_others_is_read_alone(project: Path) -> None:
    how = config()
    sync(project, how)
    lines(project, "usage-2.csv", HEADER, event(30), event(31))
    assert fresh(project, how) == 2
    lines(project, "usage-0.csv", HEADER, event(40))
    assert fresh(project, how) == 1


def test_a_file_that_is_not_what_it_was_is_read_whole(project: Path) -> None:
    how = config()
    sync(project, how)
    file = project / "data/usage-1.csv"
    was = file.read_text()
    file.write_text(was.replace(event(7), event(7, amount=9)) + event(20))
    assert fresh(project, how, judged=True) is None, "a value in the middle is another, as long as the one before"
    file.write_text(was)
    assert fresh(project, how) is None, "it has shrunk"
    file.unlink()
    lines(project, "usage-9.csv", HEADER, event(3))
    assert fresh(project, how) is None, "it is gone"


def test_a_file_that_was_written_anew_as_it_was_is_not_read(project: Path) -> None:
    sync(project, config())
    file = project / "data/usage-1.csv"
    again = file.with_suffix(".new")
    again.write_text(file.read_text() + event(20))
    again.replace(file)
    assert fresh(project, config()) == 1


def test_a_line_cut_in_half_is_made_good_once_it_is_whole(project: Path) -> None:
    how, row = config(), event(20, amount=1234)
    sync(project, how)
    append(project, "usage-1.csv", row[:-3])
    assert fresh(project, how) == 1
    append(project, "usage-1.csv", row[-3:], event(21))
    assert fresh(project, how) is None
    append(project, "usage-1.csv", event(22))
    assert fresh(project, how, judged=True) == 1


def test_text_that_is_not_utf8_is_read_whole(project: Path) -> None:
    file = project / "data/usage-1.csv"
    file.write_bytes((HEADER + event(1, contact="鈴木")).encode("cp932"))
    sync(project, config())
    with file.open("ab") as opened:
        opened.write(event(2, contact="佐藤").encode("cp932"))
    assert fresh(project, config()) is None
    assert fresh(project, config()) == 0


def test_bad_rows_are_counted_over_all_and_named_by_their_lines(project: Path) -> None:
    append(project, "usage-1.csv", event(20, account="later"), "e21,a1\n")
    sync(project, config())
    append(project, "usage-1.csv", event(22), event(23, account="nobody"), 'e24,a1,"c\n1",opened,never,1\n', event(25))
    found, reports = sync(project, config())
    report = usage_of(reports)
    assert report[:4] == ("usage", 26, 22, 4)
    assert report.fresh == 4
    assert [example.partition(" ")[0] for example in report.examples] == [f"data/usage-1.csv:{line}" for line in (22, 23, 25, 26)]
    equal_to_anew(project, config(), found, report)
    append(project, "usage-1.csv", event(30, account="nobody") * 60)
    with pytest.raises(SyncStopped, match="64 of 86 rows are bad"):
        sync(project, config())


def test_accounts_that_come_and_go_change_only_what_is_theirs(project: Path) -> None:
    append(project, "usage-1.csv", event(20, account="later"))
    lines(project, "usage-2.csv", HEADER, event(30, account="a2"))
    sync(project, config())
    lines(project, "accounts.csv", "account_id,name,signed_up_at\n", "a0,New,2026-01-01\n", "a2,B,2026-01-01\n", "a1,A,2026-01-01\n")
    lines(project, "contacts.csv", "contact_id,account_id,email\n", "c3,a1,\n", "c2,a2,\n")
    assert fresh(project, config(), judged=True) == 0, "numbers stay; who is no contact any more still acts"
    append(project, "accounts.csv", "later,L,2026-01-01\n")
    assert fresh(project, config()) is None, "rows that were bad are good now"
    lines(project, "accounts.csv", "account_id,name,signed_up_at\n", "a1,A,2026-01-01\n", "later,L,2026-01-01\n")
    assert fresh(project, config(), judged=True) is None, "rows that were good are bad now"


def test_numbers_of_people_begin_anew_when_most_are_of_nobody(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(growing, "_SPARE", 0)
    found = [sync(project, config())]
    for n in range(5):
        lines(project, "contacts.csv", "contact_id,account_id,email\n", f"d{n},a1,\n")
        found.append(sync(project, config()))
    assert [usage_of(reports).fresh for _, reports in found] == [None, 0, 0, 0, None, 0]
    equal_to_anew(project, config(), found[-1][0], usage_of(found[-1][1]))


def test_types_are_those_of_all_values_whenever_they_came(project: Path) -> None:
    lines(project, "usage-1.csv", HEADER.replace("amount", "amount,tag"), *(f"{event(i).strip()},x1\n" for i in range(5)))
    sync(project, config())
    append(project, "usage-1.csv", f"{event(6, amount=2.5).strip()},7\n", f"{event(7, amount='').strip()},\n")
    assert fresh(project, config()) == 2, "a text that looks like a number is text, and 2.5 as good a number as 1"
    lines(project, "usage-2.csv", HEADER.replace("amount", "size"), event(8))
    assert fresh(project, config(), judged=True) == 1, "columns that are new, and some that are missing"
    append(project, "usage-2.csv", event(9, amount="large"))
    assert fresh(project, config()) is None
    found = Shelf.of(project).current(config())
    assert found is not None
    assert (found.attributes.events["usage"]["size"], found.attributes.events["usage"]["amount"]) == (Type.TEXT, Type.NUMBER)


def test_of_rows_with_one_id_the_first_counts_whenever_it_came(project: Path) -> None:
    how = config(id="event_id")
    lines(project, "usage-3.csv", HEADER, event(50), event(51))
    sync(project, how)
    append(project, "usage-3.csv", event(3, amount=9), event(52))
    assert fresh(project, how) == 2
    lines(project, "usage-2.csv", HEADER, event(60))
    assert fresh(project, how) == 1
    append(project, "usage-2.csv", event(51, amount=9))
    assert fresh(project, how, judged=True) is None, "it lies before the one that counted"


# --- days that are written again


def by_day(project: Path, day: int, *numbers: int) -> None:
    folder = project / f"data/usage/day=2026-03-{day:02}"
    folder.mkdir(parents=True, exist_ok=True)
    rows = [Event(f"e{n}", "a1", "c1", "opened", datetime(2026, 3, day, 9, tzinfo=UTC) + timedelta(minutes=n), n) for n in numbers]
    as_parquet(folder / "part-0.parquet", rows, Event._fields)


def test_a_day_that_is_written_again_is_read_alone(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(growing, "APART_FROM", 0)
    monkeypatch.setattr(growing, "_APART", 2)
    how = config("data/usage/**/*.parquet", id="event_id")
    for day in range(1, 6):
        by_day(project, day, day * 10, day * 10 + 1)
    aged(project)
    assert fresh(project, how) is None
    by_day(project, 6, 60)
    by_day(project, 5, 50, 51, 52)
    aged(project)
    assert fresh(project, how) == 4
    by_day(project, 2, 20)
    aged(project)
    assert fresh(project, how, judged=True) == 7, "the days that lie together with it"
    assert fresh(project, how) == 0


def aged(project: Path) -> None:
    """Long enough after the files were written for their times to tell of what is written next."""
    newest = max(file.stat().st_ctime_ns for file in (project / "data").rglob("*"))
    while time.time_ns() - newest < 60_000_000:
        time.sleep(0.01)


def test_of_a_database_only_the_days_that_travelled_are_read(postgres: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(URL, postgres)
    monkeypatch.setattr(growing, "APART_FROM", 0)
    monkeypatch.setattr(growing, "_APART", 2)
    accounts, contacts = [Account("a1", signed_up_at=NOW - timedelta(days=60))], [Contact("c1", "a1", created_at=NOW)]
    events = [Event(f"e{i}", "a1", "c1", "opened", NOW - timedelta(days=i), i) for i in range(6)]
    warehouse = Postgres(postgres)
    how = warehouse.write(World(accounts, contacts, events))
    assert usage_of(sync(tmp_path, how, now=NOW)[1]).fresh is None
    warehouse.add("usage", [Event("new", "a1", "c1", "opened", NOW + timedelta(hours=1), 1)])
    found, reports = sync(tmp_path, how, now=NOW)
    assert (usage_of(reports).fresh, usage_of(reports).kept) == (2, 7)
    anew, _ = sync(tmp_path / "other", how, now=NOW)
    assert content(found) == content(anew)


def test_of_a_duckdb_file_only_days_that_are_not_as_they_were_are_copied_and_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(growing, "APART_FROM", 0)
    accounts, contacts = [Account("a1", signed_up_at=NOW - timedelta(days=60))], [Contact("c1", "a1", created_at=NOW)]
    days = [NOW - timedelta(days=i) for i in range(4)]
    events = [Event(f"e{i}{n}", "a1", "c1", "opened", at, i) for i, at in enumerate(days) for n in "ab"]
    how = ProjectConfig.model_validate(lenient(write_duckdb(tmp_path, World(accounts, contacts, events))))
    landed = Landing(tmp_path).folder / "usage"
    sync(tmp_path, how)
    with duckdb.connect(str(tmp_path / "data/product.duckdb")) as db:
        db.execute("INSERT INTO usage VALUES ('late', 'a1', 'c1', 'opened', $1, 1), ('timeless', 'a1', 'c1', 'opened', NULL, 1)", [days[2]])
        db.execute("UPDATE usage SET amount = 7 WHERE event_id = 'e0a'")
    before = set(landed.glob("*.parquet"))
    found, reports = sync(tmp_path, how)
    assert {file.stem.rpartition("-")[0] for file in set(landed.glob("*.parquet")) - before} == {"2026-03-31", "2026-03-29", "timeless"}
    with duckdb.connect(str(tmp_path / "data/product.duckdb")) as db:
        db.execute("DELETE FROM usage WHERE event_id LIKE 'e3%' OR event_id = 'timeless'")
        db.execute("UPDATE usage SET amount = 8 WHERE event_id = 'e0a'")
    found, reports = sync(tmp_path, how)
    assert (usage_of(reports).fresh, usage_of(reports).kept) == (2, 7)
    (tmp_path / "other").mkdir()
    (tmp_path / "other/data").symlink_to(tmp_path / "data")
    assert content(found) == content(sync(tmp_path / "other", how)[0])


def lenient(how: ProjectConfig) -> dict[str, Any]:
    plain = how.model_dump(by_alias=True, exclude_unset=True)
    return plain | {"sources": plain["sources"] | {"most_bad_rows": "60%"}}


# --- whatever happens


@pytest.mark.parametrize("seed", range(int(os.environ.get("CS_ENGINE_GROWTHS", "2"))))
def test_a_set_that_grew_is_the_set_of_one_reading(seed: int, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Random growth, late rows, half lines, files rewritten, truncated, gone and new; accounts and contacts that come and go."""
    random = Random(seed)
    monkeypatch.setattr(growing, "APART_FROM", random.choice([0, 30, 1_000_000]))
    monkeypatch.setattr(growing, "_APART", 2)
    how = config(bad="100%", **({"id": "event_id"} if random.random() < 0.6 else {}))
    found, reports = sync(project, how)
    for _ in range(3):
        for _ in range(random.choice((1, 2, 3))):
            random.choice(HAPPENINGS)(project, random)
        found, reports = sync(project, how)
        equal_to_anew(project, how, found, usage_of(reports))


def some(random: Random, n: int) -> list[str]:
    accounts, contacts = ("a1", "a2", "a3", "a4"), ("c1", "c2", "c3", "who", "")
    amounts = (1, 2, 30, "", *((2.5, "x") if random.random() < 0.05 else ()))
    return [
        event(random.randrange(900), random.choice(accounts[: random.choice((2, 2, 4))]), random.choice(contacts), random.choice(amounts))
        for _ in range(n)
    ]


def file_of(project: Path, random: Random) -> Path:
    return random.choice(sorted((project / "data").glob("usage-*.csv")))


def grows(project: Path, random: Random) -> None:
    append(project, file_of(project, random).name, *some(random, random.randrange(1, 6)))


def is_cut(project: Path, random: Random) -> None:
    append(project, file_of(project, random).name, some(random, 1)[0][: random.randrange(1, 40)])


def is_new(project: Path, random: Random) -> None:
    lines(project, f"usage-{random.randrange(9)}.csv", HEADER, *some(random, random.randrange(0, 8)))


def is_rewritten(project: Path, random: Random) -> None:
    file = file_of(project, random)
    rows = file.read_text().splitlines(keepends=True)
    if len(rows) > 1:
        number = random.randrange(1, len(rows))
        rows[number : number + random.randrange(2)] = some(random, 1)
    file.write_text("".join(rows))


def is_truncated(project: Path, random: Random) -> None:
    file = file_of(project, random)
    text = file.read_text()
    file.write_text(text[: random.randrange(len(HEADER), len(text) + 1)])


def goes(project: Path, random: Random) -> None:
    if len(list((project / "data").glob("usage-*.csv"))) > 1:
        file_of(project, random).unlink()


def people(project: Path, random: Random) -> None:
    accounts = random.sample(("a1", "a2", "a3", "a4"), random.choice((2, 3, 4, 4)))
    lines(project, "accounts.csv", "account_id,name,signed_up_at\n", *(f"{account},A,2026-01-01\n" for account in accounts))
    contacts = random.sample(("c1", "c2", "c3"), random.randrange(1, 4))
    rows = (f"{contact},{accounts[0]},\n" for contact in contacts)
    lines(project, "contacts.csv", "contact_id,account_id,email\n", *rows)


HAPPENINGS: tuple[Callable[[Path, Random], None], ...] = (
    grows, grows, grows, grows, is_new, is_new, is_cut, is_rewritten, is_truncated, goes, people,
)  # fmt: skip
