"""What was asked, and what becomes of the answers: for the page and for Slack's form alike."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from cs_engine.clock import Clock
from cs_engine.instants import Micros, to_micros
from cs_engine.journey.message import Alarm
from cs_engine.playbook.bundle import compile_bundle
from cs_engine.playbook.plan import AddressedStep, Notice
from cs_engine.playbook.project import Project
from cs_engine.playbook.questions import CONFIRMED, Kind, Question, parse
from cs_engine.ports import Answer, AskedMessage, JournalLine, Store, Word
from cs_engine.run.ctas.notes import note, said


class Asking(NamedTuple):
    """A message that asks, its questions, and whom answers may name."""

    message: AskedMessage
    questions: tuple[Question, ...]
    contacts: Sequence[tuple[str, str]]
    """(id, name), when a question is about one of them."""
    milestone: str = ""
    """The one that the customer is asked to confirm."""


class Unanswered(NamedTuple):
    """What was wrong with what came: nothing was kept."""

    wrong: tuple[str, ...]
    """Fields whose value is no answer; none: there was no answer at all."""


class Desk:
    """Finds what a message asked by its own version of the playbook, and keeps answers."""

    def __init__(self, project: Project, store: Store, clock: Clock) -> None:
        self._project, self._store, self._clock = project, store, clock
        self._known: dict[tuple[str, str], AddressedStep | None] = {}

    def asking(self, message_id: str) -> Asking | None:
        """None when there is no such message, or it asks nothing."""
        message = self._store.asked(message_id)
        step = None if message is None else self._step(message.digest, message.step)
        if message is None or step is None or not step.ask:
            return None
        questions = step.ask
        names = any(question.kind is Kind.CONTACT for question in questions)
        confirms = isinstance(step, Notice) and any(question.field == CONFIRMED for question in questions)
        milestone = step.milestone if isinstance(step, Notice) and confirms else ""
        return Asking(message, questions, self._store.contacts_of(message.account_id) if names else (), milestone)

    def keep(self, asking: Asking, given: Mapping[str, str], by: str, by_kind: str) -> Unanswered | None:
        """Keeps the answers; blank ones are left out. All of them or, when one is none, nothing: then it says which.

        Sent twice they are kept once; the latest counts.
        """
        filled = [(question, given[question.field]) for question in asking.questions if given.get(question.field, "").strip()]
        ids = [id for id, _ in asking.contacts]
        parsed = [(question, parse(question, raw, ids)) for question, raw in filled]
        wrong = tuple(question.field for question, value in parsed if value is None)
        if wrong or not parsed:
            return Unanswered(wrong)
        message, at = asking.message, to_micros(self._clock.now())
        answers, lines = [], []
        for question, value in parsed:
            assert value is not None
            answers.append(
                Answer(
                    message.enrolment_id, message.playbook, message.account_id, message.subject_id, message.step, question.field, value,
                    by, by_kind, message.id, at,
                )
            )  # fmt: skip
            # What people write in their own words stands in one place alone.
            seen = "" if question.kind is Kind.TEXT else json.dumps({question.field: value}, ensure_ascii=False)
            lines.append(
                JournalLine(
                    at, message.playbook, message.account_id, message.subject_id, message.enrolment_id, message.step, "answered",
                    question.field, seen,
                )
            )  # fmt: skip
        notes = self._notes(message.id, [answer.field for answer in answers], by, at)
        self._store.put_answers(answers, lines, notes, _word(asking, answers, at))
        return None

    def _notes(self, message_id: str, fields: Sequence[str], by: str, at: Micros) -> list[Alarm]:
        """Word of it in the thread of the CTA that asked; of a mail there is none. What was answered is not quoted."""
        cta = self._store.cta_told_by(message_id)
        if cta is None:
            return []
        return [note(self._project, cta, "answered", at, said(self._project, cta, "answered", who=by, reason=", ".join(fields)))]

    def _step(self, digest: str, step_id: str) -> AddressedStep | None:
        key = (digest, step_id)
        if key not in self._known:
            plan, _ = compile_bundle(self._store.bundle(digest), self._project)
            step = plan.step(step_id) if plan is not None else None
            self._known[key] = step if isinstance(step, AddressedStep) else None
        return self._known[key]


def _word(asking: Asking, answers: Sequence[Answer], at: Micros) -> Word | None:
    """What the answers say of a milestone that the customer is asked to confirm."""
    given = next((answer.value for answer in answers if answer.field == CONFIRMED), None)
    if not asking.milestone or given is None:
        return None
    return Word(asking.message.account_id, asking.milestone, given == "true", at, "by the customer", asking.message.id)
