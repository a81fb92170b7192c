"""The store's contract: milestones that count once the customer has said yes."""

from __future__ import annotations

from pathlib import Path

from cs_engine.journey import enrolment, message
from cs_engine.ports import Answer, Change, Reached, Word
from cs_engine.state import SqlStore, open_store
from tests.contracts.state_rows import DAY, MINUTE, NOW, PLAYBOOK, at_schema, claimed, entered, line, passage, standing

LATER = NOW + DAY


def claim(store: SqlStore, *accounts: str, now: int = NOW, asks: bool = True, history: bool = False) -> None:
    store.latch("habit", [Reached(account, now - MINUTE, "{}") for account in accounts], now, history, [], asks=asks)


def word(account: str, at: int, *, yes: bool = True, asked_in: str = "") -> Word:
    return Word(account, "habit", yes, at, "on the phone", asked_in)


def counting(store: SqlStore, by: int | None = None) -> list[str]:
    return store.milestones(known_by=by).get("habit", ([], []))[0]


def test_a_claim_counts_from_the_yes_on_and_keeps_its_moment(store: SqlStore) -> None:
    claim(store, "acc_1", "acc_2")
    assert (counting(store), store.claims({"habit"}, NOW)["habit"][0]) == ([], ["acc_1", "acc_2"])
    assert store.confirm(word("acc_1", LATER))
    assert (counting(store, LATER - 1), counting(store, LATER)) == ([], ["acc_1"])
    assert store.milestones() == {"habit": (["acc_1"], [NOW - MINUTE])}
    assert store.confirmed_in({"habit"}, NOW, LATER) == {"habit": 1}
    assert store.confirmed_in({"habit"}, LATER, LATER + 1) == {}
    assert not store.confirm(word("acc_1", LATER + 1)), "it counts already"
    assert not store.confirm(word("acc_3", LATER)), "nobody has claimed it"
    assert [(entry.event, entry.reason) for entry in store.journal("acc_1", "")] == [("confirmed", "on the phone")]


def test_history_counts_without_a_word_and_is_no_yes(store: SqlStore) -> None:
    claim(store, "acc_1", history=True)
    assert (counting(store), store.doubts({"habit"}, LATER), store.confirmed_in({"habit"}, 0, LATER)) == (["acc_1"], {}, {})


def test_a_doubt_stands_until_the_yes_and_what_counts_is_never_doubted(store: SqlStore) -> None:
    claim(store, "acc_1")
    store.put_answers([], [], word=word("acc_1", LATER, yes=False))
    assert store.doubts({"habit"}, LATER - 1) == {}
    assert store.doubts({"habit"}, LATER) == {"habit": (["acc_1"], [LATER])}
    store.put_answers([], [], word=word("acc_1", LATER + 5))
    assert (store.doubts({"habit"}, LATER + 4)["habit"][0], store.doubts({"habit"}, LATER + 5)) == (["acc_1"], {})
    store.put_answers([], [], word=word("acc_1", LATER + 9, yes=False))
    assert (counting(store), store.doubts({"habit"}, LATER + 9)) == (["acc_1"], {})


def test_asking_no_more_counts_all_who_wait(store: SqlStore) -> None:
    claim(store, "acc_1", "acc_2")
    assert store.asking_milestones() == {"habit"}
    assert store.known_milestones(NOW - 1) == set()
    store.ask_no_more("habit", LATER)
    assert (counting(store, LATER - 1), counting(store), store.asking_milestones()) == ([], ["acc_1", "acc_2"], set())


def end(store: SqlStore, *names: str, now: int = LATER) -> None:
    moves = [enrolment.finished(standing(store, f"enr_{n}"), "done", now) for n in names]
    store.commit(Change(moves=moves), now)


def words(store: SqlStore, *accounts: str) -> list[str]:
    return [view.word for account in accounts for view in store.milestones_of(account)]


def test_who_was_asked_and_who_cannot_be_is_noted_once_their_passages_have_ended(store: SqlStore) -> None:
    claim(store, "acc_1", "acc_2", "acc_3", "acc_4")
    store.commit(entered("1", "2"), NOW)
    store.commit(Change(enrolments=[passage("enr_3"), passage("enr_4", control=True)]), NOW)
    claimed(store)
    store.settle([message.accepted("msg_1", "x"), message.rejected("msg_2", "550")], NOW)

    def see(now: int = LATER) -> list[str]:
        store.see_to_asked("habit", PLAYBOOK, "welcome", now)
        return words(store, "acc_1", "acc_2", "acc_3", "acc_4")

    assert see(NOW) == ["", "", "", ""], "what a tick claims itself may be asked in it"
    assert see() == ["asked", "", "", ""], "who is inside may be asked yet"
    end(store, "2", "3", "4")
    assert see() == ["asked", "nobody", "nobody", ""], "passages without effect say nothing"
    assert store.doubts({"habit"}, LATER)["habit"][0] == ["acc_2", "acc_3"]
    assert [(entry.event, entry.reason) for entry in store.journal("acc_2", "")] == [("milestone", "nobody to ask")]


def test_a_word_that_came_before_the_claim_was_latched_is_not_lost(store: SqlStore) -> None:
    store.commit(entered("1", "2"), NOW)
    claimed(store)
    store.settle([message.accepted("msg_1", "x"), message.accepted("msg_2", "x")], NOW)
    for n, said in (("1", "true"), ("2", "false")):
        given = Answer(f"enr_{n}", PLAYBOOK, f"acc_{n}", f"acc_{n}", "welcome", "confirmed", said, "con_1", "contact", f"msg_{n}", NOW + 1)
        store.put_answers([given], [line("answered")], word=word(f"acc_{n}", NOW + 1, yes=said == "true", asked_in=f"msg_{n}"))
    claim(store, "acc_1", "acc_2", now=NOW + MINUTE)
    assert counting(store) == []
    store.see_to_asked("habit", PLAYBOOK, "welcome", LATER)
    assert store.counted({"habit"}) == {"habit": (["acc_1"], [NOW + 1])}
    assert words(store, "acc_1", "acc_2") == ["asked", "not_yet"]


def test_what_they_wrote_is_found_by_the_message_that_asked(store: SqlStore) -> None:
    claim(store, "acc_1", "acc_2")
    store.commit(entered("1"), NOW)
    told = [
        Answer("enr_1", PLAYBOOK, "acc_1", "acc_1", "welcome", field, value, "con_1", "contact", "msg_1", LATER)
        for field, value in (("confirmed", "false"), ("missing", "An export"))
    ]
    lines = [line("answered", reason=answer.field) for answer in told]
    assert store.put_answers(told, lines, word=word("acc_1", LATER, yes=False, asked_in="msg_1")) == 2
    assert store.missing("habit", ["acc_1", "acc_2", "acc_9"]) == {"acc_1": ("not_yet", "An export"), "acc_2": ("", "")}


def test_what_was_reached_before_anybody_could_be_asked_counts_as_it_did(tmp_path: Path) -> None:
    """A database of the schema before goes on."""
    with open_store(f"sqlite:///{tmp_path}/old.db") as store:
        with store.database.write() as tx:
            at_schema(tx, "0029")
            tx.run("INSERT INTO milestones VALUES ('acc_1', 'habit', 5, false, 9, '')")
            tx.run("INSERT INTO milestone_definitions VALUES ('habit', 1)")
        store.migrate()
        assert store.milestones(known_by=8) == {}
        assert store.milestones(known_by=9) == {"habit": (["acc_1"], [5])}
        assert (store.counted({"habit"}), store.asking_milestones()) == ({"habit": (["acc_1"], [5])}, set())
