"""Who our persistence has lost: recognised when a tick begins, counted by playbook and CSM, and left in peace."""

from __future__ import annotations

import numpy as np

from cs_engine.journey.touch import LOST, Loss
from cs_engine.language.expression import Grain
from cs_engine.ports import JournalLine
from cs_engine.run.context import TickContext


def recognise_losses(tick: TickContext) -> None:
    """Notes whom the project's rule makes lost now, and who is so no more. The loss is the playbook's whose mail came last."""
    rule = tick.engine.project.lost_when
    if rule is None:
        return
    store, ids = tick.engine.store, tick.facts.ids(Grain.CONTACT)
    rows, before = np.flatnonzero(tick.facts.mask(rule)), store.lost()
    lost = {ids[row]: row for row in rows.tolist()}
    new = sorted(lost.keys() - before)
    regained = {contact for contact in before - lost.keys() if contact in tick.facts.rows(Grain.CONTACT)}
    if not new and not regained:
        return
    fresh = np.array([lost[contact] for contact in new], dtype=np.int64)
    of = tick.facts.account_of_contact()[fresh]
    accounts = [tick.facts.ids(Grain.ACCOUNT)[row] for row in of.tolist()]
    csms, playbooks = tick.directory.csm_of(of).tolist(), store.last_playbooks(new)
    seen = tick.facts.seen(rule, fresh) if rule.names else [""] * len(new)
    losses = [
        Loss(contact, account, playbooks.get(contact, ""), csm, tick.at) for contact, account, csm in zip(new, accounts, csms, strict=True)
    ]
    lines = [
        JournalLine(tick.at, loss.playbook, loss.account_id, loss.contact_id, "", "", "lost", LOST, values)
        for loss, values in zip(losses, seen, strict=True)
    ]
    store.put_lost(losses, regained, tick.at, lines)
