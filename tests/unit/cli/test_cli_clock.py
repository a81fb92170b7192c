"""The command line is the edge at which the wall clock comes in: everything else is given `now`."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from freezegun import freeze_time

from cs_engine.cli.show import as_of
from cs_engine.clock import OffsetClock, SystemClock
from tests.unit.cli.conftest import Call


def test_a_run_without_now_is_at_the_clocks_time(project: Path, call: Call) -> None:
    with freeze_time("2026-03-03 10:00:00"):
        said = call("run", "--dry-run", "--format", "json")
    assert (said.code, json.loads(said.out)["now"]) == (0, "2026-03-03T10:00:00Z")


def test_a_clock_that_was_set_back_is_refused_with_a_mend(project: Path, call: Call) -> None:
    with freeze_time("2026-03-02 09:00:00"):
        said = call("run", "--dry-run")
    assert (said.code, said.out) == (2, "")
    assert "2026-03-02T10:00:00" in said.err


def test_deliverys_clock_starts_at_now_and_goes_on_though_the_machines_clock_is_set_back() -> None:
    start, seconds = datetime(2012, 8, 13, 17, tzinfo=UTC), iter([70.0, 70.0, 370.0])
    with freeze_time("2026-03-03 10:00:00") as frozen:
        clock = OffsetClock(start, lambda: next(seconds))
        frozen.move_to("2026-03-02 10:00:00")
        assert clock.now() == start
        assert clock.now() == start + timedelta(minutes=5)
        assert SystemClock().now() == datetime(2026, 3, 2, 10, tzinfo=UTC)


@pytest.mark.parametrize(
    ("at", "zone", "then"),
    [
        (date(2026, 3, 2), "UTC", "2026-03-02T23:59:59.999999+00:00"),
        (date(2026, 3, 2), "Asia/Tokyo", "2026-03-02T14:59:59.999999+00:00"),
        (date(2026, 3, 29), "Europe/Berlin", "2026-03-29T21:59:59.999999+00:00"),  # a day of 23 hours
        (date(2026, 4, 3), "Asia/Tokyo", "2026-04-02T18:00:00+00:00"),  # it is today there
        (date(2026, 4, 9), "UTC", "2026-04-02T18:00:00+00:00"),
        (datetime(2026, 3, 2, 9, tzinfo=UTC), "Asia/Tokyo", "2026-03-02T09:00:00+00:00"),
    ],
)
def test_a_day_that_is_looked_back_at_is_seen_as_it_ended_there_and_today_as_it_is_now(at: date, zone: str, then: str) -> None:
    found = as_of(at, zone, datetime(2026, 4, 2, 18, tzinfo=UTC))
    assert found is not None
    assert found.isoformat() == then
