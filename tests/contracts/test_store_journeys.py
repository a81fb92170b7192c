"""The store's contract: what journeys remember of experiments, of what playbooks set, and of who is enrolled by hand."""

from __future__ import annotations

from cs_engine.journey import enrolment
from cs_engine.journey.experiment import Assignment
from cs_engine.ports import Change, EnrolRequest, Kept, ValueChange, ValueSet
from cs_engine.state import SqlStore
from tests.contracts.state_rows import DAY, NOW, PLAYBOOK, entered, events, line, passage, standing

LATER = NOW + DAY


def test_an_account_has_one_arm_in_an_experiment_the_latest(store: SqlStore) -> None:
    store.commit(Change(assignments=[Assignment("hello", "acc_1", "control", NOW), Assignment("other", "acc_1", "treated", NOW)]), NOW)
    later = [Assignment("hello", "acc_1", "treated", LATER), Assignment("hello", "acc_2", "control", LATER)]
    store.commit(Change(assignments=later), LATER)
    assert store.assigned("hello") == {"acc_1": "treated", "acc_2": "control"}
    assert store.assigned("nothing") == {}


def test_a_holdout_only_shrinks(store: SqlStore) -> None:
    for share in (0.1, 0.05, 0.2):
        store.put_holdout(PLAYBOOK, share)
    store.put_holdout("other", 0.3)
    assert store.holdouts() == {PLAYBOOK: 0.05, "other": 0.3}


def test_values_keep_their_kind_and_the_latest_counts(store: SqlStore) -> None:
    store.commit(Change(values=[ValueSet("acc_1", "stage", '"old"', PLAYBOOK, NOW), ValueSet("acc_1", "score", "2.5", PLAYBOOK, NOW)]), NOW)
    later = [ValueSet("acc_1", "stage", '"新しい"', "other", LATER), ValueSet("acc_2", "vip", "true", "other", LATER)]
    store.commit(Change(values=later), LATER)
    assert store.values() == {"stage": (["acc_1"], ["新しい"]), "score": (["acc_1"], [2.5]), "vip": (["acc_2"], [True])}


def test_a_request_waits_once_until_it_is_answered(store: SqlStore) -> None:
    store.request([EnrolRequest(PLAYBOOK, "acc_1", "manual", NOW)])
    store.commit(Change(requests=[EnrolRequest(PLAYBOOK, "acc_1", "first/over", LATER)]), LATER)
    store.request([EnrolRequest("other", "acc_1", "x/y", LATER)])
    assert store.requests(PLAYBOOK) == {"acc_1": "manual"}
    store.drop_requests(PLAYBOOK, ["acc_1", "acc_9"], [line("not_enrolled", enrolment="")])
    assert (store.requests(PLAYBOOK), store.requests("other")) == ({}, {"acc_1": "x/y"})
    assert events(store) == [("not_enrolled", "")]


def test_a_passage_keeps_that_it_is_control_and_since_when_it_is_held(store: SqlStore) -> None:
    store.commit(Change([passage("enr_1", control=True, held_since=NOW)]), NOW)
    assert (standing(store).control, standing(store).held_since, standing(store).entered_at) == (True, NOW, NOW)
    assert store.enrolments_of("acc_1", PLAYBOOK)[0].control is True


def test_a_move_writes_how_often_the_step_was_done_again(store: SqlStore) -> None:
    store.commit(entered("1"), NOW)
    store.commit(Change(moves=[enrolment.parked(standing(store), "welcome", LATER, repeats=2)]), LATER)
    assert standing(store).repeats == 2
    store.commit(Change(moves=[enrolment.parked(standing(store), "settle", LATER)]), LATER)
    assert standing(store).repeats == 0


def test_what_a_passage_began_with_is_kept_as_it_was(store: SqlStore) -> None:
    store.commit(Change([passage("enr_1"), passage("enr_2", subject_id="acc_2")], kept=[Kept("enr_1", '{"event.id": "é"}')]), NOW)
    store.commit(Change(kept=[Kept("enr_1", "{}")]), LATER)
    assert store.kept(["enr_1", "enr_2", "enr_9"]) == {"enr_1": '{"event.id": "é"}'}
    assert store.kept([]) == {}


def test_a_twin_that_comes_second_keeps_nothing(store: SqlStore) -> None:
    store.commit(Change([passage("enr_1", subject_id="acc_1", key="e1")]), NOW)
    store.commit(Change([passage("enr_2", subject_id="acc_1", key="e1")], kept=[Kept("enr_2", "{}")]), NOW)
    assert store.kept(["enr_2"]) == {}


def test_a_spell_lasts_until_a_tick_sees_it_over(store: SqlStore) -> None:
    later, last = NOW + DAY, NOW + 2 * DAY
    store.see_spells({"free": ["acc_1", "acc_2"], "calm": ["acc_1"]}, NOW)
    store.see_spells({"free": ["acc_3", "acc_1"], "calm": []}, later)
    for _ in range(2):  # the tick is run again, and finds what it ended itself
        assert store.spells(["free", "calm", "new"], later) == {
            "free": (["acc_1", "acc_2", "acc_3"], [NOW, NOW, later]), "calm": (["acc_1"], [NOW]), "new": ([], []),
        }  # fmt: skip
        store.see_spells({"free": ["acc_3", "acc_1"], "calm": []}, later)
    assert store.spells(["free", "calm"], last) == {"free": (["acc_1", "acc_3"], [NOW, later]), "calm": ([], [])}
    store.see_spells({"free": ["acc_1", "acc_2", "acc_3"]}, last)
    assert store.spells(["free"], last + 1) == {"free": (["acc_1", "acc_3", "acc_2"], [NOW, later, last])}
    assert store.spells(["free"], NOW) == {"free": (["acc_1", "acc_2"], [NOW, NOW])}  # as it was then


def test_a_spell_that_a_tick_ended_goes_on_when_that_tick_is_run_again_on_other_data(store: SqlStore) -> None:
    for at, holding in ((NOW, ["acc_1"]), (LATER, []), (LATER, ["acc_1"])):
        store.see_spells({"free": holding}, at)
    assert store.spells(["free"], LATER + DAY) == {"free": (["acc_1"], [NOW])}


def test_what_is_asked_no_more_ends(store: SqlStore) -> None:
    store.see_spells({"free": ["acc_1"]}, NOW)
    store.see_spells({}, LATER)
    store.see_spells({"free": ["acc_1"]}, LATER + DAY)
    assert store.spells(["free"], LATER + DAY) == {"free": (["acc_1"], [LATER + DAY])}


def test_what_is_seen_first_is_no_change_and_every_change_after_it_is_kept(store: SqlStore) -> None:
    assert store.see("plan", {"acc_1": "free", "acc_2": "", "acc_3": "team"}, NOW) == 0
    assert store.see("other", {"acc_1": "team"}, NOW) == 0
    later = {"acc_1": "team", "acc_2": "free", "acc_3": "team", "acc_4": "team"}
    assert store.see("plan", later, LATER) == 2
    assert store.see("plan", later, LATER) == 0  # the tick is run again
    assert store.see("plan", {"acc_1": "free"}, LATER + DAY) == 1
    first = [ValueChange("acc_1", LATER, "free", "team"), ValueChange("acc_2", LATER, "", "free")]
    assert store.changes("plan", NOW, LATER) == first
    assert store.changes("plan", LATER, LATER + DAY) == [ValueChange("acc_1", LATER + DAY, "team", "free")]
    assert store.changes("other", 0, LATER) == []
