"""Who counts as an account's champion: what project.yaml says, in order of preference."""

from __future__ import annotations

from cs_engine.errors import ProblemsFound
from cs_engine.language.expression import Expression, Grain, Type
from cs_engine.language.expressions import compile_condition
from cs_engine.language.problems import Problems
from cs_engine.playbook.config import PeopleConfig
from cs_engine.usage.names import Catalogue
from cs_engine.usage.section import Section

_EVERYONE = Expression("everyone", Grain.CONTACT, "true", Type.BOOLEAN, ())


def champions(people: PeopleConfig, catalogue: Catalogue) -> list[Expression]:
    """Conditions over contacts: the champion's, then those of the roles that it falls back to.

    A fall-back to one of us is none here: no contact is champion then. Raises ProblemsFound for conditions with problems.
    """
    problems = Problems()
    found: list[Expression] = []
    tried: set[str] = set()
    role: str | None = "champion"
    while role in ("champion", "operators", "everyone") and role not in tried:
        tried.add(role)
        if role == "everyone":
            found.append(_EVERYONE)
        else:
            section = Section("playbooks/project.yaml")
            condition = compile_condition(getattr(people, role), section.text("people", role), catalogue.people_scope(), problems)
            found.extend([condition] if condition else [])
        role = people.fallback.get(role)
    if problems.errors():
        raise ProblemsFound(problems.errors(), {})
    return found
