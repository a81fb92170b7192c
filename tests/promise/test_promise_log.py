"""A mail whose fate is unknown is looked for in SendGrid's own log, a few at a time, before its step's policy has the word."""

from __future__ import annotations

import logging

import pytest

from cs_engine.channels import sendgrid_log
from cs_engine.channels.sendgrid import CUSTOM_ARG, SendgridChannel
from cs_engine.channels.sendgrid_log import MOST, REQUESTS
from cs_engine.ports import Trace
from tests.doubles.http import RESET, Answer
from tests.doubles.sendgrid import API_KEY, SendgridDouble, TakenMail
from tests.promise.crowd import address, crowd, states
from tests.stories.world import World, day

TAKEN_UNTOLD = Answer(fate="reset", take=True)


def hello(world: World, sendgrid: SendgridDouble, uncertain: str, customers: int = 4) -> World:
    """Of one mail nobody learns that it was taken."""
    sendgrid.keeps_log = True
    sendgrid.on_key(address(2), TAKEN_UNTOLD)
    return crowd(world, customers).playbook("hello", f"- {{id: one, email: one, uncertain: {uncertain}}}")


@pytest.mark.parametrize("policy", ["ask", "resend"])
def test_a_time_out_that_was_accepted_after_all_is_found_in_the_log_and_not_sent_again(
    world: World, sendgrid: SendgridDouble, policy: str
) -> None:
    hello(world, sendgrid, policy)
    assert world.tick(day(0)).delivery == {"accepted": 3, "uncertain": 1}
    assert sendgrid.searches == [], "in the very tick it cannot be there yet"
    sendgrid.on_key(address(2), Answer())
    assert world.tick(day(0, 11)).delivery == {"accepted": 1}
    world.tick(day(0, 12))
    assert states(world, 4) == {"accepted": 3, "accepted found": 1}
    assert [mail.to for mail in sendgrid.accepted].count(address(2)) == 1
    with world.engine.store.database.read() as tx:  # type: ignore[attr-defined]
        assert tx.rows("SELECT count(*) FROM messages WHERE provider_id LIKE 'sg-%'") == [(4,)]


def test_the_log_is_searched_by_recipient_playbook_and_time_and_opened_for_our_id(world: World, sendgrid: SendgridDouble) -> None:
    hello(world, sendgrid, "ask").tick(day(0))
    world.tick(day(0, 11))
    (query,) = sendgrid.searches
    assert query.startswith(f'to_email = "{address(2)}" AND sg_message_id_created_at > TIMESTAMP "20')
    assert query.endswith("Z\" AND categories IN ('hello')")
    assert len(sendgrid.opened) == 1


def test_what_is_not_in_the_log_may_have_been_taken_all_the_same_and_waits_for_its_policy(world: World, sendgrid: SendgridDouble) -> None:
    hello(world, sendgrid, "ask")
    sendgrid.on_key(address(2), RESET)
    world.tick(day(0))
    assert world.tick(day(0, 11)).delivery == {"uncertain": 1}
    assert len(sendgrid.searches) == 1
    assert world.tick(day(1, 11)).delivery == {"skipped": 1}


def doubts(sendgrid: SendgridDouble, count: int, taken: int) -> list[Trace]:
    """So many, of which the vendor has taken the first ones."""
    sendgrid.keeps_log = True
    traces = [Trace(f"msg_{number}", address(number), f"hello-{number % 3}") for number in range(count)]
    for trace in traces[:taken]:
        whole = {
            "custom_args": {CUSTOM_ARG: trace.id},
            "from": {"email": "a@b.example"},
            "subject": "Hello",
            "categories": [trace.playbook],
        }
        sendgrid.accepted.append(TakenMail(trace.id, trace.to, whole))
    return traces


def test_one_search_is_for_all_doubts_and_each_that_it_lists_is_opened(sendgrid: SendgridDouble) -> None:
    sendgrid.log_limit = 20
    traces = doubts(sendgrid, 40, 12)
    channel = SendgridChannel(API_KEY, sendgrid.base_url)
    assert set(channel.search(traces)) == {f"msg_{number}" for number in range(12)}
    (query,) = sendgrid.searches
    assert query.endswith("Z\" AND categories IN ('hello-0', 'hello-1', 'hello-2')")
    assert len(sendgrid.opened) == 12
    channel.close()


@pytest.mark.parametrize(("limit", "asked"), [(None, REQUESTS), (9, 9), (10_000, MOST)])
def test_the_log_is_asked_as_often_as_its_answers_allow_else_a_few_times_a_minute(
    sendgrid: SendgridDouble, limit: int | None, asked: int
) -> None:
    sendgrid.log_limit = limit
    traces = doubts(sendgrid, 130, 120)
    channel = SendgridChannel(API_KEY, sendgrid.base_url)
    assert len(channel.search(traces)) == asked - 1, "the search, and what it listed"
    if limit != 10_000:
        assert channel.search(traces) == {}, "another time"
        assert len(sendgrid.searches) + len(sendgrid.opened) == asked
    assert sendgrid.problems == []
    channel.close()


def test_where_a_search_lists_no_more_they_are_looked_for_one_by_one(sendgrid: SendgridDouble, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sendgrid_log, "LISTED", 5)
    sendgrid.log_limit = 90
    traces = doubts(sendgrid, 12, 12)
    channel = SendgridChannel(API_KEY, sendgrid.base_url)
    assert len(channel.search(traces)) == 12
    assert len(sendgrid.searches) == 1 + 12 - 5
    channel.close()


def test_an_address_that_cannot_stand_in_a_query_is_not_asked_for(sendgrid: SendgridDouble) -> None:
    sendgrid.keeps_log = True
    channel = SendgridChannel(API_KEY, sendgrid.base_url)
    assert channel.search([Trace("msg_1", "a\" AND status IN ('x') \"@b.example", "hello")]) == {}
    assert sendgrid.searches == []
    channel.close()


@pytest.mark.parametrize("answer", [Answer(403), Answer(500), Answer(429), RESET, Answer(200, body=[1]), Answer(200, body={"messages": 3})])
def test_a_log_that_cannot_be_read_settles_nothing_and_is_not_pestered(
    sendgrid: SendgridDouble, caplog: pytest.LogCaptureFixture, answer: Answer
) -> None:
    sendgrid.keeps_log, sendgrid.log_answer = True, answer
    channel = SendgridChannel(API_KEY, sendgrid.base_url)
    with caplog.at_level(logging.DEBUG):
        assert channel.search([Trace(f"msg_{number}", address(number), "hello") for number in range(9)]) == {}
    assert "customer.example" not in caplog.text
    assert ("mend: give the API key the permission" in caplog.text) is (answer.status == 403)
    channel.close()
