"""Values that playbooks watch: what was seen last of each subject, and every change since."""

from __future__ import annotations

from collections.abc import Mapping

from cs_engine.instants import Micros
from cs_engine.ports import ValueChange
from cs_engine.state import schema
from cs_engine.state.database import Tx


def see(tx: Tx, name: str, values: Mapping[str, str], at: Micros) -> int:
    """Remembers the values of all subjects, and what is another than before; what is seen for the first time is no change. How many are."""
    before = dict(tx.rows("SELECT subject_id, value FROM watched WHERE name = :name", name=name))
    fresh = {subject: value for subject, value in sorted(values.items()) if before.get(subject) != value}
    changed = [(name, subject, at, before[subject], value) for subject, value in fresh.items() if subject in before]
    tx.upsert(schema.changes, ("name", "subject_id", "at", "was", "became"), changed, "ON CONFLICT DO NOTHING")
    rows = [(name, subject, value) for subject, value in fresh.items()]
    tx.upsert(schema.watched, ("name", "subject_id", "value"), rows, "ON CONFLICT (name, subject_id) DO UPDATE SET value = excluded.value")
    return len(changed)


def since(tx: Tx, name: str, after: Micros, until: Micros) -> list[ValueChange]:
    """The changes after one instant and up to another, in order."""
    sql = "SELECT subject_id, at, was, became FROM changes WHERE name = :name AND at > :after AND at <= :until ORDER BY at, subject_id"
    return [ValueChange(*row) for row in tx.rows(sql, name=name, after=after, until=until)]
