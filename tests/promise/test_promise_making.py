"""A mail that cannot be made harms nobody else, and one that its author can mend is not lost."""

from __future__ import annotations

import errno
import os
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from types import ModuleType

import pytest

from cs_engine.channels.mailbox import mailbox_folder
from cs_engine.run.delivery import deliver as delivery
from cs_engine.run.delivery import hands
from cs_engine.run.delivery import outbox as outbox_module
from cs_engine.run.tick import run_tick
from tests.doubles.sendgrid import SendgridDouble
from tests.promise.crowd import anew, crowd, states
from tests.stories.world import World, day

SHARE = "You use {{ (100 / account.seats) | round }} percent.\n"


def with_processes(world: World) -> Callable[[], bool]:
    """Has the processes that render and post started at once, as a large delivery does; what it answers: whether they are alive."""
    outbox = world.engine.outbox
    outbox.start_processes()
    for hand in outbox._hands:
        hand.wait()
    return lambda: outbox.posts_beside("email")


def test_of_ten_thousand_mails_one_fails_and_the_others_go(world: World) -> None:
    customers = 10_000
    crowd(world, customers).account(f"acc{customers // 2}", seats=0)
    world.mail("one", "For {{ account.name }}", SHARE).playbook("hello", "- {id: one, email: one}")
    beside = with_processes(world)
    ticked = world.tick(day(0))
    assert ticked.delivery == {"accepted": customers - 1, "rejected": 1}
    assert states(world, customers) == {"accepted": customers - 1, "rejected template_failed:ZeroDivisionError": 1}
    assert len(list(mailbox_folder(world.root).glob("*.eml"))) == customers - 1
    assert beside(), "other processes rendered"


def test_other_processes_are_started_once_there_is_enough_to_do_for_them(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbox_module, "WORTH_A_POOL", 60)
    monkeypatch.setattr(delivery, "BATCH", 50)
    crowd(world, 100).playbook("hello", "- {id: one, email: one}")
    world.tick(day(0, 9), "nobody")
    assert world.engine.outbox.grows("email") is (os.cpu_count() != 1)
    assert world.tick(day(0)).delivery == {"accepted": 100}
    assert not world.engine.outbox._hands, "after the first batch only 50 were left"
    world.playbook("more", "- {id: one, email: one}")
    monkeypatch.setattr(outbox_module, "WORTH_A_POOL", 40)
    assert world.tick(day(1)).delivery == {"accepted": 100}
    assert len(world.engine.outbox._hands) == world.engine.outbox._processes


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("{{ contact.name | no_such_filter }}\n", "broken_template"),
        ("{% if %}\n", "broken_template"),
        ("{{ no_such_metric }}\n", "unknown_name"),
    ],
    ids=["filter", "syntax", "name"],
)
def test_a_broken_template_holds_its_mail_until_it_is_mended_and_others_go(world: World, body: str, reason: str) -> None:
    crowd(world, 3).playbook("hello", "- {id: one, email: one}").playbook("other", "- {id: two, email: two}")
    world.tick(day(0, 9), "nobody")
    world.mail("one", "Broken", body)
    ticked = world.tick(day(0, 10))
    assert ticked.delivery == {"accepted": 3, "held": 3}
    assert f"delivery: one is held: {reason}" in ticked.json["failures"]
    assert states(world, 3) == {f"held {reason}": 3}
    world.mail("one", "Mended")
    assert world.tick(day(0, 12)).delivery == {"accepted": 3}


def test_a_process_that_is_killed_while_it_renders_and_posts_costs_nothing_where_the_channel_knows(world: World) -> None:
    crowd(world, 1_200).playbook("hello", "- {id: one, email: one}")
    alive = with_processes(world)
    outbox = world.engine.outbox
    post, left = outbox.post, []

    def post_and_kill(*args: object, **options: object) -> object:
        posting = post(*args, **options)  # type: ignore[arg-type]
        for hand in outbox._hands:
            hand.kill()
        left.append(len(list(mailbox_folder(world.root).glob("*.eml"))))
        return posting

    outbox.post = post_and_kill  # type: ignore[method-assign, assignment]
    ticked = world.tick(day(0))
    assert (ticked.delivery, ticked.json["failures"]) == ({"accepted": 1_200}, [])
    assert not alive(), "they were killed, and this one went on"
    assert left[0] < 1_200


def test_what_other_processes_had_begun_when_it_was_interrupted_is_in_doubt_and_not_sent_again(
    world: World, sendgrid: SendgridDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    crowd(world, 40).playbook("hello", "- {id: one, email: one}")
    world.engine.outbox._processes = 2
    with_processes(world)

    def interrupted(*_: object) -> None:
        deadline = time.monotonic() + 30
        while not sendgrid.accepted and time.monotonic() < deadline:  # by the other
            time.sleep(0.01)
        raise KeyboardInterrupt

    monkeypatch.setattr(world.engine.outbox._hands[1], "post", interrupted)
    with pytest.raises(KeyboardInterrupt):
        world.tick(day(0))
    anew(world).tick(day(0, 11))
    with sendgrid.lock:
        sent = Counter(mail.to for mail in sendgrid.accepted)
    assert sent
    assert max(sent.values()) == 1, "nobody gets it twice"


def test_where_no_process_can_be_started_this_one_sends(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    crowd(world, 20).playbook("hello", "- {id: one, email: one}")

    def no_room(*_: object) -> None:
        raise OSError(errno.EAGAIN, "Resource temporarily unavailable")

    monkeypatch.setattr(outbox_module, "WORTH_A_POOL", 1)
    monkeypatch.setattr(delivery, "BATCH", 5)
    monkeypatch.setattr(world.engine.outbox, "_processes", 2)
    monkeypatch.setattr(ProcessPoolExecutor, "submit", no_room)
    assert world.tick(day(0)).delivery == {"accepted": 20}


def test_while_the_others_are_being_started_this_one_sends(world: World) -> None:
    crowd(world, 20).playbook("hello", "- {id: one, email: one}")
    outbox = world.engine.outbox
    outbox._processes = 1
    with hands._one_by_one:
        outbox.start_processes()
        assert not outbox.posts_beside("email")
        assert world.tick(day(0)).delivery == {"accepted": 20}
    outbox._hands[0].wait()
    assert outbox.posts_beside("email")


def test_who_renders_and_posts_does_not_read_the_main_program_again(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    main = ModuleType("__main__")
    main.__file__ = str(tmp_path / "main.py")
    (tmp_path / "main.py").write_text(f"open({str(tmp_path / 'read')!r}, 'w')")
    monkeypatch.setitem(sys.modules, "__main__", main)
    world.engine.outbox._processes = 1
    assert with_processes(world)()
    assert not (tmp_path / "read").exists()
    assert sys.modules["__main__"] is main


def test_who_ends_a_whole_group_of_processes_ends_those_that_post_only_with_the_one_that_started_them(world: World) -> None:
    crowd(world, 60).playbook("hello", "- {id: one, email: one}")
    world.engine.outbox._processes = 1  # one tells it as well as many
    alive = with_processes(world)
    for hand in world.engine.outbox._hands:
        for pid in hand._process._processes:
            os.kill(pid, signal.SIGTERM)
    assert world.tick(day(0)).delivery == {"accepted": 60}
    assert alive(), "none of them has ended"


def test_a_disk_that_refuses_is_said_and_costs_nothing(world: World) -> None:
    crowd(world, 5).playbook("hello", "- {id: one, email: one}")
    folder = mailbox_folder(world.root)
    folder.parent.mkdir(exist_ok=True)
    folder.write_text("no folder can be made here")
    report = run_tick(world.engine, day(0)).as_json()
    assert report["delivery"]["pending"] == 5
    assert report["failures"] == ["delivery: the email channel takes nothing now (EEXIST); its messages wait"]
    folder.unlink()
    assert anew(world).tick(day(0, 12)).delivery == {"accepted": 5}
