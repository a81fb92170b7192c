"""`cs-engine suppress`."""

from __future__ import annotations

import click

from cs_engine.errors import WrongUse


@click.command("suppress", epilog="\b\nExample:\n  cs-engine suppress someone@customer.example --reason asked")
@click.argument("address")
@click.option("--reason", default="asked", show_default=True, help="A word for the record.")
def command(address: str, reason: str) -> None:
    """Never mail ADDRESS again. Only a keyed hash of it is kept; it outlives the contact.

    The key is in CS_ENGINE_SECRET_KEYS, or else .cs-engine/secret.key. When you change keys, put the new one first and keep the old
    one behind it: suppressions of people who are no contacts just now are held under it alone.
    """
    from cs_engine import settings as settings_module
    from cs_engine.clock import SystemClock
    from cs_engine.instants import to_micros
    from cs_engine.wiring import email_hasher, open_store

    require_address(address)
    settings = settings_module.load()
    store = open_store(settings)
    now = to_micros(SystemClock().now())
    try:
        # Under every key: the contact may not have been read since the newest came.
        new = [store.suppress(hashed, reason, now) for hashed in email_hasher(settings)(address)]
    finally:
        store.close()
    click.echo("Suppressed: no mail goes to that address any more." if any(new) else "That address was suppressed already.")


def require_address(address: str) -> None:
    """Raises WrongUse for what cannot be an address."""
    if address.count("@") != 1 or address.startswith("@") or address.endswith("@") or any(c.isspace() for c in address.strip()):
        raise WrongUse("that is no e-mail address; nothing was written", "write it as name@company.example")
