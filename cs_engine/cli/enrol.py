"""`cs-engine enrol`."""

from __future__ import annotations

import click

from cs_engine.errors import WrongUse


@click.command("enrol", epilog="\b\nExample:\n  cs-engine enrol enterprise-onboarding acc_e46983976a")
@click.argument("playbook")
@click.argument("subjects", nargs=-1, required=True, metavar="ACCOUNT...")
def command(playbook: str, subjects: tuple[str, ...]) -> None:
    """Enrol ACCOUNTs (contacts, where contacts pass through) into PLAYBOOK, as if its `enter` held.

    They enter at its next tick, if they meet `audience`, may not leave at once, and have not been through; why says what became of it.
    """
    from cs_engine.cli.find import the_plan
    from cs_engine.instants import to_micros
    from cs_engine.ports import EnrolRequest
    from cs_engine.run.observe import look
    from cs_engine.wiring import assemble

    with assemble() as assembled:
        plan = the_plan(assembled.project, playbook)
        if not assembled.usage.synced():
            raise WrongUse("there is no usage yet, so nobody is known", "cs-engine sync")
        engine = assembled.engine
        tick = look(engine, engine.wall.now())
        unknown = [subject for subject in subjects if subject not in tick.facts.rows(plan.subject)]
        tick.facts.close()
        if unknown:
            raise WrongUse(f"no {plan.subject} {unknown[0]!r}; nobody was enrolled", "look it up in the source; ids are exact")
        at = to_micros(engine.wall.now())
        engine.store.request([EnrolRequest(playbook, subject, "manual", at) for subject in subjects])
    click.echo(f"Enrolled {len(set(subjects))} into {playbook}: they enter at its next tick.")
