"""The store's contract: what a provider tells is kept once, whoever brings it, however often and in whatever order."""

from __future__ import annotations

import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from cs_engine.errors import LostRace
from cs_engine.journey.provider_event import BOUNCED, DELIVERED, ProviderEvent, Received
from cs_engine.state import SqlStore
from cs_engine.state.database import RowRefused
from tests.contracts.conftest import Wall
from tests.contracts.state_rows import NOW


def told(id: str = "1", kind: str = DELIVERED, **other: Any) -> Received:
    values: dict[str, Any] = {"event_id": f"sg-{id}", "message_id": f"msg_{id}", "provider_id": "", "address": "h-ann", "at": NOW}
    event = ProviderEvent(id=id, kind=kind, **values | other)
    return Received(event, (event.address,))


def kept(store: SqlStore) -> list[str]:
    with store.database.read() as tx:
        return [id for (id,) in tx.rows("SELECT id FROM provider_events ORDER BY id")]


def test_the_same_again_is_nothing_by_what_happened_or_by_the_providers_id(store: SqlStore) -> None:
    assert store.receive([told("1"), told("2"), told("1")]) == 2
    assert store.receive([told("1", event_id="another"), told("3", event_id="sg-2"), told("4")]) == 1
    assert store.receive([told("5", event_id=""), told("6", event_id="")]) == 2, "no id of the provider's is no identity"
    assert kept(store) == ["1", "2", "4", "5", "6"]


def test_a_batch_is_kept_whole_or_not_at_all(store: SqlStore) -> None:
    with pytest.raises(RowRefused):
        store.receive([told("1"), told("2", reason=None)])
    assert kept(store) == []


def test_many_who_bring_the_same_at_once_keep_it_once(store: SqlStore, another: Callable[[], SqlStore]) -> None:
    events = [told(f"{n:03}", BOUNCED if n % 7 else DELIVERED) for n in range(300)]
    stores = [another() for _ in range(4)]

    def bring(number: int) -> int:
        mine = list(events)
        random.Random(number).shuffle(mine)
        fresh = 0
        for start in range(0, 300, 60):
            while True:
                try:
                    fresh += stores[number].receive(mine[start : start + 60])
                    break
                except LostRace:  # the provider would come again
                    continue
        return fresh

    with ThreadPoolExecutor(4) as people:
        assert sum(people.map(bring, range(4))) == 300
    assert len(kept(store)) == 300


def test_the_last_one_is_known(store: SqlStore, wall: Wall) -> None:
    assert store.last_event() is None
    store.receive([told("1")])
    wall.passes(hours=1)
    store.receive([told("2", at=NOW - 1)])
    assert store.last_event() == int(wall.at.timestamp()) * 1_000_000
