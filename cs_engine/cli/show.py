"""How commands speak: progress on standard error, results on standard output."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import click

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress
    from rich.table import Table

    from cs_engine.ports import SourceReport


class Words(click.ParamType[str]):
    """What somebody says in their own words: something."""

    name = "TEXT"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if not str(value).strip():
            self.fail("it says nothing; whoever asks why reads these words", param, ctx)
        return str(value).strip()


class Moment(click.ParamType[datetime]):
    """An instant: ISO 8601 with an offset; a plain date is midnight UTC."""

    name = "TIME"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        if isinstance(value, datetime):
            return value
        try:
            at = datetime.fromisoformat(str(value))
        except ValueError:
            self.fail(f"{value!r} is no time; write it as 2012-08-13T17:00Z", param, ctx)
        if at.tzinfo is None:
            if len(str(value)) > len("2012-08-13"):
                self.fail(f"{value!r} has no zone; add Z or an offset: {value}Z", param, ctx)
            at = at.replace(tzinfo=UTC)
        return at.astimezone(UTC)


class MomentOrDay(click.ParamType[datetime | date]):
    """A time to look back at: an instant, or a plain date, which `as_of` makes one of."""

    name = "TIME"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime | date:
        try:
            return date.fromisoformat(str(value))
        except ValueError:
            return Moment().convert(value, param, ctx)


def as_of(at: datetime | date | None, zone: str, now: datetime) -> datetime | None:
    """When to look: of a day as it ended in that zone, of today now. None stays."""
    if at is None or isinstance(at, datetime):
        return at
    ended = datetime.combine(at + timedelta(days=1), time(), ZoneInfo(zone)) - timedelta(microseconds=1)
    return min(ended.astimezone(UTC), now)


class Span(click.ParamType[timedelta]):
    """A length of time: 1d, 6h, 15m, or `1 day`."""

    name = "SPAN"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        import re

        if isinstance(value, timedelta):
            return value
        match = re.fullmatch(r"\s*(\d+)\s*(m|minutes?|h|hours?|d|days?|w|weeks?)\s*", str(value))
        unit = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
        if not match or int(match[1]) == 0:
            self.fail(f"{value!r} is no length of time; write it as 1d, 6h or 15m", param, ctx)
        return timedelta(**{unit[match[2][0]]: int(match[1])})


quiet_option = click.option("--quiet", "-q", is_flag=True, help="No progress, no tables; problems still go to standard error.")
format_option = click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)


@contextmanager
def progress(quiet: bool) -> Iterator[Progress]:
    """A progress display on standard error: a moving bar on a terminal, else a line for each new thing that is done. None when quiet."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    console = Console(stderr=True)
    if not quiet and not console.is_terminal:
        from cs_engine.cli.lines import Lines

        yield Lines(disable=True)
        return
    bar = Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console,
        transient=True,
        disable=quiet,
    )
    with bar:
        yield bar


def console() -> Console:
    """Standard output for tables: as wide as the terminal, and wide enough where there is none."""
    import shutil
    import sys

    from rich.console import Console

    width = shutil.get_terminal_size((120, 40)).columns if sys.stdout.isatty() else 120
    return Console(highlight=False, width=max(80, width))


def table(title: str) -> Table:
    """An empty table in the house's style."""
    from rich import box
    from rich.table import Table

    return Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False, title_style="bold")


def say_away(reports: Iterable[SourceReport]) -> None:
    """Says which sources could not be read, though it goes on."""
    for report in reports:
        if report.away:
            say(report.away)


def say(text: str, quiet: bool = False) -> None:
    """A line for people, on standard error, so that standard output stays clean for pipes."""
    if not quiet:
        click.echo(text, err=True)


def as_json(value: Any) -> str:
    """JSON for tools: readable, stable, Japanese as it is."""
    import json

    return json.dumps(value, ensure_ascii=False, indent=2, default=str)
