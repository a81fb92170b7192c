"""Who stands in: for a role that is empty or cannot be reached, and for one of us who is away."""

from __future__ import annotations

import pytest

from tests.stories.test_stories_people import team, to
from tests.stories.world import CONTACT, World, day, opened

INSTEAD = {"fallback": {"champion": "operators", "operators": "champion"}}


# --- customers ---------------------------------------------------------------------------------------------------------


def test_a_champion_whose_address_bounced_is_skipped_and_the_fall_back_gets_it(world: World) -> None:
    team(world).project(people=INSTEAD).playbook("hello", to("champion") + "\n- {id: two, email: two, to: everyone}")
    world.suppress("ann@customer.example")
    assert world.tick(day(0)).sent == ["bob: One for Acme", "cat: One for Acme"]
    assert world.messages("hello") == ["one ann skipped (suppressed)", "one bob accepted", "one cat accepted"]
    assert world.stands("hello") == ["one"]
    assert world.tick(day(1)).sent == ["bob: Two for Acme", "cat: Two for Acme", "dan: Two for Acme"]


def test_one_that_bounces_while_its_mail_waits_is_replaced_at_the_claim_and_the_step_waits_for_the_new_one(world: World) -> None:
    world.account().contact("ann").contact("bob", role="operator", timezone="America/New_York")
    world.project(people=INSTEAD).playbook("hello", to("champion") + "\n- {id: two, email: two, to: everyone}")
    assert world.tick(day(0, 22)).delivery == {"held": 1}
    world.suppress("ann@customer.example")
    assert world.tick(day(1)).delivery == {"skipped": 1, "held": 1}
    assert world.messages("hello") == ["one ann skipped (suppressed)", "one bob held (quiet_hours)"]
    assert world.tick(day(1, 14)).sent == ["bob: One for Acme"]
    assert world.stands("hello") == ["one"]
    assert world.tick(day(2, 14)).sent == ["bob: Two for Acme"]


def test_a_champion_whose_address_is_taken_away_is_replaced_too(world: World) -> None:
    team(world).project(people=INSTEAD).playbook("hello", to("champion"))
    assert world.tick(day(0, 22)).delivery == {"held": 1}
    world.contact("ann", email="")
    assert world.tick(day(1)).sent == ["bob: One for Acme", "cat: One for Acme"]


def test_where_the_champion_has_gone_who_is_champion_now_gets_the_mail(world: World) -> None:
    """Nobody else has the role, so the earliest of those who stand in for it has."""
    team(world).project(people=INSTEAD).playbook("hello", to("champion"))
    assert world.tick(day(0, 22)).delivery == {"held": 1}
    world.gone("ann")
    assert world.tick(day(1)).sent == ["bob: One for Acme"]
    assert world.messages("hello") == ["one ann skipped (recipient_gone)", "one bob accepted"]


def test_an_address_that_is_refused_as_it_is_sent_to_is_replaced_in_the_same_tick(world: World) -> None:
    team(world).contact("ann", email="ann@nowhere@customer.example").project(people=INSTEAD)
    world.playbook("hello", to("champion") + "\n- {id: two, email: two, to: everyone}")
    told = world.tick(day(0))
    assert (told.sent, told.delivery) == (["bob: One for Acme", "cat: One for Acme"], {"accepted": 2, "rejected": 1})
    assert told.of("hello")["messages"]["planned"] == 3
    assert world.messages("hello") == ["one ann rejected (invalid_address)", "one bob accepted", "one cat accepted"]
    assert world.stands("hello") == ["one"]
    assert world.tick(day(1)).sent == ["bob: Two for Acme", "cat: Two for Acme", "dan: Two for Acme"]


def test_who_shares_an_address_that_is_refused_cannot_be_reached_either_and_stand_ins_who_share_one_get_one_mail(world: World) -> None:
    same = "twins@customer.example"
    team(world).contact("bob", role="operator", email="b@nowhere@customer.example").contact(
        "cat", role="operator", email="B@nowhere@customer.example"
    )
    world.contact("ann", email=same).contact("eve", email=same).project(people={"fallback": {"operators": "everyone"}})
    world.contact("dan", role="guest", email="").playbook("hello", to("operators"))
    assert world.tick(day(0)).sent == ["twins: One for Acme"]
    assert world.messages("hello") == ["one ann accepted", "one bob rejected (invalid_address)"]


def test_what_is_refused_for_another_reason_has_no_stand_in(world: World) -> None:
    team(world).project(people=INSTEAD).mail("one", "One", "{{ account.name | nothing }}").playbook("hello", to("champion"))
    assert "bob" not in "".join(world.tick(day(0)).sent + world.messages("hello"))


def test_while_one_of_a_role_can_be_reached_nobody_stands_in(world: World) -> None:
    team(world).project(people=INSTEAD).playbook("hello", to("operators"))
    world.suppress("bob@customer.example")
    assert world.tick(day(0)).sent == ["cat: One for Acme"]
    assert world.messages("hello") == ["one bob skipped (suppressed)", "one cat accepted"]


def test_several_who_bounced_have_one_stand_in_who_gets_one_mail(world: World) -> None:
    team(world).project(people=INSTEAD).playbook("hello", to("operators"))
    world.suppress("bob@customer.example").suppress("cat@customer.example")
    assert world.tick(day(0)).sent == ["ann: One for Acme"]
    assert world.tick(day(1)).sent == []


def test_the_line_of_fall_backs_is_followed_to_its_end(world: World) -> None:
    team(world).project(people={"fallback": {"champion": "operators", "operators": "everyone"}}).playbook("hello", to("champion"))
    for who in ("ann", "bob", "cat"):
        world.suppress(f"{who}@customer.example")
    assert world.tick(day(0)).sent == ["dan: One for Acme"]


def test_where_nobody_can_be_reached_the_step_is_skipped_with_the_reason_and_the_passage_goes_on(world: World) -> None:
    world.customer().contact("bob", role="operator").project(people=INSTEAD).playbook(
        "hello", to("champion") + "\n- {id: rest, wait: 9 days}"
    )
    world.suppress("ann@customer.example").suppress("bob@customer.example")
    assert world.tick(day(0)).delivery == {"skipped": 1}
    assert "one skipped suppressed" in world.journal("hello")
    world.tick(day(1))
    assert world.stands("hello") == ["rest"]


def test_without_a_fall_back_a_bounced_champion_is_skipped_and_nobody_else_gets_it(world: World) -> None:
    team(world).playbook("hello", to("champion"))
    world.suppress("ann@customer.example")
    assert (world.tick(day(0)).sent, world.messages("hello")) == ([], ["one ann skipped (suppressed)"])


def test_a_stand_in_gets_each_repeat(world: World) -> None:
    team(world).project(people=INSTEAD).playbook("hello", "- {id: one, email: one, to: operators, repeat: {every: 1 days, times: 2}}")
    world.suppress("bob@customer.example").suppress("cat@customer.example")
    assert [len(world.tick(day(at)).sent) for at in (0, 1, 2, 3)].count(1) == 2


def test_a_milestones_notice_falls_back_as_mail_does(world: World) -> None:
    team(world).project(people=INSTEAD).milestone("habit", "uses > 0", notice="well_done").tick(day(0))
    world.uses("acme", day(1, 9)).suppress("ann@customer.example")
    assert [line for line in world.tick(day(1)).sent if "Well done" in line] == ["bob: Well done, Acme", "cat: Well done, Acme"]


# --- who has left their company ------------------------------------------------------------------------------------------


def leaving(world: World) -> World:
    """A team whose champion leaves on Wednesday, the third day."""
    world.contact_columns = (*CONTACT, "left_at")
    return team(world).contact("ann", left_at=day(2, 8).isoformat())


def test_who_has_left_gets_no_more_mail_and_their_role_falls_back_though_the_crm_still_has_them_in_it(world: World) -> None:
    leaving(world).project(people=INSTEAD).playbook("hello", "- {id: one, email: one, repeat: {every: 1 days, times: 3}}")
    world.playbook("all", "- {id: two, email: two, to: everyone}", enter="champion.left_at <= now()")
    assert [world.tick(day(at)).sent for at in (0, 1)] == [["ann: One for Acme"]] * 2
    assert world.tick(day(2)).sent == [
        "bob: One for Acme", "bob: Two for Acme", "cat: One for Acme", "cat: Two for Acme", "dan: Two for Acme"
    ]  # fmt: skip
    assert "one ann skipped (has_left)" in world.messages("hello")
    assert "one skipped has_left" in world.journal("hello")
    assert "has_left" in [m["reason"] for m in world.why("hello")["messages"]]


def test_nobody_gets_mail_where_all_have_left_and_those_who_have_yet_to_leave_do(world: World) -> None:
    leaving(world).playbook("hello", to("everyone"))
    for who in ("bob", "cat"):
        world.contact(who, left_at=day(1).isoformat())
    assert world.tick(day(1)).sent == ["ann: One for Acme", "dan: One for Acme"]
    world.contact("dan", left_at=day(1).isoformat()).playbook("more", to("everyone")).tick(day(4))
    assert set(world.messages("more")) == {f"one {who} skipped (has_left)" for who in ("ann", "bob", "cat", "dan")}


def test_an_address_of_one_who_has_left_and_one_who_has_not_is_mailed(world: World) -> None:
    leaving(world).contact("bob", role="operator", email="ann@customer.example")
    world.playbook("late", to("everyone"), enter="champion.left_at <= now()")
    assert world.tick(day(2)).sent == ["ann: One for Acme", "cat: One for Acme", "dan: One for Acme"]
    assert "one bob accepted" in world.messages("late")


def test_a_column_left_at_that_tells_no_times_is_like_any_other(world: World) -> None:
    leaving(world).contact("ann", left_at="no").playbook("hello", to("champion"))
    assert world.tick(day(2)).sent == ["ann: One for Acme"]


# --- our own people ----------------------------------------------------------------------------------------------------


def staff(world: World, alex: str, lead: str = "") -> World:
    """The team, with Alex and the lead away."""
    return world.write(
        "playbooks/team.yaml",
        f"""\
        staff:
          - {{email: lead@vendor.example, name: Toni Lead, role: manager, slack: U-LEAD{lead}}}
          - {{email: alex@vendor.example, name: Alex Csm, role: csm, slack: U-ALEX, manager: lead@vendor.example{alex}}}
          - {{email: kim@vendor.example, name: Kim Sales, role: sales, slack: U-KIM}}
        """,
    )


AWAY = ", away: [2026-03-02/2026-03-03], substitute: lead@vendor.example"
LEAD_AWAY = ", away: [2026-03-02], substitute: kim@vendor.example"
CALL = "- {id: call, cta: call, repeat: {every: 1 days, times: 5}}"


def test_alerts_go_to_who_stands_in_while_a_csm_is_away_and_back_afterwards(world: World) -> None:
    staff(world, AWAY).customer().playbook("hello", CALL)
    assert [world.tick(day(at)).sent for at in (0, 1, 2, 3)][0::3] == [["U-LEAD: Call Acme"], ["U-ALEX: Call Acme"]]


def test_who_stands_in_may_be_away_too(world: World) -> None:
    staff(world, AWAY, LEAD_AWAY).customer().playbook("hello", "- {id: call, cta: call}")
    assert world.tick(day(0)).sent == ["U-KIM: Call Acme"]


@pytest.mark.parametrize(("alex", "lead"), [(", away: [2026-03-02]", ""), (AWAY, ", away: [03-01/03-05], substitute: alex@vendor.example")])
def test_where_nobody_stands_in_the_one_who_is_away_gets_it(world: World, alex: str, lead: str) -> None:
    staff(world, alex, lead).customer().playbook("hello", "- {id: call, cta: call}")
    assert world.tick(day(0)).sent == ["U-ALEX: Call Acme"]


def test_the_day_is_that_of_who_is_away(world: World) -> None:
    staff(world, ", away: [2026-03-03], substitute: lead@vendor.example, timezone: Pacific/Auckland").customer()
    assert world.playbook("hello", "- {id: call, cta: call}").tick(day(0, 12)).sent == ["U-LEAD: Call Acme"]


def test_mail_to_a_csm_who_is_away_its_copies_and_its_answers_go_to_who_stands_in(world: World) -> None:
    staff(world, AWAY).customer().playbook("us", to("csm")).playbook("them", "- {id: one, email: one, cc: csm}")
    tick = world.tick(day(0))
    assert tick.sent == ["ann: One for Acme", "lead: One for Acme"]
    (mail,) = [opened(file) for file in tick.files if file.to.startswith("ann")]
    assert (mail["From"], mail["Reply-To"], mail["Cc"]) == (
        "Alex Csm <alex@vendor.example>",
        "Toni Lead <lead@vendor.example>",
        "Toni Lead <lead@vendor.example>",
    )


def test_what_somebody_reads_first_is_read_for_the_stand_in_too(world: World) -> None:
    team(world).project(people=INSTEAD).playbook("hello", "- {id: one, email: one, approve: csm}")
    world.suppress("ann@customer.example")
    assert [line for at in (0, 1) for line in world.tick(day(at)).sent if "One for" in line and not line.startswith("U-")] == []
    assert [line.split()[2] for line in world.messages("hello") if line.split()[1] in ("bob", "cat")] == ["held", "held"]
