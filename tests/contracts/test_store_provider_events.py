"""The store's contract: what a provider tells is kept once, whoever brings it, however often and in whatever order."""

from __future__ import annotations

import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from cs_engine.errors import LostRace
from cs_engine.journey.aftermath import aftermath_of
from cs_engine.journey.message import lost_sight
from cs_engine.journey.provider_event import (
    BOUNCED,
    CLICKED,
    DELIVERED,
    GROUP_RESUBSCRIBED,
    GROUP_UNSUBSCRIBED,
    ProviderEvent,
    Received,
)
from cs_engine.ports import ContactRow
from cs_engine.state import SqlStore
from cs_engine.state.database import RowRefused
from tests.contracts.conftest import Wall
from tests.contracts.state_rows import MINUTE, NOW, claimed, entered, events, mail, standing, states


def told(id: str = "1", kind: str = DELIVERED, **other: Any) -> Received:
    values: dict[str, Any] = {"told_as": f"sg-{id}", "message_id": f"msg_{id}", "provider_id": "", "address": "h-ann", "at": NOW}
    event = ProviderEvent(id=id, kind=kind, **values | other)
    return Received(event, (event.address,))


def kept(store: SqlStore) -> list[str]:
    with store.database.read() as tx:
        return [id for (id,) in tx.rows("SELECT id FROM provider_events ORDER BY id")]


def test_the_same_again_is_nothing_by_what_happened_or_by_the_providers_id(store: SqlStore) -> None:
    assert store.receive([told("1"), told("2"), told("1")]) == 2
    assert store.receive([told("1", told_as="another"), told("3", told_as="sg-2"), told("4")]) == 1
    assert store.receive([told("5", told_as=""), told("6", told_as="")]) == 2, "no id of the provider's is no identity"
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


# --- what they lead to


def doubtful(store: SqlStore, *names: str) -> None:
    """Mails that left, of which nobody knows whether they were taken."""
    store.put_people([], [person(name) for name in names])
    store.commit(entered(*names), NOW)
    claimed(store)
    store.settle([lost_sight(f"msg_{name}", "timeout") for name in names], NOW)


def person(name: str) -> ContactRow:
    return ContactRow(f"con_{name}", f"acc_{name}", f"{name}@customer.example", f"h-{name}", name, "champion", "", "", NOW)


def test_events_settle_what_was_in_doubt_and_are_applied_once(store: SqlStore) -> None:
    doubtful(store, "1", "2", "3")
    store.receive([told("1", address="h-1"), told("2", BOUNCED, address="h-2", reason="5.1.1"), told("9", CLICKED)])
    assert store.apply_events(2, aftermath_of, NOW + MINUTE).events == 2
    assert store.apply_events(2, aftermath_of, NOW + MINUTE).events == 1
    assert store.apply_events(2, aftermath_of, NOW + MINUTE) == (0, 0)
    assert [states(store, f"acc_{n}") for n in (1, 2, 3)] == [{"msg_1": "accepted"}, {"msg_2": "accepted"}, {"msg_3": "uncertain"}]
    assert events(store, "acc_2")[-2:] == [("accepted", "told"), ("bounced", "5.1.1")]
    assert [line for line in events(store, "acc_1") if line[0] == "delivered"] == [], "what is as it should be needs no line"
    assert store.suppressed() == {"h-2"}
    assert standing(store, "enr_1").step_ended_at == NOW + MINUTE


def test_a_mail_that_came_back_is_seen_to_once_and_its_step_waits_for_what_goes_instead(store: SqlStore) -> None:
    doubtful(store, "1")
    store.receive([told("1", BOUNCED, address="h-1")])
    store.apply_events(10, aftermath_of, NOW + MINUTE)
    (back,) = store.returned()
    assert (back.id, back.recipient, back.stands) == ("msg_1", "con_1", True)
    store.see_to_returned([back.id], [mail("msg_1b", "enr_1", recipient="con_2")], [], NOW + MINUTE)
    assert store.returned() == []
    assert standing(store, "enr_1").step_ended_at is None
    store.receive([told("1b", BOUNCED, message_id="msg_1", address="h-1", at=NOW + 1)])
    store.apply_events(10, aftermath_of, NOW + 2 * MINUTE)
    assert store.returned() == [], "that it is told again is nothing new"


def test_reactions_are_kept_and_taken_back(store: SqlStore) -> None:
    doubtful(store, "1")
    click = told("c", CLICKED, message_id="msg_1", address="h-1", at=NOW + 5_000_000, agent="Mozilla/5.0 (X11) Firefox/140", link="a")
    store.receive([click])
    store.apply_events(10, aftermath_of, NOW + MINUTE)
    assert reactions(store) == [("acc_1", "con_1", "click", NOW + 5_000_000)]
    store.receive([told("d", DELIVERED, message_id="msg_1", address="h-1", at=NOW)])
    store.apply_events(10, aftermath_of, NOW + MINUTE)
    assert reactions(store) == []


def reactions(store: SqlStore) -> list[tuple[Any, ...]]:
    with store.database.read() as tx:
        return [tuple(row) for row in tx.rows("SELECT account_id, contact_id, kind, at FROM reactions ORDER BY at")]


def test_a_refusal_holds_when_the_provider_is_answered_and_of_two_words_the_newer_counts(store: SqlStore) -> None:
    doubtful(store, "1")
    leaves = told("u", GROUP_UNSUBSCRIBED, message_id="msg_1", address="h-1", at=NOW + 1)
    back = told("r", GROUP_RESUBSCRIBED, message_id="msg_1", address="h-1", at=NOW + 2)
    store.receive([leaves])
    assert [(p.topic, p.wanted) for p in store.preferences(["h-1"])] == [("onboarding", False)]
    store.receive([back])
    store.receive([leaves._replace(event=leaves.event._replace(id="u2", told_as=""))])
    assert [(p.topic, p.wanted) for p in store.preferences(["h-1"])] == [("onboarding", True)]
