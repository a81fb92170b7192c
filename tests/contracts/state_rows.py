"""Rows for the store's contract, with what a test does not care about filled in."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config

from cs_engine.journey import message
from cs_engine.journey.caps import History
from cs_engine.journey.enrolment import NewEnrolment, Standing
from cs_engine.journey.message import NewMessage
from cs_engine.ports import Candidate, Change, Claim, CtaFired, JournalLine, Verdict
from cs_engine.state import SqlStore, migrations
from cs_engine.state.database import Tx

NOW = 1_345_000_000_000_000
"""A tick's now, in microseconds: needs 64 bits."""
MINUTE = 60_000_000
DAY = 24 * 60 * MINUTE
PLAYBOOK, DIGEST = "onboarding", "d1"
HERE = "somewhere:1:a"
"""A holder on another host: nobody can look whether it lives."""


def passage(id: str = "enr_1", **other: Any) -> NewEnrolment:
    subject = other.get("subject_id", "acc_" + id.removeprefix("enr_"))
    values: dict[str, Any] = {
        "playbook": PLAYBOOK,
        "digest": DIGEST,
        "subject_id": subject,
        "account_id": subject,
        "key": "",
        "passage": 1,
        "step": "welcome",
        "entered_at": NOW,
    }
    return NewEnrolment(id=id, **values | other)


def mail(id: str = "msg_1", enrolment: str = "enr_1", **other: Any) -> NewMessage:
    account = "acc_" + enrolment.removeprefix("enr_")
    values: dict[str, Any] = {
        "playbook": PLAYBOOK,
        "digest": DIGEST,
        "step": "welcome",
        "kind": "email",
        "channel": "email",
        "template": "onboarding/welcome",
        "topic": "onboarding",
        "account_id": account,
        "subject_id": account,
        "recipient": "con_" + enrolment.removeprefix("enr_"),
        "recipient_kind": "contact",
        "cta_id": "",
        "priority": 50,
        "planned_at": NOW,
    }
    return NewMessage(id=id, enrolment_id=enrolment, **values | other)


def alert(id: str = "msg_1", enrolment: str = "enr_1", cta: str = "cta_1", **other: Any) -> NewMessage:
    slack = {"kind": "cta", "channel": "slack", "recipient": "csm@vendor.example", "recipient_kind": "staff", "cta_id": cta}
    return mail(id, enrolment, **slack | other)


def fired(id: str = "cta_1", **other: Any) -> CtaFired:
    values: dict[str, Any] = {
        "account_id": "acc_1",
        "playbook": PLAYBOOK,
        "step": "welcome",
        "enrolment_id": "enr_1",
        "staff": "csm@vendor.example",
        "priority": "normal",
        "due_at": None,
        "fired_at": NOW,
    }
    return CtaFired(id=id, **values | other)


def line(event: str = "entered", account: str = "acc_1", enrolment: str = "enr_1", **other: Any) -> JournalLine:
    values: dict[str, Any] = {"at": NOW, "playbook": PLAYBOOK, "subject_id": account, "step": "welcome", "reason": "", "seen": '{"a": 1}'}
    return JournalLine(account_id=account, enrolment_id=enrolment, event=event, **values | other)


def entered(*names: str, now: int = NOW) -> Change:
    """Passages that begin at their first mail, with their journal lines."""
    return Change(
        enrolments=[passage(f"enr_{n}", entered_at=now) for n in names],
        messages=[mail(f"msg_{n}", f"enr_{n}", planned_at=now) for n in names],
        journal=[line("entered", f"acc_{n}", f"enr_{n}", at=now) for n in names],
    )


def standing(store: SqlStore, id: str = "enr_1") -> Standing:
    return next(who for who in store.standing(PLAYBOOK, DIGEST, NOW + 1000 * DAY) if who.id == id)


def dispatch_all(candidates: Sequence[Candidate], sent: History) -> list[message.Move | None]:
    return [None] * len(candidates)


def claimed(
    store: SqlStore, wall: int = NOW, now: int = NOW, limit: int = 100, holder: str = HERE, verdict: Verdict = dispatch_all
) -> Claim:
    return store.claim(wall, now, now, limit, holder, verdict)


def events(store: SqlStore, account: str = "acc_1") -> list[tuple[str, str]]:
    """(event, reason) of the account's journal, oldest first."""
    return [(entry.event, entry.reason) for entry in store.journal(account, PLAYBOOK)]


def states(store: SqlStore, account: str = "acc_1") -> dict[str, str]:
    return {view.id: view.state for view in store.messages_of(account, PLAYBOOK)}


def at_schema(tx: Tx, revision: str) -> None:
    """Makes an empty database one of that version."""
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = tx.connection
    command.upgrade(config, revision)
