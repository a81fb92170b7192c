"""What rows must be like: which columns a source must have, how each is taken in, and what is wrong with a row, as SQL."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import duckdb

from cs_engine.errors import SyncStopped
from cs_engine.journey.touch import KINDS
from cs_engine.language.expression import Type
from cs_engine.language.problems import did_you_mean
from cs_engine.playbook.sources import AccountsSource, AttributesSource, ContactsSource, EventsSource, Origin, TouchesSource
from cs_engine.sources.intake import columns as cols
from cs_engine.sources.intake.profiles import LEARNED
from cs_engine.sources.intake.staging import Staged
from cs_engine.sources.sql import listed, quoted, text

AnySource = AccountsSource | ContactsSource | AttributesSource | EventsSource | TouchesSource


@dataclass(frozen=True, slots=True)
class Room:
    """Names of a source that mean something to us."""

    required: frozenset[str]
    times: frozenset[str]
    keys: frozenset[str]
    """A row without one of these is bad."""


ACCOUNTS = Room(frozenset({"id", "signed_up_at"}), frozenset({"signed_up_at", "learned_at"}), frozenset({"id"}))
CONTACTS = Room(frozenset({"id", "account", "email"}), frozenset({"created_at", "learned_at", "consent_at"}), frozenset({"id", "account"}))
EVENTS = Room(
    frozenset({"id", "account", "contact", "event", "at"}), frozenset({"at", "learned_at"}), frozenset({"id", "account", "event", "at"})
)
TOUCHES = Room(frozenset({"account", "kind", "at"}), frozenset({"at"}), frozenset({"account", "kind", "at"}))
ATTRIBUTES = Room(frozenset({"account", "contact"}), frozenset({"learned_at"}), frozenset({"account", "contact"}))
ROOMS: Mapping[type[Origin], Room] = {
    AccountsSource: ACCOUNTS, ContactsSource: CONTACTS, AttributesSource: ATTRIBUTES, EventsSource: EVENTS, TouchesSource: TOUCHES,
}  # fmt: skip
_OURS = ("accounts", "contacts", "usage", "touches")
"""Keys of `sources` that are a source; the others are below `more`."""
YES, _NO = frozenset({"yes", "y", "true", "1"}), frozenset({"no", "n", "false", "0"})
"""Words of `answered`."""


def mapping(name: str, staged: Staged, source: Origin, room: Room) -> dict[str, str]:
    """Name that authors use -> column of the source. Raises SyncStopped where one is missing that must be there."""
    if isinstance(source, EventsSource) and source.only_collected:
        return {column: column for column in staged.columns}
    found: dict[str, str] = {"learned_at": LEARNED} if LEARNED in staged.columns else {}
    for key, column in source.mapped():
        if column in staged.columns:
            found[key] = column
        elif key in room.required or key in source.model_fields_set:
            below = "attributes." if isinstance(source, AttributesSource) else "" if name in _OURS else "more."
            where = f"sources.{below}{name}"
            hint = did_you_mean(column, staged.columns) or f"it has {listed(staged.columns)}"
            raise SyncStopped(
                f'{staged.files[0].label}: there is no column "{column}"; {hint}',
                f"name the right column as `{key}:` under {where} in playbooks/project.yaml",
            )
    return found


def typed(
    db: duckdb.DuckDBPyConnection, staged: Staged, mapped: Mapping[str, str], room: Room, where: str = "true"
) -> dict[str, cols.Column]:
    """How each column is taken in under the name that authors use: mapped ones first, then all others under their own."""
    taken: dict[str, cols.Column] = {}
    for key, column in mapped.items():
        kind = staged.columns[column]
        if column in staged.clean:
            taken[key] = cols.Column(quoted(column), Type.INSTANT if key in room.times else Type.TEXT)
        elif key in room.times:
            taken[key] = cols.Column(cols.instant(column, kind, staged.zone), Type.INSTANT)
        else:
            taken[key] = cols.Column(cols.clean_text(column, kind), Type.TEXT)
    for key in sorted(_standard(room) - taken.keys()):
        blank = "TIMESTAMPTZ" if key in room.times else "VARCHAR"
        taken[key] = cols.Column(f"CAST(NULL AS {blank})", Type.INSTANT if key in room.times else Type.TEXT)
    if room is TOUCHES:  # nothing reads what else there is
        return taken
    used = {column.lower() for column in mapped.values()} | {key.lower() for key in taken}
    further = {column: kind for column, kind in staged.columns.items() if column.lower() not in used}
    return taken | cols.infer(db, staged.table, further, where, staged.zone)


def in_words(taken: Mapping[str, cols.Column], staged: Staged) -> dict[str, cols.Column]:
    """Of events that stay in their database, text is text whatever its values look like: there they cannot all be looked at."""
    texts = {name for name, kind in staged.columns.items() if kind == "VARCHAR"}
    return {key: cols.Column(cols.clean_text(key, "VARCHAR"), Type.TEXT) if key in texts else column for key, column in taken.items()}


def _standard(room: Room) -> set[str]:
    """Names that accounts and contacts always have, blank where the source has no such column."""
    if room is ACCOUNTS:
        return {"name", "csm", "locale", "timezone"}
    if room is CONTACTS:
        return {"name", "role", "locale", "timezone", "created_at"}
    return {"contact", "by", "answered"} if room is TOUCHES else set()


def _fault(column: str, staged: Staged, key: str, room: Room) -> str:
    """SQL of what is wrong with one mapped value; NULL where nothing is."""
    kind = staged.columns[column]
    parts = []
    if key in room.keys:
        parts.append(f"CASE WHEN {cols.blank(column, kind)} THEN 'no {_word(column)}' END")
        if kind == "VARCHAR":
            parts.append(f"CASE WHEN contains({quoted(column)}, chr(0)) THEN '{_word(column)} holds a NUL byte' END")
    if key in room.times:
        parts.append(cols.instant_fault(column, kind, staged.zone))
    return f"coalesce({listed(parts)})" if len(parts) > 1 else parts[0]


def faults(mapped: Mapping[str, str], taken: Mapping[str, cols.Column], staged: Staged, room: Room) -> list[str]:
    """SQL of each thing that may be wrong with a raw row, over `raw` and, where it has an account, `a`; NULL where nothing is.

    `mapped`: name that authors use -> column of the raw rows.
    """
    doubted = [key for key in mapped if key in room.keys | room.times and mapped[key] not in staged.clean]
    found = ['"#fault"', *(_fault(mapped[key], staged, key, room) for key in doubted)]
    if names_account(mapped, room):
        found.append(f"CASE WHEN {account_number(staged)} IS NULL THEN '{_word(mapped['account'])} is not among the accounts' END")
    if "id" in mapped and room is not EVENTS:
        found.append(_repeated(taken["id"].sql, mapped["id"]))
    if room is ATTRIBUTES and "learned_at" not in mapped:
        key = "account" if "account" in mapped else "contact"
        found.append(_repeated(taken[key].sql, mapped[key]))
    if room is TOUCHES:
        found.append(_none_of(taken["kind"].sql, mapped["kind"], KINDS))
        if "answered" in mapped:
            found.append(_none_of(taken["answered"].sql, mapped["answered"], YES | _NO))
    return found


def account_number(staged: Staged) -> str:
    """SQL of the number of a raw row's account; NULL where nobody knows it."""
    return 'raw."#account"' if staged.numbered else 'a."#account"'


def names_account(mapped: Collection[str], room: Room) -> bool:
    """Whether each row must be of an account that is known."""
    return "account" in mapped and room is not ATTRIBUTES


def _repeated(sql: str, column: str) -> str:
    return (
        f'CASE WHEN row_number() OVER (PARTITION BY {sql} ORDER BY raw."#file", raw."#line") > 1 '
        f"THEN '{_word(column)} stood in an earlier row already' END"
    )


def _none_of(sql: str, column: str, words: Collection[str]) -> str:
    """SQL of the fault of a value that is none of those words; blank is nothing wrong."""
    said = " or ".join(sorted(words)) if len(words) <= len(KINDS) else "yes or no"
    return f"CASE WHEN lower({sql}) NOT IN ({listed(map(text, sorted(words)))}) THEN '{_word(column)} is not {said}' END"


def _word(column: str) -> str:
    return column.replace("'", "''")
