"""What the rules cost: the tick of benchmarks/tick.py with 20 plain playbooks, and with 20 under the rules of journeys and of the project.

    python -m benchmarks.rules --accounts 100000 --events 5000000

Both in one run, each in a process of its own, in turns; the ratio is of the medians of both ticks' whole time, deliveries left out.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

from benchmarks.generate import generate
from benchmarks.tick import measure, plain_playbook, write_project

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


def ruled_playbook(n: int, playbooks: int) -> dict[str, Any]:
    """The plain playbook's people and steps, under the rules: holds, a control group, ways out and in again, what was so at entry, what
    happened, a split, a date, repeats, an expiry, copies, values set, and one playbook enrolling into the next.
    """
    plain = plain_playbook(n, playbooks)
    settle, hello, look, again = plain["steps"]
    return {
        **plain,
        "while": "changes_28d <= at_entry(changes_28d) + 1000000",
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
                "repeat": {"every": "3 days", "times": 3, "until": "changes_7d > 1000000"},
            },
            look,
            again,
            {"id": "next", "enrol": f"playbook-{n + 1}"} if n + 1 < playbooks else {"id": "end", "stop": True},
        ],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--accounts", type=int, default=100_000)
    parser.add_argument("--events", type=int, default=5_000_000)
    parser.add_argument("--playbooks", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--measure", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.measure:
        print(f"both ticks {measure(given.measure):.3f} s")
        return
    data = generate(given.accounts, given.events)
    projects = {"plain": (plain_playbook, None), "ruled": (ruled_playbook, PROJECT)}
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
