"""What people want to get, as keyed hashes of their addresses; and, line by line, what they ever said: the proof of it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from cs_engine.instants import Micros
from cs_engine.journey.preference import Preference, again, word_on
from cs_engine.ports import Mailed
from cs_engine.state.database import Tx

FROM_SOURCE = "source: "
"""Begins the source of a consent that was read and not said to us; behind it stands how the source knows. Its state is the source's."""

_LOCK = 0x63735F7265667573
"""PostgreSQL's advisory lock between refusals and claims: 'cs_refus'."""

# A refusal of the topic, or of all, unless something newer wants it. Both look at no row where nothing was ever said.
REFUSED = """EXISTS (
  SELECT 1 FROM preferences n WHERE n.email_hash = {hash} AND n.topic IN ({topic}, '') AND n.state = 'refused'
  AND NOT EXISTS (SELECT 1 FROM preferences y
                  WHERE y.email_hash = n.email_hash AND y.topic IN ({topic}, '') AND y.state = 'wanted' AND y.at > n.at))"""
"""SQL: whether the person of that hash has refused that topic. As `journey.preference.word_on`."""

ASKED_FOR = """EXISTS (
  SELECT 1 FROM preferences w WHERE w.email_hash = {hash} AND w.topic IN ({topic}, '') AND w.state = 'wanted' AND w.at > {since})"""
"""SQL: whether that person has asked for that topic, or for all, since then."""


def before_claims(tx: Tx) -> None:
    """Waits for claims that have begun, and keeps others waiting until this transaction ends: first of all in one that refuses mail.

    What it commits is seen by every claim that commits later. SQLite has one writer at a time anyway.
    """
    if not tx.embedded:
        tx.rows("SELECT pg_advisory_xact_lock(:lock)", lock=_LOCK)


def after_refusals(tx: Tx) -> None:
    """The claim's part of it: claims do not wait for each other."""
    if not tx.embedded:
        tx.rows("SELECT pg_advisory_xact_lock_shared(:lock)", lock=_LOCK)


def put(tx: Tx, given: Iterable[Preference]) -> int:
    """Keeps what is newer than what was said before, whatever the order in which it comes; how many say something new."""
    said = list(given)
    if said:
        before_claims(tx)
    return sum(_put(tx, one) for one in said)


def put_again(tx: Tx, hashes: Collection[str], source: str, at: Micros) -> int:
    """Somebody, known by these hashes, wants what they had before they last refused any; as `put`. What is newer than that stays."""
    before_claims(tx)
    said = [one for one in of(tx, hashes) if one.at < at]
    return put(tx, [word for hashed in hashes for word in again([one for one in said if one.email_hash == hashed], source, at)])


def _put(tx: Tx, given: Preference) -> bool:
    said = of(tx, [given.email_hash])
    own = next((one for one in said if one.topic == given.topic), None)
    if not _keep(tx, given):
        return False
    counted = word_on(given.topic, said)
    if counted is not None and counted.wanted == given.wanted and own is not None:
        return False
    tx.run(
        "INSERT INTO consents (email_hash, topic, state, source, at) VALUES (:hash, :topic, :state, :source, :at)",
        **_bound(given),
    )
    return True


def _keep(tx: Tx, given: Preference) -> bool:
    """Whether it is newer than what is known, and so kept. Of two at once the refusal is."""
    kept = tx.run(
        "INSERT INTO preferences (email_hash, topic, state, source, at) VALUES (:hash, :topic, :state, :source, :at) "
        "ON CONFLICT (email_hash, topic) DO UPDATE SET state = excluded.state, source = excluded.source, at = excluded.at "
        "WHERE excluded.at > preferences.at "
        "OR (excluded.at = preferences.at AND excluded.state = 'refused' AND preferences.state = 'wanted')",
        **_bound(given),
    )
    return kept == 1


def of(tx: Tx, hashes: Collection[str]) -> list[Preference]:
    """What these people want, by topic."""
    return _read(tx, "preferences", hashes, "topic, email_hash")


def history(tx: Tx, hashes: Collection[str]) -> list[Preference]:
    """All that these people themselves ever said anew, in the order in which we learned it."""
    return [one for one in _read(tx, "consents", hashes, "line") if not one.source.startswith(FROM_SOURCE)]


def any_said(tx: Tx) -> bool:
    """Whether anybody ever said anything."""
    return tx.row("SELECT 1 FROM preferences LIMIT 1") is not None


def hashes(tx: Tx) -> set[str]:
    """Of all who said something themselves."""
    return {hashed for (hashed,) in tx.rows("SELECT DISTINCT email_hash FROM preferences")}


def record_sources(tx: Tx) -> None:
    """What contacts' sources say of their consent, each word once: the record outlives the contact. Undated ones are kept at 0."""
    tx.run(
        f"INSERT INTO consents (email_hash, topic, state, source, at) "
        f"SELECT DISTINCT c.email_hash, '', c.consent, '{FROM_SOURCE}' || c.consent_source, coalesce(c.consent_at, 0) FROM contacts c "
        f"WHERE c.consent <> '' AND c.email_hash <> '' AND NOT EXISTS (SELECT 1 FROM consents k WHERE k.email_hash = c.email_hash "
        f"AND k.state = c.consent AND k.source = '{FROM_SOURCE}' || c.consent_source AND k.at = coalesce(c.consent_at, 0))"
    )


def mailed(tx: Tx, message_id: str) -> Mailed | None:
    row = tx.row(
        "SELECT m.topic, coalesce(c.email, ''), coalesce(nullif(c.locale, ''), a.locale, '') FROM messages m "
        "LEFT JOIN contacts c ON c.id = m.recipient AND m.recipient_kind = 'contact' LEFT JOIN accounts a ON a.id = m.account_id "
        "WHERE m.id = :id",
        id=message_id,
    )
    return None if row is None else Mailed(*row)


def add_alike(tx: Tx, pairs: Sequence[tuple[str, str]]) -> None:
    """What is wanted, refused and recorded under the first hash of a pair is so under the second, too: of the same source, since then."""
    for known, other in pairs:
        tx.run(
            "INSERT INTO consents (email_hash, topic, state, source, at) "
            "SELECT :other, k.topic, k.state, k.source, k.at FROM consents k WHERE k.email_hash = :known AND NOT EXISTS "
            "(SELECT 1 FROM consents o WHERE o.email_hash = :other AND o.topic = k.topic AND o.state = k.state AND o.source = k.source "
            "AND o.at = k.at) ORDER BY k.line",
            known=known,
            other=other,
        )
        for one in of(tx, [known]):
            _keep(tx, one._replace(email_hash=other))


def _read(tx: Tx, table: str, hashes: Collection[str], order: str) -> list[Preference]:
    rows = tx.rows(
        f"SELECT email_hash, topic, state, source, at FROM {table} WHERE {tx.among('email_hash', 'hashes')} ORDER BY {order}",
        hashes=tx.ids(hashes),
    )
    return [Preference(hashed, topic, state == "wanted", source, at) for hashed, topic, state, source, at in rows]


def _bound(given: Preference) -> dict[str, str | Micros]:
    state = "wanted" if given.wanted else "refused"
    return {"hash": given.email_hash, "topic": given.topic, "state": state, "source": given.source, "at": given.at}
