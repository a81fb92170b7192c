"""What sources in databases promise: the same set as from files, days that are as they were do not travel, and nothing secret is said."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import duckdb
import pytest

from cs_engine.clock import FixedClock
from cs_engine.errors import SettingsError, SourceAway, SyncStopped
from cs_engine.language.problems import Problems
from cs_engine.playbook.config import ProjectConfig
from cs_engine.run.context import Engine
from cs_engine.run.sync import refresh
from cs_engine.sources.describe import describe
from cs_engine.sources.duckdb_usage import DuckdbUsage
from cs_engine.sources.intake.staging import whole
from cs_engine.sources.intake.sync import sync
from cs_engine.sources.outside.files import find
from cs_engine.sources.outside.landing import Landing, reaches
from cs_engine.sources.sets.snapshot import UsageSet
from cs_engine.state import open_store
from cs_engine.usage.attributes import Attributes
from cs_engine.usage.catalogue import build
from cs_engine.usage.model import JourneySpec
from tests.contracts.usage_databases import URL, Postgres, write_by_day, write_duckdb
from tests.contracts.usage_world import Account, Contact, Event, World, write

NOW = datetime(2026, 3, 31, 10, tzinfo=UTC)
WORLD = World(
    [
        Account("a1", "株式会社アルファ", "team", 4, NOW - timedelta(days=30), "ja", "Asia/Tokyo", "csm@vendor.example"),
        Account("a2", 'Be\'ta: 5% "x"', "starter", None, NOW - timedelta(days=3)),
    ],
    [Contact("c1", "a1", "c1@customer.example", "山田", created_at=NOW - timedelta(days=20)), Contact("c2", "a2")],
    [
        Event("e1", "a1", "c1", "opened", datetime(2026, 3, 28, 22, 59, 59, 999_999, tzinfo=UTC), 2.5),
        Event("e2", "a1", "c1", "opened", datetime(2026, 3, 28, 23, 0, tzinfo=UTC), 1),
        Event("e3", "a2", None, "saved", datetime(2026, 3, 29, 1, 30, tzinfo=UTC), None),
        Event("e3", "a2", None, "saved", datetime(2026, 3, 29, 1, 30, tzinfo=UTC), None),
        Event("e4", "a2", "stranger", "saved", NOW, 0.1),
    ],
)


@pytest.fixture
def warehouse(postgres: str, monkeypatch: pytest.MonkeyPatch) -> Postgres:
    monkeypatch.setenv(URL, postgres)
    return Postgres(postgres)


def content(found: UsageSet) -> dict[str, list[tuple[Any, ...]]]:
    """All rows of all files of a set, in an order that does not hang on how they came."""
    rows = {}
    with duckdb.connect() as db:
        db.execute("SET TimeZone = 'UTC'")
        for part in ("accounts", "contacts", "events-usage-*"):
            file = found.folder / f"{part}.parquet"
            names = sorted(str(row[0]) for row in db.execute(f"DESCRIBE SELECT * FROM '{file}'").fetchall())
            shown = ", ".join(f'CAST("{name}" AS VARCHAR)' for name in names if name != "day")
            rows[part] = db.execute(f"SELECT {shown} FROM '{file}' ORDER BY ALL").fetchall()
    return rows


def travelled(folder: Path, config: ProjectConfig, now: datetime = NOW, *, anew: bool = False) -> set[str]:
    """Parts of the usage that the next sync brings."""
    before = set((Landing(folder).folder / "usage").glob("*.parquet"))
    sync(folder, config, now=now, anew=anew)
    return {file.stem.rpartition("-")[0] for file in (Landing(folder).folder / "usage").glob("*.parquet") if file not in before}


@pytest.mark.parametrize("kind", ["by day", "duckdb", "postgresql"])
def test_every_kind_of_source_gives_the_same_set_as_csv(kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    plain, other = tmp_path / "plain", tmp_path / "other"
    plain.mkdir()
    other.mkdir()
    writers: dict[str, Callable[[], ProjectConfig]] = {
        "by day": lambda: write_by_day(other, WORLD),
        "duckdb": lambda: write_duckdb(other, WORLD),
        "postgresql": lambda: request.getfixturevalue("warehouse").write(WORLD),
    }
    expected, reports = sync(plain, write(plain, WORLD))
    config = writers[kind]()
    found, others = sync(other, config)
    assert content(found) == content(expected)
    assert [report[:4] for report in others] == [report[:4] for report in reports]
    described = describe(other, config)
    assert (described.account, described.contact) == (expected.attributes.account, expected.attributes.contact)
    assert expected.attributes.events["usage"].items() <= described.events["usage"].items()


def test_before_the_first_sync_the_columns_are_told_by_the_first_rows(warehouse: Postgres, tmp_path: Path) -> None:
    config = warehouse.write(WORLD)
    before = describe(tmp_path, config)
    sync(tmp_path, config)
    assert before.alike(describe(tmp_path, config))


def test_the_folders_day_is_a_column(tmp_path: Path) -> None:
    found, _ = sync(tmp_path, write_by_day(tmp_path, WORLD))
    with duckdb.connect() as db:
        days = db.execute(
            f"SELECT DISTINCT CAST(timezone('Europe/Berlin', day) AS DATE) FROM '{found.folder}/events-usage-*.parquet' ORDER BY 1"
        ).fetchall()
    assert [str(day) for (day,) in days] == ["2026-03-28", "2026-03-29", "2026-03-31"]


def test_only_days_that_have_changed_travel(warehouse: Postgres, tmp_path: Path) -> None:
    config = warehouse.write(WORLD)
    assert travelled(tmp_path, config) == {"2026-03-28", "2026-03-29", "2026-03-31"}
    assert travelled(tmp_path, config) == set()
    warehouse.add("usage", [Event("e5", "a1", "c1", "opened", NOW + timedelta(hours=1), 1)])
    assert travelled(tmp_path, config) == {"2026-03-31"}
    warehouse.add("usage", [Event("late", "a1", "c1", "opened", NOW - timedelta(days=3), 1)])
    assert travelled(tmp_path, config) == {"2026-03-28"}, "a late event opens its day again"
    warehouse.run("UPDATE usage SET amount = 7 WHERE event_id = 'e4'")
    assert travelled(tmp_path, config) == {"2026-03-31"}, "so does a value that is corrected"
    warehouse.run("DELETE FROM usage WHERE occurred_at < '2026-03-29T00:00Z'")
    assert travelled(tmp_path, config) == set()
    found, _ = sync(tmp_path, config)
    with duckdb.connect() as db:
        assert db.execute(f"SELECT DISTINCT id FROM '{found.folder}/events-usage-*.parquet' ORDER BY 1").fetchall() == [
            ("e3",),
            ("e4",),
            ("e5",),
        ]


def test_days_older_than_late_are_looked_at_again_when_asked_to(warehouse: Postgres, tmp_path: Path) -> None:
    config = warehouse.write(WORLD, late="2 days")
    travelled(tmp_path, config)
    warehouse.add("usage", [Event("late", "a1", "c1", "opened", NOW - timedelta(days=10), 1)])
    assert travelled(tmp_path, config) == set()
    assert "2026-03-21" in travelled(tmp_path, config, anew=True)


def test_an_event_of_the_future_shuts_no_day_out(warehouse: Postgres, tmp_path: Path) -> None:
    config = warehouse.write(WORLD, late="2 days")
    warehouse.add("usage", [Event("future", "a1", "c1", "opened", NOW + timedelta(days=3650), 1)])
    travelled(tmp_path, config)
    warehouse.add("usage", [Event("e6", "a1", "c1", "opened", NOW - timedelta(days=1), 1)])
    assert travelled(tmp_path, config) == {"2026-03-30"}


def test_a_query_says_what_it_likes(warehouse: Postgres, tmp_path: Path) -> None:
    config = warehouse.write(WORLD)
    plain = config.model_dump(by_alias=True, exclude_unset=True)
    plain["sources"]["accounts"]["table"] = None
    plain["sources"]["accounts"]["query"] = (
        f"SELECT *, '12:30 :x'::text AS colon, seats IS NOT NULL AS has_seats, '{{\"a\": 1}}'::jsonb AS extra "
        f"FROM {warehouse.schema}.accounts WHERE name LIKE '%a: 5%%' OR plan = 'team' -- the last line\n"
    )
    found, _ = sync(tmp_path, ProjectConfig.model_validate(plain))
    with duckdb.connect() as db:
        rows = db.execute(f"SELECT id, colon, has_seats, extra FROM '{found.accounts}' ORDER BY 1").fetchall()
    assert rows == [("a1", "12:30 :x", True, '{"a": 1}'), ("a2", "12:30 :x", False, '{"a": 1}')]


def test_a_query_of_a_duckdb_file_may_end_with_a_comment(tmp_path: Path) -> None:
    plain = write_duckdb(tmp_path, WORLD).model_dump(by_alias=True, exclude_unset=True)
    plain["sources"]["accounts"] |= {"table": None, "query": "SELECT * FROM accounts -- all of them"}
    assert sync(tmp_path, ProjectConfig.model_validate(plain))[1][0].kept == 2


def test_a_query_cannot_write(warehouse: Postgres, tmp_path: Path) -> None:
    config = warehouse.write(WORLD)
    warehouse.run("CREATE FUNCTION erase() RETURNS int LANGUAGE sql AS $$ DELETE FROM accounts; SELECT 1 $$")
    plain = config.model_dump(by_alias=True, exclude_unset=True)
    plain["sources"]["accounts"] |= {"table": None, "query": f"SELECT *, {warehouse.schema}.erase() FROM {warehouse.schema}.accounts"}
    with pytest.raises(SyncStopped, match="the database world"):
        sync(tmp_path, ProjectConfig.model_validate(plain))
    assert sync(tmp_path, config)[1][0].kept == 2


def test_names_of_columns_are_quoted(warehouse: Postgres, tmp_path: Path) -> None:
    config = warehouse.write(WORLD)
    warehouse.run('ALTER TABLE usage RENAME COLUMN occurred_at TO "At"";x"')
    plain = config.model_dump(by_alias=True, exclude_unset=True)
    plain["sources"]["usage"]["at"] = 'At";x'
    assert sync(tmp_path, ProjectConfig.model_validate(plain))[1][2].kept == 5


def test_a_time_without_zone_is_no_time_in_a_database_either(warehouse: Postgres, tmp_path: Path) -> None:
    config = warehouse.write(WORLD)
    warehouse.run("ALTER TABLE usage ALTER COLUMN occurred_at TYPE timestamp")
    with pytest.raises(SyncStopped, match="occurred_at has no zone"):
        sync(tmp_path, config)


def test_a_time_that_no_calendar_has_stops_nothing(warehouse: Postgres, tmp_path: Path) -> None:
    """PostgreSQL says infinity for never: blank in a column of one's own, a bad row where an event was then; days travel as ever."""
    config = warehouse.write(WORLD)
    plain = config.model_dump(by_alias=True, exclude_unset=True)
    plain["sources"] |= {"most_bad_rows": "30%"}
    config = ProjectConfig.model_validate(plain)
    warehouse.run("ALTER TABLE accounts ADD renewal_at timestamptz, ADD founded date")
    warehouse.run("UPDATE accounts SET renewal_at = 'infinity', founded = '0044-03-15 BC'")
    warehouse.run("INSERT INTO usage (event_id, account_id, event, occurred_at) VALUES ('e9', 'a1', 'opened', 'infinity')")
    found, reports = sync(tmp_path, config, now=NOW)
    assert (reports[2].kept, reports[2].bad) == (5, 1)
    assert reports[2].examples[0].endswith(" no occurred_at")
    assert len([*(tmp_path / ".cs-engine/usage/landing/usage").glob("*.parquet")]) == 4, "three days, and what has none"
    blank = duckdb.execute(f"SELECT DISTINCT renewal_at, founded FROM '{found.accounts}'").fetchall()
    assert blank == [(None, None)]


def test_a_sync_tells_what_it_fetches(warehouse: Postgres, tmp_path: Path) -> None:
    told: list[str] = []
    sync(tmp_path, warehouse.write(WORLD), told.append)
    assert f"fetching usage from {warehouse.schema}.usage of world: 5 rows" in told


def test_an_empty_table_has_its_columns(warehouse: Postgres, tmp_path: Path) -> None:
    config = warehouse.write(World(WORLD.accounts, WORLD.contacts, []))
    assert sync(tmp_path, config)[1][2][1:3] == (0, 0)
    warehouse.add("usage", WORLD.events[:1])
    assert sync(tmp_path, config)[1][2][1:3] == (1, 1)


@pytest.mark.parametrize(
    ("broken", "said"),
    [("DROP TABLE usage", "there is no such table"), ("ALTER TABLE usage DROP COLUMN event", 'there is no column "event"')],
)
def test_what_a_database_lacks_is_said_in_our_words(broken: str, said: str, warehouse: Postgres, tmp_path: Path) -> None:
    config = warehouse.write(WORLD)
    warehouse.run(broken)
    with pytest.raises(SyncStopped, match=said):
        sync(tmp_path, config)


def opened(folder: Path, config: ProjectConfig, now: datetime) -> DuckdbUsage:
    return DuckdbUsage(
        folder, config, build({}, {}, JourneySpec(), None, Attributes(), {}, Problems()), lambda email: email, wall=FixedClock(now)
    )


def test_a_database_is_asked_again_after_every(warehouse: Postgres, tmp_path: Path) -> None:
    config = warehouse.write(WORLD)
    assert opened(tmp_path, config, NOW).stale()
    opened(tmp_path, config, NOW).sync()
    assert not opened(tmp_path, config, NOW + timedelta(minutes=15)).stale()
    assert opened(tmp_path, config, NOW + timedelta(minutes=15, seconds=1)).stale()
    assert opened(tmp_path, config, NOW - timedelta(seconds=1)).stale(), "a clock that was set back keeps nothing fresh"


def test_a_database_that_is_away_leaves_the_last_set_in_force(warehouse: Postgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = warehouse.write(WORLD)
    usage = opened(tmp_path, config, NOW)
    usage.sync()
    before = usage.set_name()
    monkeypatch.setenv(URL, "postgresql://somebody:hunter2@127.0.0.1:1/nowhere")
    with pytest.raises(SourceAway) as away:
        usage.sync()
    assert "hunter2" not in str(away.value)
    assert (usage.set_name(), len(usage.people()[0])) == (before, 2)
    later = NOW + timedelta(hours=1)
    with pytest.raises(SourceAway):
        opened(tmp_path, config, later).sync()
    stale = [opened(tmp_path, config, later + timedelta(seconds=after)).stale() for after in (0, 59, 60)]
    assert stale == [False, False, True], "asked again after a minute, not at every tick"
    monkeypatch.delenv(URL)
    with pytest.raises(SettingsError, match=URL):
        usage.sync()


def test_a_run_goes_on_with_what_was_read_before(warehouse: Postgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It says that the database is away; without anything read before it stops."""
    usage = opened(tmp_path, warehouse.write(WORLD), NOW)
    with open_store(f"sqlite:///{tmp_path}/state.db") as store:
        store.migrate()
        engine = cast("Engine", SimpleNamespace(usage=usage, store=store))
        assert [report.kept for report in refresh(engine)] == [2, 2, 5]
        later = opened(tmp_path, usage._config, NOW + timedelta(hours=1))
        engine = cast("Engine", SimpleNamespace(usage=later, store=store))
        monkeypatch.setenv(URL, "postgresql://somebody:hunter2@127.0.0.1:1/nowhere")
        (report,) = refresh(engine)
        assert report.away == "the database world does not answer, or refuses who asks; going on with what was read before"
        Landing(tmp_path).forget()
        (tmp_path / ".cs-engine/usage/current").unlink()
        with pytest.raises(SourceAway):
            refresh(engine)


def test_the_doctor_says_whether_a_database_answers(warehouse: Postgres, tmp_path: Path) -> None:
    config = warehouse.write(WORLD)
    sources = config.sources
    assert list(reaches("world", sources.databases["world"], tmp_path, sources.all())) == [
        f"{warehouse.schema}.accounts of world: 8 columns",
        f"{warehouse.schema}.contacts of world: 8 columns",
        f"{warehouse.schema}.usage of world: 6 columns",
    ]
    warehouse.run("DROP TABLE contacts")
    with pytest.raises(SyncStopped, match="there is no such table"):
        list(reaches("world", sources.databases["world"], tmp_path, sources.all()))


@pytest.mark.parametrize("url", ["hunter2", "nothing+such://u:hunter2@host/db"])
def test_an_address_that_is_none_is_not_shown(url: str, warehouse: Postgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = warehouse.write(WORLD)
    monkeypatch.setenv(URL, url)
    with pytest.raises(SettingsError) as wrong:
        sync(tmp_path, config)
    assert "hunter2" not in str(wrong.value)


def test_a_duckdb_file_that_is_written_is_away(tmp_path: Path) -> None:
    config = write_duckdb(tmp_path, WORLD)
    with duckdb.connect(str(tmp_path / "data/product.duckdb")), pytest.raises((SourceAway, SyncStopped)):
        sync(tmp_path, config)
    assert sync(tmp_path, config)[1][0].kept == 2
    (tmp_path / "data/product.duckdb").write_bytes(b"no database at all")
    with pytest.raises(SourceAway, match=r"product\.duckdb"):
        sync(tmp_path, config)


def test_a_file_that_is_half_written_stops_the_sync(tmp_path: Path) -> None:
    config = write_by_day(tmp_path, WORLD)
    sync(tmp_path, config)
    part = next(tmp_path.glob("data/usage/*/part-0.parquet"))
    part.write_bytes(part.read_bytes()[:-20])
    with pytest.raises(SyncStopped, match="no whole Parquet file"):
        sync(tmp_path, config)
    part.rename(part.with_name("_part-0.parquet.tmp"))
    assert sync(tmp_path, config)[1][2].kept < 5, "what begins with _ is being written, and is no data yet"


def test_a_file_whose_end_is_sound_and_whose_middle_is_not_stops_the_sync(tmp_path: Path) -> None:
    """As one that is written over while it is read; what looks at the first rows says so too."""
    config = write(tmp_path, WORLD, "parquet")
    file = tmp_path / "data/usage.parquet"
    duckdb.execute(f"COPY (SELECT r.*, md5(i::VARCHAR) AS own FROM '{file}' AS r, range(5000) AS t(i)) TO '{file}.all' (FORMAT parquet)")
    raw = Path(f"{file}.all").read_bytes()
    file.write_bytes(raw[:4] + b"\xff" * (len(raw) * 2 // 3) + raw[4 + len(raw) * 2 // 3 :])
    for look in (sync, describe):
        with pytest.raises(SyncStopped, match=r"data/usage\.parquet: it is no whole Parquet file"):
            look(tmp_path, config)


def test_a_file_that_is_written_while_it_is_read_stops_the_sync(tmp_path: Path) -> None:
    write(tmp_path, WORLD, "parquet")
    file = tmp_path / "data/usage.parquet"

    def read() -> None:
        with whole(find(tmp_path, "data/usage.parquet")):
            file.write_bytes(file.read_bytes()[:200])
            duckdb.execute(f"FROM '{file}'")

    with pytest.raises(SyncStopped, match=r"data/usage\.parquet: it was written while it was read"):
        read()
