"""`cs-engine edit`."""

from __future__ import annotations

from pathlib import Path

import click

_EPILOG = """\b
Examples:
  cs-engine edit acc_e46983976a went-quiet --show > mail.txt           as it would go
  cs-engine edit acc_e46983976a went-quiet --file mail.txt --reason 'we spoke on Monday'
  cs-engine edit acc_e46983976a went-quiet check-in --undo --reason 'they asked for the usual one'
"""


@click.command("edit", epilog=_EPILOG)
@click.argument("account")
@click.argument("playbook")
@click.argument("step", required=False)
@click.option("--show", is_flag=True, help="Only show the mail: its subject, an empty line, its text.")
@click.option(
    "--file", "file", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="This goes instead, as --show writes it."
)
@click.option("--undo", is_flag=True, help="The step's own mail goes after all.")
@click.option("--for", "whose", default="", metavar="ID", help="The contact, or the passage, where several of the account are inside.")
@click.option("--reason", default="", help="Why: the journal and `why` say it. Not for --show.")
@click.option("--by-whom", default="", metavar="EMAIL", help="Who of us says so; in team.yaml.")
def command(
    account: str, playbook: str, step: str | None, show: bool, file: Path | None, undo: bool, whose: str, reason: str, by_whom: str
) -> None:
    """Write the next mail of PLAYBOOK to ACCOUNT differently: this text goes in its place, once to each recipient of the STEP.

    Without STEP the next mail. It may lie ahead, or wait already. `[[…]]` in it stands for a link that is each recipient's own.
    """
    from cs_engine.cli.find import one_of_us, the_plan
    from cs_engine.content.written import as_file, edited_in
    from cs_engine.errors import LostRace, WrongUse
    from cs_engine.run.desk.editing import draft, edit, take_back
    from cs_engine.run.observe import look
    from cs_engine.wiring import assemble

    if sum((show, file is not None, undo)) != 1:
        raise click.UsageError("one of --show, --file and --undo")
    if not show and not reason.strip():
        raise click.UsageError("say why: --reason")
    with assemble() as assembled:
        the_plan(assembled.project, playbook)
        one_of_us(assembled.project, by_whom)
        if not assembled.usage.synced():
            raise WrongUse("there is no usage yet", "cs-engine sync")
        tick = look(assembled.engine)
        try:
            found = draft(tick, account, playbook, step, whose)
        finally:
            tick.facts.close()
        if show:
            click.echo(as_file(found.subject, found.text), nl=False)
            return
        try:
            if file is not None:
                fresh = edit(assembled.engine, found, *edited_in(file), reason, by_whom)
            else:
                fresh = take_back(assembled.engine, found, reason, by_whom)
        except LostRace as lost:
            raise WrongUse("a run has moved it on meanwhile: nothing was changed", "say it again") from lost
    said = f"{found.step} goes as you wrote it to {found.subject_id}" if file is not None else f"{found.step} goes as the template says"
    click.echo(said + ("." if fresh else " already: nothing was changed."))
