"""SendGrid: what each answer means for the message, and what it means for those behind it."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from dataclasses import replace
from email.utils import formatdate

import pytest

from cs_engine.channels.sendgrid import SendgridChannel
from cs_engine.errors import SettingsError
from cs_engine.ports import Parcel, Person
from tests.contracts.outgoing import LETTER
from tests.doubles.http import HANG, RESET, Answer
from tests.doubles.loopback import dead_port
from tests.doubles.sendgrid import API_KEY, SendgridDouble, refusal
from tests.doubles.smtp import SmtpDouble


@pytest.fixture
def double() -> Iterator[SendgridDouble]:
    with SendgridDouble() as server:
        yield server


@pytest.fixture
def channel(double: SendgridDouble, patience: float) -> Iterator[SendgridChannel]:
    made = SendgridChannel(API_KEY, double.base_url, answer_within=patience)
    yield made
    made.close()


def parcels(count: int) -> list[Parcel]:
    return [
        SendgridChannel.build(replace(LETTER, id=f"msg_{number}", to=Person(f"ann{number}@customer.example", "Ann")))
        for number in range(count)
    ]


def test_202_is_accepted_under_the_vendors_id(channel: SendgridChannel) -> None:
    (outcome,) = channel.send(parcels(1))
    assert (outcome.kind, outcome.provider_id) == ("accepted", "sg-msg_0")


@pytest.mark.parametrize(
    ("answer", "kind", "code"),
    [
        (refusal(400, "personalizations.0.to.0.email"), "rejected", "400:personalizations.0.to.0.email"),
        (refusal(400, "null"), "rejected", "400"),
        (refusal(400, "ann0@customer.example"), "rejected", "400"),
        (Answer(400, body=["not", "the", "vendor's", "shape"]), "rejected", "400"),
        (refusal(413), "rejected", "413"),
        (refusal(401), "retry", "auth"),
        (refusal(403), "retry", "forbidden"),
        (refusal(404), "retry", "endpoint"),
        (Answer(307, headers={"Location": "http://127.0.0.1:1/elsewhere"}), "retry", "endpoint"),
        (Answer(408), "retry", "request_timeout"),
        (refusal(500), "uncertain", "500"),
        (Answer(502), "uncertain", "502"),
        (Answer(503, headers={"Retry-After": "1"}), "uncertain", "503"),
        (Answer(200), "uncertain", "200"),
        (HANG, "uncertain", "timeout"),
        (RESET, "uncertain", "connection_lost"),
    ],
    ids=lambda value: str(getattr(value, "status", value)),
)
def test_each_answer_has_one_meaning(double: SendgridDouble, channel: SendgridChannel, answer: Answer, kind: str, code: str) -> None:
    double.always(answer)
    (outcome,) = channel.send(parcels(1))
    assert (outcome.kind, outcome.code) == (kind, code)
    assert outcome.nobody == ("personalizations" in code), "whom a refusal is about is told: somebody may stand in"
    assert double.requests == 1, "nothing is sent a second time"


def test_no_connection_is_a_retry_for_nothing_left() -> None:
    channel = SendgridChannel(API_KEY, f"http://127.0.0.1:{dead_port()}")
    assert [(o.kind, o.code) for o in channel.send(parcels(200))] == [("retry", "no_connection")] * 200
    channel.close()


def test_a_name_that_does_not_resolve_is_a_retry() -> None:
    channel = SendgridChannel(API_KEY, "https://api.sendgrid.invalid")
    assert [(o.kind, o.code) for o in channel.send(parcels(1))] == [("retry", "no_connection")]
    channel.close()


def test_a_failed_tls_handshake_is_a_retry() -> None:
    with SmtpDouble() as speaks_no_tls:
        channel = SendgridChannel(API_KEY, f"https://127.0.0.1:{speaks_no_tls.port}")
        assert [(o.kind, o.code) for o in channel.send(parcels(1))] == [("retry", "no_connection")]
        channel.close()


def test_what_was_taken_without_our_learning_it_is_uncertain(double: SendgridDouble, channel: SendgridChannel) -> None:
    double.always(Answer(fate="reset", take=True))
    (outcome,) = channel.send(parcels(1))
    assert outcome.kind == "uncertain"
    assert len(double.accepted) == 1


def test_a_429_holds_back_the_rest_of_the_batch_and_the_next(double: SendgridDouble) -> None:
    channel = SendgridChannel(API_KEY, double.base_url, concurrency=1)
    double.on_request(3, Answer(429, headers={"Retry-After": "1"}))
    outcomes = channel.send(parcels(10))
    assert [o.kind for o in outcomes] == ["accepted"] * 2 + ["retry"] * 8
    assert {o.code for o in outcomes[2:]} == {"rate_limited"}
    assert outcomes[2].retry_after == 1
    assert all(o.retry_after is not None and 0.5 < o.retry_after <= 1 for o in outcomes[3:])
    assert double.requests == 3
    assert channel.send(parcels(1))[0].code == "rate_limited"
    time.sleep(1.05)
    assert channel.send(parcels(1))[0].kind == "accepted"
    channel.close()


def test_the_reset_time_counts_by_the_vendors_clock(double: SendgridDouble, channel: SendgridChannel) -> None:
    vendors_now = 1_600_000_000
    double.always(Answer(429, headers={"X-RateLimit-Reset": str(vendors_now + 7), "Date": formatdate(vendors_now, usegmt=True)}))
    assert channel.send(parcels(1))[0].retry_after == 7


def test_a_429_that_names_no_time_backs_off(double: SendgridDouble, channel: SendgridChannel) -> None:
    double.always(Answer(429))
    wait = channel.send(parcels(1))[0].retry_after
    assert wait is not None
    assert 1 <= wait <= 2


def test_a_refused_key_stops_the_batch_and_says_how_to_mend_it(double: SendgridDouble, caplog: pytest.LogCaptureFixture) -> None:
    channel = SendgridChannel("SG.wrong", double.base_url, concurrency=2)
    with caplog.at_level(logging.DEBUG):
        outcomes = channel.send(parcels(50))
    channel.close()
    assert {(o.kind, o.code) for o in outcomes} == {("retry", "auth")}
    assert double.requests <= 2
    complaints = [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]
    assert len(complaints) == 1
    assert "SENDGRID_API_KEY" in complaints[0]
    assert "SG.wrong" not in caplog.text
    assert "customer.example" not in caplog.text


def test_a_vendor_that_falls_silent_makes_few_uncertain_not_all(double: SendgridDouble) -> None:
    channel = SendgridChannel(API_KEY, double.base_url, concurrency=8, answer_within=0.5)
    double.always(HANG)
    outcomes = channel.send(parcels(500))
    channel.close()
    assert sum(o.kind == "uncertain" for o in outcomes) <= 5 + 8
    assert {o.code for o in outcomes if o.kind == "retry"} == {"unavailable"}


def test_a_403_speaks_for_its_own_message_only(double: SendgridDouble, channel: SendgridChannel) -> None:
    double.on_key("ann1@customer.example", refusal(403, "from"))
    assert [o.kind for o in channel.send(parcels(3))] == ["accepted", "retry", "accepted"]


def test_a_vendor_that_hangs_makes_few_uncertain_whatever_the_concurrency(double: SendgridDouble) -> None:
    channel = SendgridChannel(API_KEY, double.base_url, concurrency=64, answer_within=0.5)
    double.always(HANG)
    outcomes = channel.send(parcels(200))
    channel.close()
    assert double.requests == 5
    assert [o.kind for o in outcomes] == ["uncertain"] * 5 + ["retry"] * 195


def test_connections_are_pooled_and_bounded(double: SendgridDouble) -> None:
    channel = SendgridChannel(API_KEY, double.base_url, concurrency=3)
    seen: set[int] = set()
    double.on_connection = seen.add
    for _ in range(3):
        channel.send(parcels(30))
    channel.close()
    assert 1 <= len(seen) <= 3


def test_the_double_refuses_what_the_vendor_would(double: SendgridDouble, channel: SendgridChannel) -> None:
    bad = [b'{"from": {"email": "a@b.example"}}', b"{}", b"not json", b'{"personalizations": [], "from": 1}']
    outcomes = channel.send([Parcel(f"msg_{n}", body) for n, body in enumerate(bad)])
    assert {o.kind for o in outcomes} == {"rejected"}
    assert double.accepted == []


@pytest.mark.parametrize("url", ["http://api.sendgrid.example", "ftp://127.0.0.1", "api.sendgrid.com", ""])
def test_the_key_never_travels_in_the_clear(url: str) -> None:
    with pytest.raises(SettingsError, match="SENDGRID_BASE_URL"):
        SendgridChannel(API_KEY, url)


@pytest.mark.parametrize("key", ["", "  ", "SG.a\r\nX-Evil: 1", "SG.キー"])
def test_a_key_that_cannot_be_one_is_refused_without_being_shown(key: str) -> None:
    with pytest.raises(SettingsError, match="SENDGRID_API_KEY") as raised:
        SendgridChannel(key)
    assert not key.strip() or key not in str(raised.value)
