"""`cs-engine init`."""

from __future__ import annotations

from pathlib import Path

import click

from cs_engine.cli.show import say
from cs_engine.errors import WrongUse


@click.command("init", epilog="\b\nExample:\n  cs-engine init demo && cd demo && cs-engine check && cs-engine run")
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
def command(folder: Path) -> None:
    """Make a new project in FOLDER: playbooks, templates and real sample usage, which passes `check` and `run` as it is."""
    from cs_engine.starter import make_project

    if folder.exists() and any(folder.iterdir()):
        raise WrongUse(f"{folder} is not empty; nothing was written", "name a new folder, or empty this one")
    folder.mkdir(parents=True, exist_ok=True)
    make_project(folder)
    say(f"Made a project in {folder}: playbooks/, templates/, flows/, prefect.yaml and the sample usage in data/. See its README.md.")
    there = "" if folder.resolve() == Path.cwd() else f"cd {folder} && "
    say(f"Next: {there}cs-engine check && cs-engine run --from 2012-08-13T17:00Z --to 2012-08-31T17:00Z --every 1d")
