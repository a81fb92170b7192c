"""`cs-engine plan`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

import click

from cs_engine.cli.show import Moment, as_json, format_option, progress, quiet_option, say_away

if TYPE_CHECKING:
    from cs_engine.run.desk.changes import Change, Inside


@click.command("plan", epilog="\b\nExamples:\n  cs-engine plan\n  cs-engine plan --format json")
@click.option("--now", type=Moment(), help="Who matches at this moment; default: as of the last tick, or now before the first.")
@format_option
@quiet_option
def command(now: datetime | None, form: str, quiet: bool) -> None:
    """What the playbooks, as they are written, would change for people. Changes nothing.

    New and changed versions, steps that came, went or do something else, how many are inside which version and where they would go,
    and whom a first run would enrol. `run` needs no `apply`: then new ones enter the new version, and those inside stay on theirs.
    """
    from cs_engine.run.desk.changes import changes
    from cs_engine.run.observe import look
    from cs_engine.wiring import assemble

    with progress(quiet) as bar, assemble() as assembled:
        task = bar.add_task("Reading the project", total=None)
        say_away(assembled.refresh(lambda text: bar.update(task, description=text)))
        tick = look(assembled.engine, now)
        found = changes(tick)
        tick.facts.close()
    if form == "json":
        click.echo(as_json([change.as_json() for change in found if change.differs]))
    else:
        click.echo("\n".join(told(found)))
    raise click.exceptions.Exit(1 if any(change.state == "broken" for change in found) else 0)


def told(found: Sequence[Change]) -> Iterator[str]:
    """The changes in words."""
    differing = [change for change in found if change.differs]
    for change in differing:
        yield from _told(change)
    same = len(found) - len(differing)
    yield f"{same} playbook(s) as they were." if differing else f"Nothing changes: {same} playbook(s) as they were."


def _told(change: Change) -> Iterator[str]:
    mode = "" if change.mode in ("", "live") else f", {change.mode}"
    version = {"new": f", version {change.version[:8]}", "changed": f", {change.was[:8]} to {change.version[:8]}"}.get(change.state, "")
    yield f"{change.playbook}: {change.state}{version}{mode}"
    if change.steps is not None:
        yield from _steps(change.steps.added, change.steps.removed, change.steps.changed)
    if change.state == "broken":
        yield "  has errors, so nobody enters: cs-engine check"
    if change.match_already:
        said = {"skip": "they are left out", "include": "they enter", "": "say --existing skip or include; without it they are left out"}
        yield f"  {change.match_already:,} match already: {said[change.existing]}"
    if change.for_real:
        yield f"  {change.for_real:,} entered before it was in shadow and go on for real; to stop them: cs-engine pause {change.playbook}"
    for inside in change.elsewhere:
        yield from _inside(inside, moves=bool(change.version))


def _steps(added: Sequence[str], removed: Sequence[str], changed: Mapping[str, tuple[str, str]]) -> Iterator[str]:
    for step in added:
        yield f"  + {step}"
    for step in removed:
        yield f"  - {step}"
    for step, (old, new) in changed.items():
        yield f"  ~ {step}: {old} -> {new}"


def _inside(inside: Inside, *, moves: bool) -> Iterator[str]:
    from cs_engine.journey.enrolment import step_of

    yield f"  {inside.people:,} inside {inside.version[:8]} " + (
        "go on in it; with --migrate:" if moves else "go on to its end, unless apply says --removed end"
    )
    for step, n in sorted(inside.steps.items()):
        if moves and inside.ways:
            to = step_of(inside.ways[step])
            yield f"    {n:,} at {step}: " + {step: "stay there", "step_removed": "end (step_removed)"}.get(to, f"go on at {to}")
    for message, mend in inside.unsafe:
        yield f"    not safe: {message}\n      {mend}"
