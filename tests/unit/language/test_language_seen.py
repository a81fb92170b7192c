"""Text beside columns of which it is known what they have been: doubted where it helps, never refused."""

from __future__ import annotations

import pytest

from cs_engine.language.expression import Grain, Type
from cs_engine.language.expressions import compile_condition
from cs_engine.language.problems import Level, Place, Problems
from cs_engine.usage.attributes import Attributes
from cs_engine.usage.catalogue import build

SEEN = Attributes(
    account={"id": Type.TEXT, "plan": Type.TEXT, "name": Type.TEXT},
    contact={"id": Type.TEXT, "role": Type.TEXT},
    events={"usage": {"event": Type.TEXT, "at": Type.INSTANT}, "tickets": {"event": Type.TEXT, "at": Type.INSTANT}},
    values={"account.plan": ("starter", "team"), "usage.event": ("exported", "login"), "tickets.event": ("opened",)},
)


def doubts(text: str) -> list[str]:
    problems = Problems()
    catalogue = build({}, {}, None, None, SEEN, {}, problems)
    assert compile_condition(text, Place("p.yaml", 1, 1).at, catalogue.scope(Grain.ACCOUNT, {"wanted": "teem"}), problems) is not None
    assert all(problem.level is Level.WARNING for problem in problems)
    return [f"{p.place.column} {p.code} {p.message}; {p.mend}" for p in problems]


@pytest.mark.parametrize(
    "text",
    [
        "account.plan = 'team'",
        "account.plan in ('team', 'enterprise')",  # the last one is still to come
        "account.plan <> 'churned'",
        "account.name = 'Team'",  # of names nothing is kept
        "champion.role = 'anything'",
        "happened('login') and happened('tickets.opened')",
    ],
)
def test_what_may_well_be_meant_is_not_doubted(text: str) -> None:
    assert doubts(text) == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("account.plan = 'Team'", "16 X223 no account.plan is 'Team'; did you mean \"team\"?"),
        ("'Team' = account.plan", "1 X223 no account.plan is 'Team'; did you mean \"team\"?"),
        ("account.plan <> 'Team'", "17 X223 no account.plan is 'Team'; did you mean \"team\"?"),
        ("account.plan in ('teams', 'starter')", "18 X223 no account.plan is 'teams'; did you mean \"team\"?"),
        ("account.plan = 'gold'", "16 X223 no account.plan is 'gold'; there are starter, team, as of the last sync"),
        ("account.plan = vars.wanted", "16 X223 no account.plan is 'teem'; did you mean \"team\"?"),
        ("happened('logn')", "10 X222 no event 'logn' has ever been seen; did you mean \"login\"?"),
        ("happened('tickets.x')", "10 X222 no event 'tickets.x' has ever been seen; there are opened, as of the last sync"),
    ],
)
def test_what_has_never_been_is_doubted_with_its_place(text: str, said: str) -> None:
    assert doubts(text) == [said]
