"""What every channel promises, over all of them: the mailbox's folder, and SendGrid, SMTP and Slack against real servers."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

import pytest

from cs_engine.channels.mailbox import Mail, MailboxEmail, MailboxSlack, MailboxWebhook, mails
from cs_engine.channels.sendgrid import SendgridChannel
from cs_engine.channels.slack import SlackChannel
from cs_engine.channels.smtp import SmtpChannel
from cs_engine.channels.webhook import WebhookChannel
from cs_engine.ports import Call, Channel, Letter, Parcel, Person, Post, always
from tests.contracts.outgoing import CALL, LETTER, POST
from tests.doubles.http import Answer
from tests.doubles.receiver import KEY, Receiver, TakenCall
from tests.doubles.sendgrid import API_KEY, SendgridDouble, refusal
from tests.doubles.slack import TOKEN, SlackDouble
from tests.doubles.smtp import SmtpDouble

EMAIL = ["mailbox", "sendgrid", "smtp"]
SLACK = ["slack", "mailbox-slack"]
WEBHOOK = ["webhook", "mailbox-webhook"]
POISON = "poison@customer.example"


@dataclass
class Received:
    """One message as its receiver sees it."""

    id: str
    to: str
    subject: str
    text: str
    header_names: list[str]


@dataclass
class Bench:
    """A channel and its other end."""

    channel: Channel[Any]
    make: Callable[[int], Any]
    """The outgoing message of that number."""
    poison: Any
    """A message that the receiver refuses."""
    received: Callable[[], list[Received]]

    def parcels(self, *outgoing: Any) -> list[Parcel]:
        return [self.channel.build(one) for one in outgoing]


def _letter(number: int) -> Letter:
    return replace(LETTER, id=f"msg_{number}", to=Person(f"ann{number}@customer.example", "Ann"), subject=f"Welcome {number}")


def _post(number: int) -> Post:
    return replace(POST, id=f"msg_{number}", text=f"Welcome {number}")


def _mime(raw: bytes, to: str) -> Received:
    message = message_from_bytes(raw, policy=policy.default)
    part = message.get_body(("plain",))
    assert part is not None
    return Received(str(message["X-CS-Message-Id"]), to, str(message["Subject"]), part.get_content(), [name.lower() for name in message])


def _of_sendgrid(payload: dict[str, Any]) -> Received:
    to = payload["personalizations"][0]["to"][0]["email"]
    names = [name.lower() for name in payload["headers"]]
    return Received(payload["custom_args"]["cs_message_id"], to, payload["subject"], payload["content"][0]["value"], names)


def _of_slack(post: dict[str, Any]) -> Received:
    return Received(post["metadata"]["event_payload"]["cs_message_id"], post["channel"], post["text"], post["text"], [])


def _call(number: int, base: str) -> Call:
    return replace(CALL, id=f"msg_{number}", url=f"{base}/cs", said={"id": f"msg_{number}", "text": f"Welcome {number}"})


def _of_call(call: TakenCall) -> Received:
    return Received(call.id, call.path, call.said["text"], call.said["text"], list(call.headers))


def _of_file(mail: Mail) -> Received:
    said = json.loads(mail.path.read_text())["said"]
    return Received(mail.id, mail.to, said["text"], said["text"], [])


@pytest.fixture(params=[*EMAIL, *SLACK, *WEBHOOK])
def bench(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Bench]:
    poison = replace(LETTER, id="msg_poison", to=Person(POISON))
    match request.param:
        case "mailbox":
            box = MailboxEmail(tmp_path)
            read = lambda: [_mime(mail.path.read_bytes(), mail.to) for mail in mails(tmp_path)]  # noqa: E731
            yield Bench(box, _letter, replace(poison, to=Person("no address")), read)
            box.close()
        case "mailbox-slack":
            slack_box = MailboxSlack(tmp_path)
            read = lambda: [Received(m.id, m.to, m.subject, json.loads(m.path.read_text())["text"], []) for m in mails(tmp_path)]  # noqa: E731
            yield Bench(slack_box, _post, replace(POST, id="../../poison"), read)
            slack_box.close()
        case "sendgrid":
            with SendgridDouble() as sendgrid:
                sendgrid.on_key(POISON, refusal(400, "personalizations.0.to.0.email"))
                channel = SendgridChannel(API_KEY, sendgrid.base_url)
                yield Bench(channel, _letter, poison, lambda: [_of_sendgrid(mail.payload) for mail in sendgrid.accepted])
                channel.close()
                assert sendgrid.problems == []
        case "smtp":
            with SmtpDouble() as smtp:
                smtp.on_key(POISON, "refuse")
                smtp_channel = SmtpChannel(smtp.url)
                yield Bench(smtp_channel, _letter, poison, lambda: [_mime(mail.raw, mail.recipients[0]) for mail in smtp.accepted])
                smtp_channel.close()
        case "slack":
            with SlackDouble() as slack:
                slack_channel = SlackChannel(TOKEN, slack.base_url, pace=0)
                read = lambda: [_of_slack(post) for posts in slack.messages.values() for post in posts]  # noqa: E731
                yield Bench(slack_channel, _post, replace(POST, id="msg_poison", channel="C0NOWHERE"), read)
                slack_channel.close()
                assert slack.problems == []

        case "mailbox-webhook":
            call_box, base = MailboxWebhook(tmp_path), "https://hooks.customer.example"
            yield Bench(
                call_box, lambda n: _call(n, base), replace(CALL, id="../../poison"), lambda: [_of_file(mail) for mail in mails(tmp_path)]
            )
            call_box.close()
        case "webhook":
            with Receiver() as receiver:
                receiver.on_key("/poison", Answer(422))
                calls, base = WebhookChannel([KEY], allow=["127.0.0.1"]), receiver.base_url
                poisoned = replace(CALL, id="msg_poison", url=f"{base}/poison")
                yield Bench(calls, lambda n: _call(n, base), poisoned, lambda: [_of_call(call) for call in receiver.accepted])
                calls.close()
                assert receiver.problems == []


def _said(outgoing: Any, text: str) -> Any:
    """The message with another text."""
    return replace(outgoing, said={**outgoing.said, "text": text}) if isinstance(outgoing, Call) else replace(outgoing, text=text)


def test_outcomes_come_in_the_order_of_the_parcels(bench: Bench) -> None:
    outcomes = bench.channel.send(bench.parcels(*map(bench.make, range(70))))
    assert [outcome.id for outcome in outcomes] == [f"msg_{number}" for number in range(70)]
    assert {outcome.kind for outcome in outcomes} == {"accepted"}
    assert all(outcome.provider_id for outcome in outcomes)
    assert sorted(message.id for message in bench.received()) == sorted(outcome.id for outcome in outcomes)


def test_one_poisoned_parcel_harms_nobody_else(bench: Bench) -> None:
    outgoing = [bench.make(number) for number in range(20)]
    outcomes = bench.channel.send(bench.parcels(*outgoing[:10], bench.poison, *outgoing[10:]))
    assert [outcome.kind for outcome in outcomes] == ["accepted"] * 10 + ["rejected"] + ["accepted"] * 10
    assert outcomes[10].code
    assert "customer" not in outcomes[10].code
    assert len(bench.received()) == 20


def test_a_hostile_subject_or_name_begins_no_header(bench: Bench) -> None:
    hostile = "Hello\r\nBcc: everyone@evil.example\n\nbody\x00\x0b\u2028x"
    outgoing = bench.make(1)
    if isinstance(outgoing, Letter):
        sender, to = outgoing.sender._replace(name=hostile), outgoing.to._replace(name=hostile)
        headers = {**outgoing.headers, "X-Campaign": hostile}
        outgoing = replace(outgoing, subject=hostile, sender=sender, to=to, headers=headers)
    else:
        outgoing = _said(outgoing, hostile)
    assert [outcome.kind for outcome in bench.channel.send(bench.parcels(outgoing))] == ["accepted"]
    received = bench.received()[0]
    assert "bcc" not in received.header_names
    assert "\n" not in received.subject or isinstance(outgoing, Post | Call)
    assert received.subject.startswith("Hello")


def test_japanese_arrives_as_it_was_written(bench: Bench) -> None:
    subject, text = "山田様 契約 #42 の更新について 🎉", "株式会社○○ 経営企画部 部長 山田様\n\nいつもお世話になっております。〜①㈱髙﨑\n"
    outgoing = bench.make(1)
    if isinstance(outgoing, Letter):
        outgoing = replace(outgoing, subject=subject, text=text, html=f"<p>{text}</p>", to=outgoing.to._replace(name="山田 太郎"))
    else:
        outgoing = _said(outgoing, subject + "\n" + text)
    bench.channel.send(bench.parcels(outgoing))
    received = bench.received()[0]
    assert received.subject.startswith(subject)
    assert text.strip() in received.text


@pytest.mark.parametrize("unit", ["a", "語", "word "])
def test_ten_thousand_characters_arrive_whole(bench: Bench, unit: str) -> None:
    text = (unit * 10_000)[:10_000].strip()
    outgoing = bench.make(1)
    outgoing = replace(outgoing, text=text, html=text, subject=text[:900]) if isinstance(outgoing, Letter) else _said(outgoing, text)
    assert [outcome.kind for outcome in bench.channel.send(bench.parcels(outgoing))] == ["accepted"]
    assert bench.received()[0].text.strip() == text


def test_text_that_is_no_text_is_mended_not_fatal(bench: Bench) -> None:
    outgoing = _said(bench.make(1), "half a pair \ud83d and a NUL \x00")
    assert [outcome.kind for outcome in bench.channel.send(bench.parcels(outgoing))] == ["accepted"]
    assert bench.received()[0].text.startswith("half a pair ?")


def test_an_empty_batch_has_no_outcomes(bench: Bench) -> None:
    assert bench.channel.send([]) == []
    assert bench.channel.lookup([]) == {}


def test_what_is_not_held_any_more_is_not_sent_and_the_others_are(bench: Bench) -> None:
    """Who was stopped, and wakes when somebody else may have taken a message, is told so before each."""
    outcomes = bench.channel.send(bench.parcels(*map(bench.make, range(6))), lambda one: one not in {"msg_0", "msg_3", "msg_5"})
    assert [outcome.kind for outcome in outcomes] == ["retry", "accepted", "accepted", "retry", "accepted", "retry"]
    assert {(outcome.code, outcome.blameless) for outcome in outcomes if outcome.kind == "retry"} == {("lease_over", True)}
    assert sorted(one.id for one in bench.received()) == ["msg_1", "msg_2", "msg_4"]


@pytest.mark.parametrize("bench", EMAIL, indirect=True)
def test_batches_of_mail_that_threads_send_at_once_are_each_told_their_own(bench: Bench) -> None:
    batches = [bench.parcels(*map(bench.make, range(first, first + 12))) for first in (0, 20, 40)]
    with ThreadPoolExecutor(3) as threads:
        told = list(threads.map(bench.channel.send, batches, ["msg_1".__ne__, always, always]))
    assert [[outcome.id for outcome in outcomes] for outcomes in told] == [[parcel.id for parcel in batch] for batch in batches]
    kinds = {outcome.id: outcome.kind for outcomes in told for outcome in outcomes}
    assert kinds.pop("msg_1") == "retry"
    assert set(kinds.values()) == {"accepted"}
    assert sorted(one.id for one in bench.received()) == sorted(kinds)


def test_it_can_be_closed_twice_and_used_in_batches(bench: Bench) -> None:
    for number in range(3):
        assert [outcome.kind for outcome in bench.channel.send(bench.parcels(bench.make(number)))] == ["accepted"]
    bench.channel.close()
    bench.channel.close()


def test_build_is_pure_and_can_be_done_by_another_process(bench: Bench) -> None:
    build = pickle.loads(pickle.dumps(bench.channel.build))
    assert build(bench.make(1)) == build(bench.make(1)) == bench.channel.build(bench.make(1))


def test_no_secret_shows_in_its_representation(bench: Bench) -> None:
    shown = repr(bench.channel) + str(bench.channel)
    assert API_KEY not in shown
    assert TOKEN not in shown
    assert KEY.decode() not in shown
