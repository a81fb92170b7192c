"""Answers: a line each, never changed. The latest of a passage, step and field counts."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from cs_engine.instants import Micros
from cs_engine.ports import Answer, AskedMessage, GivenAnswer, JournalLine, PassageAnswer
from cs_engine.state import journal, schema
from cs_engine.state.database import Tx

_LATEST = "SELECT max(line) FROM answers WHERE {where} GROUP BY enrolment_id, step, field"


def put(tx: Tx, answers: Sequence[Answer], lines: Sequence[JournalLine]) -> int:
    """Keeps those that say something new, each with its line of the journal (aligned); how many."""
    fresh = []
    for answer, line in zip(answers, lines, strict=True):
        # Of two that come at once one waits here, and then sees the other.
        tx.rows(f"SELECT id FROM enrolments WHERE id = :id{tx.lock_rows}", id=answer.enrolment_id)
        before = tx.row(
            "SELECT value, by FROM answers WHERE enrolment_id = :enrolment AND step = :step AND field = :field ORDER BY line DESC LIMIT 1",
            enrolment=answer.enrolment_id,
            step=answer.step,
            field=answer.field,
        )
        if before is None or tuple(before) != (answer.value, answer.by):
            tx.append(schema.answers, Answer._fields, [answer])
            fresh.append(line)
    journal.append(tx, fresh)
    return len(fresh)


def standing(tx: Tx, playbooks: Collection[str], until: Micros) -> list[GivenAnswer]:
    """The latest answers, given by then, of those who stand in these playbooks. Of a subject that is inside twice, its latest passage's."""
    chosen = tx.ids(playbooks)
    if tx.row(f"SELECT 1 FROM answers WHERE {tx.among('playbook', 'playbooks')} LIMIT 1", playbooks=chosen) is None:
        return []
    latest = _LATEST.format(where=f"{tx.among('playbook', 'playbooks')} AND answered_at <= :until")
    here = f"state = 'active' AND {tx.among('playbook', 'playbooks')}"
    # Few are inside twice. Told by rank: looked for one by one, later passages would cost a search of the playbook's passages each.
    twice = f"SELECT playbook, subject_id FROM enrolments WHERE {here} GROUP BY playbook, subject_id HAVING count(*) > 1"
    ranked = (
        "SELECT id, row_number() OVER (PARTITION BY playbook, subject_id ORDER BY entered_at DESC, id DESC) AS place "
        f"FROM enrolments WHERE {here} AND (playbook, subject_id) IN ({twice})"
    )
    rows = tx.rows(
        "SELECT e.playbook, e.subject_id, a.step, a.field, a.value FROM answers a JOIN enrolments e ON e.id = a.enrolment_id "
        f"LEFT JOIN (SELECT id FROM ({ranked}) AS r WHERE r.place > 1) AS earlier ON earlier.id = e.id "
        f"WHERE e.state = 'active' AND a.line IN ({latest}) AND earlier.id IS NULL ORDER BY a.line",
        playbooks=chosen,
        until=until,
    )
    return [GivenAnswer(*row) for row in rows]


def of_passages(tx: Tx, enrolments: Collection[str], until: Micros) -> list[PassageAnswer]:
    latest = _LATEST.format(where=f"{tx.among('enrolment_id', 'ids')} AND answered_at <= :until")
    rows = tx.rows(
        f"SELECT enrolment_id, step, field, value FROM answers WHERE line IN ({latest}) ORDER BY line",
        ids=tx.ids(sorted(set(enrolments))),
        until=until,
    )
    return [PassageAnswer(*row) for row in rows]


def latest(tx: Tx, questions: Collection[tuple[str, str, str]], until: Micros) -> list[tuple[str, str, str]]:
    # Ids have no slash.
    question = tx.among("playbook || '/' || step || '/' || field", "questions")
    which = f"by_kind = 'contact' AND answered_at <= :until AND {tx.among('playbook', 'playbooks')} AND {question}"
    rows = tx.rows(
        f"SELECT account_id, by, value FROM answers WHERE line IN (SELECT max(line) FROM answers WHERE {which} GROUP BY by) ORDER BY line",
        playbooks=tx.ids(sorted({playbook for playbook, _, _ in questions})),
        questions=tx.ids(sorted(map("/".join, questions))),
        until=until,
    )
    return [(account, contact, value) for account, contact, value in rows]


def asked(tx: Tx, message_id: str) -> AskedMessage | None:
    row = tx.row(
        "SELECT m.id, m.enrolment_id, m.playbook, m.digest, m.step, m.account_id, m.subject_id, m.recipient, m.recipient_kind, "
        "coalesce(nullif(c.locale, ''), a.locale, '') FROM messages m "
        "LEFT JOIN contacts c ON c.id = m.recipient AND m.recipient_kind = 'contact' LEFT JOIN accounts a ON a.id = m.account_id "
        "WHERE m.id = :id",
        id=message_id,
    )
    return None if row is None else AskedMessage(*row)
