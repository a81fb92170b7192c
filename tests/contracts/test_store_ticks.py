"""The store's contract: ticks."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest

from cs_engine.errors import LostRace, TickBusy, TickTooEarly
from cs_engine.state import SqlStore, this_process
from cs_engine.state.holder import name_of
from tests.contracts.conftest import Wall
from tests.contracts.state_rows import DAY, NOW, entered

ELSEWHERE = "another-host:4711:12345"


@pytest.fixture
def process() -> Iterator[subprocess.Popen[bytes]]:
    """Another process on this host, living."""
    with subprocess.Popen([sys.executable, "-S", "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE) as child:
        yield child
        child.kill()


def test_the_first_tick_follows_nothing(store: SqlStore) -> None:
    assert store.last_tick() is None
    assert store.begin_tick(NOW, this_process()) == (NOW, False)
    assert store.last_tick() == NOW


def test_ticks_before_one_are_told_the_latest_first(store: SqlStore) -> None:
    for now in (NOW, NOW + DAY):
        store.begin_tick(now, this_process())
        store.end_tick(now, this_process(), {})
    store.begin_tick(NOW + 2 * DAY, this_process())
    assert store.ticks_before(NOW + 2 * DAY, 9) == [NOW + DAY, NOW]
    assert store.ticks_before(NOW + 2 * DAY, 1) == [NOW + DAY]


def test_time_only_goes_forward(store: SqlStore) -> None:
    store.begin_tick(NOW, this_process())
    store.release_tick(this_process())
    with pytest.raises(TickTooEarly) as refused:
        store.begin_tick(NOW - 1, this_process())
    assert refused.value.exit_code == 2
    assert store.last_tick() == NOW


def test_a_completed_tick_begun_again_is_a_repeat(store: SqlStore) -> None:
    store.begin_tick(NOW, this_process())
    store.end_tick(NOW, this_process(), {})
    assert store.begin_tick(NOW, this_process()).repeat


def test_a_tick_that_was_not_completed_is_no_repeat(store: SqlStore) -> None:
    store.begin_tick(NOW, this_process())
    store.release_tick(this_process())
    assert store.begin_tick(NOW, this_process()) == (NOW, False)


def test_a_living_process_keeps_its_tick(store: SqlStore, process: subprocess.Popen[bytes], wall: Wall) -> None:
    store.begin_tick(NOW, name_of(process.pid))
    with pytest.raises(TickBusy):
        store.begin_tick(NOW, this_process())
    assert store.last_tick() == NOW


def test_the_tick_of_a_dead_process_of_this_host_is_taken_over_at_once(store: SqlStore, process: subprocess.Popen[bytes]) -> None:
    holder = name_of(process.pid)
    store.begin_tick(NOW, holder)
    process.kill()  # not waited for: a zombie is dead too
    process.stdin.close()  # type: ignore[union-attr]
    for _ in range(500):
        try:
            assert not store.begin_tick(NOW, this_process()).repeat
            break
        except TickBusy:
            continue
    else:
        pytest.fail("the dead process keeps the tick")


def test_a_process_number_that_was_given_again_is_not_the_holder(store: SqlStore, process: subprocess.Popen[bytes]) -> None:
    host_and_pid, _, _start = name_of(process.pid).rpartition(":")
    store.begin_tick(NOW, f"{host_and_pid}:earlier")
    assert store.begin_tick(NOW, this_process()).now == NOW


def test_a_holder_on_another_host_keeps_its_tick_for_ten_minutes(store: SqlStore, wall: Wall) -> None:
    store.begin_tick(NOW, ELSEWHERE)
    wall.passes(minutes=9, seconds=59)
    with pytest.raises(TickBusy):
        store.begin_tick(NOW, this_process())
    wall.passes(seconds=1)
    assert store.begin_tick(NOW, this_process()).now == NOW


def test_a_long_tick_says_that_it_lives_with_what_it_commits(store: SqlStore, another: Callable[[], SqlStore], wall: Wall) -> None:
    store.begin_tick(NOW, ELSEWHERE)
    for n in range(4):
        wall.passes(minutes=5)
        store.commit(entered(str(n)), NOW)
    with pytest.raises(TickBusy):
        another().begin_tick(NOW, this_process())


def test_who_has_the_tick_may_begin_it_again(store: SqlStore) -> None:
    store.begin_tick(NOW, this_process())
    assert store.begin_tick(NOW, this_process()).now == NOW


def test_the_end_of_a_tick_writes_the_next_due_times_and_gives_it_back(store: SqlStore, another: Callable[[], SqlStore]) -> None:
    store.register_plan("onboarding", "d1", "source", NOW)
    store.begin_tick(NOW, ELSEWHERE)
    store.end_tick(NOW, ELSEWHERE, {"onboarding": NOW + DAY})
    assert store.playbooks()["onboarding"].next_due_at == NOW + DAY
    assert another().begin_tick(NOW, "third:1:1").repeat


def test_a_tick_that_was_taken_over_is_not_completed_by_its_first_holder(store: SqlStore, wall: Wall) -> None:
    store.register_plan("onboarding", "d1", "source", NOW)
    store.begin_tick(NOW, ELSEWHERE)
    wall.passes(minutes=11)
    store.begin_tick(NOW, "third:1:1")
    with pytest.raises(LostRace):
        store.end_tick(NOW, ELSEWHERE, {"onboarding": NOW + DAY})
    assert store.playbooks()["onboarding"].next_due_at == NOW
    wall.passes(minutes=11)
    assert not store.begin_tick(NOW, this_process()).repeat


def test_who_does_not_hold_the_tick_cannot_give_it_back(store: SqlStore) -> None:
    store.begin_tick(NOW, ELSEWHERE)
    store.release_tick(this_process())
    with pytest.raises(TickBusy):
        store.begin_tick(NOW, this_process())
