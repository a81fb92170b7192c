"""The store's contract: what is left of rates is one number for all who deliver."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

import pytest

from cs_engine.journey import message
from cs_engine.journey.caps import History
from cs_engine.journey.rates import Bucket
from cs_engine.ports import Candidate
from cs_engine.state import SqlStore
from tests.contracts.state_rows import HERE, NOW, entered

LATER = NOW + 1


def test_what_nothing_was_taken_of_is_full(store: SqlStore) -> None:
    assert store.buckets(["a", "b"]) == {}
    assert store.buckets(["a", "b"]) == {}, "asking takes nothing"
    store.put_buckets([Bucket("a", 2.5, NOW)])
    assert store.buckets(["b", "a"]) == {"a": Bucket("a", 2.5, NOW)}
    store.put_buckets([Bucket("a", -1.0, LATER), Bucket("b", 0.0, LATER)])
    assert store.buckets(["a"]) == {"a": Bucket("a", -1.0, LATER)}


def test_what_a_claim_takes_is_taken_with_it_or_not_at_all(store: SqlStore) -> None:
    store.commit(entered("1"), NOW)

    def falls(candidates: Sequence[Candidate], _sent: History) -> list[message.Move | None]:
        store.buckets(["a"])
        store.put_buckets([Bucket("a", 0.0, NOW)])
        raise RuntimeError

    with pytest.raises(RuntimeError):
        store.claim(NOW, NOW, NOW, 10, HERE, falls)
    assert store.buckets(["a"]) == {}


def test_of_ten_tokens_eight_who_claim_at_once_take_ten(store: SqlStore, another: Callable[[], SqlStore]) -> None:
    store.commit(entered(*(f"{n:03}" for n in range(80))), NOW)
    store.put_buckets([Bucket("a", 10.0, NOW)])
    gone: list[str] = []

    def claim(own: SqlStore) -> None:
        def verdict(candidates: Sequence[Candidate], _sent: History) -> list[message.Move | None]:
            left = own.buckets(["a"])["a"].tokens
            going = min(int(left), len(candidates))
            own.put_buckets([Bucket("a", left - going, NOW)])
            return [None if i < going else message.held(c.id, c.state, "rate", LATER) for i, c in enumerate(candidates)]

        gone.extend(c.id for c in own.claim(NOW, NOW, NOW, 7, HERE, verdict).dispatching)

    threads = [threading.Thread(target=claim, args=(another(),)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(gone) == len(set(gone)) == 10
    assert store.buckets(["a"])["a"].tokens == 0
