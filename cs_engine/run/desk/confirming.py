"""Somebody of us says yes to a milestone for the customer, who told them."""

from __future__ import annotations

from cs_engine.errors import WrongUse
from cs_engine.language.problems import did_you_mean
from cs_engine.ports import Word
from cs_engine.run.desk.stepping import Office, moment


def confirm(engine: Office, account: str, milestone: str, reason: str, by: str = "") -> None:
    """It counts from the next tick on; when it was reached stays when it came true. Raises WrongUse where nothing waits for their word."""
    milestones = engine.project.journey.milestones()
    if milestone not in milestones:
        raise WrongUse(f"there is no milestone {milestone!r}", did_you_mean(milestone, milestones) or "cs-engine milestones names them")
    because = f"{by}: {reason}" if by else reason
    # After the last tick, which did not know of it.
    if engine.store.confirm(Word(account, milestone, True, moment(engine) + 1, because)):
        return
    known = any(view.milestone == milestone for view in engine.store.milestones_of(account))
    said = "counts already" if known else "has not come true by what they use, as far as ticks have seen"
    raise WrongUse(f"{milestone} of {account} {said}: nothing was changed", f"cs-engine milestones {account}")
