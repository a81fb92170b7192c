"""Enrolments: one row a passage."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from itertools import repeat
from typing import Any

from cs_engine.errors import LostRace
from cs_engine.instants import Micros
from cs_engine.journey.columns import from_columns
from cs_engine.journey.enrolment import FINISHED, MOVED, Move, NewEnrolment, Passage, Standing, Timer
from cs_engine.journey.migrate import Migration
from cs_engine.ports import EnrolmentView
from cs_engine.state import schema
from cs_engine.state.database import Tx

_NEW = (*NewEnrolment._fields, "since", "moved_at")


def enrol(tx: Tx, new: Sequence[NewEnrolment], now: Micros) -> set[str]:
    """Begins the passages and answers the ids of those it left out, because they are there or their subject is inside already."""
    # In the order of ids: these are random, and the index is written page after page.
    columns = list(zip(*sorted({row.id: row for row in new}.values()), strict=True))
    entered_at = columns[NewEnrolment._fields.index("entered_at")] if columns else ()
    rows = list(zip(*columns, entered_at, repeat(now), strict=False))
    return tx.insert_new(schema.enrolments, _NEW, rows)


def move(tx: Tx, moves: Sequence[Move], now: Micros) -> None:
    """Applies the moves. Raises LostRace when one finds another revision than it was decided on."""
    in_order = sorted(moves)
    ended = [m for m in in_order if m.state == FINISHED]
    parked = [m for m in in_order if m.state != FINISHED] if ended else in_order
    # Two statements, so that those who stay active leave the indexes on `state` alone.
    moved = tx.update_each(
        schema.enrolments,
        ("step", "otherwise_done", "since", "moved_at", "repeats"),
        "revision = revision + 1, step_ended_at = NULL",
        ("id", "revision"),
        [(step, done, since, now, again, id, revision) for id, revision, _, step, done, since, _, again in parked],
    ) + tx.update_each(
        schema.enrolments,
        ("step", "otherwise_done", "since", "moved_at", "finished_at", "finished_reason"),
        "state = 'finished', revision = revision + 1, step_ended_at = NULL",
        ("id", "revision"),
        [(step, done, since, now, since, reason, id, revision) for id, revision, _, step, done, since, reason, _ in ended],
    )
    if moved != len(moves):
        raise LostRace


def migrate(tx: Tx, moves: Sequence[Migration]) -> None:
    """Brings them into another version. Raises LostRace when one has moved since."""
    rows = [(m.digest, m.step, m.otherwise_done, m.since, m.step_ended_at, m.repeats, m.id, m.revision) for m in sorted(moves)]
    columns = ("digest", "step", "otherwise_done", "since", "step_ended_at", "repeats")
    if tx.update_each(schema.enrolments, columns, "revision = revision + 1", ("id", "revision"), rows) != len(rows):
        raise LostRace


_STANDING = "id, subject_id, account_id, step, otherwise_done, since, step_ended_at, revision, entered_at, held_since, control, repeats"


def standing(tx: Tx, playbook: str, digest: str, before: Micros) -> list[Standing]:
    rows = tx.rows(
        f"SELECT {_STANDING} FROM enrolments WHERE playbook = :playbook AND state = 'active' AND digest = :digest AND moved_at < :before",
        playbook=playbook,
        digest=digest,
        before=before,
    )
    return [_standing(row) for row in rows]


def with_mail(
    tx: Tx, playbooks: Collection[str], until: Micros, before: Micros, waking: Collection[str]
) -> list[tuple[str, Standing]]:  # fmt: skip
    """(digest, passage) of those inside all but these playbooks who stand where a message of theirs may be claimed by then, or is held
    for one of these reasons.
    """
    rows = tx.rows(
        f"SELECT digest, {_STANDING} FROM enrolments WHERE state = 'active' AND moved_at < :before AND id IN "
        "(SELECT m.enrolment_id FROM messages m WHERE m.settled_at IS NULL AND m.state IN ('planned', 'held') "
        f"AND (m.until IS NULL OR m.until <= :until OR {tx.among('m.reason', 'waking')}) "
        f"AND NOT {tx.among('m.playbook', 'playbooks')}) ORDER BY digest, id",
        playbooks=tx.ids(playbooks),
        waking=tx.ids(waking),
        until=until,
        before=before,
    )
    return [(digest, _standing(row)) for digest, *row in rows]


def _standing(row: Sequence[Any]) -> Standing:
    id, subject, account, step, otherwise_done, since, ended, revision, entered, held_since, control, repeats = row
    return Standing(id, subject, account, step, bool(otherwise_done), since, ended, revision, entered, held_since, bool(control), repeats)


def set_timers(tx: Tx, timers: Sequence[Timer]) -> None:
    """Writes the timers of those who have not moved since."""
    tx.update_each(
        schema.enrolments,
        ("since", "step_ended_at", "held_since"),
        "",
        ("id", "revision"),
        [(t.since, t.step_ended_at, t.held_since, t.id, t.revision) for t in sorted(timers)],
    )


def overtake(tx: Tx, id: str, step: str, since: Micros) -> None:
    """Moves the revision of a passage on: whoever decided without what is ordered now loses its race. Raises LostRace where it does not
    stand at that step since then.
    """
    moved = tx.run(
        "UPDATE enrolments SET revision = revision + 1 WHERE id = :id AND state = 'active' AND step = :step AND since = :since",
        id=id,
        step=step,
        since=since,
    )
    if not moved:
        raise LostRace


def passages(tx: Tx, playbook: str) -> list[Passage]:
    """The last passage of each subject and key."""
    rows = tx.rows(
        "SELECT subject_id, key, passage, state = 'active', moved_at, rearmed FROM enrolments WHERE playbook = :playbook ORDER BY passage",
        playbook=playbook,
    )
    if rows and rows[-1][2] > 1:
        rows = list({(row[0], row[1]): row for row in rows}.values())
    subjects, keys, numbers, active, at, rearmed = zip(*rows, strict=True) if rows else ((),) * 6
    return from_columns(Passage, subjects, keys, numbers, map(bool, active), at, map(bool, rearmed), repeat(False))


def moved(tx: Tx, playbook: str) -> set[tuple[str, str, int]]:
    """(subject, key, number) of the passages that ended because their contact went to another account."""
    found = "playbook = :playbook AND state = 'finished' AND finished_reason = :moved"
    rows = tx.rows(f"SELECT subject_id, key, passage FROM enrolments WHERE {found}", playbook=playbook, moved=MOVED)
    return {(subject, key, number) for subject, key, number in rows}


def rearm(tx: Tx, ids: Iterable[str]) -> None:
    """Notes that the subjects of these ended passages did not match once since."""
    tx.run(f"UPDATE enrolments SET rearmed = true WHERE {tx.among('id', 'ids')}", ids=tx.ids(sorted(ids)))


def occupied(tx: Tx) -> list[tuple[str, str, int]]:
    """Plans that somebody is active in, with their number; and with 0 those of which a message is under way or a CTA open."""
    rows = tx.rows(
        "SELECT playbook, digest, count(*) FROM enrolments WHERE state = 'active' GROUP BY playbook, digest "
        "UNION ALL SELECT DISTINCT playbook, digest, 0 FROM messages WHERE settled_at IS NULL AND kind <> 'alarm' "
        "UNION ALL SELECT DISTINCT e.playbook, e.digest, 0 FROM ctas c JOIN enrolments e ON e.id = c.enrolment_id WHERE c.state <> 'closed'"
    )
    people: dict[tuple[str, str], int] = {}
    for playbook, digest, n in rows:
        people[playbook, digest] = people.get((playbook, digest), 0) + n
    return [(*plan, n) for plan, n in sorted(people.items())]


def end_steps(tx: Tx, ids: Iterable[str], now: Micros) -> None:
    """Writes step_ended_at to those of `ids` who stand at a step that has messages, all of them settled."""
    found = sorted(set(ids))
    if not found:
        return
    bound, among = tx.ids(found), tx.among("id", "ids")
    if tx.lock_rows:
        # Two workers may settle the last two messages of one step at once: the later one has to see the earlier one's.
        tx.rows(f"SELECT 1 FROM enrolments WHERE {among} ORDER BY id{tx.lock_rows}", ids=bound)
    of_step = "SELECT 1 FROM messages m WHERE m.enrolment_id = enrolments.id AND m.step = enrolments.step AND m.kind <> 'cta_update'"
    tx.run(
        f"UPDATE enrolments SET step_ended_at = :now WHERE {among} AND state = 'active' AND step_ended_at IS NULL "
        f"AND EXISTS ({of_step}) AND NOT EXISTS ({of_step} AND m.settled_at IS NULL)",
        ids=bound,
        now=now,
    )


def reopen_steps(tx: Tx, ids: Iterable[str]) -> None:
    """Those of `ids` whose step has a message again that has not settled wait for it."""
    of_step = "m.enrolment_id = enrolments.id AND m.step = enrolments.step AND m.kind <> 'cta_update'"
    tx.run(
        f"UPDATE enrolments SET step_ended_at = NULL WHERE {tx.among('id', 'ids')} AND state = 'active' "
        f"AND EXISTS (SELECT 1 FROM messages m WHERE {of_step} AND m.settled_at IS NULL)",
        ids=tx.ids(sorted(set(ids))),
    )


def of_account(tx: Tx, account_id: str, playbook: str) -> list[EnrolmentView]:
    rows = tx.rows(
        "SELECT id, digest, subject_id, key, passage, state, step, otherwise_done, since, entered_at, finished_at, finished_reason, "
        "held_since, control "
        "FROM enrolments WHERE playbook = :playbook AND account_id = :account ORDER BY entered_at, id",
        playbook=playbook,
        account=account_id,
    )
    views = (EnrolmentView(*row) for row in rows)
    return [view._replace(otherwise_done=bool(view.otherwise_done), control=bool(view.control)) for view in views]
