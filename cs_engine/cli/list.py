"""`cs-engine list`."""

from __future__ import annotations

from typing import Any

import click

from cs_engine.cli.show import as_json, format_option
from cs_engine.cli.show import console as open_console
from cs_engine.cli.show import table as new_table


@click.command("list", epilog="\b\nExamples:\n  cs-engine list\n  cs-engine list --format json | jq '.playbooks[].playbook'")
@format_option
def command(form: str) -> None:
    """Playbooks, segments, metrics and milestones: what each is, and who uses it."""
    from cs_engine.run.inventory import inventory
    from cs_engine.wiring import load_project

    found = inventory(load_project())
    if form == "json":
        click.echo(as_json(found))
        return
    console = open_console()
    for kind, rows in found.items():
        if not rows:
            continue
        table = new_table(kind)
        for number, column in enumerate(rows[0]):
            table.add_column(column, no_wrap=number == 0)
        for row in rows:
            table.add_row(*(_cell(value) for value in row.values()))
        console.print(table)


def _cell(value: Any) -> str:
    from rich.markup import escape

    if isinstance(value, list):
        return escape(", ".join(map(str, value)) or "-")
    return "" if value is None else escape(str(value))
