"""`cs-engine milestones`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import click

from cs_engine.cli.show import as_json, format_option
from cs_engine.cli.show import console as open_console
from cs_engine.cli.show import table as new_table


@click.command(
    "milestones",
    epilog="\b\nExamples:\n  cs-engine milestones\n  cs-engine milestones acc_e46983976a\n"
    "  cs-engine milestones --format json | jq '.time_to_value.cohorts'",
)
@click.argument("account", required=False)
@format_option
def command(account: str | None, form: str) -> None:
    """What ACCOUNT reached when, on which evidence, and what is expected when. Without it: shares, times, time-to-value by month."""
    from cs_engine.run.desk.milestones import of_account, overall
    from cs_engine.wiring import assemble

    with assemble() as assembled:
        found = overall(assembled.engine) if account is None else of_account(assembled.engine, account)
    if form == "json":
        click.echo(as_json(found))
    elif account is None:
        _all(found)
    else:
        click.echo("\n".join(_one(found)))


def _one(found: Mapping[str, Any]) -> Iterator[str]:
    alike = f" ({found['alike']})" if found["alike"] else ""
    yield f"{found['account']}{alike} signed up {found['signed_up_at'] or 'nobody knows when'}; at {found['now']}"
    width = max(len(row["milestone"]) for row in found["milestones"])
    for row in found["milestones"]:
        mark = "✓" if row["reached_at"] else "?" if row["waiting"] else "·"
        yield f"  {mark} {row['milestone']:<{width}}  {_reached(row) if row['reached_at'] else _ahead(row)}"
    value = found["time_to_value"]
    yield f"time-to-value ({value['milestone']}): {'not yet' if value['days'] is None else _length(value['days'])}"


def _reached(row: Mapping[str, Any]) -> str:
    said = [row["reached_at"], *([f"after {_length(row['days'])}"] if row["days"] is not None else [])]
    if row["in_time"] is not None:
        said.append("in time" if row["in_time"] else f"late, due {row['due'][:10]}")
    evidence = ", ".join(f"{name} = {_value(value)}" for name, value in row["evidence"].items())
    return ", ".join(said) + (f"   [{evidence}]" if evidence else "")


_WORDS = {"asked": ", asked for it", "not_yet": ': they said "not yet"', "nobody": ": nobody could be asked", "": ""}


def _ahead(row: Mapping[str, Any]) -> str:
    if row["waiting"]:
        return f"waiting for the customer's word since {row['waiting']['since']}{_WORDS[row['waiting']['word']]}"
    overdue = f"; overdue since {row['due'][:10]}" if row["in_time"] is False else f"; due {row['due'][:10]}" if row["due"] else ""
    eta = row["expected"]
    if eta is None:
        return f"not reached, too few have to say when{overdue}"
    who = f"{eta['of']} {'alike' if eta['alike'] else 'of all'} who did"
    if eta["at"] is None:
        return f"not reached, later than nearly all {who}{overdue}"
    span = f"{eta['earliest'][:10]} to {eta['latest'][:10]}"
    return f"about {eta['at'][:10]} ({span}), as {eta['n']} of {who}, counted from {eta['since']}{overdue}"


def _all(found: Mapping[str, Any]) -> None:
    console = open_console()
    console.print(f"{found['accounts']:,} accounts at {found['now']}")
    table = new_table("milestones")
    waits = any(row["waiting"] for row in found["milestones"])
    days = ("median days", "a quarter below", "a quarter above")
    for name in ("milestone", "reached", *(["waiting"] if waits else []), "share", *days, "expected", "in time"):
        table.add_column(name, no_wrap=True)
    for row in found["milestones"]:
        table.add_row(
            row["milestone"],
            f"{row['reached']:,}",
            *([f"{row['waiting']:,}"] if waits else []),
            _share(row["share"]),
            *_spread(row["days"]),
            row["expected"] or "-",
            _share(row["in_time"]),
        )
    console.print(table)
    value = found["time_to_value"]
    table = new_table(f"time-to-value ({value['milestone']}), by month of sign-up")
    for name in ("month", "accounts", "reached", "share", "median days", "a quarter below", "a quarter above"):
        table.add_column(name, no_wrap=True)
    for row in value["cohorts"]:
        table.add_row(row["month"], f"{row['accounts']:,}", f"{row['reached']:,}", _share(row["share"]), *_spread(row["days"]))
    console.print(table)


def _spread(days: Mapping[str, Any] | None) -> list[str]:
    return ["-", "-", "-"] if days is None else [f"{days[name]:g}" for name in ("median", "low", "high")]


def _share(share: float | None) -> str:
    return "-" if share is None else f"{share:.0%}"


def _length(days: float) -> str:
    return f"{days:g} day{'' if days == 1 else 's'}"


def _value(value: Any) -> str:
    return (
        "blank"
        if value is None
        else str(value).lower()
        if isinstance(value, bool)
        else f"{value:g}"
        if isinstance(value, float)
        else str(value)
    )
