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
  cs-engine approve msg_0a1b2c --link --by-whom csm5@vendor.example   read and answer it in a browser
  cs-engine approve run_20260302T100000Z                what a guard holds since that run
"""


@click.command("approve", epilog=_EPILOG)
@click.argument("id", required=False)
@click.option("--show", is_flag=True, help="Only show the mail: its subject, an empty line, its text.")
@click.option(
    "--edit", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Send the text of this file instead, as --show writes it."
)
@click.option("--no", "refusal", metavar="REASON", help="Do not send it.")
@click.option("--link", is_flag=True, help="Print a link by which --by-whom reads, edits and answers it in a browser; for an hour.")
@click.option("--by-whom", default="", metavar="EMAIL", help="Who of us answers; in team.yaml. Default: your user's name here.")
def command(id: str | None, show: bool, edit: Path | None, refusal: str | None, link: bool, by_whom: str) -> None:
    """Say yes to a mail that waits for one, or let go what a guard holds since a run. Without ID: the mails that wait.

    What you were shown is what is sent. A run's ID is named by `run`, Slack and `why`; the next run of each playbook may then do as much
    as was wanted, and a tenth more, and a yes to data holds until they are well again.
    """
    from cs_engine.cli.find import one_of_us
    from cs_engine.content.written import as_file
    from cs_engine.wiring import assemble

    if sum(map(bool, (show, edit, refusal, link))) > 1 or (id is None and (show or edit or refusal or link)):
        raise click.UsageError("--show, --edit, --no and --link go alone, with the id of a message")
    if link and not by_whom:
        raise click.UsageError("say whose link it is: --by-whom")
    with assemble() as assembled:
        one_of_us(assembled.project, by_whom)
        if id is None:
            _list(assembled.engine.store)
        elif id.startswith("run_"):
            _let_go(assembled, id, by_whom)
        else:
            approval = _waiting(assembled.engine.store, id)
            if show:
                click.echo(as_file(approval.subject, approval.text), nl=False)
            elif link:
                _link(assembled, approval, by_whom)
            else:
                _answer(assembled, approval, edit, refusal, by_whom)


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


def _link(assembled: Assembled, approval: Approval, by_whom: str) -> None:
    from cs_engine.instants import from_micros
    from cs_engine.journey.approval import Answer
    from cs_engine.run.desk.reading import barred, one_of
    from cs_engine.wiring import review_links

    engine, person = assembled.engine, one_of(assembled.project, by_whom)
    assert person is not None, "one_of_us has looked"
    if (why := barred(engine.project, person.email, engine.wall.now())) is not None:
        raise WrongUse(f"they are away today, and {why[1]} answers for them", "make the link for who is there, or mend `away` in team.yaml")
    envelope = engine.store.envelope(approval.message_id)
    if approval.answer is not Answer.WAITING or envelope is None or envelope.settled:
        raise _too_late(approval)
    link = review_links(assembled.settings).invite([approval.message_id], person.email, from_micros(approval.deadline))
    click.echo(link.url)
    click.echo(f"For {person.email} alone, until {link.ends:%Y-%m-%d %H:%M} UTC: whoever has it can answer in their name.", err=True)


def _answer(assembled: Assembled, approval: Approval, edit: Path | None, refusal: str | None, by_whom: str) -> None:
    from getpass import getuser

    from cs_engine.content.written import edited_in
    from cs_engine.run.desk.approving import answer

    engine, edited = assembled.engine, None if edit is None else edited_in(edit)
    by = by_whom or getuser()
    if not answer(engine.store, engine.project, approval, by, engine.wall.now(), yes=refusal is None, reason=refusal or "", edited=edited):
        raise _too_late(approval)
    click.echo("It will not be sent." if refusal is not None else "Approved: it goes at the next run.")


def _too_late(approval: Approval) -> WrongUse:
    mend = f"cs-engine why {approval.account_id} {approval.playbook}"
    return WrongUse(f"{approval.message_id} has been answered before, or cannot go any more", mend)


def _let_go(assembled: Assembled, id: str, by_whom: str) -> None:
    from getpass import getuser

    from cs_engine.run.guarding import ALL, approve

    waiting = approve(assembled.engine, id, by_whom or getuser())
    if not waiting:
        raise WrongUse(f"nothing waits since {id}", "`cs-engine run` names what waits, and since which run")
    for order in waiting:
        click.echo(f"{order.playbook or ALL}: {order.reason}: approved for the next run.")
