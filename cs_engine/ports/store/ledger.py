"""Touches, reactions, and whom persistence has lost."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple, Protocol

from cs_engine.instants import Micros
from cs_engine.ports.store.records import JournalLine

if TYPE_CHECKING:
    from cs_engine.journey import touch


class Touched(NamedTuple):
    """What `unanswered_streak` is counted from, product use aside: (account, contact or '' for nobody in particular, when)."""

    touches: Sequence[tuple[str, str, Micros]]
    reactions: Sequence[tuple[str, str, Micros]]


class TouchView(NamedTuple):
    """A line of an account's ledger: a touch, or a reaction."""

    at: Micros
    kind: str
    """mail | call | meeting, or a reaction: open | click | reply | answer | talked"""
    contact_id: str
    playbook: str
    """Of a mail of ours; '' else."""
    step: str
    by: str
    """Who of us logged it; '' else."""


class LossCount(NamedTuple):
    """Contacts lost by persistence, of one playbook ('': nobody's mail came last) and CSM ('': nobody's)."""

    playbook: str
    csm: str
    ever: int
    now: int
    """Those not regained."""


class Ledger(Protocol):
    """Touches, reactions, and whom persistence has lost."""

    def emails_since(self, since: Micros, before: Micros) -> tuple[list[str], list[str], list[int]]:
        """(account, contact, n) of customer mails accepted since, in ticks before that one."""

    def log_touches(self, touches: Sequence[touch.Touch], reactions: Sequence[touch.Reaction] = ()) -> int:
        """Keeps them, and what contacts did about touches; again is nothing. How many of the touches are new."""

    def touched(self, since: Micros, before: Micros) -> Touched:
        """Mails of ours that were accepted and touches that people logged, transactional mail aside; and reactions."""

    def touches_of(self, account_id: str, since: Micros) -> list[TouchView]:
        """The ledger of one account, newest first."""

    def last_playbooks(self, contacts: Collection[str]) -> Mapping[str, str]:
        """Contact -> the playbook whose mail to it was accepted last."""

    def lost(self) -> set[str]:
        """Contacts that are lost by persistence."""

    def put_lost(self, losses: Sequence[touch.Loss], regained: Collection[str], now: Micros, lines: Sequence[JournalLine]) -> None:
        """Contacts that are lost from now on, and those that are so no more."""

    def loss_counts(self) -> list[LossCount]:
        """Losses by playbook and CSM, the most first."""
