"""Answers in messages: `answer('kickoff.date')` and `done('kickoff')` of a template, for all of one step at once."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import date
from typing import Any

from cs_engine.content.answered import Choice
from cs_engine.content.formats import in_locale
from cs_engine.content.variables import ASKED, is_asked
from cs_engine.language.expression import Grain
from cs_engine.playbook.plan import AddressedStep, Plan
from cs_engine.playbook.questions import Kind, Question
from cs_engine.ports import Candidate
from cs_engine.run.context import TickContext


class Answers:
    """Reads them, within one tick: a query for what one step sends in one language."""

    def __init__(self, tick: TickContext) -> None:
        self._tick = tick
        self.of: dict[str, str] = {}
        """Passage that is only looked at -> whose answers it shows."""

    @staticmethod
    def are_asked(plan: Plan, names: Collection[str]) -> bool:
        """Whether the plan asks all that these names read: an older version may not."""
        asked = _questions(plan)
        fields = [(_step(name), _field(name)) for name in names if is_asked(name)]
        return all(step in asked and (not field or field in asked[step]) for step, field in fields)

    def put(
        self, plan: Plan, names: Collection[str], locale: str, candidates: Sequence[Candidate], contexts: Sequence[dict[str, Any]]
    ) -> None:  # fmt: skip
        """Puts `answer` and `done` into the contexts (aligned): the latest answers of each passage by the tick's now."""
        asked, wanted = _questions(plan), [name for name in names if is_asked(name)]
        passages = [self.of.get(c.enrolment_id, c.enrolment_id) for c in candidates]
        given: dict[str, dict[tuple[str, str], str]] = {}
        for answer in self._tick.engine.store.answers_in(set(passages), self._tick.at):
            given.setdefault(answer.enrolment_id, {})[answer.step, answer.field] = answer.value
        people = self._people(asked, given)
        for passage, context in zip(passages, contexts, strict=True):
            own = given.get(passage, {})
            context.update({kind: {} for kind in ASKED})
            for name in wanted:
                kind, _, said = name.partition(":")
                step, field = _step(name), _field(name)
                if kind == "done":
                    context[kind][said] = all((step, each) in own for each, question in asked[step].items() if not question.optional)
                else:
                    context[kind][said] = _value(asked[step][field], own.get((step, field)), locale, people)

    def _people(self, asked: Mapping[str, Mapping[str, Question]], given: Mapping[str, Mapping[tuple[str, str], str]]) -> dict[str, str]:
        """Contact -> name, of those whom somebody named."""
        named = sorted({
            value
            for own in given.values()
            for (step, field), value in own.items()
            if (question := asked.get(step, {}).get(field)) is not None and question.kind is Kind.CONTACT
        })  # fmt: skip
        rows = self._tick.rows_of(Grain.CONTACT, named)
        there = rows >= 0
        if not there.any():
            return {}
        (names,) = self._tick.facts.columns(Grain.CONTACT, ["contact.name"], rows[there])
        ids = [id for id, known in zip(named, there.tolist(), strict=True) if known]
        return {id: name or "" for id, name in zip(ids, names, strict=True)}


def _questions(plan: Plan) -> dict[str, dict[str, Question]]:
    """Step -> field -> what it asks."""
    return {step.id: {q.field: q for q in step.ask} for step in plan.steps if isinstance(step, AddressedStep) and step.ask}


def _step(name: str) -> str:
    return name.partition(":")[2].partition(".")[0]


def _field(name: str) -> str:
    return name.partition(".")[2]


def _value(question: Question, kept: str | None, locale: str, people: Mapping[str, str]) -> Any:
    """The answer as a template has it; None where there is none."""
    if kept is None:
        return None
    match question.kind:
        case Kind.DATE:
            return date.fromisoformat(kept)
        case Kind.YES_NO:
            return kept == "true"
        case Kind.NPS | Kind.CSAT | Kind.EXPECTATION:
            return int(kept)
        case Kind.CONTACT:
            return people.get(kept, "")
        case Kind.CHOICE:
            label = next((in_locale(choice.label, locale) for choice in question.choices if choice.value == kept), kept)
            return Choice(kept, label)
        case Kind.TEXT:
            return kept
