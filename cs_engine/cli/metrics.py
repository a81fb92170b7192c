"""`cs-engine metrics`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import Any

import click

from cs_engine.cli.show import MomentOrDay, as_json, as_of, format_option
from cs_engine.cli.show import console as open_console
from cs_engine.cli.show import table as new_table

_BLOCKS = "▁▂▃▄▅▆▇█"
_NUMBERS = ("min", "median", "p90", "max")


@click.command(
    "metrics",
    epilog="\b\nExamples:\n  cs-engine metrics\n  cs-engine metrics changes_28d users_28d\n"
    "  cs-engine metrics --format json | jq '.metrics[] | select(.errors != \"\")'",
)
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option(
    "--at", type=MomentOrDay(), help="As of that time, or as that day ended; default: of the last tick, or of now before the first."
)
@format_option
def command(names: tuple[str, ...], at: datetime | date | None, form: str) -> None:
    """What each metric means, how its values lie, how many are blank or zero, and who uses it. With NAMEs: these, with all there is."""
    from cs_engine.run.desk.metrics import metrics
    from cs_engine.wiring import assemble

    with assemble() as assembled:
        engine = assembled.engine
        found = metrics(engine, names, as_of(at, engine.project.config.timezone, engine.wall.now()))
    if form == "json":
        click.echo(as_json(found))
    elif names:
        click.echo("\n\n".join("\n".join(_whole(row)) for row in found["metrics"]))
    else:
        _overview(found)


def _overview(found: Mapping[str, Any]) -> None:
    from rich.markup import escape

    table = new_table(f"metrics at {found['at']}")
    for number, column in enumerate(("metric", "is", "values", "median", "p90", "max", "zero", "blank", "used by")):
        table.add_column(column, no_wrap=number in (0, 2), justify="right" if 3 <= number <= 7 else "left")
    for row in found["metrics"]:
        if row["errors"]:
            table.add_row(escape(row["metric"]), escape(row["errors"]))
        for i, of in enumerate(row["of"]):
            numbers = [_value(of.get(key)) for key in ("median", "p90", "max")]
            name, said = (row["metric"], row["is"]) if i == 0 else ("", "the contact's own")
            cells = (name, said, bars(of.get("bars", ())), *numbers, _percent(of["zero"]), _percent(of["blank"]), _count(of["used by"]))
            table.add_row(*map(escape, cells))
    open_console().print(table)


def _whole(row: Mapping[str, Any]) -> Iterator[str]:
    yield f"{row['metric']}: {row['is']} ({row['type']})"
    if row["errors"]:
        yield f"  {row['errors']}"
    for of in row["of"]:
        told = [f"{of['distinct']:,} different values"] if "distinct" in of else [f"{key} {_value(of[key])}" for key in _NUMBERS]
        shares = [f"zero {_percent(of['zero'])}", f"blank {_percent(of['blank'])}"]
        yield "  ".join([f"  {of['rows']:,} {of['of']}", bars(of.get("bars", ())), *told, *shares])
        for kind, users in of["used by"].items():
            yield f"    used by {kind}: {', '.join(users)}"
        if not of["used by"]:
            yield "    used by nobody"


def bars(counts: Sequence[int]) -> str:
    """Counts as bars in relation to the largest; a gap where there is none, and never one where there is some."""
    most = max(counts, default=0)
    return "".join(_BLOCKS[min(7, count * 8 // most)] if count else " " for count in counts)


def _value(value: float | str | None) -> str:
    if value is None:
        return "-"
    return value[:10] if isinstance(value, str) else f"{value:,.10g}"


def _percent(share: float | None) -> str:
    if share is None:
        return "-"
    return f"{share:.1%}" if 0 < share < 0.01 or 0.99 < share < 1 else f"{share:.0%}"


def _count(users: Mapping[str, Sequence[str]]) -> str:
    """Who uses it, in numbers: their names are told of one metric."""
    if not users:
        return "nobody"
    return ", ".join(
        f"{len(named)} {kind if len(named) > 1 or kind == 'health' else kind.removesuffix('s')}" for kind, named in users.items()
    )
