"""Facts at scale: 100,000 accounts, 1 M contacts, 50 M events in 90 days. All against one real scan, in one run.

    python -m benchmarks.scale --accounts 100000 --contacts 1000000 --events 50000000

The scan is DuckDB reading every value of every column that the facts use from the sources' Parquet: SELECT bit_xor(hash(column)), ….

(a) full: all tallies are made from all events, and the facts of 12 windowed metrics; at most 5 scans, under 1 GB
(b) day: a day's events are folded in, and the facts of the same metrics; at most 0.6 scans. They are as many as one of the 90 days has,
    in whole thousands, 555,000: the first of those of a Monday, which has more
(c) conditions: those of 50 playbooks over these facts; at most 0.1 scans
(d) as is written today: one naive statement, a query per account (some of them), and with `--phases scan,pandas`, where it is
    installed (`uv sync --group bench`), pandas over everything

Each phase runs in a process of its own, so that its peak memory is its own. The data has the shape of the shipped sample:
its weekdays and hours, its kinds of events, and its skew between people.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any

import duckdb
from pydantic import TypeAdapter

from benchmarks.generate import HERE, SAMPLE
from cs_engine.language.expression import Expression, Grain
from cs_engine.language.expressions import compile_condition
from cs_engine.language.problems import Place, Problems
from cs_engine.playbook.config import ProjectConfig
from cs_engine.ports import Overlay
from cs_engine.sources.describe import describe
from cs_engine.sources.duckdb_usage import DuckdbUsage
from cs_engine.sources.facts.tick_facts import DuckdbFacts
from cs_engine.sources.intake.arriving import Arrivals
from cs_engine.sources.intake.fold import fold
from cs_engine.sources.sets.snapshot import Shelf
from cs_engine.usage.catalogue import Catalogue, build
from cs_engine.usage.model import JourneySpec, MetricSpec, SegmentSpec

FIRST = date(2026, 3, 3)
"""A Tuesday: the day that is folded in is a Monday."""
DAYS = 90
NEXT = FIRST + timedelta(days=DAYS)
"""The day that is folded in. Facts are of its last minute: nothing of the day is over."""
NOW = datetime(NEXT.year, NEXT.month, NEXT.day, 23, 59, tzinfo=UTC)
REPEATS = 3
PICKED = 300
"""Accounts that are asked for one by one."""
NOTHING = Overlay({}, {}, {})

METRICS: dict[str, dict[str, str] | str] = {
    "changes_7d": {"count": "*", "in": "7 days"},
    "changes_prev_7d": {"count": "*", "in": "7 days", "ago": "7 days"},
    "changes_28d": {"count": "*", "in": "28 days"},
    "changes_90d": {"count": "*", "in": "90 days"},
    "tests_28d": {"count": "*", "in": "28 days", "where": "event = 'tests_changed'"},
    "users_7d": {"count_distinct": "contact", "in": "7 days"},
    "users_30d": {"count_distinct": "contact", "in": "30 days"},
    "users_prev_30d": {"count_distinct": "contact", "in": "30 days", "ago": "30 days"},
    "areas_28d": {"count_distinct": "event", "in": "28 days"},
    "active_days_28d": {"active_days": "*", "in": "28 days"},
    "active_weeks_6w": {"active_weeks": "*", "in": "6 weeks"},
    "quiet_days": {"days_since_last": "*"},
    "seat_usage": "users_30d / nullif(account.seats, 0)",
    "trend": "changes_7d - changes_prev_7d",
}
PLAYBOOK = (
    "account.plan in ('self_serve', 'starter') and account.seats < 5 + {n}",
    "days_since(account.signed_up_at) <= 100 + {n} and changes_28d > {n} and active_weeks_6w >= 2",
    "quiet_days > {n} and changes_90d > 0 and users_prev_30d > users_30d",
    "seat_usage * 100 > {n} and trend >= 0 and areas_28d < 3 and users_7d < {n} and active_days_28d > 1 and tests_28d = 0",
)
"""Audience, enter, exit and goal."""


def generate(accounts: int, contacts: int, events: int) -> Path:
    """Writes accounts, contacts and usage/, a file a week, as Parquet, unless they are there; next.parquet is the day to fold in."""
    folder = HERE / ".data" / f"scale-{accounts}-{contacts}-{events}"
    if (folder / "done").exists():
        return folder
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    with duckdb.connect() as db:
        db.execute(
            f"SET temp_directory = '{folder}/working'; SET TimeZone = 'UTC'; SET memory_limit = '3GB'; SET enable_progress_bar = false"
        )
        for name in ("accounts", "usage_events"):
            db.execute(f"CREATE TABLE real_{name} AS FROM read_csv('{SAMPLE / name}.csv.gz', all_varchar = true)")
        # As figures: a join on anything else than a column and a figure compares all with all.
        sample = {
            "rows": _one(db, "SELECT count(*) FROM real_usage_events"),
            "people": _one(db, "SELECT count(DISTINCT contact_id) FROM real_usage_events"),
            "companies": _one(db, "SELECT count(*) FROM real_accounts"),
        }
        db.execute(_PEOPLE.format(accounts=accounts, contacts=contacts, events=events * (DAYS + 1) / DAYS, **sample))
        db.execute(f"COPY ({_ACCOUNTS}) TO '{folder}/accounts.parquet' (FORMAT parquet)")
        db.execute(f"COPY ({_CONTACTS}) TO '{folder}/contacts.parquet' (FORMAT parquet)")
        (folder / "usage").mkdir()
        split = f"occurred_at < TIMESTAMPTZ '{NEXT} 00:00:00+00'"
        for week in range(13):
            db.execute("CREATE OR REPLACE TABLE week AS " + _EVENTS.format(first=FIRST, week=week, **sample))
            db.execute(f"COPY (FROM week WHERE {split} ORDER BY occurred_at) TO '{folder}/usage/{week:02}.parquet' (FORMAT parquet)")
        db.execute(f"COPY (FROM week WHERE NOT {split} ORDER BY occurred_at) TO '{folder}/next.parquet' (FORMAT parquet)")
    shutil.rmtree(folder / "working", ignore_errors=True)
    (folder / "done").touch()
    return folder


def _one(db: duckdb.DuckDBPyConnection, sql: str) -> int:
    return int(db.execute(sql).fetchall()[0][0])


# Weeks of the sample give weekdays and hours; how often its people act gives the skew between people.
_PEOPLE = """
CREATE TABLE shape AS SELECT row_number() OVER () - 1 AS n, event,
       (isodow(CAST(occurred_at AS TIMESTAMPTZ)) + 5) % 7 AS weekday,
       CAST(timezone('UTC', CAST(occurred_at AS TIMESTAMPTZ)) AS TIME) AS clock
FROM real_usage_events;
CREATE TABLE weights AS SELECT row_number() OVER () - 1 AS n, least(count(*), 500) AS weight
FROM real_usage_events GROUP BY contact_id;
CREATE TABLE drawn AS SELECT i, 'acc_' || substr(md5('account ' || i), 1, 12) AS account_id,
       hash(i, 'account') % {companies} AS of FROM range({accounts}) AS r(i);
CREATE TABLE weighed AS SELECT c, CAST({accounts} * pow((hash(c, 'whose') % 1000000) / 1000000.0, 1.5) AS BIGINT) % {accounts} AS i,
       'con_' || substr(md5('contact ' || c), 1, 14) AS contact_id, weight FROM range({contacts}) AS r(c)
JOIN weights ON n = hash(c, 'weight') % {people};
CREATE TABLE people AS SELECT *,
       CAST(floor(weight * {events} / (sum(weight) OVER ()) + (hash(c, 'many') % 1000) / 1000.0) AS BIGINT) AS many
FROM weighed JOIN drawn USING (i);
"""
_ACCOUNTS = """
SELECT d.account_id, 'Account ' || i AS name, plan, TIMESTAMPTZ '2026-03-01 00:00:00+00' - to_days(CAST(hash(i, 'age') % 700 AS INTEGER))
       AS signed_up_at, country, locale, timezone, csm_email, CAST(seats AS BIGINT) AS seats
FROM drawn AS d JOIN (SELECT *, row_number() OVER () - 1 AS n FROM real_accounts) AS a ON a.n = d.of ORDER BY i
"""
_CONTACTS = """
SELECT contact_id, account_id, contact_id || '@customer.example' AS email, 'Contact ' || c AS name,
       CASE WHEN c % 10 = 0 THEN 'champion' ELSE 'operator' END AS role, 'en' AS locale, 'UTC' AS timezone,
       TIMESTAMPTZ '2026-03-01 00:00:00+00' - to_days(CAST(hash(c, 'age') % 300 AS INTEGER)) AS created_at
FROM people ORDER BY c
"""
_EVENTS = """
SELECT substr(md5(c || '/' || k), 1, 20) AS event_id, account_id, contact_id, event,
       timezone('UTC', DATE '{first}' + CAST(7 * {week} + weekday AS INTEGER) + clock
                       + to_seconds(CAST(hash(c, k, 'jitter') % 3600 AS INTEGER))) AS occurred_at
FROM (SELECT c, account_id, contact_id, unnest(range(many)) AS k FROM people) JOIN shape ON n = hash(c, k) % {rows}
WHERE hash(k, c) % 13 = {week}
"""


def project(folder: Path) -> tuple[ProjectConfig, Catalogue, DuckdbUsage]:
    config = ProjectConfig.model_validate(
        {
            "name": "benchmark",
            "timezone": "UTC",
            "company": {"name": "Vendor"},
            "sender": {"fallback": "cs@vendor.example"},
            "sources": {
                "accounts": {"file": "accounts.parquet", "csm": "csm_email"},
                "contacts": {"file": "contacts.parquet"},
                "usage": {"file": "usage/*.parquet", "id": "event_id"},
            },
        }
    )
    problems = Problems()
    metrics = TypeAdapter(dict[str, MetricSpec]).validate_python(METRICS)
    segments = {"paying": SegmentSpec(when="account.plan in ('team', 'enterprise')")}
    catalogue = build(metrics, segments, JourneySpec(), None, describe(folder, config), {}, problems)
    assert not problems.errors(), [problem.render() for problem in problems.errors()]
    return config, catalogue, DuckdbUsage(folder, config, catalogue, lambda email: email)


def compiled(catalogue: Catalogue, playbooks: int) -> list[Expression]:
    problems = Problems()
    found = [
        compile_condition(
            text.format(n=n), lambda offset, length: Place("", 1, offset + 1, length), catalogue.scope(Grain.ACCOUNT), problems
        )
        for n in range(playbooks)
        for text in PLAYBOOK
    ]
    assert not problems.errors(), [problem.render() for problem in problems.errors()]
    return [condition for condition in found if condition is not None]


# --- phases


def scan(folder: Path, times: int) -> dict[str, Any]:
    used = {
        "accounts.parquet": ("account_id", "plan", "signed_up_at", "seats"),
        "contacts.parquet": ("contact_id", "account_id", "created_at"),
        "usage/*.parquet": ("account_id", "contact_id", "event", "occurred_at"),
    }

    def once() -> None:
        with duckdb.connect() as db:
            for name, columns in used.items():
                hashed = ", ".join(f"bit_xor(hash({column}))" for column in columns)
                db.execute(f"SELECT {hashed} FROM read_parquet('{folder / name}')").fetchall()

    return _timed(once, times)


def sync(folder: Path) -> dict[str, Any]:
    _, _, usage = project(folder)
    begun, used = time.perf_counter(), time.process_time()
    usage.sync()
    return {"seconds": [time.perf_counter() - begun], "processor": [time.process_time() - used]}


def full(folder: Path, times: int) -> dict[str, Any]:
    """Nothing has been counted yet: all is counted from the events."""
    config, catalogue, usage = project(folder)
    asked = compiled(catalogue, 1)

    def once() -> None:
        current = Shelf.of(folder).current(config)
        assert current is not None
        for tally in current.folder.glob("tally-*"):
            tally.unlink()
        _facts(usage, asked)

    return _timed(once, times)


def day(folder: Path, times: int, many: int) -> dict[str, Any]:
    """So many events of the next day folded, then the facts; each time from the same set as before, which has what earlier days leave
    behind: its tallies, and the order of its ids, which the first fold makes.
    """
    config, catalogue, usage = project(folder)
    asked = compiled(catalogue, 1)
    _facts(usage, asked)
    with duckdb.connect() as db:
        db.execute("SET TimeZone = 'UTC'")
        columns = db.execute(
            "SELECT event_id, account_id, contact_id, event, epoch_us(occurred_at) FROM read_parquet(?) ORDER BY occurred_at LIMIT ?",
            [f"{folder}/next.parquet", many],
        ).fetchnumpy()
    id, account, contact, event, at = (column.tolist() for column in columns.values())
    arrivals = Arrivals(id, account, contact, event, at, at, [""] * len(at))
    shelf = Shelf.of(folder)
    reading = shelf.reading(config)  # which keeps it from being cleared away
    assert reading is not None
    synced, held = reading
    known = _one_event(folder)
    used = time.process_time()
    before = fold(folder, config, "usage", known, 1).usage
    first = time.process_time() - used
    seconds: list[float] = []
    processor: list[float] = []
    folding: list[float] = []
    for _ in range(times):
        begun, used = time.perf_counter(), time.process_time()
        folded = fold(folder, config, "usage", arrivals, 1)
        folding.append(time.process_time() - used)
        _facts(usage, asked)
        seconds.append(time.perf_counter() - begun)
        processor.append(time.process_time() - used)
        (shelf.folder / "current").write_text(before.folder.name)
        shelf.discard(folded.usage.folder)
    (shelf.folder / "current").write_text(synced.folder.name)
    shelf.discard(before.folder)
    os.close(held)
    return {"seconds": seconds, "processor": processor, "folding, of them processor": folding, "first fold": first, "events": len(at)}


def _one_event(folder: Path) -> Arrivals:
    """An event that is there already."""
    with duckdb.connect() as db:
        id, account, contact, event, at = db.execute(
            f"SELECT event_id, account_id, contact_id, event, epoch_us(occurred_at) FROM read_parquet('{folder}/usage/00.parquet') LIMIT 1"
        ).fetchall()[0]
    return Arrivals([id], [account], [contact], [event], [at], [at], [""])


def naive(folder: Path, times: int) -> dict[str, Any]:
    """One statement over the sources, a COUNT(DISTINCT …) FILTER a metric: the same figures."""

    def once() -> None:
        with duckdb.connect() as db:
            db.execute("SET TimeZone = 'UTC'; SET enable_progress_bar = false")
            db.execute(f"SELECT account_id, {_NAIVE} FROM read_parquet('{folder}/usage/*.parquet') GROUP BY 1").fetchnumpy()

    return _timed(once, times)


def per_account(folder: Path) -> dict[str, Any]:
    """The same statement for each account: of some that are drawn with a fixed seed, taken for all. Each reads what DuckDB cannot skip;
    with the events in order of accounts, as somebody would have them who asks like that, it is far less: both are told.
    """
    with duckdb.connect() as db:
        db.execute("SET TimeZone = 'UTC'; SET enable_progress_bar = false; SET memory_limit = '3GB'")
        accounts = sorted(row[0] for row in db.execute(f"SELECT account_id FROM read_parquet('{folder}/accounts.parquet')").fetchall())
        drawn = random.Random(1).sample(accounts, PICKED)
        asked = f"SELECT {_NAIVE} FROM {{}} WHERE account_id = ?"
        unordered = _each(db, asked.format(f"read_parquet('{folder}/usage/*.parquet')"), drawn[:2])
        # In order, of the drawn and as many more as make one in a hundred of all: an index over them would find its rows as fast.
        some = set(drawn) | set(accounts[:: max(1, len(accounts) // 1000)])
        db.execute("CREATE TABLE wanted AS SELECT unnest($1) AS account_id", [sorted(some)])
        db.execute(
            "CREATE TABLE some_events AS SELECT account_id, contact_id, event, occurred_at "
            f"FROM read_parquet('{folder}/usage/*.parquet') SEMI JOIN wanted USING (account_id) ORDER BY account_id"
        )
        ordered = _each(db, asked.format("some_events"), drawn)
    return {
        "seconds": [ordered[0] * len(accounts)],
        "processor": [ordered[1] * len(accounts)],
        "accounts asked": len(drawn),
        "each, processor": ordered[1],
        "each over the Parquet as it lies": unordered[1],
    }


def _each(db: duckdb.DuckDBPyConnection, asked: str, accounts: list[str]) -> tuple[float, float]:
    begun, used = time.perf_counter(), time.process_time()
    for account in accounts:
        db.execute(asked, [account]).fetchall()
    return (time.perf_counter() - begun) / len(accounts), (time.process_time() - used) / len(accounts)


def pandas(folder: Path, times: int) -> dict[str, Any]:
    """All events in a frame, grouped a metric at a time."""
    try:
        import pandas as pd  # type: ignore[import-untyped]
    except ImportError:
        sys.exit("pandas is not installed: uv sync --group bench")

    def once() -> None:
        files = sorted((folder / "usage").glob("*.parquet"))
        columns = ["account_id", "contact_id", "event", "occurred_at"]
        frame = pd.concat([pd.read_parquet(file, columns=columns) for file in files])
        frame["back"] = (pd.Timestamp(NEXT, tz="UTC") - frame["occurred_at"].dt.floor("D")).dt.days
        for spec in METRICS.values():
            if isinstance(spec, str):
                continue
            ago = int(spec.get("ago", "0 days").split()[0])
            length, unit = spec.get("in", "99999 days").split()
            seen = frame[(frame["back"] >= ago) & (frame["back"] < ago + int(length) * (7 if unit == "weeks" else 1))]
            if "where" in spec:
                seen = seen[seen["event"] == "tests_changed"]
            grouped = seen.groupby("account_id")
            if "count" in spec:
                grouped.size()
            elif "count_distinct" in spec:
                grouped[{"contact": "contact_id"}.get(spec["count_distinct"], "event")].nunique()
            elif "active_weeks" in spec:
                (seen["back"] // 7).groupby(seen["account_id"]).nunique()
            elif "active_days" in spec:
                grouped["back"].nunique()
            else:
                grouped["back"].min()

    return _timed(once, times)


_IN = "CAST(occurred_at AS DATE) BETWEEN DATE '{first}' AND DATE '{last}'"


def _naive() -> str:
    parts = []
    for name, spec in METRICS.items():
        if isinstance(spec, str):
            continue
        length, unit = spec.get("in", "99999 days").split()
        last = NEXT - timedelta(days=int(spec.get("ago", "0 days").split()[0]))
        first = last - timedelta(days=int(length) * (7 if unit == "weeks" else 1) - 1)
        where = f"{_IN.format(first=first, last=last)}{' AND ' + spec['where'] if 'where' in spec else ''}"
        what = {
            "count": "count(*)",
            "active_days": "count(DISTINCT CAST(occurred_at AS DATE))",
            "active_weeks": f"count(DISTINCT (DATE '{last}' - CAST(occurred_at AS DATE)) // 7)",
            "days_since_last": "max(CAST(occurred_at AS DATE))",
        }
        of = {"contact": "contact_id", "event": "event"}.get(spec.get("count_distinct", ""), "")
        counted = f"count(DISTINCT {of})" if of else next(sql for kind, sql in what.items() if kind in spec)
        parts.append(f"{counted} FILTER ({where}) AS {name}")
    return ", ".join(parts)


_NAIVE = _naive()


def again(folder: Path, times: int) -> dict[str, Any]:
    """The facts of a tick on which nothing is new."""
    _, catalogue, usage = project(folder)
    asked = compiled(catalogue, 1)
    _facts(usage, asked)
    return _timed(lambda: _facts(usage, asked), times)


def conditions(folder: Path, times: int, playbooks: int) -> dict[str, Any]:
    """Over facts that are there, made anew each time."""
    _, catalogue, usage = project(folder)
    asked = compiled(catalogue, playbooks)
    timed: dict[str, Any] = {"seconds": [], "processor": []}
    for _ in range(times):
        facts = usage.facts(NOW, [], NOTHING)
        facts.tables.need(Grain.ACCOUNT, {name for condition in asked for name in condition.names})

        def once(facts: DuckdbFacts = facts) -> None:
            facts.prepare(asked)
            timed["true"] = sum(int(facts.mask(condition).sum()) for condition in asked)

        for what, seconds in _timed(once, 1).items():
            timed[what] += seconds
        assert not facts.failed
        facts.close()
    return {**timed, "conditions": len(asked)}


def _facts(usage: DuckdbUsage, asked: list[Expression]) -> None:
    facts = usage.facts(NOW, asked, NOTHING)
    facts.tables.need(Grain.ACCOUNT, METRICS)
    facts.stock()  # as each tick does: what it needs is kept, too
    assert not facts.failed, facts.failed
    facts.close()


def _timed(work: Callable[[], None], times: int) -> dict[str, Any]:
    """Seconds, and processor seconds beside them: what other work on the machine changes least."""
    seconds, processor = [], []
    for _ in range(times):
        begun, used = time.perf_counter(), time.process_time()
        work()
        seconds.append(time.perf_counter() - begun)
        processor.append(time.process_time() - used)
    return {"seconds": seconds, "processor": processor}


def _in_own_process(phase: str, given: argparse.Namespace) -> dict[str, Any]:
    sizes = [f"--{name}={getattr(given, name)}" for name in ("accounts", "contacts", "events", "playbooks", "repeats")]
    done = subprocess.run([sys.executable, "-m", "benchmarks.scale", "--phase", phase, *sizes], capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(done.stderr)
    return dict(json.loads(done.stdout.splitlines()[-1]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--accounts", type=int, default=100_000)
    parser.add_argument("--contacts", type=int, default=1_000_000)
    parser.add_argument("--events", type=int, default=50_000_000)
    parser.add_argument("--playbooks", type=int, default=50)
    parser.add_argument("--repeats", type=int, default=REPEATS, help="of each of our phases and the scan, the median of which counts")
    parser.add_argument("--phases", default="sync,scan,full,day,again,conditions,naive,per_account")
    parser.add_argument("--phase", help=argparse.SUPPRESS)
    given = parser.parse_args()
    times = given.repeats
    folder = generate(given.accounts, given.contacts, given.events)
    phases: dict[str, Callable[[], dict[str, Any]]] = {
        "sync": lambda: sync(folder),
        "scan": lambda: scan(folder, times),
        "full": lambda: full(folder, times),
        "day": lambda: day(folder, times, given.events // DAYS // 1_000 * 1_000),
        "again": lambda: again(folder, times),
        "naive": lambda: naive(folder, 1),
        "per_account": lambda: per_account(folder),
        "pandas": lambda: pandas(folder, 1),
        "conditions": lambda: conditions(folder, times, given.playbooks),
    }
    if given.phase:
        result = phases[given.phase]()
        print(json.dumps({**result, "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}))
        return
    floors = None
    for phase in given.phases.split(","):
        result = _in_own_process(phase, given)
        taken = median(result.pop("seconds")), median(result.pop("processor"))
        floors = taken if phase == "scan" else floors
        ratios = f"{taken[0] / floors[0]:5.2f} ({taken[1] / floors[1]:5.2f}) scans" if floors else " " * 19
        print(
            f"{phase:10} {taken[0]:7.2f} s (processor {taken[1]:7.2f})  {ratios}  {result.pop('peak_mb'):6.0f} MB  {result or ''}",
            flush=True,
        )


if __name__ == "__main__":
    main()
