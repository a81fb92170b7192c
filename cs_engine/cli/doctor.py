"""`cs-engine doctor`."""

from __future__ import annotations

import click

from cs_engine.cli.show import as_json, format_option


@click.command("doctor", epilog="\b\nExample:\n  cs-engine doctor && cs-engine run")
@format_option
def command(form: str) -> None:
    """Settings, database, Prefect, templates and keys: what is wrong and how to mend it. Exit 1 when something is."""
    from cs_engine.doctor import examine

    findings = examine()
    if form == "json":
        click.echo(as_json([finding._asdict() for finding in findings]))
    else:
        colours = {"ok": "green", "warning": "yellow", "wrong": "red"}
        for finding in findings:
            click.echo(f"{click.style(f'{finding.state:<7}', fg=colours[finding.state])}  {finding.what}: {finding.message}")
            if finding.mend:
                click.echo(f"           mend: {finding.mend}")
    raise click.exceptions.Exit(1 if any(finding.state == "wrong" for finding in findings) else 0)
