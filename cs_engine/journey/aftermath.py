"""What becomes of mails after a provider has taken them, and of those they went to: from what the provider tells. Pure.

Events come late, twice and in any order; what they make of a mail does not depend on it. A message stays `accepted`; that it arrived,
or did not, is a mark beside it.

    event                          the message                 the person
    any                            was taken: accepted, where that was not known
    processed, deferred            mark of that name
    delivered                      mark delivered
    opened, clicked                delivered                   a reaction, unless a machine did it
    blocked                        mark blocked                nothing: the address may be good
    bounced                        mark bounced                suppressed; who stands in gets the mail, the CSM is told
    dropped                        mark dropped                as its reason says: bounced, complained, unsubscribed, or nothing
    complained                     delivered, complained       refuses everything but transactional mail
    unsubscribed                   delivered                   the same
    group_unsubscribed             delivered                   refuses the mail's topic
    group_resubscribed             delivered                   wants the mail's topic again; where no mail is named, what they had
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from cs_engine.instants import Micros
from cs_engine.journey import machines
from cs_engine.journey import provider_event as told
from cs_engine.journey.message import Move, State, told_of
from cs_engine.journey.preference import ALL_TOPICS, Preference
from cs_engine.journey.provider_event import ProviderEvent, Received
from cs_engine.journey.touch import Reaction
from cs_engine.playbook.plan import TRANSACTIONAL

_RANK = ("", told.PROCESSED, told.DEFERRED, told.DELIVERED, told.BLOCKED, told.DROPPED, told.BOUNCED)
"""Marks; the later one stays, whichever is told first: a mail that arrived can come back, one that came back did not arrive."""
_ARRIVED = frozenset({told.OPENED, told.CLICKED, told.COMPLAINED, told.UNSUBSCRIBED, told.GROUP_UNSUBSCRIBED, told.GROUP_RESUBSCRIBED})
NOT_ARRIVED = (told.BLOCKED, told.DROPPED, told.BOUNCED)
UNREACHABLE = (told.BOUNCED, "invalid")
"""Why a mail was dropped whose address is no good."""

_WORTH_A_LINE = frozenset({*NOT_ARRIVED, told.COMPLAINED, told.UNSUBSCRIBED, told.GROUP_UNSUBSCRIBED, told.GROUP_RESUBSCRIBED})
_KIND_OF_REACTION = {told.OPENED: "open", told.CLICKED: "click"}
_UNSETTLED = (State.PLANNED, State.HELD, State.DISPATCHING, State.UNCERTAIN)


def suppresses(event: ProviderEvent) -> str:
    """Why its address must never be mailed again; '' when it may."""
    hard = event.kind == told.BOUNCED or (event.kind == told.DROPPED and event.reason in UNREACHABLE)
    return told.BOUNCED if hard and event.address else ""


def says(received: Received, topic: str) -> list[Preference]:
    """What its person wants or refuses from now on, under each hash. `topic`: of our mail; '' when it is not known.

    Others may send through the same account: who leaves a group of theirs has said nothing of our topics.
    """
    event, source = received.event, "sendgrid"
    ours = bool(event.message_id) or not event.provider_id
    topic = ALL_TOPICS if topic == TRANSACTIONAL else topic
    match (event.kind, event.reason):
        case (told.COMPLAINED, _) | (told.DROPPED, told.COMPLAINED):
            about, wanted, source = ALL_TOPICS, False, "complaint"
        case (told.UNSUBSCRIBED, _):
            about, wanted = ALL_TOPICS, False
        case (told.DROPPED, told.UNSUBSCRIBED) | (told.GROUP_UNSUBSCRIBED, _) if ours:
            about, wanted = topic, False
        case (told.GROUP_RESUBSCRIBED, _) if topic:
            about, wanted = topic, True
        case _:
            return []
    return [Preference(hashed, about, wanted, source, event.at) for hashed in received.hashes]


def asks_for_all(event: ProviderEvent, topic: str) -> bool:
    """Whether its person wants mail again without a word of which: `journey.preference.again` says what."""
    ours = bool(event.message_id) or not event.provider_id
    return event.kind == told.GROUP_RESUBSCRIBED and ours and topic in ("", TRANSACTIONAL)


class Mailed(NamedTuple):
    """A message that events tell of, as it stands."""

    id: str
    state: State
    playbook: str
    account_id: str
    subject_id: str
    enrolment_id: str
    step: str
    recipient: str
    recipient_kind: str
    address: str
    """Keyed hash of the recipient's address now; '' when it is not known."""


class Delivery(NamedTuple):
    """What became of a message after it was taken."""

    message_id: str
    state: str = ""
    """processed | deferred | delivered | blocked | dropped | bounced"""
    reason: str = ""
    at: Micros = 0
    delivered_at: Micros | None = None
    complained_at: Micros | None = None
    opens: int = 0
    """By people."""
    clicks: int = 0
    machine_opens: int = 0
    machine_clicks: int = 0
    came_back: int | None = None
    """0 when the address is no good, until that has been seen to: then when."""


class Line(NamedTuple):
    """For the journal of a message's passage."""

    mailed: Mailed
    event: str
    reason: str


class Aftermath(NamedTuple):
    """What a batch of events does."""

    moves: list[Move]
    deliveries: list[Delivery]
    reactions: list[Reaction]
    withdrawn: list[Reaction]
    """Taken for a person's before, and a machine's after all."""
    judged: list[tuple[str, str]]
    """(event, PERSON | MACHINE), where that is new."""
    lines: list[Line]


class OfMessage(NamedTuple):
    """All that is known of one message when new events come."""

    mailed: Mailed
    delivery: Delivery
    new: Sequence[ProviderEvent]
    all: Sequence[tuple[ProviderEvent, str]]
    """Its openings and clicks, the new ones among them, and how each was judged before ('': not yet)."""


def aftermath_of(known: Iterable[OfMessage]) -> Aftermath:
    """What new events do to each message, and to whom it went."""
    done = Aftermath([], [], [], [], [], [])
    for one in known:
        _of_message(one, done)
    return done


def _of_message(one: OfMessage, done: Aftermath) -> None:
    mailed, delivery = one.mailed, one.delivery
    if mailed.state in _UNSETTLED:
        provider_id = next((event.provider_id for event in one.new if event.provider_id), "")
        done.moves.append(told_of(mailed.id, mailed.state, provider_id))
    # Of a mail with copies each address has events of its own: the message is its recipient's.
    theirs = [event for event in one.new if _is_recipients(event.address, mailed)]
    for event in sorted(theirs, key=lambda event: (event.at, event.id)):
        delivery = _marked(delivery, event)
        if event.kind in _WORTH_A_LINE:
            done.lines.append(Line(mailed, event.kind, event.reason))
    delivery = _judge(one, delivery, done)
    if delivery != one.delivery:
        done.deliveries.append(delivery)


def _marked(delivery: Delivery, event: ProviderEvent) -> Delivery:
    mark = told.DELIVERED if event.kind in _ARRIVED else event.kind
    if event.kind == told.DELIVERED:
        delivery = delivery._replace(delivered_at=min(event.at, delivery.delivered_at or event.at))
    if event.kind == told.COMPLAINED:
        delivery = delivery._replace(complained_at=min(event.at, delivery.complained_at or event.at))
    if mark not in _RANK:
        return delivery
    stronger = (_RANK.index(mark), -event.at) > (_RANK.index(delivery.state), -delivery.at)
    if suppresses(event):
        delivery = delivery._replace(came_back=delivery.came_back or 0)
    return delivery._replace(state=mark, reason=event.reason, at=event.at) if stronger else delivery


def _judge(one: OfMessage, delivery: Delivery, done: Aftermath) -> Delivery:
    """Counts openings and clicks, people's and machines' apart; a person's is a reaction."""
    if not one.all:
        return delivery
    before = {event.id: judged for event, judged in one.all}
    events = [event for event, _ in one.all if _is_recipients(event.address, one.mailed)]
    found = machines.judge(events, delivery.delivered_at)
    for event in events:
        now = found[event.id]
        if now == before[event.id]:
            continue
        done.judged.append((event.id, now))
        if one.mailed.recipient_kind == "contact" and (now == machines.PERSON or before[event.id]):
            reaction = Reaction(one.mailed.account_id, one.mailed.recipient, _KIND_OF_REACTION[event.kind], event.at)
            (done.reactions if now == machines.PERSON else done.withdrawn).append(reaction)

    def count(kind: str, by: str) -> int:
        return sum(event.kind == kind and found[event.id] == by for event in events)

    return delivery._replace(
        opens=count(told.OPENED, machines.PERSON), clicks=count(told.CLICKED, machines.PERSON),
        machine_opens=count(told.OPENED, machines.MACHINE), machine_clicks=count(told.CLICKED, machines.MACHINE),
    )  # fmt: skip


def _is_recipients(address: str, mailed: Mailed) -> bool:
    return not address or not mailed.address or address == mailed.address


def may_forbid(event: ProviderEvent) -> bool:
    """Whether it may keep mail from being sent."""
    return event.kind in _WORTH_A_LINE
