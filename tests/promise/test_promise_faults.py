"""Deliverers that are killed, stopped, told to end, doubled, or cannot write: nothing is lost, and nothing is knowingly sent twice."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from cs_engine.errors import DatabaseUnavailable
from cs_engine.run.delivery import deliver as delivery
from cs_engine.state import SqlStore
from tests.doubles.http import Answer
from tests.doubles.sendgrid import SendgridDouble
from tests.promise.crowd import REPOSITORY
from tests.promise.faults import Stage


@pytest.fixture
def vendor() -> Iterator[SendgridDouble]:
    with SendgridDouble() as double:
        yield double
        assert double.problems == []


def taken(double: SendgridDouble) -> Counter[str]:
    with double.lock:
        return Counter(mail.to for mail in double.accepted)


def once_each(messages: int) -> Counter[str]:
    return Counter(f"c{number}@customer.example" for number in range(messages))


def case(name: str, folder: Path, double: SendgridDouble, messages: int) -> dict[str, Any]:
    command = [sys.executable, "-m", "tests.promise.faults", name, str(folder), double.base_url, str(messages)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=REPOSITORY, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    said: dict[str, Any] = json.loads(done.stdout)
    return said


# --- processes that end, or are stopped


def test_killed_200_times_before_and_after_the_vendor_accepts_nothing_is_sent_twice_and_nothing_lost(
    tmp_path: Path, vendor: SendgridDouble
) -> None:
    said = case("killed", tmp_path, vendor, 603)
    assert (said["before"], said["after"]) == (100, 100)
    sent = taken(vendor)
    assert max(sent.values()) == 1
    states = Counter(said["states"])
    assert states.total() == 603
    assert set(states) <= {"accepted", "uncertain died_on_the_way"}, "each is known, or known to be unknown"
    assert states["accepted"] <= sent.total() < 603


def test_a_paused_deliverer_that_wakes_after_its_lease_sends_nothing_more_and_what_it_learnt_is_kept(
    tmp_path: Path, vendor: SendgridDouble
) -> None:
    said = case("paused", tmp_path, vendor, 12)
    assert said["ended"] == 0
    assert said["between"] == {"accepted": 8, "uncertain died_on_the_way": 4}, "another has taken over"
    learned = said["after"]["accepted learned_late"]  # the one that was on its way, and on a slow machine those that followed at once
    assert 1 <= learned <= 4
    assert Counter(said["after"]) == Counter({"accepted": 8, "accepted learned_late": learned, "planned lease_over": 4 - learned})
    assert said["states"] == {"accepted": 12 - learned, "accepted learned_late": learned}
    assert taken(vendor) == once_each(12)


@pytest.mark.parametrize(("how", "signal"), [("terminated", 15), ("interrupted", 2)])
def test_sigterm_in_the_middle_of_a_batch_ends_the_process_when_that_batch_is_settled(
    tmp_path: Path, vendor: SendgridDouble, how: str, signal: int
) -> None:
    """And Ctrl-C."""
    said = case(how, tmp_path, vendor, 80)
    assert said["signal"] == signal, "it dies of the signal, as its keeper expects"
    assert said["ended"] == {"accepted": 40, "planned": 40}, "nothing is uncertain"
    assert taken(vendor).total() == 40


def test_eight_deliverers_at_once_send_each_message_once(tmp_path: Path, vendor: SendgridDouble) -> None:
    said = case("raced", tmp_path, vendor, 120)
    assert said["ended"] == [0] * 8
    assert said["states"] == {"accepted": 120}
    assert taken(vendor) == once_each(120)


# --- a database that cannot be written to


class Locked:
    """Another writer keeps the database from the vendor's first request on, for so long."""

    def __init__(self, stage: Stage, vendor: SendgridDouble, seconds: float) -> None:
        self._file = stage.database.removeprefix("sqlite:///")
        self._seconds, self._taken = seconds, False
        vendor.on_connection = self._take

    def _take(self, _port: int) -> None:
        if not self._taken:
            self._taken = True
            writer = sqlite3.connect(self._file, isolation_level=None, check_same_thread=False)
            writer.execute("BEGIN IMMEDIATE")
            threading.Timer(self._seconds, writer.close).start()


def test_a_locked_database_is_waited_for_and_what_was_sent_is_settled(tmp_path: Path, vendor: SendgridDouble) -> None:
    stage = Stage(tmp_path, vendor.base_url, 20)
    Locked(stage, vendor, 0.8)
    stage.deliver(patience=0.05)
    assert stage.states() == {"accepted": 20}
    assert taken(vendor) == once_each(20)


class Full:
    """The disk has no room from the vendor's first request on, until somebody makes some."""

    def __init__(self, vendor: SendgridDouble, seconds: float | None) -> None:
        self.is_full = False
        self._seconds = seconds
        vendor.on_connection = self._fill

    def _fill(self, _port: int) -> None:
        if not self.is_full and self._seconds != 0:
            self.is_full = True
            if self._seconds is not None:
                seconds, self._seconds = self._seconds, 0
                threading.Timer(seconds, self._empty).start()

    def _empty(self) -> None:
        self.is_full = False

    def limits(self, store: SqlStore) -> None:
        def checked_out(connection: Any, *_: object) -> None:
            pages = connection.execute("PRAGMA page_count").fetchone()[0]
            connection.execute(f"PRAGMA max_page_count = {pages if self.is_full else 1 << 30}")

        event.listen(store.database.engine, "checkout", checked_out)


def test_a_full_disk_is_waited_for_and_what_was_sent_is_settled(tmp_path: Path, vendor: SendgridDouble) -> None:
    stage, disk = Stage(tmp_path, vendor.base_url, 400), Full(vendor, 0.8)
    stage.deliver(opened=disk.limits)
    assert stage.states() == {"accepted": 400}
    assert taken(vendor) == once_each(400)


def test_a_disk_that_stays_full_is_said_and_what_nobody_could_write_down_is_uncertain_not_sent_again(
    tmp_path: Path, vendor: SendgridDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage, disk = Stage(tmp_path, vendor.base_url, 400), Full(vendor, None)
    monkeypatch.setattr(delivery, "DATABASE_PATIENCE", 0.2)
    with pytest.raises(DatabaseUnavailable, match="full"):
        stage.deliver(opened=disk.limits)
    assert stage.states() == {"dispatching": 400}
    vendor.on_connection = lambda _: None
    stage.expire()
    stage.deliver()
    assert stage.states() == {"uncertain died_on_the_way": 400}
    assert taken(vendor) == once_each(400)


# --- limits and clocks


def test_429_without_headers_backs_off_and_nothing_goes_twice(tmp_path: Path, vendor: SendgridDouble) -> None:
    stage = Stage(tmp_path, vendor.base_url, 20)
    vendor.on_request(5, Answer(429))
    stage.deliver()
    assert stage.states() == {"accepted": 20}
    assert taken(vendor) == once_each(20)


@pytest.mark.parametrize("hours", [-24, 24])
def test_a_clock_that_jumps_a_day_while_mail_is_sent_loses_nothing_and_sends_nothing_twice(
    tmp_path: Path, vendor: SendgridDouble, hours: float
) -> None:
    stage = Stage(tmp_path, vendor.base_url, 40)
    beside: list[threading.Thread] = []

    def jumps(_port: int) -> None:
        """A machine whose clock is a day off takes part: by its clock all leases are over, or have hardly begun."""
        if not beside:
            beside.append(threading.Thread(target=lambda: stage.deliver(off=hours)))
            beside[0].start()

    vendor.on_connection = jumps
    stage.deliver()
    beside[0].join()
    stage.deliver(hours=1)
    assert taken(vendor) == once_each(40)
    assert set(stage.states()) <= {"accepted", "accepted learned_late"}
