"""Reads the conditions, durations and names of one playbook, against what surrounds it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial

from cs_engine.language import durations, expressions
from cs_engine.language.expression import Duration, Expression, Grain, Type
from cs_engine.language.problems import Problems
from cs_engine.language.scope import NOTHING_ASKED, Asked, Scope
from cs_engine.language.yaml import Document
from cs_engine.playbook.definitions import Definitions
from cs_engine.playbook.model import Scalar
from cs_engine.playbook.people import Directory, Kind
from cs_engine.playbook.plan import People
from cs_engine.playbook.shape import Path, shown
from cs_engine.playbook.templates import resolved

NEVER = Expression("", Grain.ACCOUNT, "false", Type.BOOLEAN, ())
"""Stands where a condition is wrong; its problem is known, and no plan comes of it."""

_ANSWER = re.compile(r"answer\s*\(\s*'([^']*)'\s*\)", re.IGNORECASE)
_NAME = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)?")

ScopeOf = Callable[[Grain, Mapping[str, Scalar], Asked], Scope]
"""What names stand for at that grain, with these `vars`, in a playbook whose steps ask that."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a playbook is compiled against."""

    directory: Directory
    scope_of: ScopeOf
    definitions: Definitions
    """Segments and milestones as this plan means them."""
    rewrite: Callable[[str, Grain], str] = lambda text, _grain: text
    """Puts older meanings into a condition; nothing to do for today's plans."""


@dataclass(slots=True)
class Reader:
    """Reads the texts of one playbook, and keeps what is wrong with them."""

    document: Document
    around: Surroundings
    grain: Grain
    vars: Mapping[str, Scalar]
    problems: Problems
    asked: Asked = NOTHING_ASKED
    contacts_named: frozenset[str] = frozenset()
    """`step.field` of the answers that name a contact."""
    texts: dict[Path, str] = field(default_factory=dict)

    def condition(self, path: Path, text: str) -> Expression:
        """A condition over the subject."""
        return self._expression(expressions.compile_condition, path, text, self.grain)

    def scalar(self, path: Path, text: str) -> Expression:
        """A value of the subject, in `once_per`."""
        return self._expression(expressions.compile_scalar, path, text, self.grain)

    def name(self, path: Path, text: str) -> str:
        """The column that a plain name in `with` stands for; of `vars.…` the name itself."""
        found = self._expression(expressions.compile_scalar, path, text, self.grain)
        if found.sql != NEVER.sql and not _NAME.fullmatch(text.strip()):
            mend = "write the names of metrics and attributes; what is worked out of them is a metric of metrics.yaml"
            self.problems.add(self.document.place(path), "P105", f'"with" cannot be {shown(text)}', mend)
        return found.names[0] if found.names else text.strip()

    def instant(self, path: Path, text: str) -> Expression:
        """A time of the subject, in `at`."""
        return self._expression(partial(expressions.compile_scalar, want=Type.INSTANT), path, text, self.grain)

    def duration(self, path: Path, text: str) -> Duration:
        return durations.check(text, self.document.place(path), self.problems) or Duration(1, "days")

    def reenter(self, path: Path, text: str) -> Duration | None:
        """After how long one may enter again; None for never."""
        word, _, length = text.strip().partition(" ")
        if text.strip() == "never":
            return None
        if word != "after":
            mend = f"write `after {text.strip()}`" if durations.parse(text) else "write `never`, or `after 90 days`"
            self.problems.add(self.document.place(path), "P105", f'"reenter" cannot be {shown(text)}', mend)
            return None
        return durations.check(length.strip(), self.document.place(path), self.problems)

    def people(self, path: Path, text: str | None, kind: Kind) -> People:
        """Whom a step of that kind goes to; `path` is of its `to`."""

        def over_contacts(condition: str) -> Expression:
            return self._expression(expressions.compile_condition, path, condition, Grain.CONTACT)

        place, contact = self.document.place(path), self.grain is Grain.CONTACT
        if text is not None and _ANSWER.fullmatch(text.strip()) and kind != "cta":
            return People(answer=self._named(path, text))
        return self.around.directory.recipients(text, kind, contact, place, over_contacts, self.problems)

    def _named(self, path: Path, text: str) -> Expression:
        """The contact that an answer names."""
        found = self.scalar(path, text)
        field = _ANSWER.fullmatch(text.strip())
        if field is not None and found.names and field[1] not in self.contacts_named:
            message = f"`{text.strip()}` is no contact"
            self.problems.add(self.document.place(path), "P204", message, "only an answer of type `contact` names somebody")
        return found

    def sender(self, path: Path, text: str | None) -> str | None:
        """Whom a mail comes from; `path` is of its `from`."""
        return self.around.directory.sender(text, self.document.place(path), self.problems)

    def copies(self, path: Path, given: str | tuple[str, ...]) -> tuple[str, ...]:
        """Who of us gets copies; `path` is of `cc`."""
        listed = [(path, given)] if isinstance(given, str) else [((*path, i), text) for i, text in enumerate(given)]
        directory, problems = self.around.directory, self.problems
        found = [directory.sender(text, self.document.place(place), problems, copy=True) for place, text in listed]
        return tuple(dict.fromkeys(word for word in found if word))

    def template(self, name: str) -> str:
        return resolved(name, self.document.file)

    def notice_template(self, milestone: str) -> str:
        """The template of a milestone's notice; '' when there is none, which the checks report."""
        spec = self.around.definitions.milestones.get(milestone)
        return resolved(spec.notice, "playbooks/journey.yaml") if spec is not None and spec.notice else ""

    def _expression(self, compile_text: Callable[..., Expression | None], path: Path, text: str, grain: Grain) -> Expression:
        self.texts[path] = text
        meant = self.around.rewrite(text, grain)
        scope = self.around.scope_of(grain, self.vars, self.asked)
        found = compile_text(meant, partial(self.document.within, path), scope, self.problems)
        return replace(found or NEVER, text=text, meant="" if meant == text else meant)
