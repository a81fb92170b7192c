"""`cs-engine draw`."""

from __future__ import annotations

import click


@click.command(
    "draw", epilog="\b\nExample:\n  cs-engine draw onboarding-self-serve > onboarding.mmd   # paste into any Markdown as ```mermaid"
)
@click.argument("playbook")
def command(playbook: str) -> None:
    """A playbook as a Mermaid flowchart, on standard output."""
    from cs_engine.cli.find import the_plan
    from cs_engine.playbook.draw import mermaid
    from cs_engine.wiring import load_project

    click.echo(mermaid(the_plan(load_project(), playbook)))
