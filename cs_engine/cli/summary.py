"""What a run did, for people: a table by playbook, a few of the mails, and what to try next."""

from __future__ import annotations

import shutil
import sys
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

from rich.console import Console
from rich.table import Table

from cs_engine.channels.mailbox import mails
from cs_engine.cli.show import console as open_console
from cs_engine.cli.show import table as new_table
from cs_engine.run.report import PlaybookReport, TickReport


def summary(reports: Sequence[TickReport], root: Path, example: tuple[str, str] | None, *, dry_run: bool) -> None:
    """Prints to standard output. `root`: the project whose mailbox is shown; `example`: an account and a playbook that it is in."""
    console = open_console()
    console.print(_by_playbook(reports))
    for playbook, part in sorted(reports[-1].playbooks.items()):
        if part.mode != "live":
            console.print(
                _in_mode(playbook, [r.playbooks[playbook] for r in reports if playbook in r.playbooks]), markup=False, soft_wrap=True
            )
        if part.paused:
            console.print(f"{playbook} stands still: {part.paused} (cs-engine resume {playbook})", markup=False, soft_wrap=True)
    console.print(_delivery_line(reports, dry_run=dry_run))
    if not dry_run:
        _some_messages(console, root)
    _next(console, reports, example)


def _by_playbook(reports: Sequence[TickReport]) -> Table:
    ticks = (
        f"{len(reports)} ticks, {reports[0].now:%Y-%m-%d} to {reports[-1].now:%Y-%m-%d}"
        if len(reports) > 1
        else f"{reports[0].now:%Y-%m-%d %H:%M} UTC"
    )
    table = new_table(f"By playbook ({ticks})")
    table.add_column("playbook", no_wrap=True)
    for name in ("matched", "entered", "advanced", "finished", "planned", "sent", "held", "skipped"):
        table.add_column(name, justify="left" if name == "finished" else "right", no_wrap=name != "finished")
    for name in sorted({p for report in reports for p in report.playbooks}):
        parts = [report.playbooks[name] for report in reports if name in report.playbooks]
        table.add_row(name, *_row(parts))
    return table


def _in_mode(playbook: str, parts: Sequence[PlaybookReport]) -> str:
    """What a playbook did that is not wholly live."""
    if parts[-1].mode != "shadow":
        return f"{playbook} is in {parts[-1].mode}: {parts[-1].left_out} more would enter"
    total: Counter[str] = sum((part.shadow for part in parts), Counter())
    said = f"{playbook} is in shadow: {total['entered']} would have entered, {total['mails']} mails and {total['ctas']} alerts been planned"
    moved = max(part.advanced for part in parts)
    return f"{said}; {moved} who entered before go on for real (cs-engine pause {playbook} stops them)" if moved else said


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
        str(sum(p.sent for p in parts)),
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


_MARGINS = 5
"""Blanks around and between two columns of a table."""


def _some_messages(console: Console, root: Path) -> None:
    found = mails(root)
    if not found:
        return
    table = new_table(f"A few of the {len(found)} messages in the mailbox")
    few = [(entry.subject, _relative(entry.path)) for entry in found[:: max(1, len(found) // 8)][:8]]
    # A subject may be cut, a file's name not: it is there to be opened.
    left = console.width - max(len(path) for _, path in few) - _MARGINS
    table.add_column("subject", overflow="ellipsis", no_wrap=True, max_width=max(10, min(62, left)))
    table.add_column("file", no_wrap=True)
    for subject, path in few:
        table.add_row(subject, path)
    console.print(table)


def _relative(path: Path) -> str:
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)


def _next(console: Console, reports: Sequence[TickReport], example: tuple[str, str] | None) -> None:
    account, playbook = example or ("ACCOUNT", "PLAYBOOK")
    tomorrow = reports[-1].now + timedelta(days=1)
    doubtful = {"resolve": "messages of which nobody knows whether they arrived"} if reports[-1].delivery["uncertain"] else {}
    tries = {
        **doubtful,
        "list": "what there is, and who uses it",
        f"why {account} {playbook}": "why it did what it did, and what comes next",
        f"draw {playbook}": "the playbook as a diagram",
        f"run --dry-run --now {tomorrow:%Y-%m-%dT%H:%MZ}": "what the next day would bring",
    }
    command = _ourselves()
    width = max(len(arguments) for arguments in tries)
    console.print("Try next:")
    for arguments, what in tries.items():
        console.print(f"  {command} {arguments:<{width}}  {what}", markup=False, soft_wrap=True)


def _ourselves() -> str:
    """How this command is called from here."""
    called = Path(sys.argv[0])
    return called.name if shutil.which(called.name) else _relative(called.absolute())
