"""People: accounts and contacts, suppressions, preferences, consents, and the rights of a person."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any

from cs_engine.instants import Micros
from cs_engine.journey.preference import ERASED, Preference
from cs_engine.ports import AccountRow, ContactRow, Erasure, Mailed, Whom
from cs_engine.state import people, persons, preferences, suppressions
from cs_engine.state.store.part import Part


class People(Part):
    """Each method is one transaction."""

    def put_people(self, accounts: Sequence[AccountRow], contacts: Sequence[ContactRow], usage_set: str = "") -> None:
        with self.database.write() as tx:
            people.replace(tx, accounts, contacts, usage_set)

    def people_from(self) -> str:
        with self.database.read() as tx:
            return people.source(tx)

    def known_contacts(self, account_id: str) -> list[str] | None:
        with self.database.read() as tx:
            return people.known_contacts(tx, account_id)

    def contacts_of(self, account_id: str) -> list[tuple[str, str]]:
        with self.database.read() as tx:
            return people.contacts_of(tx, account_id)

    def suppress(self, email_hash: str, reason: str, at: Micros) -> bool:
        with self.database.write() as tx:
            preferences.before_claims(tx)
            return suppressions.add(tx, email_hash, reason, at)

    def suppressed(self) -> set[str]:
        with self.database.read() as tx:
            return suppressions.all_hashes(tx)

    def suppressed_of(self, hashes: Collection[str]) -> set[str]:
        with self.database.read() as tx:
            return suppressions.among(tx, hashes)

    def suppressed_contacts(self) -> set[str]:
        with self.database.read() as tx:
            return suppressions.contacts(tx)

    def suppress_alike(self, pairs: Iterable[tuple[str, str]]) -> None:
        with self.database.write() as tx:
            known = list(pairs)
            suppressions.add_alike(tx, known)
            preferences.add_alike(tx, known)

    def set_preferences(self, given: Sequence[Preference]) -> int:
        with self.database.write() as tx:
            return preferences.put(tx, given)

    def preferences(self, hashes: Collection[str]) -> list[Preference]:
        with self.database.read() as tx:
            return preferences.of(tx, hashes)

    def consents(self, hashes: Collection[str]) -> list[Preference]:
        with self.database.read() as tx:
            return preferences.history(tx, hashes)

    def mailed(self, message_id: str) -> Mailed | None:
        with self.database.read() as tx:
            return preferences.mailed(tx, message_id)

    def unsuppress(self, hashes: Collection[str]) -> list[tuple[str, Micros]]:
        with self.database.write() as tx:
            return suppressions.drop(tx, hashes)

    def contacts_known(self, id: str, hashes: Collection[str]) -> list[tuple[str, str]]:
        with self.database.read() as tx:
            return persons.contacts(tx, id, hashes)

    def held(self, whom: Whom) -> dict[str, list[dict[str, Any]]]:
        with self.database.read() as tx:
            return persons.held(tx, whom)

    def erase(self, whom: Whom, at: Micros) -> Erasure:
        with self.database.write() as tx:
            return persons.erase(tx, whom, at)

    def erased(self) -> set[str]:
        with self.database.read() as tx:
            return suppressions.all_hashes(tx, ERASED)

    def preferring(self) -> set[str]:
        with self.database.read() as tx:
            return preferences.hashes(tx)
