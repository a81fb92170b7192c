"""Whom a step goes to, for all who stand at it at once: roles and conditions resolved against one tick's facts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from itertools import repeat

import numpy as np
from numpy.typing import NDArray

from cs_engine.journey.policy import zone_or
from cs_engine.language.expression import Expression, Grain
from cs_engine.playbook.calendars import parse_span
from cs_engine.playbook.config import Staff
from cs_engine.playbook.plan import Cta, People, Sending, Webhook
from cs_engine.playbook.project import Project
from cs_engine.ports import Facts, Mask, Rows


@dataclass(frozen=True, slots=True)
class Recipients:
    """Aligned: which member of the cohort, and who. `kind` is contact | staff | channel | endpoint for all."""

    member: Rows
    who: list[str]
    kind: str


class Directory:
    """The people of one tick: contacts by account, and the staff."""

    def __init__(self, project: Project, facts: Facts) -> None:
        self._project, self._facts = project, facts
        self.staff: dict[str, Staff] = {person.email: person for person in project.team.staff}

    def reaches(self, step: Sending, grain: Grain) -> Mask:
        """Over the grain's rows: whether `step` has anybody to go to."""
        rows = np.arange(len(self._facts.ids(grain)), dtype=np.int64)
        if isinstance(step, Cta | Webhook) or (step.to.role == "subject" and grain is Grain.CONTACT):
            return np.ones(len(rows), dtype=bool)
        accounts = rows if grain is Grain.ACCOUNT else self._facts.account_of_contact()
        if step.to.answer is not None:
            return self._named(step.to.answer, accounts)[rows] >= 0
        if self._is_of_contacts(step.to):
            mask = np.zeros(len(rows), dtype=bool)
            mask[self._contact_rows(step.to, accounts)[0]] = True
            return mask
        return np.asarray(self._staff(str(step.to.role), accounts) != "", dtype=bool)

    def recipients(self, step: Sending, grain: Grain, rows: Rows, chosen: tuple[Rows, Rows] | None = None) -> Recipients:
        """For subjects at `rows` whom the step goes to. A CTA without a CSM goes to the project's fall-back.

        `chosen`: (position in `rows`, contact's row) of whom a `to` means that hangs on the passage.
        """
        if chosen is not None:
            return self._contacts(*chosen)
        if isinstance(step, Webhook):
            return Recipients(np.arange(len(rows), dtype=np.int64), [step.endpoint] * len(rows), "endpoint")
        accounts = rows if grain is Grain.ACCOUNT else self._facts.account_of_contact()[rows]
        if step.to.role == "subject" and grain is Grain.CONTACT:
            ids = self._facts.ids(Grain.CONTACT)
            return Recipients(np.arange(len(rows), dtype=np.int64), [ids[row] for row in rows.tolist()], "contact")
        if step.to.answer is not None:
            everybody = np.arange(len(self._facts.ids(grain)), dtype=np.int64)
            named = self._named(step.to.answer, everybody if grain is Grain.ACCOUNT else self._facts.account_of_contact())[rows]
            ids, member = self._facts.ids(Grain.CONTACT), np.flatnonzero(named >= 0)
            return Recipients(member, [ids[row] for row in named[member].tolist()], "contact")
        if self._is_of_contacts(step.to):
            return self._contacts(*self._contact_rows(step.to, accounts))
        found = self.all_here(self._staff(str(step.to.role), accounts))
        if not isinstance(step, Cta):
            member = np.flatnonzero(found != "")
            return Recipients(member, found[member].tolist(), "staff")
        # An alert that nobody gets is worse than one in the wrong place; without a Slack id of theirs it goes to the team's channel.
        substitute = self.here(self._project.config.sender.fallback)
        return Recipients(np.arange(len(rows), dtype=np.int64), [who or substitute for who in found.tolist()], "staff")

    def _contacts(self, member: Rows, contact: Rows) -> Recipients:
        """Who gets it: each address once a member, though the CRM may know whose it is as several contacts. The champion is who counts
        then, else the first of them, but one who has left only where all have. Who has no address stands for nobody else.
        """
        ids = self._facts.ids(Grain.CONTACT)
        if len(np.unique(member)) < len(member):
            (emails,) = self._facts.columns(Grain.CONTACT, ["contact.email"], contact)
            champion = self._champions[self._facts.account_of_contact()[contact]] == contact
            left = self._has_left(contact)
            first: dict[tuple[int, str], int] = {}
            for i in sorted(range(len(contact)), key=lambda i: (left[i], not champion[i])):
                first.setdefault((int(member[i]), (emails[i] or "").strip().lower() or ids[contact[i]]), i)
            kept = np.array(sorted(first.values()), dtype=np.int64)
            member, contact = member[kept], contact[kept]
        return Recipients(member, [ids[row] for row in contact.tolist()], "contact")

    def _has_left(self, contact: Rows) -> Mask:
        """Which of the contacts at these rows have left their company."""
        left = self._project.catalogue.has_left
        return np.zeros(len(contact), dtype=bool) if left is None else self._facts.mask(left)[contact]

    def _named(self, answer: Expression, accounts: Rows) -> Rows:
        """For each subject (`accounts`: its account's row) the contact that the answer names, -1 for none: one of that account's."""
        index = self._facts.rows(Grain.CONTACT)
        named = np.fromiter(map(index.get, self._facts.texts(answer), repeat(-1)), np.int64, len(accounts))
        of = self._facts.account_of_contact()
        here = named >= 0
        here[here] = of[named[here]] == accounts[here]
        return np.where(here, named, -1)

    def csm_of(self, accounts: Rows) -> NDArray[np.object_]:
        """The CSM's e-mail for accounts at those rows, '' where there is none in the team."""
        return self._staff("csm", accounts)

    def here(self, email: str) -> str:
        """Who of us is there for that one today, as `instead_of` says."""
        return instead_of(self._away, email)

    @property
    def away(self) -> list[str]:
        """Who of us is away today."""
        return list(self._away)

    def all_here(self, emails: NDArray[np.object_]) -> NDArray[np.object_]:
        """`here` for many; '' stays."""
        return np.array([self.here(email) for email in emails.tolist()], dtype=object) if self._away else emails

    def of_role(self, role: str, account: int) -> list[int]:
        """The rows of the contacts who have that role in the account at that row: just these, whoever may stand in for them."""
        accounts = np.array([account], dtype=np.int64)
        if role == "champion":
            return [row for row in self._champions[accounts].tolist() if row >= 0]
        rows: list[int] = self._of_accounts(accounts, self._role_mask(role))[1].tolist()
        return rows

    def sender(self, wanted: str | None, csm: str) -> Staff | None:
        """Whom a mail comes from: as the step says, else as the project says, else the project's fall-back."""
        config = self._project.config.sender
        return self.one_of_us(wanted or config.from_, csm) or self.staff.get(config.fallback)

    def one_of_us(self, role: str, csm: str) -> Staff | None:
        """Who has that role (or e-mail) for an account with that CSM; None where nobody has."""
        email = {"csm": csm, "csm.manager": self._manager_of(csm)}.get(role, role if "@" in role else self._by_role.get(role, ""))
        return self.staff.get(email)

    def copied(self, roles: Sequence[str], csm: str) -> list[str]:
        """Who of us gets a copy today, each once, for an account with that CSM."""
        named = (self.one_of_us(role, csm) for role in roles)
        return list(dict.fromkeys(self.here(who.email) for who in named if who is not None))

    @staticmethod
    def _is_of_contacts(to: People) -> bool:
        return to.condition is not None or to.role in ("champion", "operators", "everyone", "subject")

    def _contact_rows(self, to: People, accounts: Rows) -> tuple[Rows, Rows]:
        """(position in `accounts`, contact row) of everybody `to` names; an empty role falls back as project.yaml says."""
        role = "champion" if to.role == "subject" else to.role
        if role == "champion":
            champions = self._champions[accounts]
            member = np.flatnonzero(champions >= 0)
            chosen = champions[member]
        else:
            mask = self._facts.mask(to.condition) if to.condition is not None else self._role_mask(str(role))
            member, chosen = self._of_accounts(accounts, mask)
        fallback = self._project.config.people.fallback.get(str(role)) if to.condition is None else None
        if fallback and fallback != role:
            empty = np.ones(len(accounts), dtype=bool)
            empty[member] = False
            if empty.any():
                positions = np.flatnonzero(empty)
                if fallback == "champion":
                    champions = self._champions[accounts[positions]]
                    more, instead = np.flatnonzero(champions >= 0), champions[champions >= 0]
                else:
                    more, instead = self._of_accounts(accounts[positions], self._role_mask(fallback))
                member, chosen = np.concatenate([member, positions[more]]), np.concatenate([chosen, instead])
        return member, chosen

    def _role_mask(self, role: str) -> Mask:
        expression: Expression | None = self._project.people.get(role)
        if expression is not None:
            return self._facts.mask(expression)
        return np.ones(len(self._facts.ids(Grain.CONTACT)), dtype=bool)

    @cached_property
    def _champions(self) -> Rows:
        """For each account's row its champion's row among the contacts, -1 for none."""
        return self._rows_of("champion.id")

    def _rows_of(self, name: str) -> Rows:
        index = self._facts.rows(Grain.CONTACT)
        everyone = np.arange(len(self._facts.ids(Grain.ACCOUNT)), dtype=np.int64)
        (values,) = self._facts.columns(Grain.ACCOUNT, [name], everyone)
        return np.fromiter(map(index.get, values, repeat(-1)), np.int64, len(values))

    @cached_property
    def _by_account(self) -> tuple[Rows, Rows]:
        """Contacts sorted by account, and where each account's begin: a compressed sparse row index."""
        of = self._facts.account_of_contact()
        order = np.argsort(of, kind="stable").astype(np.int64)
        starts = np.searchsorted(of[order], np.arange(len(self._facts.ids(Grain.ACCOUNT)) + 1)).astype(np.int64)
        return order, starts

    def _of_accounts(self, accounts: Rows, mask: Mask) -> tuple[Rows, Rows]:
        """(position in `accounts`, contact row) of every contact of theirs in the mask."""
        order, starts = self._by_account
        counts = starts[accounts + 1] - starts[accounts]
        position = np.repeat(np.arange(len(accounts), dtype=np.int64), counts)
        within = np.arange(len(position), dtype=np.int64) - np.repeat(np.cumsum(counts) - counts, counts)
        contact = order[starts[accounts][position] + within]
        chosen = mask[contact]
        return position[chosen], contact[chosen]

    def _staff(self, role: str, accounts: Rows) -> NDArray[np.object_]:
        if role in ("csm", "csm.manager"):
            emails = self._csm[accounts]
            if role == "csm.manager":
                return np.array([self._manager_of(e) for e in emails], dtype=object)
            return emails
        return np.full(len(accounts), role if role in self.staff else self._by_role.get(role, ""), dtype=object)

    def _manager_of(self, email: str) -> str:
        person = self.staff.get(email)
        return person.manager if person is not None and person.manager in self.staff and person.manager else ""

    @cached_property
    def _away(self) -> Mapping[str, str]:
        """Who is away on this day, in their own zone -> the e-mail of who stands in for them; '' for nobody."""
        return absent(self._project, self._facts.now)

    @cached_property
    def _csm(self) -> NDArray[np.object_]:
        everyone = np.arange(len(self._facts.ids(Grain.ACCOUNT)), dtype=np.int64)
        (values,) = self._facts.columns(Grain.ACCOUNT, ["account.csm"], everyone)
        known = {email.lower(): email for email in self.staff}
        return np.array([known.get(v.lower(), "") if v else "" for v in values] or [], dtype=object)

    @cached_property
    def _by_role(self) -> Mapping[str, str]:
        """Staff role -> the first who has it."""
        roles: dict[str, str] = {}
        for person in self._project.team.staff:
            roles.setdefault(person.role, person.email)
        return roles


def absent(project: Project, now: datetime) -> dict[str, str]:
    """Who of us is away on the day of `now`, in their own zone -> the e-mail of who stands in for them; '' for nobody."""
    staff = project.team.staff
    known = {person.email.lower(): person.email for person in staff}
    found = {}
    for person in staff:
        today = now.astimezone(zone_or(person.timezone or "", project.config.timezone)).date()
        if any(span is not None and today in span for span in map(parse_span, person.away)):
            found[person.email] = known.get((person.substitute or "").lower(), "")
    return found


def instead_of(away: Mapping[str, str], email: str) -> str:
    """Who of us is there for that one: themselves, or who stands in while they are away, and for those. Where nobody does, themselves:
    better late than to nobody. `away`: as `absent` gives it.
    """
    found, seen = email, set[str]()
    while found in away and found not in seen:
        seen.add(found)
        found = away[found]
    return email if found in away or not found else found
