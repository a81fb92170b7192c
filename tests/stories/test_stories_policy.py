"""Stories of the project's rules of sending: caps, days, calendars, portions."""

from __future__ import annotations

import itertools
from collections import Counter
from dataclasses import replace
from datetime import datetime, timedelta

from cs_engine.clock import OffsetClock
from cs_engine.instants import to_micros
from cs_engine.journey.touch import Touch
from cs_engine.run.tick import run_tick
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


def test_a_cap_of_contacts_counts_a_person_who_is_several_of_them_once(world: World) -> None:
    """Mail to the one contact, and a colleague's call with them, take the room of the other."""
    world.customer().customer("bell", "bob").contact("ann2", "bell", email="Ann@customer.example")
    world.project(caps=[{"per": "contact", "most": 1, "in": "1 days"}])
    world.playbook("news", "- {id: one, email: one}", priority=60, audience="account.name = 'Acme'")
    world.playbook("more", "- {id: two, email: two, to: everyone}", audience="account.name = 'Bell'")
    assert world.tick(day(0)).sent == ["ann: One for Acme", "bob: Two for Bell"]
    assert world.messages("more", "bell")[0] == "two ann2 held (cap: contact 1 in 1 day)"
    world.engine.store.log_touches([Touch("tch_1", "acme", "ann", "call", "alex@vendor.example", to_micros(day(0, 12)))])
    assert (world.tick(day(1, 11)).sent, world.tick(day(1, 13)).sent) == ([], ["Ann: Two for Bell"])


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


def test_mail_of_friday_night_goes_on_monday_morning_of_whoever_gets_it(world: World) -> None:
    """Quiet hours and send days together; the zone is the contact's, else the account's, else the project's."""
    world.project(send_days=["mon", "tue", "wed", "thu", "fri"], timezone="America/New_York")
    world.customer("acme", "ann", timezone="Asia/Kolkata").contact("bob", timezone="Pacific/Pago_Pago").contact("cat", timezone="Mars/Base")
    world.customer("bolt", "dan")
    world.playbook("news", "- {id: one, email: one, to: everyone}")
    assert world.tick(day(4, 22)).sent == ["bob: One for Acme", "dan: One for Bolt"]  # Friday: 11:00 in Pago Pago, 17:00 in New York
    assert world.messages("news") == ["one ann held (send_days)", "one bob accepted", "one cat held (send_days)"]
    # A zone that does not exist says nothing: the account's holds. In Kolkata it is half past eight on Saturday's other side.
    assert world.held_until("news") == [day(7, 2) + 30 * MINUTE] * 2
    assert world.tick(day(7, 2)).sent == []
    assert world.tick(day(7, 3)).sent == ["ann: One for Acme", "cat: One for Acme"]


def test_mail_waits_while_its_readers_calendar_says_so_and_slack_goes_on(world: World) -> None:
    world.project(
        no_send={"ja": ["spring"], "all": ["stocktaking"]},
        calendars={"spring": {"days": ["03-02/03-03"]}, "stocktaking": {"days": ["2026-03-04"]}},
    )
    world.customer("acme", "ann", locale="ja-JP").customer("bolt", "bob")
    for name in ("one", "two"):
        world.mail(name, f"{name.capitalize()} {{{{ account.name }}}}", locale="ja")
    world.write("templates/slack/call.ja.yaml", 'text: "Call {{ account.name }}"\n')
    world.playbook("news", "- {id: one, email: one}", priority=60).playbook("calls", "- {id: call, cta: call}")
    assert world.tick(day(0)).sent == ["U-ALEX: Call Acme", "U-ALEX: Call Bolt", "bob: One for Bolt"]
    assert world.messages("news") == ["one ann held (no_send: spring)"]
    assert world.held_until("news") == [day(3, 8)]  # the morning after both
    world.playbook("bill", "- {id: two, email: two}", topic="transactional")
    assert world.tick(day(1)).delivery["accepted"] == 2
    assert world.tick(day(3, 9)).delivery == {"accepted": 1}


def test_in_calendar_is_about_today_in_the_projects_zone(world: World) -> None:
    world.project(timezone="Asia/Tokyo", calendars={"fair": {"days": ["2026-03-03"]}}, quiet_hours=None).customer(timezone="UTC")
    world.playbook("fair", "- {id: one, email: one}", enter="in_calendar('fair')")
    world.playbook("rest", "- {id: two, email: two}", enter="not in_calendar('fair') and not in_calendar('jp')")
    assert world.tick(day(0, 14)).sent == ["ann: Two for Acme"]  # 23:00 in Tokyo
    assert world.tick(day(0, 16)).sent == ["ann: One for Acme"]
    assert world.why("fair")["subjects"][0]["conditions"]["enter"]["text"] == "in_calendar('fair')"


def test_business_days_leave_out_weekends_and_the_projects_own_calendar(world: World) -> None:
    """Signed up on a Monday; Wednesday is off. Two business days later it is Thursday, not Wednesday."""
    world.project(business_calendar="company", calendars={"company": {"days": ["2026-03-04"], "holidays": "JP"}}).customer()
    world.playbook("since", "- {id: one, email: one}", enter="business_days_since(account.signed_up_at) >= 2")
    world.playbook("wait", "- {id: settle, wait: 2 business days}\n- {id: two, email: two}")
    sent = {number: world.tick(day(number)).sent for number in range(5)}
    assert {number: mails for number, mails in sent.items() if mails} == {3: ["ann: One for Acme", "ann: Two for Acme"]}


def test_an_outage_of_three_days_causes_no_burst(world: World) -> None:
    """What became due meanwhile goes in portions, the most urgent first; nobody is lost and the rest of the tick is not held up."""
    world.project(spread="3 per hour", quiet_hours=None)
    for n in range(8):
        world.customer(f"acc{n}", f"ann{n}")
    world.playbook("tips", "- {id: settle, wait: 1 days}\n- {id: one, email: one}", priority=10)
    world.playbook("urgent", "- {id: settle, wait: 2 days}\n- {id: two, email: two}", priority=90)
    world.playbook("bill", "- {id: settle, wait: 2 days}\n- {id: three, email: three}", topic="transactional", priority=1)
    assert world.tick(day(0)).sent == []
    hours = [world.tick(day(4, 10 + hour) + MINUTE * hour).sent for hour in range(7)]  # nothing ran in between
    by_hour = [Counter(sent.split(": ")[1].split()[0] for sent in mails) for mails in hours]
    assert by_hour == [
        {"Three": 8, "Two": 3}, {"Two": 3}, {"Two": 2, "One": 1}, {"One": 3}, {"One": 3}, {"One": 1}, {},
    ]  # fmt: skip
    assert len({sent for mails in hours for sent in mails}) == 24
    assert "one held spread: 3 per hour" in world.journal("tips", "acc0") + world.journal("tips", "acc1") + world.journal("tips", "acc2")


def test_a_delivery_that_took_long_does_not_cost_the_next_tick_its_portion(world: World) -> None:
    """The first began half a minute late and sent its mail five minutes later; the next is quick."""
    world.project(spread="1 per hour", quiet_hours=None).customer().customer("beta", "bob")
    world.playbook("tips", "- {id: one, email: one}")
    slow = replace(world.engine, delivery_clock=lambda at: OffsetClock(at, itertools.count(0, 300).__next__))
    late = run_tick(slow, day(0, 10) + timedelta(seconds=30)).as_json()["delivery"]
    assert (late["accepted"], late["held"]) == (1, 1)
    assert world.tick(day(0, 11)).delivery == {"accepted": 1}


def test_those_who_wait_in_portions_are_told_when_and_a_late_urgent_mail_goes_before_them(world: World) -> None:
    world.project(spread="2 per hour", quiet_hours=None)
    for n in range(6):
        world.customer(f"acc{n}", f"ann{n}")
    world.playbook("tips", "- {id: one, email: one}", priority=10)
    assert len(world.tick(day(0)).sent) == 2
    untils = sorted(at for n in range(6) for at in until(world, "tips", f"acc{n}"))
    assert untils == [day(0, 11)] * 2 + [day(0, 12)] * 2
    world.playbook("urgent", "- {id: two, email: two}", priority=90, audience="account.id = 'acc0'")
    assert [sent.split(": ")[1].split()[0] for sent in world.tick(day(0, 11) + MINUTE).sent] in (["Two", "One"], ["One", "Two"])
    assert sum(len(world.tick(day(0, 12) + MINUTE * n * 30).sent) for n in range(1, 6)) == 3


def test_after_a_hold_mail_waits_for_send_days_and_then_for_room_under_the_cap_and_the_journal_tells_each(world: World) -> None:
    """What one rule lets go the next one may keep: each time it is told until when, and why."""
    weekdays = ["mon", "tue", "wed", "thu", "fri"]
    world.project(send_days=weekdays, caps=[{"per": "contact", "most": 1, "in": "2 days"}]).customer(plan="frozen")
    world.playbook("first", "- {id: one, email: one}", priority=90, hold="account.plan = 'frozen'")
    world.playbook("second", "- {id: two, email: two}", hold="account.plan = 'frozen'")
    assert world.tick(day(3)).delivery == {"held": 2}
    world.account(plan="team")
    assert world.tick(day(5)).sent == []  # Saturday
    assert world.held_until("first") == world.held_until("second") == [day(7, 8)]
    assert world.tick(day(7, 9)).sent == ["ann: One for Acme"]
    assert until(world, "second") == [day(9, 9)]
    assert world.tick(day(9, 9) + MINUTE).sent == ["ann: Two for Acme"]
    waited = [line for line in world.journal("second") if " held" in line]
    assert waited == ["two held hold", "two held send_days", "two held cap: contact 1 in 2 days"]


def test_a_cap_that_frees_in_the_night_or_on_a_day_off_lets_go_on_the_next_open_morning(world: World) -> None:
    world.project(send_days=["mon", "tue", "wed", "thu", "fri"], caps=[{"per": "contact", "most": 1, "in": "4 days"}]).customer()
    world.playbook("first", "- {id: one, email: one}", priority=90).playbook("second", "- {id: two, email: two}")
    assert world.tick(day(1)).sent == ["ann: One for Acme"]
    assert world.held_until("second") == [day(7, 8)]  # it frees on Saturday at ten
    assert world.messages("second") == ["two ann held (cap: contact 1 in 4 days)"]


def test_a_capped_mail_that_expires_is_skipped_and_its_journey_goes_on(world: World) -> None:
    world.project(caps=[{"per": "contact", "most": 1, "in": "7 days"}]).customer()
    world.playbook("first", "- {id: one, email: one}", priority=90)
    world.playbook("second", "- {id: two, email: two, expires: 2 days}\n- {id: ring, cta: call}")
    assert world.tick(day(0)).sent == ["ann: One for Acme"]
    assert world.held_until("second") == [day(2)]  # not the seventh day: it is of no use then
    assert world.tick(day(2) + MINUTE).delivery == {"skipped": 1}
    assert world.messages("second") == ["two ann skipped (expired)"]
    assert world.tick(day(2, 11)).sent == ["U-ALEX: Call Acme"]


def test_after_a_hold_of_everybody_mail_goes_in_portions(world: World) -> None:
    """The end of a break is no burst, though all is free at once."""
    world.project(
        spread="2 per hour", quiet_hours=None, hold={"all": "in_calendar('break')"}, calendars={"break": {"days": ["03-02/03-03"]}}
    )
    for n in range(5):
        world.customer(f"acc{n}", f"ann{n}")
    world.playbook("tips", "- {id: one, email: one}")
    assert world.tick(day(0)).delivery == {"held": 5}
    assert world.tick(day(1)).sent == []
    hours = [world.tick(day(2, hour) + MINUTE * hour).sent for hour in range(4)]
    assert [len(sent) for sent in hours] == [2, 2, 1, 0]


def test_after_a_calendars_break_mail_goes_in_portions(world: World) -> None:
    world.project(spread="2 per hour", no_send={"all": ["break"]}, calendars={"break": {"days": ["03-02/03-03"]}})
    for n in range(5):
        world.customer(f"acc{n}", f"ann{n}")
    world.playbook("tips", "- {id: one, email: one}")
    assert world.tick(day(0)).delivery == {"held": 5}
    assert [len(world.tick(day(2, hour) + MINUTE * hour).sent) for hour in range(7, 13)] == [0, 2, 2, 1, 0, 0]


def test_transactional_mail_knows_no_rule_of_sending(world: World) -> None:
    """In the night of a day off, held, over the caps and with nothing left of the hour's portion it goes at once."""
    world.project(
        send_days=["tue"],
        no_send={"all": ["jp"]},
        calendars={"jp": {"days": ["03-02"]}},
        caps=[{"per": "contact", "most": 1, "in": "7 days"}, {"per": "account", "most": 1, "in": "7 days"}],
        spread="1 per day",
        hold={"all": "account.plan = 'team'"},
    )
    world.customer()
    steps = "- {id: one, email: one}\n- {id: two, email: two}\n- {id: three, email: three}"
    world.playbook("bill", steps, topic="transactional").playbook("tips", steps)
    sent = [world.tick(day(0, 22) + 15 * MINUTE * n).sent for n in range(3)]
    assert sent == [["ann: One for Acme"], ["ann: Two for Acme"], ["ann: Three for Acme"]]
    assert world.messages("tips") == ["one ann held (hold)"]
