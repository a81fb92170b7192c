"""Mails that somebody wrote in the place of a step's own: on their own table. Each is for one sending of its step."""

from __future__ import annotations

from collections.abc import Collection

from cs_engine.errors import OnItsWay
from cs_engine.instants import Micros
from cs_engine.journey.edits import Edit
from cs_engine.ports import EditedStep, JournalLine
from cs_engine.state import enrolments, journal, schema
from cs_engine.state.database import Tx

_COLUMNS = ", ".join(f"d.{name}" for name in Edit._fields)
_OF_STEP = "FROM messages m WHERE m.enrolment_id = {of}.id AND m.step = :step AND m.channel = 'email'"


def of_claimed(tx: Tx, passages: Collection[str]) -> list[Edit]:
    """Those for what these passages send where they stand."""
    if tx.row("SELECT 1 FROM edits LIMIT 1") is None:  # as nearly always
        return []
    rows = tx.rows(
        f"SELECT {_COLUMNS} FROM edits d JOIN enrolments e ON e.id = d.enrolment_id AND e.step = d.step AND e.repeats = d.round "
        f"WHERE {tx.among('d.enrolment_id', 'ids')}",
        ids=tx.ids(sorted(set(passages))),
    )
    return [Edit(*row) for row in rows]


def of_account(tx: Tx, account_id: str, playbook: str) -> list[Edit]:
    rows = tx.rows(
        f"SELECT {_COLUMNS} FROM enrolments e JOIN edits d ON d.enrolment_id = e.id "
        "WHERE e.playbook = :playbook AND e.account_id = :account ORDER BY d.at, d.enrolment_id, d.step",
        playbook=playbook,
        account=account_id,
    )
    return [Edit(*row) for row in rows]


def give(tx: Tx, given: EditedStep, now: Micros) -> bool:
    """Keeps one edit; False when it stands already. Raises LostRace when the passage does not stand as the edit was decided on,
    OnItsWay when a mail of the step has left and its fate is not known.
    """
    edit, at_step = given.edit, {"id": given.edit.enrolment_id, "step": given.edit.step}
    # Messages first, then passages: the order in which delivery locks them. A claim beside this one finds the edit, or is found.
    states = tx.rows(
        "SELECT state FROM messages WHERE enrolment_id = :id AND step = :step AND settled_at IS NULL AND channel = 'email' "
        f"ORDER BY id{tx.lock_rows}",
        **at_step,
    )
    enrolments.overtake(tx, edit.enrolment_id, given.standing, given.since)
    if tx.row("SELECT 1 FROM edits WHERE enrolment_id = :id AND step = :step AND subject = :subject AND text = :text",
              subject=edit.subject, text=edit.text, **at_step) is not None:  # fmt: skip
        return False
    if any(state in ("dispatching", "uncertain") for (state,) in states):
        raise OnItsWay(edit.step)
    (sending,) = tx.rows(
        f"SELECT CASE WHEN e.step <> :step THEN 0 ELSE e.repeats + CASE WHEN EXISTS (SELECT 1 {_OF_STEP.format(of='e')}) "
        f"AND NOT EXISTS (SELECT 1 {_OF_STEP.format(of='e')} AND m.settled_at IS NULL) THEN 1 ELSE 0 END END "
        "FROM enrolments e WHERE e.id = :id",
        **at_step,
    )[0]
    again = ", ".join(f"{name} = excluded.{name}" for name in ("round", "subject", "text", "at", "by", "reason"))
    tx.upsert(schema.edits, (*Edit._fields, "round"), [(*edit, sending)], f"ON CONFLICT (enrolment_id, step) DO UPDATE SET {again}")
    journal.append(tx, [_line(given, "edit_ordered", now)])
    return True


def take_back(tx: Tx, given: EditedStep, now: Micros) -> bool:
    """The step's own mail goes again; False when nothing else was ordered. `given`: who says so, and why."""
    gone = tx.run("DELETE FROM edits WHERE enrolment_id = :id AND step = :step", id=given.edit.enrolment_id, step=given.edit.step)
    if gone:
        journal.append(tx, [_line(given, "edit_taken_back", now)])
    return bool(gone)


def drop_used(tx: Tx) -> None:
    """Forgets those whose mails have gone, or whose passage has ended."""
    of_step = "SELECT 1 FROM messages m WHERE m.enrolment_id = edits.enrolment_id AND m.step = edits.step AND m.channel = 'email'"
    tx.run(
        "DELETE FROM edits WHERE NOT EXISTS (SELECT 1 FROM enrolments e WHERE e.id = edits.enrolment_id AND e.state = 'active' "
        "AND CASE WHEN e.step = edits.step THEN e.repeats < edits.round OR (e.repeats = edits.round AND e.step_ended_at IS NULL) "
        f"ELSE NOT EXISTS ({of_step}) END)"
    )


def _line(given: EditedStep, event: str, now: Micros) -> JournalLine:
    edit = given.edit
    return JournalLine(
        now, given.playbook, given.account_id, given.subject_id, edit.enrolment_id, edit.step, event, edit.told(), ""
    )  # fmt: skip
