"""People: whom a message goes to, whom it comes from, and what becomes of it where nobody is there."""

from __future__ import annotations

from tests.stories.world import World, day, opened

ONE = "- {id: one, email: one, to: TO}"


def to(who: str) -> str:
    return ONE.replace("TO", who)


def team(world: World) -> World:
    return world.account().contact("ann").contact("bob", role="operator").contact("cat", role="operator").contact("dan", role="viewer")


# --- to ----------------------------------------------------------------------------------------------------------------


def test_to_is_the_champion_where_nothing_is_said(world: World) -> None:
    assert team(world).playbook("hello", "- {id: one, email: one}").tick(day(0)).sent == ["ann: One for Acme"]


def test_of_several_champions_the_earliest_gets_the_mail(world: World) -> None:
    world.account().contact("bob", since=day(0, 8)).contact("ann", since=day(0, 7)).playbook("hello", to("champion"))
    assert world.tick(day(0)).sent == ["ann: One for Acme"]


def test_to_operators_is_everybody_who_has_the_role(world: World) -> None:
    assert team(world).playbook("hello", to("operators")).tick(day(0)).sent == ["bob: One for Acme", "cat: One for Acme"]


def test_to_everyone_is_every_contact_of_the_account(world: World) -> None:
    team(world).customer("beta", "eve").playbook("hello", to("everyone"), enter="account.name = 'Acme'")
    assert [line.split(":")[0] for line in world.tick(day(0)).sent] == ["ann", "bob", "cat", "dan"]


def test_an_address_that_several_contacts_have_gets_a_mail_once(world: World) -> None:
    """Whatever the case of its letters; it is the champion's, whoever stands first. Who has no address takes nobody's place."""
    world.customer().contact("aaa", role="operator", email="Ann@Customer.example ").contact("bob", role="operator")
    world.contact("cy", role="operator", email="BOB@customer.example").contact("dee", role="operator", email="").contact("eve", email="")
    world.account("bell").contact("ann2", "bell", email="ann@customer.example")  # another account's
    world.playbook("hello", "- {id: one, email: one, to: everyone}\n- {id: two, email: two, to: contact.role = 'operator'}")
    assert world.tick(day(0)).sent == ["ann: One for Acme", "ann: One for Bell", "bob: One for Acme"]
    assert world.messages("hello") == [
        "one ann accepted", "one bob accepted", "one dee skipped (no_address)", "one eve skipped (no_address)"
    ]  # fmt: skip
    assert world.tick(day(1)).sent == ["Ann: Two for Acme", "bob: Two for Acme"]


def test_one_person_who_is_several_contacts_gets_a_mail_over_contacts_once(world: World) -> None:
    """Of one account or of two, in one tick or later; who comes first gets it, and `why` says so of the others. Whose step it is to be
    sent again, or whose passage is another, is told again.
    """
    same = "ann@customer.example"
    world.customer().contact("ann2", role="operator", email=f" {same.upper()}").contact("bob", role="operator")
    world.account("bell").contact("ann3", "bell", email=same).contact("no1", "bell", email="").contact("no2", "bell", email="")
    world.playbook("hello", "- {id: one, email: one, repeat: {every: 1 days, times: 2}}", subject="contact", reenter="after 1 days")
    assert world.tick(day(0)).sent == ["ann: One for Bell", "bob: One for Acme"]
    skipped = ["one ann skipped (same_address)", "one ann2 skipped (same_address)"]
    assert world.messages("hello") == [*skipped, "one bob accepted"]
    assert world.messages("hello", "bell")[0] == "one ann3 accepted"
    assert "one skipped same_address" in world.journal("hello")
    assert sorted(m["reason"] for m in world.why("hello")["messages"]) == ["", "same_address", "same_address"]
    world.contact("ann0", since=day(0, 20), email=same)
    assert [line.split(":")[0] for line in world.tick(day(1)).sent] == ["ann", "bob"]
    world.tick(day(2))
    assert [m for m in world.messages("hello") if "ann0" in m] == ["one ann0 skipped (same_address)"] * 2


def test_mail_over_contacts_that_has_not_left_stands_in_no_bodys_way(world: World) -> None:
    """While it is held for the one contact, the same person gets it as the other; and then no more as the one."""
    world.customer(timezone="Asia/Tokyo").playbook("hello", "- {id: one, email: one}", subject="contact")
    assert world.tick(day(0, 13)).delivery == {"held": 1}
    world.contact("ann2", email="ann@customer.example", timezone="Europe/London")
    assert world.tick(day(0, 14)).sent == ["ann: One for Acme"]
    assert world.messages("hello") == ["one ann held (quiet_hours)", "one ann2 accepted"]
    assert world.tick(day(1)).sent == []
    assert world.messages("hello") == ["one ann skipped (same_address)", "one ann2 accepted"]


def test_to_a_condition_over_contacts(world: World) -> None:
    team(world).playbook("hello", to("contact.role = 'operator' and contact.name like 'Cat%'"))
    assert world.tick(day(0)).sent == ["cat: One for Acme"]


def test_to_a_condition_may_ask_for_a_contacts_own_usage(world: World) -> None:
    team(world).uses("acme", contact="dan").playbook("hello", to("uses > 0"))
    assert world.tick(day(0)).sent == ["dan: One for Acme"]


def test_to_the_csm_their_manager_and_a_staff_role(world: World) -> None:
    team(world)
    for who in ("csm", "csm.manager", "sales"):
        world.playbook(who.replace(".", "-"), to(who))
    assert world.tick(day(0)).sent == ["alex: One for Acme", "kim: One for Acme", "lead: One for Acme"]


def test_an_empty_role_falls_back_as_the_project_says(world: World) -> None:
    world.project(people={"fallback": {"operators": "champion", "champion": "everyone"}})
    world.customer().account("beta").contact("bob", "beta", role="viewer")
    world.playbook("operators", to("operators")).playbook("champion", to("champion"))
    assert world.tick(day(0)).sent == ["ann: One for Acme"] * 2 + ["bob: One for Beta"] * 2


def test_a_step_that_has_nobody_to_go_to_is_skipped_with_the_reason(world: World) -> None:
    world.account().contact("bob", role="viewer").playbook("hello", "- {id: one, email: one}\n- {id: two, email: two, to: everyone}")
    assert world.tick(day(0)).sent == ["bob: Two for Acme"]
    assert "one advanced nobody" in world.journal("hello")


def test_mail_to_a_csm_whom_the_account_does_not_have_is_skipped_with_the_reason(world: World) -> None:
    world.customer(csm="").playbook("hello", "- {id: one, email: one, to: csm}\n- {id: two, email: two}")
    assert world.tick(day(0)).sent == ["ann: Two for Acme"]
    assert "one advanced nobody" in world.journal("hello")


def test_mail_to_the_manager_of_one_who_has_none_is_skipped_with_the_reason(world: World) -> None:
    world.customer(csm="solo@vendor.example").playbook("hello", "- {id: one, email: one, to: csm.manager}\n- {id: two, email: two}")
    assert world.tick(day(0)).sent == ["ann: Two for Acme"]


# --- subject: contact --------------------------------------------------------------------------------------------------


def test_a_playbook_over_contacts_passes_each_contact_by_itself(world: World) -> None:
    team(world).uses("acme", contact="bob").uses("acme", day(1, 9), contact="cat")
    world.playbook("hello", "- {id: one, email: one}\n- {id: two, email: two}", subject="contact", enter="uses > 0")
    assert world.tick(day(0)).sent == ["bob: One for Acme"]
    tick = world.tick(day(1))
    assert tick.sent == ["bob: Two for Acme", "cat: One for Acme"]
    assert tick.counts("hello", "matched", "entered", "advanced") == (2, 1, 1)
    assert {p.subject_id for p in world.engine.store.enrolments_of("acme", "hello")} == {"bob", "cat"}


def test_a_playbook_over_contacts_reads_its_accounts_figures(world: World) -> None:
    team(world).uses("acme", contact="bob")
    world.playbook(
        "hello", "- {id: one, email: one}", subject="contact", enter="uses = 0 and account.uses > 0 and contact.role = 'operator'"
    )
    assert world.tick(day(0)).sent == ["cat: One for Acme"]


def test_a_contact_who_is_gone_ends_its_passage_and_not_the_others(world: World) -> None:
    team(world).playbook(
        "hello", "- {id: rest, wait: 1 days}\n- {id: one, email: one}", subject="contact", audience="contact.role = 'operator'"
    )
    world.tick(day(0))
    world.gone("bob")
    tick = world.tick(day(1))
    assert (tick.sent, tick.counts("hello", "finished")) == (["cat: One for Acme"], ({"exit": 1},))


# --- who cannot be reached ---------------------------------------------------------------------------------------------


def test_a_contact_without_address_is_skipped_and_the_rest_goes_on(world: World) -> None:
    world.account().contact("ann", email="").contact("bob").playbook("hello", to("everyone") + "\n- {id: two, email: two, to: everyone}")
    tick = world.tick(day(0))
    assert (tick.sent, tick.delivery) == (["bob: One for Acme"], {"accepted": 1, "skipped": 1})
    assert world.messages("hello") == ["one ann skipped (no_address)", "one bob accepted"]
    assert "one skipped no_address" in world.journal("hello")
    assert world.tick(day(1)).sent == ["bob: Two for Acme"]


def test_a_suppressed_address_is_never_mailed_however_it_is_written(world: World) -> None:
    world.account().contact("ann", email="Ann@Customer.Example").contact("bob").playbook("hello", to("everyone"))
    world.suppress(" ann@customer.example ")
    assert world.tick(day(0)).sent == ["bob: One for Acme"]
    assert world.messages("hello") == ["one ann skipped (suppressed)", "one bob accepted"]


def test_who_is_suppressed_after_planning_is_not_sent_to(world: World) -> None:
    world.customer().playbook("hello", "- {id: one, email: one}")
    assert world.tick(day(0, 22)).delivery == {"held": 1}
    world.suppress("ann@customer.example")
    assert world.tick(day(1)).delivery == {"skipped": 1}
    assert world.messages("hello") == ["one ann skipped (suppressed)"]


def test_a_suppression_outlives_the_contact(world: World) -> None:
    world.customer().playbook("hello", "- {id: one, email: one}", subject="contact")
    world.suppress("ann@customer.example")
    world.gone("ann")
    world.contact("ann-again", email="ann@customer.example")
    assert world.tick(day(0)).delivery == {"skipped": 1}


def test_a_contact_who_is_removed_before_the_claim_is_skipped(world: World) -> None:
    world.account().contact("ann").contact("bob").playbook("hello", to("everyone"))
    assert world.tick(day(0, 22)).delivery == {"held": 2}
    world.gone("ann")
    assert world.tick(day(1)).sent == ["bob: One for Acme"]
    assert world.messages("hello") == ["one ann skipped (recipient_gone)", "one bob accepted"]


def test_who_has_gone_over_to_another_account_before_the_claim_gets_no_mail_about_the_first(world: World) -> None:
    """What is about an account is not for another customer's people; there a passage of their own begins anew."""
    world.customer().customer("beta", "ben").playbook("hello", "- {id: one, email: one}")
    world.playbook("own", "- {id: two, email: two, to: contact.id = 'ann'}", subject="contact", audience="contact.id = 'ann'")
    assert world.tick(day(0, 22)).delivery == {"held": 3}
    world.contact("ann", "beta", "operator")
    assert world.tick(day(1)).sent == ["ann: Two for Beta", "ben: One for Beta"]
    assert world.messages("hello") == ["one ann skipped (recipient_gone)"]


def test_a_contact_who_goes_to_another_account_ends_as_moved_and_may_begin_anew_there_once(world: World) -> None:
    """Whatever `reenter` says. Who was through before goes through no more."""
    world.customer().customer("beta", "ben").contact("cat", "acme", "operator")
    world.playbook(
        "hello", "- {id: one, email: one}\n- {id: call, cta: call}\n- {id: rest, wait: 9 days}\n- {id: two, email: two}", subject="contact"
    )
    world.playbook("short", "- {id: three, email: three}", subject="contact", audience="contact.id = 'ann'")
    for at in (0, 1, 1.2):
        world.tick(day(at))
    assert world.stands("hello") == ["rest", "rest"]
    world.contact("ann", "beta", "operator")
    ticked = world.tick(day(2))
    assert [line for line in ticked.sent if "ann" in line] == ["ann: One for Beta"]
    assert ticked.of("hello")["finished"] == {"moved": 1}
    assert sorted(world.stands("hello")) == ["moved", "rest"]
    assert world.journal("hello")[-1] == "rest finished moved"
    assert world.why("hello")["passages"][0]["finished"] in ("", "moved")
    assert sorted(world.stands("hello", "beta")) == ["one", "rest"]
    assert [line for at in (3, 4, 13, 14, 15) for line in world.tick(day(at)).sent if "ann" in line] == ["ann: Two for Beta"]
    assert (sorted(world.stands("hello", "beta")), world.stands("short", "beta")) == (["done", "done"], [])


def test_an_event_that_a_passage_began_with_begins_none_in_another_account(world: World) -> None:
    world.customer().customer("beta", "ben").uses("acme", day(0, 9), contact="ann", event="invited")
    world.playbook("hello", "- {id: one, email: one}\n- {id: rest, wait: 9 days}", subject="contact", enter={"event": "invited"})
    assert world.tick(day(0)).sent == ["ann: One for Acme"]
    assert world.contact("ann", "beta").tick(day(1)).sent == []
    assert (world.stands("hello"), world.stands("hello", "beta")) == (["moved"], [])
    world.uses("beta", day(1, 12), contact="ann", event="invited")
    assert world.tick(day(2)).sent == ["ann: One for Beta"]


def test_goal_reached_between_planning_and_claim_skips_the_held_mail(world: World) -> None:
    world.customer().uses("acme", day(0, 23)).playbook("hello", "- {id: one, email: one}", goal="uses > 0")
    assert world.tick(day(0, 22)).delivery == {"held": 1}
    tick = world.tick(day(1))
    assert (tick.sent, tick.delivery, tick.of("hello")["messages"]["skipped"]) == ([], {"skipped": 1}, 1)
    assert world.messages("hello") == ["one ann skipped (goal)"]
    assert world.journal("hello", at=day(1)) == ["one finished goal", "one skipped goal"]


# --- from --------------------------------------------------------------------------------------------------------------


def test_mail_comes_from_the_accounts_csm_and_replies_go_there(world: World) -> None:
    (file,) = world.customer().playbook("hello", "- {id: one, email: one}").tick(day(0)).files
    mail = opened(file)
    assert (mail["From"], mail["Reply-To"]) == ("Alex Csm <alex@vendor.example>", "Alex Csm <alex@vendor.example>")


def test_mail_of_an_account_without_csm_comes_from_the_fall_back(world: World) -> None:
    (file,) = world.customer(csm="").playbook("hello", "- {id: one, email: one}").tick(day(0)).files
    assert opened(file)["From"] == "Toni Lead <lead@vendor.example>"


def test_from_names_a_role_or_a_person(world: World) -> None:
    world.customer()
    for who in ("sales", "csm.manager", "solo@vendor.example"):
        world.playbook(who.split("@")[0].replace(".", "-"), f"- {{id: one, email: one, from: {who}}}")
    senders = sorted(opened(file)["From"] for file in world.tick(day(0)).files)
    assert senders == ["Kim Sales <kim@vendor.example>", "Solo Csm <solo@vendor.example>", "Toni Lead <lead@vendor.example>"]


def test_who_of_us_is_suppressed_gets_no_mail_and_is_told_in_slack_all_the_same(world: World) -> None:
    world.customer().suppress("alex@vendor.example").suppress("nobody@vendor.example")
    world.playbook("hello", "- {id: hello, email: one, to: csm}\n- {id: ring, cta: call}")
    assert world.tick(day(0)).sent == []
    assert world.messages("hello") == ["hello alex skipped (suppressed)"]
    assert world.tick(day(1)).sent == ["U-ALEX: Call Acme"]


def test_when_the_crm_has_no_contact_any_more_their_passages_end_and_nothing_fails(world: World) -> None:
    world.customer().playbook("hello", "- {id: one, email: one}\n- {id: rest, wait: 3 days}\n- {id: two, email: two}", subject="contact")
    world.tick(day(0))
    ticked = world.gone("ann").tick(day(1))
    assert (ticked.json["failures"], ticked.of("hello")["finished"], ticked.sent) == ([], {"exit": 1}, [])
