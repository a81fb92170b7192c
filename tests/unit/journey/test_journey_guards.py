"""Guards: what a run may do by what its playbook did before, and what was said of it."""

from __future__ import annotations

import pytest

from cs_engine.instants import to_micros
from cs_engine.journey.guards import FIRST_DAY, Guards, Limits, Most, Tally, approval, run_id
from cs_engine.journey.orders import Order
from tests.stories.world import day

NOW = to_micros(day(30))
HOUR = FIRST_DAY // 24
MOST = Limits(most={"mails": Most(times=5, at_least=20, first_day=100)})


def guards(*before: int, ago: int = 40 * HOUR, every: int = HOUR, orders: tuple[Order, ...] = (), limits: Limits = MOST) -> Guards:
    return Guards(limits, NOW, [Tally("hello", "mails", NOW - ago + i * every, n) for i, n in enumerate(before)], orders)


def test_on_its_first_day_a_playbook_may_do_so_much_in_all() -> None:
    assert guards().fits("hello", "mails", 100)
    assert not guards().fits("hello", "mails", 101)
    young = guards(60, 20, ago=2 * HOUR)
    assert young.fits("hello", "mails", 20)
    assert not young.fits("hello", "mails", 21)


def test_the_first_days_limit_counts_while_there_are_too_few_runs() -> None:
    assert not guards(100, 100).fits("hello", "mails", 101)
    assert guards(100, 100, 100).fits("hello", "mails", 500)


def test_afterwards_so_many_times_the_median_of_its_recent_runs() -> None:
    usual = guards(*[30] * 39, 5000)
    assert usual.fits("hello", "mails", 150)
    assert not usual.fits("hello", "mails", 151)


def test_so_many_are_always_allowed() -> None:
    rare = guards(1, 1, 1, 1)
    assert rare.fits("hello", "mails", 20)
    assert not rare.fits("hello", "mails", 21)


def test_what_a_try_that_died_has_done_counts() -> None:
    again = Guards(MOST, NOW, [Tally("hello", "mails", NOW, 90)])
    assert again.allow("hello", {"mails": 10})
    assert not again.allow("hello", {"mails": 1})


def test_nothing_goes_beyond_and_all_that_was_wanted_is_told() -> None:
    one = guards()
    assert one.allow("hello", {"mails": 60})
    assert not one.allow("hello", {"mails": 50})
    assert not one.allow("hello", {"mails": 10}), "smaller, and later: it is beyond all the same"
    assert one.allow("other", {"mails": 100})
    (breach,) = one.breaches()
    assert breach == ("hello", "mails", 120, "120 mails in one run, 100 are allowed (first_day: 100)")


def test_what_lost_a_race_counts_no_more() -> None:
    one = guards()
    assert one.allow("hello", {"mails": 60})
    one.undo([Tally("hello", "mails", NOW, 60)])
    assert one.fits("hello", "mails", 100)


def test_what_is_not_guarded_is_not_held() -> None:
    assert guards().allow("hello", {"enrolments": 10_000, "ctas": 10_000, "mails": 0})


def test_a_yes_lets_go_what_was_wanted_and_a_tenth_more_once() -> None:
    breach = Order("hello", "", "breach:mails", NOW - HOUR, run_id(NOW - HOUR), "120 mails", "120")
    yes = approval(breach, NOW, "kim")
    assert (yes.kind, yes.by, yes.value) == ("approved:mails", run_id(NOW - HOUR), "132")
    after = guards(orders=(yes,))
    assert after.fits("hello", "mails", 132)
    assert not after.fits("hello", "mails", 133)
    assert after.over(["hello"]) == [("hello", "", "approved:mails")]
    assert after.over(["other"]) == [], "it has not run yet"


def test_a_breach_stands_until_a_run_does_without() -> None:
    breach = Order("hello", "", "breach:mails", NOW - HOUR, "run_1", "120 mails", "120")
    calm = guards(orders=(breach,))
    assert calm.over(["hello"]) == [("hello", "", "breach:mails")]
    again = guards(orders=(breach,))
    again.allow("hello", {"mails": 130})
    assert again.over(["hello"]) == []
    assert again.standing(again.breaches()[0]) == breach


@pytest.mark.parametrize(("accounts", "short"), [(80, False), (79, True), (0, True)])
def test_data_that_have_shrunk_are_too_little(accounts: int, short: bool) -> None:
    limits = Limits(least={"accounts": 0.8})
    found = Guards(limits, NOW, [Tally("", "accounts", NOW - HOUR, 100)]).look({"accounts": accounts}, NOW)
    assert [breach.what for breach in found] == (["accounts"] if short else [])


def test_the_first_run_has_nothing_to_compare_data_with() -> None:
    assert Guards(Limits(least={"accounts": 0.8}), NOW).look({"accounts": 3}, NOW) == []


@pytest.mark.parametrize(("newest", "old"), [(NOW - 2 * HOUR, False), (NOW - 3 * HOUR, True), (None, True)])
def test_usage_that_is_too_old_or_none_is_told(newest: int | None, old: bool) -> None:
    found = Guards(Limits(newest=2 * HOUR), NOW).look({}, newest)
    assert [breach.what for breach in found] == (["newest"] if old else [])


def test_a_yes_to_data_holds_until_they_are_well() -> None:
    yes = Order("", "", "approved:accounts", NOW - HOUR, "run_1", "kim", "0")
    limits, before = Limits(least={"accounts": 0.8}), [Tally("", "accounts", NOW - HOUR, 100)]
    still = Guards(limits, NOW, before, (yes,))
    assert (still.look({"accounts": 10}, NOW), still.breaches(), still.over([""])) == ([], [], [])
    well = Guards(limits, NOW, before, (yes,))
    assert (well.look({"accounts": 100}, NOW), well.over([""])) == ([], [("", "", "approved:accounts")])
