"""A lease ends by a clock that nobody can set, and what others took is not sent."""

from __future__ import annotations

from datetime import datetime
from itertools import pairwise

from cs_engine.clock import FixedClock, steady
from cs_engine.instants import to_micros
from cs_engine.journey import message
from cs_engine.ports import Claim
from cs_engine.run.delivery.lease import Lease
from cs_engine.state import SqlStore, open_store
from tests.contracts.state_rows import HERE, NOW, dispatch_all, entered
from tests.stories.world import day


class Hand:
    """A clock that is moved by hand, in seconds."""

    def __init__(self) -> None:
        self.at = 1_000.0

    def __call__(self) -> float:
        return self.at


def leased(store: SqlStore, clock: Hand, at: datetime) -> Lease:
    store.migrate()
    store.commit(entered("1", "2"), NOW)
    claim: Claim = store.claim(to_micros(at), NOW, NOW, 10, HERE, dispatch_all)
    return Lease(store, FixedClock(at), claim, clock.at, clock)


def test_nothing_begins_in_the_last_part_of_a_lease() -> None:
    clock = Hand()
    with open_store("sqlite://") as store:
        lease = leased(store, clock, day(0))
        clock.at += 209
        assert lease.holds("msg_1")
        clock.at += 2
        assert not lease.holds("msg_1"), "of five minutes three and a half are for sending, the rest for answers"


def test_a_lease_that_is_renewed_in_time_goes_on() -> None:
    clock = Hand()
    with open_store("sqlite://") as store:
        lease = leased(store, clock, day(0))
        clock.at += 280
        with lease.kept():
            assert lease.holds("msg_1")
        assert store.expired_leases(to_micros(day(0)) + 299_000_000) == []


def test_of_what_was_taken_meanwhile_nothing_is_sent() -> None:
    clock = Hand()
    with open_store("sqlite://") as store:
        lease = leased(store, clock, day(0))
        store.settle([message.lost_sight("msg_1", "died_on_the_way")], NOW)
        clock.at += 100
        with lease.kept():
            assert (lease.holds("msg_1"), lease.holds("msg_2")) == (False, True)


def test_a_database_that_is_gone_lets_the_lease_run_out() -> None:
    clock = Hand()
    with open_store("sqlite://") as store:
        lease = leased(store, clock, day(0))
        with store.database.write() as tx:
            tx.run("ALTER TABLE messages RENAME TO elsewhere")
        lease._seconds = 0.02
        with lease.kept():
            clock.at += 1
            assert not lease.holds("msg_2")


def test_the_clock_of_leases_only_goes_forward() -> None:
    read = [steady() for _ in range(100)]
    assert all(later >= earlier for earlier, later in pairwise(read))
