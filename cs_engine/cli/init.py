"""`cs-engine init`."""

from __future__ import annotations

from pathlib import Path

import click

from cs_engine.cli.show import say
from cs_engine.errors import WrongUse


@click.command(
    "init", epilog="\b\nExamples:\n  cs-engine init demo && cd demo && cs-engine check && cs-engine run\n  cs-engine init ours --empty"
)
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@click.option("--empty", is_flag=True, help="Without the sample: project.yaml and team.yaml to fill in, no playbook, no customer.")
def command(folder: Path, empty: bool) -> None:
    """Make a new project in FOLDER: playbooks, templates and real sample usage, which passes `check` and `run` as it is."""
    from cs_engine.starter import make_project

    if folder.exists() and any(folder.iterdir()):
        raise WrongUse(f"{folder} is not empty; nothing was written", "name a new folder, or empty this one")
    folder.mkdir(parents=True, exist_ok=True)
    make_project(folder, empty=empty)
    there = "" if folder.resolve() == Path.cwd() else f"cd {folder} && "
    if empty:
        say(f"Made an empty project in {folder}. See its README.md.")
        say("Next: name your files in playbooks/project.yaml and your people in playbooks/team.yaml, then")
        say(f"{there}cs-engine sync && cs-engine new --list")
        return
    say(f"Made a project in {folder}: playbooks/, templates/, flows/, prefect.yaml and the sample usage in data/. See its README.md.")
    say(f"Next: {there}cs-engine check && cs-engine run --from 2012-08-13T17:00Z --to 2012-08-31T17:00Z --every 1d")
