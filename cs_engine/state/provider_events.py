"""What mail providers told, an event a row: kept before the provider is answered, applied by the next tick."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence

from cs_engine.instants import Micros
from cs_engine.journey import aftermath
from cs_engine.journey.aftermath import Aftermath, Delivery, Mailed, OfMessage
from cs_engine.journey.caps import minute
from cs_engine.journey.message import State
from cs_engine.journey.provider_event import CLICKED, DELIVERED, OPENED, ProviderEvent, Received
from cs_engine.ports import Applied, JournalLine
from cs_engine.state import deliveries, journal, messages, preferences, schema, suppressions, touches
from cs_engine.state.database import Tx

_COLUMNS = (*ProviderEvent._fields, "received_at")
_EVENT = ", ".join(ProviderEvent._fields)
_JUDGED_BY = (DELIVERED, OPENED, CLICKED)
OPENED_OR_CLICKED = f"kind = '{OPENED}' OR kind = '{CLICKED}'"
"""SQL: as the index has it."""
_SENT_BEFORE: Micros = 7 * 24 * 3600 * 1_000_000
"""A bounce that says nothing but an address is of the last mail that went there, if that is no older."""


def receive(tx: Tx, received: Sequence[Received], received_at: Micros) -> int:
    """Keeps them, and what they forbid is forbidden from this transaction on; how many are new. The same again is nothing, whether told
    under its own id or under another.
    """
    by_id = {one.event.id: one for one in received}
    if any(aftermath.may_forbid(one.event) for one in received):
        preferences.before_claims(tx)
    # In the order of ids: two who bring the same wait for each other, and never both.
    rows = [(*by_id[id].event, received_at) for id in sorted(by_id)]
    known = tx.insert_new(schema.provider_events, _COLUMNS, rows)
    new = [one for id, one in sorted(by_id.items()) if id not in known]
    _forbid(tx, [one for one in new if aftermath.may_forbid(one.event)])
    return len(new)


def last(tx: Tx) -> Micros | None:
    """When the last one came; None when none ever did."""
    row = tx.row("SELECT max(received_at) FROM provider_events")
    return row[0] if row else None


def any_waiting(tx: Tx) -> bool:
    return tx.row("SELECT 1 FROM provider_events WHERE applied_at IS NULL LIMIT 1") is not None


def apply(tx: Tx, limit: int, decide: Callable[[Iterable[OfMessage]], Aftermath], now: Micros) -> Applied:
    """Applies those that wait, the first `limit` of them; how many there were."""
    found = tx.rows(f"SELECT {_EVENT} FROM provider_events WHERE applied_at IS NULL ORDER BY received_at LIMIT :limit", limit=limit)
    if not found:
        return Applied(0, 0)
    new: dict[str, list[ProviderEvent]] = defaultdict(list)
    for event in _by_address(tx, [_event(row) for row in found]):
        new[event.message_id].append(event)
    mailed = _mailed(tx, new)
    known, judged = deliveries.of(tx, mailed), _judged(tx, {id: new[id] for id in mailed})
    done = decide(OfMessage(one, known.get(id, Delivery(id)), new[id], judged[id]) for id, one in sorted(mailed.items()))
    accepted = len(messages.settle(tx, done.moves, now))
    # What had not counted as sent does now: caps read it.
    unsent = [move for move in done.moves if move.was in (State.PLANNED, State.HELD)]
    tx.update_each(schema.messages, ("sent_at",), "", ("id",), [(minute(new[move.id][0].at), move.id) for move in unsent])
    deliveries.put(tx, done.deliveries)
    touches.react(tx, done.reactions)
    touches.take_back(tx, done.withdrawn)
    tx.update_each(schema.provider_events, ("judged",), "", ("id",), [(how, id) for id, how in done.judged])
    journal.append(tx, [_line(line, now) for line in done.lines])
    applied = f"UPDATE provider_events SET applied_at = :now WHERE {tx.among('id', 'ids')}"
    tx.run(applied, now=now, ids=tx.ids(row[0] for row in found))
    return Applied(len(found), accepted)


def _forbid(tx: Tx, new: Sequence[Received]) -> None:
    """From here on nothing is claimed for an address that is no good, or of a topic that somebody has refused."""
    if not new:
        return
    bounced = [(hashed, why, one.event.at) for one in new if (why := aftermath.suppresses(one.event)) for hashed in one.hashes]
    if bounced:
        # Before a row is written, as everybody who refuses mail does: who waits for another's row would have the other wait for the lock.
        preferences.before_claims(tx)
        suppressions.add_all(tx, bounced)
    ids = tx.ids(one.event.message_id for one in new if one.event.message_id)
    topics = dict(tx.rows(f"SELECT id, topic FROM messages WHERE {tx.among('id', 'ids')}", ids=ids))
    for one in sorted(new, key=lambda one: one.event.at):  # who comes back without a word of what, comes back to what they had then
        topic = topics.get(one.event.message_id, "")
        if aftermath.asks_for_all(one.event, topic):
            preferences.put_again(tx, one.hashes, "sendgrid", one.event.at)
        else:
            preferences.put(tx, aftermath.says(one, topic))


def _by_address(tx: Tx, events: Sequence[ProviderEvent]) -> list[ProviderEvent]:
    """Those that can be told to be of one of our messages, each with its id: of one that names neither ours nor the provider's (bounces
    that come back later do not), the last that went to the address.
    """
    lost = {event.address: event for event in events if not event.message_id and not event.provider_id and event.address}
    if not lost:
        return [event for event in events if event.message_id]
    rows = tx.rows(
        "SELECT c.email_hash, m.id, m.sent_at FROM contacts c JOIN messages m ON m.recipient = c.id AND m.recipient_kind = 'contact' "
        f"WHERE m.channel = 'email' AND m.state = 'accepted' AND m.sent_at >= :since AND {tx.among('c.email_hash', 'addresses')} "
        "ORDER BY m.sent_at, m.id",
        since=min(event.at for event in lost.values()) - _SENT_BEFORE,
        addresses=tx.ids(sorted(lost)),
    )
    found = []
    for event in events:
        sent = [id for address, id, at in rows if address == event.address and event.at - _SENT_BEFORE <= at <= event.at]
        if event.message_id:
            found.append(event)
        elif sent and not event.provider_id:
            found.append(event._replace(message_id=sent[-1]))
    return found


def _mailed(tx: Tx, ids: Iterable[str]) -> dict[str, Mailed]:
    rows = tx.rows(
        "SELECT m.id, m.state, m.playbook, m.account_id, m.subject_id, m.enrolment_id, m.step, m.recipient, m.recipient_kind, "
        "coalesce(c.email_hash, '') FROM messages m LEFT JOIN contacts c ON c.id = m.recipient AND m.recipient_kind = 'contact' "
        f"WHERE {tx.among('m.id', 'ids')} AND m.channel = 'email' ORDER BY m.id{tx.lock_rows and ' FOR UPDATE OF m'}",
        ids=tx.ids(sorted(ids)),
    )
    return {row[0]: Mailed(row[0], State(row[1]), *row[2:]) for row in rows}


def _judged(tx: Tx, new: dict[str, list[ProviderEvent]]) -> dict[str, list[tuple[ProviderEvent, str]]]:
    """By message: all its openings and clicks, each with how it was judged before, where news of them or of its delivery have come."""
    found: dict[str, list[tuple[ProviderEvent, str]]] = {id: [] for id in new}
    named = [id for id, events in new.items() if any(event.kind in _JUDGED_BY for event in events)]
    rows = tx.rows(
        f"SELECT {_EVENT}, judged FROM provider_events WHERE {tx.among('message_id', 'ids')} AND ({OPENED_OR_CLICKED})",
        ids=tx.ids(sorted(named)),
    )
    for *row, judged in rows:
        event = _event(row)
        found[event.message_id].append((event, judged))
    return found


def _event(row: Sequence[object]) -> ProviderEvent:
    event = ProviderEvent(*row)  # type: ignore[arg-type]  # the columns, in their order
    return event._replace(machine=bool(event.machine))


def _line(line: aftermath.Line, now: Micros) -> JournalLine:
    of = line.mailed
    return JournalLine(now, of.playbook, of.account_id, of.subject_id, of.enrolment_id, of.step, line.event, line.reason, "")
