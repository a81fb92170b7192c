"""Mail to a role that nobody of can be reached goes to whom project.yaml names instead: a new message in the place of the old one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from cs_engine.journey import identity
from cs_engine.journey.message import Move, NewMessage
from cs_engine.journey.policy import HAS_LEFT
from cs_engine.journey.preference import ERASED
from cs_engine.language.expression import Grain
from cs_engine.playbook.plan import Email, Notice, Plan
from cs_engine.ports import Candidate, Outcome, Returned
from cs_engine.run.context import TickContext

_UNREACHABLE = frozenset({"suppressed", "no_address", "recipient_gone", HAS_LEFT, ERASED})
"""Reasons for which a mail is skipped that are its recipient's alone."""


class Fallbacks:
    """Who stands in at the claim, and for who is refused, within one tick. A project that names nobody pays nothing."""

    def __init__(self, tick: TickContext) -> None:
        self._tick = tick
        self._named = tick.engine.project.config.people.fallback
        self._unreachable: set[int] | None = None
        """The rows of contacts without an address, with one that is suppressed, or who have left."""
        self._addresses: list[str] = []
        """Of all contacts, as they are compared."""

    def ready(self) -> None:
        """Reads who cannot be reached: before the claim, whose transaction must not wait for another."""
        if not self._named or self._unreachable is not None:
            return
        facts = self._tick.facts
        everyone = np.arange(len(facts.ids(Grain.CONTACT)), dtype=np.int64)
        (emails,) = facts.columns(Grain.CONTACT, ["contact.email"], everyone)
        index = facts.rows(Grain.CONTACT)
        suppressed = {index[contact] for contact in self._tick.engine.store.suppressed_contacts() if contact in index}
        self._addresses = [(email or "").strip().lower() for email in emails]
        left = self._tick.engine.project.catalogue.has_left
        gone = set() if left is None else set(np.flatnonzero(facts.mask(left)).tolist())
        self._unreachable = suppressed | gone | {row for row, address in enumerate(self._addresses) if not address}

    def instead(self, candidates: Sequence[Candidate], moves: Sequence[Move | None]) -> list[Move | None]:
        """The moves; those that skip the last of a role who could be reached name the messages that are planned in their place."""
        if not self._named:
            return list(moves)
        return [
            self._with(c, move) if move is not None and move.reason in _UNREACHABLE else move
            for c, move in zip(candidates, moves, strict=True)
        ]

    def after_refusal(self, candidates: Sequence[Candidate], moves: Sequence[Move], outcomes: Mapping[str, Outcome]) -> list[Move]:
        """The moves that settle what was sent; those of mail that was refused because nobody is at the address name what is planned in its
        place.
        """
        if not self._named:
            return list(moves)
        return [self._with(c, move) if outcomes[c.id].nobody else move for c, move in zip(candidates, moves, strict=True)]

    def after_return(self, mail: Returned) -> tuple[NewMessage, ...]:
        """What goes in the place of a mail that was sent, and came back."""
        return self._instead(mail) or () if self._named else ()

    def _with(self, candidate: Candidate, move: Move) -> Move:
        instead = self._instead(candidate)
        return move if instead is None else move._replace(instead=instead)

    def _instead(self, candidate: Candidate | Returned) -> tuple[NewMessage, ...] | None:
        """None where nobody is named to stand in."""
        plan = self._tick.plans.get(candidate.digest)
        step = plan.step(candidate.step) if plan is not None else None
        account = self._tick.facts.rows(Grain.ACCOUNT).get(candidate.account_id)
        if plan is None or account is None or not isinstance(step, Email | Notice) or candidate.channel != "email":
            return None
        role = step.to.role or ""
        if role not in self._named:
            return None
        self._lost(candidate, account)
        # An address gets it once, whoever it is called by.
        once = {self._addresses[row] if self._addresses else str(row): row for row in reversed(self._stand_ins(role, account))}
        return tuple(self._message(candidate, plan, row) for row in sorted(once.values()))

    def _lost(self, candidate: Candidate | Returned, account: int) -> None:
        """Whoever the claim has found unreachable is so for the rest of the tick, and so is who shares their address. Of who was known
        to be before, the address need not be to blame.
        """
        row = self._tick.facts.rows(Grain.CONTACT).get(candidate.recipient)
        if row is not None and self._unreachable is not None and row not in self._unreachable:
            everybody = self._tick.directory.of_role("everyone", account)
            self._unreachable |= {row, *(one for one in everybody if self._addresses[one] == self._addresses[row])}

    def _stand_ins(self, role: str, account: int) -> list[int]:
        """The rows of those who get it: of the first role down the line of fall-backs of which somebody can be reached; nobody when some
        of the role itself can, for they have a message of their own. A champion is one: a new one gets what the old one cannot.
        """
        own, seen = role, set[str]()
        while role and role not in seen:
            seen.add(role)
            found = [row for row in self._tick.directory.of_role(role, account) if row not in (self._unreachable or ())]
            if found:
                return found if role != own or role == "champion" else []
            role = self._named.get(role, "")
        return []

    def _message(self, c: Candidate | Returned, plan: Plan, row: int) -> NewMessage:
        who = self._tick.facts.ids(Grain.CONTACT)[row]
        return NewMessage(
            identity.instead_id(c.enrolment_id, c.step, c.channel, who, c.planned_at), c.enrolment_id, c.playbook, c.digest, c.step, c.kind,
            c.channel, c.template, c.topic, c.account_id, c.subject_id, who, "contact", c.cta_id, plan.priority, c.planned_at,
        )  # fmt: skip
