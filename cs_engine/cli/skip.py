"""`cs-engine skip`."""

from __future__ import annotations

import click

from cs_engine.cli.show import Words


@click.command(
    "skip",
    epilog="\b\nExamples:\n  cs-engine skip acc_e46983976a went-quiet --reason 'spoke to them on the phone'\n"
    "  cs-engine skip acc_e46983976a onboarding-self-serve explore --reason 'they know it' --by-whom csm5@vendor.example",
)
@click.argument("account")
@click.argument("playbook")
@click.argument("step", required=False)
@click.option("--reason", type=Words(), required=True, help="Why: the journal and `why` say it.")
@click.option("--by-whom", default="", metavar="EMAIL", help="Who of us says so; in team.yaml.")
def command(account: str, playbook: str, step: str | None, reason: str, by_whom: str) -> None:
    """Skip a STEP of PLAYBOOK for ACCOUNT: what is planned of it and has not left is not sent, a wait ends, and the passage goes on.

    Without STEP the next one that does something. STEP may lie ahead: it is passed by when the passage comes to it.
    """
    from cs_engine.cli.find import one_of_us, the_plan
    from cs_engine.run.desk.stepping import skip
    from cs_engine.wiring import assemble

    with assemble() as assembled:
        the_plan(assembled.project, playbook)
        one_of_us(assembled.project, by_whom)
        done = skip(assembled.engine, account, playbook, step, reason, by_whom)
    for one in done:
        click.echo(f"{one.step} is skipped for {one.subject}" + ("." if one.fresh else " already: nothing was changed."))
