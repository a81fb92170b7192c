"""`cs-engine doctor`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from cs_engine.cli.show import as_json, format_option, progress

if TYPE_CHECKING:
    from cs_engine.doctor import Finding

_COLOURS = {"ok": "green", "warning": "yellow", "wrong": "red"}


@click.command("doctor", epilog="\b\nExamples:\n  cs-engine doctor && cs-engine run\n  cs-engine doctor --format json")
@format_option
def command(form: str) -> None:
    """Settings, database, Prefect, templates and keys: what is wrong and how to mend it. Exit 1 when something is."""
    from cs_engine.doctor import examine

    findings: list[Finding] = []
    with progress(quiet=form == "json") as bar:
        bar.add_task("Looking", total=None)
        for finding in examine():
            findings.append(finding)
            if form == "text":
                _show(finding)
    if form == "json":
        click.echo(as_json([finding._asdict() for finding in findings]))
    raise click.exceptions.Exit(1 if any(finding.state == "wrong" for finding in findings) else 0)


def _show(finding: Finding) -> None:
    click.echo(f"{click.style(f'{finding.state:<7}', fg=_COLOURS[finding.state])}  {finding.what}: {finding.message}")
    if finding.mend:
        click.echo(f"           mend: {finding.mend}")
