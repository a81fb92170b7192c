"""What the rules cost: the tick of benchmarks/tick.py with 20 plain playbooks, and with 20 under the rules of journeys and of the project.

    python -m benchmarks.rules --accounts 100000 --events 5000000

Both in one run, each in a process of its own, in turns; the ratio is of the medians of both ticks' whole time, sync and
deliveries left out.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

import duckdb

from benchmarks.generate import generate
from benchmarks.tick import NOW, measure, plain_playbook, write_project
from cs_engine.instants import to_micros
from cs_engine.ports import Answer, JournalLine
from cs_engine.run.context import Engine

PROJECT = {
    "send_days": ["mon", "tue", "wed", "thu", "fri"],
    "no_send": {"all": ["year_end"]},
    "caps": [{"per": "contact", "most": 2, "in": "7 days"}, {"per": "account", "most": 5, "in": "7 days"}],
    "spread": "200 per hour",
    "guards": {
        "usage": {"accounts": "80%", "contacts": "80%", "events": "80%"},
        "enrolments": {"first_day": 10_000_000, "at_least": 10_000_000},
        "mails": {"first_day": 10_000_000, "at_least": 10_000_000},
    },
    "persistence": {"lost_when": "unanswered_streak >= 50", "cta": "milestone"},
    "hold": {"all": "account.plan = 'frozen'", "topics": {"general": "account.plan = 'cold'"}},
}


EVENT_EVERY = 5
"""Every fifth playbook begins with events instead."""
ANSWERS = 20_000
"""Answers that have come between the two ticks."""


def ruled_playbook(n: int, playbooks: int) -> dict[str, Any]:
    """The plain playbook's people and steps, under the rules: holds, a control group, ways out and in again, what was so at entry, what
    happened and how long, a split, a date, repeats, an expiry, copies, values set, one playbook enrolling into the next; questions,
    and conditions that read the answers, mail that somebody reads first, modes; and every fifth begins with events, one passage each.
    """
    plain = plain_playbook(n, playbooks)
    settle, hello, look, again = plain["steps"]
    return {
        **plain,
        **(_with_events(n, playbooks) if n % EVENT_EVERY == EVENT_EVERY - 1 else {}),
        "mode": "canary 99%" if n % 2 else "ramp 99%/day",
        "while": "changes_28d <= at_entry(changes_28d) + 1000000",
        "exit": f"({plain['exit']}) or held(quiet_days > 100000, '14 days')",
        "goal": f"({plain['goal']}) or happened('never')",
        "hold": "in_calendar('year_end')",
        "holdout": "10%",
        "reenter": "after 90 days",
        "steps": [
            settle,
            {"id": "tone", "split": {"one": {"weight": 50, "steps": [{"id": "mark", "set": {"stage": "one"}}]}, "two": {"weight": 50}}},
            {
                **hello,
                "at": "account.signed_up_at - 2 business days",
                "if_late": "now",
                "expires": "3 days",
                "cc": "csm",
                "repeat": {"every": "3 days", "times": 3, "until": "changes_7d > 1000000 or answer('hello.score') > 8"},
                "ask": {"score": "nps", "fine": "yes_no"},
            },
            {**look, "wait_until": f"({look['wait_until']}) or done('hello')"},
            {**again, "if": f"({again['if']}) or answer('hello.fine')", "approve": "csm"},
            {"id": "next", "enrol": f"playbook-{n + 1}"} if n + 1 < playbooks else {"id": "end", "stop": True},
        ],
    }


def _with_events(n: int, playbooks: int) -> dict[str, Any]:
    """Each invitation of its part of the accounts begins a passage."""
    of_part = f"part % {playbooks} = {n}"
    return {
        "enter": {"event": "invited", "from": "invitations", "where": of_part},
        "once_per": "event.id",
        "audience": "event.part >= 0 and account.seats >= 0",
    }


def invitations(data: Path) -> Path:
    """An invitation for each account, in the three days before the first tick."""
    file = data / "invitations.parquet"
    if not file.exists():
        with duckdb.connect() as db:
            db.execute(
                "COPY (SELECT account_id, 'invited' AS event, "
                f"TIMESTAMPTZ '{NOW.isoformat()}' - to_minutes(CAST(hash(account_id) % 4000 AS INTEGER) + 1) AS occurred_at, "
                f"CAST(hash(account_id, 'part') % 1000 AS INTEGER) AS part FROM '{data / 'accounts.parquet'}' ORDER BY occurred_at) "
                f"TO '{file}' (FORMAT parquet)"
            )
    return file


def answered(engine: Engine) -> None:
    """Many have answered since: of those who stand at a wait, to the mail that comes after it."""
    at = to_micros(NOW) + 1
    people = [
        (playbook, who) for playbook, digest, n in engine.store.occupied() if n for who in engine.store.standing(playbook, digest, at + 1)
    ][:ANSWERS]
    given = [
        Answer(who.id, playbook, who.account_id, who.subject_id, "hello", "score", str(i % 11), "", "contact", "", at)
        for i, (playbook, who) in enumerate(people)
    ]
    lines = [JournalLine(at, a.playbook, a.account_id, a.subject_id, a.enrolment_id, a.step, "answered", a.field, "") for a in given]
    engine.store.put_answers(given, lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--accounts", type=int, default=100_000)
    parser.add_argument("--events", type=int, default=5_000_000)
    parser.add_argument("--playbooks", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--measure", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.measure:
        between = answered if given.measure.name == "project-ruled" else None
        print(f"both ticks {measure(given.measure, between):.3f} s")
        return
    data = generate(given.accounts, given.events)
    sources = {"more": {"invitations": {"file": str(invitations(data)), "contact": None}}}
    projects = {"plain": (plain_playbook, {}), "ruled": (ruled_playbook, {**PROJECT, "sources": sources})}
    seconds: dict[str, list[float]] = {name: [] for name in projects}
    for number in range(given.rounds):
        for name, (playbook, more) in projects.items():
            folder = data / f"project-{name}"
            write_project(data, folder, given.playbooks, playbook, more)
            done = subprocess.run(
                [sys.executable, "-m", "benchmarks.rules", "--measure", str(folder)], capture_output=True, text=True, check=False
            )
            if done.returncode:
                sys.exit(done.stderr)
            print(f"--- round {number + 1}, {name}\n{done.stdout}")
            seconds[name].append(float(done.stdout.split()[-2]))
    plain, ruled = (statistics.median(seconds[name]) for name in projects)
    print(f"plain {plain:.2f} s, with every rule {ruled:.2f} s: {ruled / plain:.2f} x")


if __name__ == "__main__":
    main()
