"""The ledger of over-contact: every touch counts, ours and people's; who is lost by persistence is left in peace, and the CSM told once."""

from __future__ import annotations

from datetime import datetime

import pytest

from cs_engine.instants import to_micros
from cs_engine.journey.identity import touch_id
from cs_engine.journey.touch import Reaction, Touch
from cs_engine.playbook.load import load_config
from tests.stories.world import World, day

DRIP = "\n".join(f"- {{id: m{n:02}, email: one}}\n- {{id: w{n:02}, wait: 1 days}}" for n in range(20))
RULE = {"lost_when": "unanswered_streak >= 3", "cta": "change"}
WATCH = "- {id: mark, email: two}"


def touched(world: World, at: datetime, contact: str = "ann", kind: str = "call", account: str = "acme") -> None:
    id = touch_id(account, contact, kind, "alex@vendor.example", to_micros(at))
    world.engine.store.log_touches([Touch(id, account, contact, kind, "alex@vendor.example", to_micros(at))])


def reacts(world: World, at: datetime, kind: str, contact: str = "ann") -> None:
    world.engine.store.log_touches([], [Reaction("acme", contact, kind, to_micros(at))])


def streak(world: World, at: datetime, name: str = "unanswered_streak") -> float:
    """What a playbook over accounts sees at that moment."""
    world.playbook("look", WATCH, audience=f"{name} >= 0", enter="uses > 9999")
    condition = world.why("look", at=at)["subjects"][0]["conditions"]["audience"]
    (value,) = condition["values"].values()
    return float(value)


# --- the streak --------------------------------------------------------------------------------------------------------


def test_the_streak_counts_our_mails_and_what_people_log(world: World) -> None:
    world.customer().playbook("drip", DRIP)
    world.span(day(0), day(1))
    assert streak(world, day(1, 12)) == 2
    touched(world, day(1, 11))
    touched(world, day(1, 11))
    assert streak(world, day(1, 12)) == 3, "logged twice it is one call"


def test_use_of_the_product_since_ends_the_streak(world: World) -> None:
    world.customer().uses("acme", day(1, 12), contact="ann").playbook("drip", DRIP)
    world.span(day(0), day(4))
    assert streak(world, day(1, 11)) == 2
    assert streak(world, day(1, 13)) == 0
    assert streak(world, day(4, 12)) == 3, "mails after the use count anew"


@pytest.mark.parametrize("kind", ["open", "click", "reply", "answer", "talked"])
def test_each_kind_of_reaction_ends_the_streak(world: World, kind: str) -> None:
    world.customer().playbook("drip", DRIP)
    world.tick(day(0))
    assert streak(world, day(0, 12)) == 1
    reacts(world, day(0, 11), kind)
    reacts(world, day(0, 11), kind)
    assert streak(world, day(0, 12)) == 0


def test_a_contacts_streak_is_its_own_and_the_accounts_is_everybodys(world: World) -> None:
    """Bob uses the product: the account answers, Ann does not. One mail to two people is one touch of the account."""
    world.customer().contact("bob", role="operator").uses("acme", day(2, 12), contact="bob")
    world.playbook("drip", "- {id: all, email: one, to: everyone}\n- {id: w, wait: 1 days}\n- {id: again, email: two, to: everyone}")
    world.span(day(0), day(4))
    world.playbook(
        "each", WATCH, subject="contact", audience="unanswered_streak >= 0 and account.unanswered_streak >= 0", enter="uses > 99"
    )
    seen = {
        s["subject"]: tuple(s["conditions"]["audience"]["values"][n] for n in ("unanswered_streak", "account.unanswered_streak"))
        for at in (day(2, 11), day(2, 13))
        for s in world.why("each", at=at)["subjects"]
        for s in [{**s, "subject": f"{s['subject']} {at:%H}"}]
    }
    assert seen == {"ann 11": (2, 2), "bob 11": (2, 2), "ann 13": (2, 0), "bob 13": (0, 0)}


def test_transactional_mail_is_no_touch_that_waits_for_a_reaction(world: World) -> None:
    world.customer().playbook("bill", "- {id: due, email: one}", topic="transactional")
    world.tick(day(0))
    assert streak(world, day(1)) == 0


def test_logged_mails_count_in_emails_30d(world: World) -> None:
    world.customer().playbook("drip", DRIP)
    world.tick(day(0))
    touched(world, day(0, 12), kind="mail")
    touched(world, day(0, 13), kind="call")
    assert streak(world, day(1), "emails_30d") == 2, "calls are no mails"
    assert streak(world, day(30, 11), "emails_30d") == 1, "of 30 days only the logged one"


def test_a_condition_may_name_it_in_a_segment_and_a_mail_in_its_text(world: World) -> None:
    world.write("playbooks/segments.yaml", "busy: {when: uses >= 3}\nsilent: {when: unanswered_streak >= 2}\n")
    world.mail("two", "{{ unanswered_streak }} times").customer().playbook("drip", DRIP)
    world.playbook("stop", WATCH, enter="in_segment('silent')", topic="transactional")
    ticks = world.span(day(0), day(4))
    assert [line for tick in ticks for line in tick.sent if "times" in line] == ["ann: 2 times"]


# --- lost by persistence -------------------------------------------------------------------------------------------------


def lost_world(world: World) -> World:
    """Three mails without an answer and Ann is lost."""
    world.write("templates/slack/change.yaml", 'text: "Change the approach: {{ contact.name }}, {{ unanswered_streak }} touches"\n')
    return world.project(persistence=RULE, slack={"channel": "#cs", "escalate": None}).customer().playbook("drip", DRIP)


def test_mail_to_a_lost_contact_is_skipped_and_its_csm_gets_one_cta(world: World) -> None:
    ticks = lost_world(world).span(day(0), day(13))
    assert [line for tick in ticks for line in tick.sent] == [
        "ann: One for Acme", "ann: One for Acme", "ann: One for Acme", "U-ALEX: Change the approach: Ann Doe, 3 touches",
    ]  # fmt: skip
    messages = world.messages("drip")
    assert messages[:4] == ["m00 ann accepted", "m01 ann accepted", "m02 ann accepted", "m03 ann skipped (lost_by_persistence)"]
    assert world.stands("drip") != ["m03"], "the journey goes on without the mail"
    assert [(n.playbook, n.csm, n.ever, n.now) for n in world.engine.store.loss_counts()] == [("drip", "alex@vendor.example", 1, 1)]
    assert " lost lost_by_persistence" in world.journal("drip")


def test_a_contact_that_reacts_is_regained_and_its_cta_closes(world: World) -> None:
    lost_world(world).span(day(0), day(6))
    assert world.stands("lost-by-persistence") == ["reaction"]
    reacts(world, day(6, 12), "reply")
    assert "ann: One for Acme" in world.tick(day(7)).sent
    assert world.stands("lost-by-persistence") == ["goal"]
    assert world.engine.store.open_ctas() == []
    assert [(n.ever, n.now) for n in world.engine.store.loss_counts()] == [(1, 0)]
    again = world.span(day(8), day(20))
    assert [line for tick in again for line in tick.sent if line.startswith("ann")] == ["ann: One for Acme"] * 2
    assert [line for tick in again for line in tick.sent if line.startswith("U-ALEX")] == [
        "U-ALEX: Change the approach: Ann Doe, 3 touches"
    ]
    assert [(n.ever, n.now) for n in world.engine.store.loss_counts()] == [(2, 1)]


def test_transactional_mail_goes_to_a_lost_contact_too(world: World) -> None:
    lost_world(world).span(day(0), day(8))
    world.playbook("bill", "- {id: due, email: two}", topic="transactional")
    assert world.tick(day(9)).sent == ["ann: Two for Acme"]


def test_another_contact_of_the_account_is_written_to_as_before(world: World) -> None:
    lost_world(world).contact("bob", role="operator")
    world.playbook("news", "- {id: all, email: two, to: everyone}", enter="days_since(account.signed_up_at) >= 9")
    world.span(day(0), day(8))
    world.uses("acme", day(8, 12), contact="bob")
    world.tick(day(9))
    assert world.messages("news") == ["all ann skipped (lost_by_persistence)", "all bob accepted"]


def test_the_dry_and_the_real_tick_count_alike_when_run_twice(world: World) -> None:
    """The same tick again sees no touch of its own."""
    lost_world(world).span(day(0), day(5))
    before = world.engine.store.loss_counts(), world.messages("drip")
    world.tick(day(5))
    assert (world.engine.store.loss_counts(), world.messages("drip")) == before


def test_a_rule_or_template_that_is_wrong_is_said_where_it_stands(world: World) -> None:
    lost_world(world).project(persistence={"lost_when": "unanswered_strek >= 5", "cta": "chnge"})
    found = {(p.code, p.place.file, p.mend) for p in world.loaded.problems}
    assert ("X211", "playbooks/project.yaml", 'did you mean "unanswered_streak"?') in found
    assert ("P203", "playbooks/project.yaml", 'did you mean "change"?') in found


# --- touches count under caps, and come from a source too -----------------------------------------------------------------


def logged(world: World, *lines: str) -> World:
    """What the CRM exports."""
    world.write("data/touches.csv", "account_id,contact_id,kind,by,at,answered\n" + "".join(f"{line}\n" for line in lines))
    sources = {**load_config(world.root).sources.model_dump(by_alias=True, exclude_unset=True), "touches": {"file": "data/touches.csv"}}
    return world.project(sources=sources)


def test_a_call_of_yesterday_holds_todays_mail_under_a_cap(world: World) -> None:
    """Rolling, to the second, and the reason says so; to another contact of the account it goes."""
    world.project(caps=[{"per": "contact", "most": 1, "in": "3 days"}]).customer().contact("bob", role="operator")
    world.playbook("news", "- {id: all, email: one, to: everyone}")
    touched(world, day(-1))
    assert world.tick(day(0)).sent == ["bob: One for Acme"]
    assert world.messages("news") == ["all ann held (cap: contact 1 in 3 days)", "all bob accepted"]
    assert world.held_until("news") == [day(2)]
    assert world.tick(day(2)).sent == ["ann: One for Acme"]


def test_touches_of_a_source_count_as_those_that_are_logged_here(world: World) -> None:
    """Once, however often they are read, or logged here too."""
    lines = ["acme,ann,Call,alex@vendor.example,2026-03-01T10:00:00Z,", "acme,,mail,alex@vendor.example,2026-03-01T11:00:00+09:00,no"]
    logged(world.customer(), *lines, *lines)
    touched(world, day(-1))
    assert streak(world, day(0)) == 2
    assert streak(world, day(0), "emails_30d") == 1
    logged(world, *lines, "acme,ann,meeting,alex@vendor.example,2026-03-02T09:00:00Z,")
    assert [(t.kind, t.by) for t in world.engine.store.touches_of("acme", 0)] == [
        ("meeting", "alex@vendor.example"), ("talked", ""), ("call", "alex@vendor.example"), ("mail", "alex@vendor.example"),
    ]  # fmt: skip
    assert streak(world, day(0)) == 0, "who met us has answered"


def test_touches_of_a_source_count_under_caps(world: World) -> None:
    world.project(caps=[{"per": "account", "most": 1, "in": "2 days"}]).customer()
    logged(world, "acme,,meeting,alex@vendor.example,2026-03-01T10:00:00Z,no", "acme,,meeting,alex@vendor.example,2026-03-09T10:00:00Z,")
    world.playbook("news", "- {id: all, email: one}")
    assert world.tick(day(0)).delivery == {"held": 1}
    assert world.held_until("news") == [day(1)]
    assert world.tick(day(1)).sent == ["ann: One for Acme"], "a meeting that has yet to be is no touch"
