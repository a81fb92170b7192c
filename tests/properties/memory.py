"""Usage and channels in memory: adapters of the ports, as small as they can be."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, NamedTuple

import numpy as np

from cs_engine.instants import NO_TIME, to_micros
from cs_engine.journey.guards import SourceState
from cs_engine.journey.touch import Reaction, Touch
from cs_engine.language.expression import Expression, Grain, Type
from cs_engine.playbook.plan import EventEntry
from cs_engine.ports import (
    AccountRow,
    ContactRow,
    Failure,
    Holds,
    Letter,
    Mask,
    Occurrences,
    Outcome,
    Overlay,
    Parcel,
    PassageFacts,
    Post,
    Rows,
    SourceReport,
    Spread,
    Stock,
    always,
)
from cs_engine.usage.answers import answers_in
from tests.properties.conditions import ACCOUNT_FLAGS, MILESTONES, holds

WHEN = {"m0": "account.a0", "m1": "account.a1 and account.a2"}
"""What makes the milestones of tests.properties.project reached."""
_BORN = datetime(2026, 1, 1, tzinfo=UTC)


class Happened(NamedTuple):
    """Somebody was invited."""

    id: str
    account: str
    contact: str
    at: datetime
    loud: bool


@dataclass
class People:
    """Who there is, in the CRM's words; each tick reads what stands here then."""

    accounts: dict[str, str] = field(default_factory=dict)
    """Account -> its CSM's e-mail, or ''."""
    contacts: dict[str, tuple[str, str]] = field(default_factory=dict)
    """Contact -> (account, role)."""
    keys: dict[str, str] = field(default_factory=dict)
    """Account -> the value of `account.key`."""
    flags: set[tuple[str, str]] = field(default_factory=set)
    events: list[Happened] = field(default_factory=list)

    def living(self) -> dict[str, tuple[str, str]]:
        """Contacts whose account is there."""
        return {contact: of for contact, of in self.contacts.items() if of[0] in self.accounts}


class MemoryUsage:
    """The `Usage` of cs_engine.ports over People."""

    def __init__(self, people: People) -> None:
        self.last: MemoryFacts | None = None
        """What the latest tick saw."""
        self._people = people
        self._set = 0

    def sync(self, on_progress: Callable[[str], None] | None = None, *, anew: bool = False) -> list[SourceReport]:  # noqa: ARG002
        self._set += 1
        return []

    def synced(self) -> bool:
        return True

    def stale(self) -> bool:
        return True

    def states(self, now: datetime) -> list[SourceState]:  # noqa: ARG002
        return []

    def behind(self) -> bool:
        return False

    def take_in(self) -> list[SourceReport]:
        return []

    def waiting(self) -> int:
        return 0

    def set_name(self) -> str:
        return str(self._set)

    def people(self) -> tuple[list[AccountRow], list[ContactRow]]:
        born = to_micros(_BORN)
        accounts = [AccountRow(id, id.capitalize(), "", "", csm, born) for id, csm in self._people.accounts.items()]
        contacts = [
            ContactRow(id, account, f"{id}@customer.example", f"hash of {id}", id.capitalize(), role, "", "", born)
            for id, (account, role) in self._people.living().items()
        ]
        return accounts, contacts

    def touches(self) -> tuple[list[Touch], list[Reaction]]:
        return [], []

    def rehashed(self, known: Collection[str]) -> list[tuple[str, str]]:  # noqa: ARG002
        return []

    def person(self, contacts: Collection[str]) -> dict[str, list[dict[str, Any]]]:  # noqa: ARG002
        return {}

    def known_by(self, hashes: Collection[str]) -> list[str]:  # noqa: ARG002
        return []

    def forget(self, contacts: Collection[str]) -> None:
        """Nobody is forgotten here."""

    def facts(self, now: datetime, conditions: Iterable[Expression], overlay: Overlay, *, milestones: bool = True) -> MemoryFacts:  # noqa: ARG002 - it tells all
        self.last = MemoryFacts(self._people, now, conditions, overlay)
        return self.last


class MemoryFacts:
    """The `Facts` of cs_engine.ports at one now. Conditions are read as text, by tests.properties.conditions."""

    def __init__(self, people: People, now: datetime, conditions: Iterable[Expression], overlay: Overlay) -> None:
        self.now = now
        self.failed: list[Failure] = []
        self._accounts, self._contacts = sorted(people.accounts), sorted(people.living())
        self._rows = {grain: {id: row for row, id in enumerate(self.ids(grain))} for grain in Grain}
        self._of = [self._rows[Grain.ACCOUNT][people.contacts[contact][0]] for contact in self._contacts]
        self._csm, self._keys = dict(people.accounts), dict(people.keys)
        self._role = {contact: people.contacts[contact][1] for contact in self._contacts}
        self._flags = frozenset(people.flags)
        self._events = [event for event in people.events if event.at <= now]
        self._answers = {name: dict(zip(*column, strict=True)) for columns in overlay.answers.values() for name, column in columns.items()}
        self._latched = {milestone: set(ids) for milestone, (ids, _) in overlay.latched.items()}
        self._of_accounts = {name: dict(zip(ids, values, strict=True)) for name, (ids, values) in overlay.account_numbers.items()}
        self._of_contacts = {name: dict(zip(ids, values, strict=True)) for name, (ids, values) in overlay.contact_numbers.items()}
        for condition in conditions:
            if condition.type is Type.BOOLEAN:
                self.mask(condition)

    def ids(self, grain: Grain) -> list[str]:
        return list(self._accounts if grain is Grain.ACCOUNT else self._contacts)

    def rows(self, grain: Grain) -> Mapping[str, int]:
        return self._rows[grain]

    def account_of_contact(self) -> Rows:
        return np.array(self._of, dtype=np.int64)

    def mask(self, condition: Expression) -> Mask:
        if condition.text.startswith("contact.role = "):
            role = condition.text.split("'")[1]
            return np.array([self._role[contact] == role for contact in self._contacts], dtype=np.bool_)
        grain = condition.grain
        if condition.of_passage:  # is asked for passages alone
            return np.zeros(self._size(grain), dtype=np.bool_)
        return np.array([holds(condition.text, self.truth(condition, row)) for row in range(self._size(grain))], np.bool_)

    def truth(self, condition: Expression, row: int) -> Callable[[str], bool]:
        """What an atom of that condition is of the subject at that row. Answers hang on whose step was asked, which its names tell."""
        subject = self.ids(condition.grain)[row]
        known: dict[str, bool] = {}
        for name in condition.names:
            if (column := answers_in(name)) is not None:
                atom = f"done('{column.step}')" if column.done else f"answer('{column.step}.{column.fields[0]}')"
                known[atom] = self._answers.get(name, {}).get(subject) == "true"
        return lambda atom: known[atom] if atom in known else self.true(condition.grain, row, atom)

    def true(self, grain: Grain, row: int, atom: str) -> bool:
        """Whether an atom holds of the subject at that row."""
        account = self._accounts[row if grain is Grain.ACCOUNT else self._of[row]]
        subject = account if grain is Grain.ACCOUNT else self._contacts[row]
        if atom == "emails_30d > 0":
            numbers = self._of_accounts if grain is Grain.ACCOUNT else self._of_contacts
            return numbers["emails_30d"].get(subject, 0) > 0
        if atom == "account.open_ctas > 0":
            return self._of_accounts["open_ctas"].get(account, 0) > 0
        if atom == "in_segment('keen')":
            return (account, "account.a3") in self._flags
        if atom.startswith("reached("):
            return self._reached(account, atom.split("'")[1])
        return (account if atom.startswith("account.") else subject, atom) in self._flags

    def spreads(self, grain: Grain, names: Sequence[str]) -> dict[str, Spread]:  # noqa: ARG002 - there are no metrics
        assert not names
        return {}

    def stock(self) -> Stock:
        return Stock(len(self._accounts), len(self._contacts), 0, None)

    def texts(self, expression: Expression) -> list[str]:
        if expression.type is Type.BOOLEAN:
            return [str(value).lower() for value in self.mask(expression).tolist()]
        assert expression.text == "account.key"
        rows = range(len(self._accounts)) if expression.grain is Grain.ACCOUNT else self._of
        return [self._keys.get(self._accounts[row], "") for row in rows]

    def instants(self, expression: Expression) -> Rows:
        """Dates of accounts: one in the past, one that lies two days ahead of who is flagged so, or blank."""
        rows = range(len(self._accounts)) if expression.grain is Grain.ACCOUNT else self._of
        dates = [self._date(self._accounts[row], expression.text) for row in rows]
        return np.array([NO_TIME if at is None else to_micros(at) for at in dates], dtype=np.int64)

    def _date(self, account: str, text: str) -> datetime | None:
        flags = [(account, flag) in self._flags for flag in ACCOUNT_FLAGS]
        if text == "account.due_at":
            return _BORN + timedelta(days=64 if flags[0] else 61, hours=9)
        return _BORN + timedelta(days=70) if flags[1] else None

    def columns(self, grain: Grain, names: Sequence[str], rows: Rows) -> list[list[Any]]:
        return [[self._value(grain, name, row) for row in rows.tolist()] for name in names]

    def seen(self, expression: Expression, rows: Rows) -> list[str]:
        flags = [name for name in expression.names if name.split(".")[-1][:1] in "ab" and name.split(".")[-1][1:].isdigit()]
        return [json.dumps({name: self.true(expression.grain, row, name) for name in flags}) for row in rows.tolist()]

    def judged(self, conditions: Sequence[Expression], seen: Sequence[str]) -> list[Mask] | None:  # noqa: ARG002
        return None

    def milestones(self) -> Mapping[str, Mask]:
        return {m: np.array([self._reached(account, m) for account in self._accounts], dtype=np.bool_) for m in MILESTONES}

    def became(self, milestone: str, rows: Rows, after: int | None) -> tuple[list[int], list[str]]:  # noqa: ARG002
        """Nobody can tell."""
        return [to_micros(self.now)] * len(rows), [""] * len(rows)

    def values(self, grain: Grain, expressions: Mapping[str, Expression], rows: Rows) -> list[str]:  # noqa: ARG002
        masks = {name: self.mask(expression) for name, expression in expressions.items()}
        return [json.dumps({name: bool(mask[row]) for name, mask in masks.items()}) for row in rows.tolist()]

    def occurrences(self, entry: EventEntry, grain: Grain, since: datetime) -> Occurrences:
        assert (entry.event, entry.where) == ("invited", None)
        index = self._rows[grain]
        here = sorted(
            (index[whose], event)
            for event in self._events
            if (whose := event.account if grain is Grain.ACCOUNT else event.contact) in index and event.at > since
        )
        return Occurrences(
            np.array([row for row, _ in here], np.int64),
            np.array([to_micros(event.at) for _, event in here], np.int64),
            [event.id for _, event in here],
            [json.dumps({"event.id": event.id, "event.at": event.at.isoformat(), "event.loud": event.loud}) for _, event in here],
        )

    def passages(self, grain: Grain, rows: Rows, kept: Sequence[str], likely: Sequence[Expression] = ()) -> PassageFacts:  # noqa: ARG002
        return MemoryPassages(self, grain, rows, [json.loads(one or "{}") for one in kept])

    def close(self) -> None:
        """Nothing is open."""

    def _size(self, grain: Grain) -> int:
        return len(self._accounts if grain is Grain.ACCOUNT else self._contacts)

    def _reached(self, account: str, milestone: str) -> bool:
        return account in self._latched.get(milestone, ()) or holds(WHEN[milestone], lambda atom: (account, atom) in self._flags)

    def _value(self, grain: Grain, name: str, row: int) -> Any:
        if row < 0:
            return None
        if grain is Grain.ACCOUNT:
            account = self._accounts[row]
            champion = (c for c, of in zip(self._contacts, self._of, strict=True) if of == row and self._role[c] == "champion")
            match name:
                case "champion.id":
                    return next(champion, None)
                case "account.csm":
                    return self._csm[account]
                case _:
                    return account.capitalize() if name == "account.name" else None
        match name:
            case "account.name":
                return self._accounts[self._of[row]].capitalize()
            case "contact.name":
                return self._contacts[row].capitalize()
            case _:
                return None


class MemoryPassages:
    """The `PassageFacts` of cs_engine.ports: what was kept of each, beside what is so of its subject."""

    def __init__(self, facts: MemoryFacts, grain: Grain, rows: Rows, kept: Sequence[Mapping[str, Any]]) -> None:
        self._facts, self._grain, self._rows, self._kept = facts, grain, rows.tolist(), kept

    def holds(self, condition: Expression) -> Mask:
        return np.array([row >= 0 and self._holds(condition, i) for i, row in enumerate(self._rows)], dtype=np.bool_)

    def _holds(self, condition: Expression, i: int) -> bool:
        now, kept = self._facts.truth(condition, self._rows[i]), self._kept[i]

        def truth(atom: str) -> bool:
            if atom.startswith("at_entry("):
                return bool(kept[f"at_entry:{atom[9:-1]}"])
            return bool(kept.get(atom)) if atom.startswith("event.") else now(atom)

        return holds(condition.text, truth)

    def texts(self, expression: Expression) -> list[str]:
        assert expression.text == "event.id"
        return [kept.get("event.id", "") for kept in self._kept]

    def times(self, expression: Expression) -> Rows:
        raise NotImplementedError("dates are accounts' in these towns")

    def seen(self, expression: Expression, which: Rows) -> list[str]:
        return [json.dumps({n: self._kept[i][n] for n in expression.names if n in self._kept[i]}) for i in which.tolist()]

    def contacts(self, condition: Expression) -> tuple[Rows, Rows]:
        raise NotImplementedError("recipients hang on contacts alone in these towns")


Fate = Literal["accepted", "rejected", "retry", "lost", "unheard"]
"""What becomes of a message that is sent. `lost`: it never arrives and nobody says so; `unheard`: it arrives and nobody says so."""


class MemoryChannel:
    """The `Channel` of cs_engine.ports. What it took is in `taken`, once however often it is sent, as in a mailbox."""

    def __init__(self, name: str, fate: Callable[[str], Fate], *, knows: bool = True) -> None:
        """`knows`: whether it can tell afterwards what it took."""
        self.name = name
        self.taken: dict[str, str] = {}
        """Id of each message -> whom it went to, in the order of arrival."""
        self.times: dict[str, int] = {}
        """How often each was sent and arrived."""
        self.knows = knows
        self._fate = fate

    @staticmethod
    def build(outgoing: Letter | Post) -> Parcel:
        return Parcel(outgoing.id, b"", {"to": outgoing.to.email if isinstance(outgoing, Letter) else outgoing.channel})

    def send(self, parcels: Sequence[Parcel], holds: Holds = always) -> list[Outcome]:
        return [self._take(parcel) if holds(parcel.id) else Outcome(parcel.id, "retry", "lease_over") for parcel in parcels]

    def lookup(self, ids: Sequence[str]) -> Mapping[str, Outcome]:
        if not self.knows:
            return {}
        return {id: self._accepted(id) if id in self.taken else Outcome(id, "retry", "not_sent") for id in ids}

    def close(self) -> None:
        """Nothing is open."""

    def _take(self, parcel: Parcel) -> Outcome:
        fate = self._fate(parcel.id)
        if fate in ("accepted", "unheard"):
            self.taken.setdefault(parcel.id, parcel.meta["to"])
            self.times[parcel.id] = self.times.get(parcel.id, 0) + 1
        match fate:
            case "accepted":
                return self._accepted(parcel.id)
            case "rejected":
                return Outcome(parcel.id, "rejected", "550")
            case "retry":
                return Outcome(parcel.id, "retry", "451")
            case _:
                return Outcome(parcel.id, "uncertain", "reset")

    def _accepted(self, id: str) -> Outcome:
        return Outcome(id, "accepted", provider_id=f"{self.name}:{id}")
