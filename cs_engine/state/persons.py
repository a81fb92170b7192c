"""All that our tables hold about one person: shown as it is, or taken out so that only keyed hashes and bare ids are left.

Every table stands here, under what it holds of people or under NOBODYS: a test refuses one that nobody has thought about.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping
from typing import Any

from cs_engine.instants import Micros
from cs_engine.journey import message
from cs_engine.journey.enrolment import FINISHED, Move
from cs_engine.journey.message import State
from cs_engine.journey.mode import SHADOW_KEY
from cs_engine.journey.named import unnamed
from cs_engine.journey.preference import ERASED
from cs_engine.ports import Erasure, JournalLine, Whom
from cs_engine.state import collected, enrolments, journal, messages, preferences, schema
from cs_engine.state.database import Tx

NOBODYS = frozenset({
    "accounts", "plans", "playbooks", "assignments", "account_values", "holdouts", "failures", "tallies",
    "milestones", "milestone_definitions", "health", "breakers", "buckets", "ticks", "people_source", "tick_holder",
    "collector", "forgotten",
})  # fmt: skip
"""Tables without a word about single people."""

_SUBJECT = "({contacts:subject_id} AND (subject_id <> account_id OR {playbooks:playbook}))"
"""A row about the contact itself, where accounts may have the same ids."""
_PASSAGES = f"SELECT id FROM enrolments WHERE {_SUBJECT}"
_MAIL = f"((recipient_kind = 'contact' AND {{contacts:recipient}}) OR {_SUBJECT})"
_MAILS = f"SELECT id FROM messages WHERE {_MAIL}"

PLACES: Mapping[str, str] = {
    "contacts": "({contacts:id} OR {hashes:email_hash})",
    "suppressions": "{hashes:email_hash}",
    "preferences": "{hashes:email_hash}",
    "consents": "{hashes:email_hash}",
    "enrolments": _SUBJECT,
    "standing_orders": "(account_id <> '' AND account_id IN "
    "(SELECT account_id FROM contacts WHERE ({contacts:id} OR {hashes:email_hash})))",
    "kept_at_entry": f"enrolment_id IN ({_PASSAGES})",
    "step_orders": f"enrolment_id IN ({_PASSAGES})",
    "edits": f"(enrolment_id IN ({_PASSAGES}) OR enrolment_id IN (SELECT enrolment_id FROM messages WHERE {_MAIL}))",
    "ctas": f"enrolment_id IN ({_PASSAGES})",
    "cta_marks": f"cta_id IN (SELECT id FROM ctas WHERE enrolment_id IN ({_PASSAGES}))",
    "messages": _MAIL,
    "approvals": f"message_id IN ({_MAILS})",
    "alarms": f"id IN (SELECT id FROM messages WHERE kind = 'alarm' AND (step IN (SELECT 'approval:' || id FROM messages WHERE {_MAIL}) "
    f"OR cta_id IN (SELECT id FROM ctas WHERE enrolment_id IN ({_PASSAGES}))))",
    "provider_events": f"(message_id IN ({_MAILS}) OR {{hashes:address}})",
    "collected": "({contacts:contact_id} OR {contacts:anonymous_id})",
    "profiles": "(kind = 'contact' AND {contacts:id})",
    "deliveries": f"message_id IN ({_MAILS})",
    "answers": f"((by_kind = 'contact' AND {{contacts:by}}) OR {_SUBJECT} OR {{contacts:value}})",
    "touches": "{contacts:contact_id}",
    "reactions": "{contacts:contact_id}",
    "losses": "{contacts:contact_id}",
    "watched": "({contacts:subject_id} AND name LIKE 'contact %')",
    "changes": "({contacts:subject_id} AND name LIKE 'contact %')",
    "spells": "({contacts:subject_id} AND name LIKE 'held_since_contact/%')",
    "passed_over": "({contacts:subject_id} AND {playbooks:playbook})",
    "enrol_requests": "({contacts:subject_id} AND {playbooks:playbook})",
    "journal": f"({_SUBJECT} OR enrolment_id IN ({_PASSAGES}))",
}
"""Table -> which of its rows are about the person. The `_` in a pattern stands for a colon, which would name a value."""


class _Among:
    """In a format string, `{contacts:column}`: the column is one of these."""

    def __init__(self, tx: Tx, name: str) -> None:
        self._tx, self._name = tx, name

    def __format__(self, column: str) -> str:
        return self._tx.among(column, self._name)


def contacts(tx: Tx, id: str, hashes: Collection[str]) -> list[tuple[str, str]]:
    """(id, address) of who has that id, or an address that is known by one of these hashes."""
    mine = f"id = :id OR {tx.among('email_hash', 'hashes')}"
    return [(row[0], row[1]) for row in tx.rows(f"SELECT id, email FROM contacts WHERE {mine} ORDER BY id", id=id, hashes=tx.ids(hashes))]


def held(tx: Tx, whom: Whom) -> dict[str, list[dict[str, Any]]]:
    """Table -> its rows about the person, as they stand; tables without any are left out."""
    found = {}
    for table in PLACES:
        columns = schema.metadata.tables[table].columns.keys()
        rows = tx.rows(f"SELECT {', '.join(columns)} FROM {table} WHERE {_where(tx, table)} ORDER BY {columns[0]}", **_bound(tx, whom))
        if rows:
            found[table] = [dict(zip(columns, row, strict=True)) for row in rows]
    return found


def erase(tx: Tx, whom: Whom, at: Micros) -> Erasure:
    """Takes out what is theirs. Messages that have yet to go are skipped, their passages end; the hashes stay, as never to be mailed."""
    preferences.before_claims(tx)
    work = _Work(tx, whom)
    for hashed in sorted({*whom.hashes, *whom.ids_hashed}):
        tx.run(
            "INSERT INTO suppressions (email_hash, reason, suppressed_at) VALUES (:hash, :reason, :at) "
            "ON CONFLICT (email_hash) DO UPDATE SET reason = excluded.reason, suppressed_at = excluded.suppressed_at "
            "WHERE suppressions.reason <> excluded.reason",
            hash=hashed,
            reason=ERASED,
            at=at,
        )
    mails = {id for (id,) in work.rows("id", "messages")}
    told = {id for (id,) in work.rows("id", "alarms")}
    _blank_texts(work, whom)
    bared = work.blank("collected", "anonymous_id = '', properties = '{}'", f" AND {_TELLING}")
    bared += work.blank("profiles", "traits = '{}'", " AND (traits <> '{}' OR id LIKE '%@%')")
    if bared:
        collected.changed(tx)
    _forget_what_was_seen(tx, work, whom)
    _unname(tx, work)
    stopped = _stop_mail(tx, work, at)
    ended = _end_passages(tx, work, at)
    # `once_per` may name what is theirs. What marks the passages of a shadow stays.
    work.blank("enrolments", "key = :shadow", " AND substr(key, 1, length(:shadow)) = :shadow", shadow=SHADOW_KEY)
    work.blank("enrolments", "key = ''", " AND key <> :shadow", shadow=SHADOW_KEY)
    contacts = work.blank("contacts", "email = '', name = '', role = '', locale = '', timezone = '', country = '', consent_source = ''")
    _rename(work, whom)
    return Erasure(contacts, len(mails), stopped, ended, tuple(sorted(mails | told)))


class _Work:
    """Statements on the person's rows of one table."""

    def __init__(self, tx: Tx, whom: Whom) -> None:
        self._tx = tx
        self._values = _bound(tx, whom)

    def rows(self, columns: str, table: str, more: str = "") -> list[tuple[Any, ...]]:
        return self._tx.rows(f"SELECT {columns} FROM {table} WHERE {self._mine(table)}{more}", **self._values)

    def of_accounts(self, columns: str, table: str, more: str = "") -> list[tuple[Any, ...]]:
        """Rows about the accounts that the person is of."""
        return self.select(f"SELECT {columns} FROM {table} WHERE {self.account_is_theirs()}{more}")

    def select(self, sql: str) -> list[tuple[Any, ...]]:
        return self._tx.rows(sql, **self._values)

    def account_is_theirs(self) -> str:
        """The condition that the person is of the account."""
        return _OF_ACCOUNTS.format(contacts=_Among(self._tx, "contacts"), hashes=_Among(self._tx, "hashes"))

    def blank_of_accounts(self, table: str, sets: str, more: str = "") -> None:
        """On rows about the accounts that the person is of."""
        self._tx.run(f"UPDATE {table} SET {sets} WHERE {self.account_is_theirs()}{more}", **self._values)

    def blank(self, table: str, sets: str, more: str = "", **values: object) -> int:
        return self._tx.run(f"UPDATE {table} SET {sets} WHERE {self._mine(table)}{more}", **self._values, **values)

    def drop(self, table: str, more: str = "") -> int:
        return self._tx.run(f"DELETE FROM {table} WHERE {self._mine(table)}{more}", **self._values)

    def theirs(self, column: str) -> str:
        """The condition that a column names the person."""
        return self._tx.among(column, "contacts")

    def _mine(self, table: str) -> str:
        return _where(self._tx, table)


def _blank_texts(work: _Work, whom: Whom) -> None:
    """What was written by them, to them and about them."""
    for table in ("kept_at_entry", "edits", "reactions", "watched", "changes", "spells", "enrol_requests", "passed_over"):
        work.drop(table)
    work.blank("approvals", "subject = '', text = '', html = '', reason = ''")
    work.blank("alarms", "text = '(erased)'")
    work.blank("step_orders", "reason = ''")
    # Why their account is paused may be them, in whatever words.
    work.blank("standing_orders", "reason = ''")
    work.blank_of_accounts("journal", "reason = ''", " AND playbook IN (SELECT DISTINCT playbook FROM journal) AND event = 'paused'")
    work.blank("provider_events", "agent = ''")
    work.blank("deliveries", "opens = 0, clicks = 0, machine_opens = 0, machine_clicks = 0")
    work.blank("touches", "contact_id = ''")
    work.blank("journal", "seen = ''")
    # There our own people say why, in their words.
    work.blank("journal", "reason = ''", f" AND {_OURS}")
    _answers(work, whom)


_TELLING = "(anonymous_id <> '' OR properties <> '{}' OR contact_id LIKE '%@%')"
"""Of a collected call that it says more than a bare id."""
_CALLED = re.compile(r"champion\.(id|name|email)\b")
_OF_ACCOUNTS = f"account_id IN (SELECT account_id FROM contacts WHERE {PLACES['contacts']})"
_OF_EVENTS = frozenset({"event.id", "event.at", "event.account", "event.event"})
"""What stays of an event that the person caused: conditions and dates of their account's passages go by it."""


def _forget_what_was_seen(tx: Tx, work: _Work, whom: Whom) -> None:
    """What passages of their account saw of them: as its champion, and as whoever caused the event that began one."""
    called = {*whom.contacts, *(word for row in work.rows("email, name", "contacts") for word in row if word)}
    said = "(seen LIKE '%champion.%' OR seen LIKE '%event.%')"
    # By playbook: the journal's index begins with it.
    lines = work.of_accounts("line, seen", "journal", f" AND playbook IN (SELECT playbook FROM playbooks) AND {said}")
    seen = [(left, line) for line, text in lines if (left := _without(text, called)) != text]
    tx.update_each(schema.journal, ("seen",), "", ("line",), seen)
    mine = work.of_accounts("id", "enrolments")
    passages = f"SELECT enrolment_id, kept FROM kept_at_entry WHERE {tx.among('enrolment_id', 'ids')}"
    rows = tx.rows(passages, ids=tx.ids(id for (id,) in mine))
    kept = [(left, id) for id, text in rows if (left := _without(text, called)) != text]
    tx.update_each(schema.kept_at_entry, ("kept",), "", ("enrolment_id",), kept)


_OURS = "(event IN ('approved', 'refused', 'edit_taken_back', 'resolved') OR event LIKE '%_ordered')"
"""Lines of the journal in which our own people say why, in their words."""


def _unname(tx: Tx, work: _Work) -> None:
    """What others wrote about their account, in their own words, stays without their name and address."""
    known = work.rows("name, email", "contacts")
    names, addresses = [name for name, _ in known if name], [email for _, email in known if email]
    if not names and not addresses:
        return
    passages = f"enrolment_id IN (SELECT id FROM enrolments WHERE {work.account_is_theirs()})"
    ours = f"playbook IN (SELECT playbook FROM playbooks) AND reason <> '' AND {_OURS}"
    for table, keys, column, where in (
        (schema.answers, ("line",), "value", f"{work.account_is_theirs()} AND value <> ''"),
        (schema.step_orders, ("enrolment_id", "step"), "reason", f"{passages} AND reason <> ''"),
        (schema.journal, ("line",), "reason", f"{ours} AND {work.account_is_theirs()}"),
    ):
        rows = work.select(f"SELECT {column}, {', '.join(keys)} FROM {table.name} WHERE {where}")
        left = [(new, *key) for text, *key in rows if (new := unnamed(text, names, addresses)) != text]
        tx.update_each(table, (column,), "", keys, left)


def _without(text: str, called: Collection[str]) -> str:
    """JSON by the names that conditions use, without what is the person's, who is `called` so. What is said of a champion is, unless its
    id, name or address is another's.
    """
    try:
        values = json.loads(text)
    except ValueError:
        return text
    if not isinstance(values, dict):
        return text
    names = {str(value) for name, value in values.items() if _CALLED.search(name)}
    gone = ([] if names and not names & {*called} else ["champion."]) + (["event."] if values.get("event.contact") in called else [])
    left = {
        name: value
        for name, value in values.items()
        if str(value) not in called and (name in _OF_EVENTS or not any(head in name for head in gone))
    }
    return text if left == values else json.dumps(left, ensure_ascii=False)


def _answers(work: _Work, whom: Whom) -> None:
    """Their own words go; what the customer's journey hangs on, a date or a choice, stays without who said it."""
    for playbook, step, field in sorted({(row[0], row[1], row[2]) for row in work.rows("playbook, step, field", "answers")}):
        if (playbook, step, field) not in whom.fixed_answers:
            here = {"of": playbook, "at_step": step, "asked": field}
            work.blank("answers", "value = ''", " AND playbook = :of AND step = :at_step AND field = :asked", **here)
    work.blank("answers", "by = ''", f" AND by_kind = 'contact' AND {work.theirs('by')}")


def _stop_mail(tx: Tx, work: _Work, at: Micros) -> int:
    waiting = work.rows("id, state", "messages", " AND state IN ('planned', 'held') AND kind <> 'cta_update'")
    return len(messages.settle(tx, [message.skipped(id, State(state), ERASED) for id, state in sorted(waiting)], at))


def _end_passages(tx: Tx, work: _Work, at: Micros) -> int:
    active = work.rows("id, revision, step, otherwise_done, playbook, account_id, subject_id", "enrolments", " AND state = 'active'")
    enrolments.move(tx, [Move(id, revision, FINISHED, step, bool(done), at, ERASED) for id, revision, step, done, *_ in active], at)
    lines = [
        JournalLine(at, playbook, account, subject, id, step, "finished", ERASED, "")
        for id, _, step, _, playbook, account, subject in sorted(active)
    ]
    journal.append(tx, lines)
    return len(active)


def _rename(work: _Work, whom: Whom) -> None:
    """An id that is an address says who it is: a keyed hash takes its place. Last of all: by the id the rows are found."""
    keys = len(whom.ids_hashed) // max(1, len(whom.contacts))
    for position, id in enumerate(whom.contacts):
        if "@" not in id:
            continue
        new = f"erased-{whom.ids_hashed[position * keys][:24]}"
        for table, columns in _IDS.items():
            for column in columns:
                work.blank(table, f"{column} = :new", f" AND {column} = :old", new=new, old=id)


_IDS = {
    "collected": ("contact_id",), "profiles": ("id",),
    "losses": ("contact_id",), "approvals": ("subject_id",), "answers": ("by", "value", "subject_id"),
    "journal": ("subject_id",), "messages": ("subject_id", "recipient"), "enrolments": ("subject_id",), "contacts": ("id",),
}  # fmt: skip
"""Where contacts' ids stay, in an order in which what finds a row is changed after all that it finds."""


def _where(tx: Tx, table: str) -> str:
    return PLACES[table].format(contacts=_Among(tx, "contacts"), hashes=_Among(tx, "hashes"), playbooks=_Among(tx, "playbooks"))


def _bound(tx: Tx, whom: Whom) -> dict[str, object]:
    return {
        "contacts": tx.ids(whom.contacts),
        "hashes": tx.ids(hashed for hashed in (*whom.hashes, *whom.ids_hashed) if hashed),
        "playbooks": tx.ids(whom.playbooks),
    }
