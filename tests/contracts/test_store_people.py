"""The store's contract: people, plans, milestones, the journal and suppressions."""

from __future__ import annotations

import pytest

from cs_engine.errors import CsEngineError
from cs_engine.ports import AccountRow, ContactRow, MilestoneView, PlaybookState, Reached
from cs_engine.state import SqlStore
from tests.contracts.state_rows import DAY, NOW, PLAYBOOK, claimed, entered, events, line

LATER = NOW + DAY
ACCOUNT = AccountRow("acc_1", "Example", "ja", "Asia/Tokyo", "csm@vendor.example", NOW)
CONTACT = ContactRow("con_1", "acc_1", "ken@example.jp", "hash-of-ken", "Ken", "champion", "", "", None)


def reached(at: int, *accounts: str) -> list[Reached]:
    return [Reached(account, at, '{"uses": 3}') for account in accounts]


def people(store: SqlStore) -> tuple[list[AccountRow], list[ContactRow]]:
    with store.database.read() as tx:
        accounts = tx.rows(f"SELECT {', '.join(AccountRow._fields)} FROM accounts ORDER BY id")
        contacts = tx.rows(f"SELECT {', '.join(ContactRow._fields)} FROM contacts ORDER BY id")
    return [AccountRow(*row) for row in accounts], [ContactRow(*row) for row in contacts]


def test_people_are_what_was_last_synced(store: SqlStore) -> None:
    store.put_people([ACCOUNT, ACCOUNT._replace(id="acc_2")], [CONTACT, CONTACT._replace(id="con_2")])
    changed = [ACCOUNT._replace(created_at=None), ACCOUNT._replace(id="acc_3")]
    moved = [CONTACT._replace(email="ken@new.example", created_at=NOW)]
    store.put_people(changed, moved)
    assert people(store) == (changed, moved)
    store.put_people([], [])
    assert people(store) == ([], [])


def test_an_id_given_twice_is_the_last_ones(store: SqlStore) -> None:
    store.put_people([ACCOUNT, ACCOUNT._replace(name="Newer")], [])
    assert people(store) == ([ACCOUNT._replace(name="Newer")], [])


def test_a_suppression_outlives_the_contact_it_came_from(store: SqlStore) -> None:
    store.put_people([ACCOUNT], [CONTACT])
    assert store.suppress("hash-of-ken", "asked", NOW)
    assert not store.suppress("hash-of-ken", "bounced", LATER)
    store.put_people([], [])
    store.put_people([ACCOUNT], [CONTACT._replace(id="con_9")])
    store.commit(entered("9"), NOW)
    assert claimed(store).dispatching[0].suppressed


def test_only_the_table_of_contacts_holds_addresses_of_customers(store: SqlStore) -> None:
    store.put_people([ACCOUNT], [CONTACT])
    store.suppress("hash-of-ken", "asked", NOW)
    store.commit(entered("1"), NOW)
    claimed(store)
    with store.database.read() as tx:
        tables = ("accounts", "enrolments", "messages", "journal", "suppressions")
        assert not any("ken@example.jp" in str(row) for table in tables for row in tx.rows(f"SELECT * FROM {table}"))


def test_a_registered_plan_is_live_and_due_at_once(store: SqlStore) -> None:
    store.register_plan(PLAYBOOK, "d1", "source 1", NOW)
    assert store.playbooks() == {PLAYBOOK: PlaybookState(PLAYBOOK, "d1", NOW, NOW)}


def test_a_new_version_goes_live_and_the_old_ones_source_stays(store: SqlStore) -> None:
    store.register_plan(PLAYBOOK, "d1", "source 1", NOW)
    store.begin_tick(NOW, "h:1:1")
    store.end_tick(NOW, "h:1:1", {PLAYBOOK: LATER})
    store.register_plan(PLAYBOOK, "d2", "source 2", LATER)
    store.register_plan(PLAYBOOK, "d2", "source 2", LATER + 1)
    assert store.playbooks() == {PLAYBOOK: PlaybookState(PLAYBOOK, "d2", NOW, LATER)}
    assert (store.bundle("d1"), store.bundle("d2")) == ("source 1", "source 2")


def test_a_plan_that_was_never_registered_has_no_source(store: SqlStore) -> None:
    with pytest.raises(CsEngineError, match="d9"):
        store.bundle("d9")


def test_a_milestone_is_latched_once(store: SqlStore) -> None:
    store.latch("habit", reached(NOW, "acc_2", "acc_1"), NOW, False, [line("milestone", f"acc_{n}", "") for n in (1, 2)])
    store.latch("habit", reached(LATER - 5, "acc_1", "acc_3"), LATER, False, [line("milestone", f"acc_{n}", "", at=LATER) for n in (1, 3)])
    assert store.milestones() == {"habit": (["acc_1", "acc_2", "acc_3"], [NOW, NOW, LATER - 5])}
    assert store.milestones(known_by=LATER - 1) == {"habit": (["acc_1", "acc_2"], [NOW, NOW])}, "reached, and nobody knew"
    assert store.milestones_of("acc_3") == [MilestoneView("habit", LATER - 5, LATER, False, '{"uses": 3}', LATER)]
    assert events(store, "acc_1") == [("milestone", "")]
    assert events(store, "acc_3") == [("milestone", "")]


def test_a_milestone_that_nobody_has_reached_is_known_once_evaluated(store: SqlStore) -> None:
    assert store.known_milestones() == set()
    store.latch("habit", [], NOW, True, [])
    store.latch("habit", reached(LATER, "acc_1"), LATER, False, [])
    assert store.known_milestones() == {"habit"}


def test_the_journal_gives_the_latest_lines_oldest_first(store: SqlStore) -> None:
    for n in range(5):
        store.latch("habit", reached(NOW + n, f"acc_x{n}"), NOW + n, False, [line("milestone", "acc_x" + str(n), "", at=NOW + n)])
        store.latch(f"m{n}", reached(NOW + n, "acc_1"), NOW + n, False, [line(f"event-{n}", at=NOW + n), line("other", playbook="other")])
    assert [entry.event for entry in store.journal("acc_1", PLAYBOOK, limit=3)] == ["event-2", "event-3", "event-4"]
    assert store.journal("acc_x0", PLAYBOOK) == [line("milestone", "acc_x0", "")]


def test_lines_of_one_change_keep_their_order(store: SqlStore) -> None:
    lines = [line(event, account) for event in ("entered", "advanced", "finished") for account in ("acc_2", "acc_1")]
    store.commit(entered()._replace(journal=lines), NOW)
    assert [event for event, _ in events(store)] == ["entered", "advanced", "finished"]


def test_text_of_any_script_comes_back_as_it_was(store: SqlStore) -> None:
    odd = ACCOUNT._replace(name="株式会社 O'Brien\t%s :now \\N \U0001f600")
    store.put_people([odd], [])
    seen = '{"account.name": "100% \\\\N 山田"}'
    store.commit(entered()._replace(journal=[line(seen=seen)]), NOW)
    assert people(store)[0] == [odd]
    assert store.journal("acc_1", PLAYBOOK)[0].seen == seen


def test_of_some_addresses_those_are_told_that_are_suppressed(store: SqlStore) -> None:
    store.suppress("h1", "asked", 1)
    store.suppress("h3", "asked", 1)
    assert store.suppressed_of(["h1", "h2"]) == {"h1"}
    assert store.suppressed_of([]) == set()
