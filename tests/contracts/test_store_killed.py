"""The store's contract: a process that is killed between any two statements leaves a database that holds together."""

from __future__ import annotations

import random
import subprocess
import sys
import time

from cs_engine.state import SqlStore, open_store, this_process
from tests.contracts.state_rows import DAY, DIGEST, NOW, PLAYBOOK

WORKER = """
import sys
from cs_engine.journey import enrolment, message
from cs_engine.ports import Change
from cs_engine.state import open_store, this_process
from tests.contracts.state_rows import DIGEST, NOW, PLAYBOOK, entered, line, mail

store, first = open_store(sys.argv[1]), int(sys.argv[2])
print("ready", flush=True)
for n in range(first, first + 1_000_000):
    now = NOW + n
    store.begin_tick(now, this_process())
    store.commit(entered(*(f"{n}_{i}" for i in range(20)), now=now), now)
    done = [who for who in store.standing(PLAYBOOK, DIGEST, now) if who.step_ended_at is not None]
    store.commit(
        Change(
            moves=[enrolment.finished(who, "done", now) for who in done],
            journal=[line("finished", who.account_id, who.id, at=now) for who in done],
        ),
        now,
    )
    claim = store.claim(now, now, now, 15, this_process(), lambda candidates, _sent: [None] * len(candidates))
    store.settle([message.accepted(c.id, "sg") for c in claim.dispatching], now)
    store.end_tick(now, this_process(), {})
"""

ROUNDS = 4


def test_killed_at_any_moment_it_holds_together(store: SqlStore, url: str) -> None:
    chance = random.Random()
    for n in range(ROUNDS):
        with subprocess.Popen([sys.executable, "-c", WORKER, url, str(n * 1_000_000)], stdout=subprocess.PIPE) as worker:
            assert worker.stdout is not None
            assert worker.stdout.readline() == b"ready\n"
            time.sleep(chance.uniform(0.01, 0.4))
            assert worker.poll() is None, "the worker ended by itself"
            worker.kill()
        _holds_together(store)
        now = NOW + (n + 1) * 1_000_000 - 1
        # Its tick is taken over, and what it had on its way is known to be lost: neither waits for a lease.
        with open_store(url) as successor:
            successor.begin_tick(now, this_process())
            lost = {c.id for c in successor.expired_leases(0)}
            assert len(lost) == _count(store, "messages WHERE state = 'dispatching'")
            successor.end_tick(now, this_process(), {})
    assert _count(store, "enrolments") > 0


def _holds_together(store: SqlStore) -> None:
    with store.database.read() as tx:
        if tx.embedded:
            assert tx.rows("PRAGMA integrity_check") == [("ok",)]
    counts = store.counts()
    assert counts.planned == counts.accepted + counts.pending
    # What was committed together is there together.
    enrolments = _count(store, "enrolments")
    assert enrolments % 20 == 0
    assert enrolments == _count(store, "messages") == _count(store, "journal WHERE event = 'entered'")
    assert _count(store, "enrolments WHERE state = 'finished'") == _count(store, "journal WHERE event = 'finished'")
    assert counts.accepted == _count(store, "journal WHERE event = 'accepted'")
    ended = _count(store, "enrolments WHERE step_ended_at IS NOT NULL OR state = 'finished'")
    assert ended == counts.accepted
    assert all(who.step == "welcome" for who in store.standing(PLAYBOOK, DIGEST, NOW + 1000 * DAY))


def _count(store: SqlStore, what: str) -> int:
    with store.database.read() as tx:
        (row,) = tx.rows(f"SELECT count(*) FROM {what}")
    return int(row[0])
