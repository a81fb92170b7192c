"""The collector over HTTP: who may send, what is taken and refused, and that nothing is answered for before it is kept."""

from __future__ import annotations

import gzip
import json
import logging
import sqlite3
import zlib
from base64 import b64encode
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.event import listen

from cs_engine.settings import Settings
from cs_engine.state import SqlStore
from cs_engine.usage.collected import Collected
from cs_engine.web import house as house_module
from cs_engine.web.collector import MOST_BATCH_BYTES
from cs_engine.wiring import open_store
from tests.stories.world import World
from tests.web.browser import Browser, Page
from tests.web.conftest import Served

KEY, OTHER = "key-of-the-product", "key-that-replaces-it"


@pytest.fixture
def browser(served: Served) -> Browser:
    return served(cs_engine_write_keys=f"{KEY}, {OTHER}")


def basic(key: str = KEY) -> dict[str, str]:
    return {"Authorization": f"Basic {b64encode(f'{key}:'.encode()).decode()}"}


def post(browser: Browser, path: str, said: Any, headers: dict[str, str] | None = None) -> Page:
    raw = said if isinstance(said, bytes) else json.dumps(said).encode()
    return browser.send(path, raw, basic() if headers is None else headers)


def track(id: str = "1", **other: Any) -> dict[str, Any]:
    return {"type": "track", "userId": "ann", "event": "invited", "messageId": id, **other}


def kept(world: World) -> list[Collected]:
    return [arrived.call for arrived in world.engine.store.collected(0, 100_000)]


def ids(world: World) -> list[str]:
    return [call.message_id for call in kept(world)]


# --- who may send


def test_each_key_is_taken_wherever_clients_put_it(world: World, browser: Browser) -> None:
    for n, key in enumerate((KEY, OTHER)):
        assert post(browser, "/v1/track", track(f"basic-{n}"), basic(key)).status == 200
        assert post(browser, "/v1/track", track(f"bearer-{n}"), {"Authorization": f"Bearer {key}"}).status == 200
        assert post(browser, "/v1/track", track(f"body-{n}", writeKey=key), {}).status == 200
        assert post(browser, "/capture/", {"api_key": key, "event": "x", "distinct_id": "ann", "uuid": f"p-{n}"}, {}).status == 200
    assert len(kept(world)) == 8


STRANGERS: dict[str, tuple[dict[str, str], dict[str, Any]]] = {
    "no key": ({}, {}),
    "another key": (basic("key-of-the-producT"), {}),
    "part of a key": (basic(KEY[:-1]), {}),
    "no text": ({}, {"writeKey": [KEY]}),
    "an empty key": (basic(""), {}),
    "a key as a password": ({"Authorization": f"Basic {b64encode(f':{KEY}'.encode()).decode()}"}, {}),
    "no base64": ({"Authorization": "Basic !"}, {}),
    "a wrong header beside a right body": (basic("x"), {"writeKey": KEY}),
    "half a character": ({}, {"writeKey": "\ud800"}),
}


def test_without_a_key_nothing_is_taken(world: World, browser: Browser) -> None:
    for stranger, (headers, more) in STRANGERS.items():
        answer = post(browser, "/v1/track", track(**more), headers)
        assert (answer.status, json.loads(answer.html)["code"]) == (401, "unauthorized"), stranger
    assert kept(world) == []


def test_where_no_key_is_set_the_collector_is_off(served: Served) -> None:
    assert post(served(), "/v1/track", track()).status == 404


# --- what is taken


def test_each_kind_has_its_address(world: World, browser: Browser) -> None:
    said = {"userId": "ann", "groupId": "acme", "event": "invited", "previousId": "a-1"}
    for kind in ("track", "identify", "group", "page", "screen", "alias"):
        assert post(browser, f"/v1/{kind}", said).html == '{"success":true}'
        assert post(browser, f"/v1/{kind[0]}", said).status == 200
    assert [call.kind for call in kept(world)[::2]] == ["track", "identify", "group", "page", "screen", "alias"]


def test_packed_bodies_are_unpacked(world: World, browser: Browser) -> None:
    for n, encoding in enumerate(("gzip", "deflate")):
        plain = json.dumps(track(str(n))).encode()
        packed = gzip.compress(plain) if encoding == "gzip" else zlib.compress(plain)
        assert post(browser, "/v1/track", packed, {**basic(), "Content-Encoding": encoding}).status == 200
    assert ids(world) == ["0", "1"]


def test_a_message_that_comes_again_counts_once(world: World, browser: Browser) -> None:
    batch = {"batch": [track("1"), track("2"), track("1")]}
    assert [post(browser, "/v1/batch", batch).status for _ in range(3)] == [200, 200, 200]
    assert ids(world) == ["1", "2"]


def test_of_a_batch_the_bad_are_refused_by_their_place_and_the_rest_is_taken(world: World, browser: Browser) -> None:
    big = track("big", properties={"x": "y" * 33_000})
    batch = [track("1"), track("2", userId=None), "x", big, track("3"), track("4", timestamp="ann@customer.example")]
    answer = post(browser, "/v1/batch", {"batch": batch})
    said = json.loads(answer.html)
    assert (answer.status, said["success"], said["refused_count"]) == (200, True, 4)
    assert [(one["index"], one["code"]) for one in said["refused"]] == [
        (1, "missing"), (2, "invalid_type"), (3, "too_large"), (5, "invalid_time"),
    ]  # fmt: skip
    assert "customer" not in answer.html
    assert ids(world) == ["1", "3"]


def test_where_nothing_can_be_taken_the_answer_is_400(world: World, browser: Browser) -> None:
    for path, said in (("/v1/track", track(event=None)), ("/v1/batch", {"batch": [{}, 3]}), ("/batch/", {"batch": [{}]})):
        answer = post(browser, path, said)
        body = json.loads(answer.html)
        assert (answer.status, body["success"]) == (400, False)
        assert body["code"]
        assert body["message"] == body["detail"]
    assert kept(world) == []


def test_what_is_no_batch_is_refused(browser: Browser) -> None:
    for body in (b"", b"{", b"[]", b"3", b"null", b"\xff\xfe", b"[" * 100_000, b'{"a":' * 50_000, b'{"batch": 3}', b"{}"):
        answer = post(browser, "/v1/batch", body)
        assert (answer.status, json.loads(answer.html)["success"]) == (400, False), body[:20]


def test_what_pythons_clients_write_and_json_has_not_is_taken(world: World, browser: Browser) -> None:
    raw = b'{"userId": "ann", "event": "x", "messageId": "1", "properties": {"n": NaN, "half": "\\ud83d", "big": 1' + b"0" * 40 + b"}}"
    assert post(browser, "/v1/track", raw).status == 200
    assert json.loads(kept(world)[0].properties) == {"n": None, "half": "?", "big": 1e40}


def test_a_batch_may_have_500_kb_packed_or_not(world: World, browser: Browser) -> None:
    def body(size: int) -> bytes:
        batch = {"batch": [track(f"{size}-{n}", properties={"x": "y" * 16_000}) for n in range(size // 16_500)], "pad": ""}
        batch["pad"] = "z" * (size - len(json.dumps(batch)))
        return json.dumps(batch).encode()

    fits, exceeds = body(MOST_BATCH_BYTES), body(MOST_BATCH_BYTES + 1)
    packed = {**basic(), "Content-Encoding": "gzip"}
    assert post(browser, "/v1/batch", fits).status == 200
    assert post(browser, "/v1/batch", gzip.compress(fits), packed).status == 200
    before = len(kept(world))
    assert before > 25
    assert post(browser, "/v1/batch", exceeds).status == 413
    assert post(browser, "/v1/batch", gzip.compress(exceeds), packed).status == 413
    assert post(browser, "/v1/batch", gzip.compress(b" " * (20 << 20), 1), packed).status == 413, "a bomb is not unpacked"
    assert len(kept(world)) == before


@pytest.mark.parametrize(("encoding", "status"), [("br", 415), ("gzip", 400), ("deflate", 400)])
def test_what_is_not_packed_as_it_says_is_refused(browser: Browser, encoding: str, status: int) -> None:
    assert post(browser, "/v1/track", b"nonsense", {**basic(), "Content-Encoding": encoding}).status == status
    cut = gzip.compress(json.dumps(track()).encode())[:-12]
    assert post(browser, "/v1/track", cut, {**basic(), "Content-Encoding": encoding}).status == status


# --- kept before it is answered


def test_a_locked_database_answers_503_and_what_comes_again_is_taken(
    world: World, served: Served, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(house_module, "WAITS_FOR_A_WRITER", 0.2)
    browser = served(cs_engine_write_keys=KEY)
    writer = sqlite3.connect(Path(world.root) / ".cs-engine/state.db", isolation_level=None)
    writer.execute("BEGIN IMMEDIATE")
    with caplog.at_level(logging.DEBUG):
        answer = post(browser, "/v1/track", track(userId="ann@customer.example"))
    assert (answer.status, answer.headers["retry-after"]) == (503, "5")
    assert "customer" not in caplog.text
    writer.execute("ROLLBACK")
    writer.close()
    assert kept(world) == []
    assert post(browser, "/v1/track", track()).status == 200
    assert ids(world) == ["1"]


def test_a_full_disk_answers_503_and_keeps_none_of_the_batch(world: World, served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    def nearly_full(given: Settings, **patience: Any) -> SqlStore:
        store = open_store(given, **patience)
        if patience:
            store.close()
            listen(store.database.engine, "connect", lambda connection, _: connection.execute("PRAGMA max_page_count = 110"))
        return store

    monkeypatch.setattr(house_module, "open_store", nearly_full)
    browser = served(cs_engine_write_keys=KEY)
    assert post(browser, "/v1/batch", {"batch": [track(str(n), properties={"x": "y" * 4_000}) for n in range(100)]}).status == 503
    assert kept(world) == []
    assert post(browser, "/v1/track", track()).status == 200, "there is room for a small one"


def test_many_who_send_at_once_are_all_kept(world: World, browser: Browser) -> None:
    def send(number: int) -> int:
        return post(browser, "/v1/track", track(str(number % 60))).status

    with ThreadPoolExecutor(8) as people:
        assert set(people.map(send, range(120))) == {200}
    assert sorted(ids(world)) == sorted(str(n) for n in range(60))


def test_what_another_process_reads_was_committed_when_it_was_answered(world: World, browser: Browser) -> None:
    assert post(browser, "/v1/track", track()).status == 200
    with sqlite3.connect(Path(world.root) / ".cs-engine/state.db") as reader:
        assert reader.execute("SELECT message_id FROM collected").fetchall() == [("1",)]
        assert reader.execute("PRAGMA synchronous").fetchone() == (2,)
    reader.close()
