"""What becomes of mail after it was taken: what the provider tells, late, twice and in any order, and what the engine makes of it."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import pytest

from cs_engine.channels.sendgrid_events import EventReader
from cs_engine.instants import to_micros
from cs_engine.journey.aftermath import Delivery
from cs_engine.journey.message import Move, State
from cs_engine.settings import Settings
from cs_engine.wiring import email_hasher
from tests.doubles.sendgrid_webhook import PERSON, SendgridWebhook, batch, event
from tests.stories.test_stories_fallback import INSTEAD
from tests.stories.test_stories_ledger import DRIP, streak
from tests.stories.test_stories_modes import many
from tests.stories.test_stories_people import team, to
from tests.stories.world import Ticked, World, day

SENDGRID = SendgridWebhook()


def tell(world: World, *events: Mapping[str, Any], at: datetime | None = None) -> int:
    """The provider tells; how many of the events are news."""
    body = batch(events)
    reader = EventReader(SENDGRID.public_key, email_hasher(Settings(cs_engine_project=world.root)))
    headers = {name.lower(): value for name, value in SENDGRID.headers(body).items()}
    return world.engine.store.receive(reader.read(headers, body, to_micros(at or day(0))))


def of(
    world: World, kind: str, step: str, at: datetime, who: str = "ann", account: str = "acme", playbook: str = "hello", **more: Any
) -> Any:
    """An event of the mail of that step to that contact."""
    found = [m.id for m in world.engine.store.messages_of(account, playbook) if (m.step, m.recipient) == (step, who)]
    return event(kind, found[-1], at=int(at.timestamp()), **{"email": f"{who}@customer.example", **more})


def said(ticked: Ticked) -> str:
    """What our people were told in Slack."""
    texts = [file.path.read_text(encoding="utf-8") for file in ticked.files if file.path.suffix == ".json"]
    return "\n".join(json.loads(text)["text"] for text in texts)


def delivery(world: World, step: str = "one", who: str = "ann", playbook: str = "hello") -> Delivery:
    (id,) = [m.id for m in world.engine.store.messages_of("acme", playbook) if (m.step, m.recipient) == (step, who)]
    with world.engine.store.database.read() as tx:  # type: ignore[attr-defined]
        row = tx.row(f"SELECT {', '.join(Delivery._fields)} FROM deliveries WHERE message_id = :id", id=id)
    return Delivery(*row) if row else Delivery(id)


def greeted(world: World, steps: str = "- {id: one, email: one}\n- {id: rest, wait: 9 days}") -> World:
    """Ann has got the first mail at day 0."""
    world.customer().playbook("hello", steps)
    world.tick(day(0))
    return world


# --- the mail


def test_a_mail_that_arrived_is_marked_and_stays_accepted(world: World) -> None:
    greeted(world)
    tell(world, *(of(world, kind, "one", day(0, 10 + n / 60)) for n, kind in enumerate(("processed", "deferred", "delivered"))))
    tick = world.tick(day(1))
    assert (delivery(world).state, delivery(world).at) == ("delivered", to_micros(day(0, 10 + 2 / 60)))
    assert world.messages("hello") == ["one ann accepted"]
    assert tick.delivery == {}
    told = [(m["state"], m["delivery"], m["delivery_at"]) for at in (day(1), day(0)) for m in world.why("hello", at=at)["messages"]]
    assert told == [("accepted", "delivered", "2026-03-02T10:02:00Z"), ("accepted", "", None)], "at first it was not known"


KINDS = ["processed", "deferred", "delivered", "open", "bounce"]


@pytest.mark.parametrize("seed", range(4))
def test_the_order_of_what_is_told_and_how_often_makes_no_difference(world: World, seed: int) -> None:
    greeted(world)
    told = [of(world, kind, "one", day(0, 10 + n), useragent=PERSON) for n, kind in enumerate(KINDS)]
    chance = random.Random(seed)
    events = told * 3
    chance.shuffle(events)
    cut = chance.randrange(1, len(events))
    tell(world, *events[:cut])
    world.tick(day(1))
    tell(world, *events[cut:])
    world.tick(day(2))
    found = delivery(world)
    assert (found.state, found.at, found.delivered_at, found.opens) == ("bounced", to_micros(day(0, 14)), to_micros(day(0, 12)), 1)
    assert [line for line in world.journal("hello") if "bounced" in line] == ["one bounced"]


@pytest.mark.parametrize("was", [State.UNCERTAIN, State.DISPATCHING, State.PLANNED, State.HELD])
@pytest.mark.parametrize("kind", ["processed", "delivered", "bounce"])
def test_what_the_provider_tells_of_was_taken_and_is_never_sent_again(world: World, was: State, kind: str) -> None:
    greeted(world)
    (id,) = [m.id for m in world.engine.store.messages_of("acme", "hello")]
    in_doubt(world, id, was)
    tell(world, of(world, kind, "one", day(0)))
    tick = world.tick(day(0, 11))
    assert [line for line in tick.sent if line.startswith("ann")] == []
    assert world.messages("hello") == ["one ann accepted (told)"]
    assert "one accepted told" in world.journal("hello", at=day(0, 11))


def in_doubt(world: World, id: str, was: State) -> None:
    """The mail was sent; we do not know it any more."""
    lease = ", lease_until = 9e15, holder = 'far:1:a'" if was is State.DISPATCHING else ""
    until = to_micros(day(30)) if was is State.HELD else "NULL"
    with world.engine.store.database.write() as tx:  # type: ignore[attr-defined]
        tx.run(
            f"UPDATE messages SET state = '{was.value}', settled_at = NULL, provider_id = '', until = {until}{lease} WHERE id = :id", id=id
        )
        tx.run("UPDATE enrolments SET step_ended_at = NULL")


def test_what_is_told_while_a_tick_sends_settles_its_doubts_before_any_policy_does(world: World) -> None:
    """`drop` gives an uncertain message up at once; the provider's word comes first."""
    greeted(world, "- {id: one, email: one, uncertain: drop}\n- {id: rest, wait: 9 days}")
    (id,) = [m.id for m in world.engine.store.messages_of("acme", "hello")]
    in_doubt(world, id, State.DISPATCHING)
    tell(world, of(world, "delivered", "one", day(0)))
    world.engine.store.settle([Move(id, State.DISPATCHING, State.UNCERTAIN, "timeout")], to_micros(day(0)))
    world.tick(day(0, 11))
    assert world.messages("hello") == ["one ann accepted (told)"]


def test_a_passage_goes_on_from_when_its_mail_was_found_to_be_taken(world: World) -> None:
    greeted(world, "- {id: one, email: one}\n- {id: rest, wait: 1 days}\n- {id: two, email: two}")
    (id,) = [m.id for m in world.engine.store.messages_of("acme", "hello")]
    in_doubt(world, id, State.UNCERTAIN)
    tell(world, of(world, "delivered", "one", day(0)))
    assert [world.tick(day(0, hour)).sent for hour in (12, 35, 37)] == [[], [], ["ann: Two for Acme"]]


def test_events_of_others_mail_and_of_mail_we_do_not_know_change_nothing(world: World) -> None:
    greeted(world)
    tell(
        world, event("delivered", None), event("delivered", "msg_unknown"), event("group_unsubscribe", None, asm_group_id=7),
        event("account_status_change", None, email=None), event("bounce", "msg_unknown", email="x@elsewhere.example"),
    )  # fmt: skip
    world.tick(day(1))
    assert delivery(world).state == ""
    assert world.engine.store.returned() == []


# --- the address is no good


HARD = {"bounce": {"type": "bounce", "status": "5.1.1"}, "dropped": {"reason": "Bounced Address"}}


@pytest.mark.parametrize("kind", HARD)
def test_an_address_that_bounced_is_never_mailed_again_and_its_csm_is_told_once(world: World, kind: str) -> None:
    greeted(world, "- {id: one, email: one}\n- {id: two, email: two}\n- {id: rest, wait: 9 days}")
    tell(world, of(world, kind, "one", day(0), **HARD[kind]))
    tick = world.tick(day(1))
    why = {"bounce": "5.1.1", "dropped": "bounced"}[kind]
    assert [line[:7] for line in tick.sent] == ["U-ALEX:"]
    assert f"• acme: ann ({why})" in said(tick)
    assert world.messages("hello") == ["one ann accepted", "two ann skipped (suppressed)"]
    assert world.tick(day(2)).sent == []


def test_transactional_mail_does_not_go_to_an_address_that_bounced_either(world: World) -> None:
    greeted(world)
    tell(world, of(world, "bounce", "one", day(0)))
    world.playbook("bill", "- {id: due, email: two}", topic="transactional").tick(day(1))
    assert world.messages("bill") == ["due ann skipped (suppressed)"]


@pytest.mark.parametrize(
    ("kind", "more", "mark"),
    [
        ("bounce", {"type": "blocked", "status": "5.7.1"}, "blocked"),
        ("deferred", {"response": "later"}, "deferred"),
        ("dropped", {"reason": "Spam Content (if Spam Checker app enabled)"}, "dropped"),
    ],
)
def test_what_is_not_the_addresss_fault_suppresses_nobody(world: World, kind: str, more: dict[str, str], mark: str) -> None:
    greeted(world, "- {id: one, email: one}\n- {id: two, email: two}\n- {id: rest, wait: 9 days}")
    tell(world, of(world, kind, "one", day(0), **more))
    assert world.tick(day(1)).sent == ["ann: Two for Acme"]
    assert delivery(world).state == mark


def test_many_that_bounced_are_suppressed_at_once(world: World) -> None:
    many(world, 30).playbook("hello", "- {id: one, email: one}\n- {id: rest, wait: 9 days}")
    world.tick(day(0))
    tell(world, *(of(world, "bounce", "one", day(0), f"c{n:02}", f"a{n:02}") for n in range(30)))
    assert len(world.engine.store.suppressed_contacts()) == 30
    tick = world.tick(day(1))
    assert len(tick.sent) == 1, "one word to their CSM"
    assert said(tick).count("• a") == 20
    assert "… and 10 more" in said(tick)


def test_the_suppression_holds_from_the_moment_the_provider_is_answered(world: World) -> None:
    """No tick has to come in between: what is claimed next reads it."""
    greeted(world)
    tell(world, of(world, "bounce", "one", day(0)))
    assert world.engine.store.suppressed_contacts() == {"ann"}
    assert world.engine.store.returned() == [], "what it means for the mail is the next tick's"


def test_where_a_champions_mail_bounces_who_stands_in_gets_it_and_the_passage_waits_for_them(world: World) -> None:
    team(world).project(people=INSTEAD).playbook("hello", to("champion") + "\n- {id: two, email: two, to: champion}")
    assert world.tick(day(0)).sent == ["ann: One for Acme"]
    tell(world, of(world, "bounce", "one", day(0)))
    tick = world.tick(day(0, 11))
    assert tick.sent[1:] == ["bob: One for Acme", "cat: One for Acme"]
    assert "• acme: ann; instead of them: bob, cat" in said(tick)
    assert world.stands("hello") == ["one"]
    assert world.messages("hello") == ["one ann accepted", "one bob accepted", "one cat accepted"]
    assert world.tick(day(0, 12)).sent == ["bob: Two for Acme", "cat: Two for Acme"]


def test_where_who_stands_in_bounces_too_the_others_who_have_it_get_it_once_and_the_passage_goes_on(world: World) -> None:
    team(world).project(people=INSTEAD).playbook("hello", to("champion") + "\n- {id: rest, wait: 9 days}")
    world.tick(day(0))
    for hour, who in ((11, "ann"), (12, "bob")):
        tell(world, of(world, "bounce", "one", day(0), who))
        world.tick(day(0, hour))
    assert world.messages("hello") == ["one ann accepted", "one bob accepted", "one cat accepted"]
    world.tick(day(0, 13))
    assert world.stands("hello") == ["rest"]


def test_where_the_passage_has_gone_on_the_next_mail_goes_to_who_stands_in(world: World) -> None:
    team(world).project(people=INSTEAD).playbook("hello", to("champion") + "\n- {id: rest, wait: 1 days}\n- {id: two, email: two}")
    world.tick(day(0))
    world.tick(day(0, 11))
    tell(world, of(world, "bounce", "one", day(0)))
    assert [line[:4] for line in world.tick(day(0, 12)).sent] == ["U-AL"]
    assert world.tick(day(2)).sent == ["bob: Two for Acme", "cat: Two for Acme"]


def test_a_bounce_that_names_no_mail_is_that_of_the_last_one_to_the_address(world: World) -> None:
    greeted(world, "- {id: one, email: one}\n- {id: two, email: two}\n- {id: rest, wait: 9 days}")
    world.tick(day(1))
    tell(world, event("bounce", None, at=int(day(2).timestamp()), sg_message_id=None))
    world.tick(day(3))
    assert (delivery(world, "one").state, delivery(world, "two").state) == ("", "bounced")


def test_one_of_copies_that_bounces_is_not_the_mail(world: World) -> None:
    greeted(world)
    tell(world, of(world, "delivered", "one", day(0)), of(world, "bounce", "one", day(0, 11), email="csm@elsewhere.example"))
    world.tick(day(1))
    assert delivery(world).state == "delivered"
    assert world.engine.store.suppressed_contacts() == set()


# --- the person


def skipped(world: World, at: datetime) -> list[str]:
    """Which of a mail of each kind to Ann is not sent from now on, and why."""
    for topic in ("tips", "milestones", "transactional"):
        world.playbook(topic, "- {id: mail, email: two}", topic=topic)
    world.tick(at)
    return [
        f"{topic}: {message}" for topic in ("tips", "milestones", "transactional") for message in world.messages(topic) if "(" in message
    ]


REFUSED = "mail ann skipped (unsubscribed)"


@pytest.mark.parametrize("kind", ["spamreport", "unsubscribe"])
def test_who_complains_or_unsubscribes_gets_transactional_mail_alone(world: World, kind: str) -> None:
    greeted(world)
    tell(world, of(world, kind, "one", day(0)))
    assert skipped(world, day(1)) == [f"tips: {REFUSED}", f"milestones: {REFUSED}"]
    assert f"one {'complained' if kind == 'spamreport' else 'unsubscribed'}" in world.journal("hello")
    assert world.engine.store.suppressed() == set(), "the address is good"


def test_who_leaves_a_group_refuses_the_topic_of_that_mail_and_can_come_back(world: World) -> None:
    greeted(world)
    tell(world, of(world, "group_unsubscribe", "one", day(0), asm_group_id=7))
    assert skipped(world, day(1)) == [f"tips: {REFUSED}"]
    tell(world, of(world, "group_resubscribe", "one", day(2), asm_group_id=7))
    world.playbook("again", "- {id: mail, email: two}")
    assert world.tick(day(3)).sent == ["ann: Two for Acme"]


def test_an_unsubscribe_that_is_told_after_the_later_resubscribe_does_not_count(world: World) -> None:
    greeted(world)
    tell(world, of(world, "group_resubscribe", "one", day(2), asm_group_id=7))
    tell(world, of(world, "group_unsubscribe", "one", day(0), asm_group_id=7))
    assert skipped(world, day(3)) == []


def test_who_comes_back_without_a_word_of_which_mail_gets_what_they_had_before(world: World) -> None:
    greeted(world)
    tell(world, of(world, "group_unsubscribe", "one", day(0), asm_group_id=7))
    tell(world, of(world, "unsubscribe", "one", day(0, 11)))
    back: dict[str, Any] = {"asm_group_id": 7, "sg_message_id": None}
    tell(world, event("group_resubscribe", None, at=int(day(0, 12).timestamp()), **back))
    assert skipped(world, day(1)) == [f"tips: {REFUSED}"], "they had refused tips before they refused all"
    tell(world, event("group_resubscribe", None, at=int(day(2).timestamp()), **back))
    world.playbook("again", "- {id: mail, email: two}")
    assert world.tick(day(3)).sent == ["ann: Two for Acme"]


def test_who_leaves_a_group_of_somebody_elses_mail_has_refused_nothing_of_ours(world: World) -> None:
    greeted(world)
    tell(world, event("group_unsubscribe", None, at=int(day(0).timestamp()), asm_group_id=9))
    assert skipped(world, day(1)) == []


# --- openings and clicks


def test_a_person_who_opens_or_clicks_ends_the_streak(world: World) -> None:
    for n, kind in enumerate(("open", "click")):
        greeted(world) if not n else world.tick(day(2))
        tell(world, of(world, kind, "one", day(n, 12), useragent=PERSON, url="https://x.example"))
    assert streak(world, day(0, 11)) == 1
    world.tick(day(3))
    assert streak(world, day(0, 13)) == 0
    assert (delivery(world).opens, delivery(world).clicks) == (1, 1)


MACHINES: dict[str, dict[str, Any]] = {
    "Apple's proxy, as SendGrid says": {"kind": "open", "sg_machine_open": True, "useragent": PERSON},
    "Apple's proxy by its name": {"kind": "open", "useragent": "Mozilla/5.0"},
    "Gmail's proxy": {
        "kind": "open",
        "useragent": "Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)",
    },
    "nobody by name": {"kind": "click", "useragent": ""},
    "a scanner by name": {"kind": "click", "useragent": "Barracuda Sentinel (EE)"},
    "a library": {"kind": "click", "useragent": "python-requests/2.32"},
    "a robot": {"kind": "click", "useragent": "Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)"},
    "too soon to have been read": {"kind": "click", "useragent": PERSON, "seconds": 4},
}


@pytest.mark.parametrize("machine", MACHINES)
def test_what_a_machine_opens_or_clicks_is_counted_apart_and_ends_no_streak(world: World, machine: str) -> None:
    greeted(world)
    how = dict(MACHINES[machine])
    kind, seconds = how.pop("kind"), how.pop("seconds", 7200)
    tell(world, of(world, kind, "one", day(0, 10 + seconds / 3600), url="https://x.example", **how), of(world, "delivered", "one", day(0)))
    world.tick(day(1))
    assert streak(world, day(1)) == 1
    found = delivery(world)
    assert (found.opens, found.clicks, found.machine_opens + found.machine_clicks) == (0, 0, 1)


def test_who_follows_every_link_at_once_is_a_machine_and_who_comes_back_later_is_not(world: World) -> None:
    greeted(world)
    burst = [of(world, "click", "one", day(0, 12 + n / 3600), n=n, useragent=PERSON, url=f"https://x.example/{n}") for n in range(4)]
    tell(world, *burst, of(world, "delivered", "one", day(0)))
    world.tick(day(1))
    assert streak(world, day(1)) == 1
    tell(world, of(world, "click", "one", day(1, 12), useragent=PERSON, url="https://x.example/1"))
    world.tick(day(2))
    assert streak(world, day(1, 11)) == 1
    assert streak(world, day(1, 13)) == 0
    (told,) = world.why("hello")["messages"]
    assert (told["clicks"], told["machine_clicks"]) == (1, 4)


def test_a_click_is_judged_again_when_what_makes_it_a_machines_is_told_later(world: World) -> None:
    """The delivery, and the rest of a burst, may come after it."""
    greeted(world)
    tell(world, of(world, "click", "one", day(0, 10 + 5 / 3600), useragent=PERSON, url="https://x.example/1"))
    world.tick(day(1))
    assert streak(world, day(0, 11)) == 0
    tell(world, of(world, "delivered", "one", day(0)))
    world.tick(day(2))
    assert streak(world, day(0, 11)) == 1
    assert (delivery(world).clicks, delivery(world).machine_clicks) == (0, 1)


# --- guards that read it


def test_mail_that_came_back_is_no_touch_that_waits_for_an_answer(world: World) -> None:
    world.customer().playbook("drip", DRIP)
    world.span(day(0), day(1))
    assert streak(world, day(1, 12)) == 2
    tell(world, of(world, "bounce", "m00", day(1), playbook="drip", type="blocked"))
    world.tick(day(1, 12))
    assert streak(world, day(1, 13)) == 1


@pytest.mark.parametrize("kind", ["bounce", "dropped"])
def test_a_partial_mode_halts_on_mail_that_came_back(world: World, kind: str) -> None:
    many(world, 12).playbook("hello", "- {id: one, email: one}\n- {id: rest, wait: 9 days}", mode="canary 99%")
    world.tick(day(0))
    for n in range(8):
        account, who = f"a{n:02}", f"c{n:02}"
        if world.stands("hello", account):
            tell(world, of(world, kind, "one", day(0), who, account, reason="Bounced Address"))
    assert "mails were refused, more than 5%" in world.tick(day(1)).of("hello")["paused"]


def test_a_partial_mode_halts_on_complaints_that_the_provider_tells(world: World) -> None:
    many(world, 12).playbook("hello", "- {id: one, email: one}\n- {id: rest, wait: 9 days}", mode="canary 99%")
    world.tick(day(0))
    tell(world, of(world, "spamreport", "one", day(0, 12), "c03", "a03"))
    assert "complained, more than 0.3%" in world.tick(day(1)).of("hello")["paused"]
