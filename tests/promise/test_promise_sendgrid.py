"""Nothing is lost at SendGrid's door and nothing is knowingly sent twice, whatever it answers."""

from __future__ import annotations

import signal
import time
from collections import Counter

import pytest

from cs_engine.channels.sendgrid import SendgridChannel
from tests.doubles.http import HANG, RESET, Answer
from tests.doubles.loopback import dead_port
from tests.doubles.sendgrid import API_KEY, SendgridDouble, refusal
from tests.promise.crowd import address, anew, crowd, states, tick_elsewhere
from tests.stories.world import World, day

DAYTIMES = [day(number, hour) for number in range(5) for hour in (9, 12, 15, 18)]
"""More ticks than a message has attempts of its own."""
TAKEN_UNTOLD = Answer(fate="reset", take=True)


def hello(world: World, customers: int, uncertain: str = "ask") -> World:
    """A playbook that mails each customer once."""
    return crowd(world, customers).playbook("hello", f"- {{id: one, email: one, uncertain: {uncertain}}}")


def impatient(world: World, double: SendgridDouble) -> World:
    """Gives an answer two seconds instead of thirty."""
    world.engine.outbox._channels = {**world.engine.outbox._channels, "email": SendgridChannel(API_KEY, double.base_url, answer_within=2)}
    return world


def taken(double: SendgridDouble) -> Counter[str]:
    return Counter(mail.to for mail in double.accepted)


def once_each(customers: int) -> Counter[str]:
    return Counter(address(number) for number in range(customers))


# --- what leaves ---------------------------------------------------------------------------------------------------------


def test_each_mail_is_one_request_with_one_recipient_and_no_personal_data_beside_it(world: World, sendgrid: SendgridDouble) -> None:
    hello(world, 40)
    assert world.tick(day(0)).delivery == {"accepted": 40}
    assert taken(sendgrid) == once_each(40)
    for mail in sendgrid.accepted:
        (person,) = mail.payload["personalizations"]
        assert [to["email"] for to in person["to"]] == [mail.to]
        assert not {"cc", "bcc", "custom_args", "substitutions"} & person.keys()
        assert mail.payload["custom_args"] == {"cs_message_id": mail.id}
        assert mail.payload["categories"] == ["hello", "tips"]
        assert mail.payload["headers"]["List-Unsubscribe"] == "<mailto:out@vendor.example>"
        assert "mail_settings" not in mail.payload, "suppressions of the vendor's own are not bypassed"
        assert mail.payload["from"]["email"] == "alex@vendor.example"


def test_a_japanese_subject_arrives_as_it_was_written(world: World, sendgrid: SendgridDouble) -> None:
    world.customer(locale="ja").mail("one", "{{ account.name }}様 ご契約 #42 の更新「重要」", locale="ja").playbook(
        "hello", "- {id: one, email: one}"
    )
    world.account(name="株式会社髙﨑𠮷野家")
    world.tick(day(0))
    assert [mail.payload["subject"] for mail in sendgrid.accepted] == ["株式会社髙﨑𠮷野家様 ご契約 #42 の更新「重要」"]


def test_the_vendors_id_is_kept(world: World, sendgrid: SendgridDouble) -> None:
    hello(world, 1).tick(day(0))
    with world.engine.store.database.read() as tx:  # type: ignore[attr-defined]
        assert tx.rows("SELECT provider_id FROM messages") == [(f"sg-{sendgrid.accepted[0].id}",)]


# --- what it answers -----------------------------------------------------------------------------------------------------


def test_an_address_that_is_refused_harms_nobody_else(world: World, sendgrid: SendgridDouble) -> None:
    sendgrid.on_key(address(3), refusal(400, "personalizations.0.to.0.email"))
    assert hello(world, 20).tick(day(0)).delivery == {"accepted": 19, "rejected": 1}
    assert states(world, 20) == {"accepted": 19, "rejected 400:personalizations.0.to.0.email": 1}
    assert world.tick(day(1)).delivery == {}
    assert address(3) not in taken(sendgrid)


def test_a_limit_is_waited_for_and_nothing_goes_twice(world: World, sendgrid: SendgridDouble) -> None:
    for number in (7, 30, 55):
        sendgrid.on_request(number, Answer(429, headers={"Retry-After": "1"}))
    began = time.monotonic()
    assert hello(world, 60).tick(day(0)).delivery == {"accepted": 60}
    assert time.monotonic() - began >= 1.0
    assert taken(sendgrid) == once_each(60)


def test_a_limit_that_is_too_long_to_wait_for_leaves_the_rest_to_a_later_tick(world: World, sendgrid: SendgridDouble) -> None:
    sendgrid.on_request(1, Answer(429, headers={"Retry-After": "3600"}))
    assert hello(world, 30).tick(day(0)).delivery == {"pending": 30}
    assert sendgrid.requests == 1, "it was asked once and believed"
    assert anew(world).tick(day(0, 11.5)).delivery == {"accepted": 30}
    assert taken(sendgrid) == once_each(30)


def test_a_limit_that_stays_is_not_waited_for_again_and_again(world: World, sendgrid: SendgridDouble) -> None:
    sendgrid.always(Answer(429, headers={"Retry-After": "0.2"}))
    assert hello(world, 30).tick(day(0)).delivery == {"pending": 30}
    assert sendgrid.requests == 3


def test_limits_for_days_lose_nothing(world: World, sendgrid: SendgridDouble) -> None:
    hello(world, 5)
    sendgrid.always(Answer(429, headers={"Retry-After": "1000"}))
    for at in DAYTIMES:
        assert anew(world).tick(at).delivery == {"pending": 5}
    sendgrid.always(None)
    assert anew(world).tick(day(5)).delivery == {"accepted": 5}


@pytest.mark.parametrize("answer", [refusal(500), Answer(502), HANG, RESET], ids=["500", "502", "hang", "reset"])
@pytest.mark.parametrize(("policy", "ends"), [("ask", "uncertain_unanswered"), ("drop", "uncertain_dropped")])
def test_what_may_have_been_taken_is_never_sent_again_blindly(
    world: World, sendgrid: SendgridDouble, answer: Answer, policy: str, ends: str
) -> None:
    hello(world, 8, policy)
    if answer is HANG:
        impatient(world, sendgrid)
    sendgrid.on_key(address(3), answer)
    first = world.tick(day(0)).delivery
    assert first["accepted"] == 7
    assert first == ({"accepted": 7, "uncertain": 1} if policy == "ask" else {"accepted": 7, "skipped": 1})
    sendgrid.on_key(address(3), Answer())
    for at in (day(0, 11), day(0, 20), day(1, 9)):
        world.tick(at)
    world.tick(day(1, 10))
    assert states(world, 8) == {"accepted": 7, f"skipped {ends}": 1}, "after 24 hours at most it has ended"
    world.tick(day(2))
    assert address(3) not in taken(sendgrid)
    assert max(taken(sendgrid).values()) == 1


def test_who_says_resend_is_sent_to_again(world: World, sendgrid: SendgridDouble) -> None:
    hello(world, 4, "resend")
    sendgrid.on_key(address(2), TAKEN_UNTOLD)
    assert world.tick(day(0)).delivery == {"accepted": 3, "uncertain": 1}
    sendgrid.on_key(address(2), Answer())
    assert world.tick(day(0, 11)).delivery == {"pending": 1}, "feedback comes after delivery"
    assert world.tick(day(0, 12)).delivery == {"accepted": 1}
    assert states(world, 4) == {"accepted": 4}
    assert taken(sendgrid)[address(2)] == 2, "the author has said that twice is better than never"


def test_a_vendor_that_answers_nobody_makes_few_uncertain_and_the_rest_wait(world: World, sendgrid: SendgridDouble) -> None:
    sendgrid.always(Answer(503))
    delivery = hello(world, 60).tick(day(0))
    assert delivery.delivery == {"accepted": 1, "uncertain": 5, "pending": 55}
    assert "#cs: :rotating_light: sendgrid fails since 2026-03-02 10:00Z (unavailable)" in delivery.sent[0], "our own people are told"
    assert any("takes nothing now (unavailable)" in failure for failure in delivery.json["failures"])
    sendgrid.always(None)
    assert anew(world).tick(day(0, 11)).delivery == {"accepted": 55, "uncertain": 5}


# --- when it is not there, or refuses us -----------------------------------------------------------------------------------


def test_without_a_connection_all_wait_and_go_in_the_next_tick(
    world: World, sendgrid: SendgridDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    hello(world, 30)
    monkeypatch.setenv("SENDGRID_BASE_URL", f"http://127.0.0.1:{dead_port()}")
    ticked = world.tick(day(0))
    assert ticked.delivery == {"accepted": 1, "pending": 30}, "our own people are told"
    assert any("no_connection" in failure for failure in ticked.json["failures"])
    monkeypatch.setenv("SENDGRID_BASE_URL", sendgrid.base_url)
    assert anew(world).tick(day(0, 10.1)).delivery == {"accepted": 30}
    assert taken(sendgrid) == once_each(30)


def test_a_wrong_key_is_said_loudly_and_for_days_loses_no_mail(
    world: World, sendgrid: SendgridDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    hello(world, 30)
    monkeypatch.setenv("SENDGRID_API_KEY", "SG.wrong")
    for at in DAYTIMES:
        ticked = anew(world).tick(at)
        assert ticked.delivery == {"pending": 30} if at > DAYTIMES[0] else {"accepted": 1, "pending": 30}, "our own people are told once"
        assert "delivery: the email channel refuses our key; its messages wait" in ticked.json["failures"]
        assert "SG.wrong" not in str(ticked.json)
    monkeypatch.setenv("SENDGRID_API_KEY", API_KEY)
    ticked = anew(world).tick(day(5))
    assert (ticked.delivery, ticked.json["failures"]) == ({"accepted": 30}, [])
    assert taken(sendgrid) == once_each(30)


def test_a_sender_that_is_not_verified_loses_no_mail_either(world: World, sendgrid: SendgridDouble) -> None:
    hello(world, 3)
    sendgrid.on_key(address(1), refusal(403, "from"))
    for at in DAYTIMES:
        world.tick(at)
    assert states(world, 3) == {"accepted": 2, "planned forbidden": 1}
    sendgrid.on_key(address(1), Answer())
    assert world.tick(day(6)).delivery == {"accepted": 1}


# --- when we die -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("policy", ["ask", "drop", "resend"])
def test_killed_while_sending_nobody_is_sent_to_twice_unless_the_author_said_so(
    world: World, sendgrid: SendgridDouble, policy: str
) -> None:
    hello(world, 40, policy)
    for request in range(13, 41):
        sendgrid.on_request(request, HANG)
    process = tick_elsewhere(world, day(0))
    sendgrid.on_connection = lambda _: process.send_signal(signal.SIGKILL) if sendgrid.requests == 25 else None
    assert process.wait(60) == -signal.SIGKILL
    before = taken(sendgrid)
    assert before.total() == 12, "twelve got through"
    sendgrid.on_connection = lambda _: None
    world.tick(day(0))
    if policy == "resend":
        world.tick(day(0, 11))
        world.tick(day(0, 12))
        assert states(world, 40) == {"accepted": 40}
        assert taken(sendgrid).keys() == once_each(40).keys(), "nobody is lost"
        return
    assert states(world, 40) == ({"uncertain died_on_the_way": 40} if policy == "ask" else {"skipped uncertain_dropped": 40})
    world.tick(day(1, 10))
    assert states(world, 40) == {f"skipped uncertain_{'unanswered' if policy == 'ask' else 'dropped'}": 40}
    assert taken(sendgrid) == before
