"""`cs-engine run`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import click

from cs_engine.cli.show import Moment, Span, as_json, format_option, progress, quiet_option, say
from cs_engine.errors import TickTooEarly, WrongUse

if TYPE_CHECKING:
    from cs_engine.run.context import Engine
    from cs_engine.run.report import TickReport

_EPILOG = """\b
Examples:
  cs-engine run                                   one tick, now
  cs-engine run onboarding-self-serve --dry-run   what it would do; changes nothing, needs no Prefect
  cs-engine run --now 2012-08-13T17:00Z           one tick at a past moment of the sample
  cs-engine run --from 2012-08-13T17:00Z --to 2012-08-31T17:00Z --every 1d
"""


@click.command("run", epilog=_EPILOG)
@click.argument("playbooks", nargs=-1, metavar="[PLAYBOOK]...")
@click.option("--now", type=Moment(), help="The tick's now; default: the clock's.")
@click.option("--from", "start", type=Moment(), help="The first tick of a span.")
@click.option("--to", "end", type=Moment(), help="The last moment of a span.")
@click.option("--every", type=Span(), help="From tick to tick of a span: 1d, 6h, 15m.")
@click.option("--dry-run", is_flag=True, help="Decide and render everything on a copy of the state; send and change nothing.")
@format_option
@quiet_option
def command(
    playbooks: tuple[str, ...], now: datetime | None, start: datetime | None, end: datetime | None, every: timedelta | None,
    dry_run: bool, form: str, quiet: bool,
) -> None:  # fmt: skip
    """One tick through Prefect: observe usage, move people on, enrol who matches, deliver.

    Without PLAYBOOKs, all that are due. With --from, --to and --every: tick after tick in one process.
    """
    span = (start, end, every)
    if any(span) and not all(span):
        raise click.UsageError("--from, --to and --every go together")
    if now and start:
        raise click.UsageError("--now and --from exclude each other")
    from cs_engine.wiring import assemble, scratch

    with progress(quiet) as bar:
        task = bar.add_task("Reading the project", total=None)
        with (scratch() if dry_run else assemble()) as engine:
            _known(engine, playbooks)
            if not engine.usage.synced():
                bar.update(task, description="Reading accounts, contacts and usage")
            engine.refresh()
            moments = _moments(engine, now, start, end, every)
            bar.update(task, description="Deciding" if dry_run else "Starting Prefect (10 to 40 s)", total=len(moments), completed=0)
            reports = []
            for report in _reports(engine, moments, playbooks, dry_run):
                reports.append(report)
                bar.update(task, description=f"Tick {report.now:%Y-%m-%d %H:%M}", completed=len(reports))
            broken = engine.broken
    if form == "json":
        objects = [report.as_json() for report in reports]
        click.echo(as_json(objects if start else objects[0]))
    elif not quiet:
        from cs_engine.cli.summary import summary

        summary(reports, engine.mailbox, dry_run=dry_run)
    failures = [failure for report in reports for failure in report.failures]
    for failure in dict.fromkeys(failures):
        say(f"failed, the rest went on: {failure}")
    for playbook in broken:
        say(f"{playbook} has errors and enrolled nobody; see: cs-engine check")
    raise click.exceptions.Exit(1 if failures or broken else 0)
