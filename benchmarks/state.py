"""How fast the store is: rows a second by kind of work, beside a bare executemany of the same rows.

    python -m benchmarks.state --people 100000
    python -m benchmarks.state --people 100000 --url postgresql+psycopg://user@host/an_empty_database

SQLite runs with synchronous=FULL. Ids are text, every enrolment and every move has its journal line with the values it saw.
"""

from __future__ import annotations

import argparse
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from cs_engine.instants import from_micros
from cs_engine.journey import message
from cs_engine.journey.caps import Cap, History, Scope
from cs_engine.journey.enrolment import NewEnrolment, parked
from cs_engine.journey.hours import Window
from cs_engine.journey.identity import enrolment_id, message_id
from cs_engine.journey.message import NewMessage
from cs_engine.journey.policy import Rules, judge
from cs_engine.ports import AccountRow, Candidate, Change, ContactRow, JournalLine
from cs_engine.run.delivery.deliver import request_of
from cs_engine.state import SqlStore, open_store, this_process

NOW = 1_767_225_600_000_000
DAY = 86_400_000_000
BATCH = 20_000
"""Passages a transaction, as the tick has it."""
CLAIM = 500
PLAYBOOK, DIGEST = "onboarding-self-serve", "0123456789abcdef0123"
SEEN = '{"account.plan": "self_serve", "days_since(account.signed_up_at)": 3}'

CAPS = (
    Cap(Scope.CONTACT, 2, 7 * DAY, "cap: contact 2 in 7 days"),
    Cap(Scope.ACCOUNT, 5, 7 * DAY, "cap: account 5 in 7 days"),
    Cap(Scope.STAFF, 20, DAY, "cap: csm 20 in 1 day by slack", "slack"),
)
RULES = Rules("UTC", Window(), lambda locale: locale or "en", lambda _channel, _template, _locale: True)

Work = tuple[str, int, float, float]
"""(what, rows, seconds, of them this process's on a core: what is left waited for the disk, the database or other programs)."""


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--people", type=int, default=100_000, help="enrolments (default 100,000); contacts are as many")
    options.add_argument("--mails", type=int, default=20_000, help="messages to claim and settle (default 20,000)")
    options.add_argument("--url", help="a database of your own, empty; default: an SQLite file in a temporary folder")
    given = options.parse_args()
    with TemporaryDirectory(prefix="cs-engine-bench-") as folder:
        bare = _bare(Path(folder) / "bare.db", given.people)
        with open_store(given.url or f"sqlite:///{folder}/state.db") as store:
            work = list(measure(store, given.people, given.mails))
            database = store.doctor_facts().database
    print(f"{database}, {given.people:,} enrolments\n\n{'work':<44}{'rows':>10}{'seconds':>9}{'on core':>9}{'rows/s':>12}{'of bare':>9}")
    for what, rows, seconds, used in [bare, *work]:
        share = (rows / seconds) / (bare[1] / bare[2])
        print(f"{what:<44}{rows:>10,}{seconds:>9.2f}{used:>9.2f}{rows / seconds:>12,.0f}{share:>9.0%}")


def measure(store: SqlStore, people: int, mails: int) -> Iterator[Work]:
    """The life of a cohort, timed."""
    yield _timed("migrate an empty database", 1, store.migrate)
    yield _timed("migrate when up to date", 1, store.migrate)
    accounts = [AccountRow(f"acc_{n:07}", f"Account {n}", "en", "Europe/Berlin", "csm@vendor.example", NOW) for n in range(people)]
    contacts = [
        ContactRow(f"con_{n:07}", f"acc_{n:07}", f"con_{n}@customer.example", f"{n:064x}", "Ada", "champion", "", "", NOW)
        for n in range(people)
    ]
    yield _timed("put accounts and contacts, all new", 2 * people, lambda: store.put_people(accounts, contacts))
    yield _timed("put them again, none changed", 2 * people, lambda: store.put_people(accounts, contacts))
    entering = list(_batches(_enrolments(people)))
    yield _timed("enrol: enrolment + journal line", people, lambda: _enrol(store, entering))
    yield _timed("enrol again: all there", people, lambda: _enrol(store, entering))
    before = len(store.standing(PLAYBOOK, DIGEST, NOW + 1))
    yield _timed("read who stands where", before, lambda: store.standing(PLAYBOOK, DIGEST, NOW + 1))
    yield _timed("read all passages", people, lambda: store.passages(PLAYBOOK))
    moving = list(_advances(store))
    yield _timed("advance: move + message + journal line", people, lambda: _commit(store, moving))
    yield _timed("count all messages", people, store.counts)
    mails = min(mails, people // 2)
    yield _timed(f"claim by {CLAIM} and settle", mails, lambda: _deliver(store, mails, ()))
    yield _timed(f"the same, under {len(CAPS)} caps", mails, lambda: _deliver(store, mails, CAPS))
    yield _timed("skip what left its step (nothing)", people - mails, lambda: store.skip_left(NOW + DAY))
    yield _timed("count customer mails since", mails, lambda: store.emails_since(NOW, NOW + DAY))


def _timed(what: str, rows: int, work: Callable[[], object]) -> Work:
    began, used = time.perf_counter(), time.process_time()
    work()
    return what, rows, time.perf_counter() - began, time.process_time() - used


def _enrolments(people: int) -> list[NewEnrolment]:
    return [_enrolment(f"acc_{n:07}") for n in range(people)]


def _enrolment(account: str) -> NewEnrolment:
    return NewEnrolment(enrolment_id(PLAYBOOK, account, "", 1), PLAYBOOK, DIGEST, account, account, "", 1, "welcome", NOW)


def _entered(new: NewEnrolment) -> JournalLine:
    return JournalLine(NOW, PLAYBOOK, new.account_id, new.subject_id, new.id, new.step, "entered", "", SEEN)


def _batches(rows: Sequence[NewEnrolment]) -> Iterator[Change]:
    for start in range(0, len(rows), BATCH):
        part = rows[start : start + BATCH]
        yield Change(part, journal=[_entered(row) for row in part])


def _enrol(store: SqlStore, changes: Sequence[Change]) -> None:
    for change in changes:
        store.commit(change, NOW)


def _advances(store: SqlStore) -> Iterator[Change]:
    everyone, now = store.standing(PLAYBOOK, DIGEST, NOW + 1), NOW + DAY
    for start in range(0, len(everyone), BATCH):
        part = everyone[start : start + BATCH]
        yield Change(
            moves=[parked(who, "explore", now) for who in part],
            messages=[_mail(who.id, who.account_id, now) for who in part],
            journal=[
                JournalLine(now, PLAYBOOK, who.account_id, who.subject_id, who.id, "welcome", "advanced", "waited", SEEN) for who in part
            ],
        )


def _mail(enrolment: str, account: str, now: int) -> NewMessage:
    contact = account.replace("acc", "con")
    return NewMessage(
        message_id(enrolment, "explore", "email", contact), enrolment, PLAYBOOK, DIGEST, "explore", "email", "email",
        "onboarding/explore", "onboarding", account, account, contact, "contact", "", 50, now,
    )  # fmt: skip


def _commit(store: SqlStore, changes: Sequence[Change]) -> None:
    for change in changes:
        store.commit(change, NOW + DAY)


def _deliver(store: SqlStore, mails: int, caps: Sequence[Cap]) -> None:
    now, holder = NOW + DAY, this_process()

    def verdict(candidates: Sequence[Candidate], history: History) -> Sequence[message.Move | None]:
        return judge([request_of(c) for c in candidates], replace(RULES, caps=caps), from_micros(now), history)

    for _ in range(0, mails, CLAIM):
        claim = store.claim(now, now, now, CLAIM, holder, verdict)
        store.settle([message.accepted(candidate.id, "sg-14c5d75ce93") for candidate in claim.dispatching], now)


def _bare(file: Path, people: int) -> Work:
    """The floor: the same enrolments and journal lines by executemany, without a key, an index or a check."""
    rows = _enrolments(people)
    lines = [_entered(row) for row in rows]
    with sqlite3.connect(file, isolation_level=None) as db:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = FULL")
        db.execute(f"CREATE TABLE enrolments ({', '.join(NewEnrolment._fields)})")
        db.execute(f"CREATE TABLE journal ({', '.join(JournalLine._fields)})")

        def insert() -> None:
            for start in range(0, people, BATCH):
                db.execute("BEGIN IMMEDIATE")
                db.executemany(f"INSERT INTO enrolments VALUES ({', '.join('?' * len(rows[0]))})", rows[start : start + BATCH])
                db.executemany(f"INSERT INTO journal VALUES ({', '.join('?' * len(lines[0]))})", lines[start : start + BATCH])
                db.execute("COMMIT")

        work = _timed("bare executemany on SQLite: the floor", people, insert)
    db.close()
    return work


if __name__ == "__main__":
    main()
