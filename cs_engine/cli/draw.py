"""`cs-engine draw`."""

from __future__ import annotations

from pathlib import Path

import click

from cs_engine.cli.show import say


@click.command(
    "draw",
    epilog="\b\nExamples:\n  cs-engine draw onboarding-self-serve > onboarding.mmd   # paste into any Markdown as ```mermaid\n"
    "  cs-engine draw onboarding-self-serve --format svg -o onboarding.svg",
)
@click.argument("playbook")
@click.option("--format", "form", type=click.Choice(["mermaid", "svg"]), default="mermaid", show_default=True)
@click.option("--output", "-o", type=click.Path(path_type=Path, dir_okay=False), help="Writes a file in place of standard output.")
def command(playbook: str, form: str, output: Path | None) -> None:
    """A playbook as a diagram: a Mermaid flowchart, or an SVG picture that needs no other program."""
    from cs_engine.cli.find import the_plan
    from cs_engine.playbook.draw import mermaid
    from cs_engine.playbook.svg import svg
    from cs_engine.wiring import load_project

    project = load_project()
    plan = the_plan(project, playbook)
    drawn = mermaid(plan) if form == "mermaid" else svg(plan, project.config.locale)
    if output is None:
        click.echo(drawn)
        return
    output.write_text(drawn, encoding="utf-8")
    say(f"Wrote {output}.")
