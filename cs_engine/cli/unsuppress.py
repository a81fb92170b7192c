"""`cs-engine unsuppress`."""

from __future__ import annotations

import click


@click.command("unsuppress", epilog="\b\nExample:\n  cs-engine unsuppress someone@customer.example")
@click.argument("address")
def command(address: str) -> None:
    """Let mail go to ADDRESS again: it was suppressed by mistake, or its person asks for mail, and you can show that they did.

    What they refused by themselves, topic by topic, stands.
    """
    from cs_engine import settings as settings_module
    from cs_engine.cli.suppress import require_address
    from cs_engine.instants import from_micros
    from cs_engine.wiring import email_hasher, open_store

    require_address(address)
    settings = settings_module.load()
    store = open_store(settings)
    try:
        stood = store.unsuppress(email_hasher(settings)(address))
    finally:
        store.close()
    if not stood:
        click.echo("That address was not suppressed.")
        return
    reason, since = stood[0]
    click.echo(f"Mail may go to that address again. It was suppressed since {from_micros(since):%Y-%m-%d}: {reason}.")
