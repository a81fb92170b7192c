"""People whom the CRM knows as several contacts, told by their address: who they are, and what they were sent under another name. On the
tables of contacts, enrolments and messages.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from cs_engine.journey import identity
from cs_engine.ports import Candidate
from cs_engine.state.database import Tx


def contacts_of(tx: Tx, hashes: Collection[str]) -> dict[str, tuple[str, ...]]:
    """Of those of these addresses that several contacts have: the first of these -> all of them."""
    if not hashes:
        return {}
    rows = tx.rows(
        f"SELECT email_hash, id FROM contacts WHERE email_hash <> '' AND email_hash IN (SELECT email_hash FROM contacts "
        f"WHERE email_hash <> '' AND {tx.among('email_hash', 'hashes')} GROUP BY email_hash HAVING count(*) > 1) ORDER BY email_hash, id",
        hashes=tx.ids(sorted(hashes)),
    )
    known: dict[str, list[str]] = {}
    for hashed, contact in rows:
        known.setdefault(hashed, []).append(contact)
    return {contacts[0]: tuple(contacts) for contacts in known.values()}


def told_apart(tx: Tx, candidates: Sequence[Candidate], known_as: Mapping[str, Sequence[str]]) -> list[Candidate]:
    """The candidates, with who their recipient is where that is several contacts; those that go to the subject of their passage with what
    they share with the same mail to the same person, and whether that has left, or may have.

    It is the same mail when playbook, value of `once_per`, number of the passage, step and number of the repeat are.
    """
    person = {contact: first for first, contacts in known_as.items() for contact in contacts}
    named = [c._replace(person=person.get(c.recipient, "")) if c.recipient_kind == "contact" else c for c in candidates]
    own = [c for c in named if c.person and c.recipient == c.subject_id and c.channel == "email"]
    if not own:
        return named
    rows = tx.rows(
        f"SELECT id, playbook, key, passage, repeats FROM enrolments WHERE {tx.among('id', 'ids')}",
        ids=tx.ids(sorted({c.enrolment_id for c in own})),
    )
    passages = {id: _Mail(*passage) for id, *passage in rows}
    same = {c.id: passages[c.enrolment_id]._replace(step=c.step, person=c.person) for c in own if c.enrolment_id in passages}
    ids = {mail: [mail.sent_to(contact) for contact in known_as[mail.person]] for mail in set(same.values())}
    left = f"state IN ('dispatching', 'accepted', 'uncertain') AND {tx.among('id', 'ids')}"
    gone = {id for (id,) in tx.rows(f"SELECT id FROM messages WHERE {left}", ids=tx.ids(sorted(set().union(*ids.values()))))}
    had = {mail: gone.intersection(ids[mail]) for mail in ids}
    return [c._replace(same=ids[same[c.id]][0], had=bool(had[same[c.id]] - {c.id})) if c.id in same else c for c in named]


class _Mail(NamedTuple):
    """What is the same of mail to one person as several contacts."""

    playbook: str
    key: str
    number: int
    repeats: int
    step: str = ""
    person: str = ""

    def sent_to(self, contact: str) -> str:
        """The id of the message by which this contact's passage sends it."""
        enrolment = identity.enrolment_id(self.playbook, contact, self.key, self.number)
        return identity.message_id(enrolment, self.step, "email", contact, self.repeats)
