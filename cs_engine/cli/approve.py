"""`cs-engine approve`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from cs_engine.errors import WrongUse

if TYPE_CHECKING:
    from cs_engine.journey.approval import Approval
    from cs_engine.ports import Store
    from cs_engine.wiring import Assembled

_EPILOG = """\b
Examples:
  cs-engine approve                                     mails that wait for a yes
  cs-engine approve msg_0a1b2c --show > mail.txt        as it would go
  cs-engine approve msg_0a1b2c --edit mail.txt          this goes instead
  cs-engine approve msg_0a1b2c --no "not this quarter"
  cs-engine approve run_20260302T100000Z                what a guard holds since that run
"""


@click.command("approve", epilog=_EPILOG)
@click.argument("id", required=False)
@click.option("--show", is_flag=True, help="Only show the mail: its subject, an empty line, its text.")
@click.option(
    "--edit", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Send the text of this file instead, as --show writes it."
)
@click.option("--no", "refusal", metavar="REASON", help="Do not send it.")
def command(id: str | None, show: bool, edit: Path | None, refusal: str | None) -> None:
    """Say yes to a mail that waits for one, or let go what a guard holds since a run. Without ID: the mails that wait.

    What you were shown is what is sent. A run's ID is named by `run`, Slack and `why`; the next run of each playbook may then do as much
    as was wanted, and a tenth more, and a yes to data holds until they are well again.
    """
    from cs_engine.content.written import as_file
    from cs_engine.wiring import assemble

    if sum(map(bool, (show, edit, refusal))) > 1 or (id is None and (show or edit or refusal)):
        raise click.UsageError("--show, --edit and --no go alone, with the id of a message")
    with assemble() as assembled:
        if id is None:
            _list(assembled.engine.store)
        elif id.startswith("run_"):
            _let_go(assembled, id)
        else:
            approval = _waiting(assembled.engine.store, id)
            if show:
                click.echo(as_file(approval.subject, approval.text), nl=False)
            else:
                _answer(assembled, approval, edit, refusal)


def _list(store: Store) -> None:
    from cs_engine.instants import from_micros

    waiting = store.approvals_waiting()
    for a in waiting:
        until = f"until {from_micros(a.deadline):%Y-%m-%d %H:%M}" + (", escalated" if a.escalated_at is not None else "")
        click.echo(f"{a.message_id}  {a.playbook}/{a.step}  {a.account_id}  {a.approver}  {until}")
    if not waiting:
        click.echo("No mail waits for a yes.")


def _waiting(store: Store, id: str) -> Approval:
    found = store.approvals([id]).get(id)
    if found is None:
        raise WrongUse(f"no mail {id!r} waits for a yes", "`cs-engine approve` alone names those that do; the id of a run begins run_")
    return found


def _answer(assembled: Assembled, approval: Approval, edit: Path | None, refusal: str | None) -> None:
    from getpass import getuser

    from cs_engine.content.written import edited_in
    from cs_engine.run.desk.approving import answer

    engine, edited = assembled.engine, None if edit is None else edited_in(edit)
    done = answer(
        engine.store, engine.project, approval, getuser(), engine.wall.now(), yes=refusal is None, reason=refusal or "", edited=edited
    )
    if not done:
        mend = f"cs-engine why {approval.account_id} {approval.playbook}"
        raise WrongUse(f"{approval.message_id} has been answered before, or cannot go any more", mend)
    click.echo("It will not be sent." if refusal is not None else "Approved: it goes at the next run.")


def _let_go(assembled: Assembled, id: str) -> None:
    from getpass import getuser

    from cs_engine.run.guarding import ALL, approve

    waiting = approve(assembled.engine, id, getuser())
    if not waiting:
        raise WrongUse(f"nothing waits since {id}", "`cs-engine run` names what waits, and since which run")
    for order in waiting:
        click.echo(f"{order.playbook or ALL}: {order.reason}: approved for the next run.")
