"""`cs-engine resolve`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from cs_engine.ports import Store

_EPILOG = """\b
Examples:
  cs-engine resolve                                        messages of which nobody knows whether they arrived
  cs-engine resolve msg_0a1b2c sent --reason 'she answered it'
  cs-engine resolve msg_0a1b2c not-sent --reason 'not in the vendor's log' --by-whom csm5@vendor.example
"""


@click.command("resolve", epilog=_EPILOG)
@click.argument("message", required=False)
@click.argument("fate", required=False, type=click.Choice(["sent", "not-sent"]))
@click.option("--reason", default="", help="How you know: the journal and `why` say it.")
@click.option("--by-whom", default="", metavar="EMAIL", help="Who of us says so; in team.yaml.")
def command(message: str | None, fate: str | None, reason: str, by_whom: str) -> None:
    """Say what became of a MESSAGE that is uncertain: `sent`, or `not-sent`, and it goes again at the next run.

    Without MESSAGE: those that are. A channel that can tell by itself, and the step's `uncertain` key, settle most of them.
    """
    from cs_engine.cli.find import one_of_us
    from cs_engine.run.desk.resolving import resolve
    from cs_engine.wiring import assemble

    if message is not None and (fate is None or not reason.strip()):
        raise click.UsageError("say what became of it, and how you know: MESSAGE sent|not-sent --reason '…'")
    with assemble() as assembled:
        one_of_us(assembled.project, by_whom)
        if message is None:
            _list(assembled.engine.store)
            return
        found = resolve(assembled.engine, message, reason, by_whom, sent=fate == "sent")
    said = "is taken as sent." if fate == "sent" else "goes again at the next run."
    click.echo(f"{found.playbook}/{found.step} to {found.recipient} {said}")


def _list(store: Store) -> None:
    from cs_engine.instants import from_micros

    doubtful = store.uncertain()
    for m in doubtful:
        since = f"{from_micros(m.moved_at):%Y-%m-%d %H:%M}"
        click.echo(f"{m.id}  {m.playbook}/{m.step}  {m.account_id}  {m.channel} to {m.recipient}  since {since}  {m.reason}")
    if not doubtful:
        click.echo("Nothing is uncertain.")
