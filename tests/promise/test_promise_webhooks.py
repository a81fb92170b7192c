"""The promise under load: of what SendGrid tells nothing is lost and nothing doubled, while a tick writes beside it."""

from __future__ import annotations

import http.client
import json
import multiprocessing
import random
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from urllib.parse import urlsplit

import orjson
import pytest

from cs_engine.journey.aftermath import aftermath_of
from cs_engine.run.events import BATCH
from cs_engine.settings import Settings
from cs_engine.state import SqlStore
from cs_engine.web.house import house
from cs_engine.web.server import WebServer, listening
from cs_engine.wiring import open_store
from tests.contracts.state_rows import NOW, claimed, entered
from tests.doubles.sendgrid_webhook import PATH, SendgridWebhook, batch, life_of
from tests.stories.world import World

SENDGRID = SendgridWebhook()
POSTING = 4
"""Connections at once."""

Post = tuple[bytes, dict[str, str]]


def written(batches: int, mails: int) -> list[Post]:
    """Batches of 1,000: every event at least once, a third of all told again, half of those under another id; in no order."""
    chance = random.Random(5)
    events = [one for n in range(mails) for one in life_of(n)]
    again = chance.choices(events, k=batches * 1_000 - len(events))
    told = events + [{**one, "sg_event_id": f"again-{n}"} if n % 2 else one for n, one in enumerate(again)]
    chance.shuffle(told)
    bodies = [batch(told[start : start + 1_000], orjson.dumps) for start in range(0, len(told), 1_000)]
    return [(body, SENDGRID.headers(body)) for body in bodies]


def post(url: str, posts: Sequence[Post]) -> int:
    """Posts them over one connection, and comes again when it is asked to; how often it was."""
    at, asked = urlsplit(url), 0
    connection = http.client.HTTPConnection(str(at.hostname), at.port, timeout=60)
    for body, headers in posts:
        status = 0
        while status != 200:
            connection.request("POST", PATH, body, headers)
            answer = connection.getresponse()
            answer.read()
            status = answer.status
            assert status in (200, 503)
            asked += status != 200
    connection.close()
    return asked


@contextmanager
def ticking(store: SqlStore) -> Iterator[list[int]]:
    """A tick's writer, in a thread: passages begin, mail is claimed, events are applied. How many began, batch by batch."""
    began: list[int] = []
    over = threading.Event()

    def tick() -> None:
        while not over.is_set():
            store.commit(entered(*(f"{len(began)}_{n}" for n in range(200))), NOW)
            began.append(200)
            claimed(store, limit=200)
            store.apply_events(BATCH, aftermath_of, NOW)
            time.sleep(0.2)

    with ThreadPoolExecutor(1) as beside:
        ticks = beside.submit(tick)
        try:
            yield began
        finally:
            over.set()
            ticks.result()


def test_of_what_is_told_nothing_is_lost_and_nothing_doubled_while_a_tick_writes(world: World) -> None:
    """200 batches of 1,000, over real connections, on SQLite."""
    batches, mails = 200, 45_000
    settings = Settings(cs_engine_project=world.root, sendgrid_webhook_public_key=SENDGRID.public_key)
    posts = written(batches, mails)
    assert len(posts) == batches
    with open_store(settings) as store, house(settings) as found, WebServer(found, listening("127.0.0.1", 0)) as web:
        with ticking(store) as began, ThreadPoolExecutor(POSTING) as pool:
            list(pool.map(post, [web.url] * POSTING, [posts[n::POSTING] for n in range(POSTING)]))
        while store.apply_events(BATCH, aftermath_of, NOW).events:
            pass
        with store.database.read() as tx:
            kept = tx.rows("SELECT message_id, kind FROM provider_events ORDER BY message_id, kind")
            waiting = tx.rows("SELECT count(*) FROM provider_events WHERE applied_at IS NULL")
        counts = store.counts()
    kinds = {"processed": "processed", "delivered": "delivered", "open": "opened", "click": "clicked"}
    wanted = sorted((one["cs_message_id"], kinds[one["event"]]) for n in range(mails) for one in life_of(n))
    assert kept == wanted, f"{len(kept):,} events are kept of {len(wanted):,}"
    assert waiting == [(0,)]
    assert (len(began) > 1, counts.planned, counts.pending) == (True, sum(began), sum(began)), "the tick's own work is whole"


def serve(root: Path, key: str, told: Connection) -> None:
    """The web, in a process that may be killed."""
    with (
        house(Settings(cs_engine_project=root, sendgrid_webhook_public_key=key)) as found,
        WebServer(found, listening("127.0.0.1", 0)) as web,
    ):
        told.send(web.url)
        told.recv()


def test_what_was_answered_survives_the_death_of_the_web(world: World) -> None:
    """SIGKILL while batches come: of those that were answered all is there, of the others a whole batch or nothing."""
    posts, spawn = written(20, 6_000), multiprocessing.get_context("spawn")
    here, there = spawn.Pipe()
    process = spawn.Process(target=serve, args=(world.root, SENDGRID.public_key, there), daemon=True)
    process.start()
    url: str = here.recv()
    answered: list[int] = []

    def bring() -> None:
        for number, one in enumerate(posts):
            post(url, [one])
            answered.append(number)

    with ThreadPoolExecutor(1) as bringing:
        brought = bringing.submit(bring)
        while len(answered) < 5 and not brought.done():
            time.sleep(0.005)
        process.kill()
        process.join()
        with pytest.raises((OSError, http.client.HTTPException)):
            brought.result()
    batches = [{(one["cs_message_id"], one["event"]) for one in json.loads(body)} for body, _ in posts]
    with world.engine.store.database.read() as tx:  # type: ignore[attr-defined]
        vendors = {"opened": "open", "clicked": "click"}
        kept = {(message, vendors.get(kind, kind)) for message, kind in tx.rows("SELECT message_id, kind FROM provider_events")}
    done = {one for number in answered for one in batches[number]}
    assert done <= kept
    assert kept - done in (set(), batches[len(answered)] - done)
