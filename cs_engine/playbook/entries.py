"""What `enter` may say beside a condition: an event, a segment, a change."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

from pydantic import BeforeValidator, Discriminator, Field, PlainValidator, Tag, WithJsonSchema

from cs_engine.playbook.words import Condition, DurationText, Keyed, Synonyms, plain_condition, tag, wrong


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
    return value if known else plain_condition(value)


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


Enter = Annotated[
    Annotated[EventEntrySpec, Tag("<event>")]
    | Annotated[SegmentEntrySpec, Tag("<segment>")]
    | Annotated[LeavesEntrySpec, Tag("<leaves>")]
    | Annotated[ChangedEntrySpec, Tag("<changed>")]
    | Annotated[str, Tag("<condition>")],
    Discriminator(_entered),
    BeforeValidator(_enter),
]
