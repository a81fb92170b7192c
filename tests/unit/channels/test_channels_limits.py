"""How long a server that limits us wants us to wait: in seconds, as a date, as an instant; by clocks that differ; or not said at all."""

from __future__ import annotations

from email.utils import formatdate

import pytest

from cs_engine.channels.pool import come_again

OURS = 1_793_000_000.0
"""What our clock says."""


def date(at: float) -> str:
    return formatdate(at, usegmt=True)


@pytest.mark.parametrize(
    ("headers", "wait"),
    [
        ({"Retry-After": "7"}, 7.0),
        ({"Retry-After": "0"}, 0.0),
        ({"Retry-After": date(OURS + 30)}, 30.0),
        ({"X-RateLimit-Reset": f"{OURS + 12:.0f}"}, 12.0),
        ({"Retry-After": "7", "X-RateLimit-Reset": f"{OURS + 12:.0f}"}, 7.0),
    ],
)
def test_429_with_headers_is_waited_for_as_they_say(headers: dict[str, str], wait: float) -> None:
    assert come_again(headers, OURS) == wait


@pytest.mark.parametrize(
    "headers",
    [{}, {"Retry-After": "soon"}, {"Retry-After": "-3"}, {"Retry-After": "999999"}, {"X-RateLimit-Reset": "60 s"}, {"Date": "now"}],
)
def test_429_without_headers_or_with_odd_ones_backs_off(headers: dict[str, str]) -> None:
    assert come_again(headers, OURS) is None


@pytest.mark.parametrize("skew", [-86_400, -3_700, 0, 3_700, 86_400])
def test_a_clock_that_jumped_a_day_changes_no_wait_for_the_server_tells_its_own(skew: float) -> None:
    theirs = OURS + skew
    assert come_again({"Date": date(theirs), "X-RateLimit-Reset": f"{theirs + 9:.0f}"}, OURS) == 9.0
    assert come_again({"Date": date(theirs), "Retry-After": date(theirs + 9)}, OURS) == 9.0


@pytest.mark.parametrize("at", [OURS - 60, OURS + 7_200])
def test_by_our_own_clock_only_what_is_likely_is_believed(at: float) -> None:
    assert come_again({"X-RateLimit-Reset": f"{at:.0f}"}, OURS) is None
    assert come_again({"Retry-After": date(at)}, OURS) is None


def test_a_reset_that_is_past_by_the_servers_own_clock_is_now() -> None:
    assert come_again({"Date": date(OURS), "X-RateLimit-Reset": f"{OURS - 5:.0f}"}, OURS + 86_400) == 0.0
