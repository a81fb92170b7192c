"""What mail providers have told since the last tick: applied before anything is decided, and before doubts are settled."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby

import numpy as np

from cs_engine.errors import LostRace
from cs_engine.instants import Micros
from cs_engine.journey.aftermath import aftermath_of
from cs_engine.journey.message import Alarm, NewMessage, State
from cs_engine.language.expression import Grain
from cs_engine.ports import Returned, Store
from cs_engine.run.context import TickContext
from cs_engine.run.delivery.alarms import word_to
from cs_engine.run.delivery.fallback import Fallbacks
from cs_engine.run.report import TickReport

BATCH = 5_000
"""Events a transaction: providers wait no longer than that for the database."""
_MOST_LINES = 20
_MOST_RACES = 5


def hear(store: Store, report: TickReport, at: Micros) -> None:
    """Applies all that wait: messages that were taken, arrived or came back, and what people did about them."""
    races = 0
    while True:
        try:
            applied = store.apply_events(BATCH, aftermath_of, at)
        except LostRace:  # to somebody who settles the same mails: nothing of it was done
            races += 1
            if races > _MOST_RACES:
                raise
            continue
        if not applied.events:
            return
        report.delivery[State.ACCEPTED.value] += applied.accepted


def see_to_returned(tick: TickContext) -> None:
    """Where an address was no good, who stands in gets the mail if its passage still stands there, and the CSM is told once."""
    returned = tick.engine.store.returned()
    if not returned:
        return
    fallbacks = Fallbacks(tick)
    fallbacks.ready()
    instead = {mail.id: fallbacks.after_return(mail) if mail.stands else () for mail in returned}
    planned = {new.id: new for messages in instead.values() for new in messages}
    tick.engine.store.see_to_returned(
        [mail.id for mail in returned], list(planned.values()), list(_words(tick, returned, instead)), tick.at
    )
    for new in planned.values():
        tick.of(new.playbook).planned += 1


def _words(tick: TickContext, returned: Sequence[Returned], instead: dict[str, tuple[NewMessage, ...]]) -> Iterable[Alarm]:
    """A line a contact, for its CSM; of a contact whom several mails did not reach, one."""
    accounts = tick.rows_of(Grain.ACCOUNT, [mail.account_id for mail in returned])
    csms = [tick.directory.here(csm) for csm in tick.directory.csm_of(np.maximum(accounts, 0)).tolist()]
    whose = sorted((csm if row >= 0 else "", mail) for csm, row, mail in zip(csms, accounts.tolist(), returned, strict=True))
    for csm, same in groupby(whose, key=lambda pair: pair[0]):
        mails = [mail for _, mail in same]
        lines = dict.fromkeys(_line(mail, instead[mail.id]) for mail in {mail.recipient: mail for mail in mails}.values())
        shown = [*lines][:_MOST_LINES] + ([f"… and {len(lines) - _MOST_LINES} more"] if len(lines) > _MOST_LINES else [])
        text = "\n".join([":incoming_envelope: *Mail came back*: these addresses are never mailed again.", *shown])
        yield word_to(tick, csm, f"returned:{csm}", text)


def _line(mail: Returned, instead: tuple[NewMessage, ...]) -> str:
    why = f" ({mail.reason})" if mail.reason else ""
    others = ", ".join(new.recipient for new in instead)
    return f"• {mail.account_id}: {mail.recipient}{why}" + (f"; instead of them: {others}" if others else "")
