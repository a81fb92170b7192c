"""`cs-engine cta`."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from cs_engine.cli.show import as_json, format_option
from cs_engine.errors import WrongUse

if TYPE_CHECKING:
    from cs_engine.ports import CtaView, OpenCta
    from cs_engine.wiring import Assembled

_EPILOG = """\b
Examples:
  cs-engine cta                                     what is open, the most urgent first
  cs-engine cta --staff alex@vendor.example
  cs-engine cta cta_0a1b2c --done --by-whom alex@vendor.example
  cs-engine cta cta_0a1b2c --snooze 2026-09-01
  cs-engine cta cta_0a1b2c --false-alarm --by-whom alex@vendor.example
"""


@click.command("cta", epilog=_EPILOG)
@click.argument("id", required=False)
@click.option("--staff", default="", metavar="EMAIL", help="Only those of this one of us.")
@click.option("--done", "is_done", is_flag=True, help="It is done: close it.")
@click.option("--snooze", type=click.DateTime(["%Y-%m-%d"]), metavar="DAY", help="Out of the way until that day, as 2026-09-01.")
@click.option("--useful", is_flag=True, help="It was worth it.")
@click.option("--false-alarm", is_flag=True, help="It was not.")
@click.option("--by-whom", default="", metavar="EMAIL", help="Who of us says so; in team.yaml. Default: whose it is.")
@format_option
def command(
    id: str | None, staff: str, is_done: bool, snooze: datetime | None, useful: bool, false_alarm: bool, by_whom: str, form: str
) -> None:  # fmt: skip
    """CTAs that are open, or what became of one of them: as the buttons below its alert in Slack. The same twice is once."""
    from cs_engine.cli.find import one_of_us
    from cs_engine.wiring import assemble

    asked = [name for name, given in (("done", is_done), ("snooze", snooze), ("useful", useful), ("false_alarm", false_alarm)) if given]
    if len(asked) > 1 or bool(asked) != (id is not None):
        raise click.UsageError("name a CTA, and one of --done, --snooze, --useful and --false-alarm; or neither, for a list")
    with assemble() as assembled:
        one_of_us(assembled.project, by_whom or staff)
        if id is None:
            _list(assembled, staff, form)
            return
        cta = _the_cta(assembled, id)
        click.echo(_do(assembled, cta, asked[0], by_whom or cta.staff, snooze))


def _the_cta(assembled: Assembled, id: str) -> CtaView:
    found = assembled.engine.store.ctas([id]).get(id)
    if found is None:
        raise WrongUse(f"no CTA {id!r}", "`cs-engine cta` names those that are open")
    return found


def _do(assembled: Assembled, cta: CtaView, what: str, by: str, day: datetime | None) -> str:
    from cs_engine.instants import to_micros
    from cs_engine.run.ctas.notes import reader_of
    from cs_engine.run.desk import ctas as cta_desk

    if not by:
        raise WrongUse("nobody's CTA: say who works on it", "--by-whom alex@vendor.example")
    if cta.state == "closed" and what in ("done", "snooze"):
        return f"closed already ({cta.closed_reason}): nothing was changed."
    if day is not None:
        until = day.replace(tzinfo=reader_of(assembled.project, by).zone)
        fresh = cta_desk.snooze(assembled.engine, cta, to_micros(until), by)
        return f"snoozed until {until:%Y-%m-%d}" + ("." if fresh else " already: nothing was changed.")
    fresh = cta_desk.done(assembled.engine, cta, by) if what == "done" else cta_desk.judge(assembled.engine, cta, what, by)
    return "kept." if fresh else "so already: nothing was changed."


def _list(assembled: Assembled, staff: str, form: str) -> None:
    from cs_engine.cli.show import console, table
    from cs_engine.journey.cta import by_urgency

    rows = [_row(cta) for cta in sorted(assembled.engine.store.open_ctas(), key=by_urgency) if staff in ("", cta.staff)]
    if form == "json":
        click.echo(as_json(rows))
        return
    if not rows:
        click.echo("No CTA is open.")
        return
    shown = table("CTAs")
    for number, column in enumerate(rows[0]):
        shown.add_column(column, no_wrap=number == 0)
    for row in rows:
        shown.add_row(*("" if value is None else str(value) for value in row.values()))
    console().print(shown)


def _row(cta: OpenCta) -> dict[str, Any]:
    from cs_engine.instants import from_micros

    def day(at: int | None) -> str | None:
        return None if at is None else f"{from_micros(at):%Y-%m-%d}"

    return {
        "cta": cta.id, "account": cta.account_id, "playbook": cta.playbook, "step": cta.step, "staff": cta.staff, "priority": cta.priority,
        "due": day(cta.due_at), "fired": day(cta.fired_at), "state": cta.state, "until": day(cta.snoozed_until),
    }  # fmt: skip
