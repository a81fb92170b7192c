"""Milestones that have come true of accounts, latched for good, since when they count, and the definitions that have been evaluated.

`counts_at` is when a tick saw it, or, where customers confirm it, when they said yes; NULL while it waits for that. `word` is what is
known of it then: '' nothing, `asked`, `not_yet` (they said so) or `nobody` (could be asked); `word_in` the message that asked.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any

from cs_engine.instants import NEVER, Micros
from cs_engine.ports import JournalLine, MilestoneView, Reached, Word
from cs_engine.state import journal, schema
from cs_engine.state.database import Tx

BY_THEMSELVES = "by the customer"
"""Whose word it is where it comes as an answer."""

Columns = dict[str, tuple[list[str], list[Micros]]]
"""Milestone -> (accounts, when), aligned."""


def reached(tx: Tx, known_by: Micros | None = None) -> Columns:
    """Those that count; `known_by`: that did so by then."""
    sql = "SELECT milestone, account_id, reached_at FROM milestones WHERE counts_at <= :known_by ORDER BY milestone, account_id"
    return _columns(tx.rows(sql, known_by=NEVER if known_by is None else known_by))


def claims(tx: Tx, milestones: Collection[str], known_by: Micros) -> Columns:
    """Of these milestones all that a tick had seen to be true by then."""
    sql = (
        f"SELECT milestone, account_id, reached_at FROM milestones WHERE {tx.among('milestone', 'milestones')} AND known_at <= :known_by "
        "ORDER BY milestone, account_id"
    )
    return _columns(tx.rows(sql, milestones=tx.ids(sorted(milestones)), known_by=known_by))


def doubts(tx: Tx, milestones: Collection[str], known_by: Micros) -> Columns:
    """Of these milestones who had said "not yet" by then, or could not be asked, and since when."""
    sql = (
        f"SELECT milestone, account_id, word_at FROM milestones WHERE {tx.among('milestone', 'milestones')} AND word_at <= :known_by "
        "AND word IN ('not_yet', 'nobody') AND (counts_at IS NULL OR counts_at > :known_by) ORDER BY milestone, account_id"
    )
    return _columns(tx.rows(sql, milestones=tx.ids(sorted(milestones)), known_by=known_by))


def _columns(rows: Iterable[tuple[Any, ...]]) -> Columns:
    found: Columns = {}
    for milestone, some in groupby(rows, itemgetter(0)):
        _, accounts, instants = zip(*some, strict=True)
        found[milestone] = list(accounts), list(instants)
    return found


def counted(tx: Tx, milestones: Collection[str]) -> Columns:
    """Of these milestones since when it was so that they count: when they were reached, or when the customer said yes to it."""
    sql = (
        "SELECT milestone, account_id, CASE WHEN counts_at = known_at THEN reached_at ELSE counts_at END FROM milestones "
        f"WHERE {tx.among('milestone', 'milestones')} AND counts_at IS NOT NULL ORDER BY milestone, account_id"
    )
    return _columns(tx.rows(sql, milestones=tx.ids(sorted(milestones))))


def confirmed_in(tx: Tx, milestones: Collection[str], after: Micros, until: Micros) -> dict[str, int]:
    """Of these milestones how many customers said yes in that time."""
    sql = (
        f"SELECT milestone, count(*) FROM milestones WHERE {tx.among('milestone', 'milestones')} AND counts_at > :after "
        "AND counts_at <= :until AND counts_at <> known_at GROUP BY milestone"
    )
    return {row[0]: row[1] for row in tx.rows(sql, milestones=tx.ids(sorted(milestones)), after=after, until=until)}


def missing(tx: Tx, milestone: str, accounts: Collection[str]) -> dict[str, tuple[str, str]]:
    """Account -> (word, the last that the customer wrote with it), of those whose word was not yes at first."""
    rows = tx.rows(
        "SELECT s.account_id, s.word, coalesce(a.value, '') FROM milestones s LEFT JOIN messages m ON m.id = s.word_in "
        "LEFT JOIN answers a ON a.enrolment_id = m.enrolment_id AND a.step = m.step AND a.field = 'missing' "
        f"WHERE s.milestone = :milestone AND {tx.among('s.account_id', 'accounts')} ORDER BY a.line",
        milestone=milestone,
        accounts=tx.ids(sorted(set(accounts))),
    )
    return {account: (word, said) for account, word, said in rows}


def of(tx: Tx, account: str) -> list[MilestoneView]:
    """What has come true of one account, oldest first."""
    sql = (
        "SELECT milestone, reached_at, known_at, history, seen, counts_at, word, word_at FROM milestones WHERE account_id = :account "
        "ORDER BY reached_at, milestone"
    )
    rows = tx.rows(sql, account=account)
    return [MilestoneView(milestone, at, known, bool(past), *rest) for milestone, at, known, past, *rest in rows]


def known(tx: Tx, by: Micros | None = None) -> set[str]:
    sql = "SELECT milestone FROM milestone_definitions WHERE known_at <= :by"
    return {milestone for (milestone,) in tx.rows(sql, by=NEVER if by is None else by)}


def asking(tx: Tx) -> set[str]:
    """Those whose customers were asked when they were latched last."""
    return {milestone for (milestone,) in tx.rows("SELECT milestone FROM milestone_definitions WHERE asks")}


def history(tx: Tx, milestone: str) -> list[str]:
    """Accounts of which it was true before we came."""
    return [
        account for (account,) in tx.rows("SELECT account_id FROM milestones WHERE milestone = :milestone AND history", milestone=milestone)
    ]


def latch(
    tx: Tx, milestone: str, reached: Sequence[Reached], now: Micros, history: bool, lines: Sequence[JournalLine], *, asks: bool
) -> None:  # fmt: skip
    """Latches those that are not yet, with their journal lines; what a twin latched before is left as it is."""
    tx.run(
        "INSERT INTO milestone_definitions (milestone, known_at, asks) VALUES (:milestone, :now, :asks) "
        "ON CONFLICT (milestone) DO UPDATE SET asks = excluded.asks",
        milestone=milestone,
        now=now,
        asks=asks,
    )
    columns = ("account_id", "milestone", "reached_at", "history", "known_at", "seen", "counts_at")
    counts = None if asks and not history else now
    rows = [(account, milestone, at, history, now, seen, counts) for account, at, seen in sorted(set(reached))]
    before = tx.insert_new(schema.milestones, columns, rows, {"milestone": milestone})
    journal.append(tx, [line for line in lines if line.account_id not in before])


def ask_no_more(tx: Tx, milestone: str, now: Micros) -> None:
    """It counts of all who wait."""
    tx.run("UPDATE milestones SET counts_at = :now WHERE milestone = :milestone AND counts_at IS NULL", milestone=milestone, now=now)
    tx.run("UPDATE milestone_definitions SET asks = false WHERE milestone = :milestone", milestone=milestone)


def seen_of_asked(tx: Tx, milestone: str, playbook: str, step: str, now: Micros) -> list[tuple[str, str, str]]:
    """(account, asked, message) of those who wait, of whom nothing was known, and whom that step has asked; (account, nobody, '') of those
    whom no passage of theirs will ask any more.
    """
    sql = "SELECT account_id FROM milestones WHERE milestone = :milestone AND counts_at IS NULL AND word = '' AND known_at < :now"
    unknown = [account for (account,) in tx.rows(sql, milestone=milestone, now=now)]
    if not unknown:
        return []
    # Passages without effect ask nobody, and nobody is to be told of that.
    rows = tx.rows(
        "SELECT e.account_id, e.state, coalesce(m.state, ''), coalesce(m.id, '') FROM enrolments e LEFT JOIN messages m "
        "ON m.enrolment_id = e.id AND m.step = :step AND m.channel = 'email' "
        f"WHERE e.playbook = :playbook AND NOT e.control AND {tx.among('e.account_id', 'accounts')} ORDER BY e.account_id, m.id",
        playbook=playbook,
        step=step,
        accounts=tx.ids(unknown),
    )
    told = []
    for account, some in groupby(rows, itemgetter(0)):
        theirs = list(some)
        asked = next((id for _, _, state, id in theirs if state == "accepted"), None)
        if asked is not None:
            told.append((account, "asked", asked))
        elif all(passage != "active" and state in ("", "skipped", "rejected") for _, passage, state, _ in theirs):
            told.append((account, "nobody", ""))
    return told


def note_asked(tx: Tx, milestone: str, told: Sequence[tuple[str, str, str]], now: Micros) -> None:
    """Keeps what `seen_of_asked` saw, of whom nothing else has become known; and what those asked had said before it was latched."""
    rows = [(word, now, message, milestone, account, "") for account, word, message in told]
    tx.update_each(schema.milestones, ("word", "word_at", "word_in"), "", ("milestone", "account_id", "word"), rows)
    nobody = [account for account, word, _ in told if word == "nobody"]
    journal.append(tx, [JournalLine(now, "", account, account, "", milestone, "milestone", "nobody to ask", "") for account in nobody])
    # A tick that an event starts may ask before the next whole one latches, and whoever is quick answers in between.
    said = tx.rows(
        "SELECT a.account_id, a.value, a.answered_at, a.message_id FROM messages m "
        "JOIN answers a ON a.enrolment_id = m.enrolment_id AND a.step = m.step AND a.field = 'confirmed' "
        f"WHERE {tx.among('m.id', 'asked')} ORDER BY a.line",
        asked=tx.ids(message for _, word, message in told if word == "asked"),
    )
    for account, value, at, message in said:
        say(tx, Word(account, milestone, value == "true", at, BY_THEMSELVES, message))


def say(tx: Tx, word: Word) -> bool:
    """What a customer, or somebody of us, says of one that waits; False where none does: what counts does so for good."""
    given = {"milestone": word.milestone, "account": word.account_id, "at": word.at}
    mine = "milestone = :milestone AND account_id = :account AND counts_at IS NULL"
    if word.yes:
        if not tx.run(f"UPDATE milestones SET counts_at = :at WHERE {mine}", **given):
            return False
        account = word.account_id
        journal.append(tx, [JournalLine(word.at, "", account, account, "", word.milestone, "confirmed", word.because, "")])
        return True
    sets = "word = 'not_yet', word_at = :at, word_in = :message"
    return bool(tx.run(f"UPDATE milestones SET {sets} WHERE {mine}", **given, message=word.message_id))
