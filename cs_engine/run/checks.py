"""What can only be checked with playbooks, templates and people together."""

from __future__ import annotations

from cs_engine.content.check import UNUSED, TemplateUse, check
from cs_engine.content.library import Library
from cs_engine.language import yaml
from cs_engine.language.expression import Grain
from cs_engine.language.problems import Problem, Problems
from cs_engine.playbook.implied import ONE_PERSON
from cs_engine.playbook.load import FOLDER
from cs_engine.playbook.plan import MILESTONE_LINE, Cta, Email, Notice
from cs_engine.playbook.project import Project


def template_problems(project: Project, locales: list[str]) -> list[Problem]:
    """Problems of the templates that the playbooks use. `locales`: those of the people, so that a missing one is an error."""
    uses: list[TemplateUse] = []
    for plan in project.plans.values():
        event = plan.event.columns if plan.event is not None else ()
        for step in plan.steps:
            match step:
                case Email() | Notice():
                    asks = bool(step.ask)
                    uses.append(
                        TemplateUse(step.template, "email", plan.subject, step.place, isinstance(step, Notice), plan.vars, asks, event)
                    )
                    if isinstance(step, Notice):
                        uses.append(TemplateUse(MILESTONE_LINE, "slack", plan.subject, step.place, True, plan.vars, event=event))
                case Cta():
                    uses.append(TemplateUse(step.template, "slack", plan.subject, step.place, False, plan.vars, event=event))
                case _:
                    pass
    library = Library(project.root, project.config.locale)
    problems = check(library, uses, lambda grain: known_names(project, grain), locales)
    # What a broken playbook uses is not known: its templates are not called unused beside its errors. And one that waits for a key of
    # project.yaml to be turned on does no harm.
    waiting = f"templates/slack/{ONE_PERSON}."
    return [p for p in problems if p.code != UNUSED or not (project.broken or p.place.file.startswith(waiting))]


def law_problems(project: Project, has_pages: bool) -> list[Problem]:
    """P214: what the law that project.yaml names asks for, and only the whole can tell. `has_pages`: whether mails link to our own."""
    spec = project.config.law
    file = f"{FOLDER}/project.yaml"
    document = yaml.parse(project.sources.get(file, ""), file, Problems()) if spec is not None else None
    if spec is None or document is None:
        return []
    problems = Problems()
    if not has_pages and not project.config.unsubscribe:
        mend = "set CS_ENGINE_BASE_URL to where customers reach `cs-engine serve`, or write unsubscribe: mailto:… into project.yaml"
        problems.add(document.key_place(("law",)), "P214", "every law asks for a way to unsubscribe, and mails have none", mend)
    if spec.countries and not {"country"} & (project.attributes.account.keys() | project.attributes.contact.keys()):
        mend = "name the column: `country:` under sources.contacts or sources.accounts; or name one law for all"
        problems.warn(document.key_place(("law", "countries")), "P214", "nobody's country is known, so `else` rules everybody", mend)
    return list(problems)


def known_names(project: Project, grain: Grain) -> set[str]:
    """The columns of facts that a template about that subject may read."""
    return set(project.catalogue.scope(grain, {}).names())
