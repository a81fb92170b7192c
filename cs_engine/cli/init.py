"""`cs-engine init`."""

from __future__ import annotations

from pathlib import Path

import click

from cs_engine.cli.show import say
from cs_engine.errors import WrongUse

_IGNORE = ".cs-engine/\n.env\n__pycache__/\n"


@click.command("init", epilog="\b\nExample:\n  cs-engine init demo && cd demo && cs-engine check && cs-engine run")
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
def command(folder: Path) -> None:
    """Make a new project in FOLDER: playbooks, templates and real sample usage, which passes `check` and `run` as it is."""
    import shutil

    from cs_engine.playbook.schema import write_schemas
    from cs_engine.starter import starter

    if folder.exists() and any(folder.iterdir()):
        raise WrongUse(f"{folder} is not empty; nothing was written", "name a new folder, or empty this one")
    folder.mkdir(parents=True, exist_ok=True)
    for name, source in starter().items():
        shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__", "*.pyc"))
    (folder / ".gitignore").write_text(_IGNORE, encoding="utf-8")
    write_schemas(folder / ".cs-engine" / "schemas")
    say(f"Made a project in {folder}: playbooks/, templates/, flows/ and the sample usage in data/.")
    say(f"Next: cd {folder} && cs-engine check && cs-engine run --from 2012-08-13T17:00Z --to 2012-08-31T17:00Z --every 1d")
