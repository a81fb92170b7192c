"""`cs-engine list`."""

from __future__ import annotations

from typing import Any

import click

from cs_engine.cli.show import as_json, format_option


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
    from rich.console import Console
    from rich.table import Table

    console = Console(highlight=False)
    for kind, rows in found.items():
        if not rows:
            continue
        table = Table(title=kind, title_justify="left")
        for column in rows[0]:
            table.add_column(column)
        for row in rows:
            table.add_row(*(_cell(value) for value in row.values()))
        console.print(table, markup=False)


def _cell(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "-"
    return "" if value is None else str(value)
