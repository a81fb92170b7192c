"""What `ask` may say: questions, their types and choices."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema

from cs_engine.language.problems import did_you_mean
from cs_engine.playbook.words import Keyed, wrong
from cs_engine.usage.model import LocalisedText

QUESTION_TYPES = ("text", "date", "contact", "yes_no", "nps", "csat", "expectation")
MOST_QUESTIONS = 10
MOST_CHOICES = 10


def named_questions(value: Any) -> Any:
    """`ask` as a whole: some questions, each under the name of its answer."""
    if not isinstance(value, Mapping):
        raise wrong("P101", "`ask` names each answer", "write `ask: {date: date}`")
    if not value:
        raise wrong("P105", "`ask` asks nothing", "write `ask: {date: date}`, or leave it out")
    if len(value) > MOST_QUESTIONS:
        raise wrong(
            "P105", f"{len(value)} questions are more than people answer", f"ask {MOST_QUESTIONS} at most; the rest in a later step"
        )
    for name in value:
        if not re.fullmatch(r"[a-z][a-z0-9_]{0,39}", str(name)):
            raise wrong("P105", f'"{name}" cannot be the name of an answer', "use small letters, digits and _", key=name)
    return value


def _question(value: Any) -> Any:
    """`nps` and `[small, large]` are short for `{type: nps}` and `{choices: [small, large]}`."""
    if isinstance(value, str):
        if value not in QUESTION_TYPES:
            near = did_you_mean(value, QUESTION_TYPES) or f"allowed: {', '.join(QUESTION_TYPES)}, or a list of choices"
            raise wrong("P105", f'there is no type of answer "{value}"', near)
        return {"type": value}
    if isinstance(value, list):
        return {"choices": _choices(value)}
    if isinstance(value, Mapping):
        if ("type" in value) == ("choices" in value):
            raise wrong("P105", "a question has a type, or choices", "write `{type: nps}`, or `{choices: [small, large]}`")
        return {**value, "choices": _choices(value["choices"])} if "choices" in value else value
    raise wrong("P101", "a question is a type, or a list of choices", f"allowed: {', '.join(QUESTION_TYPES)}, or [small, large]")


def _choices(value: Any) -> Any:
    """Each answer with what people read of it."""
    given = dict(value) if isinstance(value, Mapping) else value
    if isinstance(given, list):
        if any(isinstance(choice, bool) or not isinstance(choice, str | int | float) for choice in given):
            raise wrong("P101", "a choice is text", 'put it in quotes: "yes"')
        if len({str(choice) for choice in given}) < len(given):
            raise wrong("P105", "a choice stands twice", "keep one")
        given = {str(choice): str(choice) for choice in given}
    if isinstance(given, dict) and not 2 <= len(given) <= MOST_CHOICES:
        raise wrong("P105", f"a question has 2 to {MOST_CHOICES} choices, not {len(given)}", "or ask for `text`")
    if isinstance(given, dict) and (long := next((choice for choice in given if len(str(choice)) > 75), None)):
        raise wrong("P105", f'the choice "{long[:20]}…" is longer than 75 characters', "Slack shows no more: shorten it")
    return given


class QuestionSpec(Keyed):
    """A question in full."""

    CALLED = "a question"

    type: Literal["text", "date", "contact", "yes_no", "nps", "csat", "expectation"] | None = Field(
        None, description="What the answer is: `nps` is 0 to 10, `csat` and `expectation` 1 to 5, `contact` one of the account's contacts."
    )
    choices: dict[str, LocalisedText] = Field(
        default_factory=dict, description="Instead of a type: what can be answered, a list, or each with what people read of it by locale."
    )
    title: LocalisedText = Field(
        default_factory=dict, description="The question as people read it. Default: one that fits the type, or the name."
    )


Asked = Annotated[
    QuestionSpec,
    BeforeValidator(_question),
    WithJsonSchema(
        {
            "anyOf": [
                {"enum": list(QUESTION_TYPES)},
                {"type": "array", "items": {"type": ["string", "number"]}},
                {"type": "object", "properties": {"type": {"enum": list(QUESTION_TYPES)}, "choices": {}, "title": {}}},
            ]
        }
    ),
]


ASK = (
    "Asks for answers by one-click links and a small page: `{date: date, score: nps, size: [small, large]}`. Types: text, date, contact, "
    "yes_no, nps, csat, expectation. Later conditions read them: `answer('step.field')`, `done('step')`."
)
