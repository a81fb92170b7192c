"""A project can ask that champion and operator are two people: the CSM is told where they are not, once, until they are."""

from __future__ import annotations

import pytest

from tests.stories.world import World, day

PEOPLE = {"champion": "contact.email is not null", "operators": "contact.role = 'operator'", "distinct": ["champion", "operators"]}
TELL = "U-ALEX: Acme is one person"


def asks(world: World, **people: object) -> World:
    world.write("templates/slack/one_person.yaml", 'text: "{{ account.name }} is one person"\n')
    return world.project(people={**PEOPLE, **people}, slack={"channel": "#cs", "escalate": None})


def test_where_the_champion_operates_too_the_csm_is_told_once(world: World) -> None:
    asks(world).account().contact("ann", role="operator").account("beta").contact("bob", "beta").contact("cat", "beta", role="operator")
    assert [world.tick(day(at)).sent for at in (0, 1, 2, 9)] == [[TELL], [], [], []]
    assert [cta.account_id for cta in world.engine.store.open_ctas()] == ["acme"]


def test_it_closes_by_itself_when_they_are_two_people(world: World) -> None:
    asks(world).account().contact("ann", role="operator").tick(day(0))
    world.contact("ann", role="sponsor").contact("bob", role="operator")
    world.tick(day(1))
    assert world.engine.store.open_ctas() == []
    assert world.stands("one-person-two-roles") == ["goal"]


def test_who_becomes_one_person_again_is_told_of_anew(world: World) -> None:
    asks(world).account().contact("ann", role="operator").tick(day(0))
    world.contact("ann", role="sponsor").tick(day(1))
    world.tick(day(2))
    world.contact("ann", role="operator")
    assert TELL in world.tick(day(4)).sent


def test_text_in_quotes_stays_as_it_is_and_the_accounts_champion_is_meant(world: World) -> None:
    asks(world, operators="contact.name = 'contact. Doe' or contact.role = 'operator'").account().contact("ann", role="viewer")
    world.contact("bob", role="operator")
    assert world.tick(day(0)).sent == []
    assert "contact. Doe" in world.loaded.plans["one-person-two-roles"].conditions()[0].text


def test_without_the_key_nobody_is_told(world: World) -> None:
    asks(world, distinct=[]).account().contact("ann", role="operator")
    assert world.tick(day(0)).sent == []


@pytest.mark.parametrize(
    ("people", "code"),
    [({"distinct": ["champion"]}, "P231"), ({"operators": "contact.email  IS NOT null"}, "P231")],
)
def test_a_demand_that_means_nothing_is_an_error(world: World, people: dict[str, object], code: str) -> None:
    asks(world, **people)
    assert [p.code for p in world.loaded.problems.errors()] == [code]


def test_its_template_has_to_be_there(world: World) -> None:
    asks(world).delete("templates/slack/one_person.yaml")
    assert [p.code for p in world.loaded.problems.errors()] == ["P203"]
