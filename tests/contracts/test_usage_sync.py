"""What a sync does with bad input: rows named by file and line, nothing lost, nothing half taken."""

from __future__ import annotations

import gzip
import os
import signal
import subprocess
import sys
import textwrap
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from cs_engine.errors import CsEngineError, SyncStopped
from cs_engine.language.expression import Type
from cs_engine.playbook.config import ProjectConfig
from cs_engine.ports import SourceReport
from cs_engine.sources.describe import describe
from cs_engine.sources.intake.sync import sync
from cs_engine.sources.sets.snapshot import Shelf
from tests.contracts.usage_world import Account, Contact, Event, World, config_of, open_project, write

NOW = datetime(2026, 3, 31, 10, tzinfo=UTC)
WORLD = World(
    [Account(f"a{i}", signed_up_at=NOW - timedelta(days=30)) for i in range(3)],
    [Contact(f"c{i}", f"a{i}", created_at=NOW - timedelta(days=20)) for i in range(3)],
    [Event(f"e{i}", f"a{i % 3}", f"c{i % 3}", "opened", NOW - timedelta(hours=i), 1.0) for i in range(6)],
)


@pytest.fixture
def lenient(tmp_path: Path) -> ProjectConfig:
    """The world's project, that takes any number of bad rows."""
    return changed(write(tmp_path, WORLD), most_bad_rows="100%")


def changed(config: ProjectConfig, **sources: Any) -> ProjectConfig:
    plain = config.model_dump(by_alias=True, exclude_unset=True)
    return ProjectConfig.model_validate(plain | {"sources": plain["sources"] | sources})


def append(folder: Path, source: str, *lines: bytes | str) -> None:
    with (folder / f"data/{source}.csv").open("ab") as file:
        for line in lines:
            file.write((line if isinstance(line, bytes) else line.encode()) + b"\n")


def report_of(folder: Path, config: ProjectConfig, source: str) -> SourceReport:
    return next(report for report in sync(folder, config)[1] if report.source == source)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("e9,a1,c1,opened,2026-03-30T10:00:00,1", "occurred_at has no zone"),
        ("e9,a1,c1,opened,yesterday,1", "occurred_at is no time"),
        ("e9,a1,c1,opened,2026-02-30T10:00:00Z,1", "occurred_at is no time"),
        ("e9,a1,c1,opened,,1", "no occurred_at"),
        ("e9,,c1,opened,2026-03-30T10:00:00Z,1", "no account_id"),
        ("e9,a1,c1,,2026-03-30T10:00:00Z,1", "no event"),
        (",a1,c1,opened,2026-03-30T10:00:00Z,1", "no event_id"),
        ("e9,a99,c1,opened,2026-03-30T10:00:00Z,1", "account_id is not among the accounts"),
        ("e9,a1,c1,opened", "has 4 columns, the header has 6"),
        ("e9,a1,c1,opened,2026-03-30T10:00:00Z,1,2", "has 7 columns, the header has 6"),
        ("e9,a1,c1,opened\0,2026-03-30T10:00:00Z,1", "holds a NUL byte"),
        (b"e9,a1,c1,\xff\xfe\x81\xad,2026-03-30T10:00:00Z,1", "holds bytes that are no text"),
        ('e9,"a1"x,c1,opened,2026-03-30T10:00:00Z,1', "has broken quotes"),
    ],
)
def test_a_bad_event_is_named_by_line_and_the_others_are_taken(
    tmp_path: Path, lenient: ProjectConfig, line: bytes | str, reason: str
) -> None:
    # A field that spans lines comes first: lines are the file's, not counts of records.
    append(tmp_path, "usage", 'e7,a1,c1,"two', 'lines",2026-03-30T10:00:00Z,1', line, "e8,a1,c1,opened,2026-03-30T11:00:00Z,1")
    report = report_of(tmp_path, lenient, "usage")
    assert (report.read, report.kept, report.bad) == (9, 8, 1)
    assert report.examples == (f"data/usage.csv:10 {reason}",)


@pytest.mark.parametrize(
    ("source", "line", "reason"),
    [
        ("accounts", "a1,again,team,1,2026-01-01T00:00:00Z,en,UTC,", "account_id stood in an earlier row already"),
        ("accounts", ",nameless,team,1,2026-01-01T00:00:00Z,en,UTC,", "no account_id"),
        ("accounts", "a9,x,team,1,2026-01-01T00:00:00,en,UTC,", "signed_up_at has no zone"),
        ("contacts", "c9,a99,x@customer.example,X,operator,,,2026-01-01T00:00:00Z", "account_id is not among the accounts"),
        ("contacts", "c1,a1,x@customer.example,X,operator,,,2026-01-01T00:00:00Z", "contact_id stood in an earlier row already"),
    ],
)
def test_bad_accounts_and_contacts_too(tmp_path: Path, lenient: ProjectConfig, source: str, line: str, reason: str) -> None:
    append(tmp_path, source, line)
    report = report_of(tmp_path, lenient, source)
    assert (report.kept, report.bad, report.examples) == (3, 1, (f"data/{source}.csv:5 {reason}",))
    assert "customer.example" not in str(report)


def test_too_many_bad_rows_stop_the_sync_and_leave_the_old_set(tmp_path: Path) -> None:
    config = write(tmp_path, WORLD)
    project = open_project(tmp_path, config, metrics={"changes": {"count": "*"}})
    append(tmp_path, "usage", *("e9,a1,c1,opened,noon,1" for _ in range(12)))
    with pytest.raises(SyncStopped) as stopped:
        project.usage.sync()
    text = str(stopped.value)
    assert "12 of 18 rows are bad (66.7%, the limit is 1%)" in text
    assert "data/usage.csv:8 occurred_at is no time" in text
    assert text.count("data/usage.csv:") == 10, "ten examples at most"
    assert "most_bad_rows" in text
    assert "write times as 2026-03-02T09:30:00+09:00 and dates as 2026-03-02" in stopped.value.mend
    assert project.values(NOW, "changes") == {"a0": 2, "a1": 2, "a2": 2}
    assert len(list(Shelf.of(tmp_path).folder.glob("set-*"))) == 1, "nothing of the failed one is left"


def test_a_missing_column_stops_the_sync_with_the_nearest_name(tmp_path: Path) -> None:
    write(tmp_path, WORLD)
    with pytest.raises(SyncStopped, match='no column "occured_at"; did you mean "occurred_at"'):
        sync(tmp_path, config_of("UTC", at="occured_at"))
    with pytest.raises(SyncStopped, match=r"sources\.usage"):
        describe(tmp_path, config_of("UTC", id="id"))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "empty"),
        ("\ufeff\n", "empty"),
        ("\naccount_id,signed_up_at\n", "accounts.csv:1 the first line is blank"),
        ("account_id,account_id\n", "two columns"),
        ('account_id,signed_up_at,"csm_email",""x\na1\n', "accounts.csv:1 the first line has broken quotes"),
        ("account_id,signed_up_at,#file\n", 'a column is named "#file"'),
        ('id,"x\nmore\n', "never closes|no column"),
    ],
)
def test_files_that_are_no_tables_are_named(tmp_path: Path, text: str, said: str) -> None:
    config = write(tmp_path, WORLD)
    (tmp_path / "data/accounts.csv").write_text(text, encoding="utf-8")
    with pytest.raises(SyncStopped, match=said):
        sync(tmp_path, config)


@pytest.mark.parametrize("cut", [1, 9, 600, -1])
def test_a_packed_file_that_is_cut_off_stops_the_sync(tmp_path: Path, cut: int) -> None:
    """Whatever the reader can make of its beginning."""
    config = changed(write(tmp_path, WORLD), usage={"file": "data/usage.csv.gz"}, most_bad_rows="100%")
    whole = gzip.compress((tmp_path / "data/usage.csv").read_bytes() * 500)
    (tmp_path / "data/usage.csv.gz").write_bytes(whole[:-cut] if cut > 0 else b"not packed at all")
    with pytest.raises(SyncStopped, match=r"data/usage\.csv\.gz: it is no whole gzip file"):
        sync(tmp_path, config)


def test_a_first_line_may_have_commas_and_line_ends_within_quotes(tmp_path: Path, lenient: ProjectConfig) -> None:
    """With a byte order mark before it, in a file whose bad row makes it be read record by record."""
    head = '\ufeff"account_id";signed_up_at;"plan, tier,\nlevel, kind";csm_email\n'
    (tmp_path / "data/accounts.csv").write_text(f"{head}a1;2026-03-01;x;\na2;2026-03-01\n", encoding="utf-8")
    report = report_of(tmp_path, lenient, "accounts")
    assert (report.read, report.kept, report.examples) == (2, 1, ("data/accounts.csv:4 has 2 columns, the header has 4",))


@pytest.mark.parametrize("ends", ["\n", "\r\n"])
@pytest.mark.parametrize("within", ["\n", "\r\n"])
def test_no_row_is_lost_where_a_name_spans_lines(tmp_path: Path, lenient: ProjectConfig, within: str, ends: str) -> None:
    """Spreadsheets write it so; DuckDB's reader took none of the rows, where the line ends are of two kinds."""
    lines = ["account_id,signed_up_at,csm_email", f'"kind{within}of plan"'], ["a1,2026-03-01,", "x"], ["a2,2026-03-01,", "y"]
    (tmp_path / "data/accounts.csv").write_bytes("".join(",".join(line) + ends for line in lines).encode())
    assert report_of(tmp_path, lenient, "accounts").kept == 2


def test_lines_may_end_as_macs_once_ended_them(tmp_path: Path, lenient: ProjectConfig) -> None:
    file = tmp_path / "data/usage.csv"
    file.write_bytes(file.read_bytes().replace(b"\r\n", b"\r"))
    assert report_of(tmp_path, lenient, "usage").kept == 6


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    config = write(tmp_path, WORLD)
    (tmp_path / "data/contacts.csv").unlink()
    with pytest.raises(SyncStopped, match=r"data/contacts\.csv: no such file"):
        sync(tmp_path, config)


def test_an_open_quote_swallows_nothing_in_silence(tmp_path: Path, lenient: ProjectConfig) -> None:
    append(tmp_path, "usage", 'e9,a1,"c1,opened,2026-03-30T10:00:00Z,1', "e10,a1,c1,opened,2026-03-30T10:00:00Z,1")
    with pytest.raises(SyncStopped, match=r"data/usage\.csv:8 a quote opens here and never closes"):
        sync(tmp_path, lenient)


def test_an_open_quote_in_a_large_file_swallows_nothing_either(tmp_path: Path, lenient: ProjectConfig) -> None:
    """Where CSV readers give up a field that grows too long, thousands of rows would be one bad row."""
    append(tmp_path, "usage", 'e9,a1,"c1,opened,2026-03-30T10:00:00Z,1', *("e10,a1,c1,opened,2026-03-30T10:00:00Z,1" for _ in range(4_000)))
    with pytest.raises(SyncStopped, match=r"data/usage\.csv:8 .* a quote opens and does not close"):
        sync(tmp_path, lenient)


def test_lines_between_two_stray_quotes_are_bad_rows_each(tmp_path: Path, lenient: ProjectConfig) -> None:
    stray = 'e9,a1,"c1,opened,2026-03-30T10:00:00Z,1'
    append(tmp_path, "usage", stray, *("e10,a1,c1,opened,2026-03-30T10:00:00Z,1" for _ in range(3)), stray)
    report = report_of(tmp_path, lenient, "usage")
    assert (report.read, report.kept, report.bad) == (11, 6, 5)
    assert report.examples[1:] == tuple(f"data/usage.csv:{line} stands between quotes that open in line 8" for line in range(9, 13))


def test_when_a_bad_account_makes_its_usage_bad_the_account_is_named(tmp_path: Path) -> None:
    config = changed(write(tmp_path, WORLD), most_bad_rows="34%")
    append(tmp_path, "usage", *(f"e9{i},a9,c1,opened,2026-03-30T10:00:00Z,1" for i in range(9)))
    append(tmp_path, "accounts", "a9,x,team,1,2026-01-01T00:00:00,en,UTC,")
    with pytest.raises(SyncStopped) as stopped:
        sync(tmp_path, config)
    assert "usage: 9 of 15 rows are bad" in str(stopped.value)
    assert "`zone: Asia/Tokyo`" in stopped.value.mend
    assert "add an offset, as 2026-03-02T09:30:00+09:00" in stopped.value.mend
    assert "accounts: 1 of 4 rows are bad too\n    data/accounts.csv:5 signed_up_at has no zone" in str(stopped.value)


def test_times_without_zone_in_parquet_are_bad(tmp_path: Path, lenient: ProjectConfig) -> None:
    with duckdb.connect() as db:
        db.execute(
            "COPY (SELECT 'e1' AS event_id, 'a1' AS account_id, 'c1' AS contact_id, 'x' AS event, "
            f"TIMESTAMP '2026-03-30 10:00:00' AS occurred_at) TO '{tmp_path / 'data/usage.parquet'}' (FORMAT parquet)"
        )
    report = report_of(tmp_path, changed(lenient, usage={"file": "data/usage.parquet"}), "usage")
    assert report.examples == ("data/usage.parquet:1 occurred_at has no zone",)


def test_many_files_are_one_source(tmp_path: Path, lenient: ProjectConfig) -> None:
    rows = ["occurred_at;account_id;contact_id;event;event_id", "2026-03-30T10:00:00+09:00;a1;c1;opened;e20", "never;a1;c1;opened;e21"]
    (tmp_path / "data/usage-2.csv").write_text("\n".join(rows), encoding="utf-8")
    report = report_of(tmp_path, changed(lenient, usage={"file": "data/usage*.csv", "id": "event_id"}), "usage")
    assert (report.kept, report.examples) == (7, ("data/usage-2.csv:3 occurred_at is no time",))


def test_types_are_those_of_all_values(tmp_path: Path) -> None:
    config = write(tmp_path, WORLD)
    rows = ["account_id,signed_up_at,n,ratio,flag,code,renewal_at,touched,nothing,mixed"]
    rows += [f"a{i},2026-01-0{i + 1}T00:00:00Z,{i},{i}.5,true,00{i},2026-12-31,2026-03-01 10:00,,{'x' if i == 2 else i}" for i in range(3)]
    (tmp_path / "data/accounts.csv").write_text("\n".join(rows), encoding="utf-8")
    config = changed(config, accounts={"file": "data/accounts.csv"})
    expected = {
        "n": Type.NUMBER, "ratio": Type.NUMBER, "flag": Type.BOOLEAN, "code": Type.TEXT, "renewal_at": Type.INSTANT,
        "touched": Type.INSTANT, "nothing": Type.UNKNOWN, "mixed": Type.TEXT,
        "id": Type.TEXT, "signed_up_at": Type.INSTANT, "locale": Type.TEXT,
    }  # fmt: skip
    before = describe(tmp_path, config)
    assert {name: before.account[name] for name in expected} == expected
    assert before.blanks == {}
    project = open_project(tmp_path, config)
    after = describe(tmp_path, config)
    assert (dict(after.account), dict(after.contact), after.events) == (dict(before.account), dict(before.contact), before.events)
    assert after.blanks["account.nothing"] == (3, 3)
    # A plain date is that day's beginning in the project's zone.
    assert project.values(NOW, "account.renewal_at")["a0"] == datetime(2026, 12, 30, 23, tzinfo=UTC)
    assert project.values(NOW, "account.code")["a1"] == "001"


def test_a_project_that_reads_otherwise_is_not_synced(tmp_path: Path) -> None:
    project = open_project(tmp_path, write(tmp_path, WORLD))
    assert project.usage.synced()
    moved = open_project(tmp_path, project.config.model_copy(update={"timezone": "Asia/Tokyo"}), sync=False)
    assert not moved.usage.synced(), "days are cut in another zone"
    with pytest.raises(CsEngineError, match="no usage has been read"):
        moved.facts(NOW)


def test_a_changed_source_is_noticed(tmp_path: Path) -> None:
    project = open_project(tmp_path, write(tmp_path, WORLD))
    assert not project.usage.stale()
    append(tmp_path, "usage", "e9,a1,c1,opened,2026-03-30T10:00:00Z,1")
    assert project.usage.stale()


@pytest.mark.parametrize("seconds", [0.0, 0.05, 0.1, 0.2, 0.3])
def test_a_sync_that_is_killed_leaves_the_old_set(tmp_path: Path, seconds: float) -> None:
    project = open_project(tmp_path, write(tmp_path, WORLD), metrics={"changes": {"count": "*"}})
    program = textwrap.dedent("""
        import sys
        from pathlib import Path
        from cs_engine.playbook.config import ProjectConfig
        from cs_engine.sources.intake.sync import sync
        config = ProjectConfig.model_validate_json(sys.argv[2])
        print("ready", flush=True)
        while True:
            sync(Path(sys.argv[1]), config)
    """)
    config = project.config.model_dump_json(by_alias=True, exclude_unset=True)
    with subprocess.Popen([sys.executable, "-c", program, str(tmp_path), config], stdout=subprocess.PIPE) as syncing:
        assert syncing.stdout is not None
        assert syncing.stdout.readline() == b"ready\n"
        with pytest.raises(subprocess.TimeoutExpired):
            syncing.wait(seconds)
        os.kill(syncing.pid, signal.SIGKILL)
    assert project.values(NOW, "changes") == {"a0": 2, "a1": 2, "a2": 2}
    project.usage.sync()
    assert len(list(Shelf.of(tmp_path).folder.glob("set-*"))) <= 2, "what the dead one left is cleared away"


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("a99,c1,call,alex,2026-03-30T10:00:00Z,", "account_id is not among the accounts"),
        (",c1,call,alex,2026-03-30T10:00:00Z,", "no account_id"),
        ("a1,c1,demo,alex,2026-03-30T10:00:00Z,", "kind is not call or mail or meeting"),
        ("a1,c1,,alex,2026-03-30T10:00:00Z,", "no kind"),
        ("a1,c1,call,alex,2026-03-30T10:00:00,", "at has no zone"),
        ("a1,c1,call,alex,,", "no at"),
        ("a1,c1,call,alex,2026-03-30T10:00:00Z,perhaps", "answered is not yes or no"),
    ],
)
def test_a_bad_touch_is_named_by_line_and_the_others_are_taken_once(tmp_path: Path, line: str, reason: str) -> None:
    """Whom it was with and who of us it was may be blank, and kinds be written large."""
    (tmp_path / "touches.csv").write_text(
        "account_id,contact_id,kind,by,at,answered\na1,c1,Call,alex,2026-03-29T10:00:00+09:00,\na1,,meeting,,2026-03-29T10:00:00Z,no\n"
        f"a1,c1,call,alex,2026-03-29T01:00:00Z,\n{line}\na2,c2,mail,alex,2026-03-29T10:00:00Z,Yes\n",
        encoding="utf-8",
    )
    config = changed(write(tmp_path, WORLD), most_bad_rows="30%", touches={"file": "touches.csv"})
    project = open_project(tmp_path, config, metrics={})
    (report,) = [report for report in project.usage.sync() if report.source == "touches"]
    assert (report.read, report.kept, report.bad, report.examples) == (5, 4, 1, (f"touches.csv:5 {reason}",))
    touches, reactions = project.usage.touches()
    assert sorted(touch[1:5] for touch in touches) == [
        ("a1", "", "meeting", ""), ("a1", "c1", "call", "alex"), ("a2", "c2", "mail", "alex"),
    ]  # fmt: skip
    assert [reaction[:3] for reaction in reactions] == [("a2", "c2", "talked")]


def test_a_source_of_touches_without_its_columns_is_named(tmp_path: Path) -> None:
    (tmp_path / "touches.csv").write_text("account_id,sort,at\n", encoding="utf-8")
    config = changed(write(tmp_path, WORLD), touches={"file": "touches.csv"})
    for read in (sync, describe):
        with pytest.raises(SyncStopped, match=r'no column "kind"(.|\n)*`kind:` under sources\.touches'):
            read(tmp_path, config)


def test_a_column_that_changes_its_type_between_files_is_what_all_its_values_are(tmp_path: Path) -> None:
    """Whole numbers in one, text that is a number in another: numbers. One that is none: text, also of those that were numbers."""
    write(tmp_path, WORLD)
    for number, (kind, value) in enumerate([("INTEGER", "4"), ("VARCHAR", "'5'"), ("DOUBLE", "2.5")]):
        duckdb.execute(
            f"COPY (SELECT 'a1' AS account_id, 'c1' AS contact_id, 'opened' AS event, TIMESTAMPTZ '2026-03-30 10:00:00+00' AS occurred_at, "
            f"CAST({value} AS {kind}) AS size) TO '{tmp_path}/data/part-{number}.parquet' (FORMAT parquet)"
        )
    config = changed(config_of("UTC"), usage={"file": "data/part-*.parquet"})
    found, _ = sync(tmp_path, config)
    assert found.attributes.events["usage"]["size"] is Type.NUMBER
    (tmp_path / "data/part-3.csv").write_text("account_id,contact_id,event,occurred_at,size\na1,c1,opened,2026-03-30T10:00:00Z,large\n")
    found, _ = sync(tmp_path, changed(config_of("UTC"), usage={"file": "data/part-*"}))
    assert found.attributes.events["usage"]["size"] is Type.TEXT
    assert duckdb.execute(f"SELECT DISTINCT size FROM '{found.folder}/events-usage-*.parquet' ORDER BY 1").fetchall() == [
        ("2.5",), ("4",), ("5",), ("large",)
    ]  # fmt: skip


def test_an_id_that_was_made_a_float_is_still_that_id(tmp_path: Path) -> None:
    """Tools do so where some are missing."""
    world = World([Account("7", signed_up_at=NOW - timedelta(days=9))], [Contact("12", "7")], [])
    config = changed(write(tmp_path, world), usage={"file": "data/usage.parquet"})
    duckdb.execute(
        "COPY (SELECT 7 AS account_id, CAST(12 AS DOUBLE) AS contact_id, 'opened' AS event, "
        f"TIMESTAMPTZ '2026-03-30 10:00:00+00' AS occurred_at) TO '{tmp_path}/data/usage.parquet' (FORMAT parquet)"
    )
    found, _ = sync(tmp_path, config)
    assert duckdb.execute(f"SELECT contact, \"#contact\" FROM '{found.folder}/events-usage-*.parquet'").fetchall() == [("12", 0)]


@pytest.mark.parametrize("at", ["2026-03-30T10:00:00", "2026/03/30 10:00", "2026/3/30 10:00:00", "2026-03-30T01:00:00Z", "TIMESTAMP"])
def test_a_source_says_whose_times_are_without_zone_and_dates_stay_the_projects(at: str, tmp_path: Path, lenient: ProjectConfig) -> None:
    rows = "SELECT 'e1' AS event_id, 'a1' AS account_id, 'c1' AS contact_id, 'x' AS event"
    path = tmp_path / f"data/zoned.{'parquet' if at == 'TIMESTAMP' else 'csv'}"
    shown = "TIMESTAMP '2026-03-30 10:00:00'" if at == "TIMESTAMP" else f"'{at}'"
    with duckdb.connect() as db:
        db.execute(f"COPY ({rows}, {shown} AS occurred_at, {shown} AS own, '2026/3/30' AS day) TO '{path}'")
    config = changed(lenient, usage={"file": f"data/{path.name}", "zone": "Asia/Tokyo"})
    found = sync(tmp_path, config)[0]
    with duckdb.connect() as db:
        db.execute("SET TimeZone = 'UTC'")
        (read,) = db.execute(f"""SELECT "at", own, "day" FROM '{found.folder}/events-usage-*.parquet'""").fetchall()
    at_ten = datetime(2026, 3, 30, 1, tzinfo=UTC)
    assert [moment.astimezone(UTC) for moment in read] == [at_ten, at_ten, datetime(2026, 3, 29, 22, tzinfo=UTC)]
    assert describe(tmp_path, config).events["usage"]["own"] is Type.INSTANT


def test_columns_of_peoples_names_can_be_named(tmp_path: Path) -> None:
    config = write(tmp_path, WORLD)
    (tmp_path / "data/contacts.csv").write_text("contact_id,account_id,email,sei,mei\nc1,a1,,山田,花子\n", encoding="utf-8")
    contacts = {"file": "data/contacts.csv", "family_name": "sei", "given_name": "mei"}
    config = changed(config, contacts=contacts, most_bad_rows="100%")
    found = sync(tmp_path, config)[0]
    with duckdb.connect() as db:
        assert db.execute(f"SELECT family_name, given_name FROM '{found.contacts}'").fetchall() == [("山田", "花子")]
    assert "sei" not in found.attributes.contact
