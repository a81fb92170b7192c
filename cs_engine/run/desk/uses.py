"""Who uses a metric: what would change, or break, with it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from cs_engine.content.library import Kind, Library
from cs_engine.content.reading import names_read
from cs_engine.language.expression import Grain
from cs_engine.playbook.plan import AddressedStep, Cta, Plan
from cs_engine.playbook.project import Project
from cs_engine.usage.columns import Derived, OfAccount


@dataclass(slots=True)
class Users:
    """Of one metric, over one grain's rows."""

    playbooks: set[str] = field(default_factory=set)
    segments: set[str] = field(default_factory=set)
    milestones: set[str] = field(default_factory=set)
    health: set[str] = field(default_factory=set)
    """Components, and `bands` where an override reads it."""
    metrics: set[str] = field(default_factory=set)
    templates: set[str] = field(default_factory=set)

    def as_json(self) -> dict[str, list[str]]:
        """By kind, each sorted; kinds that there are none of are left out."""
        kinds = ("playbooks", "segments", "milestones", "health", "metrics", "templates")
        return {kind: sorted(found) for kind in kinds if (found := getattr(self, kind))}


_KINDS = {"segment": "segments", **dict.fromkeys(("reached", "claimed"), "milestones"), "health": "health", "health_value": "health"}


def users(project: Project) -> dict[tuple[str, Grain], Users]:
    """(metric, whose it is) -> who names it: a playbook over contacts that reads `account.x` uses the account's."""
    found: dict[tuple[str, Grain], Users] = {(name, grain): Users() for name in project.metrics for grain in Grain}
    for grain, column, kind, user in (*_of_plans(project), *_of_templates(project), *_of_definitions(project)):
        metric, whose = _meant(project, grain, column)
        if (metric, whose) in found:
            getattr(found[metric, whose], kind).add(user)
    _leave_out_unread({metric: used for (metric, whose), used in found.items() if whose is Grain.CONTACT})
    return found


def _leave_out_unread(of_contacts: dict[str, Users]) -> None:
    """Every metric could be read of contacts: one that nobody reads of them uses nothing of them."""
    while unread := {name for used in of_contacts.values() for name in used.metrics if not of_contacts[name].as_json()}:
        for used in of_contacts.values():
            used.metrics -= unread


def _meant(project: Project, grain: Grain, column: str) -> tuple[str, Grain]:
    """The metric behind a column of that grain's table, and whose it is."""
    try:
        origin = project.catalogue.origin(grain, column)
    except KeyError:
        return column, grain
    return (origin.column, Grain.ACCOUNT) if isinstance(origin, OfAccount) else (column, grain)


_Use = tuple[Grain, str, str, str]
"""Whose row is read, the column, the kind of the user and its name."""


def _of_plans(project: Project) -> Iterator[_Use]:
    for plan in project.plans.values():
        for expression in (*plan.conditions(), *plan.values()):
            for name in expression.names:
                yield expression.grain, name, "playbooks", plan.playbook


def _of_templates(project: Project) -> Iterator[_Use]:
    library = Library(project.root, project.config.locale)
    sent = {(plan.subject, *template) for plan in project.plans.values() for template in _templates(plan)}
    for grain, kind, name in sent:
        for read in names_read(library, kind, name):
            yield grain, read, "templates", name


def _templates(plan: Plan) -> Iterator[tuple[Kind, str]]:
    for step in plan.steps:
        if isinstance(step, AddressedStep):
            yield ("slack" if isinstance(step, Cta) else "email"), step.template


def _of_definitions(project: Project) -> Iterator[_Use]:
    """Segments, milestones and health are over accounts; a metric over contacts reads the contact's."""
    for grain in Grain:
        for column, origin in project.catalogue.derived[grain].items():
            kind, _, name = column.partition(":")
            for need in getattr(origin, "needs", ()) if isinstance(origin, Derived) else ():
                if column in project.metrics:
                    yield grain, need, "metrics", column
                elif column == "health_band":
                    yield grain, need, "health", "bands"
                elif kind in _KINDS and name:
                    yield grain, need, _KINDS[kind], name
