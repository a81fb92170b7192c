"""Stories of the project's rules of sending: caps, days, calendars, portions."""

from __future__ import annotations

from datetime import datetime, timedelta

from tests.stories.world import World, day

MINUTE = timedelta(minutes=1)


def until(world: World, playbook: str, account: str = "acme") -> list[datetime]:
    """Not before when, without the moments that delivery's clock ran on."""
    return [at.replace(second=0, microsecond=0) for at in world.held_until(playbook, account)]


def test_a_capped_mail_waits_until_the_window_frees_and_priority_decides_who_goes_first(world: World) -> None:
    """Deferred, never dropped: the third mail of the week goes seven days after the first, to the minute."""
    world.customer().project(caps=[{"per": "contact", "most": 2, "in": "7 days"}])
    world.playbook("low", "- {id: one, email: one}", priority=10)
    world.playbook("middle", "- {id: two, email: two}", priority=50)
    world.playbook("high", "- {id: three, email: three}", priority=90)
    assert world.tick(day(0)).sent == ["ann: Three for Acme", "ann: Two for Acme"]
    assert world.messages("low") == ["one ann held (cap: contact 2 in 7 days)"]
    assert until(world, "low") == [day(7)]
    assert world.journal("low")[-1] == "one held cap: contact 2 in 7 days"
    (shown,) = world.why("low")["messages"]
    assert (shown["reason"], shown["not_before"][:16]) == ("cap: contact 2 in 7 days", "2026-03-09T10:00")
    assert world.tick(day(7) - MINUTE).sent == []
    assert world.tick(day(7) + MINUTE).sent == ["ann: One for Acme"]


def test_a_cap_counts_an_accounts_people_together_and_transactional_mail_goes_all_the_same(world: World) -> None:
    world.customer().contact("bob", role="operator").contact("cat", role="operator")
    world.project(caps=[{"per": "account", "most": 2, "in": "1 days"}])
    world.playbook("news", "- {id: one, email: one, to: everyone}")
    world.playbook("bill", "- {id: two, email: two, to: everyone}", topic="transactional", priority=90)
    ticked = world.tick(day(0))
    assert sorted(sent.split(": ")[1] for sent in ticked.sent) == ["One for Acme"] * 2 + ["Two for Acme"] * 3
    assert ticked.delivery == {"accepted": 5, "held": 1}
    assert world.tick(day(1) + MINUTE).delivery == {"accepted": 1}


def test_a_cap_of_csms_holds_alerts_for_one_of_us(world: World) -> None:
    world.project(caps=[{"per": "csm", "most": 2, "in": "1 days", "channel": "slack"}])
    for account in ("acme", "bolt", "core"):
        world.customer(account, f"c-{account}")
    world.customer("dune", "c-dune", csm="solo@vendor.example")
    world.playbook("calls", "- {id: call, cta: call}")
    first = world.tick(day(0)).sent
    assert [sent.split(":")[0] for sent in first] == ["U-ALEX", "U-ALEX", "U-SOLO"]
    held = [line for account in ("acme", "bolt", "core") for line in world.messages("calls", account) if "held" in line]
    assert held == ["call alex held (cap: csm 2 in 1 day by slack)"]
    assert len(world.tick(day(1) + MINUTE).sent) == 1


def test_a_capped_mail_whose_account_has_succeeded_is_never_sent(world: World) -> None:
    world.customer().project(caps=[{"per": "contact", "most": 1, "in": "7 days"}])
    world.playbook("first", "- {id: one, email: one}", priority=90)
    world.playbook("second", "- {id: two, email: two}", goal="uses >= 1")
    assert world.tick(day(0)).sent == ["ann: One for Acme"]
    world.uses("acme", day(1))
    assert world.tick(day(7) + MINUTE).sent == []
    assert world.messages("second") == ["two ann skipped (goal)"]


def test_a_window_runs_by_the_moment_of_sending_not_by_the_tick(world: World) -> None:
    """In a span the mail of Tokyo's morning leaves between two ticks: the next is due a week after that moment."""
    world.customer(timezone="Asia/Tokyo").project(caps=[{"per": "contact", "most": 1, "in": "7 days"}])
    world.playbook("first", "- {id: one, email: one}", priority=90)
    world.playbook("second", "- {id: two, email: two}")
    (ticked,) = world.span(day(0, 17), day(0, 17))
    assert ticked.sent == []  # two in the morning in Tokyo
    world.tick(day(0, 18), until=day(1, 18))
    assert until(world, "second") == [day(7, 23)]
