"""What a run did, for people: a table by playbook, a few of the mails, and what to try next."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from cs_engine.channels.mailbox import mails
from cs_engine.cli.show import console as open_console
from cs_engine.cli.show import table as new_table
from cs_engine.run.report import PlaybookReport, TickReport


def summary(reports: Sequence[TickReport], root: Path, *, dry_run: bool) -> None:
    """Prints to standard output. `root`: the project whose mailbox is shown."""
    console = open_console()
    console.print(_by_playbook(reports))
    console.print(_delivery_line(reports, dry_run=dry_run))
    if not dry_run:
        _some_messages(console, root)
    _next(console, reports)


def _by_playbook(reports: Sequence[TickReport]) -> Table:
    ticks = (
        f"{len(reports)} ticks, {reports[0].now:%Y-%m-%d} to {reports[-1].now:%Y-%m-%d}"
        if len(reports) > 1
        else f"{reports[0].now:%Y-%m-%d %H:%M} UTC"
    )
    table = new_table(f"By playbook ({ticks})")
    table.add_column("playbook", no_wrap=True)
    for name in ("matched", "entered", "advanced", "finished", "planned", "held", "skipped"):
        table.add_column(name, justify="left" if name == "finished" else "right", no_wrap=name != "finished")
    for name in sorted({p for report in reports for p in report.playbooks}):
        parts = [report.playbooks[name] for report in reports if name in report.playbooks]
        table.add_row(name, *_row(parts))
    return table


def _row(parts: Sequence[PlaybookReport]) -> list[str]:
    finished: Counter[str] = Counter()
    for part in parts:
        finished.update(part.finished)
    entered = str(sum(p.entered for p in parts))
    over = sum(p.passed_over for p in parts)
    return [
        str(parts[-1].matched),
        f"{entered} (+{over} before)" if over else entered,
        str(sum(p.advanced for p in parts)),
        ", ".join(f"{reason} {n}" for reason, n in sorted(finished.items())) or "-",
        str(sum(p.planned for p in parts)),
        str(sum(p.held for p in parts)),
        str(sum(p.skipped for p in parts)),
    ]


def _delivery_line(reports: Sequence[TickReport], *, dry_run: bool) -> str:
    flows: Counter[str] = Counter()
    for report in reports:
        flows.update({name: report.delivery[name] for name in ("accepted", "skipped", "rejected")})
    last = reports[-1].delivery
    verb = "would be sent" if dry_run else "sent"
    return (
        f"Messages {verb}: [bold]{flows['accepted']}[/bold]; skipped {flows['skipped']}, rejected {flows['rejected']}; "
        f"now held {last['held']}, uncertain {last['uncertain']}, pending {last['pending']}."
    )


def _some_messages(console: Console, root: Path) -> None:
    found = mails(root)
    if not found:
        return
    table = new_table(f"A few of the {len(found)} messages in the mailbox")
    table.add_column("subject", overflow="ellipsis", no_wrap=True, max_width=62)
    table.add_column("file", no_wrap=True, overflow="fold")
    step = max(1, len(found) // 8)
    for entry in found[::step][:8]:
        table.add_row(entry.subject, _relative(entry.path))
    console.print(table)


def _relative(path: Path) -> str:
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)


def _next(console: Console, reports: Sequence[TickReport]) -> None:
    busiest = max((p for r in reports for p in r.playbooks.values()), key=lambda p: p.entered + p.advanced, default=None)
    name = busiest.playbook if busiest else "PLAYBOOK"
    console.print(
        "Try next:\n"
        f"  cs-engine list                     what there is\n"
        f"  cs-engine draw {name}\n"
        f"  cs-engine why ACCOUNT {name}\n"
        f"  cs-engine run --dry-run            what the next tick would do",
        markup=False,
    )
