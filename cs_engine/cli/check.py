"""`cs-engine check`."""

from __future__ import annotations

import sys
from contextlib import nullcontext
from pathlib import Path

import click

from cs_engine.cli.show import as_json, format_option, progress


@click.command("check", epilog="\b\nExamples:\n  cs-engine check\n  cs-engine check --fix\n  cs-engine check --format json | jq '.[].code'")
@click.option("--fix", is_flag=True, help="Mends what is certain first, in place, and shows the difference.")
@format_option
def command(form: str, fix: bool) -> None:
    """Every problem with file, line, column, code and a mend; exit 1 if any is an error."""
    if fix:
        _fix(form)
    # On a terminal only: whoever reads a pipe wants the problems, soon.
    with progress(quiet=False) if form == "text" and sys.stderr.isatty() else nullcontext() as bar:
        if bar is not None:
            bar.add_task("Checking the project", total=None)
        from cs_engine.language.problems import Level, render_all
        from cs_engine.wiring import check_project

        project, problems = check_project()
    errors = [p for p in problems if p.level is Level.ERROR]
    # Templates are read by whoever checks them; their lines are shown too.
    others = {p.place.file for p in problems} - set(project.sources)
    sources = {**project.sources, **{file: text for file in others if (text := _text(project.root / file)) is not None}}
    if form == "json":
        click.echo(as_json([p.as_json() for p in problems]))
    else:
        if problems:
            click.echo(render_all(problems, sources))
            click.echo("")
        warnings = len(problems) - len(errors)
        done = f"{len(project.plans) + len(project.broken)} playbooks checked: {len(errors)} error(s), {warnings} warning(s)."
        onward = "cs-engine run --dry-run" if project.plans else "cs-engine new --list, for a first playbook"
        click.echo(done + (" Mend the errors, then check again." if errors else f" Next: {onward}"))
    raise click.exceptions.Exit(1 if errors else 0)


def _fix(form: str) -> None:
    from cs_engine import settings
    from cs_engine.cli.fix import fix_all
    from cs_engine.errors import WrongUse

    if form == "json":
        raise WrongUse("--fix shows a difference, not JSON", "run cs-engine check --fix, then cs-engine check --format json")
    fix_all(settings.load().root)


def _text(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return None
