"""Metrics of every kind as conditions read them, and the catalogue that shows them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from click.testing import CliRunner

from cs_engine.cli.metrics import bars, command
from cs_engine.errors import WrongUse
from cs_engine.run.desk.metrics import metrics
from tests.stories.world import World, day

STEPS = """\
- id: one
  email: one
"""


def defined(world: World, **definitions: str) -> World:
    lines = "".join(f"{name}: {text}\n" for name, text in definitions.items())
    return world.customer().write("playbooks/metrics.yaml", lines)


def entered(world: World, at: float, enter: str, **keys: str) -> int:
    world.playbook("p", STEPS, enter=enter, **keys)
    return int(world.tick(day(at)).counts("p", "entered")[0])


def test_a_trend_compares_with_the_days_before(world: World) -> None:
    defined(world, uses_7d='{count: "*", in: 7 days}', trend="{trend: uses_7d}")
    world.uses("acme", day(1), day(2), day(3), day(4), day(9))
    assert entered(world, 13, "trend < 0.5") == 1


def test_what_is_divided_by_zero_is_blank_and_no_comparison_with_it_is_true(world: World) -> None:
    """Nobody enters because of a division by zero, whichever way it is asked, and the tick goes on."""
    defined(world, uses_7d='{count: "*", in: 7 days}', trend="{trend: uses_7d}", nothing="uses_7d - uses_7d", share="uses_7d / nothing")
    for number, enter in enumerate(("trend < 0.5", "trend >= 0.5", "not (trend >= 0.5)", "share > 0", "share <= 0")):
        world.playbook(f"p{number}", STEPS, enter=enter)
    ticked = world.uses("acme", day(9)).tick(day(10))
    assert [ticked.counts(f"p{number}", "entered") for number in range(5)] == [(0,)] * 5
    assert ticked.json["failures"] == []


def test_the_first_time_of_something_is_a_time(world: World) -> None:
    defined(world, invited="{first_time: '*', where: event = 'invited'}")
    world.uses("acme", day(1), day(6), event="invited").uses("acme", day(0))
    assert entered(world, 8, "days_since(invited) = 7 and invited < now()") == 1


def test_a_funnel_counts_in_order_and_in_time(world: World) -> None:
    defined(world, joined="{funnel: [invited, joined], within: 2 days}", rate="{funnel: [invited, joined], within: 2 days, as: rate}")
    world.uses("acme", day(0), event="joined").uses("acme", day(1), day(5), event="invited").uses("acme", day(3), day(8), event="joined")
    assert entered(world, 9, "joined = 1 and rate = 0.5") == 1


def test_a_funnel_of_one_person_is_not_taken_by_two(world: World) -> None:
    defined(world, anybody="{funnel: [opened, saved]}", same="{funnel: [opened, saved], by: contact}")
    world.contact("bob", role="operator").uses("acme", day(1), contact="ann", event="opened").uses(
        "acme", day(2), contact="bob", event="saved"
    )
    assert entered(world, 3, "anybody = 1 and same = 0") == 1


def test_today_does_not_break_a_streak_before_it_is_over(world: World) -> None:
    defined(world, row="{streak_days: '*'}").uses("acme", day(1), day(2), day(3))
    assert entered(world, 4, "row = 3") == 1


def test_metrics_may_be_called_what_our_own_columns_are(world: World) -> None:
    defined(world, **dict.fromkeys(("row", "at", "id", "n", "i", "wanted"), '{count: "*"}')).uses()
    assert entered(world, 1, "row + at + id + n + i + wanted = 6") == 1


def test_a_person_has_their_own_beside_the_accounts(world: World) -> None:
    defined(world, row="{streak_days: '*'}", share="{count: '*', share_of: account.seats}").contact("bob")
    world.uses("acme", day(1), contact="ann").uses("acme", day(2), contact="bob")
    assert entered(world, 2, "row = 1 and account.row = 2 and share = 0.2", subject="contact") == 2


# --- the catalogue


def told(world: World, *names: str) -> dict[str, dict[str, Any]]:
    return {row["metric"]: row for row in metrics(world.engine, names, day(3))["metrics"]}


def test_the_catalogue_tells_what_a_metric_is_how_it_lies_and_who_uses_it(world: World) -> None:
    defined(world, uses_7d='{count: "*", in: 7 days}', trend="{trend: uses_7d}", idle='{count: "*", title: All}').account("idle")
    world.uses("acme", day(1), day(2)).write("playbooks/segments.yaml", "busy: {when: uses_7d >= 3}\n")
    world.milestone("habit", "uses_7d >= 2").mail("one", "{{ uses_7d }} uses").playbook("p", STEPS, enter="uses_7d > 0")
    found = told(world)
    (of,) = found["uses_7d"]["of"]
    assert found["uses_7d"]["is"] == "events in 7 days"
    assert [of[key] for key in ("of", "rows", "zero", "blank", "min", "median", "p90", "max")] == ["accounts", 2, 0.5, 0.0, 0, 0, 2, 2]
    assert of["used by"] == {"playbooks": ["p"], "segments": ["busy"], "milestones": ["habit"], "metrics": ["trend"], "templates": ["one"]}
    assert found["trend"]["of"][0]["blank"] == 1.0
    assert (found["idle"]["is"], found["idle"]["of"][0]["used by"]) == ("All", {})


def test_contacts_have_a_line_where_somebody_reads_theirs(world: World) -> None:
    defined(world, uses='{count: "*"}', other="uses * 2").delete("playbooks/segments.yaml")
    world.playbook("p", STEPS, subject="contact", enter="uses > 0 and account.other > 0")
    found = told(world)
    assert [(of["of"], of["used by"]) for of in found["uses"]["of"]] == [
        ("accounts", {"metrics": ["other"]}),
        ("contacts", {"playbooks": ["p"]}),
    ]
    assert [of["of"] for of in found["other"]["of"]] == ["accounts"]


def test_one_with_errors_says_so_and_the_others_are_shown(world: World) -> None:
    defined(world, uses='{count: "*"}', bad="usse * 2", worse="bad + 1").delete("playbooks/segments.yaml")
    found = told(world)
    assert {name: bool(row["errors"]) for name, row in found.items()} == {"uses": False, "bad": True, "worse": True}
    assert found["bad"]["of"] == []


def test_a_name_that_is_no_metric_gets_the_nearest(world: World) -> None:
    with pytest.raises(WrongUse, match='did you mean "uses_7d"'):
        told(world, "uses7d")


def test_a_property_that_becomes_text_stops_only_what_adds_it_up(world: World) -> None:
    """Said in the report, and by `check`; nobody enters, leaves or is mailed because of it."""
    world.usage_columns += ("amount",)
    defined(world, paid="{sum: amount}", uses='{count: "*"}').delete("playbooks/segments.yaml")
    world.playbook("rich", STEPS, enter="paid >= 0").playbook("busy", STEPS, enter="uses > 0")
    world.uses("acme", day(1), amount="n/a").uses("acme", *(day(0, hour) for hour in range(9)), amount="5")
    ticked = world.tick(day(2))
    assert (ticked.counts("rich", "entered"), ticked.counts("busy", "entered")) == ((0,), (1,))
    assert told(world)["paid"]["errors"]


def test_the_command_shows_all_in_a_table_and_one_with_who_uses_it(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    defined(world, uses='{count: "*"}', since="{first_time: '*'}", bad="usse").playbook("p", STEPS, enter="uses > 0")
    world.uses("acme", day(1), day(2)).account("idle").tick(day(3))
    monkeypatch.setenv("CS_ENGINE_PROJECT", str(world.root))

    def printed(*arguments: str) -> str:
        done = CliRunner().invoke(command, arguments)
        assert done.exception is None, done.output
        return done.output

    table = " ".join(printed().split())
    for row in ("metrics at 2026-03-05T10:00:00Z", "uses events █ █ 0 2 2 50% 0% 1 playbook", "bad has errors: cs-engine check"):
        assert row in table
    assert "2026-03-03 2026-03-03 2026-03-03 0% 50% nobody" in table
    assert printed("uses").splitlines() == [
        "uses: events (number)",
        "  2 accounts  █          █  min 0  median 0  p90 2  max 2  zero 50%  blank 0%",
        "    used by playbooks: p",
        "    used by segments: busy",
    ]
    (row,) = json.loads(printed("since", "--format", "json"))["metrics"]
    assert (row["type"], row["of"][0]["min"], row["of"][0]["bars"]) == ("time", "2026-03-03T10:00:00Z", [])


@pytest.mark.parametrize(("counts", "shown"), [((0, 1, 8, 1000), " ▁▁█"), ((5, 10), "▅█"), ((), ""), ((3,), "█")])
def test_bars_are_in_relation_to_the_largest_and_show_every_value(counts: tuple[int, ...], shown: str) -> None:
    assert bars(counts) == shown
