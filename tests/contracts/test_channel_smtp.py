"""SMTP: what each stage's failure proves, connections that stay open, and secrets that do not travel in the clear."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import replace
from urllib.parse import quote

import pytest

from cs_engine.channels.smtp import SmtpChannel
from cs_engine.errors import SettingsError
from cs_engine.ports import Parcel, Person
from tests.contracts.outgoing import LETTER
from tests.doubles.loopback import dead_port
from tests.doubles.smtp import PASSWORD, USER, Fate, SmtpDouble


@pytest.fixture
def double() -> Iterator[SmtpDouble]:
    with SmtpDouble() as server:
        yield server


@pytest.fixture
def channel(double: SmtpDouble, patience: float) -> Iterator[SmtpChannel]:
    made = SmtpChannel(double.url, answer_within=patience)
    yield made
    made.close()


def parcels(count: int) -> list[Parcel]:
    return [
        SmtpChannel.build(replace(LETTER, id=f"msg_{number}", to=Person(f"ann{number}@customer.example", "Ann"))) for number in range(count)
    ]


@pytest.mark.parametrize(
    ("fate", "kind", "code", "taken"),
    [
        ("refuse", "rejected", "550:5.1.1", 2),
        ("later", "retry", "451:4.7.1", 2),
        ("refuse_data", "rejected", "554:5.7.1", 2),
        ("reset_before", "retry", "no_connection", 2),
        ("reset_after", "uncertain", "connection_lost", 2),
        ("take_and_reset", "uncertain", "connection_lost", 3),
        ("hang", "uncertain", "timeout", 2),
    ],
)
def test_each_failure_has_one_meaning_and_harms_nobody_else(
    double: SmtpDouble, channel: SmtpChannel, fate: Fate, kind: str, code: str, taken: int
) -> None:
    double.on_key("ann1@customer.example", fate)
    outcomes = channel.send(parcels(3))
    assert [o.kind for o in outcomes] == ["accepted", kind, "accepted"]
    assert outcomes[1].code == code
    assert outcomes[1].nobody == (code == "550:5.1.1"), "whom a refusal is about is told: somebody may stand in"
    assert len(double.accepted) == taken


def test_no_connection_is_a_retry_and_is_not_tried_for_each() -> None:
    channel = SmtpChannel(f"smtp://127.0.0.1:{dead_port()}")
    assert {(o.kind, o.code) for o in channel.send(parcels(50))} == {("retry", "no_connection")}


def test_connections_are_bounded_and_kept_for_the_next_batch(double: SmtpDouble) -> None:
    channel = SmtpChannel(double.url, connections=2)
    for _ in range(3):
        assert {o.kind for o in channel.send(parcels(20))} == {"accepted"}
    channel.close()
    assert double.connections <= 2


def test_a_connection_that_the_server_closed_meanwhile_is_made_anew(double: SmtpDouble, channel: SmtpChannel) -> None:
    channel.send(parcels(1))
    double.break_idle()
    assert [o.kind for o in channel.send(parcels(1))] == ["accepted"]


def test_it_logs_in() -> None:
    with SmtpDouble(auth=True) as double:
        channel = SmtpChannel(f"smtp://{USER}:{quote(PASSWORD, safe='')}@127.0.0.1:{double.port}")
        assert [o.kind for o in channel.send(parcels(1))] == ["accepted"]
        channel.close()


def test_a_refused_password_stops_the_batch_and_says_how_to_mend_it(caplog: pytest.LogCaptureFixture) -> None:
    with SmtpDouble(auth=True) as double, caplog.at_level(logging.DEBUG):
        channel = SmtpChannel(f"smtp://{USER}:wrong-secret@127.0.0.1:{double.port}", connections=1)
        assert {(o.kind, o.code) for o in channel.send(parcels(9))} == {("retry", "auth")}
        channel.close()
    assert double.connections == 1
    complaints = [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]
    assert len(complaints) == 1
    assert "SMTP_URL" in complaints[0]
    assert "wrong-secret" not in complaints[0]


def test_a_server_without_starttls_gets_nothing_when_tls_is_asked_for(double: SmtpDouble) -> None:
    channel = SmtpChannel(f"smtp://{USER}:secret@127.0.0.1:{double.port}?starttls=yes")
    assert {(o.kind, o.code) for o in channel.send(parcels(3))} == {("retry", "tls")}
    assert double.accepted == []


def test_smtps_to_a_server_that_speaks_no_tls_is_a_retry(double: SmtpDouble) -> None:
    channel = SmtpChannel(f"smtps://127.0.0.1:{double.port}", answer_within=0.5)
    assert {o.kind for o in channel.send(parcels(1))} == {"retry"}


def test_a_line_that_begins_with_a_dot_keeps_it(double: SmtpDouble, channel: SmtpChannel) -> None:
    channel.send([channel.build(replace(LETTER, text=".\n..two\n.hidden\nend\n"))])
    part = double.accepted[0].message.get_body(("plain",))
    assert part is not None
    assert part.get_content() == ".\r\n..two\r\n.hidden\r\nend\r\n"


def test_a_copy_that_is_refused_does_not_keep_the_mail_back(double: SmtpDouble, channel: SmtpChannel) -> None:
    double.on_key("gone@vendor.example", "refuse")
    cc = (Person("gone@vendor.example"), Person("boss@vendor.example"), LETTER.to)
    (outcome,) = channel.send([channel.build(replace(LETTER, cc=cc))])
    assert outcome.kind == "accepted"
    assert double.accepted[0].recipients == [LETTER.to.email, "boss@vendor.example"]


def test_no_line_on_the_wire_is_too_long_nor_more_than_ascii(double: SmtpDouble, channel: SmtpChannel) -> None:
    channel.send(
        [channel.build(replace(LETTER, text="語" * 5000, html="a" * 5000, subject="語" * 500, to=Person(LETTER.to.email, "名" * 200)))]
    )
    raw = double.accepted[0].raw
    assert raw.isascii()
    assert max(map(len, raw.split(b"\r\n"))) <= 998
    assert b"\n" not in raw.replace(b"\r\n", b"")


@pytest.mark.parametrize("url", ["", "http://mail.example", "smtp://", "smtp://host:port", "mail.example:25"])
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(SettingsError, match="SMTP_URL"):
        SmtpChannel(url)


def test_the_password_never_travels_in_the_clear() -> None:
    with pytest.raises(SettingsError, match="in the clear") as raised:
        SmtpChannel("smtp://engine:hunter2@mail.example:25")
    assert "hunter2" not in str(raised.value)
