"""What a CTA shows: why, in the CSM's words, what to do, until when, where; within Slack's limits whatever the author wrote."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.doubles.slack import refused_blocks
from tests.stories.world import Ticked, World, day

TEAM = """
    staff:
      - {email: lead@vendor.example, name: Toni Lead, role: manager, slack: U-LEAD}
      - {email: alex@vendor.example, name: Alex Csm, slack: U-ALEX, manager: lead@vendor.example, locale: LOCALE, timezone: Asia/Tokyo}
    """
METRICS = """
    uses: {count: "*", title: {en: Uses so far, ja: 利用回数}}
    uses_7d: {count: "*", in: 7 days}
    quiet_days: {days_since_last: "*"}
    """
TITLE = {"en": "Wake up", "ja": "目覚まし"}
STUCK = """
    - id: watch
      wait_until: uses > 0 or uses_7d > 3
      at_most: 1 day
      otherwise:
        - {id: call, cta: call, priority: high, due: 2 business days, if: account.seats > 3}
        - {id: pause, wait: 9 days}
      after: keep_waiting
    """


def alerted(world: World, locale: str = "en") -> World:
    world.write("playbooks/team.yaml", TEAM.replace("LOCALE", locale)).write("playbooks/metrics.yaml", METRICS)
    return world.project(slack={"channel": "#cs", "account_url": "https://crm.example/a/{account}"}).customer()


def blocks(ticked: Ticked) -> list[dict[str, Any]]:
    (said,) = [json.loads(file.path.read_text()) for file in ticked.files if file.path.suffix == ".json"]
    assert list(refused_blocks(said)) == []
    found: list[dict[str, Any]] = said["blocks"]
    return found


def texts(ticked: Ticked) -> list[str]:
    """Every text of the message that is no button's."""
    return [
        text["text"]
        for block in blocks(ticked)
        for text in ([block["text"]] if "text" in block else [] if block["type"] == "actions" else block["elements"])
    ]


def test_a_cta_says_why_in_the_words_of_its_conditions_with_the_values_that_they_saw(world: World) -> None:
    alerted(world).playbook("alarm", STUCK, title=TITLE, enter="(account.plan = 'team' or account.plan = 'x') and not uses > 5")
    world.tick(day(0))
    why = texts(world.tick(day(1)))[1].splitlines()
    assert why == [
        "*Why now*",
        "• account.plan: *team* (`account.plan = 'team'`)",
        "• Uses so far: *0* (not `uses &gt; 5`)",
        "• Uses so far: *0* (not `uses &gt; 0`)",
        "• uses_7d: *0* (not `uses_7d &gt; 3`)",
        "• account.seats: *5* (`account.seats &gt; 3`)",
    ]


def test_the_values_are_those_that_were_seen_then_and_not_those_of_now(world: World) -> None:
    alerted(world).uses("acme", day(0, 9)).uses("acme", day(1, 9), day(1, 9))
    world.playbook("alarm", "- {id: rest, wait: 1 day}\n- {id: call, cta: call}", enter="uses < 2")
    world.tick(day(0))
    assert "• Uses so far: *1* (`uses &lt; 2`)" in texts(world.tick(day(1)))[1]


def test_a_cta_is_in_the_csms_language_and_its_due_day_in_their_zone(world: World) -> None:
    alerted(world, "ja").playbook("alarm", STUCK, title=TITLE, enter="uses < 5")
    world.tick(day(0, 16))
    _, why, foot = texts(world.tick(day(1, 16)))
    assert why.splitlines()[:2] == ["*理由*", "• 利用回数: *0* (`uses &lt; 5`)"]
    # Thursday, 16:00 UTC, is Friday in Tokyo.
    assert foot == "目覚まし · 優先度 高 · 期限 3月6日(金) · <https://crm.example/a/acme|アカウントを開く>"


def test_what_the_template_shows_itself_is_not_said_twice(world: World) -> None:
    alerted(world).write("templates/slack/call.yaml", 'text: "Call {{ account.name }}: {{ playbook.title }}, {{ cta.priority }}"\n')
    ticked = world.playbook("alarm", "- {id: call, cta: call, due: 1 day}", title=TITLE).tick(day(0))
    assert texts(ticked) == ["Call Acme: Wake up, normal", "due Tuesday, 3 March · <https://crm.example/a/acme|Open account>"]


def test_an_event_that_began_the_passage_is_told(world: World) -> None:
    world.usage_columns = (*world.usage_columns, "area")
    alerted(world).uses("acme", day(1, 9), event="invited", area="docs").playbook(
        "alarm", "- {id: call, cta: call}", enter={"event": "invited"}
    )
    world.tick(day(0))
    assert texts(world.tick(day(1)))[1] == "*Why now*\n• event invited (*3 March 2026*)"


def test_the_checklist_stands_in_the_alert(world: World) -> None:
    steps = "- {id: call, cta: call, checklist: [Look at the tickets, {en: Call, ja: 電話する}]}"
    ticked = alerted(world, "ja").playbook("alarm", steps).tick(day(0))
    assert texts(ticked)[1] == "*やること*\n:white_medium_square: Look at the tickets\n:white_medium_square: 電話する"


def test_values_cannot_write_slack_markup(world: World) -> None:
    alerted(world).account(plan="<!channel> `x`").playbook("alarm", "- {id: call, cta: call}", enter="account.plan <> '`x` <@U1>'")
    assert texts(world.tick(day(0)))[1] == "*Why now*\n• account.plan: *&lt;!channel&gt; `x`* (`account.plan &lt;&gt; ''x' &lt;@U1&gt;'`)"


@pytest.mark.parametrize(
    "template",
    [
        'text: "{{ account.name }}"\nblocks:\n' + "- {type: divider}\n" * 50,
        'text: "{{ account.name }}"\nblocks:\n' + '- {type: section, text: {type: mrkdwn, text: "{{ account.contract_id }}"}}\n' * 9,
        'text: "{{ account.contract_id }}"\n',
    ],
    ids=["fifty blocks", "long texts", "no blocks"],
)
def test_whatever_its_author_wrote_slack_takes_it_and_it_says_why(world: World, template: str) -> None:
    alerted(world).account(contract_id="long " * 700).write("templates/slack/call.yaml", template)
    world.playbook("alarm", "- {id: call, cta: call, checklist: [One, Two]}", enter="uses = 0")
    said = [text[:10] for text in texts_of(blocks(world.tick(day(0))))]
    assert "*Why now*\n" in said
    assert "*To do*\n:w" in said


def texts_of(found: list[dict[str, Any]]) -> list[str]:
    return [block["text"]["text"] for block in found if block["type"] == "section"]


def test_the_reasons_stand_above_what_ends_a_template(world: World) -> None:
    ends = '- {type: divider}\n- {type: context, elements: [{type: mrkdwn, text: "the end"}]}\n'
    middle = '- {type: section, text: {type: mrkdwn, text: "the play"}}\n'
    alerted(world).write("templates/slack/call.yaml", f'text: "Call"\nblocks:\n- {{type: divider}}\n{middle}{ends}')
    found = blocks(world.playbook("alarm", "- {id: call, cta: call}", enter="uses = 0").tick(day(0)))
    assert [block["type"] for block in found] == ["divider", "section", "section", "divider", "context", "context"]
    assert "Why now" in found[2]["text"]["text"]


def test_a_preview_of_what_is_not_so_says_that_it_is_not(world: World) -> None:
    alerted(world).playbook("alarm", "- {id: call, cta: call}", enter="uses > 5 and quiet_days < 99")
    (shown,) = world.preview("alarm", "call", at=day(0))
    assert shown["blocks"][1]["text"]["text"].splitlines()[1:] == ["• Uses so far: *0* (not `uses &gt; 5`)"]


def test_a_preview_shows_why_with_the_values_of_now(world: World) -> None:
    alerted(world).playbook("alarm", STUCK, enter="uses < 5")
    (shown,) = world.preview("alarm", "call", at=day(0))
    why = shown["blocks"][1]["text"]["text"].splitlines()
    assert why[1:] == [
        "• Uses so far: *0* (`uses &lt; 5`)", "• Uses so far: *0* (not `uses &gt; 0`)", "• uses_7d: *0* (not `uses_7d &gt; 3`)",
        "• account.seats: *5* (`account.seats &gt; 3`)",
    ]  # fmt: skip


def test_a_closed_cta_still_says_why_it_was(world: World) -> None:
    alerted(world, "ja").uses("acme", day(2, 9)).playbook("alarm", STUCK, enter="uses < 5")
    for n in (0, 1):
        world.tick(day(n))
    closed, _, why, _ = texts(world.tick(day(2)))
    assert closed == ":white_check_mark: 自動で完了しました: 待っていた条件が満たされました"
    assert why.splitlines()[1] == "• 利用回数: *0* (`uses &lt; 5`)"
