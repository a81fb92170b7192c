"""`cs-engine confirm`."""

from __future__ import annotations

import click

from cs_engine.cli.show import Words


@click.command(
    "confirm",
    epilog="\b\nExamples:\n  cs-engine confirm acc_e46983976a habit --reason 'she said so on the phone'\n"
    "  cs-engine confirm acc_e46983976a habit --reason 'in the review' --by-whom csm5@vendor.example",
)
@click.argument("account")
@click.argument("milestone")
@click.option("--reason", type=Words(), required=True, help="How you know: the journal says it.")
@click.option("--by-whom", default="", metavar="EMAIL", help="Who of us says so; in team.yaml.")
def command(account: str, milestone: str, reason: str, by_whom: str) -> None:
    """Say yes to a MILESTONE with `confirm` for the customer: it counts from the next run on, as of when it came true.

    What waits for their word: cs-engine milestones ACCOUNT.
    """
    from cs_engine.cli.find import one_of_us
    from cs_engine.run.desk.confirming import confirm
    from cs_engine.wiring import assemble

    with assemble() as assembled:
        one_of_us(assembled.project, by_whom)
        confirm(assembled.engine, account, milestone, reason, by_whom)
    click.echo(f"{milestone} of {account} counts from the next run on.")
