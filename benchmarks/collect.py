"""How fast the collector takes usage: batches as Segment's clients pack them, over HTTP into SQLite; beside bare INSERTs of the same rows.

    .venv/bin/python -m benchmarks.collect [--events 60000] [--batch 100] [--posting 4]

The web runs in a process of its own, on SQLite with synchronous=FULL, as `cs-engine serve` does; who posts shares its two cores. One
batch in ten comes twice. The floor, in the same run: the same rows, distinct, inserted by one executemany and one commit a batch into a
table without indexes. The bodies are packed before, which is not measured.
"""

from __future__ import annotations

import argparse
import gzip
import json
from base64 import b64encode
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import UUID

import orjson

from benchmarks.posting import Post, bare_inserts, post_all, served, shipped, timed
from cs_engine.instants import to_micros
from cs_engine.settings import Settings
from cs_engine.usage.calls_segment import collected
from cs_engine.usage.collected import Collected
from cs_engine.wiring import open_store

KEY = "key-of-the-benchmark"
BEGAN = datetime(2026, 3, 2, 9, tzinfo=UTC)
HEADERS = {"Authorization": f"Basic {b64encode(f'{KEY}:'.encode()).decode()}", "Content-Type": "application/json"}
SINGLES = 4_000


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
        shipped(folder)
        bare = bare_inserts(folder / "bare.db", rows)
        reading, _ = timed(lambda: [read(orjson.loads(body)["batch"]) for _, body, _ in plain])
        with served(folder, cs_engine_write_keys=KEY) as url:
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


if __name__ == "__main__":
    main()
