"""Health: what is remembered of it, what moved it, what is missing, and playbooks that begin when a band changes."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from cs_engine.errors import WrongUse
from cs_engine.instants import to_micros
from cs_engine.run.desk.health import of_account, overall
from tests.stories.world import World, day

WEEK = timedelta(days=7)
HEALTH = """\
components:
  use: {metric: uses_7d, weight: 3, points: [[0, 0], [4, 100]]}
  seats: {metric: account.seats, weight: 1, points: [[0, 0], [10, 100]]}
bands: {green: 60, yellow: 30, red: 0}
overrides: {account.plan = 'frozen': red}
"""


def healthy(world: World, health: str = HEALTH) -> World:
    """Acme has five seats; its usage is what each story says."""
    return world.write("playbooks/health.yaml", health).customer()


def used(world: World, times: int, number: int, account: str = "acme") -> World:
    return world.uses(account, *(day(number, 1 + hour) for hour in range(times)))


def kept(world: World, account: str = "acme") -> list[tuple[int, float | None, str]]:
    """(day, score, band) of every row that is remembered."""
    rows = world.engine.store.health_of(account, 0)
    return [((row.since - to_micros(day(0, 0))) // 86_400_000_000, row.score, row.band) for row in rows]


def told(world: World, account: str = "acme", since: timedelta = WEEK) -> dict[str, Any]:
    return of_account(world.engine, account, since, None)


def test_history_has_a_row_for_each_day_on_which_it_changed_and_none_for_the_others(world: World) -> None:
    used(healthy(world), 2, 1)
    for n in (0, 1, 2, 8, 9):
        world.tick(day(n)), world.tick(day(n, 12))
    assert kept(world) == [(0, 12.5, "red"), (1, 50.0, "yellow"), (8, 12.5, "red")]


def test_within_a_day_only_another_band_is_remembered(world: World) -> None:
    """However often ticks come, what is kept is bounded."""
    world.uses("acme", day(0, 9), day(0, 11), day(0, 13))
    healthy(world).tick(day(0))
    for hour in (12, 14, 16):
        world.tick(day(0, hour))
    assert kept(world) == [(0, 31.2, "yellow"), (0, 68.8, "green")]
    world.tick(day(1))
    assert kept(world)[2:] == []


def test_who_comes_or_goes_within_a_day_is_seen_at_once(world: World) -> None:
    healthy(world).tick(day(0))
    world.customer("beta", "bob", since=day(0, 11)).gone("acme", "ann").tick(day(0, 12))
    assert set(world.engine.store.health()) == {"beta"}


def test_a_score_that_moves_within_its_band_is_remembered_the_next_day(world: World) -> None:
    used(healthy(world), 1, 0).uses("acme", day(0, 12)).account(seats=10).tick(day(0))
    world.tick(day(0, 13)), world.tick(day(1))
    assert kept(world) == [(0, 43.8, "yellow"), (0, 62.5, "green")]
    used(world, 1, 1).uses("acme", day(1, 12)).tick(day(1, 13))
    world.tick(day(1, 14)), world.tick(day(2))
    assert kept(world)[2:] == [(2, 100.0, "green")]


def test_a_tick_that_is_run_again_remembers_nothing_twice(world: World) -> None:
    used(healthy(world), 2, 1).tick(day(0))
    world.tick(day(1)), world.tick(day(1))
    assert kept(world) == [(0, 12.5, "red"), (1, 50.0, "yellow")]


def test_what_moved_the_score_is_told_by_component_and_adds_up(world: World) -> None:
    used(healthy(world), 4, 1)
    world.tick(day(1)), world.account(seats=8).tick(day(9))
    found = told(world, since=timedelta(days=8))
    assert (found["score"], found["band"], found["then"]["score"], found["then"]["from"]) == (20.0, "red", 87.5, "remembered")
    assert [(shift["component"], shift["by"], shift["why"]) for shift in found["moved"]] == [
        ("use", -75.0, "fell from 100 to 0 (weight 3)"),
        ("seats", 7.5, "rose from 50 to 80 (weight 1)"),
    ]
    assert sum(shift["by"] for shift in found["moved"]) == found["score"] - found["then"]["score"]
    assert (found["moved"][0]["was"]["value"], found["moved"][0]["now"]["value"]) == (4, 0)


def test_the_past_of_which_nothing_is_remembered_is_computed(world: World) -> None:
    """Facts can be computed at any moment: the first week of a project has its comparison too."""
    used(healthy(world, HEALTH), 4, 1).tick(day(9))
    found = told(world)
    assert (found["then"]["score"], found["then"]["from"]) == (87.5, "computed")
    assert [shift["component"] for shift in found["moved"]] == ["use"]
    assert [point["score"] for point in found["trend"][-3:]] == [None, 87.5, 12.5], "before its sign-up it was not there"


def test_an_override_makes_the_band_and_is_named(world: World) -> None:
    used(healthy(world), 4, 0).tick(day(1))
    world.account(plan="frozen").tick(day(2))
    assert (told(world)["score"], told(world)["band"], told(world)["forced"]) == (87.5, "red", "account.plan = 'frozen'")
    assert kept(world) == [(1, 87.5, "green"), (2, 87.5, "red")]


@pytest.mark.parametrize(
    ("missing", "score", "band"),
    [("", 100.0, "green"), ("skip", 100.0, "green"), ("0", 75.0, "green"), ("40", 85.0, "green"), ("unknown", None, "unknown")],
)
def test_a_blank_component_does_what_it_says(world: World, missing: str, score: float | None, band: str) -> None:
    rule = f", missing: {missing}" if missing else ""
    used(healthy(world, HEALTH.replace("[10, 100]]", f"[10, 100]]{rule}")).account(seats=""), 4, 0).tick(day(1))
    assert (told(world)["score"], told(world)["band"]) == (score, band)


def test_an_unknown_health_is_blank_in_conditions_and_an_override_forces_its_band_all_the_same(world: World) -> None:
    blank = HEALTH.replace("[10, 100]]", "[10, 100]], missing: unknown")
    healthy(world, blank).account(seats="").customer("beta", "bob", plan="frozen", seats="")
    world.playbook("low", "- {id: one, email: one}", enter="health < 50").playbook(
        "red", "- {id: two, email: two}", enter="health_band = 'red'"
    )
    assert world.tick(day(1)).sent == ["bob: Two for Beta"]


def test_a_band_begins_a_passage_once_it_has_held(world: World) -> None:
    """Hysteresis: a score that goes to and fro around the edge of a band calls nobody."""
    steps = "- {id: call, cta: call}"
    used(used(healthy(world), 2, 0), 2, 8).playbook("rescue", steps, enter="held(health_band = 'red', '3 days')", exit="health >= 30")
    sent = {n: world.tick(day(n)).sent for n in (1, 7, 8, 15, 16, 18)}
    assert told(world)["band"] == "red"
    assert {n: some for n, some in sent.items() if some} == {18: ["U-ALEX: Call Acme"]}, "red at 7, yellow from 8 on, red from 15 on"


def test_a_band_that_changes_begins_a_passage_and_tells_from_where(world: World) -> None:
    used(healthy(world), 4, 1).mail("fell", "Was {{ event.was }}, is {{ event.became }}")
    world.playbook("fell", "- {id: fell, email: fell}", enter={"changed": "health_band", "to": ["yellow", "red"]}, once_per="event.id")
    sent = {n: world.tick(day(n)).sent for n in (1, 7, 8, 9)}
    assert {n: some for n, some in sent.items() if some} == {8: ["ann: Was green, is red"]}


def test_all_accounts_by_band_and_who_moved(world: World) -> None:
    used(healthy(world), 4, 1).customer("beta", "bob")
    used(world, 4, 8, "beta").customer("cara", "cat", since=day(8)).tick(day(1))
    world.tick(day(8))
    found = overall(world.engine, WEEK, None)
    assert found["accounts"] == 3
    assert {row["band"]: (row["now"], row["then"]) for row in found["bands"]} == {"green": (1, 1), "yellow": (0, 0), "red": (2, 1)}
    assert found["turned"] == [{"from": "green", "to": "red", "accounts": 1}, {"from": "red", "to": "green", "accounts": 1}]
    assert [(row["account"], row["was"], row["score"]) for row in (*found["fell"], *found["rose"])] == [
        ("acme", 87.5, 12.5),
        ("beta", 12.5, 87.5),
    ]


def test_an_account_that_is_gone_has_no_health_any_more(world: World) -> None:
    healthy(world).customer("beta", "bob").tick(day(0))
    world.gone("acme", "ann").tick(day(1))
    assert set(world.engine.store.health()) == {"beta"}
    assert set(world.engine.store.health_at(to_micros(day(0, 12)))) == {"acme", "beta"}


def test_what_is_too_old_goes_and_what_holds_stays(world: World) -> None:
    used(healthy(world), 4, 1).project(retention={"health": "30 days"})
    for n in (0, 1, 9, 45):
        world.tick(day(n))
    assert kept(world) == [(9, 12.5, "red")]


def test_a_project_without_health_asks_and_writes_nothing(world: World) -> None:
    world.customer().tick(day(0))
    assert world.engine.store.health_began() is None
    with pytest.raises(WrongUse, match="nobody says what health is"):
        told(world)


def test_what_is_wrong_with_health_is_said_when_somebody_asks(world: World) -> None:
    healthy(world, HEALTH.replace("uses_7d", "uses_9d")).tick(day(0))
    with pytest.raises(WrongUse, match=r"health\.yaml has errors"):
        told(world)


def test_an_account_that_is_not_there_is_said(world: World) -> None:
    healthy(world).tick(day(0))
    with pytest.raises(WrongUse, match="no account 'nobody'"):
        told(world, "nobody")


def test_what_is_told_is_json(world: World) -> None:
    used(healthy(world), 4, 1).tick(day(9))
    assert json.loads(json.dumps([told(world), overall(world.engine, WEEK, None)]))
