"""What a playbook file may say: every key with its meaning and default. Shapes only; conditions and durations are still text here.

The descriptions are read by people: editors show them (schema.py) and docs/reference.md is made of them (reference.py).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, ConfigDict, Discriminator, Field, PlainValidator, StrictInt, Tag, WithJsonSchema
from pydantic_core import PydanticCustomError

from cs_engine.language.problems import did_you_mean
from cs_engine.usage.model import LocalisedText, Strict

ID_PATTERN = r"^[a-z0-9]+([-_][a-z0-9]+)*$"
"""Ids are keys in the database and names in Prefect: small letters, digits, hyphens."""

DURATION_PATTERN = r"^[0-9]+ +(minutes?|hours?|days?|weeks?|business days?)$"

MANUAL = "manual"
"""The `enter` of a playbook that people are enrolled into by hand, or by another playbook."""

FIXED = frozenset({"id", "name", "locale", "timezone", "signed_up_at", "learned_at"})
"""Attributes of accounts that no playbook sets: who they are, and what mail hangs on before any playbook is asked."""

QUESTION_TYPES = ("text", "date", "contact", "yes_no", "nps", "csat", "expectation")
MOST_QUESTIONS = 10
MOST_CHOICES = 10

SHARE_PATTERN = r"^[0-9]{1,2}(\.[0-9]+)? ?%$"
"""Of all accounts, less than 100 %."""


def wrong(code: str, message: str, mend: str = "", key: str = "") -> PydanticCustomError:
    """A problem in our own words. `key` puts it at that key of the mapping that is being read."""
    # Braces in the template are pydantic's own placeholders, so the words travel in the context.
    return PydanticCustomError("worded", "{message}", {"code": code, "message": message, "mend": mend, "key": key})


def _condition(value: Any) -> Any:
    """A condition is plain text; YAML reads some of what people write as something else."""
    if isinstance(value, Mapping):
        inner = ", ".join(str(key) if inner is None else f"{key}: {inner}" for key, inner in value.items())
        raise wrong("P101", "a condition is plain text, not a mapping", f"leave the braces out: {inner}")
    if isinstance(value, bool):
        raise wrong("P101", f"a condition is a comparison, not {str(value).lower()}", "leave the key out where it should always hold")
    if isinstance(value, list):
        raise wrong("P101", "a condition is one text, not a list", "join its parts with `and` or `or`")
    return value


def _entered(value: Any) -> str:
    """Which model reads `enter`."""
    if isinstance(value, Mapping):
        return tag(_entry_in(value) or "condition")
    return tag(next((key for key, spec in ENTRIES.items() if isinstance(value, spec)), "condition"))


def _entry_in(value: Mapping[str, Any]) -> str:
    """The key that makes an entry what it is, or seems misspelt; '' when there is none."""
    from difflib import get_close_matches

    near = (get_close_matches(key, ENTRIES, n=1, cutoff=0.75) for key in map(str, value) if key.isalpha())
    return next((key for key in ENTRIES if key in value), "") or next((found[0] for found in near if found), "")


def _enter(value: Any) -> Any:
    known = isinstance(value, Keyed) or (isinstance(value, Mapping) and _entry_in(value))
    return value if known else _condition(value)


def _duration(value: Any) -> Any:
    if isinstance(value, int | float) and not isinstance(value, bool):
        raise wrong("P101", f"{value} of what?", f"write a unit: `{value} days`, `{value} hours`, `{value} business days`")
    return value


def _scalar(value: Any) -> Any:
    if not isinstance(value, Scalar):
        raise wrong("P101", "a value of `vars` is text, a number, true or false", "give each part a name of its own")
    return value


def _named_values(value: Any) -> Any:
    """Conditions and templates say `vars.name`."""
    for name in value if isinstance(value, Mapping) else ():
        if not re.fullmatch(r"[A-Za-z_]\w*", name):
            raise wrong("P105", f'"{name}" cannot be the name of a value', "use letters, digits and _", key=name)
    return value


def _arms(value: Any) -> Any:
    for name in value if isinstance(value, Mapping) else ():
        if not re.fullmatch(ID_PATTERN, name):
            raise wrong("P105", f'"{name}" cannot be the name of an arm', "use small letters, digits and hyphens", key=name)
    return value


def _settable(value: Any) -> Any:
    for name, own in value.items() if isinstance(value, Mapping) else ():
        if not re.fullmatch(r"[A-Za-z_]\w*", name):
            raise wrong("P105", f'"{name}" cannot be the name of an attribute', "use letters, digits and _", key=name)
        if name in FIXED:
            raise wrong("P105", f"`{name}` is the CRM's alone", "set an attribute of another name", key=name)
        if own is None:
            raise wrong("P101", f"`{name}` needs a value", "text, a number, true or false", key=name)
    return value


def _nothing(value: Any) -> None:
    if value not in (None, True):
        raise wrong("P101", "`stop` takes no value", "write `- stop`")


def _questions(value: Any) -> Any:
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


def _one_or_many(value: Any) -> Any:
    return (value,) if isinstance(value, str) else value


def _share(value: Any) -> Any:
    if isinstance(value, int | float) and not isinstance(value, bool):
        said = f"{value * 100:g}%" if 0 < value < 1 else f"{value:g}%"
        raise wrong("P101", f"{value} of what?", f"write `{said}`")
    return value


def share_of(text: str) -> float:
    """A share as a number from 0 to 1: `10%` is 0.1."""
    return float(text.rstrip("% ")) / 100


Id = Annotated[str, Field(pattern=ID_PATTERN, max_length=80)]
Condition = Annotated[str, BeforeValidator(_condition), WithJsonSchema({"type": "string"})]
DurationText = Annotated[str, BeforeValidator(_duration), WithJsonSchema({"type": "string", "pattern": DURATION_PATTERN})]
Share = Annotated[str, BeforeValidator(_share), Field(pattern=SHARE_PATTERN)]
Scalar = str | int | float | bool | None
VarValue = Annotated[Scalar, PlainValidator(_scalar), WithJsonSchema({"type": ["string", "number", "boolean", "null"]})]
Uncertain = Literal["ask", "drop", "resend"]
Synonyms = Mapping[str, tuple[str, str]]
"""What people write instead -> (the key, why)."""


def _listed(value: Any) -> Any:
    """One value, or a list of them, as a tuple."""
    given = value if isinstance(value, list | tuple) else [value]
    if not given or not all(isinstance(one, str | int | float | bool) for one in given):
        raise wrong("P101", "this is text, a number, true or false, or a list of them")
    return tuple(given)


ScalarOrList = Annotated[
    tuple[str | int | float | bool, ...],
    PlainValidator(_listed),
    WithJsonSchema({"type": ["string", "number", "boolean", "array"], "items": {"type": ["string", "number", "boolean"]}}),
]


class Keyed(Strict):
    """A mapping of the playbook language."""

    model_config = ConfigDict(populate_by_name=False)

    CALLED: ClassVar[str] = "a playbook"
    """How problems speak of it."""
    LATER: ClassVar[frozenset[str]] = frozenset()
    """Keys of the language that are not built yet."""
    SYNONYMS: ClassVar[Synonyms] = {}


class EventEntrySpec(Keyed):
    """A passage begins with an event: of an account with anybody's, of a contact with its own."""

    CALLED = "an event entry"
    SYNONYMS: ClassVar[Synonyms] = {"source": ("from", ""), "if": ("where", ""), "name": ("event", "")}

    event: str = Field(min_length=1, description="The event's name, as its source has it.")
    from_: str = Field("usage", alias="from", description="The source of events: usage, or another named in project.yaml.")
    where: Condition | None = Field(None, description="Which of these events: a condition over the event's own columns.")
    within: DurationText = Field(
        "7 days",
        description="How long after it happened an event may still begin a passage, be it learned of late, or `audience` true late. "
        "Between two runs of the playbook no event is lost, however long that is.",
    )


class _ChangeSpec(Keyed):
    CALLED = "an entry by change"

    within: DurationText = Field("7 days", description="As for an event.")


class SegmentEntrySpec(_ChangeSpec):
    """A passage begins when the account comes into a segment. Who is in it when it is looked at first has not come."""

    segment: str = Field(min_length=1, description="The segment of segments.yaml.")


class LeavesEntrySpec(_ChangeSpec):
    """A passage begins when the account is in a segment no more."""

    leaves: str = Field(min_length=1, description="The segment of segments.yaml.")


class ChangedEntrySpec(_ChangeSpec):
    """A passage begins when a value of the subject is another than at the tick before."""

    SYNONYMS: ClassVar[Synonyms] = {"was": ("from", ""), "became": ("to", ""), "into": ("to", "")}

    changed: str = Field(min_length=1, description="What is watched: `account.plan`, `health_band`, or any other value of the subject.")
    from_: ScalarOrList | None = Field(None, alias="from", description="Only if it was this, or one of a list: `from: free`.")
    to: ScalarOrList | None = Field(None, description="Only if it is this now, or one of a list: `to: [team, enterprise]`.")


ENTRIES: Mapping[str, type[Keyed]] = {
    "event": EventEntrySpec,
    "segment": SegmentEntrySpec,
    "leaves": LeavesEntrySpec,
    "changed": ChangedEntrySpec,
}
"""The key that makes an entry what it is -> its model."""


class AnyStepSpec(Keyed):
    LATER = frozenset({"repeat"})

    if_: Condition | None = Field(
        None, alias="if", description="Only for those of whom it holds; others pass the step by. With `then` it is a block of its own."
    )
    at: str | None = Field(
        None,
        description="Not before this time, which is looked up anew in every tick: `account.renewal_at - 90 days`. Who has none passes "
        "the step by.",
    )
    if_late: Literal["skip", "now"] | None = Field(
        None,
        description="When `at` was on a day before the passage came to the step: `skip` passes it by, `now` does it at once. Default: "
        "`skip` if it was before the day on which the passage began, else `now`.",
    )


class RepeatSpec(Keyed):
    """Sends again and again."""

    CALLED = "repeat"

    every: DurationText = Field(description="How long after the last one has ended.")
    times: Annotated[StrictInt, Field(ge=2, le=100)] = Field(description="How often at most, the first one counted.")
    until: Condition | None = Field(None, description="No more once this holds.")


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


class SendingSpec(AnyStepSpec):
    LATER = frozenset()

    repeat: RepeatSpec | None = Field(None, description="Sends again: `{every: 3 days, times: 3, until: uses > 0}`.")

    expires: DurationText | None = Field(
        None, description="A message that could not go within this is not sent any more, and the passage goes on: `3 days`."
    )


_APPROVE = {"anyOf": [{"type": "string"}, {"type": "object", "properties": {"by": {"type": "string"}, "within": {"type": "string"}}}]}


def _approve(value: Any) -> Any:
    """`csm` is short for `{by: csm}`."""
    return {"by": value} if isinstance(value, str) else value


class ApproveSpec(Keyed):
    """Who reads the mail before it goes."""

    CALLED = "approve"

    by: str = Field(min_length=1, description="csm | csm.manager | a staff role | a staff e-mail.")
    within: DurationText = Field("2 business days", description="When nobody has answered by then, the manager is told. It stays held.")


class EmailSpec(SendingSpec):
    """Sends a mail."""

    CALLED = "an email step"
    SYNONYMS: ClassVar[Synonyms] = {"template": ("email", "It names the template")}

    id: Id = Field(description="Names the step; unique in the playbook. Who is in flight is keyed by it, so it never changes.")
    email: str = Field(min_length=1, description="The template: templates/email/<name>.md, or ./name beside the playbook.")
    to: str | None = Field(
        None,
        description="champion | operators | everyone | csm | csm.manager | a staff role of team.yaml | a condition over contact.*. "
        "Default: the subject if it is a contact, else the champion.",
    )
    from_: str | None = Field(
        None, alias="from", description="csm | csm.manager | a staff role | a staff e-mail. Default: `sender` of project.yaml."
    )
    cc: str | tuple[str, ...] = Field(
        (), description="Who of us gets a copy of each mail: csm | csm.manager | a staff role | a staff e-mail, or a list of them."
    )
    approve: Annotated[ApproveSpec | None, BeforeValidator(_approve), WithJsonSchema(_APPROVE)] = Field(
        None,
        description="Somebody of us reads each mail, may edit it, and says yes before it goes: `csm`, or `{by: csm, within: 1 day}`.",
    )
    ask: Annotated[dict[str, Asked], BeforeValidator(_questions)] = Field(
        default_factory=dict, description=f"{ASK} The template shows them where it says `{{{{ questions }}}}`."
    )
    uncertain: Uncertain = Field(
        "ask",
        description="When nobody can say whether it arrived: `ask` leaves it to a person, `drop` gives it up, `resend` risks it twice.",
    )


class NoticeSpec(SendingSpec):
    """Sends a milestone notice: a mail to the customer and a line to the CSM's channel."""

    CALLED = "a notice step"
    LATER = SendingSpec.LATER | {"cc", "ask", "approve"}
    SYNONYMS: ClassVar[Synonyms] = {
        "milestone": ("notice", "It names the milestone"),
        "template": ("notice", "Its milestone names the template"),
    }

    id: Id = Field(description="Names the step; unique in the playbook.")
    notice: str = Field(min_length=1, description="The milestone of journey.yaml; its `notice` there names the template.")
    to: str | None = Field(
        None,
        description="champion | operators | everyone | a condition over contact.*. Default: the subject if a contact, else the champion.",
    )
    from_: str | None = Field(None, alias="from", description="csm | csm.manager | a staff role | a staff e-mail.")
    uncertain: Uncertain = Field("ask", description="As for an email.")


class CtaSpec(SendingSpec):
    """Calls a CSM to action. Firing again updates the one that is open."""

    CALLED = "a cta step"
    LATER = SendingSpec.LATER | {"from", "cc", "approve"}
    SYNONYMS: ClassVar[Synonyms] = {"template": ("cta", "It names the template"), "slack": ("cta", "It names the template")}

    id: Id = Field(description="Names the step; unique in the playbook.")
    cta: str = Field(min_length=1, description="The template: templates/slack/<name>.yaml, or ./name beside the playbook.")
    to: str | None = Field(None, description="csm | csm.manager | a staff role. Default: csm.")
    priority: Literal["low", "normal", "high"] = Field("normal", description="How urgent it is for the CSM.")
    due: DurationText | None = Field(None, description="When it should be done by: `2 business days` after it fires.")
    close_when: Condition | None = Field(
        None, description="Closes it by itself once this holds. Default: when the enclosing wait is met, or at goal or exit."
    )
    ask: Annotated[dict[str, Asked], BeforeValidator(_questions)] = Field(
        default_factory=dict, description="Asks the CSM, in a form that opens in Slack. Written as for an email."
    )


class WaitSpec(AnyStepSpec):
    """Waits that long."""

    CALLED = "a wait step"

    id: Id = Field(description="Names the step; unique in the playbook.")
    wait: DurationText = Field(description="How long: `2 days`, `2 business days`, `4 hours`, `3 weeks`.")


class WaitUntilSpec(AnyStepSpec):
    """Waits until a condition holds, or for so long at most."""

    CALLED = "a wait_until step"
    SYNONYMS: ClassVar[Synonyms] = {"timeout": ("at_most", ""), "then": ("otherwise", ""), "else": ("otherwise", "")}

    id: Id = Field(description="Names the step; unique in the playbook.")
    wait_until: Condition = Field(description="Goes on as soon as this holds.")
    at_most: DurationText | None = Field(None, description="After that long `otherwise` runs once, then `after` decides.")
    otherwise: tuple[Step, ...] = Field((), description="Steps to run once when `at_most` has passed; left as soon as the wait is met.")
    after: Literal["continue", "keep_waiting", "stop"] | None = Field(
        None, description="After `at_most` and `otherwise`: go on, stay at the wait, or end the passage. Required beside `otherwise`."
    )


class IfSpec(AnyStepSpec):
    """Runs one of two blocks of steps."""

    CALLED = "an if block"
    SYNONYMS: ClassVar[Synonyms] = {
        "otherwise": ("else", ""),
        "elif": ("else", "Put another if block in it"),
        "elseif": ("else", "Put another if block in it"),
    }

    id: Id | None = Field(None, description="Names the block; needed only to find it in the journal.")
    if_: Condition = Field(alias="if", description="What decides.")
    then: tuple[Step, ...] = Field(description="The steps where it holds.")
    else_: tuple[Step, ...] = Field((), alias="else", description="The steps where it does not.")


class ArmSpec(Keyed):
    """One way of a split."""

    CALLED = "an arm of a split"

    weight: float = Field(gt=0, le=100, description="So many of a hundred accounts take this arm.")
    steps: tuple[Step, ...] = Field((), description="Its steps; none: nothing happens to them.")


class SplitSpec(AnyStepSpec):
    """Sends accounts different ways, to see which is better. An account keeps its arm."""

    CALLED = "a split step"

    id: Id = Field(description="Names the step and, with the playbook, the experiment; it never changes.")
    split: Annotated[dict[str, ArmSpec], BeforeValidator(_arms)] = Field(
        min_length=2, description="Arm -> its weight and steps. The weights sum to 100."
    )


class SetSpec(AnyStepSpec):
    """Sets attributes of the account: conditions and mails read them from the next tick on."""

    CALLED = "a set step"

    id: Id = Field(description="Names the step; unique in the playbook.")
    set: Annotated[dict[str, VarValue], BeforeValidator(_settable)] = Field(
        min_length=1,
        description="Attribute -> its value: `{stage: adopting}` is read as account.stage. It goes before what the source says.",
    )


class EnrolSpec(AnyStepSpec):
    """Enrols into another playbook, as if its `enter` held."""

    CALLED = "an enrol step"

    id: Id = Field(description="Names the step; unique in the playbook.")
    enrol: Id = Field(description="The playbook.")


class WebhookSpec(AnyStepSpec):
    """Tells another system: posts a small, signed JSON of ids to it."""

    CALLED = "a webhook step"
    LATER = frozenset()
    SYNONYMS: ClassVar[Synonyms] = {
        "url": ("webhook", "It names where to"),
        "body": ("with", "It names the values that go along"),
        "data": ("with", "It names the values that go along"),
    }

    id: Id = Field(description="Names the step; unique in the playbook.")
    webhook: str = Field(min_length=1, description="Where to: https://…, or the name of an endpoint of project.yaml's `webhooks`.")
    with_: Annotated[tuple[str, ...], BeforeValidator(_one_or_many)] = Field(
        (),
        alias="with",
        description="Names whose values go along: `[account.plan, uses_7d, vars.campaign]`. Default: none; ids alone.",
    )
    repeat: RepeatSpec | None = Field(None, description="Posts again: `{every: 3 days, times: 3, until: uses > 0}`.")
    expires: DurationText | None = Field(None, description="What could not be posted within this is given up, and the passage goes on.")
    uncertain: Uncertain = Field(
        "resend",
        description="When nobody can say whether it arrived: `resend` posts it again under the same id, `drop` gives it up, `ask` does so "
        "after a day.",
    )


class StopSpec(AnyStepSpec):
    """Ends the passage, done."""

    CALLED = "a stop step"

    id: Id | None = Field(None, description="Names the step.")
    stop: Annotated[None, PlainValidator(_nothing), WithJsonSchema({"enum": [None, True]})] = Field(
        description="Nothing to say: `- stop`, or `- if: …` with `stop:` below."
    )


KINDS: Mapping[str, type[AnyStepSpec]] = {
    "email": EmailSpec,
    "notice": NoticeSpec,
    "cta": CtaSpec,
    "wait": WaitSpec,
    "wait_until": WaitUntilSpec,
    "then": IfSpec,
    "split": SplitSpec,
    "set": SetSpec,
    "enrol": EnrolSpec,
    "webhook": WebhookSpec,
    "stop": StopSpec,
}
"""The key that makes a step what it is -> its model."""


def tag(kind: str) -> str:
    """The kind as a part of pydantic's locations; no key of a file can be mistaken for it."""
    return f"<{kind}>"


Enter = Annotated[
    Annotated[EventEntrySpec, Tag("<event>")]
    | Annotated[SegmentEntrySpec, Tag("<segment>")]
    | Annotated[LeavesEntrySpec, Tag("<leaves>")]
    | Annotated[ChangedEntrySpec, Tag("<changed>")]
    | Annotated[str, Tag("<condition>")],
    Discriminator(_entered),
    BeforeValidator(_enter),
]


def _kind(value: Any) -> str:
    """Which model reads a step: by its kind's key, or by the key that is most like one."""
    if not isinstance(value, Mapping):
        return tag(next(kind for kind, spec in KINDS.items() if isinstance(value, spec)))
    found = kinds_in(value)
    return tag(found[0] if found else _meant(value))


def kinds_in(step: Mapping[str, Any]) -> list[str]:
    """The kinds whose key the step has; an `else` alone means a block too."""
    found = [kind for kind in KINDS if kind in step]
    if not found and "else" in step:
        return ["then"]
    # `wait_until … then:` and the like are one kind with a key too many, not two kinds.
    return [kind for kind in found if kind != "then"] if "wait_until" in found else found


def _meant(step: Mapping[str, Any]) -> str:
    """The kind whose key seems misspelt, or ''."""
    from difflib import get_close_matches

    common = {"id", "if", "to", "from", "priority", "due", "after", "at_most", "otherwise"}
    for key in step:
        if key in common:
            continue
        near = get_close_matches(str(key).lower(), KINDS, n=1, cutoff=0.6)
        if near:
            return near[0]
        if did_you_mean(str(key), ["template"]):
            return "email"
    return ""


def _step(value: Any) -> Any:
    """A step does exactly one thing; says so before its model looks at it."""
    if value == "stop":
        return {"stop": None}
    if not isinstance(value, Mapping):
        said = {str: f'"{value}"', list: "a list", type(None): "nothing"}.get(type(value), value)
        raise wrong("P101", f"a step is a mapping, not {said}", "write `- wait: 2 days`")
    found = kinds_in(value)
    if len(found) > 1:
        one, two = found[0], found[1]
        raise wrong("P106", f"a step does one thing, this one has `{one}` and `{two}`", "make it two steps", key=two)
    if not found and not _meant(value):
        kinds = ", ".join(kind if kind != "then" else "if with then" for kind in KINDS)
        raise wrong("P106", "this step does nothing", f"give it one of: {kinds}")
    return value


Step = Annotated[
    Annotated[EmailSpec, Tag("<email>")]
    | Annotated[NoticeSpec, Tag("<notice>")]
    | Annotated[CtaSpec, Tag("<cta>")]
    | Annotated[WaitSpec, Tag("<wait>")]
    | Annotated[WaitUntilSpec, Tag("<wait_until>")]
    | Annotated[IfSpec, Tag("<then>")]
    | Annotated[SplitSpec, Tag("<split>")]
    | Annotated[SetSpec, Tag("<set>")]
    | Annotated[EnrolSpec, Tag("<enrol>")]
    | Annotated[WebhookSpec, Tag("<webhook>")]
    | Annotated[StopSpec, Tag("<stop>")],
    Discriminator(_kind),
    BeforeValidator(_step),
]


class PlaybookSpec(Keyed):
    """One playbook, one file."""

    CALLED = "a playbook"
    SYNONYMS: ClassVar[Synonyms] = {
        "name": ("playbook", "It names the playbook"),
        "id": ("playbook", "It names the playbook"),
        "when": ("enter", ""),
    }

    playbook: Id = Field(description="Names the playbook: small letters, digits, hyphens. Unique in the project; it never changes.")
    title: LocalisedText = Field(default_factory=dict, description="For people: text, or {en: …, ja: …}. Default: the id.")
    owner: str = Field("", description="Who answers for it: an e-mail or a team.")
    subject: Literal["account", "contact"] = Field("account", description="Who passes through it.")
    touch: Literal["tech", "low", "high"] = Field("tech", description="How much of a human there is in it.")
    phase: str | None = Field(None, description="The phase of journey.yaml that it serves.")
    topic: str = Field(
        "general", description="Mail topic for preferences. `transactional` has no cap, hold, holdout or unsubscribe.", min_length=1
    )
    audience: Condition | None = Field(None, description="For whom it is at all. Default: everyone.")
    enter: Enter | None = Field(
        None,
        description="Begins a passage when it holds; or `{event: invited}`: with each such event; or `{segment: …}`, "
        "`{leaves: …}`, `{changed: …}`: when something changes; or `manual`: only `cs-engine enrol` and "
        "`enrol` steps begin one. Default: at once for the whole audience.",
    )
    once_per: str | None = Field(None, description="The key of one passage: `account.contract_id`. Default: once per subject, ever.")
    reenter: str = Field(
        "never",
        description="`never`, or `after 90 days`: again so long after the end of the last passage, if `audience` and `enter` were "
        "not both true in between.",
    )
    existing: Literal["skip", "include"] | None = Field(
        None, description="Those who match already at the first run: left out, or taken. None given: left out, and their number is told."
    )
    goal: Condition | None = Field(None, description="Success: leave at once. Goal beats exit.")
    exit: Condition | None = Field(None, description="Leave, without success.")
    while_: Condition | None = Field(
        None, alias="while", description="Leave, without success, as soon as this holds no more; who does not meet it does not enter."
    )
    hold: Condition | None = Field(
        None, description="While this is true customer mail waits and the passage's timers stand still; Slack, goal and exit go on."
    )
    mode: str = Field(
        "live",
        description="`live`; `shadow`: everything is decided and journalled, and nothing leaves; `canary 5%`: one account in twenty may "
        "enter; `ramp 10%/day`: a tenth more of them every day. Changing it makes no new version.",
    )
    holdout: Share = Field(
        "0%", description="So many of the accounts are a control group: they take the same way, and nothing is sent. It can only shrink."
    )
    schedule: str = Field(
        "every 15 minutes", description="`every 15 minutes`, `every 4 hours`, `every day`, or a cron line in the project's zone."
    )
    priority: Annotated[StrictInt, Field(ge=0, le=100)] = Field(50, description="Who wins under a cap; higher first.")
    redirect: dict[str, str] = Field(
        default_factory=dict,
        description="Step that was taken out -> step at which those who stood at it go on when `cs-engine apply --migrate` moves them.",
    )
    vars: Annotated[dict[str, VarValue], BeforeValidator(_named_values)] = Field(
        default_factory=dict, description="Values for templates and conditions, as `vars.name`."
    )
    steps: tuple[Step, ...] = Field(min_length=1, description="What happens, in this order.")


for _model in (WaitUntilSpec, IfSpec, ArmSpec, SplitSpec, PlaybookSpec):
    _model.model_rebuild()
