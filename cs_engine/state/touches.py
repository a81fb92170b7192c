"""The ledger: touches that people log, what contacts did about touches, and whom our persistence has lost. Our own mails are messages."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from cs_engine.instants import Micros
from cs_engine.journey.message import State
from cs_engine.journey.touch import Loss, Reaction, Touch
from cs_engine.playbook.plan import TRANSACTIONAL
from cs_engine.ports import LossCount, Touched, TouchView
from cs_engine.state import schema
from cs_engine.state.database import Tx
from cs_engine.state.deliveries import ARRIVED_OR_UNTOLD

_OURS = (
    "FROM messages WHERE settled_at IS NOT NULL AND state = 'accepted' AND settled_at >= :since AND settled_at < :before "
    f"AND recipient_kind = 'contact' AND topic <> '{TRANSACTIONAL}' AND {ARRIVED_OR_UNTOLD}"
)
"""Mail of ours that touches somebody: what did not arrive does not."""
_ANSWERS = "account_id, by, answered_at FROM answers WHERE by_kind = 'contact' AND answered_at >= :since AND answered_at < :before"
"""What customers answered is a row of its own table."""


def log(tx: Tx, touches: Sequence[Touch], reactions: Sequence[Reaction]) -> int:
    """Keeps them; how many of the touches are new."""
    again = tx.insert_new(schema.touches, Touch._fields, sorted({touch.id: touch for touch in touches}.values()))
    react(tx, reactions)
    return len({touch.id for touch in touches} - again)


def react(tx: Tx, reactions: Sequence[Reaction]) -> None:
    """Keeps them; the same again is nothing."""
    tx.upsert(schema.reactions, Reaction._fields, sorted(set(reactions)), "ON CONFLICT DO NOTHING")


def take_back(tx: Tx, reactions: Sequence[Reaction]) -> None:
    """They were none."""
    for reaction in sorted(set(reactions)):
        sql = "DELETE FROM reactions WHERE account_id = :account AND contact_id = :contact AND kind = :kind AND at = :at"
        tx.run(sql, account=reaction.account_id, contact=reaction.contact_id, kind=reaction.kind, at=reaction.at)


def touched(tx: Tx, since: Micros, before: Micros) -> Touched:
    """Touches, ours and people's, and reactions, from `since` and before `before`. Transactional mail is none: people wait for it."""
    touches = tx.rows(
        f"SELECT account_id, recipient, settled_at {_OURS} "
        "UNION ALL SELECT account_id, contact_id, at FROM touches WHERE at >= :since AND at < :before",
        since=since,
        before=before,
    )
    reactions = tx.rows(
        f"SELECT account_id, contact_id, at FROM reactions WHERE at >= :since AND at < :before UNION ALL SELECT DISTINCT {_ANSWERS}",
        since=since,
        before=before,
    )
    return Touched(
        [(account, contact, at) for account, contact, at in touches], [(account, contact, at) for account, contact, at in reactions]
    )


def of_account(tx: Tx, account_id: str, since: Micros) -> list[TouchView]:
    """What went to an account since, and what came back, newest first."""
    rows = tx.rows(
        f"SELECT settled_at, 'mail', recipient, playbook, step, '' {_OURS} AND account_id = :account "
        "UNION ALL SELECT at, kind, contact_id, '', '', by FROM touches WHERE account_id = :account AND at >= :since AND at < :before "
        "UNION ALL SELECT at, kind, contact_id, '', '', '' FROM reactions WHERE account_id = :account AND at >= :since AND at < :before "
        "UNION ALL SELECT DISTINCT answered_at, 'answer', by, playbook, step, '' FROM answers "
        "WHERE by_kind = 'contact' AND account_id = :account AND answered_at >= :since AND answered_at < :before "
        "ORDER BY 1 DESC, 2, 3",
        account=account_id,
        since=since,
        before=2**62,
    )
    return [TouchView(*row) for row in rows]


def last_playbooks(tx: Tx, contacts: Collection[str]) -> dict[str, str]:
    """Contact -> the playbook whose mail to it was accepted last."""
    rows = tx.rows(
        f"SELECT recipient, playbook FROM messages WHERE sent_at IS NOT NULL AND state = '{State.ACCEPTED.value}' "
        f"AND recipient_kind = 'contact' AND {tx.among('recipient', 'contacts')} ORDER BY settled_at, id",
        contacts=tx.ids(contacts),
    )
    return dict(rows)


def lost(tx: Tx) -> set[str]:
    """Contacts that are lost and not regained."""
    return {contact for (contact,) in tx.rows("SELECT contact_id FROM losses WHERE regained_at IS NULL")}


def put_lost(tx: Tx, losses: Sequence[Loss], regained: Collection[str], now: Micros) -> None:
    """Again is nothing."""
    tx.upsert(schema.losses, Loss._fields, sorted(losses), "ON CONFLICT DO NOTHING")
    if regained:
        sql = f"UPDATE losses SET regained_at = :now WHERE regained_at IS NULL AND {tx.among('contact_id', 'contacts')}"
        tx.run(sql, now=now, contacts=tx.ids(sorted(regained)))


def loss_counts(tx: Tx) -> list[LossCount]:
    """By playbook and CSM."""
    rows = tx.rows(
        "SELECT playbook, csm, count(*), sum(CASE WHEN regained_at IS NULL THEN 1 ELSE 0 END) FROM losses "
        "GROUP BY playbook, csm ORDER BY 3 DESC, playbook, csm"
    )
    return [LossCount(playbook, csm, ever, int(now)) for playbook, csm, ever, now in rows]
