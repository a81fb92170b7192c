"""The same promise through Slack: an alert stands once in its channel, is edited there, and is looked for when in doubt."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator

import pytest

from tests.doubles.http import HANG, Answer
from tests.doubles.slack import TOKEN, SlackDouble, no
from tests.promise.crowd import anew, tick_elsewhere
from tests.stories.world import World, day

ALEX = "D-ALEX"
"""The direct messages of the CSM, as the double calls them."""


@pytest.fixture
def slack(monkeypatch: pytest.MonkeyPatch) -> Iterator[SlackDouble]:
    """Slack, and an environment in which the engine posts there."""
    with SlackDouble(channels={"C0CS": "cs"}) as double:
        monkeypatch.setenv("CS_ENGINE_SLACK", "slack")
        monkeypatch.setenv("SLACK_BOT_TOKEN", TOKEN)
        monkeypatch.setenv("SLACK_BASE_URL", double.base_url)
        yield double
        assert double.problems == []


@pytest.fixture
def alarm(world: World) -> World:
    """A quiet customer, and an alert that closes when it is back."""
    steps = "- {id: call, cta: call, close_when: quiet_days < 3}\n- {id: rest, wait: 30 days}"
    return world.customer().uses("acme", day(0, 9)).playbook("alarm", steps, enter="quiet_days >= 3")


def texts(slack: SlackDouble) -> list[str]:
    with slack.lock:
        return [message["text"] for messages in slack.messages.values() for message in messages]


def message_of(world: World) -> str:
    return next(m.id for m in world.engine.store.messages_of("acme", "alarm") if m.kind == "cta")


def test_an_alert_is_posted_once_with_our_id_and_edited_where_it_stands(alarm: World, slack: SlackDouble) -> None:
    assert alarm.tick(day(3)).delivery == {"accepted": 1}
    alarm.tick(day(3, 12))
    assert slack.ids() == [message_of(alarm)]
    (posted,) = slack.messages[ALEX]
    assert posted["metadata"]["event_payload"] == {"playbook": "alarm", "step": "call", "cs_message_id": message_of(alarm)}
    alarm.uses("acme", day(4, 9)).tick(day(4))
    edited, _ = slack.messages[ALEX]
    assert edited["ts"] == posted["ts"]
    assert edited["edited"]
    assert "Closed by itself" in str(edited["blocks"])


def test_what_happens_then_is_said_once_in_its_thread_however_often_that_fails(alarm: World, slack: SlackDouble) -> None:
    alarm.tick(day(3))
    slack.on_request(3, Answer(fate="reset", take=True))  # the reply, after the update
    slack.on_request(2, Answer(fate="reset", take=True))
    for hour in (10, 11, 12, 13):
        alarm.uses("acme", day(4, 9)).tick(day(4, hour))
    first, *replies = slack.messages[ALEX]
    assert [(reply["text"], reply["thread_ts"]) for reply in replies] == [
        (":white_check_mark: Closed by itself: its condition has cleared.", first["ts"])
    ]


@pytest.mark.parametrize("taken", [True, False])
def test_a_reply_in_doubt_is_looked_for_in_its_thread_by_a_later_process(alarm: World, slack: SlackDouble, taken: bool) -> None:
    alarm.tick(day(3))
    slack.on_request(2, Answer(fate="reset", take=taken))
    slack.readable = False
    assert alarm.uses("acme", day(4, 9)).tick(day(4)).delivery == {"accepted": 1, "uncertain": 1}
    slack.readable = True
    assert anew(alarm).tick(day(4, 10.005)).delivery == ({"accepted": 1} if taken else {"uncertain": 1}), "it may be on its way yet"
    for hour in (11, 12):
        alarm.tick(day(4, hour))
    first, *replies = slack.messages[ALEX]
    assert [reply["thread_ts"] for reply in replies] == [first["ts"]]
    assert {m.state for m in alarm.engine.store.messages_of("acme", "alarm")} == {"accepted"}


def test_ctas_with_all_that_can_stand_below_them_and_digests_are_what_slack_takes(
    world: World, slack: SlackDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLACK_SIGNING_SECRET", "a-signing-secret")
    items = ", ".join(f"'{n} {'x' * 73}'" for n in range(10))
    world.project(slack={"channel": "#cs", "digest": "09:00", "account_url": "https://crm.example/{account}"}).customer()
    world.playbook("alarm", f"- {{id: call, cta: call, due: 1 day, ask: {{why: text}}, checklist: [{items}]}}", enter="uses = 0")
    world.playbook("low", "- {id: call, cta: call, priority: low}", enter="uses = 0")
    assert world.tick(day(0)).delivery["accepted"] == 1
    assert world.tick(day(1, 9)).delivery["accepted"] == 1
    alert, digest = slack.messages[ALEX]
    assert (alert["text"], digest["text"]) == ("Call Acme", "Tuesday, 3 March: 1 to do")
    assert [block["type"] for block in alert["blocks"]].count("actions") == 4, "items, what to do with it, answer, its steps"


def test_an_alert_in_the_teams_channel_is_edited_there(alarm: World, slack: SlackDouble) -> None:
    alarm.write("playbooks/team.yaml", "staff: [{email: lead@vendor.example, name: Toni}, {email: nora@vendor.example, name: Nora}]\n")
    alarm.account(csm="nora@vendor.example").tick(day(3))
    assert texts(slack) == ["Call Acme"]
    assert alarm.uses("acme", day(4, 9)).tick(day(4)).delivery == {"accepted": 2}, "the edit, and a reply in its thread"
    assert [message.get("edited") for message in slack.messages["C0CS"]] == [True, None]


def test_a_limit_is_waited_for(alarm: World, slack: SlackDouble) -> None:
    slack.on_request(1, no("ratelimited", 429, Retry_After="1"))
    assert alarm.tick(day(3)).delivery == {"accepted": 1}
    assert len(slack.ids()) == 1


def test_a_post_of_unknown_fate_is_found_in_the_history(alarm: World, slack: SlackDouble) -> None:
    slack.on_request(1, Answer(fate="reset", take=True))
    assert alarm.tick(day(3)).delivery == {"accepted": 1}, "delivery did not know, feedback found it"
    alarm.uses("acme", day(4, 9)).tick(day(4))
    assert [message.get("edited") for message in slack.messages[ALEX]] == [True, None], "and knows where it stands"


def test_a_post_that_is_not_in_the_history_goes_again(alarm: World, slack: SlackDouble) -> None:
    slack.on_request(1, Answer(fate="reset"))
    assert alarm.tick(day(3)).delivery == {"uncertain": 1}, "in the very tick it may still be on its way"
    assert alarm.tick(day(3, 11)).delivery == {"pending": 1}
    assert alarm.tick(day(3, 12)).delivery == {"accepted": 1}
    assert len(slack.ids()) == 1


@pytest.mark.parametrize("told", [Answer(fate="hang", take=True), HANG], ids=["taken", "lost"])
def test_killed_while_posting_the_alert_is_looked_for_by_the_next_process(alarm: World, slack: SlackDouble, told: Answer) -> None:
    slack.on_request(1, told)
    process = tick_elsewhere(alarm, day(3))
    while not slack.requests:
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait(60)
    alarm.tick(day(3))
    alarm.tick(day(3, 11))
    alarm.tick(day(4, 12))
    assert len(slack.ids()) == (1 if told.take else 0)
    assert [m.state for m in alarm.engine.store.messages_of("acme", "alarm")] == ["accepted" if told.take else "skipped"]


def test_a_refused_token_is_said_loudly_and_mail_goes_all_the_same(
    alarm: World, slack: SlackDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLACK_BOT_TOKEN", "xoxb-wrong")
    alarm.playbook("hello", "- {id: one, email: one}")
    ticked = alarm.tick(day(3))
    assert (ticked.delivery, ticked.sent) == ({"accepted": 1, "pending": 1}, ["ann: One for Acme"])
    assert ticked.json["failures"] == ["delivery: the slack channel refuses our key; its messages wait"]
    monkeypatch.setenv("SLACK_BOT_TOKEN", TOKEN)
    assert anew(alarm).tick(day(3, 11)).delivery == {"accepted": 1}
