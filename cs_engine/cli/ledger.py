"""`cs-engine ledger`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from cs_engine.cli.show import as_json, format_option
from cs_engine.cli.show import console as open_console
from cs_engine.cli.show import table as new_table
from cs_engine.errors import NoAccount

if TYPE_CHECKING:
    from cs_engine.ports import Store


@click.command(
    "ledger", epilog="\b\nExamples:\n  cs-engine ledger acc_e46983976a\n  cs-engine ledger --format json | jq '.[] | select(.now > 0)'"
)
@click.argument("account", required=False)
@format_option
def command(account: str | None, form: str) -> None:
    """What went to ACCOUNT and what came back, newest first; without ACCOUNT: whom persistence has lost, by playbook and CSM."""
    from cs_engine.wiring import assemble

    with assemble() as assembled:
        store = assembled.engine.store
        rows = _losses(store) if account is None else _touches(store, account)
        if account is not None and not rows and store.known_contacts(account) is None:
            raise NoAccount(account)
    if form == "json":
        click.echo(as_json(rows))
    elif rows:
        table = new_table("Lost by persistence" if account is None else f"Touches and reactions of {account}")
        for name in rows[0]:
            table.add_column(name, no_wrap=True)
        for row in rows:
            table.add_row(*(str(value) if value != "" else "-" for value in row.values()))
        open_console().print(table)
    else:
        click.echo("Nobody is lost by persistence." if account is None else "Nothing went there, and nothing came back.")


def _losses(store: Store) -> list[dict[str, Any]]:
    return [{"playbook": n.playbook, "csm": n.csm, "ever": n.ever, "now": n.now} for n in store.loss_counts()]


def _touches(store: Store, account: str) -> list[dict[str, Any]]:
    from cs_engine.instants import from_micros

    return [
        {
            "at": from_micros(t.at).isoformat(timespec="seconds").replace("+00:00", "Z"), "what": t.kind, "contact": t.contact_id,
            "playbook": t.playbook, "step": t.step, "by": t.by,
        }
        for t in store.touches_of(account, 0)
    ]  # fmt: skip
