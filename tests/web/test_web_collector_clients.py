"""The collector and the clients that products use, unchanged but for their host."""

from __future__ import annotations

import json
import logging
import sqlite3
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from posthog import Posthog
from rudderstack.analytics.client import Client as Rudder  # type: ignore[import-untyped]
from segment.analytics.client import Client as Segment  # type: ignore[import-untyped]

from cs_engine.instants import from_micros
from cs_engine.usage.collected import Collected
from cs_engine.web import house as house_module
from tests.stories.world import World
from tests.web.conftest import Served

KEY = "key-of-the-product"
THEN = datetime(2026, 1, 15, 9, 30, tzinfo=UTC)

Failures = list[Any]


@pytest.fixture
def host(served: Served) -> str:
    return served(cs_engine_write_keys=KEY).base


@pytest.fixture
def failures() -> Failures:
    """What clients were told of that was not taken."""
    return []


Opens = Callable[..., Any]


@pytest.fixture(params=["segment", "segment gzip", "rudder", "rudder plain"])
def segment(request: pytest.FixtureRequest, failures: Failures) -> Iterator[Opens]:
    """Opens a client of Segment's API: Segment's own, or RudderStack's."""
    name, _, how = request.param.partition(" ")
    opened = []

    def open_client(host: str, key: str = KEY, **other: Any) -> Any:
        options = {"on_error": lambda error, _: failures.append(error), "gzip": (name == "rudder") != bool(how), **other}
        opened.append(Segment(key, host, **options) if name == "segment" else Rudder(key, host, **options))
        return opened[-1]

    yield open_client
    for client in opened:
        client.join()


@pytest.fixture(params=[False, True])
def posthog(request: pytest.FixtureRequest, failures: Failures) -> Iterator[Opens]:
    opened = []

    def open_client(host: str, key: str = KEY) -> Posthog:
        client = Posthog(key, host=host, gzip=request.param, on_error=lambda error, _: failures.append(error), flush_interval=0.1)
        opened.append(client)
        return client

    yield open_client
    for client in opened:
        client.shutdown()


def kept(world: World) -> dict[str, Collected]:
    return {arrived.call.message_id: arrived.call for arrived in world.engine.store.collected(0, 100_000)}


def test_every_call_of_segments_and_rudders_clients_is_kept(world: World, host: str, segment: Opens, failures: Failures) -> None:
    client = segment(host)
    client.track("ann", "invited", {"role": "operator", "n": float("nan")}, {"groupId": "acme"}, timestamp=THEN, message_id="1")
    client.identify("ann", {"email": "ann@customer.example", "since": THEN}, message_id="2")
    client.group("ann", "acme", {"plan": "team"}, message_id="3")
    client.page("ann", "Docs", "Pricing", {"url": "/p"}, message_id="4")
    client.screen("ann", "App", "Home", message_id="5")
    client.alias("a-1", "ann", message_id="6")
    client.track(anonymous_id="a-2", event="looked", message_id="7")
    client.flush()
    rows = kept(world)
    assert [(row.kind, row.account_id, row.contact_id, row.anonymous_id, row.event) for _, row in sorted(rows.items())] == [
        ("track", "acme", "ann", "", "invited"), ("identify", "", "ann", "", ""), ("group", "acme", "ann", "", ""),
        ("page", "acme", "ann", "", "page"), ("screen", "acme", "ann", "", "screen"), ("alias", "", "ann", "a-1", ""),
        ("track", "", "", "a-2", "looked"),
    ]  # fmt: skip
    assert json.loads(rows["1"].properties) == {"role": "operator", "n": None}
    assert json.loads(rows["3"].properties) == {"plan": "team"}
    assert abs(from_micros(rows["1"].occurred_at) - THEN) < timedelta(seconds=2), "its clock and ours are one"
    assert failures == []


def test_every_call_of_posthogs_client_is_kept(world: World, host: str, posthog: Opens, failures: Failures) -> None:
    client = posthog(host)
    client.capture("invited", distinct_id="ann", properties={"role": "operator"}, groups={"company": "acme"}, timestamp=THEN)
    client.set(distinct_id="ann", properties={"email": "ann@customer.example"})
    client.group_identify("company", "acme", {"plan": "team"})
    client.alias("a-1", "ann")
    client.capture("looked")
    client.capture("$pageview", distinct_id="ann", properties={"$current_url": "https://app.vendor.example/p"})
    client.flush()
    rows = list(kept(world).values())
    assert [(row.kind, row.account_id, row.contact_id, row.event) for row in rows] == [
        ("track", "acme", "ann", "invited"), ("identify", "", "ann", ""), ("group", "acme", "", ""), ("alias", "", "ann", ""),
        ("track", "", "", "looked"), ("page", "", "ann", "page"),
    ]  # fmt: skip
    assert [json.loads(row.properties) for row in rows[:3]] == [
        {"role": "operator"}, {"email": "ann@customer.example"}, {"plan": "team"},
    ]  # fmt: skip
    assert abs(from_micros(rows[0].occurred_at) - THEN) < timedelta(seconds=2)
    assert failures == []


def test_a_wrong_key_is_an_error_that_clients_can_read(world: World, host: str, segment: Opens, failures: Failures) -> None:
    client = segment(host, "another-key")
    client.track("ann", "invited")
    client.flush()
    (error,) = failures
    assert (error.status, error.code, error.message) == (401, "unauthorized", "no such write key")
    assert kept(world) == {}


def test_a_wrong_key_is_an_error_that_posthogs_client_can_read(world: World, host: str, posthog: Opens, failures: Failures) -> None:
    client = posthog(host, "another-key")
    client.capture("invited", distinct_id="ann")
    client.flush()
    (error,) = failures
    assert (error.status, error.message) == (401, "a write key is missing, or there is no such one")
    assert kept(world) == {}


def test_what_could_not_be_kept_is_sent_again_by_the_client_and_kept_once(
    world: World, served: Served, failures: Failures, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The database is locked while the client sends; nothing is lost, and nothing doubled."""
    monkeypatch.setattr(house_module, "WAITS_FOR_A_WRITER", 0.1)
    host = served(cs_engine_write_keys=KEY).base
    writer = sqlite3.connect(Path(world.root) / ".cs-engine/state.db", isolation_level=None, check_same_thread=False)
    writer.execute("BEGIN IMMEDIATE")

    class Waits(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            """The first refusal has been answered."""
            if "not kept" in record.getMessage() and writer.in_transaction:
                writer.execute("ROLLBACK")

    client = Rudder(KEY, host, on_error=lambda error, _: failures.append(error))
    handler = Waits()
    logging.getLogger("cs_engine.web.inbox").addHandler(handler)
    try:
        for n in range(30):
            client.track("ann", "invited", message_id=str(n))
        client.flush()
    finally:
        logging.getLogger("cs_engine.web.inbox").removeHandler(handler)
        client.join()
        writer.close()
    assert sorted(kept(world), key=int) == [str(n) for n in range(30)]
    assert "not kept" in caplog.text
    assert failures == []


def test_segments_client_waits_as_long_as_it_is_told_and_comes_again(
    world: World, served: Served, failures: Failures, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(house_module, "WAITS_FOR_A_WRITER", 0.05)
    monkeypatch.setattr("cs_engine.web.collector.COME_AGAIN", {"Retry-After": "1"})
    host = served(cs_engine_write_keys=KEY).base
    writer = sqlite3.connect(Path(world.root) / ".cs-engine/state.db", isolation_level=None, check_same_thread=False)
    writer.execute("BEGIN IMMEDIATE")
    client = Segment(KEY, host, on_error=lambda error, _: failures.append(error), upload_interval=0.05)
    try:
        client.track("ann", "invited", message_id="1")
        while client.consumers[0].rate_limit_start_time is None:
            assert client.consumers[0].is_alive()
        writer.execute("ROLLBACK")
        client.flush()
    finally:
        client.join()
        writer.close()
    assert list(kept(world)) == ["1"]
    assert failures == []
