"""CTAs that nobody attends to: an overdue one is told to the manager, those of who is away to who stands in. Each once."""

from __future__ import annotations

import json

from cs_engine.instants import to_micros
from cs_engine.run.desk.ctas import snooze
from tests.doubles.slack import refused_blocks
from tests.stories.world import Ticked, World, day

CALL = "- {id: call, cta: call, due: 1 day, priority: high}\n- {id: rest, wait: 60 days}"
TEAM = """
    staff:
      - {email: lead@vendor.example, name: Toni Lead, role: manager, slack: U-LEAD}
      - {email: alex@vendor.example, name: Alex Csm, slack: U-ALEX, manager: lead@vendor.example, substitute: kim@vendor.example,
         away: AWAY}
      - {email: kim@vendor.example, name: Kim Csm, slack: U-KIM, manager: lead@vendor.example}
    """


def team(world: World, away: str = "[]") -> World:
    return world.write("playbooks/team.yaml", TEAM.replace("AWAY", away)).customer()


def full(ticked: Ticked) -> list[str]:
    """Whole texts of what was posted."""
    posts = [json.loads(file.path.read_text()) for file in ticked.files]
    assert [list(refused_blocks(post)) for post in posts] == [[] for _ in posts]
    return [post["text"] for post in posts]


def told(world: World) -> list[str]:
    return [line for line in world.journal("alarm") if "cta_" in line]


def test_an_overdue_one_is_told_once_to_the_manager_and_in_its_thread(world: World) -> None:
    team(world).playbook("alarm", CALL, title="Wake up")
    assert world.tick(day(0)).sent == ["U-ALEX: Call Acme"]
    assert (world.tick(day(1)).sent, world.tick(day(2, 9)).sent) == ([], []), "one business day after it was due"
    late = world.tick(day(2))
    assert late.sent == ["U-LEAD: :rotating_light: *Overdue*, of Alex Csm:"]
    assert full(late)[0].splitlines()[1] == "• *Acme*: Wake up · high · *overdue since Tuesday, 3 March*"
    assert late.replies == ["U-ALEX: :rotating_light: Overdue since Tuesday, 3 March: Toni Lead has been told."]
    assert told(world) == ["call cta_escalated lead@vendor.example"]
    for n in (3, 8):
        assert (world.tick(day(n)).sent, world.tick(day(n, 12)).replies) == ([], [])


def test_how_long_after_is_the_projects_word_and_none_at_all_is_one_too(world: World) -> None:
    team(world).project(slack={"escalate": "4 hours"}).playbook("alarm", CALL)
    world.tick(day(0))
    assert world.tick(day(1, 14)).sent == ["U-LEAD: :rotating_light: *Overdue*, of Alex Csm:"]
    world.project(slack={"escalate": None}).customer("beta", "bob").playbook("alarm", CALL)
    world.tick(day(2))
    assert (world.tick(day(9)).sent, len(told(world))) == ([], 1)


def test_what_is_done_closed_or_snoozed_is_not_overdue(world: World) -> None:
    team(world).customer("beta", "bob").customer("gamma", "cat").playbook("alarm", CALL.replace("priority: high", "close_when: uses > 0"))
    world.uses("beta", day(1, 9)).tick(day(0))
    store = world.engine.store
    (snoozed,) = [cta for cta in store.ctas([cta.id for cta in store.open_ctas()]).values() if cta.account_id == "gamma"]
    assert snooze(world.engine, snoozed, to_micros(day(4)), "alex@vendor.example")
    world.tick(day(1))
    assert full(world.tick(day(3)))[0].splitlines()[1].startswith("• *Acme*")
    assert [text for n in (4, 5) for text in full(world.tick(day(n))) if "Overdue" in text] == []
    assert full(world.tick(day(7)))[0].splitlines()[1] == "• *Gamma*: alarm · *overdue since Friday, 6 March*", "its day was put off too"


def test_a_managers_own_cta_is_told_to_the_fall_back_unless_that_is_they_themselves(world: World) -> None:
    team(world).playbook("alarm", CALL.replace("cta: call,", "cta: call, to: csm.manager,"))
    world.tick(day(0))
    assert world.tick(day(3)).sent == []
    assert told(world) == ["call cta_escalated nobody to tell"]


def test_who_is_away_has_new_ctas_go_to_the_substitute_and_open_ones_handed_over_once(world: World) -> None:
    team(world, "[2026-03-03/2026-03-05]").project(
        slack={"channel": "#cs", "account_url": "https://crm.example/{account}", "escalate": None}
    )
    world.playbook("alarm", CALL, title="Wake up")
    assert world.tick(day(0)).sent == ["U-ALEX: Call Acme"]
    away = world.customer("beta", "bob").tick(day(1))
    assert away.sent == [
        "U-KIM: :palm_tree: *Alex Csm* is away until Thursday, 5 March, and you stand in. Open there: 1",
        "U-KIM: Call Beta",
    ]
    assert away.replies == ["U-ALEX: :palm_tree: Kim Csm stands in."]
    (text,) = [text for text in full(away) if "stand in" in text]
    assert text.splitlines()[1] == "• <https://crm.example/acme|Acme>: Wake up · high · due Tuesday, 3 March"
    for n in (2, 3, 4):
        assert (world.tick(day(n)).sent, world.tick(day(n, 12)).replies) == ([], [])
    assert {cta.account_id: cta.staff for cta in world.engine.store.open_ctas()} == {
        "acme": "alex@vendor.example", "beta": "kim@vendor.example",
    }  # fmt: skip


def test_an_absence_without_open_ctas_or_without_a_substitute_is_told_to_nobody(world: World) -> None:
    team(world, "[2026-03-02/2026-03-03]").playbook("alarm", CALL, enter="uses > 0")
    assert (world.tick(day(0)).sent, world.tick(day(1)).sent) == ([], [])


def test_an_overdue_one_goes_to_who_stands_in_for_the_manager(world: World) -> None:
    team(world).write(
        "playbooks/team.yaml",
        TEAM.replace("slack: U-LEAD}", "slack: U-LEAD, away: [2026-03-04], substitute: kim@vendor.example}").replace("AWAY", "[]"),
    )
    world.playbook("alarm", CALL).tick(day(0))
    assert world.tick(day(2)).sent == ["U-KIM: :rotating_light: *Overdue*, of Alex Csm:"]


def test_an_overdue_one_is_told_in_the_managers_language_and_zone(world: World) -> None:
    world.write(
        "playbooks/team.yaml",
        TEAM.replace("slack: U-LEAD}", "slack: U-LEAD, locale: ja, timezone: Asia/Tokyo}").replace("AWAY", "[]"),
    ).customer()
    world.playbook("alarm", CALL, title={"en": "Wake up", "ja": "目覚まし"}).tick(day(0, 16))
    late = world.tick(day(2, 16))
    assert full(late) == [":rotating_light: *期限切れ* （Alex Csmさん）\n• *Acme*: 目覚まし · 高 · *期限切れ 3月4日(水)*"]
    assert late.replies == ["U-ALEX: :rotating_light: Overdue since Tuesday, 3 March: Toni Lead has been told."]


def test_many_are_handed_over_in_one_message_that_slack_takes(world: World) -> None:
    team(world, "[2026-03-03]").project(slack={"channel": "#cs", "account_url": f"https://crm.example/{'x' * 200}/{{account}}"})
    for n in range(24):
        world.customer(f"acc{n:02}", f"con{n}", name="A very long name of a company " * 4)
    world.playbook("alarm", CALL, title="A title that goes on " * 4).tick(day(0))
    (text,) = [text for text in full(world.tick(day(1))) if "stand in" in text]
    assert text.splitlines()[-1] == "… and 15 more: `cs-engine cta`"
