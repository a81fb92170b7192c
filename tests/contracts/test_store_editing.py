"""The store's contract: a mail that somebody wrote, for one sending of its step, guarded by where the passage stands."""

from __future__ import annotations

import pytest

from cs_engine.errors import LostRace, OnItsWay
from cs_engine.journey.edits import Edit
from cs_engine.journey.enrolment import Move
from cs_engine.ports import Change, EditedStep
from cs_engine.state import SqlStore
from tests.contracts.state_rows import DAY, NOW, PLAYBOOK, claimed, entered

EDIT = Edit("enr_1", "welcome", "Hi", "Dear Ann", NOW, "csm@vendor.example", "we spoke")


def at(edit: Edit, standing: str = "welcome", since: int = NOW) -> EditedStep:
    return EditedStep(edit, PLAYBOOK, "acc_1", "acc_1", standing, since)


def test_an_edit_is_kept_for_what_the_passage_sends_where_it_stands(store: SqlStore) -> None:
    store.commit(entered("1"), NOW)
    newer = EDIT._replace(text="Dear Ann,")
    assert [store.edit_step(at(edit), NOW) for edit in (EDIT, EDIT, newer)] == [True, False, True]
    assert store.edits(["enr_1"]) == store.edits_of("acc_1", PLAYBOOK) == [newer]
    store.edit_step(at(EDIT._replace(step="later")), NOW)
    assert (store.edits(["enr_1"]), len(store.edits_of("acc_1", PLAYBOOK))) == ([newer], 2)
    assert store.take_back_edit(at(EDIT), NOW)
    assert not store.take_back_edit(at(EDIT), NOW)
    said = [(j.event, j.reason) for j in store.journal("acc_1", PLAYBOOK)]
    assert said[-1] == ("edit_taken_back", "csm@vendor.example: we spoke")


def test_a_mail_on_its_way_and_a_passage_that_stands_elsewhere_are_refused(store: SqlStore) -> None:
    store.commit(entered("1"), NOW)
    for elsewhere in (at(EDIT, standing="settle"), at(EDIT, since=NOW - 1)):
        with pytest.raises(LostRace):
            store.edit_step(elsewhere, NOW)
    claimed(store)
    with pytest.raises(OnItsWay):
        store.edit_step(at(EDIT), NOW)
    assert store.edits_of("acc_1", PLAYBOOK) == []


def test_a_tick_that_decided_before_the_edit_loses_its_race(store: SqlStore) -> None:
    store.commit(entered("1"), NOW)
    (who,) = store.standing(PLAYBOOK, "d1", NOW + 1)
    store.edit_step(at(EDIT), NOW)
    with pytest.raises(LostRace):
        store.commit(Change(moves=[Move(who.id, who.revision, "active", "settle", False, NOW, "")]), NOW + 1)


@pytest.mark.parametrize(("state", "step"), [("finished", "welcome"), ("active", "settle")])
def test_what_has_been_used_or_cannot_be_any_more_is_forgotten_as_the_tick_ends(store: SqlStore, state: str, step: str) -> None:
    store.begin_tick(NOW, "me")
    store.commit(entered("1"), NOW)
    store.edit_step(at(EDIT), NOW)
    store.end_tick(NOW, "me", {})
    assert store.edits_of("acc_1", PLAYBOOK) == [EDIT]
    (who,) = store.standing(PLAYBOOK, "d1", NOW + 1)
    store.begin_tick(NOW + DAY, "me")
    store.commit(Change(moves=[Move(who.id, who.revision, state, step, False, NOW, "goal" if state == "finished" else "")]), NOW + DAY)
    store.end_tick(NOW + DAY, "me", {})
    assert store.edits_of("acc_1", PLAYBOOK) == []
