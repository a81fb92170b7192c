"""docs/guarantees.md: each fault names the tests that prove what it says, and they are there and run."""

from __future__ import annotations

import re

from cs_engine.journey.message import State
from tests.docs.markdown import ROOT, read, table

PAGE = ROOT / "docs/guarantees.md"


def all_that_run() -> set[str]:
    """The names of all tests but those that `make test` leaves out."""
    found: set[str] = set()
    for file in (ROOT / "tests").rglob("test_*.py"):
        for marks, name in re.findall(r"((?:^@.*\n(?:[ )\]].*\n)*)*)^def (test_\w+)", read(file), re.MULTILINE):
            if "pytest.mark.soak" not in marks:
                found.add(name)
    return found


def proofs(first_column: str) -> dict[str, list[str]]:
    rows = table(read(PAGE), first_column)
    return {row[0]: re.findall(r"`(test_\w+)`", row[-1]) for row in rows}


def test_every_fault_and_every_channel_names_tests_that_exist_and_run() -> None:
    named = set(re.findall(r"`(test_\w+)`", read(PAGE)))
    assert len(named) > 35
    assert sorted(named - all_that_run()) == []


def test_no_fault_goes_without_a_proof() -> None:
    faults = proofs("Fault")
    assert len(faults) >= 22
    assert [fault for fault, tests in faults.items() if not tests] == []


def test_every_state_is_in_the_table_of_moves_and_no_other() -> None:
    moves = table(read(PAGE), "From")
    named = {word for row in moves for cell in row[:2] for word in re.findall(r"`(\w+)`", cell)}
    assert named == {state.value for state in State}


def test_what_runs_only_in_a_soak_proves_nothing_here() -> None:
    assert "test_of_ten_thousand_mails_one_fails_and_the_others_go" in all_that_run()
    assert "test_killed_at_every_kind_of_event" not in all_that_run()
