"""The day's digest: low CTAs and those over the week's budget, one message a CSM and working day, at the stated hour in their zone."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from tests.doubles.slack import refused_blocks
from tests.stories.world import Ticked, World, day

TEAM = """
    staff:
      - {email: lead@vendor.example, name: Toni Lead, slack: U-LEAD}
      - {email: alex@vendor.example, name: Alex Csm, slack: U-ALEX, manager: lead@vendor.example, KEYS}
      - {email: kim@vendor.example, name: Kim Csm, slack: U-KIM}
    """
LOW = "- {id: call, cta: call, priority: low}\n- {id: rest, wait: 60 days}"
CALL = "- {id: call, cta: call, due: 1 day}\n- {id: rest, wait: 60 days}"


def office(world: World, keys: str = "role: csm", **slack: Any) -> World:
    world.write("playbooks/team.yaml", TEAM.replace("KEYS", keys))
    given = {"channel": "#cs", "digest": "09:00", "escalate": None, "account_url": "https://crm.example/{account}", **slack}
    return world.project(slack=given).customer()


def digest(ticked: Ticked) -> list[str]:
    """The lines of the one digest that came."""
    (post,) = [post for post in (json.loads(file.path.read_text()) for file in ticked.files) if " to do" in post["text"]]
    assert list(refused_blocks(post)) == []
    return [block["text"]["text"] for block in post["blocks"]]


def test_low_ones_wait_for_the_digest_and_their_playbook_goes_on(world: World) -> None:
    office(world).playbook("alarm", LOW, title="Say hello", enter="uses = 0")
    first = world.tick(day(0))
    assert (first.sent, first.delivery) == ([], {"skipped": 1, "held": 1})
    assert world.messages("alarm") == ["call alex skipped (digest)"]
    assert [(cta.told, cta.state) for cta in world.engine.store.open_ctas()] == [("digest", "open")]
    ticked = world.tick(day(1, 9))
    assert (ticked.sent, world.stands("alarm")) == (["U-ALEX: Tuesday, 3 March: 1 to do"], ["rest"])
    assert digest(ticked) == [
        "Tuesday, 3 March: 1 to do",
        "• <https://crm.example/acme|Acme>: Say hello · low · uses: *0* (`uses = 0`)",
    ]
    for hour in (9, 12, 18):
        assert world.tick(day(1, hour)).sent == [], "one a day"
    assert world.tick(day(2, 10)).sent == ["U-ALEX: Wednesday, 4 March: 1 to do"], "until it is done"


def test_before_its_hour_and_on_days_off_there_is_none(world: World) -> None:
    world.project(calendars={"ours": {"days": ["2026-03-09"]}}, business_calendar="ours")
    office(world, "timezone: Asia/Tokyo").playbook("alarm", LOW)
    world.tick(day(3, 23))  # Friday, 8:00 in Tokyo
    assert world.tick(day(3, 23.5)).sent == []
    assert world.tick(day(4, 0)).sent == ["U-ALEX: Friday, 6 March: 1 to do"]
    for n in (5, 6, 7, 7.9):
        assert world.tick(day(n, 1)).sent == []
    assert world.tick(day(8, 0)).sent == ["U-ALEX: Tuesday, 10 March: 1 to do"], "Monday is off"


def test_what_is_over_the_weeks_budget_waits_and_is_ranked(world: World) -> None:
    office(world, "minutes_a_week: 40").customer("beta", "bob").customer("gamma", "cat").customer("delta", "dan")
    world.playbook("alarm", CALL.replace("due: 1 day", "due: 1 day, minutes: 20"), priority=60)
    world.playbook("urgent", "- {id: call, cta: call, priority: high, minutes: 30}", enter="account.name = 'Beta'")
    world.playbook("slow", LOW, enter="account.name = 'Acme'", title="Slow")
    assert world.tick(day(0)).sent == ["U-ALEX: Call Beta"], "the high one takes thirty of forty minutes"
    lines = digest(world.tick(day(1, 9)))
    told = [line.split("|")[1].split(">")[0] for line in lines[1:]]
    assert (sorted(told[:-1]), "Slow" in lines[-1]) == (["Acme", "Beta", "Delta", "Gamma"], True)


def test_a_new_week_is_a_new_budget(world: World) -> None:
    office(world, "minutes_a_week: 15").playbook("alarm", CALL)
    assert world.tick(day(0)).sent == ["U-ALEX: Call Acme"]
    assert world.customer("beta", "bob").tick(day(1)).sent == []
    sent = world.customer("gamma", "cat").tick(day(7, 8)).sent
    assert "U-ALEX: Call Gamma" in sent
    assert "U-ALEX: Call Beta" not in sent, "it stays in the digest until it is done"


def test_nothing_to_tell_is_no_digest(world: World) -> None:
    office(world).uses("acme", day(1, 8)).playbook("alarm", LOW.replace("priority: low", "priority: low, close_when: uses > 0"))
    world.tick(day(0))
    ticked = world.tick(day(1, 9))
    assert (ticked.sent, ticked.replies, ticked.delivery) == ([], [], {"skipped": 2})


def test_an_absence_brings_them_to_the_substitutes_digest(world: World) -> None:
    office(world, "substitute: kim@vendor.example, away: [2026-03-03]").playbook("alarm", LOW)
    world.tick(day(0))
    world.tick(day(1, 0))
    assert [line for line in world.tick(day(1, 9)).sent if "palm" not in line] == ["U-KIM: Tuesday, 3 March: 1 to do"]
    assert world.tick(day(2, 9)).sent == ["U-ALEX: Wednesday, 4 March: 1 to do"]


def test_a_digest_is_in_the_language_of_who_reads_it(world: World) -> None:
    office(world, "locale: ja").playbook("alarm", LOW, title={"en": "Hello", "ja": "ご挨拶"})
    world.tick(day(0))
    assert world.tick(day(1, 9)).sent == ["U-ALEX: 3月3日(火): 対応事項 1件"]


def test_in_a_span_it_goes_at_its_hour_between_two_ticks(world: World) -> None:
    office(world).playbook("alarm", LOW)
    ticks = world.span(day(1, 0), day(3, 0), timedelta(days=1))
    assert [ticked.sent for ticked in ticks] == [["U-ALEX: Tuesday, 3 March: 1 to do"], ["U-ALEX: Wednesday, 4 March: 1 to do"], []]


def test_digests_that_could_not_go_on_their_day_do_not_pile_up(world: World) -> None:
    office(world).playbook("alarm", LOW)
    world.tick(day(0))
    assert world.tick(day(3, 10)).sent == [], "Tuesday's is stale; Friday's is planned"
    assert world.tick(day(4, 9)).sent == ["U-ALEX: Friday, 6 March: 1 to do"]


def test_low_ones_are_counted_and_fire_again_into_the_digest(world: World) -> None:
    office(world).account(contract_id="c-1").playbook("alarm", "- {id: call, cta: call, priority: low}", once_per="account.contract_id")
    world.tick(day(0))
    world.tick(day(1))
    assert world.engine.store.ctas_open_before(10**18) == {"acme": 1}
    again = world.account(contract_id="c-2").tick(day(2, 8))
    assert (again.sent, again.replies) == ([], [])


def test_without_an_hour_every_cta_is_a_message_of_its_own(world: World) -> None:
    office(world, "minutes_a_week: 1", digest=None).playbook("alarm", LOW)
    assert world.tick(day(0)).sent == ["U-ALEX: Call Acme"]
    assert [cta.told for cta in world.engine.store.open_ctas()] == [""]


def test_what_goes_to_a_channel_is_nobodys_digest(world: World) -> None:
    world.write("playbooks/team.yaml", "staff: [{email: lead@vendor.example, name: T}]\n")
    world.project(slack={"channel": "#cs", "digest": "09:00"}, sender={"fallback": "lead@vendor.example"})
    world.customer(csm="").playbook("alarm", LOW).tick(day(0))
    assert world.tick(day(1, 9)).sent == ["#cs: Tuesday, 3 March: 1 to do"], "whose it is has no Slack id"


@pytest.mark.parametrize("many", [45])
def test_more_than_slack_takes_is_counted(world: World, many: int) -> None:
    office(world)
    for n in range(many - 1):
        world.customer(f"acc{n:02}", f"con{n}", name=f"A very long name of a company, number {n}")
    world.playbook("alarm", LOW, title="A title that goes on and on and on", enter="uses = 0 and account.plan = 'team'")
    world.tick(day(0))
    lines = digest(world.tick(day(1, 9)))
    assert (lines[0], lines[-1], len(lines)) == ("Tuesday, 3 March: 45 to do", "… and 15 more: `cs-engine cta`", 32)
