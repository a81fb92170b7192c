"""How fast the collector takes usage: batches as Segment's clients pack them, over HTTP into SQLite; beside bare INSERTs of the same rows.

    .venv/bin/python -m benchmarks.collect [--events 60000] [--batch 100] [--posting 4]

The web runs in a process of its own, on SQLite with synchronous=FULL, as `cs-engine serve` does; who posts shares its two cores. One
batch in ten comes twice. The floor, in the same run: the same rows, distinct, inserted by one executemany and one commit a batch into a
table without indexes. The bodies are packed before, which is not measured.
"""

from __future__ import annotations

import argparse
import gzip
import http.client
import json
import multiprocessing
import sqlite3
import time
from base64 import b64encode
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from multiprocessing.connection import Connection
from pathlib import Path
from shutil import copytree
from tempfile import TemporaryDirectory
from typing import Any, TypeVar
from urllib.parse import urlsplit
from uuid import UUID

import orjson

from cs_engine.instants import to_micros
from cs_engine.settings import Settings
from cs_engine.usage.calls_segment import collected
from cs_engine.usage.collected import Collected
from cs_engine.wiring import open_store

ROOT = Path(__file__).resolve().parent.parent
KEY = "key-of-the-benchmark"
BEGAN = datetime(2026, 3, 2, 9, tzinfo=UTC)
HEADERS = {"Authorization": f"Basic {b64encode(f'{KEY}:'.encode()).decode()}", "Content-Type": "application/json"}
SINGLES = 4_000

T = TypeVar("T")
Post = tuple[str, bytes, dict[str, str]]


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--events", type=int, default=60_000)
    options.add_argument("--batch", type=int, default=100, help="events a batch (default 100)")
    options.add_argument("--posting", type=int, default=4, help="connections at once (default 4)")
    given = options.parse_args()
    calls = [call(n) for n in range(given.events)]
    batches = [calls[start : start + given.batch] for start in range(0, len(calls), given.batch)]
    rows, plain, packed = [read(batch) for batch in batches], twice(batches, "plain"), twice(batches, "packed")
    sent = sum(len(batch) for batch in batches) + sum(len(batch) for batch in batches[::10])
    with TemporaryDirectory(prefix="cs-engine-bench-") as name:
        folder = Path(name)
        for part in ("playbooks", "templates", "data"):
            copytree(ROOT / part, folder / part)
        bare = floor(folder / "bare.db", rows)
        reading, _ = timed(lambda: [read(orjson.loads(body)["batch"]) for _, body, _ in plain])
        with served(folder) as url:
            taken, _ = timed(lambda: post_all(url, plain, given.posting))
            taken_packed, _ = timed(lambda: post_all(url, packed, given.posting))
            one_by_one, _ = timed(lambda: post_all(url, singles(), 32))
        with open_store(Settings(cs_engine_project=folder)) as store:
            kept = store.collected_mark().last
    size = sum(len(body) for _, body, _ in plain) / 1e6
    print(f"{len(plain):,} batches of {given.batch}, {sent:,} events ({given.events:,} distinct), {size:,.0f} MB, ", end="")
    print(f"{given.posting} connections\n\n{'stage':<62}{'seconds':>9}{'events/s':>12}{'of floor':>10}")
    for what, seconds, events in (
        ("floor: bare INSERTs of the rows, a commit a batch", bare, given.events),
        ("read and check alone", reading, sent),
        ("taken over HTTP", taken, sent),
        ("taken over HTTP, packed with gzip", taken_packed, sent),
        ("taken over HTTP one by one, 32 connections", one_by_one, SINGLES),
    ):
        print(f"{what:<62}{seconds:>9.2f}{events / seconds:>12,.0f}{(events / seconds) / (given.events / bare):>10.0%}")
    assert kept >= 2 * given.events + SINGLES, "nothing is lost"


def call(n: int) -> dict[str, Any]:
    """What an app says as somebody does something; a third of a kilobyte."""
    return {
        "type": "track",
        "messageId": "",
        "userId": f"user-{n % 5_000}",
        "event": ("report_opened", "report_shared", "invited", "exported")[n % 4],
        "timestamp": (BEGAN + timedelta(seconds=n)).isoformat(),
        "properties": {"area": f"area-{n % 17}", "seconds": n % 400, "trial": n % 3 == 0, "plan": "team"},
        "context": {"groupId": f"acc-{n % 800}", "library": {"name": "analytics-python", "version": "2.4.0"}},
        "integrations": {},
    }


def named(batch: Sequence[dict[str, Any]], run: str, number: int) -> list[dict[str, Any]]:
    """With messages of their own in each run."""
    first = hash_of(run) + number * 1_000_003
    return [{**one, "messageId": str(UUID(int=(first + n) * 0x9E3779B97F4A7C15F39CC0605CEDC835 % 2**128))} for n, one in enumerate(batch)]


def hash_of(run: str) -> int:
    return int.from_bytes(run.encode(), "big") << 40


def twice(batches: Sequence[Sequence[dict[str, Any]]], run: str) -> list[Post]:
    """Bodies, one in ten of them again behind itself."""
    posts: list[Post] = []
    for number, batch in enumerate(batches):
        body = json.dumps({"batch": named(batch, run, number), "sentAt": (BEGAN + timedelta(days=1)).isoformat()}).encode()
        post = ("/v1/batch", body, HEADERS)
        if run == "packed":
            post = ("/v1/batch", gzip.compress(body, 6), {**HEADERS, "Content-Encoding": "gzip"})
        posts += [post, post] if number % 10 == 0 else [post]
    return posts


def singles() -> list[Post]:
    return [("/v1/track", json.dumps(one).encode(), HEADERS) for one in named([call(n) for n in range(SINGLES)], "single", 0)]


def read(batch: Sequence[object]) -> list[Collected]:
    received = to_micros(BEGAN + timedelta(days=1))
    return [collected(one, received) for one in batch]


def floor(file: Path, batches: Sequence[Sequence[Collected]]) -> float:
    """Seconds for the rows, a transaction a batch, without a server or an index."""
    with sqlite3.connect(file, isolation_level=None) as bare:
        for pragma in ("page_size = 8192", "journal_mode = WAL", "synchronous = FULL"):
            bare.execute(f"PRAGMA {pragma}")
        columns = len(Collected._fields)
        bare.execute(f"CREATE TABLE rows ({', '.join(Collected._fields)})")
        insert = f"INSERT INTO rows VALUES ({', '.join('?' * columns)})"

        def work() -> None:
            for rows in batches:
                bare.execute("BEGIN IMMEDIATE")
                bare.executemany(insert, rows)
                bare.execute("COMMIT")

        return timed(work)[0]


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """The web in a process of its own; its address."""
    spawn = multiprocessing.get_context("spawn")
    here, there = spawn.Pipe()
    process = spawn.Process(target=serve, args=(folder, there), daemon=True)
    process.start()
    try:
        yield here.recv()
    finally:
        here.send("end")
        process.join(20)


def serve(folder: Path, told: Connection) -> None:
    from cs_engine.web.house import house
    from cs_engine.web.server import WebServer, listening

    settings = Settings(cs_engine_project=folder, cs_engine_write_keys=KEY)
    with house(settings) as found, WebServer(found, listening("127.0.0.1", 0)) as web:
        told.send(web.url)
        told.recv()


def post_all(url: str, posts: Sequence[Post], connections: int) -> None:
    """Posts all; one that is told to come again does."""
    at = urlsplit(url)

    def post(mine: Sequence[Post]) -> None:
        connection = http.client.HTTPConnection(str(at.hostname), at.port, timeout=60)
        for path, body, headers in mine:
            while not _taken(connection, path, body, headers):
                time.sleep(0.1)
        connection.close()

    with ThreadPoolExecutor(connections) as pool:
        list(pool.map(post, [posts[n::connections] for n in range(connections)]))


def _taken(connection: http.client.HTTPConnection, path: str, body: bytes, headers: dict[str, str]) -> bool:
    connection.request("POST", path, body, headers)
    answer = connection.getresponse()
    answer.read()
    assert answer.status in (200, 503), answer.status
    return answer.status == 200


def timed(work: Callable[[], T]) -> tuple[float, T]:
    start = time.perf_counter()
    done = work()
    return time.perf_counter() - start, done


if __name__ == "__main__":
    main()
