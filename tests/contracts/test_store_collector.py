"""The store's contract: what products tell is kept once, in an order that readers can go by."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from cs_engine.instants import to_micros
from cs_engine.ports import ContactRow, Whom
from cs_engine.state import SqlStore
from cs_engine.state.database import RowRefused
from cs_engine.usage.collected import Collected
from tests.contracts.conftest import Wall
from tests.contracts.state_rows import NOW


def call(id: str, contact: str = "ann", **other: str) -> Collected:
    said = Collected(id, "track", "acme", contact, "", "invited", NOW, '{"area": "docs"}')
    return said._replace(**other)  # type: ignore[arg-type]


def ids(store: SqlStore, after: int = 0) -> list[str]:
    return [arrived.call.message_id for arrived in store.collected(after, 10_000)]


def test_a_message_is_kept_once_however_often_it_comes(store: SqlStore) -> None:
    assert store.collect([call("1"), call("2"), call("1")]) == 2
    assert store.collect([call("2", event="another"), call("3")]) == 1
    assert ids(store) == ["1", "2", "3"]


def test_what_is_kept_comes_back_as_it_was_with_when_it_came(store: SqlStore, wall: Wall) -> None:
    said = call("1", properties='{"name": "山田 \\u0000", "n": 1.5}', anonymous_id="a-1")
    store.collect([said])
    (arrived,) = store.collected(0, 10)
    assert (arrived.call, arrived.received_at) == (said, to_micros(wall.at))


def test_a_batch_is_kept_whole_or_not_at_all(store: SqlStore) -> None:
    with pytest.raises(RowRefused):
        store.collect([call("1"), call("2")._replace(event=None)])  # type: ignore[arg-type]
    assert ids(store) == []


def test_readers_go_on_from_where_they_were(store: SqlStore) -> None:
    store.collect([call(str(n)) for n in range(5)])
    first = store.collected(0, 3)
    assert [a.call.message_id for a in first] == ["0", "1", "2"]
    assert ids(store, first[-1].sequence) == ["3", "4"]


def test_a_reader_beside_many_writers_misses_none(store: SqlStore, another: Callable[[], SqlStore]) -> None:
    """Whoever commits later has the higher numbers: PostgreSQL's sequences alone do not promise it."""
    writers, seen = [another() for _ in range(3)], []

    def write(number: int) -> None:
        for n in range(30):
            writers[number].collect([call(f"{number}-{n}-{i}") for i in range(4)])

    with ThreadPoolExecutor(3) as people:
        busy = [people.submit(write, number) for number in range(3)]
        at = 0
        while True:
            done = all(work.done() for work in busy)
            new = store.collected(at, 50)
            at = new[-1].sequence if new else at
            seen += new
            if done and not new:
                break
    assert len({a.call.message_id for a in seen}) == 3 * 30 * 4
    assert [a.sequence for a in seen] == sorted(a.sequence for a in seen)


def test_what_is_old_goes_and_its_numbers_are_not_used_again(store: SqlStore, wall: Wall) -> None:
    store.collect([call("1"), call("2")])
    wall.passes(days=400)
    last = store.collected_mark().last
    assert store.forget_collected(to_micros(wall.at), 1) == 1
    assert store.forget_collected(to_micros(wall.at), 10) == 1
    assert store.forget_collected(to_micros(wall.at), 10) == 0
    store.collect([call("3")])
    mark = store.collected_mark()
    assert mark.first == mark.last > last


def test_who_is_erased_leaves_the_bare_event_and_readers_are_told(store: SqlStore) -> None:
    store.put_people([], [ContactRow("ann", "acme", "ann@customer.example", "h-ann", "Ann", "", "", "", None)])
    store.collect([call("1"), call("2", "bob")])
    before = store.collected_mark()
    store.erase(Whom(("ann",), ("h-ann",), ("k-ann",), (), frozenset()), NOW)
    assert [(a.call.contact_id, a.call.properties) for a in store.collected(0, 9)] == [("ann", "{}"), ("bob", '{"area": "docs"}')]
    assert store.collected_mark() == before._replace(edition=before.edition + 1)


# --- who calls say that people are


def said(id: str, kind: str, at: int = NOW, *, contact: str = "ann", account: str = "", traits: str = "{}") -> Collected:
    return Collected(id, kind, account, contact, "", "", at, traits)


def people(store: SqlStore) -> list[tuple[str, str, str]]:
    return [tuple(one[:3]) for kind in ("account", "contact") for one in store.profiles(kind)]  # type: ignore[misc]


def test_of_each_trait_the_latest_word_is_kept_in_whatever_order_it_comes(store: SqlStore) -> None:
    words = [
        said("1", "identify", NOW, traits='{"role": "old", "name": "Ann"}'),
        said("2", "identify", NOW + 2, traits='{"role": "new", "company": {"id": "acme", "plan": "team"}}', account="acme"),
        said("3", "identify", NOW + 1, traits='{"role": "between", "team": "x"}'),
        said("4", "identify", NOW + 3, traits='{"name": null}'),
        said("5", "group", NOW + 3, account="acme", traits='{"seats": 5}'),
    ]
    store.collect(words[:2])
    store.collect(words[2:])
    store.collect(words[:1])
    assert people(store) == [("acme", "", '{"plan": "team", "seats": 5}'), ("ann", "acme", '{"role": "new", "team": "x"}')]


def test_readers_are_told_when_a_profile_changes_and_only_then(store: SqlStore) -> None:
    store.collect([said("1", "identify", traits='{"role": "a"}')])
    before = store.collected_mark().profiles
    store.collect([said("2", "identify", NOW + 1, traits='{"role": "a"}'), call("3")])
    assert store.collected_mark().profiles == before
    store.collect([said("4", "identify", NOW + 2, traits='{"role": "b"}')])
    assert store.collected_mark().profiles == before + 1


def test_the_group_of_a_user_is_that_of_their_calls_before_and_after(store: SqlStore) -> None:
    store.collect([call("1", account_id=""), call("2", "bob", account_id="")])
    at = store.collected_mark().last
    store.collect([said("3", "group", account="acme"), call("4", account_id=""), call("5", account_id="other")])
    fresh = [(a.call.message_id, a.call.account_id) for a in store.collected(at, 10)]
    assert sorted(fresh) == [("1", "acme"), ("3", "acme"), ("4", "acme"), ("5", "other")], "what waited stands behind the rest"
    assert ids(store)[0] == "2", "and those of others where they were"


def test_whom_the_sources_know_keeps_the_account_that_they_say(store: SqlStore) -> None:
    store.put_people([], [ContactRow("ann", "mine", "", "", "", "", "", "", None)])
    store.collect([call("1", account_id="")])
    store.collect([said("2", "group", account="acme")])
    assert [a.call.account_id for a in store.collected(0, 1)] == [""], "it counts for `mine` already"
