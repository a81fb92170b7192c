"""What steps ask (`ask: {field: type}`): the questions of a plan, and what people may answer. Answers are kept as text."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from cs_engine.language.expression import Grain, Type
from cs_engine.language.scope import Asked, Column
from cs_engine.playbook.asking import QuestionSpec
from cs_engine.playbook.model import PlaybookSpec
from cs_engine.playbook.steps import AnyStepSpec, CtaSpec, EmailSpec, NoticeSpec
from cs_engine.usage.answers import answer_column, done_column

LONGEST = 4_000
"""Characters of a text; more than that is no answer to a question."""

Localised = Mapping[str, str]


class Kind(StrEnum):
    TEXT = "text"
    DATE = "date"
    CONTACT = "contact"
    """One of the account's contacts; the answer is a contact's id."""
    YES_NO = "yes_no"
    NPS = "nps"
    """0 to 10."""
    CSAT = "csat"
    """1 to 5."""
    EXPECTATION = "expectation"
    """1, far below what was expected, to 5, far above it."""
    CHOICE = "choice"


TYPES: Mapping[Kind, Type] = {
    Kind.TEXT: Type.TEXT,
    Kind.DATE: Type.INSTANT,
    Kind.CONTACT: Type.TEXT,
    Kind.YES_NO: Type.BOOLEAN,
    Kind.NPS: Type.NUMBER,
    Kind.CSAT: Type.NUMBER,
    Kind.EXPECTATION: Type.NUMBER,
    Kind.CHOICE: Type.TEXT,
}

_SCALES = {Kind.NPS: range(11), Kind.CSAT: range(1, 6), Kind.EXPECTATION: range(1, 6)}
_TITLES: Mapping[Kind, Localised] = {
    Kind.NPS: {
        "en": "How likely are you to recommend us to a colleague?",
        "ja": "私たちを同僚や知人に薦める可能性はどのくらいありますか。",
    },
    Kind.CSAT: {"en": "How satisfied are you?", "ja": "どのくらい満足していますか。"},
    Kind.EXPECTATION: {"en": "How does it compare with what you expected?", "ja": "期待していたことと比べていかがですか。"},
}
_YES_NO: Mapping[str, Localised] = {"true": {"en": "Yes", "ja": "はい"}, "false": {"en": "No", "ja": "いいえ"}}
_EXPECTATIONS: Mapping[str, Localised] = {
    "1": {"en": "Far below", "ja": "大きく下回った"},
    "2": {"en": "Below", "ja": "下回った"},
    "3": {"en": "As expected", "ja": "期待どおり"},
    "4": {"en": "Above", "ja": "上回った"},
    "5": {"en": "Far above", "ja": "大きく上回った"},
}
_ENDS: Mapping[Kind, tuple[Localised, Localised]] = {
    Kind.NPS: ({"en": "0: not at all likely", "ja": "0: まったく薦めない"}, {"en": "10: extremely likely", "ja": "10: ぜひ薦めたい"}),
    Kind.CSAT: ({"en": "1: not at all", "ja": "1: まったく満足していない"}, {"en": "5: very", "ja": "5: とても満足している"}),
}


@dataclass(frozen=True, slots=True)
class Choice:
    value: str
    """What is kept."""
    label: Localised


@dataclass(frozen=True, slots=True)
class Question:
    field: str
    kind: Kind
    title: Localised
    choices: tuple[Choice, ...] = ()
    """What can be answered with one click; none for text, dates and contacts."""
    optional: bool = False
    """It stands on the page alone, and whoever leaves it blank has answered all the same."""

    @property
    def type(self) -> Type:
        return TYPES[self.kind]

    @property
    def ends(self) -> tuple[Localised, Localised] | None:
        """What the first and the last of a scale of numbers mean."""
        return _ENDS.get(self.kind)


CONFIRMED, MISSING = "confirmed", "missing"
"""The fields of what a customer is asked about a milestone with `confirm`: whether they are glad, and what they lack."""
CONFIRMING = (
    Question(
        CONFIRMED,
        Kind.YES_NO,
        {"en": "Are you glad that you bought it?", "ja": "導入してよかったと感じていただけていますか。"},
        (Choice("true", {"en": "Yes", "ja": "はい"}), Choice("false", {"en": "Not yet", "ja": "まだです"})),
    ),
    Question(MISSING, Kind.TEXT, {"en": "What is missing?", "ja": "足りない点があれば、お聞かせください。"}, optional=True),
)


def questions_of(step: EmailSpec | NoticeSpec | CtaSpec, confirmed: Collection[str]) -> tuple[Question, ...]:
    """The questions of a step, in the order of its file. `confirmed`: the milestones whose notices ask for the customer's word first."""
    own = tuple(_question(name, spec) for name, spec in step.ask.items())
    return (*CONFIRMING, *own) if isinstance(step, NoticeSpec) and step.notice in confirmed else own


def _question(name: str, spec: QuestionSpec) -> Question:
    kind = Kind(spec.type) if spec.type is not None else Kind.CHOICE
    title = spec.title or _TITLES.get(kind) or {"": name.replace("_", " ").capitalize()}
    match kind:
        case Kind.YES_NO:
            given: Mapping[str, Localised] = _YES_NO
        case Kind.EXPECTATION:
            given = _EXPECTATIONS
        case Kind.NPS | Kind.CSAT:
            given = {str(n): {"": str(n)} for n in _SCALES[kind]}
        case _:
            given = spec.choices
    return Question(name, kind, title, tuple(Choice(value, label) for value, label in given.items()))


def parse(question: Question, raw: str, contacts: Iterable[str]) -> str | None:
    """What is kept of an answer that was typed, picked or clicked; None when it is none. `contacts`: ids that may be named."""
    text = raw.strip()
    match question.kind:
        case Kind.TEXT:
            return _CONTROL.sub("", text)[:LONGEST] or None
        case Kind.DATE:
            try:
                day = date.fromisoformat(text)
            except ValueError:
                return None
            return day.isoformat() if _SOONEST <= day <= _LATEST else None
        case Kind.CONTACT:
            return text if text in set(contacts) else None
        case _:
            return text if any(choice.value == text for choice in question.choices) else None


_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
_SOONEST, _LATEST = date(1900, 1, 1), date(2999, 12, 31)


def contacts_named(steps: Iterable[tuple[str, AnyStepSpec]]) -> frozenset[str]:
    """`step.field` of the answers that name a contact."""
    return frozenset(
        f"{id}.{name}"
        for id, step in steps
        if isinstance(step, EmailSpec | NoticeSpec | CtaSpec)
        for name, spec in step.ask.items()
        if spec.type == Kind.CONTACT.value
    )


def asked_by(spec: PlaybookSpec, steps: Iterable[tuple[str, AnyStepSpec]], confirmed: Collection[str] = ()) -> Asked:
    """What the steps of a playbook ask, as columns; `steps`: each with its id. `confirmed`: as in questions_of."""
    grain = Grain(spec.subject)
    answers: dict[str, Column] = {}
    done: dict[str, Column] = {}
    silent = []
    for id, step in steps:
        questions = questions_of(step, confirmed) if isinstance(step, EmailSpec | NoticeSpec | CtaSpec) else ()
        if not questions:
            silent.append(id)
            continue
        for question in questions:
            answers[f"{id}.{question.field}"] = Column(
                answer_column(grain, spec.playbook, id, question.field, question.type), question.type
            )
        done[id] = Column(done_column(grain, spec.playbook, id, [q.field for q in questions if not q.optional]), Type.BOOLEAN)
    return Asked(answers, done, silent)
