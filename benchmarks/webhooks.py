"""How fast what SendGrid tells is taken: signed batches over HTTP into SQLite, and what a tick then makes of them; beside bare INSERTs.

    .venv/bin/python -m benchmarks.webhooks [--batches 200] [--events 1000] [--posting 4]

The web runs in a process of its own, on SQLite with synchronous=FULL, as `cs-engine serve` does. Each mail is processed, delivered and,
one in ten, opened and clicked; one batch in ten comes twice. The floor, in the same run: the same rows, all told apart before, inserted
by one executemany and one commit a batch into a table without indexes. Signing and writing the batches is not measured.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.posting import bare_inserts, post_all, served, shipped, timed
from cs_engine.channels.sendgrid_events import EventReader
from cs_engine.journey.aftermath import aftermath_of
from cs_engine.journey.message import NewMessage
from cs_engine.journey.provider_event import Received
from cs_engine.ports import Change
from cs_engine.run.events import BATCH as APPLIED_AT_ONCE
from cs_engine.settings import EVENTS_PATH, Settings
from cs_engine.state import SqlStore
from cs_engine.wiring import email_hasher, open_store
from tests.doubles.sendgrid_webhook import SendgridWebhook, batch, life_of

SECOND = 1_000_000
NOW = 1_761_555_000


Signed = tuple[bytes, dict[str, str]]


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--batches", type=int, default=200)
    options.add_argument("--events", type=int, default=1_000, help="a batch (default 1,000)")
    options.add_argument("--posting", type=int, default=4, help="connections at once (default 4)")
    given = options.parse_args()
    with TemporaryDirectory(prefix="cs-engine-bench-") as name:
        folder = Path(name)
        shipped(folder)
        settings, sendgrid = Settings(cs_engine_project=folder), SendgridWebhook()
        posts = written(sendgrid, given.batches, given.events)
        with open_store(settings) as store:
            mails = given.batches * given.events // 2
            put_mails(store, mails)
        reader = EventReader(sendgrid.public_key, email_hasher(settings))
        read_in, received = timed(lambda: [reader.read({k.lower(): v for k, v in head.items()}, body, 0) for body, head in posts])
        bare = bare_inserts(folder / "bare.db", distinct_rows(received))
        with served(folder, sendgrid_webhook_public_key=sendgrid.public_key) as url:
            taken, _ = timed(lambda: post_all(url, [(EVENTS_PATH, *post) for post in posts], given.posting))
        with open_store(settings) as store:
            applied, kept = timed(lambda: apply_all(store))
    told, distinct = sum(map(len, received)), len({one.event.id for part in received for one in part})
    size = sum(len(body) for body, _ in posts) / 1e6
    print(f"{len(posts)} batches, {told:,} events ({distinct:,} distinct), {size:,.0f} MB, {mails:,} mails, {given.posting} connections\n")
    print(f"{'stage':<62}{'seconds':>9}{'events/s':>12}{'of floor':>10}")
    for what, seconds, events in (
        ("floor: bare INSERTs of the rows, a commit a batch", bare, distinct),
        ("verify and parse alone", read_in, told),
        ("taken over HTTP: verified, parsed, kept, answered", taken, told),
        ("applied by a tick", applied, kept),
    ):
        print(f"{what:<62}{seconds:>9.2f}{events / seconds:>12,.0f}{(events / seconds) / (distinct / bare):>10.0%}")
    assert kept == distinct, "nothing is lost, nothing doubled"


def written(sendgrid: SendgridWebhook, batches: int, size: int) -> list[Signed]:
    """Signed batches; one in ten twice, the events of each in no order."""
    chance = random.Random(1)
    events = [one for n in range(batches * size // 2) for one in life_of(n)][: batches * size]
    chance.shuffle(events)
    bodies = [batch(events[start : start + size]) for start in range(0, len(events), size)]
    for n in range(0, len(bodies), 10):
        bodies[n] = bodies[n - 1]
    return [(body, sendgrid.headers(body)) for body in bodies]


def put_mails(store: SqlStore, n: int) -> None:
    """Mails that were taken."""
    ids = [f"msg_{number:024}" for number in range(n)]
    mails = [
        NewMessage(
            id, f"enr_{id}", "welcome", "d1", "one", "email", "email", "one", "tips", f"acc_{id}", f"acc_{id}", f"con_{id}", "contact", "",
            50, NOW * SECOND,
        )
        for id in ids
    ]  # fmt: skip
    store.commit(Change(messages=mails), NOW * SECOND)
    with store.database.write() as tx:
        tx.run("UPDATE messages SET state = 'accepted', settled_at = planned_at, sent_at = planned_at")


def distinct_rows(received: Sequence[Sequence[Received]]) -> list[list[tuple[object, ...]]]:
    """By batch, those that were in none before."""
    seen: set[str] = set()
    batches: list[list[tuple[object, ...]]] = []
    for part in received:
        batches.append([(*one.event, 0) for one in part if one.event.id not in seen])
        seen.update(one.event.id for one in part)
    return batches


def apply_all(store: SqlStore) -> int:
    """As a tick does; how many events there were."""
    found = 0
    while n := store.apply_events(APPLIED_AT_ONCE, aftermath_of, NOW * SECOND).events:
        found += n
    return found


if __name__ == "__main__":
    main()
