"""A whole tick by phase: 100,000 accounts, 5 M events, 20 playbooks, everything but rendering and sending.

    python -m benchmarks.tick --accounts 100000 --events 5000000

Two ticks, a day apart, through `run_tick` on SQLite (synchronous=FULL): in the first most accounts enter a playbook and come to
stand at a wait, in the second their waits are over and each moves on with a mail in the outbox. Delivery is left out: benchmarks/deliver.py
has it. Prints seconds and rows a second by phase, and the peak memory of the process.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from benchmarks.facts import METRICS, MILESTONES, PLAYBOOK, SEGMENTS
from benchmarks.generate import generate
from cs_engine.run.context import Engine
from cs_engine.run.sync import sync
from cs_engine.run.tick import Do, run_tick
from cs_engine.settings import Settings
from cs_engine.wiring import assemble

NOW = datetime(2025, 6, 11, 9, tzinfo=UTC)


def write_project(
    data: Path, folder: Path, playbooks: int, playbook: Callable[[int, int], object], more: Mapping[str, object] | None = None
) -> None:
    """A project over generated data: playbooks that differ in their figures and divide the accounts among them.

    `playbook`: its number, their number -> its file. `more` goes into project.yaml.
    """
    given: dict[str, Any] = {**(more or {})}
    shutil.rmtree(folder, ignore_errors=True)
    here = Path(__file__).parent.parent
    shutil.copytree(here / "templates", folder / "templates")
    books = folder / "playbooks"
    books.mkdir()
    files = {
        "project": {
            "name": "benchmark",
            "timezone": "Europe/Berlin",
            "company": {"name": "Vendor"},
            "sender": {"fallback": "cs@vendor.example"},
            "people": {"fallback": {"champion": "operators"}},
            "sources": {
                "accounts": {"file": f"{data}/accounts.parquet", "csm": "csm_email"},
                "contacts": {"file": f"{data}/contacts.parquet"},
                "usage": {"file": f"{data}/usage_events.parquet"},
                **given.pop("sources", {}),
            },
            **given,
        },
        "team": {"staff": [{"email": "cs@vendor.example", "name": "CS"}]},
        "metrics": METRICS,
        "segments": {name: {"when": when} for name, when in SEGMENTS.items()},
        "journey": {"phases": [{"phase": "start", "milestones": [{"id": i, "title": i, "when": w} for i, w in MILESTONES.items()]}]},
    }
    for name, content in files.items():
        (books / f"{name}.yaml").write_text(json.dumps(content), encoding="utf-8")
    for n in range(playbooks):
        (books / f"playbook_{n}.yaml").write_text(json.dumps(playbook(n, playbooks)), encoding="utf-8")


def plain_playbook(n: int, playbooks: int) -> dict[str, Any]:
    """A wait, a mail, a watched wait, a mail."""
    audience, enter, goal, leave, until, condition = (text.format(n=n + 2) for text in PLAYBOOK)
    # Parts of the accounts by the hour and day of their sign-up: each playbook takes its own twentieth, whatever else it asks.
    part = f"(day(account.signed_up_at) * 24 + hour(account.signed_up_at)) % {playbooks} = {n}"
    mail = "onboarding/welcome"
    return {
        "playbook": f"playbook-{n}",
        "title": f"Playbook {n}",
        "owner": "cs@vendor.example",
        "topic": "general",
        "audience": f"({audience}) or {part}",
        "enter": f"({enter}) or {part}",
        "existing": "include",
        "goal": f"{goal} and changes_28d > 100000",
        "exit": f"{leave} and quiet_days > 100000",
        "priority": n,
        "steps": [
            {"id": "settle", "wait": "1 days"},
            {"id": "hello", "email": mail, "to": "champion"},
            {"id": "look", "wait_until": until, "at_most": "5 days", "after": "continue"},
            {"id": "again", "if": condition, "email": mail, "to": "champion"},
        ],
    }


def measure(folder: Path, between: Callable[[Engine], None] | None = None) -> float:
    """Runs sync and both ticks in this process and prints the phases. Answers the seconds of both ticks; `between` them is not counted."""
    both = 0.0
    with assemble(Settings(cs_engine_project=folder)) as assembled:
        # Of a set that is synced already more is known, and doubted: warnings.
        errors = assembled.project.problems.errors()
        assert not errors, [problem.render() for problem in errors]
        begun = time.perf_counter()
        sync(assembled.engine)
        _line("sync", time.perf_counter() - begun)
        # What sync has left to be written to the disk is not the ticks' to wait for.
        os.sync()
        for number, now in enumerate((NOW, NOW + timedelta(days=1)), 1):
            seconds: dict[str, float] = defaultdict(float)
            begun = time.perf_counter()
            report = run_tick(assembled.engine, now, do=_timed(seconds))
            whole = time.perf_counter() - begun
            both += whole
            assert not report.failures, report.failures
            entered = sum(p.entered for p in report.playbooks.values())
            advanced = sum(p.advanced for p in report.playbooks.values())
            planned = sum(p.planned for p in report.playbooks.values())
            print(f"tick {number}: {entered:,} entered, {advanced:,} advanced, {planned:,} messages planned")
            _line("  observe: facts, all conditions, milestones", seconds["observe"])
            _line("  enrol", seconds["enter"], entered)
            _line("  advance with outbox rows", seconds["advance"], advanced)
            _line("  the rest", whole - seconds["observe"] - seconds["enter"] - seconds["advance"])
            _line("  in all", whole)
            if between is not None and number == 1:
                between(assembled.engine)
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")
    return both


def _timed(seconds: dict[str, float]) -> Do:
    def do(playbook: str, step: str, work: Callable[[], None]) -> None:
        phase = step if step in ("observe", "enter", "close CTAs", "feedback", "deliver") else "advance"
        if phase == "deliver":
            return
        begun = time.perf_counter()
        work()
        seconds[phase] += time.perf_counter() - begun
        del playbook

    return do


def _line(name: str, seconds: float, rows: int = 0) -> None:
    rate = f"  {rows / seconds:10,.0f} rows/s" if rows else ""
    print(f"{name:<48}{seconds:8.2f} s{rate}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--accounts", type=int, default=100_000)
    parser.add_argument("--events", type=int, default=5_000_000)
    parser.add_argument("--playbooks", type=int, default=20)
    parser.add_argument("--measure", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    data = generate(given.accounts, given.events)
    folder = data / f"project-{given.playbooks}"
    if given.measure:
        measure(folder)
        return
    write_project(data, folder, given.playbooks, plain_playbook)
    # A process of its own: its peak memory is the tick's alone.
    arguments = ["--accounts", str(given.accounts), "--events", str(given.events), "--playbooks", str(given.playbooks), "--measure"]
    sys.exit(subprocess.run([sys.executable, "-m", "benchmarks.tick", *arguments], check=False).returncode)


if __name__ == "__main__":
    main()
