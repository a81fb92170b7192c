"""`cs-engine erase`."""

from __future__ import annotations

import sys

import click

from cs_engine.errors import WrongUse

STAYS = """\
It stays: ids, counts, states and times, without name, address or words; a keyed hash, by which they are never mailed again, and by which a
sync that finds them in the source keeps nothing of them but their id; what they refused, by the same hash.
It is yours to erase: them in your sources, backups, what Slack got, and mails to others that name them."""


@click.command("erase", epilog="\b\nExample:\n  cs-engine erase someone@customer.example")
@click.argument("person")
@click.option("--yes", is_flag=True, help="Do not ask.")
def command(person: str, yes: bool) -> None:
    """Take out what is held about PERSON, a contact's id or an address, and never mail them again. It cannot be taken back.

    Mail that has yet to go to them does not, and their passages end. Where mail goes through SendGrid it is asked to erase them, too. Again
    does no harm: a part that failed is made up for.
    """
    from cs_engine import settings as settings_module
    from cs_engine.clock import SystemClock
    from cs_engine.instants import to_micros
    from cs_engine.run.desk.person import erase, named
    from cs_engine.wiring import erase_at_vendor, registry

    settings = settings_module.load()
    with registry(settings) as found:
        who = named(found.store, found.project, found.hashes, person)
        known = found.store.held(who.whom)
        if "@" not in person and not known:
            raise WrongUse("nothing is held about a contact of that id; nothing was changed", "look it up in the source; ids are exact")
        if not yes:
            _ask(sum(map(len, known.values())))
        done, files = erase(found.store, found.usage, found.mailbox, who, to_micros(SystemClock().now()))
        click.echo(
            f"Erased. Contacts: {done.contacts:,}. Messages whose texts went: {done.messages:,}; that had yet to go, and do not: "
            f"{done.stopped:,}. Passages that ended: {done.passages:,}. Files of the mailbox: {files:,}."
        )
        click.echo(STAYS)
        job = erase_at_vendor(settings, found.project, who.addresses)
    if job is not None:
        click.echo(f"SendGrid was asked to erase them, too (job {job}).")


def _ask(rows: int) -> None:
    if not sys.stdin.isatty():
        raise WrongUse("erasing cannot be taken back; nothing was changed", "say --yes")
    click.confirm(f"Erase what is held about them ({rows:,} rows)? It cannot be taken back", abort=True)
