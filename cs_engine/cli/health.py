"""`cs-engine health`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any

import click

from cs_engine.cli.show import MomentOrDay, Span, as_json, as_of, format_option

_BLOCKS = "▁▂▃▄▅▆▇█"


@click.command(
    "health",
    epilog="\b\nExamples:\n  cs-engine health\n  cs-engine health acc_e46983976a\n  cs-engine health acc_e46983976a --since 30d\n"
    "  cs-engine health --format json | jq '.fell[].account'",
)
@click.argument("account", required=False)
@click.option("--since", type=Span(), default="7d", show_default=True, help="What has moved since so long before.")
@click.option("--at", type=MomentOrDay(), help="As it was at that time, or as that day ended; default: at the last tick.")
@format_option
def command(account: str | None, since: timedelta, at: datetime | date | None, form: str) -> None:
    """ACCOUNT's health: what it is made of, and what moved it. Without ACCOUNT: how many are in which band, and who moved most."""
    from cs_engine.run.desk.health import of_account, overall
    from cs_engine.wiring import assemble

    with assemble() as assembled:
        engine = assembled.engine
        then = as_of(at, engine.project.config.timezone, engine.wall.now())
        found = overall(engine, since, then) if account is None else of_account(engine, account, since, then)
    if form == "json":
        click.echo(as_json(found))
    else:
        click.echo("\n".join(_all(found) if account is None else _one(found)))


def _one(found: Mapping[str, Any]) -> Iterator[str]:
    yield f"{found['account']} at {found['now']}: {_said(found)}"
    then = found["then"]
    if then is not None:
        how = "" if then["from"] == "remembered" else ", computed: nothing is remembered of then"
        yield f"{'':<{len(found['account'])}} at {then['at']}: {_said(then)}{how}"
    scores = [point["score"] for point in found["trend"]]
    yield f"\n  12 weeks  {sparkline(scores)}"
    for turn in found["bands"][1:]:
        yield f"  {turn['at']}  {turn['band']}"
    yield "\n  made of"
    width = max(len(part["component"]) for part in found["components"])
    for part in found["components"]:
        score = "left out" if part["score"] is None else f"score {part['score']:g}"
        made = f"{part['metric']} = {_value(part['value'])}"
        yield f"  {part['points']:>6.1f}  {part['component']:<{width}}  {score}, weight {part['weight']:g}: {made}"
    if then is None:
        yield "\n  nothing is known of then: it was not there yet"
    elif found["moved"]:
        yield "\n  moved by"
        for shift in found["moved"]:
            yield f"  {shift['by']:>+6.1f}  {shift['component']:<{width}}  {shift['why']}{_values(shift)}"
    else:
        yield "\n  nothing moved it since"


def _all(found: Mapping[str, Any]) -> Iterator[str]:
    how = "" if found["from"] == "remembered" else ", computed: nothing is remembered of then"
    yield f"{found['accounts']:,} accounts at {found['now']}, beside {found['then']}{how}"
    yield f"mean score {_value(found['mean'])}, was {_value(found['mean_then'])}"
    yield ""
    most = max((row["now"] for row in found["bands"]), default=0) or 1
    width = max((len(row["band"]) for row in found["bands"]), default=0)
    for row in found["bands"]:
        yield f"  {row['band']:<{width}}  {row['now']:>7,}  {row['now'] - row['then']:>+7,}  {'█' * round(30 * row['now'] / most)}"
    if found["turned"]:
        yield "\nchanged bands"
        for turn in found["turned"]:
            yield f"  {turn['accounts']:>7,}  {turn['from']} -> {turn['to']}"
    for name, rows in (("fell most", found["fell"]), ("rose most", found["rose"])):
        if rows:
            yield f"\n{name}"
            yield from _movers(rows)


def _movers(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    width = max(len(row["account"]) for row in rows)
    for row in rows:
        band = row["band"] if row["band"] == row["band_was"] else f"{row['band_was']} -> {row['band']}"
        yield f"  {row['score'] - row['was']:>+6.1f}  {row['account']:<{width}}  {row['was']:g} -> {row['score']:g}  {band}; {row['most']}"


def _said(standing: Mapping[str, Any]) -> str:
    forced = f", because {standing['forced']}" if standing["forced"] else ""
    return f"{_value(standing['score'])} {standing['band']}{forced}"


def _values(shift: Mapping[str, Any]) -> str:
    if shift["was"] is None or shift["now"] is None or shift["was"]["value"] == shift["now"]["value"]:
        return ""
    return f": {_value(shift['was']['value'])} -> {_value(shift['now']['value'])}"


def _value(value: float | None) -> str:
    return "blank" if value is None else f"{value:.4g}"


def sparkline(scores: Sequence[float | None]) -> str:
    """Scores of 0 to 100 as bars; a gap where there is none."""
    return "".join(" " if score is None else _BLOCKS[min(7, int(score / 12.5))] for score in scores)
