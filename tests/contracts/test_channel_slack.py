"""Slack: pace, limits, what `ok: false` means, and finding an uncertain message again."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from cs_engine.channels import slack_history
from cs_engine.channels.slack import SlackChannel, slack_place
from cs_engine.errors import SettingsError
from cs_engine.ports import Parcel, Trace
from tests.contracts.outgoing import POST
from tests.doubles.http import HANG, RESET, Answer
from tests.doubles.loopback import dead_port
from tests.doubles.slack import TOKEN, SlackDouble, no


@pytest.fixture
def double() -> Iterator[SlackDouble]:
    with SlackDouble() as server:
        yield server


@pytest.fixture
def channel(double: SlackDouble, patience: float) -> Iterator[SlackChannel]:
    made = SlackChannel(TOKEN, double.base_url, pace=0, answer_within=patience)
    yield made
    made.close()


def posts(count: int, channel: str = "C0SUCCESS") -> list[Parcel]:
    return [SlackChannel.build(replace(POST, id=f"msg_{channel}_{number}", channel=channel)) for number in range(count)]


@pytest.mark.parametrize(
    ("answer", "kind", "code"),
    [
        (no("channel_not_found"), "rejected", "channel_not_found"),
        (no("not_in_channel"), "rejected", "not_in_channel"),
        (no("is_archived"), "rejected", "is_archived"),
        (no("msg_too_long"), "rejected", "msg_too_long"),
        (no("invalid_auth"), "retry", "auth"),
        (no("token_revoked"), "retry", "auth"),
        (no("missing_scope"), "retry", "auth"),
        (no("request_timeout"), "retry", "request_timeout"),
        (no("ratelimited", 429, Retry_After="3"), "retry", "rate_limited"),
        (no("internal_error"), "uncertain", "internal_error"),
        (no("fatal_error"), "uncertain", "fatal_error"),
        (Answer(500), "uncertain", "500"),
        (Answer(503, body={"ok": False, "error": "service_unavailable"}), "uncertain", "service_unavailable"),
        (Answer(200, body={"neither": "nor"}), "uncertain", "200"),
        (Answer(404), "retry", "endpoint"),
        (HANG, "uncertain", "timeout"),
        (RESET, "uncertain", "connection_lost"),
    ],
    ids=lambda value: str(value.body or value.status) if isinstance(value, Answer) else str(value),
)
def test_each_answer_has_one_meaning(double: SlackDouble, channel: SlackChannel, answer: Answer, kind: str, code: str) -> None:
    double.always(answer)
    (outcome,) = channel.send(posts(1))
    assert (outcome.kind, outcome.code) == (kind, code)
    assert double.requests == 1, "the SDK's own retries are off"


def test_no_connection_is_a_retry() -> None:
    channel = SlackChannel(TOKEN, f"http://127.0.0.1:{dead_port()}/api/", pace=0)
    assert {(o.kind, o.code) for o in channel.send(posts(20))} == {("retry", "no_connection")}
    channel.close()


def test_messages_to_one_channel_are_a_second_apart_and_channels_do_not_wait_for_each_other() -> None:
    with SlackDouble(pace=1.0) as double:
        channel = SlackChannel(TOKEN, double.base_url)
        began = time.monotonic()
        outcomes = channel.send([*posts(3), *posts(3, "C0NOTICES")])
        took = time.monotonic() - began
        channel.close()
    assert [o.kind for o in outcomes] == ["accepted"] * 6
    assert took >= 2.0
    assert double.ids()[:3] == [f"msg_C0SUCCESS_{n}" for n in range(3)], "in order"
    came = {channel: [post["ts"] for post in posted] for channel, posted in double.messages.items()}
    assert came["C0NOTICES"][0] < came["C0SUCCESS"][1], "while the one rests the other is served"


def test_the_pace_is_kept_over_batches() -> None:
    with SlackDouble(pace=1.0) as double:
        channel = SlackChannel(TOKEN, double.base_url)
        outcomes = [*channel.send(posts(1)), *channel.send(posts(1))]
        channel.close()
    assert [o.kind for o in outcomes] == ["accepted"] * 2


def test_a_batch_waits_no_longer_than_its_patience(double: SlackDouble) -> None:
    channel = SlackChannel(TOKEN, double.base_url, pace=0.2, patience=0.5)
    outcomes = channel.send(posts(50))
    channel.close()
    assert [o.kind for o in outcomes[:3]] == ["accepted"] * 3
    assert {(o.kind, o.code) for o in outcomes[4:]} == {("retry", "paced")}
    assert double.requests < 5


def test_a_429_holds_back_all_who_come_after_it(double: SlackDouble, channel: SlackChannel) -> None:
    double.on_request(2, no("ratelimited", 429, Retry_After="30"))
    outcomes = channel.send(posts(6))
    assert [o.kind for o in outcomes] == ["accepted"] + ["retry"] * 5
    assert outcomes[1].retry_after == 30
    assert double.requests == 2


def test_a_refused_token_stops_the_batch_and_says_how_to_mend_it(double: SlackDouble, caplog: pytest.LogCaptureFixture) -> None:
    channel = SlackChannel("xoxb-wrong", double.base_url, pace=0)
    with caplog.at_level(logging.DEBUG):
        assert {(o.kind, o.code) for o in channel.send(posts(9))} == {("retry", "auth")}
    channel.close()
    assert "SLACK_BOT_TOKEN" in caplog.text
    assert "xoxb-wrong" not in caplog.text
    assert POST.text not in caplog.text, "the SDK writes whole messages to the log at DEBUG"


def test_an_update_edits_the_message_that_stands_there(double: SlackDouble, channel: SlackChannel) -> None:
    (first,) = channel.send(posts(1))
    edit = replace(POST, id="msg_edit", channel="#customer-success", update=first.provider_id, text="Acme is back")
    (second,) = channel.send([channel.build(edit)])
    assert (second.kind, second.provider_id) == ("accepted", first.provider_id)
    assert [m["text"] for m in double.messages["C0SUCCESS"]] == ["Acme is back"]


def test_a_message_is_posted_in_a_name_and_edited_without_one(double: SlackDouble, channel: SlackChannel) -> None:
    (first,) = channel.send([channel.build(replace(POST, speaker="Kim Sales\n" + "x" * 100))])
    posted = double.messages["C0SUCCESS"][0]
    assert posted["username"].startswith("Kim Sales x")
    assert len(posted["username"]) == 80
    edit = channel.build(replace(POST, id="msg_edit", speaker="Kim Sales", update=first.provider_id))
    assert b"username" not in edit.body, "Slack takes none there"


def test_an_update_may_be_tried_again_for_it_says_the_same_twice(double: SlackDouble, channel: SlackChannel) -> None:
    double.always(RESET)
    assert channel.send([channel.build(replace(POST, update="1700000001.000100"))])[0].kind == "retry"


@pytest.mark.parametrize("place", ["C0SUCCESS", "#customer-success", "U0MIKA"])
def test_an_uncertain_message_that_stands_in_the_history_is_accepted(double: SlackDouble, channel: SlackChannel, place: str) -> None:
    double.on_key(place, Answer(fate="reset", take=True))
    (outcome,) = channel.send(posts(1, place))
    assert outcome.kind == "uncertain"
    found = channel.lookup([outcome.id, "msg_of_another_process"])
    assert list(found) == [outcome.id]
    assert found[outcome.id].kind == "accepted"
    assert slack_place(found[outcome.id].provider_id)[1] == double.messages[slack_place(found[outcome.id].provider_id)[0]][0]["ts"]


def test_an_uncertain_message_that_is_not_in_the_history_may_go_again(double: SlackDouble, channel: SlackChannel) -> None:
    double.on_request(1, RESET)
    (outcome,) = channel.send(posts(1))
    assert channel.lookup([outcome.id])[outcome.id].kind == "retry"


def test_a_later_process_finds_it_where_it_was_told_to_look(double: SlackDouble, channel: SlackChannel) -> None:
    sent = channel.send(posts(250))
    later = SlackChannel(TOKEN, double.base_url, look_in=["C0UNREADABLE", "#customer-success"])
    found = later.lookup([sent[0].id, sent[249].id, "msg_never_sent"])
    later.close()
    assert {id: outcome.provider_id for id, outcome in found.items()} == {o.id: o.provider_id for o in (sent[0], sent[249])}


def test_a_history_that_cannot_be_read_proves_nothing(double: SlackDouble, channel: SlackChannel) -> None:
    double.on_request(1, RESET)
    (outcome,) = channel.send(posts(1))
    del double.channels["C0SUCCESS"]
    assert channel.lookup([outcome.id]) == {}


def test_a_reply_is_looked_for_in_its_thread(double: SlackDouble, channel: SlackChannel) -> None:
    (first,) = channel.send(posts(1))
    (reply,) = channel.send([channel.build(replace(POST, id="msg_reply", thread=first.provider_id))])
    later = SlackChannel(TOKEN, double.base_url)
    traces = [Trace(id, "", "hello", first.provider_id) for id in (reply.id, "msg_lost")]
    elsewhere = [Trace("msg_reply", "", "hello", "C0SUCCESS:1.1"), Trace("msg_reply", "", "hello", "C0GONE:1.1"), Trace("msg_x", "", "")]
    found = later.search(traces)
    assert {id: (outcome.kind, outcome.provider_id) for id, outcome in found.items()} == {
        "msg_reply": ("accepted", reply.provider_id), "msg_lost": ("retry", ""),
    }  # fmt: skip
    assert [later.search([one]) for one in elsewhere] == [{}, {}, {}], "a thread that cannot be read proves nothing"
    later.close()


def test_a_thread_too_long_to_be_read_whole_proves_nothing(
    double: SlackDouble, channel: SlackChannel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slack_history, "_PAGE", 2)
    (first,) = channel.send(posts(1))
    channel.send([channel.build(replace(POST, id=f"msg_r{number}", thread=first.provider_id)) for number in range(12)])
    found = channel.search([Trace(id, "", "hello", first.provider_id) for id in ("msg_r3", "msg_lost")])
    assert {id: outcome.kind for id, outcome in found.items()} == {"msg_r3": "accepted"}


def words(length: int, kind: str = "mrkdwn") -> dict[str, Any]:
    return {"type": kind, "text": "x" * length}


def button(**keys: Any) -> dict[str, Any]:
    return {"type": "button", "text": words(5, "plain_text"), "action_id": "a", "value": "v", **keys}


def checkboxes(count: int, length: int = 5, **keys: Any) -> dict[str, Any]:
    options = [{"text": words(length), "value": str(n)} for n in range(count)]
    return {"type": "checkboxes", "action_id": "a", "options": options, **keys}


def actions(*elements: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"type": "actions", "elements": list(elements)}]


REFUSED: dict[str, list[dict[str, Any]]] = {
    "a section of 3,001": [{"type": "section", "text": words(3001)}],
    "an empty section": [{"type": "section", "text": words(0)}],
    "a field of 2,001": [{"type": "section", "fields": [words(2001)]}],
    "eleven fields": [{"type": "section", "fields": [words(1)] * 11}],
    "eleven in a context": [{"type": "context", "elements": [words(1)] * 11}],
    "a header of 151": [{"type": "header", "text": words(151, "plain_text")}],
    "a button of 76": actions(button(text=words(76, "plain_text"))),
    "a value of 2,001": actions(button(value="v" * 2001)),
    "an action_id of 256": actions(button(action_id="a" * 256)),
    "an action_id twice": actions(button(), button()),
    "26 elements": actions(*(button(action_id=f"a{n}") for n in range(26))),
    "a block_id twice": [{"type": "divider", "block_id": "b"}] * 2,
    "eleven checkboxes": actions(checkboxes(11)),
    "a checkbox of 76": actions(checkboxes(1, 76)),
    "none of them ticked": actions(checkboxes(2, initial_options=[])),
    "51 blocks": [{"type": "divider"}] * 51,
    "13,000 characters": [{"type": "section", "text": words(2600)}] * 5,
    "no such block": [{"type": "no such block"}],
}


@pytest.mark.parametrize("what", REFUSED)
def test_the_double_refuses_what_slack_would(double: SlackDouble, channel: SlackChannel, what: str) -> None:
    (outcome,) = channel.send([channel.build(replace(POST, blocks=REFUSED[what]))])
    assert (outcome.kind, outcome.code) == ("rejected", "invalid_blocks")
    assert double.messages == {}


def test_the_double_takes_what_slack_does(double: SlackDouble, channel: SlackChannel) -> None:
    ticked = checkboxes(10, 75, initial_options=[{"text": words(75), "value": "1"}])
    date = {"type": "datepicker", "action_id": "d", "placeholder": words(150, "plain_text")}
    blocks = [{"type": "section", "text": words(3000)}, *actions(button(action_id="b" * 255, value="v" * 2000), ticked, date)]
    (outcome,) = channel.send([channel.build(replace(POST, blocks=blocks))])
    assert (outcome.kind, double.problems) == ("accepted", [])


def test_a_token_that_cannot_be_one_is_refused() -> None:
    with pytest.raises(SettingsError, match="SLACK_BOT_TOKEN"):
        SlackChannel("")
