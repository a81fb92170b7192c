"""SendGrid's event webhook: only SendGrid is heard, what it tells is kept once and before it is answered, and of nobody a trace."""

from __future__ import annotations

import json
import random
import re
import sqlite3
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy.event import listen

from cs_engine.channels.sendgrid_events import EventReader
from cs_engine.doctor import _callers
from cs_engine.errors import SettingsError
from cs_engine.settings import Settings
from cs_engine.state import SqlStore
from cs_engine.web import house as house_module
from cs_engine.wiring import open_store
from tests.doubles.sendgrid_webhook import PATH, SIGNATURE, TIMESTAMP, SendgridWebhook, batch, event
from tests.stories.world import World
from tests.web.browser import Browser
from tests.web.conftest import Served

SENDGRID, STRANGER = SendgridWebhook(), SendgridWebhook()


@pytest.fixture
def browser(served: Served) -> Browser:
    return served(sendgrid_webhook_public_key=SENDGRID.public_key)


def post(browser: Browser, *events: Mapping[str, Any]) -> int:
    body = batch(events)
    return browser.send(PATH, body, SENDGRID.headers(body)).status


def kept(world: World, columns: str = "kind") -> list[tuple[Any, ...]]:
    with world.engine.store.database.read() as tx:  # type: ignore[attr-defined]
        return [tuple(row) for row in tx.rows(f"SELECT {columns} FROM provider_events ORDER BY at, kind, link, id")]


# --- who is heard


def test_what_sendgrid_signs_is_kept(world: World, browser: Browser) -> None:
    assert post(browser, event("delivered"), event("open", at=1_761_555_060, sg_machine_open=True, useragent="Mozilla/5.0")) == 200
    assert kept(world, "kind, message_id, provider_id, at, machine, agent") == [
        ("delivered", "msg_1", "Xmsg_1", 1_761_555_000_000_000, 0, ""),
        ("opened", "msg_1", "Xmsg_1", 1_761_555_060_000_000, 1, "Mozilla/5.0"),
    ]


BODY = batch([event("bounce"), event("delivered", "msg_2")])
GOOD = SENDGRID.headers(BODY)
FORGED: dict[str, tuple[bytes, dict[str, str]]] = {
    "signed by another key": (BODY, STRANGER.headers(BODY)),
    "not signed": (BODY, {TIMESTAMP: GOOD[TIMESTAMP]}),
    "without its time": (BODY, {SIGNATURE: GOOD[SIGNATURE]}),
    "signed without a time": (BODY, SENDGRID.headers(BODY, timestamp="")),
    "with another time": (BODY, {**GOOD, TIMESTAMP: "1761555601"}),
    "with a time that is none": (BODY, {**GOOD, TIMESTAMP: "\xe9"}),
    "with a signature that is no base64": (BODY, {**GOOD, SIGNATURE: "!" + GOOD[SIGNATURE][1:]}),
    "with a signature of the letters of another": (BODY, {**GOOD, SIGNATURE: GOOD[SIGNATURE][::-1]}),
    "with an empty signature": (BODY, {**GOOD, SIGNATURE: ""}),
    "with a signature that is no DER": (BODY, {**GOOD, SIGNATURE: "AAAA"}),
    "written anew": (json.dumps(json.loads(BODY)).encode(), GOOD),
    "with a blank more": (BODY + b" ", GOOD),
    "cut off": (BODY[:-40], GOOD),
    "empty": (b"", GOOD),
    "with an event more": (BODY[:-3] + b"," + json.dumps(event("spamreport")).encode() + b"]", GOOD),
    "with one address changed": (BODY.replace(b"ann@", b"bob@", 1), GOOD),
}


@pytest.mark.parametrize("forged", FORGED)
def test_what_sendgrid_has_not_signed_is_refused_and_nothing_is_kept(world: World, browser: Browser, forged: str) -> None:
    body, headers = FORGED[forged]
    assert browser.send(PATH, body, headers).status == 401
    assert kept(world) == []


@pytest.mark.parametrize("body", [b"", b"{}", b"null", b"[", b'"x"', b"\xff\xfe", b"[" * 100_000, b"[1e999999"])
def test_what_is_signed_and_no_batch_is_refused(world: World, browser: Browser, body: bytes) -> None:
    assert browser.send(PATH, body, SENDGRID.headers(body)).status == 403
    assert kept(world) == []


def test_a_full_batch_passes_and_what_is_beyond_measure_does_not(world: World, browser: Browser) -> None:
    many = [event("delivered", f"msg_{n}", response="250 OK " + "x" * 400) for n in range(1_200)]
    assert len(batch(many)) > 768 * 1024
    assert post(browser, *many) == 200
    assert len(kept(world)) == 1_200
    large = batch([event("delivered", response="x" * (4 << 20))])
    assert browser.send(PATH, large, SENDGRID.headers(large)).status == 413
    assert len(kept(world)) == 1_200


def test_without_the_key_nobody_is_heard(served: Served) -> None:
    assert served().send(PATH, BODY, GOOD).status == 404


def test_a_key_that_is_none_is_said_as_the_web_starts(served: Served) -> None:
    for wrong in ("nonsense", "AAAA", ",", SENDGRID.public_key[:-8]):
        with pytest.raises(SettingsError, match="SENDGRID_WEBHOOK_PUBLIC_KEY"):
            served(sendgrid_webhook_public_key=wrong)


def test_while_a_key_is_replaced_both_are_heard(served: Served) -> None:
    both = served(sendgrid_webhook_public_key=f"{STRANGER.public_key}, {SENDGRID.public_key}")
    assert [both.send(PATH, BODY, one.headers(BODY)).status for one in (SENDGRID, STRANGER)] == [200, 200]


# --- what is kept


def test_the_same_again_is_nothing_in_whatever_order_and_under_whatever_id(world: World, browser: Browser) -> None:
    clicks = [event("click", at=1_761_555_000 + n, url=f"https://x.example/{n % 3}") for n in range(20)]
    told = [event("processed"), event("delivered"), *clicks]
    again = [{**one, "sg_event_id": f"again-{n}"} for n, one in enumerate(told)]
    chance = random.Random(3)
    for _ in range(4):
        some = [*told, *again]
        chance.shuffle(some)
        assert post(browser, *some) == 200
    assert len(kept(world)) == len(told)


def test_one_id_is_one_event_whatever_else_is_told_of_it(world: World, browser: Browser) -> None:
    for at in (1_761_555_000, 1_761_555_009):
        assert post(browser, event("delivered", at=at, sg_event_id="one")) == 200
    assert len(kept(world)) == 1


def test_what_happened_apart_is_kept_apart(world: World, browser: Browser) -> None:
    """Two links in one second, two moments, two people of one mail, two mails."""
    apart = [
        event("click", url="https://x.example/a"), event("click", url="https://x.example/b"),
        event("click", url="https://x.example/a", at=1_761_555_001),
        event("delivered"), event("delivered", email="csm@vendor.example"), event("delivered", "msg_2"),
        event("bounce", None, sg_message_id=None), event("bounce", None, sg_message_id=None, email="bob@customer.example"),
    ]  # fmt: skip
    for n, one in enumerate(apart):
        one["sg_event_id"] = str(n)
    assert post(browser, *apart) == 200
    assert len(kept(world)) == len(apart)


def test_what_is_not_known_is_kept_and_never_a_failure(world: World, browser: Browser) -> None:
    odd: list[Any] = [
        {"event": "account_status_change", "timestamp": 1_761_555_000, "type": "compliance_suspend", "sg_event_id": "a"},
        {"event": "ann@customer.example"}, {"event": ["x"], "timestamp": "soon"}, {"event": None}, {}, 17, "text", None, [], [[]],
        event("delivered", "msg_\u0000\ud800", email="\udfff\u0000", timestamp=10**40), {"event": "click", "url": 5, "useragent": {}},
        event("delivered", "msg_3", timestamp=-5, sg_event_id=12),
        event("bounce", cs_message_id=12, type=None, status="5.1.1 <ann@customer.example>"),
    ]  # fmt: skip
    assert post(browser, *odd) == 200
    first = kept(world, "*")
    assert post(browser, *odd) == 200, "also the second time"
    assert {kind for (kind,) in kept(world)} == {"?account_status_change", "?unreadable", "?", "delivered", "clicked", "bounced"}
    assert len(first) >= len(odd) - 3, "those that say nothing at all are one"
    assert "customer.example" not in str(first)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
NAMES = st.sampled_from(
    ["event", "email", "timestamp", "sg_event_id", "sg_message_id", "cs_message_id", "url", "useragent", "type", "status"]
)
WORDS = st.sampled_from(["bounce", "dropped", "open", "click", "delivered", "group_unsubscribe", "blocked", "Invalid"])

READER = EventReader(SENDGRID.public_key, lambda address: [f"h{len(address)}"])


@settings(max_examples=40, deadline=None, derandomize=True)
@given(st.lists(st.dictionaries(NAMES, WORDS | JSON, max_size=8) | JSON, max_size=6))
def test_whatever_sendgrid_may_write_one_day_can_be_read_and_kept(events: list[Any]) -> None:
    body = json.dumps(events).encode()
    headers = {name.lower(): value for name, value in SENDGRID.headers(body).items()}
    read = READER.read(headers, body, 1)
    assert len(read) <= len(events)
    assert read == READER.read(headers, body, 1), "the same again is the same"
    for one in read:
        values = [value for value in one.event if isinstance(value, str)]
        assert [value for value in values if "\0" in value or value != value.encode("utf-8", "replace").decode()] == []
        assert -(2**63) <= one.event.at < 2**63


def test_nothing_of_a_person_is_kept(world: World, browser: Browser) -> None:
    link = "http://127.0.0.1:8321/a/msg_1~-~0~1~secret"
    post(
        browser,
        event("bounce", status="5.1.1", reason="550 5.1.1 <ann@customer.example>: no such user", type="bounce", ip="198.51.100.7"),
        event("deferred", response="452 ann@customer.example is over quota"),
        {**event("dropped", reason="Invalid"), "ann@customer.example": "x"},
        event("click", url=link, ip="198.51.100.7", useragent="Mozilla/5.0 (Macintosh)"),
    )  # fmt: skip
    assert kept(world, "kind, reason") == [("bounced", "5.1.1"), ("clicked", ""), ("deferred", ""), ("dropped", "invalid")]
    for file in sorted((world.root / ".cs-engine").glob("state.db*")):
        found = file.read_bytes()
        assert not [word for word in (b"customer.example", b"198.51.100", b"secret", b"Ann") if word in found], file.name


# --- when the database cannot


def test_a_locked_database_answers_503_and_the_batch_is_taken_when_it_comes_again(
    world: World, served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(house_module, "WAITS_FOR_A_WRITER", 0.2)
    browser = served(sendgrid_webhook_public_key=SENDGRID.public_key)
    writer = sqlite3.connect(Path(world.root) / ".cs-engine/state.db", isolation_level=None)
    writer.execute("BEGIN IMMEDIATE")
    answer = browser.send(PATH, BODY, GOOD)
    assert (answer.status, answer.headers["retry-after"]) == (503, "30")
    writer.execute("ROLLBACK")
    writer.close()
    assert kept(world) == []
    assert browser.send(PATH, BODY, GOOD).status == 200
    assert len(kept(world)) == 2


def test_a_full_disk_answers_503_and_keeps_none_of_the_batch(world: World, served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    def nearly_full(given: Settings, **patience: Any) -> SqlStore:
        store = open_store(given, **patience)
        if patience:
            store.close()
            listen(store.database.engine, "connect", lambda connection, _: connection.execute("PRAGMA max_page_count = 100"))
        return store

    monkeypatch.setattr(house_module, "open_store", nearly_full)
    browser = served(sendgrid_webhook_public_key=SENDGRID.public_key)
    assert post(browser, *[event("delivered", f"msg_{n}") for n in range(3_000)]) == 503
    assert kept(world) == []
    assert post(browser, event("delivered")) == 200, "there is room for a small one"


# --- the doctor


def test_the_doctor_says_where_events_are_taken_and_when_the_last_one_came(world: World, served: Served) -> None:
    set_up = Settings(
        cs_engine_project=world.root, sendgrid_webhook_public_key=SENDGRID.public_key, cs_engine_base_url="https://cs.vendor.example/"
    )
    where = "SendGrid's events are taken at https://cs.vendor.example/webhooks/sendgrid"
    assert [finding.message for finding in _callers(set_up)] == [f"{where}; nothing has come yet"]
    post(served(sendgrid_webhook_public_key=SENDGRID.public_key), event("delivered"))
    assert re.fullmatch(rf"{where}; the last event came \d{{4}}-.*Z", next(_callers(set_up)).message)


def test_the_doctor_warns_of_events_that_nobody_hears(world: World) -> None:
    deaf = Settings(cs_engine_project=world.root, cs_engine_email="sendgrid", cs_engine_slack="slack")
    assert [(f.state, f.message.partition(" ")[0]) for f in _callers(deaf)] == [
        ("warning", "SENDGRID_WEBHOOK_PUBLIC_KEY"), ("warning", "SLACK_SIGNING_SECRET"),
    ]  # fmt: skip
    assert list(_callers(Settings(cs_engine_project=world.root))) == [], "where all goes to the mailbox nobody calls"
