"""The store's contract: what is held about a person is found in every table, and nothing of it is left when they are erased."""

from __future__ import annotations

from typing import Any

import pytest

from cs_engine.journey import message
from cs_engine.journey.approval import Approval
from cs_engine.journey.edits import Edit
from cs_engine.journey.orders import PAUSE, Order
from cs_engine.journey.preference import Preference
from cs_engine.journey.touch import Loss, Reaction, Touch
from cs_engine.ports import (
    AccountRow,
    Answer,
    Change,
    ContactRow,
    EditedStep,
    EnrolRequest,
    Kept,
    Whom,
)
from cs_engine.state import SqlStore
from cs_engine.state.persons import NOBODYS, PLACES
from cs_engine.state.schema import metadata
from cs_engine.usage.collected import Collected
from tests.contracts.state_rows import DAY, DIGEST, NOW, PLAYBOOK, alert, claimed, events, line, mail, passage

CANARY = "Ken-Canary"
ADDRESS = "ken-canary@example.jp"
KEN = ContactRow("con_1", "acc_1", ADDRESS, "hash-of-ken", CANARY, "champion", "ja", "Asia/Tokyo", None)
EVE = ContactRow("con_2", "acc_1", "eve@example.jp", "hash-of-eve", "Eve", "operator", "", "", None)
WHOM = Whom(("con_1",), ("hash-of-ken",), ("hash-of-id",), ("personal",), frozenset({("personal", "ask", "score")}))


@pytest.fixture
def lived(store: SqlStore) -> SqlStore:
    """Ken stands in a playbook of his own and gets mail of his account's; everything about him says his name somewhere."""
    store.put_people([AccountRow("acc_1", "Example", "", "", "", None), AccountRow("con_1", "Namesake", "", "", "", None)], [KEN, EVE])
    own: dict[str, Any] = {"subject_id": "con_1", "account_id": "acc_1", "playbook": "personal"}
    theirs: dict[str, Any] = {"subject_id": "con_2", "account_id": "acc_1", "playbook": "personal"}
    store.commit(
        Change(
            enrolments=[
                passage("enr_ken", **own), passage("enr_eve", **theirs), passage("enr_1"),
                passage("enr_namesake", subject_id="con_1", account_id="con_1"),
            ],
            messages=[
                mail("msg_ken", "enr_ken", recipient="con_1", **own),
                mail("msg_eve", "enr_eve", recipient="con_2", **theirs),
                mail("msg_of_account", "enr_1", recipient="con_1"),
                mail("msg_eve_of_account", "enr_1", recipient="con_2"),
                alert("msg_about_ken", "enr_ken", **own),
            ],
            journal=[
                line("entered", "acc_1", "enr_ken", subject_id="con_1", playbook="personal", seen=f'{{"contact.name": "{CANARY}"}}'),
                line("entered", "acc_1", "enr_eve", subject_id="con_2", playbook="personal"),
            ],
            kept=[Kept("enr_ken", f'{{"contact.name": "{CANARY}"}}')],
        ),
        NOW,
    )  # fmt: skip
    store.see("contact contact.name abc", {"con_1": CANARY, "con_2": "Eve"}, NOW)
    store.see("contact contact.name abc", {"con_1": f"{CANARY} II", "con_2": "Eve"}, NOW + 1)
    store.see("account account.name abc", {"con_1": "Namesake"}, NOW)
    store.see_spells({"held_since:contact/abc/x": ["con_1", "con_2"], "held_since:account/abc/x": ["con_1"]}, NOW)
    store.log_touches([Touch("t1", "acc_1", "con_1", "call", "alex@vendor.example", NOW)], [Reaction("acc_1", "con_1", "open", NOW)])
    store.put_lost([Loss("con_1", "acc_1", "personal", "", NOW)], [], NOW, [])
    store.request([EnrolRequest("personal", "con_1", "manual", NOW), EnrolRequest("personal", "con_2", "manual", NOW)])
    answered = Answer("enr_ken", "personal", "acc_1", "con_1", "ask", "why", f"I am {CANARY}", "con_1", "contact", "msg_ken", NOW)
    told = [answered, answered._replace(field="score", value="9"), answered._replace(field="best", value="con_1", by="con_2")]
    store.put_answers(told, [line("answered", "acc_1", "enr_ken", subject_id="con_1", playbook="personal")] * 3)
    store.ask_approval(
        [Approval("msg_ken", "personal", "acc_1", "con_1", "enr_ken", "welcome", "alex@vendor.example", CANARY, CANARY, CANARY, NOW, NOW)],
        [message.Alarm(alert("msg_alarm", "", kind="alarm", step="approval:msg_ken", playbook="personal"), f"Read it: {CANARY}")],
        [],
    )
    said = Collected("m1", "identify", "acc_1", "con_1", "anon", "", NOW, f'{{"name": "{CANARY}"}}')
    store.collect([said, said._replace(message_id="m2", contact_id="con_2", properties='{"name": "Eve"}')])
    paused = line("paused", "acc_1", "", subject_id="", playbook="personal", reason=f"in talks with {CANARY}")
    store.order([Order("personal", "acc_1", PAUSE, NOW, "person", f"in talks with {CANARY}")], lines=[paused])
    edit = Edit("enr_ken", "welcome", f"To {CANARY}", CANARY, NOW, "alex@vendor.example", f"{CANARY} asked")
    store.edit_step(EditedStep(edit, "personal", "acc_1", "con_1", "welcome", NOW), NOW)
    store.set_preferences([Preference("hash-of-ken", "tips", False, "page", NOW)])
    return store


def everything(store: SqlStore) -> dict[str, str]:
    with store.database.read() as tx:
        return {table: str(sorted(map(str, tx.rows(f"SELECT * FROM {table}")))) for table in metadata.tables}


def test_somebody_has_thought_about_every_table() -> None:
    """A new table is added to PLACES, with its rows about a person, or to NOBODYS."""
    assert set(metadata.tables) == {*PLACES, *NOBODYS}
    assert not NOBODYS & set(PLACES)


def test_what_is_held_is_found_in_every_table_and_is_nobody_elses(lived: SqlStore) -> None:
    held = lived.held(WHOM)
    not_there = {"cta_marks", "ctas", "deliveries", "passed_over", "provider_events", "step_orders", "suppressions"}
    assert set(PLACES) - set(held) == not_there
    assert [row["id"] for row in held["enrolments"]] == ["enr_ken"]
    assert sorted(row["id"] for row in held["messages"]) == ["msg_about_ken", "msg_ken", "msg_of_account"]
    assert [row["name"] for row in held["contacts"]] == [CANARY]
    assert {row["name"] for row in held["watched"]} == {"contact contact.name abc"}
    assert {row["name"] for row in held["spells"]} == {"held_since:contact/abc/x"}
    assert "eve@example.jp" not in str(held)
    assert "hash-of-eve" not in str(held)
    leaky = {table for table, rows in everything(lived).items() if CANARY.lower() in rows.lower()}
    assert leaky <= set(held), "whatever says the name is shown"


def test_nothing_of_an_erased_person_is_left_but_hashes_and_ids(lived: SqlStore) -> None:
    done = lived.erase(WHOM, NOW + DAY)
    assert (done.contacts, done.messages, done.stopped, done.passages) == (1, 3, 3, 1)
    left = everything(lived)
    assert [table for table, rows in left.items() if CANARY.lower() in rows.lower()] == []
    assert "Eve" in left["contacts"]
    assert lived.erased() == {"hash-of-ken", "hash-of-id"}
    assert lived.preferences(["hash-of-ken"]), "what they refused stands, by the hash alone"
    answers = [(row["field"], row["value"], row["by"]) for row in lived.held(WHOM)["answers"]]
    assert sorted(answers) == [("best", "", "con_2"), ("score", "9", ""), ("why", "", "")]


def test_erasing_twice_is_erasing_once(lived: SqlStore) -> None:
    lived.erase(WHOM, NOW + DAY)
    left = everything(lived)
    again = lived.erase(WHOM, NOW + 2 * DAY)
    assert (again.stopped, again.passages) == (0, 0)
    assert everything(lived) == left


def test_queued_mail_to_them_dies_their_passages_end_and_others_go_on(lived: SqlStore) -> None:
    lived.erase(WHOM, NOW + DAY)
    assert {view.id: (view.state, view.reason) for view in lived.messages_of("acc_1", "personal")} == {
        "msg_ken": ("skipped", "erased"), "msg_about_ken": ("skipped", "erased"), "msg_eve": ("planned", ""),
    }  # fmt: skip
    assert [(view.id, view.state, view.finished_reason) for view in lived.enrolments_of("acc_1", "personal")] == [
        ("enr_eve", "active", ""), ("enr_ken", "finished", "erased"),
    ]  # fmt: skip
    assert [view.state for view in lived.enrolments_of("con_1", PLAYBOOK)] == ["active"], "an account of the same id is somebody else"
    assert ("skipped", "erased") in events(lived)
    assert {c.id for c in claimed(lived, now=NOW + DAY).dispatching} - {"msg_alarm"} == {"msg_eve", "msg_eve_of_account"}


def test_mail_planned_for_them_later_is_known_to_be_to_somebody_erased(lived: SqlStore) -> None:
    lived.suppress("hash-of-ken", "bounced", NOW)
    lived.erase(WHOM, NOW + DAY)
    lived.commit(Change([passage("enr_9")], (), [mail("msg_9", "enr_9", recipient="con_1", digest=DIGEST)]), NOW + DAY)
    (candidate,) = [c for c in claimed(lived, now=NOW + 2 * DAY).dispatching if c.id == "msg_9"]
    assert (candidate.erased, candidate.suppressed, candidate.email) == (True, True, "")


def test_an_id_that_is_an_address_is_replaced_by_a_hash(store: SqlStore) -> None:
    own: dict[str, Any] = {"subject_id": ADDRESS, "account_id": "acc_1", "playbook": "personal"}
    store.put_people([AccountRow("acc_1", "Example", "", "", "", None)], [KEN._replace(id=ADDRESS), EVE])
    store.commit(
        Change(
            [passage("enr_ken", **own), passage("enr_1")],
            (),
            [mail("msg_ken", "enr_ken", recipient=ADDRESS, **own), mail("msg_1", "enr_1", recipient=ADDRESS)],
            journal=[line("entered", "acc_1", "enr_ken", subject_id=ADDRESS, playbook="personal")],
        ),
        NOW,
    )
    store.put_lost([Loss(ADDRESS, "acc_1", "personal", "", NOW)], [], NOW, [])
    store.put_passed_over("personal", [(ADDRESS, "")], [])
    told = Answer("enr_1", PLAYBOOK, "acc_1", "acc_1", "ask", "best", ADDRESS, ADDRESS, "contact", "msg_1", NOW)
    store.put_answers([told], [line("answered")])
    store.erase(Whom((ADDRESS,), ("hash-of-ken",), ("hash-of-id-1", "hash-of-id-0"), ("personal",)), NOW + DAY)
    assert [table for table, rows in everything(store).items() if "canary" in rows.lower()] == []
    views = store.enrolments_of("acc_1", "personal")
    assert [(view.subject_id, view.finished_reason) for view in views] == [("erased-hash-of-id-1", "erased")]


def test_a_suppression_is_taken_back_and_says_what_it_was(store: SqlStore) -> None:
    store.suppress("h1", "asked", NOW)
    store.suppress("h2", "asked", NOW)
    assert store.unsuppress(["h1", "h2", "h3"]) == [("asked", NOW)]
    assert store.unsuppress(["h1"]) == []
    assert store.suppressed() == set()


def test_contacts_are_known_by_id_and_by_address(lived: SqlStore) -> None:
    assert lived.contacts_known("con_1", ()) == [("con_1", ADDRESS)]
    assert lived.contacts_known("", ("hash-of-eve", "hash-of-ken")) == [("con_1", ADDRESS), ("con_2", "eve@example.jp")]
    assert lived.contacts_known("nobody", ()) == []
