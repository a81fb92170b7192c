"""Claims: which messages delivery may take, judged and set dispatching under a lease in one transaction. On the table of messages."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from cs_engine.instants import Micros
from cs_engine.journey.caps import EVERYBODY, EXEMPT_KIND, EXEMPT_TOPIC, History, Scope, Sent, minute
from cs_engine.journey.message import State, skipped
from cs_engine.journey.preference import ERASED
from cs_engine.journey.touch import channel_of
from cs_engine.ports import Candidate, Claim, Verdict
from cs_engine.state import messages, preferences, shared
from cs_engine.state.database import Tx
from cs_engine.state.holder import is_dead

_LOCK = 0x63735F636C61696D
"""PostgreSQL's advisory lock of claims that count: 'cs_claim'."""

LEASE: Micros = 5 * 60 * 1_000_000
"""How long a claimed message may be on its way before its fate is uncertain."""

_REFUSED = preferences.REFUSED.format(hash="c.email_hash", topic="m.topic")
_ASKED_FOR = preferences.ASKED_FOR.format(hash="c.email_hash", topic="m.topic", since="coalesce(c.consent_at, 0)")

_KNOWN = "m.recipient_kind <> 'contact' OR c.id IS NOT NULL AND c.account_id = m.account_id"
"""Whoever has gone over to another customer is gone: what is about an account is not for them. There a passage of their own may begin."""

_CANDIDATE = f"""
SELECT m.id, m.state, m.enrolment_id, m.playbook, m.digest, m.step, m.kind, m.channel, m.template, m.topic, m.account_id, m.subject_id,
       m.recipient, m.recipient_kind, m.cta_id, m.planned_at, m.moved_at, m.attempts,
       coalesce(c.email, ''),
       {_KNOWN},
       s.email_hash IS NOT NULL,
       coalesce(s.reason, '') = '{ERASED}',
       c.email_hash <> '' AND {_REFUSED},
       coalesce(c.email_hash, ''),
       c.email_hash <> '' AND {_ASKED_FOR},
       coalesce(c.consent, ''),
       coalesce(nullif(c.country, ''), a.country, ''),
       coalesce(nullif(c.timezone, ''), a.timezone, ''),
       coalesce(nullif(c.locale, ''), a.locale, ''),
       coalesce(t.provider_ref, ''),
       m.reason, m.fence,
       CASE WHEN {messages.HAS_LEFT.format(messages="m")} THEN {messages.WHY_LEFT}
            WHEN m.kind IN ('cta', 'cta_copy') AND t.state = 'closed' THEN t.closed_reason
            WHEN m.kind = 'cta_copy' AND t.opened_at < m.planned_at THEN 'told_already'
            WHEN m.kind = 'cta_copy' AND t.told = 'digest' THEN 'digest'
            WHEN (m.kind = 'cta_update' OR m.kind = 'alarm' AND m.cta_id <> '') AND coalesce(t.provider_ref, '') = ''
            THEN 'never_posted' END
FROM messages m
LEFT JOIN enrolments e ON e.id = m.enrolment_id
LEFT JOIN contacts c ON c.id = m.recipient AND m.recipient_kind = 'contact'
LEFT JOIN accounts a ON a.id = m.account_id
LEFT JOIN suppressions s ON s.email_hash = c.email_hash AND c.email_hash <> ''
LEFT JOIN ctas t ON t.id = m.cta_id
WHERE m.settled_at IS NULL AND """
_NOBODY_SPOKE = _CANDIDATE.replace(_REFUSED, "false").replace(_ASKED_FOR, "false")
"""The same where nobody ever said what they want: it asks nothing for it."""
_LEFT = Candidate._fields.index("person")
"""What follows is not asked row by row."""
_HASH = Candidate._fields.index("email_hash")
_STATE = Candidate._fields.index("state")
_STATES = {state.value: state for state in State}
_FLAGS = [Candidate._fields.index(flag) for flag in ("contact_known", "suppressed", "erased", "refused", "asked_for")]


def claim(
    tx: Tx,
    wall: Micros,
    delivery_now: Micros,
    now: Micros,
    limit: int,
    holder: str,
    verdict: Verdict,
    channel: str = "",
    counts_at: Micros | None = None,
) -> Claim:
    """One batch. What has left its step is skipped before the verdict is asked; so is an alert that is closed by now, and word of
    the closing of one that nobody saw."""
    preferences.after_refusals(tx)
    of_channel = {"channel": channel} if channel else {}
    rows = tx.rows(
        (_CANDIDATE if preferences.any_said(tx) else _NOBODY_SPOKE)
        + "m.state IN ('planned', 'held') AND (m.until IS NULL OR m.until <= :at) "
        + ("AND m.channel = :channel " if of_channel else "")
        + "ORDER BY m.priority DESC, m.planned_at, m.id LIMIT :limit"
        # Two workers take disjoint batches instead of waiting for each other.
        + ("" if tx.embedded else " FOR UPDATE OF m SKIP LOCKED"),
        at=delivery_now,
        limit=limit + 1,
        **of_channel,
    )
    batch = rows[:limit]
    left = [(c, skipped(c.id, c.state, row[_LEFT])) for row in batch if row[_LEFT] is not None and (c := _candidate(row))]
    taking_turns = _TakingTurns(tx)
    known_as = shared.contacts_of(tx, {row[_HASH] for row in batch} - {""})
    here = [_candidate(row) for row in batch if row[_LEFT] is None]
    if known_as:
        taking_turns()
        here = shared.told_apart(tx, here, known_as)
    judged = list(zip(here, verdict(here, _history(tx, delivery_now, known_as, taking_turns)), strict=True)) if here else []
    moved = left + [(candidate, move) for candidate, move in judged if move is not None]
    dispatching = [candidate for candidate, move in judged if move is None]
    messages.apply(tx, [(_subject(candidate), move) for candidate, move in moved], now)
    _dispatch(tx, dispatching, holder, wall + LEASE, minute(delivery_now if counts_at is None else counts_at), now)
    taken = [c._replace(state=State.DISPATCHING, moved_at=now, attempts=c.attempts + 1, fence=c.fence + 1) for c in dispatching]
    return Claim(taken, [move for _, move in moved], len(rows) > limit or any(move.instead for _, move in moved), LEASE)


def renew(tx: Tx, taken: Sequence[tuple[str, int]], lease_until: Micros) -> set[str]:
    """Leases anew what nobody else has taken or resolved since it was claimed; which."""
    mine = dict(taken)
    rows = tx.rows(
        f"SELECT id, fence FROM messages WHERE {tx.among('id', 'ids')} AND state = 'dispatching' ORDER BY id{tx.lock_rows}",
        ids=tx.ids(mine),
    )
    kept = {id for id, fence in rows if mine[id] == fence}
    if kept:
        tx.run(f"UPDATE messages SET lease_until = :until WHERE {tx.among('id', 'ids')}", until=lease_until, ids=tx.ids(kept))
    return kept


def expired(tx: Tx, wall: Micros) -> list[Candidate]:
    """Dispatching under a lease that has ended, or by a process known to be dead."""
    holders = tx.rows("SELECT DISTINCT holder FROM messages WHERE settled_at IS NULL AND state = 'dispatching'")
    rows = tx.rows(
        f"{_CANDIDATE} m.state = 'dispatching' AND (m.lease_until <= :wall OR {tx.among('m.holder', 'dead')}) ORDER BY m.planned_at, m.id",
        wall=wall,
        dead=tx.ids(holder for (holder,) in holders if is_dead(holder)),
    )
    return [_candidate(row) for row in rows]


def held_for(tx: Tx, reasons: Collection[str]) -> list[Candidate]:
    found = f"{_CANDIDATE} m.state = 'held' AND {tx.among('m.reason', 'reasons')} ORDER BY m.priority DESC, m.planned_at, m.id"
    return [_candidate(row) for row in tx.rows(found, reasons=tx.ids(reasons))]


def late_mail(tx: Tx, playbooks: Collection[str], at: Micros) -> list[Candidate]:
    """Mail to customers that may go by then, in the order of claims; what has left its step, and transactional mail, aside."""
    found = (
        f"{_CANDIDATE} m.state IN ('planned', 'held') AND (m.until IS NULL OR m.until <= :at) AND m.channel = 'email' "
        f"AND m.recipient_kind = 'contact' AND m.topic <> '{EXEMPT_TOPIC}' AND {tx.among('m.playbook', 'playbooks')} "
        "ORDER BY m.priority DESC, m.planned_at, m.id"
    )
    return [_candidate(row) for row in tx.rows(found, at=at, playbooks=tx.ids(playbooks)) if row[_LEFT] is None]


def unread(tx: Tx, steps: Collection[str]) -> list[Candidate]:
    """Mails and alerts of steps of these names that nobody has been asked to read, that have yet to go, and where their passage stands."""
    return _to_read(tx, steps, "NOT EXISTS (SELECT 1 FROM approvals p WHERE p.message_id = m.id)")


def unanswered(tx: Tx, steps: Collection[str]) -> list[Candidate]:
    """The same that somebody has been asked to read, and has not answered."""
    return _to_read(tx, steps, "EXISTS (SELECT 1 FROM approvals p WHERE p.message_id = m.id AND p.answer = 'waiting')")


def _to_read(tx: Tx, steps: Collection[str], asked: str) -> list[Candidate]:
    return [
        _candidate(row)
        for row in tx.rows(
            f"{_CANDIDATE} m.state IN ('planned', 'held') AND (m.channel = 'email' OR m.kind = 'cta') "
            f"AND {tx.among('m.step', 'steps')} AND {asked} ORDER BY m.planned_at, m.id",
            steps=tx.ids(sorted(steps)),
        )
        if row[_LEFT] is None
    ]


def uncertain(tx: Tx) -> list[Candidate]:
    return [_candidate(row) for row in tx.rows(f"{_CANDIDATE} m.state = 'uncertain' ORDER BY m.planned_at, m.id")]


def _dispatch(tx: Tx, taken: Sequence[Candidate], holder: str, lease_until: Micros, sent_at: Micros, now: Micros) -> None:
    if taken:
        tx.run(
            f"UPDATE messages SET state = 'dispatching', reason = '', until = NULL, attempts = attempts + 1, fence = fence + 1, "
            f"holder = :holder, lease_until = :lease_until, sent_at = :sent_at, moved_at = :now WHERE {tx.among('id', 'ids')}",
            holder=holder,
            lease_until=lease_until,
            sent_at=sent_at,
            now=now,
            ids=tx.ids(candidate.id for candidate in taken),
        )


_WHOSE = {
    Scope.CONTACT: ("recipient", "contact"),
    Scope.ACCOUNT: ("account_id", "contact"),
    Scope.STAFF: ("recipient", "staff"),
}


class _TakingTurns:
    """Lets no other claim run beside this one that counts, from the first call on: it would not see what this one sends."""

    def __init__(self, tx: Tx) -> None:
        self._tx = tx
        self._locked = tx.embedded  # SQLite has one writer at a time

    def __call__(self) -> None:
        if not self._locked:
            self._tx.rows("SELECT pg_advisory_xact_lock(:lock)", lock=_LOCK)
            self._locked = True


def _history(tx: Tx, until: Micros, known_as: Mapping[str, Sequence[str]], taking_turns: Callable[[], None]) -> History:
    """What was sent, as this transaction sees it, and the touches that people logged by then. `known_as`: of people who are several
    contacts, who is asked for -> all of them.
    """

    def sent(scope: Scope, keys: Collection[str], since: Micros) -> list[Sent]:
        taking_turns()
        if scope is Scope.PROJECT:
            rows = tx.rows(
                f"SELECT '{EVERYBODY}', channel, sent_at FROM messages WHERE sent_at > :since "
                f"AND recipient_kind = 'contact' AND topic <> '{EXEMPT_TOPIC}' AND kind <> '{EXEMPT_KIND}'",
                since=since,
            )
            return [Sent(*row) for row in rows]
        column, kind = _WHOSE[scope]
        person = {one: key for key in keys for one in known_as.get(key, (key,))} if scope is Scope.CONTACT else {key: key for key in keys}
        rows = tx.rows(
            f"SELECT {column}, channel, sent_at FROM messages WHERE sent_at > :since AND {tx.among(column, 'keys')} "
            f"AND recipient_kind = '{kind}' AND topic <> '{EXEMPT_TOPIC}' AND kind <> '{EXEMPT_KIND}'",
            since=since,
            keys=tx.ids(person),
        )
        found = [*(Sent(*row) for row in rows), *_logged(tx, scope, person, since, until)]
        return [one._replace(key=person[one.key]) for one in found] if known_as else found

    return sent


def _logged(tx: Tx, scope: Scope, keys: Collection[str], since: Micros, until: Micros) -> list[Sent]:
    """Touches of people with those contacts or accounts. One with several contacts at once is one of the account."""
    if scope is Scope.STAFF:
        return []
    column = "contact_id" if scope is Scope.CONTACT else "account_id"
    rows = tx.rows(
        f"SELECT DISTINCT {column}, kind, at, by FROM touches WHERE {tx.among(column, 'keys')} AND at > :since AND at <= :until",
        keys=tx.ids(keys),
        since=since,
        until=until,
    )
    return [Sent(key, channel_of(kind), minute(at)) for key, kind, at, _by in rows]


def _candidate(row: tuple[Any, ...]) -> Candidate:
    values = list(row[:_LEFT])
    values[_STATE] = _STATES[values[_STATE]]
    for flag in _FLAGS:
        values[flag] = bool(values[flag])
    return Candidate(*values)


def _subject(c: Candidate) -> messages.Subject:
    return messages.Subject(c.id, c.playbook, c.account_id, c.subject_id, c.enrolment_id, c.step, c.kind, c.cta_id, c.reason)
