"""What was asked, and what becomes of the answers: for the page and for Slack's form alike."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from cs_engine.clock import Clock
from cs_engine.instants import Micros, to_micros
from cs_engine.journey.message import Alarm
from cs_engine.playbook.bundle import compile_bundle
from cs_engine.playbook.plan import AddressedStep
from cs_engine.playbook.project import Project
from cs_engine.playbook.questions import Kind, Question, parse
from cs_engine.ports import Answer, AskedMessage, JournalLine, Store
from cs_engine.run.ctas.notes import note, said


class Asking(NamedTuple):
    """A message that asks, its questions, and whom answers may name."""

    message: AskedMessage
    questions: tuple[Question, ...]
    contacts: Sequence[tuple[str, str]]
    """(id, name), when a question is about one of them."""


class Unanswered(NamedTuple):
    """What was wrong with what came: nothing was kept."""

    wrong: tuple[str, ...]
    """Fields whose value is no answer; none: there was no answer at all."""


class Desk:
    """Finds what a message asked by its own version of the playbook, and keeps answers."""

    def __init__(self, project: Project, store: Store, clock: Clock) -> None:
        self._project, self._store, self._clock = project, store, clock
        self._known: dict[tuple[str, str], tuple[Question, ...]] = {}

    def asking(self, message_id: str) -> Asking | None:
        """None when there is no such message, or it asks nothing."""
        message = self._store.asked(message_id)
        questions = () if message is None else self._questions(message.digest, message.step)
        if message is None or not questions:
            return None
        names = any(question.kind is Kind.CONTACT for question in questions)
        return Asking(message, questions, self._store.contacts_of(message.account_id) if names else ())

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
        self._store.put_answers(answers, lines, self._notes(message.id, [answer.field for answer in answers], by, at))
        return None

    def _notes(self, message_id: str, fields: Sequence[str], by: str, at: Micros) -> list[Alarm]:
        """Word of it in the thread of the CTA that asked; of a mail there is none. What was answered is not quoted."""
        cta = self._store.cta_told_by(message_id)
        if cta is None:
            return []
        return [note(self._project, cta, "answered", at, said(self._project, cta, "answered", who=by, reason=", ".join(fields)))]

    def _questions(self, digest: str, step_id: str) -> tuple[Question, ...]:
        key = (digest, step_id)
        if key not in self._known:
            plan, _ = compile_bundle(self._store.bundle(digest), self._project)
            step = plan.step(step_id) if plan is not None else None
            self._known[key] = step.ask if isinstance(step, AddressedStep) else ()
        return self._known[key]
