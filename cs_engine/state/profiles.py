"""Who calls say that accounts and contacts are: one row each, with the latest of every trait. Kept as calls are.

A user's events that name no account get the one that the user was last said to be of (`group`). Those that came before anybody said
so, of users who are not among the contacts, get it then: they are kept anew, behind all others, so that readers find them.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from cs_engine.instants import Micros
from cs_engine.ports import Profile
from cs_engine.state import schema
from cs_engine.state.database import Tx
from cs_engine.usage.collected import EVENTS, GROUP, IDENTIFY, Collected, ProfileKind

_COLUMNS = ("kind", "id", "account_id", "traits", "said_at", "learned_at")
_COLLECTED = (*Collected._fields, "received_at")


@dataclass(slots=True)
class _Known:
    """A profile under change."""

    account_id: str = ""
    traits: dict[str, Any] = field(default_factory=dict)
    said_at: Micros = 0
    learned_at: Micros = 0

    def say(self, traits: dict[str, Any], at: Micros) -> None:
        """Lays them over what is known; under it where that was said later. A null takes a trait away."""
        newer = at >= self.said_at
        self.traits = {**self.traits, **traits} if newer else {**traits, **self.traits}
        self.traits = {name: value for name, value in self.traits.items() if value is not None}
        self.said_at = max(self.said_at, at)


Key = tuple[ProfileKind, str]


def apply(tx: Tx, calls: Sequence[Collected], received_at: Micros) -> list[Collected]:
    """The calls, with the accounts of their users where they name none, once what they say of people is in the profiles."""
    saying = _new(tx, [call for call in calls if call.kind in (IDENTIFY, GROUP)])
    asking = {call.contact_id for call in calls if call.kind in EVENTS and call.contact_id and not call.account_id}
    if not saying and not asking:
        return list(calls)
    known = _load(tx, {("contact", id) for id in asking} | {key for call in saying for key in _about(call)})
    before = {key: (one.account_id, one.traits, one.said_at) for key, one in known.items()}
    for call in saying:
        _say(known, call, received_at)
    told = [key for key, one in known.items() if before.get(key) != (one.account_id, one.traits, one.said_at)]
    _keep(tx, known, told)
    if any(before.get(key, ())[:2] != (known[key].account_id, known[key].traits) for key in told):
        tx.run("INSERT INTO collector (id, profiles) VALUES (1, 1) ON CONFLICT (id) DO UPDATE SET profiles = collector.profiles + 1")
    _place(tx, {id: known[kind, id].account_id for kind, id in told if kind == "contact" and not before.get((kind, id), ("",))[0]})
    accounts = {id: one.account_id for (kind, id), one in known.items() if kind == "contact"}
    return [
        call._replace(account_id=accounts.get(call.contact_id, "")) if call.kind in EVENTS and not call.account_id else call
        for call in calls
    ]


def every(tx: Tx, kind: ProfileKind) -> list[Profile]:
    rows = tx.rows("SELECT id, account_id, traits, learned_at FROM profiles WHERE kind = :kind ORDER BY id", kind=kind)
    return [Profile(*row) for row in rows]


def _new(tx: Tx, saying: Sequence[Collected]) -> list[Collected]:
    """Those that were not kept before, each once: what is told again late would undo what was said since."""
    if not saying:
        return []
    ids = tx.ids(call.message_id for call in saying)
    there = {id for (id,) in tx.rows(f"SELECT message_id FROM collected WHERE {tx.among('message_id', 'ids')}", ids=ids)}
    return [call for call in {call.message_id: call for call in reversed(saying)}.values() if call.message_id not in there][::-1]


def _about(call: Collected) -> Iterable[Key]:
    if call.contact_id:
        yield "contact", call.contact_id
    if call.account_id:
        yield "account", call.account_id


def _say(known: dict[Key, _Known], call: Collected, received_at: Micros) -> None:
    traits = json.loads(call.properties)
    of_account = traits if call.kind == GROUP else traits.pop("company", None)
    if call.contact_id:
        contact = known.setdefault(("contact", call.contact_id), _Known(learned_at=received_at))
        if call.account_id and (call.occurred_at >= contact.said_at or not contact.account_id):
            contact.account_id = call.account_id
        contact.say(traits if call.kind == IDENTIFY else {}, call.occurred_at)
    if call.account_id and isinstance(of_account, dict):
        account = known.setdefault(("account", call.account_id), _Known(learned_at=received_at))
        account.say({name: value for name, value in of_account.items() if name != "id"}, call.occurred_at)


def _load(tx: Tx, keys: Collection[Key]) -> dict[Key, _Known]:
    rows = tx.rows(
        f"SELECT kind, id, account_id, traits, said_at, learned_at FROM profiles WHERE {tx.among('id', 'ids')}",
        ids=tx.ids(sorted({id for _, id in keys})),
    )
    found = {(kind, id): _Known(account, json.loads(traits), said, learned) for kind, id, account, traits, said, learned in rows}
    return {key: one for key, one in found.items() if key in keys}


def _keep(tx: Tx, known: dict[Key, _Known], changed: Sequence[Key]) -> None:
    rows = [
        (kind, id, one.account_id, json.dumps(one.traits, ensure_ascii=False), one.said_at, one.learned_at)
        for kind, id in sorted(changed)
        for one in [known[kind, id]]
    ]
    sets = ", ".join(f"{name} = excluded.{name}" for name in _COLUMNS[2:5])
    tx.upsert(schema.profiles, _COLUMNS, rows, f"ON CONFLICT (kind, id) DO UPDATE SET {sets}")


def _place(tx: Tx, accounts: dict[str, str]) -> None:
    """Events that waited to be told whose they are, of users whom the sources do not know."""
    users = sorted(id for id, account in accounts.items() if account)
    if not users:
        return
    known = {id for (id,) in tx.rows(f"SELECT id FROM contacts WHERE {tx.among('id', 'ids')}", ids=tx.ids(users))}
    ids = tx.ids(id for id in users if id not in known)
    waiting = f"account_id = '' AND {tx.among('contact_id', 'ids')}"
    rows = tx.rows(f"SELECT {', '.join(_COLLECTED)} FROM collected WHERE {waiting} ORDER BY sequence", ids=ids)
    if not rows:
        return
    tx.run(f"DELETE FROM collected WHERE {waiting}", ids=ids)
    account, contact = _COLLECTED.index("account_id"), _COLLECTED.index("contact_id")
    placed = [(*row[:account], accounts[row[contact]], *row[account + 1 :]) for row in rows]
    tx.insert_or_leave(schema.collected, _COLLECTED, placed, "message_id")
