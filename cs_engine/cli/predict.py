"""`cs-engine predict`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

import click

from cs_engine.cli.show import Moment, as_json, format_option, progress, quiet_option, say_away
from cs_engine.cli.show import console as open_console
from cs_engine.cli.show import table as new_table

_FIGURES = {
    "auc": "of two at one moment, who had it was held for likelier; 0.5 is a coin",
    "lift": "outcomes among the likeliest tenth of a moment, by those among all",
    "calibration": "outcomes that came, by those foretold; 1 is right",
    "skill": "nearer to what came than the base rate; 0 is no nearer",
    "base_rate": "of how many the outcome came",
}


@click.command(
    "predict",
    epilog="\b\nExamples:\n  cs-engine predict likely_churn_30d\n  cs-engine predict likely_churn_30d --since 2025-01-01 --dry-run\n"
    "  cs-engine predict likely_habit_60d --unlikely\n  cs-engine predict likely_churn_30d --format json | jq .quality.auc",
)
@click.argument("metric")
@click.option("--since", type=Moment(), help="Look no further back; default: two years, or 130 moments.")
@click.option("--until", type=Moment(), help="Look no further on; default: to the last tick, or to now before the first.")
@click.option("--unlikely", is_flag=True, help="Propose an enter for those of whom the outcome is unlikely.")
@click.option("--dry-run", is_flag=True, help="Learn and show; keep nothing.")
@format_option
@quiet_option
def command(metric: str, since: datetime | None, until: datetime | None, unlikely: bool, dry_run: bool, form: str, quiet: bool) -> int:
    """Learn METRIC, which metrics.yaml describes with `likely`, from what was known at moments of the past.

    Shows the tree, how well it told what came after what it was learned from, and an `enter` with its backtest; keeps the tree in
    playbooks/models/. Exit 1 where the data do not carry it: then nothing is kept or proposed.
    """
    from cs_engine.run.desk.predict import predict
    from cs_engine.wiring import assemble

    with progress(quiet) as bar, assemble() as assembled:
        task = bar.add_task("Reading the project", total=None)
        say_away(assembled.refresh(lambda text: bar.update(task, description=text)))

        def told(done: int, of: int) -> None:
            bar.update(task, description="Learning" if done == of else "Looking at the past", completed=done, total=of)

        found = predict(assembled.engine, metric, since, until, keep=not dry_run, unlikely=unlikely, told=told)
    if form == "json":
        click.echo(as_json(found))
    elif not quiet:
        _show(found)
    return 0 if found["carries"] else 1


def _show(found: Mapping[str, Any]) -> None:
    click.echo("\n".join(_asked(found)))
    if found["quality"] is not None:
        _quality(found)
    if not found["carries"]:
        click.echo("The data do not carry it, so nothing is kept or proposed:")
        for why in found["why_not"]:
            click.echo(f"  {why}")
        return
    _tree(found)
    if found["file"] is not None:
        click.echo(f"Kept in {found['file']}; `{found['metric']}` reads it from the next tick on.\n")
    proposal = found["proposal"]
    if proposal is None:
        click.echo("No leaf's odds are far enough from those of all to propose an `enter`.")
    else:
        _proposal(proposal)


def _asked(found: Mapping[str, Any]) -> Iterator[str]:
    history = found["history"]
    among = f", among {found['among']}" if found["among"] else ""
    yield f"{found['metric']}: how likely `{found['likely']}` is within {found['within']}{among}"
    part = "" if history["looked_at"] == history["of"] else f" (a part of {history['of']:,}, chosen by id)"
    yield (
        f"{history['accounts']:,} accounts{part} at {history['moments']} moments, {history['since'][:10]} to {history['until'][:10]}, "
        f"every {history['every_days']:g} days: {history['rows']:,} rows, {history['outcomes']:,} accounts with the outcome"
    )
    for name, why in found["left_out"].items():
        yield f"  not learned from: {name}, {why}"
    yield ""


def _quality(found: Mapping[str, Any]) -> None:
    quality = found["quality"]
    rows = f"{quality['rows']:,} rows of {quality['accounts']:,} accounts, {quality['outcomes']:,} with the outcome"
    table = new_table(f"judged on what came later: {rows}")
    for name in ("figure", "is", "between", "what"):
        table.add_column(name, no_wrap=name != "what")
    for name, what in _FIGURES.items():
        one = quality[name]
        table.add_row(name, f"{one['value']:.2f}", f"{one['low']:.2f} and {one['high']:.2f}", what)
    console = open_console()
    console.print(table)
    table = new_table("foretold, and what came")
    for name in ("foretold", "came", "rows"):
        table.add_column(name, no_wrap=True, justify="right")
    for band in found["bands"]:
        table.add_row(f"{band['foretold']:.1%}", f"{band['came']:.1%}", f"{band['rows']:,}")
    console.print(table)


def _tree(found: Mapping[str, Any]) -> None:
    from rich.markup import escape

    table = new_table(f"the tree ({found['digest']})")
    for name in ("likely", "came", "of", "who"):
        table.add_column(name, no_wrap=name != "who", justify="left" if name == "who" else "right")
    for leaf in found["leaves"]:
        table.add_row(f"{leaf['likely']:.1%}", f"{leaf['came']:,}", f"{leaf['of']:,}", escape(leaf["when"] or "all"))
    open_console().print(table)
    for note in found["notes"]:
        click.echo(f"{note}\n")


def _proposal(proposal: Mapping[str, Any]) -> None:
    tested = proposal["backtest"]
    whom = "unlikely (at most half the odds of all)" if proposal["unlikely"] else "likely (at least twice the odds of all)"
    click.echo(f"A playbook for those of whom it is {whom}:\n")
    click.echo("".join(f"  {line}\n" for line in proposal["yaml"].splitlines()))
    click.echo(f"The same in plain facts: {proposal['plainly']}\n")
    click.echo(f"What it would have done, {tested['since'][:10]} to {tested['until'][:10]}:")
    table = new_table("")
    for name in ("month", "entered", "rightly"):
        table.add_column(name, no_wrap=True, justify="left" if name == "month" else "right")
    for month in tested["months"]:
        table.add_row(month["month"], f"{month['entered']:,}", f"{month['right']:,}")
    open_console().print(table)
    said = [f"precision {_share(tested['precision'])} ({tested['right']:,} of {tested['entered']:,} entered rightly)"]
    if not proposal["unlikely"]:
        said.append(f"recall {_share(tested['recall'])} ({tested['caught']:,} of {tested['outcomes']:,} outcomes came after an entry)")
    if (lead := tested["lead_days"]) is not None:
        said.append(f"{lead['median']:g} days before it (half of them {lead['low']:g} to {lead['high']:g})")
    click.echo("\n".join(said))


def _share(share: float | None) -> str:
    return "-" if share is None else f"{share:.0%}"
