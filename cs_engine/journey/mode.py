"""How much of a playbook is for real: nothing yet, a share of the accounts, or all. The same accounts every time. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import NamedTuple

from cs_engine.instants import Micros
from cs_engine.journey import experiment
from cs_engine.journey.decide import Mask
from cs_engine.playbook.plan import Mode

MODE = "mode"
"""The kind of the order that says since when a playbook is in its mode; its value is the mode's kind."""

UNSHADOWED = "unshadowed"
"""The kind of the order that says since when a playbook is not in shadow any more: what happened before is history."""

SHADOW_KEY = "\x1fshadow\x1f"
"""Before the key of a shadow passage, so that it stands in no real one's way."""

BOUNCES, COMPLAINTS = "bounces", "complaints"
"""By what a playbook in `canary` or `ramp` halts itself."""
FEW_BOUNCES = 3
"""So few bounces halt nothing, whatever share they are."""
COMPLAINED = ("complaint", "spam", "spamreport")
"""Reasons of suppressions that say that somebody complained."""

_DAY: Micros = timedelta(days=1) // timedelta(microseconds=1)


def open_share(mode: Mode, since: Micros, now: Micros) -> float:
    """The share of accounts, from 0 to 1, that may enter by now, in a mode that began then."""
    return min(1.0, mode.share * (1 + (now - since) // _DAY)) if mode.kind == "ramp" else mode.share


def are_open(playbook: str, accounts: Sequence[str], share: float) -> Mask:
    """Which accounts are among the share that may enter. Who is once stays so as the share grows."""
    return experiment.positions(f"mode:{playbook}", accounts) < share


def is_open(playbook: str, account: str, share: float) -> bool:
    """`are_open` of one."""
    return bool(are_open(playbook, [account], share)[0])


class Reception(NamedTuple):
    """How the mail of a playbook was received since its mode began."""

    playbook: str
    accepted: int
    rejected: int
    complaints: int
    """People who complained after they got it."""


def halts(of: Reception, most_bounces: float, most_complaints: float) -> tuple[str, str] | None:
    """(by, why) when the playbook is to halt itself; None when it may go on."""
    sent = of.accepted + of.rejected
    if of.rejected > FEW_BOUNCES and of.rejected > most_bounces * sent:
        return BOUNCES, f"halted: {of.rejected:,} of {sent:,} mails were refused, more than {100 * most_bounces:.4g}%"
    if of.complaints and of.complaints > most_complaints * of.accepted:
        return (
            COMPLAINTS,
            f"halted: {of.complaints:,} of {of.accepted:,} who got its mail complained, more than {100 * most_complaints:.4g}%",
        )
    return None
