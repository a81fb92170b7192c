"""The command line is the edge at which the wall clock comes in: everything else is given `now`."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

from freezegun import freeze_time

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
