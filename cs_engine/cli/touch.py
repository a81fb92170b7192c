"""`cs-engine touch`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

import click

from cs_engine.cli.show import Moment
from cs_engine.errors import WrongUse
from cs_engine.journey.touch import KINDS

if TYPE_CHECKING:
    from cs_engine.playbook.project import Project


@click.command(
    "touch",
    epilog="\b\nExamples:\n  cs-engine touch acc_e46983976a --contact con_146a4827ea --kind call --by csm5@vendor.example\n"
    "  cs-engine touch acc_e46983976a --kind meeting --by csm5@vendor.example --at 2012-08-20T15:00Z",
)
@click.argument("account")
@click.option("--contact", "contacts", multiple=True, help="Whom it went to; again for several. Default: nobody in particular.")
@click.option("--kind", type=click.Choice(KINDS), required=True)
@click.option("--by", required=True, help="Who it was: an e-mail of team.yaml.")
@click.option("--at", type=Moment(), help="When it was; default: now.")
@click.option("--answered", type=click.Choice(["yes", "no"]), help="Whether they talked to you; default: a meeting yes, a call or mail no.")
def command(account: str, contacts: Sequence[str], kind: str, by: str, at: datetime | None, answered: str | None) -> None:
    """Log a call, mail or meeting of your own with ACCOUNT: it counts in `emails_30d`, `unanswered_streak` and under caps as ours do."""
    from cs_engine.instants import to_micros
    from cs_engine.journey.identity import touch_id
    from cs_engine.journey.touch import TALKED, Reaction, Touch, talked
    from cs_engine.wiring import assemble

    with assemble() as assembled:
        engine = assembled.engine
        when, now = at or engine.wall.now(), engine.wall.now()
        if when > now:
            raise WrongUse("that has not happened yet; nothing was written", "--at takes a time of the past")
        email = _staff(assembled.project, by)
        known = engine.store.known_contacts(account)
        if known is None:
            raise WrongUse(f"no account {account!r}; nothing was written", "look it up in the accounts source; ids are exact")
        if unknown := [contact for contact in contacts if contact not in known]:
            raise WrongUse(
                f"{account} has no contact {unknown[0]!r}; nothing was written", "look it up in the contacts source; ids are exact"
            )
        micros = to_micros(when)
        people = list(dict.fromkeys(contacts)) or [""]
        touches = [Touch(touch_id(account, contact, kind, email, micros), account, contact, kind, email, micros) for contact in people]
        reacted = people if talked(kind, answered or "") else []
        new = engine.store.log_touches(touches, [Reaction(account, contact, TALKED, micros) for contact in reacted])
    click.echo(f"Logged: {kind} with {account}." if new else "That was logged already.")


def _staff(project: Project, by: str) -> str:
    """The address as team.yaml has it."""
    from cs_engine.language.problems import did_you_mean

    emails = {person.email.lower(): person.email for person in project.team.staff}
    if by.lower() not in emails:
        near = did_you_mean(by, emails.values())
        raise WrongUse(f"{by!r} is nobody of team.yaml; nothing was written", near or "write the e-mail of somebody in team.yaml")
    return emails[by.lower()]
