"""`cs-engine pause`."""

from __future__ import annotations

import click

from cs_engine.cli.show import Words


@click.command(
    "pause",
    epilog="\b\nExamples:\n  cs-engine pause went-quiet --reason 'the mail quotes last year'\n"
    "  cs-engine pause went-quiet --account acc_e46983976a --reason 'in talks with their board'",
)
@click.argument("playbook")
@click.option("--account", metavar="ID", help="This account alone, with all its contacts.")
@click.option("--reason", type=Words(), required=True, help="Why: `why`, the run's table and the journal say it.")
def command(playbook: str, account: str | None, reason: str) -> None:
    """Stop PLAYBOOK: nobody enters, nothing is sent, timers stand still; who succeeds or leaves does so.

    `resume` lets it go on: timers are longer by the pause, and what waited goes one after the other.
    """
    from cs_engine.cli.find import the_account, the_known_playbook
    from cs_engine.run.desk.pausing import pause
    from cs_engine.wiring import assemble

    with assemble() as assembled:
        the_known_playbook(assembled, playbook)
        if account is not None:
            the_account(assembled, account)
        pause(assembled.engine, playbook, account or "", reason)
    of = f" for {account}" if account else ""
    click.echo(f"Paused {playbook}{of}: {reason}\nTo go on: cs-engine resume {playbook}{f' --account {account}' if account else ''}")
