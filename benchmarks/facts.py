"""Facts and all conditions of a tick, against one real scan of the columns used.

    python -m benchmarks.facts --accounts 100000 --events 5000000

Each phase runs in a process of its own, so that its peak memory is its own. The floor is DuckDB reading every value of every
column that the facts use, from the sources' Parquet: SELECT bit_xor(hash(column)), …. Target: facts and
conditions of 20 playbooks in at most 8 floors.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

import duckdb
from pydantic import TypeAdapter

from benchmarks.generate import generate
from cs_engine.language.expression import Expression, Grain
from cs_engine.language.expressions import compile_condition
from cs_engine.language.problems import Place, Problems
from cs_engine.playbook.config import ProjectConfig
from cs_engine.ports import Overlay
from cs_engine.sources.describe import describe
from cs_engine.sources.duckdb_usage import DuckdbUsage
from cs_engine.usage.catalogue import Catalogue, build
from cs_engine.usage.model import JourneySpec, MetricSpec, SegmentSpec

NOW = datetime(2025, 6, 11, 9, tzinfo=UTC)
REPEATS = 3

METRICS = {
    "changes_7d": {"count": "*", "in": "7 days"},
    "changes_prev_7d": {"count": "*", "in": "7 days", "ago": "7 days"},
    "changes_28d": {"count": "*", "in": "28 days"},
    "changes_90d": {"count": "*", "in": "90 days"},
    "same_week_last_year": {"count": "*", "in": "7 days", "ago": "52 weeks"},
    "changes_ever": {"count": "*"},
    "docs_90d": {"count": "*", "in": "90 days", "where": "event like 'D%'"},
    "users_7d": {"count_distinct": "contact", "in": "7 days"},
    "users_30d": {"count_distinct": "contact", "in": "30 days"},
    "users_ever": {"count_distinct": "contact"},
    "areas_28d": {"count_distinct": "event", "in": "28 days"},
    "areas_ever": {"count_distinct": "event"},
    "active_days_28d": {"active_days": "*", "in": "28 days"},
    "active_weeks_6w": {"active_weeks": "*", "in": "6 weeks"},
    "quiet_days": {"days_since_last": "*"},
    "seat_usage": "users_30d / nullif(account.seats, 0)",
    "trend": "changes_7d - changes_prev_7d",
}
SEGMENTS = {"paying": "account.plan in ('team', 'enterprise')", "small": "account.seats < 3", "japan": "account.locale = 'ja'"}
MILESTONES = {
    "second_week": "active_days_28d >= 2 and changes_ever > 1",
    "three_areas": "areas_ever >= 3",
    "second_person": "users_ever >= 2",
    "habit": "active_weeks_6w >= 4",
}
PLAYBOOK = (
    "account.plan in ('self_serve', 'starter') and account.seats < {n}",
    "days_since(account.signed_up_at) <= {n} and not in_segment('japan')",
    "reached('habit') and changes_28d > {n}",
    "quiet_days > 30 + {n} and changes_90d > 0 and champion.locale = 'en'",
    "(reached('second_person') or users_30d > {n}) and trend >= 0 and open_ctas = 0",
    "in_segment('paying') and seat_usage * 100 > {n} and areas_28d < 3 and users_7d < {n}",
)
OPERATORS = "contact.role = 'operator' and contact.locale = 'en' and days_since(contact.created_at) > {n}"


def project(folder: Path) -> tuple[ProjectConfig, Catalogue, DuckdbUsage]:
    config = ProjectConfig.model_validate(
        {
            "name": "benchmark",
            "timezone": "Europe/Berlin",
            "company": {"name": "Vendor"},
            "sender": {"fallback": "cs@vendor.example"},
            "people": {"fallback": {"champion": "operators"}},
            "sources": {
                "accounts": {"file": "accounts.parquet", "csm": "csm_email"},
                "contacts": {"file": "contacts.parquet"},
                "usage": {"file": "usage_events.parquet"},
            },
        }
    )
    journey = JourneySpec.model_validate(
        {"phases": [{"phase": "onboarding", "milestones": [{"id": id, "title": id, "when": when} for id, when in MILESTONES.items()]}]}
    )
    problems = Problems()
    segments = {name: SegmentSpec(when=when) for name, when in SEGMENTS.items()}
    metrics = TypeAdapter(dict[str, MetricSpec]).validate_python(METRICS)
    catalogue = build(metrics, segments, journey, None, describe(folder, config), {}, problems)
    assert not problems.errors(), [problem.render() for problem in problems.errors()]
    return config, catalogue, DuckdbUsage(folder, config, catalogue, lambda email: email)


def conditions(catalogue: Catalogue, playbooks: int) -> list[Expression]:
    """Six conditions a playbook over accounts, each playbook with other figures, and one over contacts for its recipients."""
    texts = [(Grain.ACCOUNT, text.format(n=n + 2)) for n in range(playbooks) for text in PLAYBOOK]
    texts += [(Grain.CONTACT, OPERATORS.format(n=n)) for n in range(playbooks)]
    problems = Problems()
    found = [
        compile_condition(text, lambda offset, length: Place("", 1, offset + 1, length), catalogue.scope(grain), problems)
        for grain, text in texts
    ]
    assert not problems.errors(), [problem.render() for problem in problems.errors()]
    return [condition for condition in found if condition is not None]


def scan(folder: Path) -> dict[str, Any]:
    """The floor: every value of every column that the facts use is read once."""
    used = {
        "accounts": ("account_id", "plan", "signed_up_at", "locale", "seats"),
        "contacts": ("contact_id", "account_id", "role", "locale", "created_at"),
        "usage_events": ("account_id", "contact_id", "event", "occurred_at"),
    }

    def once() -> None:
        with duckdb.connect() as db:
            for name, columns in used.items():
                db.execute(
                    f"SELECT {', '.join(f'bit_xor(hash({c}))' for c in columns)} FROM read_parquet('{folder / name}.parquet')"
                ).fetchall()

    return {"seconds": _timed(once)}


def sync(folder: Path) -> dict[str, Any]:
    _, _, usage = project(folder)
    begun = time.perf_counter()
    usage.sync()
    return {"seconds": [time.perf_counter() - begun]}


def facts(folder: Path, playbooks: int) -> dict[str, Any]:
    _, catalogue, usage = project(folder)
    asked = conditions(catalogue, playbooks)
    counted: list[int] = []

    def once() -> None:
        found = usage.facts(NOW, asked, Overlay({}, {}, {}))
        counted[:] = [len(found.ids(Grain.ACCOUNT)), len(found.ids(Grain.CONTACT)), sum(int(found.mask(c).sum()) for c in asked)]
        assert not found.failed, found.failed
        found.close()

    seconds = _timed(once)
    return {"seconds": seconds, "conditions": len(asked), "accounts": counted[0], "contacts": counted[1], "true": counted[2]}


def _timed(work: Callable[[], None]) -> list[float]:
    seconds = []
    for _ in range(REPEATS):
        begun = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - begun)
    return seconds


def _in_own_process(phase: str, given: argparse.Namespace) -> dict[str, Any]:
    arguments = ["--accounts", str(given.accounts), "--events", str(given.events), "--playbooks", str(given.playbooks)]
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.facts", "--phase", phase, *arguments], capture_output=True, text=True, check=False
    )
    if done.returncode:
        sys.exit(done.stderr)
    return dict(json.loads(done.stdout.splitlines()[-1]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--accounts", type=int, default=100_000)
    parser.add_argument("--events", type=int, default=5_000_000)
    parser.add_argument("--playbooks", type=int, default=20)
    parser.add_argument("--phase", choices=("scan", "sync", "facts"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    folder = generate(given.accounts, given.events)
    if given.phase:
        phases: dict[str, Callable[[], dict[str, Any]]] = {
            "scan": lambda: scan(folder),
            "sync": lambda: sync(folder),
            "facts": lambda: facts(folder, given.playbooks),
        }
        result = phases[given.phase]()
        print(json.dumps({**result, "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}))
        return
    results = {phase: _in_own_process(phase, given) for phase in ("sync", "scan", "facts")}
    for phase, result in results.items():
        each = ", ".join(f"{seconds:.2f}" for seconds in result["seconds"])
        print(f"{phase:6} {median(result['seconds']):7.2f} s (of {each})  {result['peak_mb']:6.0f} MB")
    found = results["facts"]
    print(f"{found['accounts']:,} accounts, {found['contacts']:,} contacts, {found['conditions']} conditions, {found['true']:,} true")
    print(f"facts / scan = {median(found['seconds']) / median(results['scan']['seconds']):.1f} (target: at most 8)")


if __name__ == "__main__":
    main()
