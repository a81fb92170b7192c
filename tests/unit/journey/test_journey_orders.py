"""What stands about playbooks: pauses, failures, lines; and how modes open and halt."""

from __future__ import annotations

import pytest

from cs_engine.journey.mode import Reception, halts, is_open, open_share
from cs_engine.journey.orders import FAILURES, LONGEST_LINE, PAUSE, Order, Orders, PlaybookFailure, line_up
from cs_engine.playbook.plan import Mode

DAY = LONGEST_LINE


def order(kind: str, account: str = "", value: str = "") -> Order:
    return Order("hello", account, kind, 5, "person", "why", value)


def failure(n: int) -> PlaybookFailure:
    return PlaybookFailure("hello", 5, "a", "step", "KeyError", n)


def test_a_pause_of_the_playbook_is_one_of_every_account() -> None:
    both = Orders([order(PAUSE), order(PAUSE, "acme")])
    assert both.pause("hello", "bell") == both.pause("hello") == order(PAUSE)
    one = Orders([order(PAUSE, "acme")])
    assert (one.pause("hello"), one.pause("hello", "bell"), one.pause("hello", "acme")) == (None, None, order(PAUSE, "acme"))
    assert (one.paused_accounts("hello"), one.paused_accounts("other")) == (["acme"], [])


def test_the_tenth_failure_switches_off_once() -> None:
    orders = Orders([order(FAILURES, value="8")])
    assert [orders.failed(failure(1)), orders.failed(failure(1))] == [False, True]
    orders.add(order(PAUSE))
    assert not orders.failed(failure(5))


@pytest.mark.parametrize(
    ("planned", "places"),
    [
        ([], []),
        ([100], [100]),
        ([60, 80, 100, 100], [100, 110, 120, 130]),
        ([100 - 5 * DAY, 100], [100, 100 + DAY // 2]),
    ],
)
def test_what_is_let_go_is_spaced_over_as_long_as_the_oldest_has_waited_a_day_at_most(planned: list[int], places: list[int]) -> None:
    assert line_up(planned, 100) == places


def test_a_ramp_opens_day_by_day_up_to_all() -> None:
    ramp = Mode("ramp", 0.3)
    assert [open_share(ramp, 7, 7 + n * DAY) for n in (0, 1, 2, 3, 9)] == pytest.approx([0.3, 0.6, 0.9, 1.0, 1.0])
    assert open_share(ramp, 7, 7 + DAY - 1) == 0.3
    assert open_share(Mode("canary", 0.05), 0, 99 * DAY) == 0.05


def test_who_is_open_stays_open_and_the_share_is_about_right() -> None:
    accounts = [f"acc_{n}" for n in range(2000)]
    narrow, wide = ({a for a in accounts if is_open("hello", a, share)} for share in (0.1, 0.3))
    assert narrow < wide
    assert 150 < len(narrow) < 250
    assert narrow != {a for a in accounts if is_open("other", a, 0.1)}


@pytest.mark.parametrize(
    ("accepted", "rejected", "complaints", "by"),
    [(96, 4, 0, None), (95, 6, 0, "bounces"), (0, 3, 0, None), (0, 4, 0, "bounces"), (1000, 0, 3, None), (1000, 0, 4, "complaints")],
)
def test_too_many_bounces_or_complaints_halt(accepted: int, rejected: int, complaints: int, by: str | None) -> None:
    found = halts(Reception("hello", accepted, rejected, complaints), 0.05, 0.003)
    assert (found[0] if found else None) == by
