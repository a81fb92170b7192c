"""`cs-engine resume`."""

from __future__ import annotations

import click

from cs_engine.errors import WrongUse


@click.command("resume", epilog="\b\nExamples:\n  cs-engine resume went-quiet\n  cs-engine resume went-quiet --account acc_e46983976a")
@click.argument("playbook")
@click.option("--account", metavar="ID", help="This account alone, which was paused alone.")
def command(playbook: str, account: str | None) -> None:
    """Let PLAYBOOK go on that somebody paused, or that stopped itself; its failures are forgotten.

    From its next tick on timers run with what they had left, and what waited goes one after the other, within a day.
    """
    from cs_engine.cli.find import the_known_playbook
    from cs_engine.run.desk.pausing import resume
    from cs_engine.wiring import assemble

    with assemble() as assembled:
        the_known_playbook(assembled, playbook)
        if not resume(assembled.engine, playbook, account or ""):
            of = f" for {account}" if account else ""
            raise WrongUse(f"{playbook} is not paused{of}", "cs-engine why ACCOUNT PLAYBOOK says what an account waits for")
    click.echo(f"{playbook} goes on at its next tick.")
