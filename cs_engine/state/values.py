"""What playbooks have set of accounts: laid over what the sources say."""

from __future__ import annotations

import json
from collections.abc import Sequence
from operator import attrgetter
from typing import Any

from cs_engine.instants import Micros
from cs_engine.ports import ValueSet
from cs_engine.state import schema
from cs_engine.state.database import Tx

_OF = attrgetter("name", "account_id")


def put(tx: Tx, values: Sequence[ValueSet]) -> None:
    """The latest value counts."""
    rows = sorted(dict(zip(map(_OF, values), values, strict=True)).values())
    again = "ON CONFLICT (name, account_id) DO UPDATE SET value = excluded.value, playbook = excluded.playbook, set_at = excluded.set_at"
    tx.upsert(schema.account_values, ValueSet._fields, rows, again)


def every(tx: Tx, until: Micros | None) -> dict[str, tuple[list[str], list[Any]]]:
    """Attribute -> (accounts, values), of those set by then."""
    found: dict[str, tuple[list[str], list[Any]]] = {}
    by_then, bound = ("", {}) if until is None else ("WHERE set_at <= :until ", {"until": until})
    for name, account, value in tx.rows(f"SELECT name, account_id, value FROM account_values {by_then}ORDER BY name, account_id", **bound):
        accounts, values = found.setdefault(name, ([], []))
        accounts.append(account)
        values.append(json.loads(value))
    return found
