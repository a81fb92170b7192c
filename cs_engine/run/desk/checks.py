"""What can only be checked with playbooks, templates and people together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from cs_engine.content.check import UNUSED, NoAnswer, TemplateUse, Unanswered, check
from cs_engine.content.library import Library
from cs_engine.language import yaml
from cs_engine.language.expression import Grain
from cs_engine.language.problems import Level, Place, Problem, Problems
from cs_engine.playbook.alerts import wrong_language
from cs_engine.playbook.answers import Answerable
from cs_engine.playbook.folder import FOLDER
from cs_engine.playbook.implied import NOT_YET, ONE_PERSON, unconfirmed
from cs_engine.playbook.plan import MILESTONE_LINE, AddressedStep, AnyStep, Cta, Notice, Plan
from cs_engine.playbook.project import Project
from cs_engine.usage.model import ASKING

STRANGER = "P217"
"""The code of CSMs who are nobody of team.yaml."""


def template_problems(project: Project, locales: list[str]) -> list[Problem]:
    """Problems of the templates that the playbooks use. `locales`: those of the people, so that a missing one is an error."""
    uses: list[TemplateUse] = []
    for plan in project.plans.values():
        answerable = Answerable(plan)
        for step in plan.steps:
            uses += _uses(project, plan, step, answerable)
    library = Library(project.root, project.config.locale)
    problems = check(library, uses, lambda grain: known_names(project, grain), locales, all_used=not project.broken)
    # What a broken playbook uses is not known: its templates are not called unused beside its errors. And those that wait for a key of
    # project.yaml or journey.yaml to be turned on do no harm.
    waiting = (f"templates/slack/{ONE_PERSON}.", f"templates/slack/{NOT_YET}.", f"templates/email/{ASKING}.")
    return [p for p in problems if p.code != UNUSED or not p.place.file.startswith(waiting)]


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


_LONGEST = 40
_NAMED = 3
"""More strangers than these are counted and not named."""


def team_problems(project: Project) -> list[Problem]:
    """P217: CSMs whom the accounts name and team.yaml does not; whose alerts and mails are the fall-back sender's."""
    ours = {person.email.strip().lower() for person in project.team.staff}
    strange = {csm: n for csm, n in project.attributes.csms.items() if csm.strip().lower() not in ours}
    if not strange:
        return []
    accounts = sum(strange.values())
    whose = f"{accounts:,} account{'s have' if accounts > 1 else ' has'} a CSM who is not in team.yaml"
    mend = f"add to `staff`, or correct at their source: {_most(strange)}; until then sender.fallback of project.yaml stands in"
    return [Problem(_place(project, "team.yaml", "staff"), STRANGER, whose, mend, Level.WARNING)]


def zone_problems(project: Project) -> list[Problem]:
    """P218: time zones of accounts and contacts that are none: for them the next one in the order counts, at the wrong hour perhaps."""
    strange = project.attributes.no_zones
    if not strange:
        return []
    rows = sum(strange.values())
    said = f"{rows:,} account{'s' if rows > 1 else ''} or contact{'s have' if rows > 1 else ' has'} a time zone that there is not"
    shown = _most(strange, _LONGEST)
    mend = f"write one such as Asia/Tokyo at their source instead of {shown}; until then the account's zone counts, or the project's"
    return [Problem(_place(project, "project.yaml", "timezone"), "P218", said, mend, Level.WARNING)]


def language_problems(project: Project, spoken: Sequence[str]) -> list[Problem]:
    """P213: languages that accounts or contacts have, as of the last sync, and that are none: no mail will ever be written in them."""
    place, problems = _place(project, "project.yaml", "locale"), Problems()
    strange = [(locale, mend) for locale in spoken if locale != project.config.locale and (mend := wrong_language(locale))]
    for locale, mend in strange[:_NAMED]:
        said = f'accounts or contacts have the language "{locale[:_LONGEST]}": there is none'
        problems.warn(place, "P213", said, f"{mend}, at their source")
    return list(problems)


def _most(strange: Mapping[str, int], longest: int | None = None) -> str:
    """The values that stand most often, cut to that length, and whether there are more."""
    named = sorted(strange, key=lambda value: (-strange[value], value))[:_NAMED]
    return ", ".join(value[:longest] for value in named) + (", …" if len(strange) > _NAMED else "")


def _place(project: Project, name: str, key: str) -> Place:
    """Where that key stands in a file of the project, or would."""
    file = f"{FOLDER}/{name}"
    document = yaml.parse(project.sources.get(file, ""), file, Problems())
    return document.key_place((key,)) if document is not None else Place(file)


def _uses(project: Project, plan: Plan, step: AnyStep, answerable: Answerable) -> list[TemplateUse]:
    """The templates of a step's messages."""
    if not isinstance(step, AddressedStep):
        return []
    mail, noticed = not isinstance(step, Cta), isinstance(step, Notice)
    word = unconfirmed(plan.playbook, project.journey.milestones()) is not None
    use = TemplateUse(
        step.template, "email" if mail else "slack", plan.subject, step.place, noticed, word, plan.vars, mail and bool(step.ask),
        plan.event.columns if plan.event is not None else (), _unanswered(answerable, step.id),
    )  # fmt: skip
    return [use, use._replace(name=MILESTONE_LINE, kind="slack", asks=False)] if noticed else [use]


def _unanswered(answerable: Answerable, step: str) -> Unanswered:
    """What is wrong with an answer that the messages of that step read."""

    def unanswered(kind: str, said: str) -> NoAnswer | None:
        fault = answerable.fault(step, kind, said)
        return None if fault is None else NoAnswer(*fault)

    return unanswered


def known_names(project: Project, grain: Grain) -> set[str]:
    """The columns of facts that a template about that subject may read."""
    return set(project.catalogue.scope(grain, {}).names())
