"""The store's contract: the breakers that all who deliver share."""

from __future__ import annotations

import threading
from collections.abc import Callable

from cs_engine.journey import breaker as moves
from cs_engine.journey.breaker import Breaker, State
from cs_engine.journey.message import Alarm
from cs_engine.state import SqlStore
from tests.contracts.state_rows import NOW, alert

DOWN = moves.learned(Breaker("smtp"), 9, 0, "no_connection", NOW)


def test_what_never_failed_is_closed_and_is_no_row(store: SqlStore) -> None:
    assert store.breaker("smtp") == Breaker("smtp")
    assert store.breakers() == []


def test_it_is_kept_as_it_was_moved(store: SqlStore) -> None:
    assert store.move_breaker(DOWN)
    assert store.breakers() == [store.breaker("smtp")] == [DOWN._replace(revision=1)]


def test_who_read_it_before_somebody_moved_it_moves_nothing(store: SqlStore, another: Callable[[], SqlStore]) -> None:
    stale = store.breaker("smtp")
    assert another().move_breaker(DOWN)
    told = Alarm(alert("msg_alarm", kind="alarm"), "down")
    assert not store.move_breaker(moves.learned(stale, 9, 0, "auth", NOW), [told])
    assert (store.breaker("smtp").reason, store.counts().planned) == ("no_connection", 0)


def test_half_open_lets_one_of_many_through(store: SqlStore, another: Callable[[], SqlStore]) -> None:
    store.move_breaker(DOWN)
    at, wins = DOWN.until, []
    together = threading.Barrier(4)

    def try_it(own: SqlStore) -> None:
        seen = own.breaker("smtp")
        together.wait()
        wins.append(own.move_breaker(moves.probing(seen, at)))

    threads = [threading.Thread(target=try_it, args=(another(),)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(wins) == [False, False, False, True]
    assert store.breaker("smtp").state is State.HALF_OPEN
