"""`cs-engine sync`."""

from __future__ import annotations

import click

from cs_engine.cli.show import as_json, format_option, progress, quiet_option, say


@click.command("sync", epilog="\b\nExamples:\n  cs-engine sync\n  cs-engine sync --format json --quiet")
@click.option("--anew", is_flag=True, help="Of databases read all days again, also those that are older than `late`.")
@format_option
@quiet_option
def command(anew: bool, form: str, quiet: bool) -> None:
    """Read accounts, contacts and usage from the sources of project.yaml. Bad rows are reported by line; too many stop it."""
    from cs_engine.run.sync import sync
    from cs_engine.wiring import assemble

    with assemble() as assembled, progress(quiet) as bar:
        task = bar.add_task("Reading the sources", total=None)
        reports = sync(assembled.engine, lambda text: bar.update(task, description=text), anew=anew)
    if form == "json":
        click.echo(as_json([report._asdict() for report in reports]))
        return
    for report in reports:
        bad = f", {report.bad} bad" if report.bad else ""
        bad += f", {report.waiting} wait for their account" if report.waiting else ""
        bad += "" if report.fresh is None else f", {report.fresh} read now" if report.fresh else ", nothing new"
        say(f"{report.source}: {report.kept} of {report.read} rows{bad}{'; ' if report.note else ''}{report.note}", quiet)
        for example in report.examples:
            say(f"  {example}")
        for note in report.odd:
            say(f"  note: {note}")
