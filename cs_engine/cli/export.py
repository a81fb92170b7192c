"""`cs-engine export`."""

from __future__ import annotations

import os
from pathlib import Path

import click


@click.command("export", epilog="\b\nExample:\n  cs-engine export someone@customer.example -o someone.json")
@click.argument("person")
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="A file for you alone; default: standard output.")
def command(person: str, output: Path | None) -> None:
    """All that is held about PERSON, a contact's id or an address, as JSON: profile, messages, answers, touches, reactions, preferences
    and their record, journal, usage. An address is held as a keyed hash in all places but two: contacts and mailbox.
    """
    import json

    from cs_engine import settings as settings_module
    from cs_engine.run.desk.person import exported, named
    from cs_engine.wiring import registry

    with registry(settings_module.load()) as found:
        who = named(found.store, found.project, found.hashes, person)
        said = exported(found.store, found.usage, found.mailbox, who)
    text = json.dumps(said, ensure_ascii=False, indent=1, default=str)
    if output is None:
        click.echo(text)
        return
    with open(output, "w", encoding="utf-8", opener=lambda path, flags: os.open(path, flags, 0o600)) as file:
        file.write(text + "\n")
    counted = {**{name: len(rows) for name, rows in said["held"].items()}, **{f"{s} (synced)": len(r) for s, r in said["synced"].items()}}
    click.echo(f"Written to {output}: " + ", ".join(f"{name} {n:,}" for name, n in counted.items()) + f", files {len(said['mailbox']):,}.")
