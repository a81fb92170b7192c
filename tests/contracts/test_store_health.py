"""The store's contract: how healthy accounts have been."""

from __future__ import annotations

from cs_engine.journey.health import HealthRow
from cs_engine.state import SqlStore
from tests.contracts.state_rows import DAY, NOW


def row(account: str, since: int, score: float | None, band: str) -> HealthRow:
    return HealthRow(account, since, score, band, "", '{"use":[50.0,1.0]}', '{"use":2.0}')


def test_each_row_holds_until_the_next(store: SqlStore) -> None:
    first, second, other = row("a", NOW, 80.0, "green"), row("a", NOW + DAY, None, ""), row("b", NOW, 10.5, "red")
    store.put_health([first, other], [], NOW)
    store.put_health([second], [], NOW + DAY)
    assert store.health() == {"a": second, "b": other}
    assert store.health_bands() == {"a": "", "b": "red"}
    assert store.health_at(NOW - 1) == {}
    assert store.health_at(NOW + DAY - 1) == {"a": first, "b": other}
    assert store.health_at(NOW + DAY) == {"a": second, "b": other}
    assert store.health_of("a", NOW + 1) == [first, second], "with what held then"
    assert store.health_began() == NOW


def test_a_tick_that_is_run_again_corrects_its_own_rows(store: SqlStore) -> None:
    store.put_health([row("a", NOW, 80.0, "green")], [], NOW)
    store.put_health([row("a", NOW + DAY, 70.0, "green")], [], NOW + DAY)
    store.put_health([row("a", NOW + DAY, 20.0, "red")], [], NOW + DAY)
    assert [(r.since, r.score) for r in store.health_of("a", 0)] == [(NOW, 80.0), (NOW + DAY, 20.0)]
    assert store.health_at(NOW + DAY - 1)["a"].score == 80.0


def test_of_who_is_gone_nothing_holds_and_the_past_stays(store: SqlStore) -> None:
    store.put_health([row("a", NOW, 80.0, "green"), row("b", NOW, 10.0, "red")], [], NOW)
    store.put_health([], ["a"], NOW + DAY)
    assert (set(store.health()), set(store.health_at(NOW))) == ({"b"}, {"a", "b"})


def test_what_ended_long_ago_is_forgotten_and_what_holds_is_not(store: SqlStore) -> None:
    store.put_health([row("a", NOW, 80.0, "green"), row("b", NOW, 10.0, "red")], [], NOW)
    store.put_health([row("a", NOW + DAY, 20.0, "red")], [], NOW + DAY)
    assert store.forget_health(NOW + DAY) == 0
    assert store.forget_health(NOW + DAY + 1) == 1
    assert store.health_began() == NOW
    assert {account: r.since for account, r in store.health().items()} == {"a": NOW + DAY, "b": NOW}
