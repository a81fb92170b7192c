"""`cs-engine apply`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from cs_engine.cli.show import progress, quiet_option, say_away
from cs_engine.errors import WrongUse

if TYPE_CHECKING:
    from cs_engine.run.desk.changes import Change


@click.command(
    "apply",
    epilog="\b\nExamples:\n  cs-engine apply --existing skip\n  cs-engine apply --migrate   # moves those inside, too",
)
@click.option("--migrate", is_flag=True, help="Move those inside older versions into the new ones, by the ids of steps.")
@click.option(
    "--existing",
    type=click.Choice(["skip", "include"]),
    help="Who matches a new playbook already: left out or taken, where it does not say. Asked on a terminal.",
)
@click.option(
    "--removed",
    type=click.Choice(["keep", "end"]),
    help="Who is inside a playbook that the project has no more: goes on to its end, or ends now. Asked on a terminal.",
)
@quiet_option
def command(migrate: bool, existing: str | None, removed: str | None, quiet: bool) -> None:
    """Make the playbooks, as they are written, what new entrants get; `plan` shows what that changes.

    Nobody who matches a new playbook already is mailed without a yes. Those inside stay on their version unless --migrate moves them:
    the past is not run again, timers are kept, and who stands at a step that is gone goes where `redirect` says, or ends. Those inside
    a playbook whose file was removed end if somebody says so.
    """
    from cs_engine.cli.plan import told
    from cs_engine.run.desk.changes import apply, changes
    from cs_engine.run.observe import look
    from cs_engine.wiring import assemble

    with progress(quiet) as bar, assemble() as assembled:
        task = bar.add_task("Reading the project", total=None)
        say_away(assembled.refresh(lambda text: bar.update(task, description=text)))
        tick = look(assembled.engine)
        found = changes(tick)
        bar.stop()
        if not quiet:
            click.echo("\n".join(told(found)))
        answers = _answers(found, existing)
        ending = _ending(found, removed)
        moves = apply(tick, found, answers, migrate=migrate, ending=ending)
        tick.facts.close()
    if quiet:
        return
    for playbook, counted in sorted(moves.items()):
        if playbook in ending:
            click.echo(f"{playbook}: {counted['ended']:,} ended (playbook_removed)")
            continue
        ended = f"{counted['removed']:,} ended (step_removed)"
        click.echo(f"{playbook}: {counted['stays']:,} moved, {counted['redirected']:,} redirected, {ended}")
    for playbook, answer in sorted(answers.items()):
        click.echo(f"{playbook}: who matches already is {'taken' if answer == 'include' else 'left out'} at its first run.")
    click.echo("Applied. The next run works with it.")


def _answers(found: Sequence[Change], existing: str | None) -> dict[str, str]:
    """Playbook -> skip | include, of those that ask. Raises WrongUse where there is nobody to ask."""
    asking = [change for change in found if change.asks]
    if existing is not None:
        return {change.playbook: existing for change in asking}
    if asking and not sys.stdin.isatty():
        said = ", ".join(f"{change.playbook} ({change.match_already:,})" for change in asking)
        raise WrongUse(
            f"accounts or contacts match already: {said}; nothing was changed",
            "say --existing skip or --existing include, or write `existing:` into the playbook",
        )
    return {
        change.playbook: click.prompt(
            f"{change.playbook}: {change.match_already:,} match already. Leave them out, or take them?",
            type=click.Choice(["skip", "include"]),
            default="skip",
        )
        for change in asking
    }


def _ending(found: Sequence[Change], removed: str | None) -> list[str]:
    """Playbooks that the project has no more and whose people are to end now. Raises WrongUse where there is nobody to ask."""
    behind = [change for change in found if change.left_behind]
    if removed is not None:
        return [change.playbook for change in behind] if removed == "end" else []
    if behind and not sys.stdin.isatty():
        said = ", ".join(f"{change.playbook} ({change.left_behind:,})" for change in behind)
        raise WrongUse(f"people are inside playbooks that were removed: {said}; nothing was changed", "say --removed keep or --removed end")
    return [change.playbook for change in behind if _asked(change) == "end"]


def _asked(change: Change) -> str:
    answer: str = click.prompt(
        f"{change.playbook} was removed: {change.left_behind:,} are inside. Do they go on to its end, or end now?",
        type=click.Choice(["keep", "end"]),
        default="keep",
    )
    return answer
