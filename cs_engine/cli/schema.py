"""`cs-engine schema`."""

from __future__ import annotations

import click


@click.command(
    "schema", epilog="\b\nThen, on a playbook's first line:\n  # yaml-language-server: $schema=../../.cs-engine/schemas/playbook.json"
)
def command() -> None:
    """Write the JSON schemas to .cs-engine/schemas/: completion and hover in editors with the YAML language server."""
    from cs_engine import settings
    from cs_engine.playbook.schema import write_schemas

    folder = settings.load().work_folder / "schemas"
    written = write_schemas(folder)
    click.echo(f"{len(written)} schemas written to {folder}: {', '.join(path.name for path in written)}")
