"""Why, and preview: what an author is told is what is so."""

from __future__ import annotations

import json
from typing import Any

import pytest

from cs_engine.cli.why import _text
from cs_engine.errors import CsEngineError, WrongUse
from cs_engine.instants import to_micros
from cs_engine.journey.orders import Order
from cs_engine.ports import JournalLine
from cs_engine.run.desk.changes import apply, changes
from cs_engine.run.desk.stepping import postpone, skip
from tests.docs.markdown import ROOT, read, table, words
from tests.stories.world import World, day, opened

REST = "- {id: one, email: one}\n- {id: rest, wait: 2 days}\n- {id: two, email: two}"


def verdict(world: World, playbook: str = "hello", account: str = "acme") -> str:
    (subject,) = world.why(playbook, account)["subjects"]
    return str(subject["verdict"])


# --- why ---------------------------------------------------------------------------------------------------------------


def test_why_of_one_who_is_inside_and_waits(world: World) -> None:
    world.customer().uses().playbook("hello", REST, enter="uses > 0", goal="uses > 9")
    world.tick(day(0))
    world.tick(day(1))
    told = world.why("hello")
    (passage,) = told["passages"]
    assert verdict(world) == "inside"
    assert (passage["step"], passage["since"]) == ("rest", "2026-03-02T10:00:00Z")
    assert passage["next"] == "goes on at the first tick from 2026-03-04T10:00:00Z"
    assert told["subjects"][0]["conditions"]["goal"] == {
        "text": "uses > 9", "holds": False, "values": {"uses": 1}, "joined": "", "parts": [],
    }  # fmt: skip
    assert [(m["step"], m["state"], m["settled_at"]) for m in told["messages"]] == [("one", "accepted", "2026-03-02T10:00:00Z")]
    assert [(j["step"], j["event"], j["seen"]) for j in told["journal"]][:1] == [("one", "entered", {"uses": 1})]


def test_why_of_one_who_waits_for_a_condition(world: World) -> None:
    world.customer().playbook("hello", "- {id: watch, wait_until: uses > 0, at_most: 3 days, after: stop}")
    world.tick(day(0))
    (passage,) = world.why("hello")["passages"]
    assert passage["next"] == "waits until uses > 0, at most to 2026-03-05T10:00:00Z"


def test_why_of_one_who_has_finished_by_the_goal(world: World) -> None:
    world.customer().uses("acme", day(0, 12)).playbook("hello", REST, goal="uses > 0")
    world.tick(day(0))
    world.tick(day(1))
    told = world.why("hello")
    assert verdict(world) == "has been through: finished (goal) at 2026-03-03T10:00:00Z"
    assert (told["passages"][0]["finished"], told["passages"][0]["next"]) == ("goal", "")
    assert told["journal"][-1]["reason"] == "goal"
    assert told["journal"][-1]["seen"] == {"uses": 1}


def test_why_not_of_one_who_does_not_match(world: World) -> None:
    world.customer(plan="free").playbook("hello", REST, audience="account.plan = 'team'", enter="uses > 0")
    world.tick(day(0))
    told = world.why("hello")
    assert verdict(world) == "did not enter: audience and enter not true"
    assert told["subjects"][0]["conditions"]["audience"] == {
        "text": "account.plan = 'team'", "holds": False, "values": {"account.plan": "free"}, "joined": "", "parts": [],
    }  # fmt: skip
    assert (told["passages"], told["messages"], told["journal"]) == ([], [], [])


def test_why_not_of_one_who_met_the_goal_before(world: World) -> None:
    world.customer().uses().playbook("hello", REST, goal="uses > 0")
    world.tick(day(0))
    assert verdict(world) == "did not enter: goal met already"


def test_why_not_of_one_who_was_passed_over(world: World) -> None:
    world.customer().playbook("hello", REST, existing=None)
    world.tick(day(0))
    assert verdict(world).startswith("passed over: matched already at the playbook's first run")


def test_why_of_one_whose_playbook_has_not_run_yet(world: World) -> None:
    world.customer().playbook("hello", REST).playbook("careful", REST, existing=None)
    world.tick(day(0), "hello")
    assert verdict(world, "careful").startswith("matches, but will be passed over at the playbook's first run")
    world.customer("beta", "bob")
    assert verdict(world, "hello", "beta") == "matches: enters at the playbook's next tick"


def test_why_of_one_who_has_been_through_and_enters_again_under_a_new_key(world: World) -> None:
    world.customer(contract_id="c-1").playbook("hello", "- {id: one, email: one}", once_per="account.contract_id")
    world.tick(day(0))
    world.tick(day(1))
    assert verdict(world).startswith("has been through")
    world.account(contract_id="c-2")
    assert verdict(world) == "matches: enters at the playbook's next tick"


def test_why_of_a_held_mail(world: World) -> None:
    world.customer().playbook("hello", REST)
    world.tick(day(0, 22))
    told = world.why("hello")
    (message,) = told["messages"]
    assert (message["state"], message["reason"], message["not_before"]) == ("held", "quiet_hours", "2026-03-03T08:00:00Z")
    assert told["passages"][0]["next"] == "goes on at the tick after its last message has ended"


def test_why_of_an_account_that_is_not_there(world: World) -> None:
    world.customer().playbook("hello", REST)
    world.tick(day(0))
    told = world.why("hello", "nobody")
    assert (told["exists"], told["subjects"]) == (False, [])


def test_why_over_contacts_tells_each(world: World) -> None:
    world.account().contact("ann").contact("bob", role="operator")
    world.playbook("hello", REST, subject="contact", audience="contact.role = 'operator'")
    world.tick(day(0))
    assert {s["subject"]: s["verdict"] for s in world.why("hello")["subjects"]} == {
        "ann": "did not enter: audience not true", "bob": "inside",
    }  # fmt: skip


def test_why_tells_what_was_seen_then_not_what_is_so_now(world: World) -> None:
    world.customer().uses("acme", day(0, 9), day(0, 12), day(1, 12)).playbook("hello", REST, enter="uses > 0")
    world.tick(day(0))
    world.tick(day(2))
    told = world.why("hello")
    assert told["journal"][0]["seen"] == {"uses": 1}
    assert told["subjects"][0]["conditions"]["enter"]["values"] == {"uses": 3}


# --- the parts of conditions ------------------------------------------------------------------------------------------


def parts(condition: dict[str, Any]) -> list[Any]:
    """(text, holds) of each part, and of theirs, in order."""
    found = []
    for part in condition["parts"]:
        found += [(part["text"], part["holds"]), *parts(part)]
    return found


def test_each_part_of_a_condition_is_told_with_its_value(world: World) -> None:
    """`enter` is false: which of its parts was it, and by how much?"""
    world.customer(plan="free", seats=3).uses()
    world.playbook("hello", REST, enter="uses > 0 and (account.plan = 'team' or not account.seats < 5) and in_segment('busy')")
    world.tick(day(0))
    enter = world.why("hello")["subjects"][0]["conditions"]["enter"]
    assert (enter["holds"], enter["joined"]) == (False, "and")
    assert parts(enter) == [
        ("uses > 0", True),
        ("(account.plan = 'team' or not account.seats < 5)", False),
        ("account.plan = 'team'", False),
        ("not account.seats < 5", False),
        ("account.seats < 5", True),
        ("in_segment('busy')", False),
    ]
    either = enter["parts"][1]
    assert (either["joined"], either["parts"][1]["joined"]) == ("or", "not")
    assert either["parts"][0]["values"] == {"account.plan": "free"}
    assert enter["parts"][0]["values"] == {"uses": 1}


def test_the_steps_to_come_show_what_their_conditions_see(world: World) -> None:
    """Of a passage under way: the wait that it stands at, and the `if` of each step ahead."""
    world.customer().uses()
    world.playbook(
        "hello",
        """
        - {id: one, email: one}
        - {id: watch, wait_until: uses > 1 and account.seats > 2}
        - {id: two, email: two, if: uses > 5}
        """,
    )
    world.tick(day(0))
    world.tick(day(1))
    (passage,) = world.why("hello")["passages"]
    one, watch, two = passage["steps"]
    assert (one["state"], one["reason"], one["left_at"]) == ("left", "sent", "2026-03-03T10:00:00Z")
    assert (watch["state"], watch["kind"]) == ("here", "wait_until")
    assert parts(watch["conditions"]["wait_until"]) == [("uses > 1", False), ("account.seats > 2", True)]
    assert (two["state"], two["conditions"]["if"]["values"]) == ("ahead", {"uses": 1})


def test_when_the_next_thing_comes_is_a_time_of_its_own(world: World) -> None:
    world.customer().playbook("hello", REST)
    world.tick(day(0))
    assert world.why("hello")["passages"][0]["next_at"] is None, "a mail ends with its tick"
    world.tick(day(1))
    assert world.why("hello")["passages"][0]["next_at"] == "2026-03-04T10:00:00Z"


def test_what_is_ordered_for_a_step_to_come_is_shown_with_who_said_so_and_why(world: World) -> None:
    world.customer().playbook("hello", REST)
    world.tick(day(0))
    world.tick(day(1))
    postpone(world.engine, "acme", "hello", "rest", to_micros(day(9)), "at a fair", "alex@vendor.example")
    skip(world.engine, "acme", "hello", "two", "they know it")
    told = world.why("hello")
    (passage,) = told["passages"]
    assert [step["order"] for step in passage["steps"]] == [
        None,
        {
            "what": "postpone",
            "until": "2026-03-11T10:00:00Z",
            "by": "alex@vendor.example",
            "reason": "at a fair",
            "at": "2026-03-03T10:00:00Z",
        },
        {"what": "skip", "until": None, "by": "", "reason": "they know it", "at": "2026-03-03T10:00:00Z"},
    ]
    assert passage["next"] == "goes on at the first tick from 2026-03-04T10:00:00Z, not before 2026-03-11T10:00:00Z"
    assert passage["next_at"] == "2026-03-11T10:00:00Z"
    text = list(_text(told))
    assert "          not before 2026-03-11T10:00:00Z: at a fair (alex@vendor.example)" in text
    assert "          to be skipped: they know it" in text
    assert [step["order"] for step in world.why("hello", at=day(0))["passages"][0]["steps"]] == [None, None, None]
    world.tick(day(9))
    assert [step["order"] for step in world.why("hello")["passages"][0]["steps"]] == [None, None, None]


def test_a_step_that_is_skipped_where_the_passage_stands_is_left_at_the_next_tick(world: World) -> None:
    world.customer().playbook("hello", REST)
    world.tick(day(0))
    world.tick(day(1))
    skip(world.engine, "acme", "hello", "rest", "they know it")
    assert world.why("hello")["passages"][0]["next"] == "is skipped: goes on at the next tick"


def test_the_object_has_the_keys_that_the_page_describes(world: World) -> None:
    world.customer().uses().playbook("hello", REST, enter="uses > 0 and uses < 5")
    world.tick(day(0))
    skip(world.engine, "acme", "hello", "two", "they know it")
    told = world.why("hello")
    (passage,), (subject,) = told["passages"], told["subjects"]
    shapes = {
        "Key": told, "Subject's key": subject, "Condition's key": subject["conditions"]["enter"], "Passage's key": passage,
        "Step's key": passage["steps"][0], "Message's key": told["messages"][0], "Line's key": told["journal"][0],
        "Order's key": passage["steps"][2]["order"],
    }  # fmt: skip
    page = read(ROOT / "docs/why.md")
    for heading, shape in shapes.items():
        assert {word for row in table(page, heading) for word in words(row[0])} == set(shape), heading
    assert json.loads(json.dumps(told)) == told, "nothing but plain JSON"


# --- the past ----------------------------------------------------------------------------------------------------------


def test_why_at_a_time_tells_what_was_so_then(world: World) -> None:
    """Facts, passage, messages and journal of day 1, asked on day 5, are what was told on day 1."""
    world.customer().uses("acme", day(0, 9), day(3, 9)).playbook("hello", REST, enter="uses > 0", goal="uses > 9")
    told = []
    for number in range(6):
        world.tick(day(number))
        told.append(world.why("hello"))
    for number, then in enumerate(told):
        again = world.why("hello", at=day(number))
        assert again == {**then, "past": number < 5}, number
    assert [m["step"] for m in told[1]["messages"]] == ["one"]
    assert told[5]["passages"][0]["state"] == "finished"


def test_why_at_a_time_knows_nothing_of_what_came_later(world: World) -> None:
    world.customer().playbook("hello", REST)
    world.tick(day(2))
    before = world.why("hello", at=day(1))
    assert (before["passages"], before["messages"], before["journal"]) == ([], [], [])
    assert before["subjects"][0]["verdict"] == "the playbook had not run yet"


def test_why_at_a_time_in_a_block_and_back_at_its_wait(world: World) -> None:
    """While in `otherwise`, and after it, it says where the passage stood."""
    world.customer().playbook(
        "hello",
        """
        - id: watch
          wait_until: uses > 0
          at_most: 1 days
          otherwise:
            - {id: help, email: help}
          after: keep_waiting
        - {id: two, email: two}
        """,
    )
    told = []
    for number in range(5):
        if number == 4:
            world.uses("acme", day(4, 8))
        world.tick(day(number))
        told.append(world.why("hello"))
    for number in range(4):
        assert world.why("hello", at=day(number))["passages"] == told[number]["passages"], number
    assert [t["passages"][0]["step"] for t in told] == ["watch", "help", "watch", "watch", "two"]


def test_why_at_a_time_tells_a_mail_that_was_held_then(world: World) -> None:
    world.customer().playbook("hello", REST)
    world.tick(day(0, 22))
    world.tick(day(1, 12))
    (message,) = world.why("hello", at=day(0, 22))["messages"]
    assert (message["state"], message["reason"], message["settled_at"]) == ("held", "quiet_hours", None)


def test_why_at_a_time_tells_the_pause_that_stood_then(world: World) -> None:
    """Of the playbook and of the account alone; now that all is resumed, and while it stood."""
    world.customer().playbook("hello", "- {id: settle, wait: 3 days}\n- {id: next, email: two}")
    world.tick(day(0))
    told = {}
    for number, (event, account, reason) in enumerate(
        [("paused", "acme", "in talks"), ("paused", "", "wrong prices"), ("resumed", "", ""), ("resumed", "acme", "")], start=1
    ):
        line = JournalLine(to_micros(day(number)), "hello", account, "", "", "", event, reason, "")
        key = ("hello", account, "pause")
        give = [Order(*key, line.at, "person", reason)] if event == "paused" else []
        world.engine.store.order(give, [] if give else [key], [line])
        world.tick(day(number, 11))
        told[number] = world.why("hello")
    world.tick(day(9))
    again = {number: world.why("hello", at=day(number, 11)) for number in told}
    said = ["since 2026-03-03T10:00:00Z: in talks", "since 2026-03-04T10:00:00Z: wrong prices", "since 2026-03-03T10:00:00Z: in talks", ""]
    assert [why["paused"] for why in again.values()] == [why["paused"] for why in told.values()] == said
    assert [why["passages"][0]["next"] for why in again.values()] == [why["passages"][0]["next"] for why in told.values()]
    assert again[2]["passages"][0]["next"].startswith("paused since 2026-03-03T11:00:00Z")


def test_why_at_a_time_tells_the_version_that_the_passage_had_then(world: World) -> None:
    """Of who has been moved since, and of who has been through since: by the steps that were to come then."""
    world.customer().playbook("hello", "- {id: settle, wait: 2 days}\n- {id: next, email: two}").tick(day(0))
    before = world.why("hello")["passages"]
    world.playbook("hello", "- {id: settle, wait: 4 days}\n- {id: then, email: one}")
    world.account(seats=6).tick(day(1))
    with world._looking(None) as tick:
        apply(tick, changes(tick), {}, migrate=True)
    world.tick(day(2))
    moved = world.why("hello")["passages"]
    assert world.span(day(3), day(4))[-1].sent == ["ann: One for Acme"]
    world.playbook("hello", "- {id: other, email: one}").account(seats=7).tick(day(5))
    assert world.why("hello", at=day(0))["passages"] == before
    assert [step["step"] for step in before[0]["steps"]] == ["settle", "next"]
    assert world.why("hello", at=day(2))["passages"] == moved
    assert [step["step"] for step in moved[0]["steps"]] == ["settle", "then"]


def test_what_is_held_on_for_the_same_reason_says_so_once(world: World) -> None:
    world.customer(locale="fr").playbook("hello", "- {id: one, email: one}", hold="account.plan = 'frozen'")
    world.span(day(0), day(3))
    assert world.journal("hello").count("one held no_translation") == 1
    world.account(plan="frozen").span(day(4), day(6))
    world.account(plan="team").span(day(7), day(8))
    assert [line for line in world.journal("hello") if line.startswith("one held")] == [
        "one held no_translation", "one held hold", "one held hold", "one held no_translation",
    ], "the timers of the passage, and its mail"  # fmt: skip


def test_why_at_a_time_does_not_know_milestones_reached_since(world: World) -> None:
    world.milestone("start", "uses > 0").customer().uses("acme", day(1, 9)).playbook("hello", REST, enter="reached('start')")
    world.tick(day(0))
    world.tick(day(2))
    assert world.why("hello", at=day(0))["subjects"][0]["conditions"]["enter"]["holds"] is False
    assert world.why("hello")["subjects"][0]["conditions"]["enter"]["holds"] is True


# --- preview -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("locale", ["en", "ja"])
def test_a_preview_is_what_is_then_sent(world: World, locale: str) -> None:
    world.mail("one", "契約 #{{ account.contract_id }}", "{{ contact | addressee }}\n\n{{ uses }}\n\n{{ sender.signature }}", locale="ja")
    world.account(locale=locale, contract_id="42", name="株式会社見本").contact("ann", name="山田").contact("bob", role="operator").uses()
    world.playbook("hello", "- {id: rest, wait: 1 days}\n- {id: one, email: one, to: everyone, from: sales}")
    world.tick(day(0))
    shown = {mail["to"]: mail for mail in world.preview("hello", "one", at=day(1))}
    files = world.tick(day(1)).files
    assert len(shown) == len(files) == 2
    for file in files:
        sent, mail = opened(file), shown[str(opened(file)["To"])]
        parts = {part.get_content_type(): part.get_content() for part in sent.walk() if not part.is_multipart()}
        assert (sent["Subject"], sent["From"]) == (mail["subject"], mail["from"])
        assert parts["text/plain"].split() == mail["text"].split()
        assert parts["text/html"].split() == mail["html"].split()


def test_a_preview_of_an_alert_is_what_is_then_posted(world: World) -> None:
    world.customer(csm="").playbook("alarm", "- {id: rest, wait: 1 days}\n- {id: call, cta: call}")
    world.tick(day(0))
    (shown,) = world.preview("alarm", "call", at=day(1))
    assert world.tick(day(1)).sent == [f"{shown['to']}: {shown['text']}"] == ["U-LEAD: Call Acme"]


def test_a_preview_of_a_notice_shows_the_mail_and_the_line(world: World) -> None:
    world.milestone("start", "uses > 0", notice="well_done").customer()
    world.tick(day(0))
    shown = world.preview("milestone-start", "notice")
    assert sorted(one["channel"] for one in shown) == ["email", "slack"]


def test_a_preview_sends_and_changes_nothing(world: World) -> None:
    world.customer().playbook("hello", REST)
    world.preview("hello", "one", at=day(0))
    assert world.engine.store.counts().planned == 0
    assert world.tick(day(0)).sent == ["ann: One for Acme"]


@pytest.mark.parametrize(("step", "account"), [("rest", "acme"), ("one", "nobody"), ("one", "lonely")])
def test_a_preview_of_nothing_says_why(world: World, step: str, account: str) -> None:
    world.customer().account("lonely").playbook("hello", REST)
    with pytest.raises(WrongUse):
        world.preview("hello", step, account, at=day(0))


def test_a_preview_that_cannot_be_rendered_says_why(world: World) -> None:
    world.mail("one", "{{ account.seats * 2 }} seats").customer(seats="").customer("beta", "bob").playbook("hello", REST)
    with pytest.raises(CsEngineError):
        world.preview("hello", "one", at=day(0))
