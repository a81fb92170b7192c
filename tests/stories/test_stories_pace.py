"""`cs-engine milestones`: what was reached on which evidence, when the next is expected, and how long customers take."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import pytest

from cs_engine.errors import WrongUse
from cs_engine.run.desk.milestones import of_account, overall
from tests.stories.world import World, day


def journey(world: World, **keys: str) -> World:
    first = {"id": "start", "title": "Start", "when": "uses >= 1", "expected": "3 days"}
    habit = {"id": "habit", "title": "Habit", "when": "uses >= 3"}
    text = {**keys, "phases": [{"phase": "p", "milestones": [first]}, {"phase": "q", "milestones": [habit]}]}
    return world.write("playbooks/journey.yaml", json.dumps(text))


def company(world: World, many: int = 12) -> World:
    """Accounts that signed up on day 0, started on day 1 and had the habit after so many further days as their number."""
    for n in range(many):
        world.customer(f"a{n}", f"c{n}", plan="team" if n % 2 else "free").uses(f"a{n}", day(1, 8), day(1, 9), day(2 + n, 8))
    return world


def of(found: dict[str, Any], milestone: str) -> dict[str, Any]:
    (row,) = [row for row in found["milestones"] if row["milestone"] == milestone]
    return dict(row)


def iso(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%MZ")


def test_what_was_reached_is_told_with_its_evidence_and_beside_what_was_expected(world: World) -> None:
    journey(world).customer().uses("acme", day(1, 9)).customer("beta", "bob").uses("beta", day(5, 9)).tick(day(10))
    acme, beta = (of(of_account(world.engine, account), "start") for account in ("acme", "beta"))
    assert (acme["reached_at"], acme["evidence"], acme["days"], acme["in_time"]) == (iso(day(1, 9)), {"uses": 1}, 1.0, True)
    assert (beta["reached_at"], beta["due"], beta["in_time"]) == (iso(day(5, 9)), iso(day(3, 8)), False)


def test_the_next_is_expected_as_those_took_who_had_the_same_before(world: World) -> None:
    journey(company(world)).customer("acme", "ann").uses("acme", day(10, 8), day(10, 9)).tick(day(14, 8))
    eta = of(of_account(world.engine, "acme"), "habit")["expected"]
    # Twelve took 1 to 12 days from their start; of those, eight took longer than the four that have passed.
    assert (eta["since"], eta["n"], eta["of"], eta["alike"]) == ("start", 8, 12, False)
    assert (eta["earliest"], eta["at"], eta["latest"]) == (iso(day(17, 2)), iso(day(18, 20)), iso(day(20, 14)))


def test_it_is_overdue_once_what_was_expected_is_over(world: World) -> None:
    journey(company(world)).customer("late", "lea").tick(day(20))
    row = of(of_account(world.engine, "late"), "start")
    assert (row["reached_at"], row["due"], row["in_time"]) == (None, iso(day(3, 8)), False)
    assert row["expected"] == {"since": "sign-up", "at": None, "earliest": None, "latest": None, "n": 0, "of": 12, "alike": False}


def test_accounts_alike_are_compared_where_they_are_enough(world: World) -> None:
    journey(company(world, 24)).customer("acme", "ann", plan="free").uses("acme", day(30, 8)).tick(day(30, 9))
    eta = of(of_account(world.engine, "acme"), "habit")["expected"]
    assert (eta["of"], eta["alike"]) == (12, True)


def test_who_is_alike_is_the_authors_to_say(world: World) -> None:
    journey(company(world, 24), alike="account.csm").customer("acme", "ann", plan="free").uses("acme", day(30, 8)).tick(day(30, 9))
    found = of_account(world.engine, "acme")
    assert (found["alike"], of(found, "habit")["expected"]["of"]) == ("alex@vendor.example", 24)


def test_too_few_tell_nothing(world: World) -> None:
    journey(company(world, 4)).customer("acme", "ann").tick(day(20))
    assert of(of_account(world.engine, "acme"), "habit")["expected"] is None


@pytest.mark.parametrize(("keys", "milestone", "median"), [({}, "start", 1.0), ({"value": "habit"}, "habit", 4.0)])
def test_time_to_value_counts_to_the_milestone_that_is_marked(world: World, keys: dict[str, str], milestone: str, median: float) -> None:
    """By default the last of the first phase."""
    journey(company(world, 5), **keys).customer("later", "lea", since=day(40, 8)).tick(day(50))
    found = overall(world.engine)["time_to_value"]
    assert found["milestone"] == milestone
    march, april = found["cohorts"]
    assert (march["month"], march["accounts"], march["reached"], march["days"]["median"]) == ("2026-03", 5, 5, median)
    assert (april["month"], april["accounts"], april["reached"], april["days"]) == ("2026-04", 1, 0, None)
    assert of_account(world.engine, "a2")["time_to_value"] == {"milestone": milestone, "days": median}


def test_how_many_reached_each_and_how_many_in_time(world: World) -> None:
    journey(company(world, 5)).customer("late", "lea").uses("late", day(9, 8)).customer("never", "ned").tick(day(20))
    row = of(overall(world.engine), "start")
    assert (row["reached"], row["share"], row["expected"], row["in_time"]) == (6, 0.857, "3 days", 0.714)
    assert row["days"] == {"n": 6, "low": 1.0, "median": 1.0, "high": 1.0}


def test_what_is_wrong_is_said(world: World) -> None:
    journey(world, value="habbit", alike="account.plann").customer()
    said = {problem.code: problem.message + "; " + problem.mend for problem in world.loaded.problems}
    assert said["M115"] == 'there is no milestone "habbit"; did you mean "habit"?'
    assert any("account.plann" in words for words in said.values())


def test_before_the_first_tick_and_without_milestones_it_says_so(world: World) -> None:
    with pytest.raises(WrongUse, match="there are no milestones"):
        overall(world.customer().engine)
    with pytest.raises(WrongUse, match="no tick has looked"):
        overall(journey(world).engine)
    world.tick(day(1))
    with pytest.raises(WrongUse, match="no account 'nobody'"):
        of_account(world.engine, "nobody")
