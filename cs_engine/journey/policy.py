"""What the claim of a message asks before it lets it go. Pure: the clock's time, zones and templates are given."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

from cs_engine.instants import NEVER, NO_TIME, Micros, from_micros, to_micros
from cs_engine.journey import message
from cs_engine.journey.caps import EXEMPT_TOPIC, Cap, History, Ledger, Queue, nothing_sent
from cs_engine.journey.consent import NO_CONSENT, Consent, lacks
from cs_engine.journey.hours import Window
from cs_engine.journey.orders import PAUSED
from cs_engine.journey.preference import ERASED, UNSUBSCRIBED
from cs_engine.journey.rates import Buckets, Rates
from cs_engine.journey.step_orders import POSTPONED
from cs_engine.journey.touch import LOST
from cs_engine.playbook.config import Law

HOLD = "hold"
"""Why mail waits that a playbook or the project holds."""
DATE = "at"
"""Why a message waits whose step has a date that has moved since it was planned."""
HAS_LEFT = "has_left"
"""Why mail is skipped whose recipient has left their company."""
SAME_ADDRESS = "same_address"
"""Why mail is skipped that its recipient has been sent as another contact."""
UNFIT = "unfit_data"
"""Why mail waits while a guard finds the data too few or too old to tell who still ought to get it."""


@dataclass(frozen=True, slots=True)
class Rules:
    """The project's rules of sending."""

    zone: str
    """The project's zone: for people without one."""
    window: Window
    """When mail to customers may go."""
    locale_of: Callable[[str], str]
    """A recipient's locale ('' for unknown) -> the locale that their mail is written in."""
    written: Callable[[str, str, str], bool]
    """(channel, template, locale) -> whether that template exists in that locale."""
    caps: Sequence[Cap] = ()
    rates: Rates = field(default_factory=Rates)
    law_of: Callable[[str], Law | None] = lambda _country: None
    """A recipient's country ('' for unknown) -> the mail law that rules them; None: nobody has said."""
    presumed: str = ""
    """What is taken for granted of those of whose consent nothing is on record."""


class Request(NamedTuple):
    """What the rules read of a message that wants to go."""

    id: str
    state: message.State
    channel: str
    topic: str
    template: str
    recipient_kind: str
    """contact | staff | channel"""
    known: bool
    """Whether the recipient is still there: a contact, in the account."""
    address: bool
    suppressed: bool
    zone: str
    locale: str
    kind: str = "email"
    """email | notice | cta | cta_update"""
    account: str = ""
    recipient: str = ""
    """A contact id, a staff e-mail, or a channel's name."""
    domain: str = ""
    """Of the contact's address, in small letters."""
    reason: str = ""
    """Why it waits so far."""
    expires_at: Micros | None = None
    """From when on it is not sent any more."""
    lost: bool = False
    """Whether it goes to a contact that our persistence has lost."""
    erased: bool = False
    """Whether its recipient's data were erased."""
    refused: bool = False
    """Whether its recipient has refused its topic, or all."""
    asked_for: bool = False
    """Whether its recipient has said that they want its topic, or all."""
    consent: str = ""
    """What is on record of their consent."""
    country: str = ""
    not_before: Micros | None = None
    """Until when somebody postponed it."""
    date: Micros | None = None
    """What its step's `at` is now; NO_TIME when there is none any more; None where it does not matter."""
    hold: bool = False
    """Whether the playbook or the project holds customer mail now."""
    paused: bool = False
    """Whether its playbook, or its account in it, is paused: then nothing leaves."""
    unfit: bool = False
    """Whether a guard says that nothing may be decided on the data."""
    left: bool = False
    """Whether it goes to a contact who has left their company."""
    person: str = ""
    """Of a recipient with an address that several contacts have: the same for all of them; '' else."""
    same: str = ""
    """What it shares with the same mail to the same person as another contact; '' when there is none."""
    had: bool = False
    """Whether that person has been sent it as another contact."""


def judge(
    requests: Sequence[Request],
    rules: Rules,
    at: datetime,
    history: History = nothing_sent,
    unmade: Callable[[int], message.Move | None] = lambda _position: None,
    queue: Queue | None = None,
    buckets: Buckets | None = None,
    counts_at: Micros | None = None,
) -> list[message.Move | None]:
    """For each message None (it may go), or the move that keeps it: held until an instant, or skipped, with the reason.

    They are judged in order: who comes first wins under a cap. `unmade` is asked last, by position, for a move of what could go but
    cannot be made: it takes no room under a cap. A held message is judged again when its time comes; nothing is dropped for coming
    at a bad hour, or as one too many. `queue` is kept over the claims of a tick; of `buckets` is taken what they go by.
    Caps are asked, and count what goes, as of `counts_at` (None: `at`): a delivery that takes a while counts from when it began.
    """
    ledger = Ledger(rules.caps, requests, history, to_micros(at) if counts_at is None else counts_at, queue or Queue())
    window = _Openings(rules, at)
    verdicts: list[message.Move | None] = []
    gone: set[str] = set()
    for position, request in enumerate(requests):
        if request.had or request.same in gone:
            verdicts.append(message.skipped(request.id, request.state, SAME_ADDRESS))
            continue
        move = _judge(request, rules, at) or _wait(request, ledger, window)
        if move is None and buckets is not None:
            move = _pace(request, buckets, window)
        move = move or unmade(position)
        if move is None:
            ledger.goes(request)
            gone |= {request.same} - {""}
            if buckets is not None:
                buckets.goes(request)
        verdicts.append(move)
    return verdicts


def _judge(request: Request, rules: Rules, at: datetime) -> message.Move | None:
    """What the message lacks to be sent at all."""
    if request.expires_at is not None and request.expires_at <= to_micros(at):
        return message.skipped(request.id, request.state, "expired")
    if request.unfit and _to_customer(request) and request.topic != EXEMPT_TOPIC:
        # Nobody has asked for its goal, and who is gone may be back with the data. The tick that finds them fit wakes it.
        return message.held(request.id, request.state, UNFIT, to_micros(at + timedelta(days=1)))
    if not request.known:
        return message.skipped(request.id, request.state, "recipient_gone")
    if request.date == NO_TIME:
        return message.skipped(request.id, request.state, "no_date")
    if request.not_before is not None and request.not_before > to_micros(at):
        return message.held(request.id, request.state, POSTPONED, request.not_before)
    if request.date is not None and request.date > to_micros(at):
        # A date that cannot be told is asked for again: it is no time to wait for.
        until = request.date if request.date != NEVER else to_micros(at + timedelta(days=1))
        return message.held(request.id, request.state, DATE, until)
    if _to_customer(request) and (reason := _barred(request, rules)):
        return message.skipped(request.id, request.state, reason)
    if request.suppressed and request.channel == "email" and not _to_customer(request):
        return message.skipped(request.id, request.state, "suppressed")
    if request.paused:
        return message.held(request.id, request.state, PAUSED, to_micros(at + timedelta(days=1)))
    if _to_customer(request) and request.hold:
        # The tick in which the hold ends wakes it; the day is for those whose plan is not read any more.
        return message.held(request.id, request.state, HOLD, to_micros(at + timedelta(days=1)))
    # Our own people are told in the project's language what is not written in the customer's.
    if _to_customer(request) and not rules.written(request.channel, request.template, rules.locale_of(request.locale)):
        return message.held(request.id, request.state, "no_translation", to_micros(at + timedelta(days=1)))
    return None


def _barred(request: Request, rules: Rules) -> str:
    """Why the customer may not be mailed at all; '' when they may."""
    if request.erased:
        return ERASED
    if request.left:
        return HAS_LEFT
    if not request.address:
        return "no_address"
    if request.suppressed:
        return "suppressed"
    if request.topic == EXEMPT_TOPIC:
        return ""
    if request.refused or (request.consent == Consent.OPT_OUT and not request.asked_for):
        return UNSUBSCRIBED
    if lacks(rules.law_of(request.country), request.consent or rules.presumed, request.asked_for):
        return NO_CONSENT
    return LOST if request.lost else ""


def _wait(request: Request, ledger: Ledger, window: _Openings) -> message.Move | None:
    """What it has to wait for. Under a cap it waits until both allow it, and the cap is the reason."""
    hours_apply = _to_customer(request) and request.topic != EXEMPT_TOPIC
    if (frees := ledger.frees(request)) is not None:
        until, reason = frees
        if hours_apply:
            until = to_micros(window.opens(from_micros(until), request))
        return message.held(request.id, request.state, reason, until)
    if hours_apply and (closed := window.wait(request)) is not None:
        return message.held(request.id, request.state, closed[1], to_micros(closed[0]))
    return None


def _pace(request: Request, buckets: Buckets, window: _Openings) -> message.Move | None:
    """What it has to wait for because others go that way."""
    if (frees := buckets.frees(request)) is None:
        return None
    until, reason = frees
    if _to_customer(request) and request.topic != EXEMPT_TOPIC:
        until = to_micros(window.opens(from_micros(until), request))
    return message.held(request.id, request.state, reason, until)


def _to_customer(request: Request) -> bool:
    return request.channel == "email" and request.recipient_kind == "contact"


class _Openings:
    """The window of one claim: asked once for all who share zone and locale."""

    def __init__(self, rules: Rules, at: datetime) -> None:
        self._rules, self._at = rules, at
        self._waits: dict[tuple[str, str], tuple[datetime, str] | None] = {}

    def wait(self, request: Request) -> tuple[datetime, str] | None:
        key = (request.zone, request.locale)
        if key not in self._waits:
            self._waits[key] = self._rules.window.wait(self._at, self._zone(request), request.locale)
        return self._waits[key]

    def opens(self, at: datetime, request: Request) -> datetime:
        return self._rules.window.opens(at, self._zone(request), request.locale)

    def _zone(self, request: Request) -> ZoneInfo:
        return zone_or(request.zone, self._rules.zone)


def no_longer_than(move: message.Move | None, expires_at: Micros | None) -> message.Move | None:
    """What is held longer than it keeps is judged again when it expires: its passage goes on then, not later."""
    if move is None or move.until is None or expires_at is None or move.until <= expires_at:
        return move
    return move._replace(until=expires_at)


@lru_cache(maxsize=1024)
def zone_or(name: str, fallback: str) -> ZoneInfo:
    """The zone of that name, else the fall-back: a customer's record may say anything."""
    try:
        return ZoneInfo(name) if name else ZoneInfo(fallback)
    except (KeyError, ValueError, OSError):
        return ZoneInfo(fallback)
