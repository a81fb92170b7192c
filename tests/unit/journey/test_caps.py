"""Caps over rolling windows: who waits, for what and how long."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cs_engine.instants import Micros, to_micros
from cs_engine.journey import message
from cs_engine.journey.caps import Cap, History, Scope, Sent, minute
from cs_engine.journey.hours import Window
from cs_engine.journey.message import State
from cs_engine.journey.policy import Request, Rules, judge

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
AT = to_micros(NOON)
DAY = 86_400_000_000
SECOND = 1_000_000
CONTACT = Cap(Scope.CONTACT, 2, 7 * DAY, "cap: contact 2 in 7 days")
ACCOUNT = Cap(Scope.ACCOUNT, 3, 7 * DAY, "cap: account 3 in 7 days")
STAFF = Cap(Scope.STAFF, 1, DAY, "cap: csm 1 in 1 day by slack", "slack")


@dataclass(frozen=True)
class Past:
    """A history that is known."""

    sent: tuple[tuple[Scope, str, str, Micros], ...] = ()

    def __call__(self, scope: Scope, keys: Collection[str], since: Micros) -> list[Sent]:
        return [Sent(key, channel, at) for whose, key, channel, at in self.sent if whose is scope and key in keys and at > since]


def mail(id: str, to: str = "ann", account: str = "acme", **changes: Any) -> Request:
    base = {
        "id": id, "state": State.PLANNED, "channel": "email", "topic": "tips", "template": "t", "recipient_kind": "contact", "known": True,
        "address": True, "suppressed": False, "zone": "", "locale": "en", "account": account, "recipient": to,
    }  # fmt: skip
    return Request(**{**base, **changes})


def alert(id: str, to: str = "alex", **changes: Any) -> Request:
    return mail(id, to, **{"channel": "slack", "recipient_kind": "staff", "kind": "cta", **changes})


def held(requests: list[Request], *caps: Cap, past: History = Past(), at: datetime = NOON) -> dict[str, tuple[str, Micros | None]]:
    """Those that wait, why and until when."""
    rules = Rules("UTC", Window(), lambda locale: locale, lambda *_: True, caps)
    moves = judge(requests, rules, at, past)
    assert all(move is None or move.state is State.HELD for move in moves)
    return {move.id: (move.reason, move.until) for move in moves if move is not None}


def test_messages_of_the_batch_itself_count_and_the_first_win() -> None:
    assert held([mail("1"), mail("2"), mail("3"), mail("4", "bob")], CONTACT) == {"3": (CONTACT.reason, AT + 7 * DAY)}


def test_a_window_frees_to_the_second() -> None:
    past = Past(((Scope.CONTACT, "ann", "email", AT - 7 * DAY + SECOND), (Scope.CONTACT, "ann", "email", AT - DAY)))
    assert held([mail("1")], CONTACT, past=past) == {"1": (CONTACT.reason, AT + SECOND)}
    assert held([mail("1")], CONTACT, past=past, at=NOON + timedelta(seconds=1)) == {}


def test_what_goes_counts_from_its_minute_so_that_a_slow_run_does_not_cost_the_next_one_its_turn() -> None:
    assert minute(AT + 59 * SECOND) == minute(AT) == AT
    assert held([mail("1"), mail("2"), mail("3")], CONTACT, at=NOON + timedelta(seconds=59)) == {"3": (CONTACT.reason, AT + 7 * DAY)}


def test_what_frees_is_the_slot_that_makes_room_not_the_oldest() -> None:
    three = Past(tuple((Scope.CONTACT, "ann", "email", AT - n * DAY) for n in (6, 5, 1)))  # three: the cap was made tighter since
    assert held([mail("1")], CONTACT, past=three) == {"1": (CONTACT.reason, AT + 2 * DAY)}


def test_of_several_caps_the_last_to_free_is_told() -> None:
    past = Past(
        (*(((Scope.CONTACT, "ann", "email", AT - n * DAY)) for n in (6, 5)), *((Scope.ACCOUNT, "acme", "email", AT) for _ in range(3)))
    )
    assert held([mail("1")], CONTACT, ACCOUNT, past=past) == {"1": (ACCOUNT.reason, AT + 7 * DAY)}


def test_an_account_counts_the_mail_of_all_its_people() -> None:
    mails = [mail("1"), mail("2", "bob"), mail("3", "cat"), mail("4", "dan"), mail("5", "eve", "other")]
    assert list(held(mails, ACCOUNT)) == ["4"]


def test_a_cap_of_staff_counts_what_one_of_us_gets_by_its_channel() -> None:
    alerts = [alert("1"), alert("2"), alert("3", channel="email", kind="email"), alert("4", "kim"), mail("5"), mail("6")]
    assert list(held(alerts, STAFF)) == ["2"]


def test_the_teams_channel_has_no_cap() -> None:
    assert held([alert(str(n), "#cs", recipient_kind="channel") for n in range(3)], STAFF) == {}


@pytest.mark.parametrize("exempt", [{"topic": "transactional"}, {"kind": "cta_update", "channel": "slack", "recipient_kind": "staff"}])
def test_transactional_mail_and_edits_of_alerts_are_neither_held_nor_counted(exempt: dict[str, Any]) -> None:
    many = [mail(str(n), **exempt) for n in range(5)]
    assert held([*many, mail("a"), mail("b")], CONTACT, ACCOUNT, STAFF) == {}


def test_what_cannot_be_made_takes_no_room() -> None:
    rules = Rules("UTC", Window(), lambda locale: locale, lambda *_: True, (CONTACT,))
    broken = message.held("1", State.PLANNED, "no_template", AT + 1)
    moves = judge([mail("1"), mail("2"), mail("3")], rules, NOON, unmade=lambda position: None if position else broken)
    assert moves == [broken, None, None]
