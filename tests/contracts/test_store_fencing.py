"""The store's contract: who was stopped, and wakes after its lease, neither settles nor overwrites what others did meanwhile."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from cs_engine.journey import message
from cs_engine.journey.message import LATE, Move, State
from cs_engine.ports import Candidate
from cs_engine.state import SqlStore
from tests.contracts.state_rows import DAY, MINUTE, NOW, PLAYBOOK, claimed, entered, events, standing, states

LATER = NOW + DAY
OTHER = "elsewhere:2:b"
AGAIN = NOW + 2 * MINUTE


@pytest.fixture
def sleeper(store: SqlStore) -> Candidate:
    """One mail, claimed by a process that falls asleep; its lease is over, and its fate by now uncertain."""
    store.commit(entered("1"), NOW)
    (taken,) = claimed(store).dispatching
    (expired,) = store.expired_leases(NOW + DAY)
    store.settle([message.lost_sight(expired.id, "died_on_the_way", fence=expired.fence)], NOW)
    return taken


def taken_again(store: SqlStore, now: int = AGAIN) -> Candidate:
    """The same mail, sent again by another process as its policy says."""
    store.settle([message.resolved("msg_1", State.PLANNED, "resent")], NOW)
    (taken,) = claimed(store, now=now, holder=OTHER).dispatching
    return taken


def ends(candidate: Candidate) -> dict[str, Move]:
    """What can become of an attempt."""
    return {
        "accepted": message.accepted(candidate.id, "sg-first", fence=candidate.fence),
        "rejected": message.rejected(candidate.id, "400", fence=candidate.fence),
        "retried": message.retried(candidate.id, "429", NOW, fence=candidate.fence),
        "uncertain": message.lost_sight(candidate.id, "timeout", fence=candidate.fence),
    }


def test_each_claim_has_another_fence(store: SqlStore) -> None:
    store.commit(entered("1"), NOW)
    fences = []
    for _ in range(3):
        (taken,) = claimed(store).dispatching
        fences.append(taken.fence)
        # The attempt does not count, the claim does.
        store.settle([message.retried(taken.id, "auth", NOW, counts=False, fence=taken.fence)], NOW)
    assert fences == [1, 2, 3]


@pytest.mark.parametrize("end", ["rejected", "retried", "uncertain"])
def test_a_paused_deliverer_that_wakes_after_its_lease_does_not_settle_what_another_has_taken(
    store: SqlStore, sleeper: Candidate, end: str
) -> None:
    current = taken_again(store)
    assert store.settle([ends(sleeper)[end]], LATER) == []
    assert states(store) == {"msg_1": "dispatching"}
    assert [m.id for m in store.settle([ends(current)["accepted"]], LATER)] == ["msg_1"]
    assert states(store) == {"msg_1": "accepted"}


def test_a_lost_race_is_in_the_journal_and_nothing_that_nobody_knows(store: SqlStore, sleeper: Candidate) -> None:
    taken_again(store)
    store.settle([ends(sleeper)["rejected"], ends(sleeper)["uncertain"]], LATER)
    store.settle([ends(sleeper)["uncertain"]], LATER)
    assert [line for line in events(store) if line[0] == "late"] == [("late", "rejected")]


def test_an_acceptance_that_is_learned_late_resolves_what_was_uncertain(store: SqlStore, sleeper: Candidate) -> None:
    (made,) = store.settle([ends(sleeper)["accepted"]], LATER)
    assert (made.was, made.state, made.reason) == (State.UNCERTAIN, State.ACCEPTED, LATE)
    assert states(store) == {"msg_1": "accepted"}
    assert standing(store).step_ended_at == LATER
    assert events(store)[-1] == ("accepted", LATE)


def test_an_acceptance_that_is_learned_late_keeps_it_from_being_sent_again(store: SqlStore, sleeper: Candidate) -> None:
    store.settle([message.resolved("msg_1", State.PLANNED, "resent")], NOW)
    store.settle([ends(sleeper)["accepted"]], LATER)
    assert claimed(store, now=LATER).dispatching == []
    with store.database.read() as tx:
        assert tx.rows("SELECT state, sent_at IS NOT NULL FROM messages") in ([("accepted", 1)], [("accepted", True)]), "caps count it"


@pytest.mark.parametrize("end", ["rejected", "retried", "uncertain"])
def test_an_acceptance_that_is_learned_while_another_tries_wins_over_what_comes_of_that(
    store: SqlStore, sleeper: Candidate, end: str
) -> None:
    current = taken_again(store)
    assert store.settle([ends(sleeper)["accepted"]], LATER) == []
    (made,) = store.settle([ends(current)[end]], LATER)
    assert (made.state, made.provider_id, made.reason) == (State.ACCEPTED, "sg-first", LATE)


@pytest.mark.parametrize(("end", "state"), [("rejected", "rejected"), ("retried", "planned"), ("uncertain", "uncertain")])
def test_what_the_last_attempt_proves_is_believed_of_what_was_uncertain(store: SqlStore, sleeper: Candidate, end: str, state: str) -> None:
    store.settle([ends(sleeper)[end]], LATER)
    assert states(store) == {"msg_1": state}


@pytest.mark.parametrize("end", ["accepted", "rejected", "retried", "uncertain"])
def test_what_has_ended_stays_as_it_ended(store: SqlStore, sleeper: Candidate, end: str) -> None:
    store.settle([message.resolved("msg_1", State.SKIPPED, "uncertain_dropped")], NOW)
    assert store.settle([ends(sleeper)[end]], LATER) == []
    assert store.messages_of("acc_1", PLAYBOOK)[0].state == "skipped"
    assert (
        events(store)[-1]
        == {
            "accepted": ("late", "accepted"),
            "rejected": ("late", "rejected"),
            "retried": ("late", "planned"),
            "uncertain": ("skipped", "uncertain_dropped"),
        }[end]
    )


def test_that_it_was_accepted_twice_is_said(store: SqlStore, sleeper: Candidate) -> None:
    store.settle([ends(taken_again(store))["accepted"]], LATER)
    store.settle([ends(sleeper)["accepted"]], LATER)
    assert events(store)[-1] == ("late", "accepted")


def test_who_recovers_does_not_undo_a_claim_that_came_between(store: SqlStore) -> None:
    """Two find the same lease expired; the first has it sent again before the second settles."""
    store.commit(entered("1"), NOW)
    claimed(store)
    (seen,) = store.expired_leases(LATER)
    store.settle([message.retried("msg_1", "never_left", NOW, fence=seen.fence)], NOW)
    claimed(store, now=AGAIN, holder=OTHER)
    assert store.settle([message.lost_sight("msg_1", "died_on_the_way", fence=seen.fence)], LATER) == []
    assert states(store) == {"msg_1": "dispatching"}


def test_a_lease_is_renewed_only_by_who_still_has_it(store: SqlStore) -> None:
    store.commit(entered("1", "2", "3"), NOW)
    taken = {c.id: c.fence for c in claimed(store, wall=NOW).dispatching}
    store.settle([message.accepted("msg_1", "sg"), message.retried("msg_2", "429", NOW)], NOW)
    store.claim(NOW, AGAIN, AGAIN, 10, OTHER, lambda candidates, _sent: [None] * len(candidates))
    assert store.renew(NOW + 4 * MINUTE, list(taken.items())) == {"msg_3"}
    assert [c.id for c in store.expired_leases(NOW + 6 * MINUTE)] == ["msg_2"], "the other's lease is its own"
    assert [c.id for c in store.expired_leases(NOW + 9 * MINUTE)] == ["msg_2", "msg_3"]


@pytest.mark.parametrize("deliverers", [2, 8])
def test_deliverers_that_race_for_one_row_have_one_winner(store: SqlStore, another: Callable[[], SqlStore], deliverers: int) -> None:
    """Each round all of them claim, and all believe to have sent: one claim, one acceptance, however the losers' news come in."""
    rounds = 12
    wins: list[str] = []
    store.commit(entered(*(f"{n:02}" for n in range(rounds))), NOW)
    together = threading.Barrier(deliverers)

    def race(own: SqlStore) -> None:
        for _ in range(rounds):
            together.wait()
            taken = claimed(own, limit=1).dispatching
            wins.extend(c.id for c in taken)
            together.wait()
            own.settle([ends(c)["accepted"] for c in taken], NOW)

    racers = [threading.Thread(target=race, args=(another(),)) for _ in range(deliverers)]
    for racer in racers:
        racer.start()
    for racer in racers:
        racer.join()
    while taken := claimed(store).dispatching:
        wins.extend(c.id for c in taken)
        store.settle([ends(c)["accepted"] for c in taken], NOW)
    assert sorted(wins) == [f"msg_{n:02}" for n in range(rounds)]
    with store.database.read() as tx:
        assert tx.rows("SELECT max(fence), count(*) FROM messages WHERE state = 'accepted'") == [(1, rounds)]
