"""Who else is told of a CTA, in whose name it speaks, who says yes to it first; and the same words on a milestone notice."""

from __future__ import annotations

import json
from typing import Any

import pytest

from cs_engine.errors import WrongUse
from cs_engine.journey.approval import Approval
from cs_engine.playbook.draw import does
from cs_engine.run.desk.approving import answer
from tests.stories.test_stories_asks import answer as answered
from tests.stories.world import Ticked, World, day, opened

COPIED = "- {id: ring, cta: call, cc: [sales, csm.manager, csm]}\n- {id: rest, wait: 9 days}"
READ = "- {id: ring, cta: call, cc: sales, approve: csm.manager}\n- {id: two, email: two}"


def posts(ticked: Ticked) -> dict[str, dict[str, Any]]:
    found = [json.loads(file.path.read_text()) for file in ticked.files if file.path.suffix == ".json"]
    return {post["channel"]: post for post in found}


def says(world: World, *, yes: bool) -> bool:
    (waiting,) = world.engine.store.approvals_waiting()
    return answer(world.engine.store, world.loaded, waiting, "lead", day(0, 12), yes=yes)


# --- cc


def test_others_of_us_are_told_each_in_a_message_of_their_own_and_whose_it_is_only_once(world: World) -> None:
    world.customer().playbook("hello", COPIED)
    told = world.tick(day(0))
    assert told.sent == ["U-ALEX: Call Acme", "U-KIM: Call Acme", "U-LEAD: Call Acme"]
    assert "A copy: this is for Alex Csm" in json.dumps(posts(told)["U-KIM"]["blocks"])
    assert "A copy" not in json.dumps(posts(told)["U-ALEX"]["blocks"])
    assert len(world.engine.store.open_ctas()) == 1


def test_a_copy_has_no_buttons(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLACK_SIGNING_SECRET", "secret")
    world.customer().playbook("hello", "- {id: ring, cta: call, cc: sales, ask: {why: text}}")
    shown = posts(world.tick(day(0)))
    assert "actions" in [block["type"] for block in shown["U-ALEX"]["blocks"]]
    assert "actions" not in [block["type"] for block in shown["U-KIM"]["blocks"]]


def test_copies_are_told_as_it_opens_not_as_it_fires_again_and_once_for_all_contacts(world: World) -> None:
    world.customer().contact("bob").playbook("hello", COPIED, subject="contact")
    assert world.tick(day(0)).sent == ["U-ALEX: Call Acme", "U-KIM: Call Acme", "U-LEAD: Call Acme"]
    world.playbook("again", "- {id: ring, cta: call, cc: sales, repeat: {every: 1 day, times: 2}}\n- {id: rest, wait: 9 days}")
    world.contacts.pop("bob")
    assert world.tick(day(1)).sent == ["U-ALEX: Call Acme", "U-KIM: Call Acme"]
    assert "U-KIM: Call Acme" not in world.tick(day(2)).sent
    assert "ring kim skipped (told_already)" in world.messages("again")


def test_who_is_away_is_stood_in_for(world: World) -> None:
    team = (world.root / "playbooks/team.yaml").read_text()
    away = team.replace("role: sales,", 'role: sales, away: ["2026-03-02/2026-03-08"], substitute: solo@vendor.example,')
    world.write("playbooks/team.yaml", away).customer().playbook("hello", "- {id: ring, cta: call, cc: sales}")
    assert world.tick(day(0)).sent == ["U-ALEX: Call Acme", "U-SOLO: Call Acme"]


# --- from


def test_an_alert_speaks_in_somebodys_name(world: World) -> None:
    world.write("templates/slack/call.yaml", 'text: "{{ sender.name }}: call {{ account.name }}"\n')
    world.customer().playbook("hello", "- {id: ring, cta: call, from: sales}")
    told = posts(world.tick(day(0)))["U-ALEX"]
    assert (told["username"], told["text"]) == ("Kim Sales", "Kim Sales: call Acme")


def test_nobody_speaks_as_a_customer(world: World) -> None:
    world.customer().playbook("hello", "- {id: ring, cta: call, from: champion}")
    (problem,) = world.loaded.broken["hello"]
    assert problem.message == 'an alert cannot speak as "champion"'


# --- approve


def test_nobody_sees_an_alert_before_somebody_said_yes(world: World) -> None:
    world.customer().playbook("hello", READ)
    assert does(world.loaded.plans["hello"].steps[0]) == "CTA call to csm, copy to sales, read first by csm.manager"
    asked = world.tick(day(0))
    assert [line.partition(":")[0] for line in asked.sent] == ["U-LEAD"]
    text = posts(asked)["U-LEAD"]["text"]
    assert "an alert waits for your yes" in text
    assert "Call Acme" in text
    assert "--edit" not in text
    assert world.tick(day(1)).sent == []
    assert says(world, yes=True)
    assert world.tick(day(1, 11)).sent == ["U-ALEX: Call Acme", "U-KIM: Call Acme"]
    assert world.tick(day(1, 12)).sent == ["ann: Two for Acme"]


def test_a_no_closes_it_before_anybody_saw_it(world: World) -> None:
    world.customer().playbook("hello", READ)
    world.tick(day(0))
    assert says(world, yes=False)
    assert world.tick(day(1)).sent == []
    assert world.engine.store.open_ctas() == []
    assert world.tick(day(2)).sent == ["ann: Two for Acme"]
    assert world.messages("hello")[:2] == ["ring alex skipped (refused)", "ring kim skipped (refused)"]


def test_what_nobody_was_told_of_yet_is_not_overdue(world: World) -> None:
    world.customer().playbook(
        "hello", "- {id: ring, cta: call, due: 1 day, approve: {by: sales, within: 30 days}}\n- {id: rest, wait: 60 days}"
    )
    assert [line.partition(":")[0] for line in world.tick(day(0)).sent] == ["U-KIM"]
    assert [world.tick(day(n)).sent for n in (1, 2, 3)] == [[], [], []]
    assert says(world, yes=True)
    assert world.tick(day(3, 12)).sent == ["U-ALEX: Call Acme"]
    assert [line.partition(":")[0] for line in world.tick(day(4)).sent] == ["U-LEAD"], "from when it was told it counts"


def test_an_alert_is_not_edited(world: World) -> None:
    world.customer().playbook("hello", READ)
    world.tick(day(0))
    waiting: Approval = world.engine.store.approvals_waiting()[0]
    with pytest.raises(WrongUse, match="cannot be edited"):
        answer(world.engine.store, world.loaded, waiting, "lead", day(0, 12), yes=True, edited=("", "Other words"))


# --- a milestone notice


@pytest.fixture
def noticed(world: World) -> World:
    world.milestone("started", "uses > 0", notice="asking").mail("asking", "Well done", "Well done!\n\n{{ questions }}")
    world.customer().tick(day(0))
    return world.uses("acme", day(0, 12))


def test_a_notice_is_copied_asks_and_is_read_first(noticed: World) -> None:
    noticed.playbook(
        "hello", "- {id: n, notice: started, cc: csm, approve: csm, ask: {glad: yes_no}}\n- {id: end, if: done('n'), email: one}"
    )
    first = noticed.tick(day(1))
    assert sorted(line.partition(":")[0] for line in first.sent) == ["U-ALEX", "U-ALEX"], "the line to the channel, and the question"
    assert says(noticed, yes=True)
    sent = noticed.tick(day(2))
    assert sent.sent == ["ann: Well done"]
    mail = opened(sent.files[0])
    assert mail["Cc"] == "Alex Csm <alex@vendor.example>"
    assert answered(noticed, "hello", day(2, 11), step="n", glad="true") is None
    assert noticed.tick(day(3)).sent == ["ann: One for Acme"]


def test_a_notice_that_asks_shows_its_questions(noticed: World) -> None:
    noticed.mail("asking", "Well done", "Well done!")
    noticed.playbook("hello", "- {id: n, notice: started, ask: {glad: yes_no}}")
    from cs_engine.run.desk.checks import template_problems

    assert [problem.code for problem in template_problems(noticed.loaded, ["en"]) if problem.code == "T319"] == ["T319"]
