"""Whom `to` and `from` may name."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from cs_engine.language.expression import Expression
from cs_engine.language.problems import Place, Problems, did_you_mean
from cs_engine.playbook.config import Team
from cs_engine.playbook.plan import People
from cs_engine.playbook.shape import shown

CUSTOMERS = ("champion", "operators", "everyone")
CSMS = ("csm", "csm.manager")
SUBJECT = "subject"
"""The contact that passes through: what `to` is by default where the subject is a contact. No word of the language."""

_NAME = re.compile(r"[A-Za-z][\w.-]*")
_ADDRESS = re.compile(r"[^\s@'\"()]+@[^\s@'\"()]+")
_STARTS_CONDITION = re.compile(r"(contact|account|champion|vars)\.", re.IGNORECASE)

Kind = Literal["email", "notice", "cta"]
Condition = Callable[[str], Expression | None]
"""Compiles a condition over contacts; None when it is wrong, with the problem added."""


@dataclass(frozen=True, slots=True)
class Directory:
    """Who there is, beside the customers."""

    roles: tuple[str, ...]
    emails: tuple[str, ...]

    @classmethod
    def of(cls, team: Team) -> Directory:
        """The directory of team.yaml."""
        return cls(tuple(sorted({s.role for s in team.staff} - set(CSMS))), tuple(s.email for s in team.staff))

    def recipients(
        self, text: str | None, kind: Kind, contact_subject: bool, place: Place, condition: Condition, problems: Problems
    ) -> People:
        """What `to` means in a step of that kind; its default when there is none."""
        if text is None:
            if kind == "cta":
                return People("csm")
            return People(SUBJECT if contact_subject else "champion")
        staff = (*CSMS, *self.roles)
        allowed = {"email": (*CUSTOMERS, *staff), "notice": CUSTOMERS, "cta": staff}[kind]
        word = text.strip()
        if word in allowed:
            return People(word)
        if word in CUSTOMERS:
            problems.add(place, "P204", f"a CTA goes to one of us, not to {word}", f"allowed: {', '.join(allowed)}")
        elif word in staff:
            problems.add(place, "P204", f"a milestone notice goes to customers, not to {word}", f"allowed: {', '.join(allowed)}")
        elif _NAME.fullmatch(word) and not _STARTS_CONDITION.match(word):
            more = "" if kind == "cta" else ", or a condition over contact.*"
            mend = did_you_mean(word, allowed) or f"allowed: {', '.join(allowed)}{more}"
            problems.add(place, "P204", f"there is nobody called {shown(word)}", mend)
        elif _ADDRESS.fullmatch(word):
            mend = f"allowed: {', '.join(allowed)}" if kind != "email" else f"write contact.email = '{word}', or a role of team.yaml"
            problems.add(place, "P204", f"`to` takes no address: {shown(word)}", mend)
        elif kind == "cta":
            problems.add(place, "P204", "a CTA goes to one of us, not to contacts that meet a condition", f"allowed: {', '.join(allowed)}")
        else:
            return People(condition=condition(text))
        return People(word)

    def sender(
        self, text: str | None, place: Place, problems: Problems, *, copy: bool = False, said: str = "mail cannot come from"
    ) -> str | None:
        """What `from`, or one of `cc` (`copy`), means: one of us."""
        if text is None:
            return None
        word = text.strip()
        if word in CSMS or word in self.roles:
            return word
        for email in self.emails:
            if email.lower() == word.lower():
                return email
        allowed = (*CSMS, *self.roles)
        if "@" in word:
            problems.add(place, "P204", "team.yaml has nobody with that e-mail", "add them there")
        else:
            problems.add(
                place,
                "P204",
                f"a copy cannot go to {shown(word)}" if copy else f"{said} {shown(word)}",
                did_you_mean(word, allowed) or f"allowed: {', '.join(allowed)}, or a staff e-mail",
            )
        return word
