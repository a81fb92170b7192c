"""How values lie: what one query tells of a column is what sorting it in Python tells."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from cs_engine.language.expression import Grain
from cs_engine.ports import Spread
from tests.contracts.usage_world import NOTHING, Account, Contact, Event, Project, World, open_project, write

NOW = datetime(2026, 3, 20, 12, tzinfo=UTC)
SINCE = NOW - timedelta(days=100)
SUMS = [None, 0.0, 0.0, 1.0, 2.5, -4.0, 7.0, 7.0, 900.0, 3.0, 3.0]
"""What each account's events add up to; None: it has none."""

METRICS = {
    "total": {"sum": "amount"},
    "lowest": {"min": "amount"},
    "since": {"first_time": "*"},
    "half": "lowest / nullif(total, 0)",
    "word": "upper(account.name)",
    "active": "total > 2",
    "always": "7",
    "big": "total * 1e15",
    "huge": " * ".join(["big"] * 21),
}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    folder = tmp_path_factory.mktemp("spreads")
    accounts = [Account(f"a{i}", name="even" if i % 2 else "", signed_up_at=SINCE) for i in range(len(SUMS))]
    contacts = [Contact("c0", "a8", created_at=SINCE), Contact("c1", "a8", created_at=SINCE)]
    events = [Event(f"e{i}", f"a{i}", "c0", "x", NOW - timedelta(days=i), amount) for i, amount in enumerate(SUMS) if amount is not None]
    return open_project(folder, write(folder, World(accounts, contacts, events)), metrics=METRICS)


def spread(project: Project, name: str, grain: Grain = Grain.ACCOUNT) -> Spread:
    facts = project.usage.facts(NOW, [], NOTHING)
    try:
        return facts.spreads(grain, [name, *METRICS])[name]
    finally:
        facts.close()


def test_numbers_have_their_quantiles_their_zeros_and_their_blanks(project: Project) -> None:
    values = sorted(amount or 0.0 for amount in SUMS)
    found = spread(project, "total")
    assert found == Spread(11, 0, 3, values[0], values[5], values[9], values[-1], found.bars)
    assert spread(project, "lowest")[:4] == (11, 1, 2, -4.0)


def test_bars_count_every_value_once(project: Project) -> None:
    found = spread(project, "total")
    assert sum(found.bars) == 11
    assert (found.bars[0], found.bars[-1]) == (10, 1)


def test_values_that_are_all_one_have_no_bars(project: Project) -> None:
    assert spread(project, "always") == Spread(11, 0, 0, 7, 7, 7, 7)


def test_times_lie_as_times(project: Project) -> None:
    found = spread(project, "since")
    assert (found.blanks, found.zeros, found.least, found.most) == (1, 0, NOW - timedelta(days=10), NOW - timedelta(days=1))


def test_yes_and_no_are_1_and_0_and_text_is_counted(project: Project) -> None:
    active = spread(project, "active")
    assert (active.zeros, active.least, active.most) == (5, 0, 1)
    assert spread(project, "word") == Spread(11, 6, 0, distinct=1)


def test_a_division_by_zero_is_blank_and_so_is_what_is_too_large(project: Project) -> None:
    assert spread(project, "half").blanks == 3
    huge = spread(project, "huge")
    assert (huge.blanks, huge.zeros, huge.most) == (8, 3, 0)


def test_contacts_have_their_own(project: Project) -> None:
    assert spread(project, "total", Grain.CONTACT)[:3] == (2, 0, 1)


def test_nobody_has_no_values(project: Project) -> None:
    facts = project.usage.facts(SINCE - timedelta(days=1), [], NOTHING)
    try:
        assert facts.spreads(Grain.ACCOUNT, ["total", "since", "word"]) == {
            "total": Spread(0, 0, 0), "since": Spread(0, 0, 0), "word": Spread(0, 0, 0, distinct=0),
        }  # fmt: skip
    finally:
        facts.close()
