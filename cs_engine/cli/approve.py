"""`cs-engine approve`."""

from __future__ import annotations

import click

from cs_engine.errors import WrongUse


@click.command("approve", epilog="\b\nExample:\n  cs-engine approve run_20260302T100000Z")
@click.argument("id")
def command(id: str) -> None:
    """Let go what a guard holds since the run ID: `run`, Slack and `why` name it.

    The next run of each playbook may do as much as was wanted, and a tenth more. A yes to data holds until they are well again.
    """
    from getpass import getuser

    from cs_engine.run.guarding import ALL, approve
    from cs_engine.wiring import assemble

    if not id.startswith("run_"):
        raise WrongUse(f"{id!r} is no run", "the id of a run begins run_: `cs-engine run` names what waits")
    with assemble() as assembled:
        waiting = approve(assembled.engine, id, getuser())
    if not waiting:
        raise WrongUse(f"nothing waits since {id}", "`cs-engine run` names what waits, and since which run")
    for order in waiting:
        click.echo(f"{order.playbook or ALL}: {order.reason}: approved for the next run.")
