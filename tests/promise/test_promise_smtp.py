"""The same promise through SMTP."""

from __future__ import annotations

import signal
import time
from collections import Counter
from collections.abc import Iterator

import pytest

from tests.doubles.loopback import dead_port
from tests.doubles.smtp import USER, SmtpDouble
from tests.promise.crowd import address, anew, crowd, states, tick_elsewhere
from tests.stories.world import World, day


@pytest.fixture
def smtp(monkeypatch: pytest.MonkeyPatch) -> Iterator[SmtpDouble]:
    """An SMTP server, and an environment in which the engine sends through it."""
    with SmtpDouble() as double:
        monkeypatch.setenv("CS_ENGINE_EMAIL", "smtp")
        monkeypatch.setenv("SMTP_URL", double.url)
        yield double


def hello(world: World, customers: int) -> World:
    return crowd(world, customers).playbook("hello", "- {id: one, email: one}")


def taken(double: SmtpDouble) -> Counter[str]:
    with double.lock:
        return Counter(mail.recipients[0] for mail in double.accepted)


def test_refused_doubtful_and_taken_each_have_their_end(world: World, smtp: SmtpDouble) -> None:
    smtp.on_key(address(1), "refuse")
    smtp.on_key(address(2), "take_and_reset")
    smtp.on_key(address(3), "reset_after")
    smtp.on_key(address(4), "later")
    assert hello(world, 20).tick(day(0)).delivery == {"accepted": 16, "rejected": 1, "uncertain": 2, "pending": 1}
    for number in range(20):
        smtp.on_key(address(number), "take")
    assert world.tick(day(0, 12)).delivery == {"accepted": 1, "uncertain": 2}
    world.tick(day(1, 10))
    assert states(world, 20) == {"accepted": 17, "rejected 550:5.1.1": 1, "skipped uncertain_unanswered": 2}
    assert taken(smtp) == Counter(address(n) for n in range(20) if n not in (1, 3))


def test_an_address_that_the_server_says_is_nobodys_is_not_tried_again(world: World, smtp: SmtpDouble) -> None:
    smtp.on_key(address(1), "refuse")
    assert hello(world, 3).tick(day(0)).delivery == {"accepted": 2, "rejected": 1}
    smtp.on_key(address(1), "take")
    world.playbook("more", "- {id: one, email: one}")
    world.tick(day(1))
    assert states(world, 3, "more") == {"accepted": 2, "skipped suppressed": 1}
    assert taken(smtp) == {address(0): 2, address(2): 2}


def test_a_wrong_password_and_no_server_lose_nothing(world: World, smtp: SmtpDouble, monkeypatch: pytest.MonkeyPatch) -> None:
    hello(world, 5)
    with SmtpDouble(auth=True) as wants_password:
        monkeypatch.setenv("SMTP_URL", f"smtp://{USER}:wrong@127.0.0.1:{wants_password.port}")
        for hour in (9, 10):
            ticked = anew(world).tick(day(0, hour))
            assert ticked.delivery == {"pending": 5} if hour > 9 else {"accepted": 1, "pending": 5}
            assert ticked.json["failures"] == ["delivery: the email channel refuses our key; its messages wait"]
    monkeypatch.setenv("SMTP_URL", f"smtp://127.0.0.1:{dead_port()}")
    assert anew(world).tick(day(0, 11)).delivery == {"pending": 5}
    monkeypatch.setenv("SMTP_URL", smtp.url)
    assert anew(world).tick(day(0, 12)).delivery == {"accepted": 5}
    assert max(taken(smtp).values()) == 1


def test_killed_while_sending_nobody_is_sent_to_twice(world: World, smtp: SmtpDouble) -> None:
    hello(world, 40)
    for number in range(0, 40, 3):
        smtp.on_key(address(number), "hang")
    process = tick_elsewhere(world, day(0))
    while not taken(smtp):
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait(60)
    before = taken(smtp)
    assert world.tick(day(0)).delivery == {"uncertain": 40}
    world.tick(day(1, 10))
    assert states(world, 40) == {"skipped uncertain_unanswered": 40}
    assert taken(smtp) == before
