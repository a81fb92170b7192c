"""What channels decide without a network: addresses, lawfulness, MIME, SendGrid's payload, the door."""

from __future__ import annotations

import json
from dataclasses import replace
from email import message_from_bytes, policy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cs_engine.channels.addressing import ascii_domain, copies, is_address, one_line, require_lawful
from cs_engine.channels.door import Door
from cs_engine.channels.mailbox import MailboxEmail
from cs_engine.channels.mime import mime
from cs_engine.channels.sendgrid import SendgridChannel
from cs_engine.channels.smtp import SmtpChannel
from cs_engine.errors import SettingsError
from cs_engine.ports import Person
from tests.contracts.outgoing import LETTER
from tests.doubles.sendgrid_spec import refusals


@pytest.mark.parametrize("address", ["a@b.example", "a.b+c@b-c.example", "o'neil@b.example", "用户@例子.example", "a@localhost"])
def test_an_address_is_taken(address: str) -> None:
    assert is_address(address)


@pytest.mark.parametrize(
    "address",
    [
        *["", "ann", "ann@", "@b.example", "a b@c.example", "a@b@c", "a@b..example", "a@.example", "a" * 250 + "@b.example"],
        *["a@b.example, c@d.example", "a@b.example;c@d.example", "<a@b.example>", 'x"y@b.example'],
        *["a@b.example\n", "a@b.example\r\nBcc: x@y", "a\x00@b.example"],
    ],
)
def test_what_is_no_address_or_would_be_two_is_not(address: str) -> None:
    assert not is_address(address)


@pytest.mark.parametrize("build", [MailboxEmail.build, SendgridChannel.build, SmtpChannel.build])
def test_every_email_channel_refuses_the_same_addresses(build: Any) -> None:
    for address in ("a@b.example, c@d.example", "用户@例子.example", "ünï@b.example"):
        assert build(replace(LETTER, to=Person(address))).meta == {"refused": "invalid_address"}
    assert build(replace(LETTER, sender=Person("nobody"))).meta == {"refused": "invalid_sender"}


def test_a_domain_goes_out_in_ascii() -> None:
    assert ascii_domain("ann@日本語.jp") == "ann@xn--wgv71a119e.jp"
    assert ascii_domain("ann@b.example") == "ann@b.example"


def test_a_copy_is_sent_once_and_never_to_the_recipient() -> None:
    cc = (Person("ANN@customer.example"), Person("boss@vendor.example"), Person("Boss@vendor.example"), Person("no address"))
    assert copies(replace(LETTER, cc=cc)) == [cc[1]]


@given(st.text())
def test_a_line_stays_one_line_that_utf8_can_carry(text: str) -> None:
    line = one_line(text)
    assert len(line.splitlines()) <= 1
    line.encode()


@pytest.mark.parametrize(
    ("address", "unsubscribe", "mend"),
    [
        (None, "mailto:unsubscribe@vendor.example", "company.postal_address"),
        ({"en": " "}, "mailto:unsubscribe@vendor.example", "company.postal_address"),
        ("1 Main Street", None, "unsubscribe"),
        ("1 Main Street", "", "unsubscribe"),
        ("1 Main Street", "http://vendor.example/unsubscribe", "unsubscribe"),
        ("1 Main Street", "unsubscribe@vendor.example", "unsubscribe"),
    ],
)
def test_mail_does_not_leave_without_a_postal_address_and_an_unsubscribe_target(address: Any, unsubscribe: str | None, mend: str) -> None:
    with pytest.raises(SettingsError) as raised:
        require_lawful(address, unsubscribe)
    assert mend in raised.value.mend


def test_with_both_it_may_leave() -> None:
    require_lawful("1 Main Street", "mailto:unsubscribe@vendor.example")
    require_lawful({"ja": "東京都千代田区1-1"}, "https://vendor.example/unsubscribe")


def test_the_sendgrid_payload_says_this_and_nothing_more() -> None:
    letter = replace(LETTER, cc=(Person("boss@vendor.example", "Boss"), LETTER.to))
    assert json.loads(SendgridChannel.build(letter).body) == {
        "from": {"email": "csm@vendor.example", "name": "Mika Sato"},
        "reply_to": {"email": "mika@vendor.example", "name": "Mika Sato"},
        "personalizations": [
            {"to": [{"email": "ann@customer.example", "name": "Ann"}], "cc": [{"email": "boss@vendor.example", "name": "Boss"}]}
        ],
        "subject": "Welcome",
        "content": [{"type": "text/plain", "value": "Hello Ann\n"}, {"type": "text/html", "value": "<p>Hello Ann</p>\n"}],
        "headers": {"List-Unsubscribe": "<mailto:unsubscribe@vendor.example?subject=unsubscribe>", "X-CS-Message-Id": "msg_1"},
        "categories": ["onboarding-self-serve", "onboarding"],
        "custom_args": {"cs_message_id": "msg_1"},
        "tracking_settings": {
            "click_tracking": {"enable": False, "enable_text": False},
            "open_tracking": {"enable": False},
            "subscription_tracking": {"enable": False},
        },
    }


_ANY = st.text(max_size=60)


@given(subject=_ANY, name=_ANY, text=_ANY, value=_ANY)
def test_whatever_a_letter_says_its_payload_is_one_that_sendgrid_takes(subject: str, name: str, text: str, value: str) -> None:
    letter = replace(LETTER, subject=subject, to=Person("ann@customer.example", name), text=text, html=text, headers={"X-Any": value})
    assert refusals(json.loads(SendgridChannel.build(letter).body)) == []


@given(subject=_ANY, name=_ANY, text=_ANY)
def test_whatever_a_letter_says_its_mime_says_the_same(subject: str, name: str, text: str) -> None:
    letter = replace(LETTER, subject=subject, to=Person("ann@customer.example", name), text=text)
    for readable in (False, True):
        message = message_from_bytes(mime(letter, readable), policy=policy.default)
        assert sorted(name.lower() for name in message) == sorted(
            [
                "content-type",
                "date",
                "from",
                "list-unsubscribe",
                "message-id",
                "mime-version",
                "reply-to",
                "subject",
                "to",
                "x-cs-message-id",
            ]
        )
        assert [address.addr_spec for address in message["To"].addresses] == ["ann@customer.example"]


def _broken(**changes: Any) -> Any:
    payload = json.loads(SendgridChannel.build(LETTER).body)
    payload.update(changes)
    return payload


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"content": []}, "content"),
        ({"content": [{"type": "text/html", "value": "x"}, {"type": "text/plain", "value": "x"}]}, "content"),
        ({"content": [{"type": "text/plain", "value": ""}]}, "content.0.value"),
        ({"unknown": 1}, ""),
        ({"subject": ""}, "subject"),
        ({"from": {"email": "no address"}}, "from.email"),
        ({"custom_args": {"number": 1}}, "custom_args.number"),
        ({"custom_args": {"long": "x" * 10_000}}, "custom_args"),
        ({"categories": ["x"] * 2}, "categories"),
        ({"categories": [str(n) for n in range(11)]}, "categories"),
        ({"headers": {"Subject": "x"}}, "headers.Subject"),
        ({"headers": {"X-A": "x\r\nBcc: y"}}, "headers"),
        ({"personalizations": [{"to": [{"email": "a@b.example"}, {"email": "A@b.example"}]}]}, "personalizations.0"),
        ({"personalizations": [{"to": [{"email": "a@b.example", "nickname": "x"}]}]}, "personalizations.0.to.0"),
    ],
)
def test_the_double_knows_what_the_specification_says_and_what_it_misses(changes: dict[str, Any], field: str) -> None:
    assert [found for found, _ in refusals(_broken(**changes))][:1] == [field]
    assert refusals(_broken()) == []


def test_a_door_that_is_limited_opens_by_itself() -> None:
    door = Door()
    assert door.closed("msg", 0.0) is None
    assert door.limited("msg", 10.0, 5.0).retry_after == 5.0
    door.new_batch(11.0)
    closed = door.closed("msg", 12.0)
    assert closed is not None
    assert (closed.kind, closed.code, closed.retry_after) == ("retry", "rate_limited", 3.0)
    assert door.closed("msg", 15.0) is None


def test_limits_without_a_time_grow_until_something_is_taken() -> None:
    door, now, waits = Door(), 0.0, []
    for _ in range(8):
        wait = door.limited("msg", now, None).retry_after
        assert wait is not None
        waits.append(wait)
        now += wait
    assert waits[0] <= 2
    assert waits[5] >= 30
    assert max(waits) <= 60
    door.answered()
    after = door.limited("msg", now, None).retry_after
    assert after is not None
    assert after <= 2


def test_those_on_their_way_when_the_limit_came_do_not_lengthen_it() -> None:
    door = Door()
    first = door.limited("msg_1", 0.0, None).retry_after
    assert {door.limited(f"msg_{n}", 0.0, None).retry_after for n in range(31)} == {first}


def test_a_door_shut_for_a_batch_is_open_to_the_next() -> None:
    door = Door()
    assert door.shut("auth")
    assert not door.shut("auth"), "said once"
    closed = door.closed("msg", 0.0)
    assert closed is not None
    assert closed.code == "auth"
    door.new_batch(1.0)
    assert door.closed("msg", 0.0) is None


def test_of_batches_under_way_at_once_each_has_its_own_lease_and_time_and_what_shuts_one_shuts_both() -> None:
    door = Door()
    first, second = door.new_batch(0.0, "mine".__eq__), door.new_batch(100.0)
    codes = [(outcome := door.closed(*asked)) and outcome.code for asked in (("other", 1.0, first), ("mine", 1.0, first))]
    assert codes == ["lease_over", None]
    codes = [(outcome := door.closed("mine", 130.0, batch)) and outcome.code for batch in (first, second)]
    assert codes == ["slow", None]
    assert door.shut("auth")
    third = door.new_batch(101.0)
    codes = [(outcome := door.closed("mine", 101.0, batch)) and outcome.code for batch in (first, second, third)]
    assert codes == ["auth", "auth", None]
    assert door.shut("auth"), "said again"


def test_a_server_that_cannot_be_reached_is_tried_three_times_a_batch() -> None:
    door = Door()
    door.unreachable()
    door.unreachable()
    door.answered()
    door.unreachable()
    door.unreachable()
    assert door.closed("msg", 0.0) is None
    door.unreachable()
    assert door.closed("msg", 0.0) is not None


def test_after_five_of_unknown_fate_in_a_row_no_more_are_risked() -> None:
    door = Door()
    for _ in range(4):
        door.doubtful(0.0)
    door.answered()
    for _ in range(4):
        door.doubtful(0.0)
    assert door.closed("msg", 1.0) is None
    door.doubtful(0.0)
    closed = door.closed("msg", 1.0)
    assert closed is not None
    assert (closed.kind, closed.code, closed.retry_after) == ("retry", "unavailable", 29.0)
    assert door.closed("msg", 30.0) is None


def test_a_batch_begins_nothing_that_would_outlive_its_lease() -> None:
    door = Door()
    door.new_batch(100.0)
    assert door.closed("msg", 219.0) is None
    closed = door.closed("msg", 221.0)
    assert closed is not None
    assert (closed.kind, closed.code) == ("retry", "slow")
    door.new_batch(221.0)
    assert door.closed("msg", 221.0) is None


@pytest.mark.parametrize("readable", [False, True])
def test_a_letters_own_headers_override_none_of_ours(readable: bool) -> None:
    headers = {"subject": "Another", "From": "evil@evil.example", "X-CS-Message-Id": "msg_other", "X-Campaign": "spring"}
    message = message_from_bytes(mime(replace(LETTER, headers=headers), readable), policy=policy.default)
    assert [str(value) for value in message.get_all("Subject", [])] == ["Welcome"]
    assert len(message.get_all("From", [])) == len(message.get_all("X-CS-Message-Id", [])) == 1
    assert message["X-Campaign"] == "spring"
