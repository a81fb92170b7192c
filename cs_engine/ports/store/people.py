"""Accounts and contacts as last synced, and who wants no mail."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from cs_engine.instants import Micros

if TYPE_CHECKING:
    from cs_engine.journey.preference import Preference


class AccountRow(NamedTuple):
    id: str
    name: str
    locale: str
    timezone: str
    csm: str
    """The CSM's e-mail; '' when nobody."""
    created_at: Micros | None
    country: str = ""
    """Two letters; '' when unknown."""


class ContactRow(NamedTuple):
    id: str
    account_id: str
    email: str
    email_hash: str
    """Keyed hash of the normalised address; '' without one. What suppressions are held by."""
    name: str
    role: str
    locale: str
    timezone: str
    created_at: Micros | None
    country: str = ""
    consent: str = ""
    """What is on record: cs_engine.journey.consent.Consent."""
    consent_source: str = ""
    """How we know."""
    consent_at: Micros | None = None
    """When they said so."""


class Mailed(NamedTuple):
    """To whom a message went, as the pages about their mail need it."""

    topic: str
    email: str
    """The recipient's address now; '' when it is no contact any more, or has none."""
    locale: str
    """The recipient's, else the account's, else ''."""


class Whom(NamedTuple):
    """Whom a question for, or the erasure of, personal data is about."""

    contacts: tuple[str, ...]
    """Their ids in the sources: several where they are a contact of several accounts."""
    hashes: tuple[str, ...]
    """Keyed hashes of their addresses, under every key."""
    ids_hashed: tuple[str, ...]
    """The same of their ids, id by id: somebody who has no address, or another one by then, is known by them."""
    playbooks: tuple[str, ...]
    """Playbooks through which contacts pass, not accounts."""
    fixed_answers: frozenset[tuple[str, str, str]] = frozenset()
    """(playbook, step, field) of questions that are not answered in somebody's own words."""


class Erasure(NamedTuple):
    """What an erasure found and did."""

    contacts: int
    messages: int
    stopped: int
    """Messages that had yet to go, and do not."""
    passages: int
    """That ended by it."""
    message_ids: tuple[str, ...]
    """Of all messages to them or about them: whoever keeps copies takes these away."""


class People(Protocol):
    """Accounts and contacts as last synced, and who wants no mail."""

    def put_people(self, accounts: Sequence[AccountRow], contacts: Sequence[ContactRow], usage_set: str = "") -> None:
        """Replaces accounts and contacts with those of a sync's `usage_set`; those that are gone are removed."""

    def people_from(self) -> str:
        """The usage set that accounts and contacts were last replaced from; '' when none."""

    def known_contacts(self, account_id: str) -> list[str] | None:
        """The contacts of an account as last synced; None when there is no such account."""

    def contacts_of(self, account_id: str) -> list[tuple[str, str]]:
        """(id, name) of the account's contacts, by name."""

    def suppress(self, email_hash: str, reason: str, at: Micros) -> bool:
        """True when it was not suppressed before."""

    def suppressed(self) -> set[str]:
        """The hashes of all suppressed addresses."""

    def suppressed_of(self, hashes: Collection[str]) -> set[str]:
        """Those of these hashes whose address is suppressed."""

    def suppressed_contacts(self) -> set[str]:
        """The contacts whose address is suppressed: it bounced, complained, or was asked to be left in peace."""

    def suppress_alike(self, pairs: Iterable[tuple[str, str]]) -> None:
        """(a hash, another hash of the same address): the other is suppressed too, for the same reason and since then, and wants and
        refuses the same.
        """

    def set_preferences(self, given: Sequence[Preference]) -> int:
        """Who wants or refuses a topic ('': all) since when, all or nothing; how many were new. What is older than what is known, and what
        is known, changes nothing. No mail of what is refused is claimed after this has returned.
        """

    def preferences(self, hashes: Collection[str]) -> list[Preference]:
        """What these people want and refuse, by topic."""

    def consents(self, hashes: Collection[str]) -> list[Preference]:
        """All that they themselves ever said of it, oldest first. What sources say of their consent is on the same record: `held`."""

    def mailed(self, message_id: str) -> Mailed | None:
        """To whom a message went; None when there is none of that id."""

    def unsuppress(self, hashes: Collection[str]) -> list[tuple[str, Micros]]:
        """Lets mail go to these again; (reason, since) of the suppressions that were there."""

    def contacts_known(self, id: str, hashes: Collection[str]) -> list[tuple[str, str]]:
        """(id, address) of the contacts of that id, or whose address is known by one of these hashes."""

    def held(self, whom: Whom) -> dict[str, list[dict[str, Any]]]:
        """Table -> its rows about the person, column by column."""

    def erase(self, whom: Whom, at: Micros) -> Erasure:
        """Takes out what is theirs, all or nothing; again is nothing. No mail to them is claimed after this has returned."""

    def erased(self) -> set[str]:
        """The hashes of all whose data were erased."""

    def preferring(self) -> set[str]:
        """The hashes of all who ever said something."""
