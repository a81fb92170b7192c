"""`cs-engine postpone`."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import click

from cs_engine.cli.show import Moment, Words
from cs_engine.errors import WrongUse

if TYPE_CHECKING:
    from cs_engine.run.context import Engine


@click.command(
    "postpone",
    epilog="\b\nExamples:\n  cs-engine postpone acc_e46983976a went-quiet --by '3 days' --reason 'they are at a fair'\n"
    "  cs-engine postpone acc_e46983976a went-quiet check-in --until 2026-09-01T09:00+09:00 --reason 'after the summer'",
)
@click.argument("account")
@click.argument("playbook")
@click.argument("step", required=False)
@click.option("--until", type=Moment(), help="Not before this time, as 2026-09-01T09:00+09:00.")
@click.option("--by", "span", metavar="SPAN", help="So long from now: '3 days', '2 business days', '4 hours'.")
@click.option("--reason", type=Words(), required=True, help="Why: the journal and `why` say it.")
@click.option("--by-whom", default="", metavar="EMAIL", help="Who of us says so; in team.yaml.")
def command(account: str, playbook: str, step: str | None, until: datetime | None, span: str | None, reason: str, by_whom: str) -> None:
    """Let a STEP of PLAYBOOK wait for ACCOUNT: its messages do not go, a wait does not end, before that time. Goal and exit go on.

    Without STEP the next one that does something. Postponed again, the last time holds.
    """
    from cs_engine.cli.find import one_of_us, the_plan
    from cs_engine.instants import from_micros, to_micros
    from cs_engine.run.desk.stepping import postpone
    from cs_engine.wiring import assemble

    if (until is None) == (span is None):
        raise click.UsageError("say until when: --until 2026-09-01T09:00+09:00, or --by '3 days'")
    with assemble() as assembled:
        the_plan(assembled.project, playbook)
        one_of_us(assembled.project, by_whom)
        at = to_micros(until if until is not None else _from_now(assembled.engine, str(span)))
        done = postpone(assembled.engine, account, playbook, step, at, reason, by_whom)
    when = from_micros(at).isoformat(timespec="minutes").replace("+00:00", "Z")
    for one in done:
        click.echo(f"{one.step} waits for {one.subject} until {when}" + ("." if one.fresh else " already: nothing was changed."))


def _from_now(engine: Engine, span: str) -> datetime:
    from zoneinfo import ZoneInfo

    from cs_engine.instants import from_micros
    from cs_engine.language import durations
    from cs_engine.run.desk.stepping import moment

    length = durations.parse(span)
    if length is None:
        raise WrongUse(f"{span!r} is no length of time", "write '3 days', '2 business days' or '4 hours'")
    project = engine.project
    off = project.is_day_off if length.unit == "business days" else None
    return durations.add(from_micros(moment(engine)), length, ZoneInfo(project.config.timezone), off=off)
