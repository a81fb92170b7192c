"""`cs-engine run`."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import click

from cs_engine.cli.show import Moment, Span, as_json, format_option, progress, quiet_option, say, say_away
from cs_engine.errors import TickTooEarly, WrongUse
from cs_engine.instants import from_micros, moments

if TYPE_CHECKING:
    from cs_engine.prefect_server import EmbeddedServer
    from cs_engine.run.context import Engine
    from cs_engine.run.report import TickReport
    from cs_engine.wiring import Assembled

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
        raise click.UsageError("--from, --to and --every go together: --from 2012-08-13T17:00Z --to 2012-08-31T17:00Z --every 1d")
    if now and start:
        raise click.UsageError("--now is one tick, --from begins a span: leave one of them out")
    from cs_engine.wiring import assemble, last_tick, scratch

    wanted = _moments(now, start, end, every)
    if wanted and not dry_run:
        # Before a server is started for them.
        _left(wanted, last_tick())
    with _prefect(dry_run=dry_run) as server, progress(quiet) as bar, scratch() if dry_run else assemble() as assembled:
        task = bar.add_task("Reading the project", total=None)
        _known(assembled, playbooks)
        say_away(assembled.refresh(lambda text: bar.update(task, description=text)))
        nows = _ahead(assembled.engine, wanted)
        bar.update(task, description="Deciding" if dry_run else "Starting Prefect (10 to 40 s)", total=len(nows), completed=0)
        reports: list[TickReport] = []
        for report in _reports(assembled.engine, server, nows, end, playbooks):
            reports.append(report)
            bar.update(task, description=f"Tick {report.now:%Y-%m-%d %H:%M}", completed=len(reports))
        broken, root, example = assembled.broken, assembled.project.root, _example(assembled.engine)
    if form == "json":
        objects = [report.as_json() for report in reports]
        click.echo(as_json(objects if start else objects[0]))
    elif not quiet:
        from cs_engine.cli.summary import summary

        summary(reports, root, example, dry_run=dry_run)
    failures = list(dict.fromkeys(failure for report in reports for failure in report.failures))
    for failure in failures:
        say(f"failed, the rest went on: {failure}")
    for held in reports[-1].guards:
        say(f"{held.playbook or 'all playbooks'}: {held.reason}: nothing is done until you say: cs-engine approve {held.run}")
    for playbook in broken:
        say(f"{playbook} has errors and enrolled nobody; see: cs-engine check")
    raise click.exceptions.Exit(1 if failures or broken or reports[-1].guards else 0)


def _known(assembled: Assembled, playbooks: Sequence[str]) -> None:
    from cs_engine.cli.find import the_plan

    for playbook in playbooks:
        the_plan(assembled.project, playbook)


def _moments(now: datetime | None, start: datetime | None, end: datetime | None, every: timedelta | None) -> list[datetime]:
    """The nows that were asked for; none when it is the clock's. Raises WrongUse for a span that goes backward."""
    if start is None or end is None or every is None:
        return [now] if now is not None else []
    if end < start:
        raise WrongUse("--to lies before --from", "change them round: time only goes forward")
    return moments(start, end, every)


def _left(wanted: Sequence[datetime], last: datetime | None) -> list[datetime]:
    """Those that do not lie before the last tick: what was decided is not decided again. Raises TickTooEarly when none is left."""
    left = [moment for moment in wanted if last is None or moment >= last]
    if last is not None and wanted and not left:
        raise TickTooEarly(wanted[-1], last)
    return left


def _ahead(engine: Engine, wanted: Sequence[datetime]) -> list[datetime]:
    """The nows to run: what is left of those that were asked for, else the clock's."""
    last = engine.store.last_tick()
    left = _left(wanted, None if last is None else from_micros(last))
    if last is not None and len(left) < len(wanted):
        say(f"{len(wanted) - len(left)} of {len(wanted)} ticks lie before the last one ({from_micros(last):%Y-%m-%d %H:%M}): going on")
    return left or [engine.wall.now()]


def _example(engine: Engine) -> tuple[str, str] | None:
    """An account and a playbook that it is inside, to try `why` on."""
    for playbook, digest, _people in sorted(engine.store.occupied(), key=lambda o: o[2]):
        inside = engine.store.standing(playbook, digest, _FAR)
        if inside:
            return inside[0].account_id, playbook
    return None


_FAR = 2**62


@contextmanager
def _prefect(*, dry_run: bool) -> Iterator[EmbeddedServer | None]:
    """A server that starts while the project is being read, unless the user has one; None in a dry run."""
    if dry_run:
        yield None
        return
    from cs_engine import settings
    from cs_engine.prefect_server import embedded_server

    server = embedded_server(settings.load().root)
    try:
        if not os.environ.get("PREFECT_API_URL"):
            server.start()
        yield server
    finally:
        server.stop()


def _reports(
    engine: Engine, server: EmbeddedServer | None, nows: Sequence[datetime], end: datetime | None, playbooks: tuple[str, ...]
) -> Iterator[TickReport]:
    """Tick after tick. In a span delivery's clock runs on to the next tick; after the last it stops."""
    ends = [*nows[1:], None] if end is not None else [None]
    if server is None:
        from cs_engine.run.tick import run_tick

        for moment, horizon in zip(nows, ends, strict=True):
            yield run_tick(engine, moment, playbooks, horizon=horizon)
        return
    from cs_engine.prefect_flows import engine_in_use, tick_through_prefect

    with engine_in_use(engine, server):
        for moment, horizon in zip(nows, ends, strict=True):
            yield tick_through_prefect(moment, horizon, playbooks)
