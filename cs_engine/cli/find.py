"""Finding what an argument names, with a mend when there is no such thing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cs_engine.errors import NoAccount, ProblemsFound, WrongUse
from cs_engine.language.problems import did_you_mean
from cs_engine.playbook.plan import AnyStep, Plan
from cs_engine.playbook.project import Project

if TYPE_CHECKING:
    from cs_engine.wiring import Assembled


def the_plan(project: Project, playbook: str) -> Plan:
    """The playbook's plan. Raises ProblemsFound when it has errors, WrongUse when there is none of that name."""
    if playbook in project.plans:
        return project.plans[playbook]
    if playbook in project.broken:
        raise ProblemsFound(project.broken[playbook], project.sources)
    known = sorted(project.plans)
    raise WrongUse(f"no playbook {playbook!r}", did_you_mean(playbook, known) or f"one of: {', '.join(known)}")


def the_known_playbook(assembled: Assembled, playbook: str) -> None:
    """A playbook of the project, sound or not, or one that somebody is still inside. Raises WrongUse for any other."""
    project, store = assembled.project, assembled.engine.store
    known = {*project.plans, *project.broken, *(inside for inside, _, _ in store.occupied()), *store.playbooks()}
    if playbook not in known:
        raise WrongUse(f"no playbook {playbook!r}", did_you_mean(playbook, sorted(known)) or f"one of: {', '.join(sorted(known))}")


def the_account(assembled: Assembled, account: str) -> None:
    """An account that there is by now. Raises WrongUse."""
    from cs_engine.language.expression import Grain
    from cs_engine.run.observe import look

    if not assembled.usage.synced():
        raise WrongUse("there is no usage yet, so nobody is known", "cs-engine sync")
    tick = look(assembled.engine, assembled.engine.wall.now())
    known = account in tick.facts.rows(Grain.ACCOUNT)
    tick.facts.close()
    if not known:
        raise NoAccount(account)


def the_step(plan: Plan, step: str) -> AnyStep:
    """The step of that id. Raises WrongUse."""
    found = plan.step(step)
    if found is None:
        known = [s.id for s in plan.steps]
        raise WrongUse(f"{plan.playbook} has no step {step!r}", did_you_mean(step, known) or f"one of: {', '.join(known)}")
    return found


def one_of_us(project: Project, email: str) -> None:
    """That the e-mail is of somebody in team.yaml, or ''. Raises WrongUse."""
    known = [person.email for person in project.team.staff]
    if email and email.lower() not in {one.lower() for one in known}:
        raise WrongUse("team.yaml has nobody with that e-mail", did_you_mean(email, known) or "write one that stands there")
