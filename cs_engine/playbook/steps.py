"""What a step may say: a model a kind, and how a step is led to the model that was meant."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Discriminator, Field, PlainValidator, StrictInt, Tag, WithJsonSchema

from cs_engine.language.problems import did_you_mean
from cs_engine.playbook.asking import ASK, Asked, named_questions
from cs_engine.playbook.checklist import LISTED, listed
from cs_engine.playbook.words import FIXED, ID_PATTERN, Condition, DurationText, Id, Keyed, Synonyms, Uncertain, VarValue, tag, wrong
from cs_engine.usage.model import LocalisedText


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


def _one_or_many(value: Any) -> Any:
    return (value,) if isinstance(value, str) else value


class AnyStepSpec(Keyed):
    ELSEWHERE: ClassVar[Mapping[str, str]] = {"repeat": "only what is sent is sent again: an email, notice, cta or webhook takes `repeat`"}

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
        description="When `at` was on a day before the passage came to the step, or in a hold, pause or outage: `skip` passes it by, `now` "
        "does it at once. Default: `skip` if it was before the day on which the passage began, else `now`.",
    )


class RepeatSpec(Keyed):
    """Sends again and again."""

    CALLED = "repeat"

    every: DurationText = Field(description="How long after the last one has ended.")
    times: Annotated[StrictInt, Field(ge=2, le=100)] = Field(description="How often at most, the first one counted.")
    until: Condition | None = Field(None, description="No more once this holds.")


class SendingSpec(AnyStepSpec):
    ELSEWHERE: ClassVar[Mapping[str, str]] = {}

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
    ask: Annotated[dict[str, Asked], BeforeValidator(named_questions)] = Field(
        default_factory=dict, description=f"{ASK} The template shows them where it says `{{{{ questions }}}}`."
    )
    uncertain: Uncertain = Field(
        "ask",
        description="When nobody can say whether it arrived: `ask` leaves it to a person, `drop` gives it up, `resend` risks it twice.",
    )


class NoticeSpec(SendingSpec):
    """Sends a milestone notice: a mail to the customer and a line to the CSM's channel."""

    CALLED = "a notice step"
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
    cc: str | tuple[str, ...] = Field((), description="Who of us gets a copy of the mail. Written as for an email.")
    approve: Annotated[ApproveSpec | None, BeforeValidator(_approve), WithJsonSchema(_APPROVE)] = Field(
        None, description="Somebody of us reads the mail first. Written as for an email; the line to the CSM's channel does not wait."
    )
    ask: Annotated[dict[str, Asked], BeforeValidator(named_questions)] = Field(
        default_factory=dict, description="Asks in the mail. Written as for an email."
    )
    uncertain: Uncertain = Field("ask", description="As for an email.")


class CtaSpec(SendingSpec):
    """Calls a CSM to action. Firing again updates the one that is open."""

    CALLED = "a cta step"
    SYNONYMS: ClassVar[Synonyms] = {"template": ("cta", "It names the template"), "slack": ("cta", "It names the template")}

    id: Id = Field(description="Names the step; unique in the playbook.")
    cta: str = Field(min_length=1, description="The template: templates/slack/<name>.yaml, or ./name beside the playbook.")
    to: str | None = Field(None, description="csm | csm.manager | a staff role. Default: csm.")
    from_: str | None = Field(
        None,
        alias="from",
        description="In whose name it speaks: csm | csm.manager | a staff role | a staff e-mail. Default: the app's. Slack shows it where "
        "the app has the scope chat:write.customize.",
    )
    cc: str | tuple[str, ...] = Field(
        (),
        description="Who else of us is told, each in a message of their own: csm | csm.manager | a staff role | a staff e-mail; or a list.",
    )
    approve: Annotated[ApproveSpec | None, BeforeValidator(_approve), WithJsonSchema(_APPROVE)] = Field(
        None, description="Somebody of us says yes before it is posted: `csm.manager`, or `{by: csm.manager, within: 1 day}`."
    )
    priority: Literal["low", "normal", "high"] = Field("normal", description="How urgent it is for the CSM.")
    due: DurationText | None = Field(None, description="When it should be done by: `2 business days` after it fires.")
    minutes: Annotated[StrictInt, Field(ge=1, le=480)] = Field(
        15, description="How long it should take: counts against the `minutes_a_week` of whose it is."
    )
    close_when: Condition | None = Field(
        None, description="Closes it by itself once this holds. Default: when the enclosing wait is met, or at goal or exit."
    )
    ask: Annotated[dict[str, Asked], BeforeValidator(named_questions)] = Field(
        default_factory=dict, description="Asks the CSM, in a form that opens in Slack. Written as for an email."
    )
    checklist: Annotated[tuple[LocalisedText, ...], BeforeValidator(listed), WithJsonSchema(LISTED)] = Field(
        (), description="What there is to do, ticked off in Slack: `[Look at the tickets, Call the champion]`, or each as {en: …, ja: …}."
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
    ELSEWHERE: ClassVar[Mapping[str, str]] = {}
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
    BARE: ClassVar[frozenset[str]] = frozenset({"stop"})

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


for _model in (WaitUntilSpec, IfSpec, ArmSpec, SplitSpec):
    _model.model_rebuild()
