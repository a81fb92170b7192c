"""How long customers take, and when the next one gets there."""

from __future__ import annotations

import pytest

from cs_engine.journey.pace import ENOUGH, LEAST, Forecast, Spread, forecast, spread_of


def test_a_spread_is_the_quartiles() -> None:
    assert spread_of([]) is None
    assert spread_of([3.0]) == Spread(1, 3.0, 3.0, 3.0)
    assert spread_of([5.0, 1.0, 2.0, 4.0, 3.0]) == Spread(5, 2.0, 3.0, 4.0)


def test_who_has_waited_already_is_compared_with_those_who_took_longer() -> None:
    every = [float(n) for n in range(1, 21)]
    fresh, waited = forecast(0, [], every), forecast(10, [], every)
    assert fresh is not None
    assert waited is not None
    assert fresh.spread is not None
    assert waited.spread is not None
    assert (fresh.spread.n, fresh.spread.median) == (20, 10.5)
    assert (waited.spread.n, waited.spread.median) == (10, 15.5)


@pytest.mark.parametrize(("alike", "narrow"), [(ENOUGH, True), (ENOUGH - 1, False)])
def test_accounts_alike_tell_where_they_are_enough(alike: int, narrow: bool) -> None:
    found = forecast(0, [1.0] * alike, [1.0] * alike + [9.0] * 30)
    assert found is not None
    assert (found.alike, found.of) == (narrow, alike if narrow else alike + 30)


def test_from_too_few_nothing_is_foretold() -> None:
    assert forecast(0, [], [1.0] * (LEAST - 1)) is None


def test_who_has_waited_longer_than_nearly_all_is_told_so() -> None:
    assert forecast(50, [], [float(n) for n in range(20)]) == Forecast(None, 20, False)
