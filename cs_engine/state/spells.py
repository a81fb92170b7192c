"""Since when conditions have been true without a break: a row for each spell of a subject, open until a tick sees it over."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from cs_engine.instants import NEVER, Micros
from cs_engine.state import schema
from cs_engine.state.database import Tx


def see(tx: Tx, holding: Mapping[str, Collection[str]], at: Micros) -> None:
    """Begins and ends spells so that those open are of these subjects. One that ended in this very tick goes on: it is run again."""
    rows = tx.rows("SELECT name, subject_id, since, until FROM spells WHERE until >= :at ORDER BY name, subject_id, since", at=at)
    before = {(name, subject): (since, until) for name, subject, since, until in rows}
    now = {(name, subject) for name, subjects in holding.items() for subject in subjects}
    begun = [(*who, at, NEVER) for who in now - before.keys()]
    goes_on = [(*who, since, NEVER) for who, (since, until) in before.items() if until == at and who in now]
    over = [(*who, since, at) for who, (since, until) in before.items() if until == NEVER and who not in now]
    conflict = "ON CONFLICT (name, subject_id, since) DO UPDATE SET until = excluded.until"
    tx.upsert(schema.spells, ("name", "subject_id", "since", "until"), sorted([*begun, *goes_on, *over]), conflict)


def standing(tx: Tx, names: Collection[str], at: Micros) -> dict[str, tuple[list[str], list[Micros]]]:
    """Name -> (subjects, since when) of the spells that a tick at that `now` finds; all of the names are there."""
    found: dict[str, tuple[list[str], list[Micros]]] = {name: ([], []) for name in names}
    asked = tx.among("name", "names")
    sql = f"SELECT name, subject_id, since FROM spells WHERE until >= :at AND since <= :at AND {asked} ORDER BY since, subject_id"
    for name, subject, since in tx.rows(sql, at=at, names=tx.ids(names)):
        subjects, begun = found[name]
        subjects.append(subject)
        begun.append(since)
    return found


def any_open(tx: Tx) -> bool:
    """Whether any goes on."""
    return tx.row("SELECT 1 FROM spells WHERE until = :never LIMIT 1", never=NEVER) is not None
