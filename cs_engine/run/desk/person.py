"""The rights of a person: all that is held about them, as JSON; and its erasure, from our tables, what was synced, and the mailbox."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from cs_engine.errors import WrongUse
from cs_engine.instants import NEVER, Micros, from_micros
from cs_engine.journey.identity import person_key
from cs_engine.language.expression import Grain
from cs_engine.playbook.plan import Cta, Email, Notice
from cs_engine.playbook.project import Project
from cs_engine.playbook.questions import Kind
from cs_engine.ports import Erasure, Store, Usage, Whom

INSTANTS = frozenset({"at", "since", "until", "now"})
"""Columns of our tables that are instants beside those that end in `_at` or `_until`."""


class Named(NamedTuple):
    """Whom somebody means by a contact's id or an address."""

    whom: Whom
    addresses: tuple[str, ...]


def named(store: Store, project: Project, hashes: Callable[[str], list[str]], person: str) -> Named:
    """`person`: an address, or a contact's id, whether there is such a contact just now or not. `hashes`: those of a text, one a key."""
    by_address = "@" in person
    contacts = store.contacts_known(person, hashes(person) if by_address else ())
    addresses = {email.strip().lower() for _, email in contacts if email} | ({person.strip().lower()} if by_address else set())
    ids = {id for id, _ in contacts} | {person}
    return Named(
        Whom(
            tuple(sorted(ids)),
            tuple(hashed for address in sorted(addresses) for hashed in hashes(address)),
            tuple(hashed for id in sorted(ids) for hashed in hashes(person_key(id))),
            tuple(sorted(plan.playbook for plan in project.plans.values() if plan.subject is Grain.CONTACT)),
            _fixed_answers(project),
        ),
        tuple(sorted(addresses)),
    )


def exported(store: Store, usage: Usage, mailbox: Path, who: Named) -> dict[str, Any]:
    """Everything: our tables as they stand, what was synced of them, and the names of their mailbox files. Times are ISO 8601 in UTC.

    Raises WrongUse when nothing is held.
    """
    held = store.held(who.whom)
    synced = usage.person(who.whom.contacts) if usage.synced() else {}
    if not held and not any(synced.values()):
        raise WrongUse("nothing is held about that person", "give the contact's id as the source has it, or the address; both are exact")
    mails = [row["id"] for row in held.get("messages", ())]
    return {
        "held": {table: [_plain(row) for row in rows] for table, rows in held.items()},
        "synced": synced,
        "mailbox": [str(file) for id in mails for file in _files(mailbox, id)],
    }


def erase(store: Store, usage: Usage, mailbox: Path, who: Named, at: Micros) -> tuple[Erasure, int]:
    """What was erased, and how many files of the mailbox. Again is nothing; half of it, should it be cut short, is made whole by again."""
    done = store.erase(who.whom, at)
    if usage.synced():
        usage.forget(who.whom.contacts)
    files = [file for id in done.message_ids for file in _files(mailbox, id)]
    for file in files:
        file.unlink(missing_ok=True)
    return done, len(files)


def _files(mailbox: Path, message_id: str) -> list[Path]:
    return [file for suffix in (".eml", ".json") if (file := mailbox / f"{message_id}{suffix}").is_file()]


def _fixed_answers(project: Project) -> frozenset[tuple[str, str, str]]:
    return frozenset(
        (plan.playbook, step.id, question.field)
        for plan in project.plans.values()
        for step in plan.steps
        if isinstance(step, Email | Notice | Cta)
        for question in step.ask
        if question.kind is not Kind.TEXT
    )


def _plain(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _said(value) if _is_instant(name, value) else value for name, value in row.items()}


def _said(at: Micros) -> str | None:
    # A consent that a source dates nowhere.
    return from_micros(at).isoformat() if at else None


def _is_instant(name: str, value: object) -> bool:
    # What is beyond any date says "never".
    return isinstance(value, int) and abs(value) < NEVER and (name in INSTANTS or name.endswith(("_at", "_until")))
