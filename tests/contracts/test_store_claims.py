"""The store's contract: what delivery may claim, and the leases of what it claimed."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable, Sequence

import pytest

from cs_engine.journey import enrolment, identity, message
from cs_engine.journey.caps import History
from cs_engine.journey.enrolment import NewEnrolment
from cs_engine.journey.message import State
from cs_engine.ports import AccountRow, Candidate, Change, ContactRow
from cs_engine.state import SqlStore
from cs_engine.state.holder import name_of
from tests.contracts.state_rows import (
    DAY,
    DIGEST,
    HERE,
    MINUTE,
    NOW,
    PLAYBOOK,
    alert,
    claimed,
    dispatch_all,
    entered,
    events,
    fired,
    mail,
    passage,
    standing,
    states,
)

LATER = NOW + DAY
TOKYO = AccountRow("acc_1", "Example", "ja", "Asia/Tokyo", "csm@vendor.example", None)
KEN = ContactRow("con_1", "acc_1", "ken@example.jp", "hash-of-ken", "Ken", "champion", "", "", None)


def hold_all_until(until: int) -> Callable[[Sequence[Candidate], History], list[message.Move | None]]:
    return lambda candidates, _sent: [message.held(c.id, c.state, "quiet_hours", until) for c in candidates]


def test_the_highest_priority_goes_first_then_the_oldest(store: SqlStore) -> None:
    rows = [
        mail("msg_c", "enr_1", planned_at=NOW + 1),
        mail("msg_d", "enr_2", planned_at=NOW + 1),
        mail("msg_e", "enr_3", priority=90, planned_at=NOW + 2),
        mail("msg_z", "enr_4", planned_at=NOW),
    ]
    store.commit(Change([passage(f"enr_{n}") for n in range(1, 5)], (), rows), NOW)
    assert [c.id for c in claimed(store).dispatching] == ["msg_e", "msg_z", "msg_c", "msg_d"]


def test_what_rules_read_of_the_store_at_a_claim_is_what_the_claim_sees(store: SqlStore) -> None:
    store.commit(entered("1", "2"), NOW)
    seen: list[tuple[int, bool]] = []

    def verdict(candidates: Sequence[Candidate], _sent: History) -> list[message.Move | None]:
        seen.append((store.counts().planned, bool(store.journal("acc_1", PLAYBOOK))))
        return [None] * len(candidates)

    assert len(claimed(store, verdict=verdict).dispatching) == 2
    assert seen == [(2, True)]
    store.suppress("hash", "asked", NOW)
    assert store.suppressed() == {"hash"}, "a transaction that writes is over with its claim"


def test_a_batch_has_a_limit_and_tells_whether_more_is_left(store: SqlStore) -> None:
    store.commit(entered("1", "2", "3"), NOW)
    first, second = claimed(store, limit=2), claimed(store, limit=2)
    assert ([c.id for c in first.dispatching], first.more) == (["msg_1", "msg_2"], True)
    assert ([c.id for c in second.dispatching], second.more) == (["msg_3"], False)
    assert claimed(store).dispatching == []


def test_mail_to_one_person_as_two_contacts_is_known_as_the_same_and_whether_it_has_left(store: SqlStore) -> None:
    """The same playbook, key, number of the passage, step and repeat; mail that is not to the subject itself has its person alone."""
    ann, bob = [KEN._replace(id=f"con_{name}", email_hash=f"hash-of-{name}") for name in ("ann", "bob")]
    store.put_people([TOKYO], [KEN, KEN._replace(id="con_2"), ann, bob])

    def over(contact: str, key: str = "") -> tuple[NewEnrolment, message.NewMessage]:
        id = identity.enrolment_id(PLAYBOOK, contact, key, 1)
        sent = mail(identity.message_id(id, "welcome", "email", contact), id, account_id="acc_1", subject_id=contact, recipient=contact)
        return passage(id, subject_id=contact, account_id="acc_1", key=key), sent

    first, second, other, alone = over("con_1"), over("con_2"), over("con_2", "2027"), over("con_ann")
    told = mail("msg_x", first[0].id, account_id="acc_1", subject_id="acc_1", recipient="con_2", kind="notice")
    seen: dict[str, Candidate] = {}

    def keep(candidates: Sequence[Candidate], _sent: History) -> list[message.Move | None]:
        seen.update((c.id, c) for c in candidates)
        return [None] * len(candidates)

    store.commit(Change([first[0], other[0], alone[0]], (), [first[1], other[1], alone[1], told]), NOW)
    claimed(store, verdict=keep)
    store.commit(Change([second[0]], (), [second[1]]), NOW)
    claimed(store, verdict=keep)
    assert [(seen[id].person, seen[id].had) for id in (first[1].id, second[1].id, other[1].id, alone[1].id, "msg_x")] == [
        ("con_1", False), ("con_1", True), ("con_1", False), ("", False), ("con_1", False)
    ]  # fmt: skip
    assert seen[first[1].id].same == seen[second[1].id].same != seen[other[1].id].same
    assert "" not in (seen[first[1].id].same, seen[other[1].id].same)
    assert (seen[alone[1].id].same, seen["msg_x"].same) == ("", "")


def test_a_candidate_brings_what_the_policy_reads(store: SqlStore) -> None:
    store.put_people([TOKYO], [KEN])
    store.commit(entered("1"), NOW)
    assert claimed(store, now=LATER).dispatching == [
        Candidate(
            id="msg_1",
            state=State.DISPATCHING,
            enrolment_id="enr_1",
            playbook=PLAYBOOK,
            digest=DIGEST,
            step="welcome",
            kind="email",
            channel="email",
            template="onboarding/welcome",
            topic="onboarding",
            account_id="acc_1",
            subject_id="acc_1",
            recipient="con_1",
            recipient_kind="contact",
            cta_id="",
            planned_at=NOW,
            moved_at=LATER,
            attempts=1,
            email="ken@example.jp",
            contact_known=True,
            suppressed=False,
            erased=False,
            refused=False,
            email_hash="hash-of-ken",
            asked_for=False,
            consent="",
            country="",
            timezone="Asia/Tokyo",
            locale="ja",
            provider_ref="",
            fence=1,
        )
    ]


def test_a_contacts_own_zone_and_locale_win_over_the_accounts(store: SqlStore) -> None:
    store.put_people([TOKYO], [KEN._replace(timezone="Europe/Berlin", locale="de")])
    store.commit(entered("1"), NOW)
    (candidate,) = claimed(store).dispatching
    assert (candidate.timezone, candidate.locale) == ("Europe/Berlin", "de")


def test_a_suppressed_address_is_known_by_its_hash(store: SqlStore) -> None:
    store.put_people([TOKYO], [KEN, KEN._replace(id="con_2", email="", email_hash="")])
    store.suppress("hash-of-ken", "asked", NOW)
    store.suppress("", "nobody's", NOW)
    store.commit(entered("1", "2"), NOW)
    assert [(c.id, c.suppressed) for c in claimed(store).dispatching] == [("msg_1", True), ("msg_2", False)]


def test_a_contact_that_is_gone_is_not_known_but_staff_and_channels_are(store: SqlStore) -> None:
    staff = mail("msg_2", "enr_1", recipient="csm@vendor.example", recipient_kind="staff")
    channel = alert("msg_3", recipient="#customer-success", recipient_kind="channel")
    store.commit(Change([passage()], (), [mail(), staff, channel]), NOW)
    assert [(c.id, c.contact_known, c.email) for c in claimed(store).dispatching] == [
        ("msg_1", False, ""),
        ("msg_2", True, ""),
        ("msg_3", True, ""),
    ]


def test_a_staff_address_that_is_a_contacts_id_too_stays_staff(store: SqlStore) -> None:
    store.put_people([TOKYO], [KEN._replace(id="csm@vendor.example")])
    store.commit(Change([passage()], (), [mail(recipient="csm@vendor.example", recipient_kind="staff")]), NOW)
    assert claimed(store).dispatching[0].email == ""


def test_what_is_held_waits_for_its_time(store: SqlStore) -> None:
    store.commit(entered("1"), NOW)
    held = store.claim(NOW, NOW, NOW, 10, HERE, hold_all_until(NOW + MINUTE))
    assert [move.state for move in held.moved] == [State.HELD]
    assert held.dispatching == []
    assert store.next_until() == NOW + MINUTE
    assert claimed(store, now=NOW + MINUTE - 1).dispatching == []
    (candidate,) = claimed(store, now=NOW + MINUTE).dispatching
    assert candidate.attempts == 1
    assert store.next_until() is None
    assert events(store) == [("entered", ""), ("held", "quiet_hours")]


def test_a_claim_may_be_of_one_channel(store: SqlStore) -> None:
    store.commit(Change([passage()], (), [mail("msg_1"), alert("msg_2"), alert("msg_3")]), NOW)
    slack = store.claim(NOW, NOW, NOW, 2, HERE, dispatch_all, "slack")
    assert ([c.id for c in slack.dispatching], slack.more) == (["msg_2", "msg_3"], False)
    assert [c.id for c in claimed(store).dispatching] == ["msg_1"]


def test_the_next_time_may_be_of_some_channels(store: SqlStore) -> None:
    store.commit(Change([passage()], (), [mail("msg_1"), alert("msg_2")]), NOW)
    store.claim(NOW, NOW, NOW, 10, HERE, hold_all_until(LATER), "email")
    store.claim(NOW, NOW, NOW, 10, HERE, hold_all_until(LATER + 1), "slack")
    assert (store.next_until(), store.next_until(["slack"])) == (LATER, LATER + 1)
    assert store.next_until(["email", "slack"]) == LATER


def test_what_the_policy_skips_ends_its_step(store: SqlStore) -> None:
    store.commit(entered("1"), NOW)
    claim = store.claim(NOW, NOW, LATER, 10, HERE, lambda cs, _sent: [message.skipped(c.id, c.state, "suppressed") for c in cs])
    assert [move.reason for move in claim.moved] == ["suppressed"]
    assert standing(store).step_ended_at == LATER
    assert events(store)[-1] == ("skipped", "suppressed")
    assert store.messages_of("acc_1", PLAYBOOK)[0].settled_at == LATER


def test_the_policy_is_asked_only_of_those_still_at_their_step(store: SqlStore) -> None:
    store.commit(entered("1", "2", "3"), NOW)
    goal = enrolment.finished(standing(store, "enr_1"), "goal", LATER)
    moved_on = enrolment.parked(standing(store, "enr_2"), "settle", LATER)
    store.commit(Change(moves=[goal, moved_on]), LATER)
    asked: list[str] = []

    def verdict(candidates: Sequence[Candidate], sent: History) -> list[message.Move | None]:
        asked.extend(c.id for c in candidates)
        return dispatch_all(candidates, sent)

    claim = store.claim(NOW, LATER, LATER, 10, HERE, verdict)
    assert asked == ["msg_3"]
    assert [(move.id, move.state, move.reason) for move in claim.moved] == [
        ("msg_1", State.SKIPPED, "goal"),
        ("msg_2", State.SKIPPED, "left_step"),
    ]
    assert events(store)[-1] == ("skipped", "goal")


def test_an_update_of_a_cta_goes_out_after_its_enrolment_has_ended(store: SqlStore) -> None:
    store.commit(Change([passage()], (), [alert()], [fired()]), NOW)
    claimed(store)
    store.settle([message.accepted("msg_1", "C1/17.2")], NOW)
    goal = enrolment.finished(standing(store), "goal", LATER)
    store.commit(Change(moves=[goal], messages=[alert("msg_u", kind="cta_update")]), LATER)
    store.close_ctas([("cta_1", "goal")], LATER)
    assert store.skip_left(LATER) == {}
    assert [c.id for c in claimed(store, now=LATER).dispatching] == ["msg_u"]


def test_an_alert_that_is_closed_by_now_is_skipped_and_so_is_word_of_its_closing(store: SqlStore) -> None:
    store.commit(Change([passage()], (), [alert(), alert("msg_u", kind="cta_update")], [fired()]), NOW)
    store.close_ctas([("cta_1", "condition_cleared")], NOW)
    claim = claimed(store, now=LATER)
    assert claim.dispatching == []
    assert [(move.id, move.reason) for move in claim.moved] == [("msg_1", "condition_cleared"), ("msg_u", "never_posted")]


def test_what_has_left_its_step_is_skipped_with_the_reason(store: SqlStore) -> None:
    store.commit(entered("1", "2", "3", "4"), NOW)
    store.claim(NOW, NOW, NOW, 1, HERE, hold_all_until(LATER))
    (on_its_way,) = store.claim(NOW, NOW, NOW, 1, HERE, dispatch_all).dispatching
    assert on_its_way.id == "msg_2"
    ends = [enrolment.finished(standing(store, f"enr_{n}"), "exit", LATER) for n in (1, 2)]
    store.commit(Change(moves=[*ends, enrolment.parked(standing(store, "enr_3"), "settle", LATER)]), LATER)
    assert store.skip_left(LATER) == {PLAYBOOK: 2}
    assert store.skip_left(LATER) == {}
    found = {n: store.messages_of(f"acc_{n}", PLAYBOOK)[0] for n in "1234"}
    assert {n: (view.state, view.reason, view.settled_at) for n, view in found.items()} == {
        "1": ("skipped", "exit", LATER),
        "2": ("dispatching", "", None),
        "3": ("skipped", "left_step", LATER),
        "4": ("planned", "", None),
    }
    assert events(store)[-1] == ("skipped", "exit")
    assert events(store, "acc_3")[-1] == ("skipped", "left_step")


def test_a_channel_is_claimed_by_itself(store: SqlStore) -> None:
    store.commit(Change([passage("enr_1"), passage("enr_2")], (), [mail("msg_1", "enr_1"), alert("msg_2", "enr_2")], [fired()]), NOW)
    assert [c.id for c in store.claim(NOW, NOW, NOW, 10, HERE, dispatch_all, "slack").dispatching] == ["msg_2"]
    claim = store.claim(NOW, NOW, NOW, 10, HERE, hold_all_until(LATER), "email")
    assert ([move.id for move in claim.moved], claim.more) == (["msg_1"], False)
    assert (store.next_until(["email"]), store.next_until(["slack"])) == (LATER, None)


def test_an_attempt_for_which_the_channel_is_to_blame_does_not_count(store: SqlStore) -> None:
    store.commit(entered("1"), NOW)
    attempts = []
    for counts in (False, True, False, True):
        (taken,) = claimed(store, now=LATER).dispatching
        attempts.append(taken.attempts)
        store.settle([message.retried(taken.id, "auth", NOW, counts=counts)], LATER)
    assert attempts == [1, 1, 2, 2]


def test_what_is_on_its_way_is_not_claimed_twice(store: SqlStore, another: Callable[[], SqlStore]) -> None:
    store.commit(entered("1"), NOW)
    assert len(claimed(store).dispatching) == 1
    assert claimed(another(), now=LATER).dispatching == []


def test_a_claim_that_raises_has_claimed_nothing(store: SqlStore) -> None:
    store.commit(entered("1"), NOW)

    def broken(candidates: Sequence[Candidate], sent: History) -> list[message.Move | None]:
        raise RuntimeError(len(candidates))

    with pytest.raises(RuntimeError):
        store.claim(NOW, NOW, NOW, 10, HERE, broken)
    assert len(claimed(store).dispatching) == 1


def test_a_lease_ends_after_five_minutes_of_wall_time(store: SqlStore) -> None:
    store.commit(entered("1"), NOW)
    wall = LATER
    claimed(store, wall=wall)
    assert store.expired_leases(wall + 5 * MINUTE - 1) == []
    assert [(c.id, c.state) for c in store.expired_leases(wall + 5 * MINUTE)] == [("msg_1", State.DISPATCHING)]


def test_the_lease_of_a_dead_process_of_this_host_has_ended(store: SqlStore) -> None:
    store.commit(entered("1", "2"), NOW)
    with subprocess.Popen([sys.executable, "-S", "-c", "input()"], stdin=subprocess.PIPE) as child:
        claimed(store, limit=1, holder=name_of(child.pid))
        claimed(store, limit=1)
        assert store.expired_leases(NOW) == []
        child.kill()
    assert [c.id for c in store.expired_leases(NOW)] == ["msg_1"]


def test_two_workers_claim_disjoint_messages(store: SqlStore, another: Callable[[], SqlStore]) -> None:
    names = [f"{n:03}" for n in range(300)]
    store.commit(entered(*names), NOW)
    taken: list[list[str]] = [[], []]

    def work(mine: list[str], own: SqlStore) -> None:
        while batch := claimed(own, limit=20).dispatching:
            mine.extend(c.id for c in batch)

    workers = [threading.Thread(target=work, args=(mine, another())) for mine in taken]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert sorted(taken[0] + taken[1]) == [f"msg_{n}" for n in names]


def test_a_worker_on_postgresql_does_not_wait_for_anothers_claim(empty_postgres: str) -> None:
    with SqlStore(empty_postgres) as first, SqlStore(empty_postgres) as second:
        first.commit(entered("1", "2", "3", "4"), NOW)
        meanwhile: list[str] = []

        def verdict(candidates: Sequence[Candidate], sent: History) -> list[message.Move | None]:
            meanwhile.extend(c.id for c in claimed(second, limit=5).dispatching)
            return dispatch_all(candidates, sent)

        taken = first.claim(NOW, NOW, NOW, 2, HERE, verdict)
        assert [c.id for c in taken.dispatching] == ["msg_1", "msg_2"]
        # The third was looked at to know whether more is left; it is free again now.
        assert meanwhile == ["msg_4"]
        assert [c.id for c in claimed(second).dispatching] == ["msg_3"]
        assert set(states(first, "acc_3").values()) == {"dispatching"}
