"""`cs-engine list`."""

from __future__ import annotations

from typing import Any

import click

from cs_engine.cli.show import as_json, format_option
from cs_engine.cli.show import console as open_console
from cs_engine.cli.show import table as new_table

_AS_A_RULE = {"mode": "live"}
"""Column -> what it says of most: where it says so of all, or nothing of any, it is left out."""


@click.command("list", epilog="\b\nExamples:\n  cs-engine list\n  cs-engine list --format json | jq '.playbooks[].playbook'")
@format_option
def command(form: str) -> None:
    """Playbooks and how they stand, segments, metrics and milestones: what each is, and who uses it."""
    from cs_engine.run.desk.inventory import inventory
    from cs_engine.wiring import load_project, standing_orders

    found = inventory(load_project(), standing_orders())
    if form == "json":
        click.echo(as_json(found))
        return
    console = open_console()
    for kind, rows in found.items():
        if not rows:
            continue
        table = new_table(kind)
        shown = [column for column in rows[0] if any(row[column] not in ("", _AS_A_RULE.get(column)) for row in rows)]
        for number, column in enumerate(shown):
            table.add_column(column, no_wrap=number == 0)
        for row in rows:
            table.add_row(*(_cell(row[column]) for column in shown))
        console.print(table)


def _cell(value: Any) -> str:
    from rich.markup import escape

    if isinstance(value, list):
        return escape(", ".join(map(str, value)) or "-")
    return "" if value is None else escape(str(value))
