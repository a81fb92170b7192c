"""Somebody of us says what became of a message that nobody else can tell of."""

from __future__ import annotations

from cs_engine.errors import WrongUse
from cs_engine.journey import message
from cs_engine.journey.message import State
from cs_engine.ports import Candidate, JournalLine
from cs_engine.run.desk.stepping import Office, moment

SAID_SENT, SAID_NOT_SENT = "said_sent", "said_not_sent"
"""Why a message that was uncertain is accepted, or planned again."""


def resolve(engine: Office, id: str, reason: str, by: str = "", *, sent: bool) -> Candidate:
    """It arrived, or it did not and goes again at the next run, under the rules of sending. The message as it stood.

    Raises WrongUse when its fate is not uncertain, or has been learned meanwhile.
    """
    found = next((one for one in engine.store.uncertain() if one.id == id), None)
    if found is None:
        known = engine.store.asked(id) is not None
        said = f"the fate of {id} is known, or was never in doubt" if known else f"there is no message {id!r}"
        raise WrongUse(said, "`cs-engine resolve` alone names those that are uncertain")
    at = moment(engine)
    move = message.resolved(id, State.ACCEPTED if sent else State.PLANNED, SAID_SENT if sent else SAID_NOT_SENT)
    told = f"{by}: {reason}" if by else reason
    line = JournalLine(at, found.playbook, found.account_id, found.subject_id, found.enrolment_id, found.step, "resolved", told, "")
    if not engine.store.resolve(move, line, at):
        raise WrongUse(
            f"what became of {id} has been learned meanwhile: nothing was changed", f"cs-engine why {found.account_id} {found.playbook}"
        )
    return found
