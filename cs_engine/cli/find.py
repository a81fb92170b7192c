"""Finding what an argument names, with a mend when there is no such thing."""

from __future__ import annotations

from cs_engine.errors import ProblemsFound, WrongUse
from cs_engine.language.problems import did_you_mean
from cs_engine.playbook.plan import AnyStep, Plan
from cs_engine.playbook.project import Project


def the_plan(project: Project, playbook: str) -> Plan:
    """The playbook's plan. Raises ProblemsFound when it has errors, WrongUse when there is none of that name."""
    if playbook in project.plans:
        return project.plans[playbook]
    if playbook in project.broken:
        raise ProblemsFound(project.broken[playbook], project.sources)
    known = sorted(project.plans)
    raise WrongUse(f"no playbook {playbook!r}", did_you_mean(playbook, known) or f"one of: {', '.join(known)}")


def the_step(plan: Plan, step: str) -> AnyStep:
    """The step of that id. Raises WrongUse."""
    found = plan.step(step)
    if found is None:
        known = [s.id for s in plan.steps]
        raise WrongUse(f"{plan.playbook} has no step {step!r}", did_you_mean(step, known) or f"one of: {', '.join(known)}")
    return found
