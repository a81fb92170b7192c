"""The store's contract: what people want to get, the record of it, and that no claim commits after a refusal without it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence

import pytest

from cs_engine.journey import message
from cs_engine.journey.caps import History
from cs_engine.journey.preference import ALL_TOPICS, Preference, word_on
from cs_engine.journey.provider_event import COMPLAINED, ProviderEvent, Received
from cs_engine.ports import AccountRow, Candidate, ContactRow, Whom
from cs_engine.state import SqlStore
from tests.contracts.state_rows import DAY, NOW, claimed, dispatch_all, entered, mail

KEN = ContactRow("con_1", "acc_1", "ken@example.jp", "hash-of-ken", "Ken", "champion", "", "", None)
TOPIC = mail().topic
COMPLAINT = Received(ProviderEvent("e1", "sg-1", "msg_0", "", "hash-of-ken", COMPLAINED, NOW), ("hash-of-ken",))


@pytest.fixture
def ready(store: SqlStore) -> SqlStore:
    """A mail to Ken waits to be claimed."""
    store.put_people([AccountRow("acc_1", "Example", "", "", "", None)], [KEN])
    store.commit(entered("1"), NOW)
    return store


def refused(store: SqlStore) -> bool:
    (candidate,) = claimed(store).dispatching
    return candidate.refused


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ([], False),
        ([(TOPIC, False, 0)], True),
        ([("another", False, 0)], False),
        ([(ALL_TOPICS, False, 0)], True),
        ([(ALL_TOPICS, False, 0), (TOPIC, True, 1)], False),
        ([(TOPIC, True, 0), (ALL_TOPICS, False, 1)], True),
        ([(ALL_TOPICS, False, 1), (TOPIC, True, 1)], True),
        ([(TOPIC, False, 0), (TOPIC, True, 1)], False),
        ([(TOPIC, True, 1), (TOPIC, False, 0)], False),
        ([(TOPIC, False, 0), (ALL_TOPICS, True, 1)], False),
        ([(TOPIC, True, 1), (TOPIC, False, 1)], True),
    ],
)
def test_the_newest_word_counts_and_of_two_at_once_the_refusal(ready: SqlStore, said: list[tuple[str, bool, int]], expected: bool) -> None:
    for topic, wanted, days in said:
        ready.set_preferences([Preference("hash-of-ken", topic, wanted, "page", NOW + days * DAY)])
    word = word_on(TOPIC, ready.preferences(["hash-of-ken"]))
    assert (word is not None and not word.wanted) is expected, "as the pages tell it"
    assert refused(ready) is expected, "as the claim finds it"


def test_a_preference_is_its_persons_alone_and_outlives_the_contact(ready: SqlStore) -> None:
    ready.set_preferences([Preference("hash-of-eve", ALL_TOPICS, False, "page", NOW)])
    ready.set_preferences([Preference("", ALL_TOPICS, False, "page", NOW)])
    ready.set_preferences([Preference("hash-of-ken", TOPIC, False, "page", NOW)])
    ready.put_people([], [])
    ready.put_people([], [KEN, KEN._replace(id="con_2", email="", email_hash="")])
    ready.commit(entered("2"), NOW)
    assert [(c.id, c.refused) for c in claimed(ready).dispatching] == [("msg_1", True), ("msg_2", False)]


def test_what_is_said_again_is_recorded_once(store: SqlStore) -> None:
    assert store.set_preferences([Preference("h", TOPIC, False, "one_click", NOW)])
    assert not store.set_preferences([Preference("h", TOPIC, False, "page", NOW)])
    assert not store.set_preferences([Preference("h", TOPIC, False, "page", NOW + 1)])
    assert not store.set_preferences([Preference("h", TOPIC, True, "page", NOW)]), "older than what is known"
    assert store.set_preferences([Preference("h", TOPIC, True, "page", NOW + 2)])
    assert store.consents(["h"]) == [Preference("h", TOPIC, False, "one_click", NOW), Preference("h", TOPIC, True, "page", NOW + 2)]
    assert store.preferences(["h"]) == [Preference("h", TOPIC, True, "page", NOW + 2)]
    assert store.preferring() == {"h"}


def test_a_changed_key_carries_preferences_and_their_record_over(store: SqlStore) -> None:
    store.set_preferences([Preference("old", TOPIC, True, "page", NOW)])
    store.set_preferences([Preference("old", TOPIC, False, "page", NOW + 1)])
    for _ in range(2):
        store.suppress_alike([("old", "new")])
    assert store.preferences(["new"]) == [Preference("new", TOPIC, False, "page", NOW + 1)]
    assert [(word.wanted, word.at) for word in store.consents(["new"])] == [(True, NOW), (False, NOW + 1)]


REFUSALS: dict[str, Callable[[SqlStore], object]] = {
    "preference": lambda store: store.set_preferences([Preference("hash-of-ken", ALL_TOPICS, False, "page", NOW)]),
    "suppression": lambda store: store.suppress("hash-of-ken", "asked", NOW),
    "erasure": lambda store: store.erase(Whom(("con_1",), ("hash-of-ken",), ("hash-of-id",), ()), NOW),
    "complaint": lambda store: store.receive([COMPLAINT]),
}


@pytest.mark.parametrize("how", REFUSALS)
def test_no_mail_is_claimed_after_a_refusal_has_been_kept(ready: SqlStore, another: Callable[[], SqlStore], how: str) -> None:
    """A refusal that comes while a claim is being judged is kept when the claim has ended, not before."""
    beside, order = another(), list[str]()
    judging = threading.Event()

    def refuse() -> None:
        judging.wait(10)
        REFUSALS[how](beside)
        order.append("refused")

    def verdict(candidates: Sequence[Candidate], sent: History) -> list[message.Move | None]:
        judging.set()
        time.sleep(0.15)
        order.append("judged")
        return dispatch_all(candidates, sent)

    thread = threading.Thread(target=refuse)
    thread.start()
    assert len(claimed(ready, verdict=verdict).dispatching) == 1
    thread.join(20)
    assert order == ["judged", "refused"]
