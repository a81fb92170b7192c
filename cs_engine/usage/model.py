"""What metrics.yaml, segments.yaml and journey.yaml may say. Shapes only; expressions are still text here."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema


def _localised(value: Any) -> Any:
    return {"": value} if isinstance(value, str) else value


LocalisedText = Annotated[
    dict[str, str],
    BeforeValidator(_localised),
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "object", "additionalProperties": {"type": "string"}}]}),
]
"""Plain text, or {en: …, ja: …}; plain text is the locale ''."""


class Strict(BaseModel):
    """No unknown keys, nothing changes after loading."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class WindowMetric(Strict):
    """What is made of usage (or another source of events) in a window that ends now, or `ago` before: exactly one kind."""

    count: Literal["*"] | None = Field(None, description="Counts events.")
    count_distinct: str | None = Field(None, description="Counts distinct values of a column; `contact` is the person, `day` the day.")
    sum: str | None = Field(None, description="Adds up a numeric column.")
    min: str | None = Field(None, description="The lowest value of a column of numbers or times; blank where there is none.")
    max: str | None = Field(None, description="The highest value of a column of numbers or times; blank where there is none.")
    avg: str | None = Field(None, description="The mean of a numeric column; blank where there is no value.")
    first_time: Literal["*"] | None = Field(None, description="When the first event was; blank where there is none.")
    last_time: Literal["*"] | None = Field(None, description="When the last event was; blank where there is none.")
    days_since_first: Literal["*"] | None = Field(None, description="Whole calendar days since the first event; blank where there is none.")
    days_since_last: Literal["*"] | None = Field(
        None, description="Whole calendar days since the last event; since sign-up where there is none."
    )
    active_days: Literal["*"] | None = Field(None, description="Distinct days with an event, in the project's zone.")
    active_weeks: Literal["*"] | None = Field(None, description="Distinct 7-day weeks, counted back from today, with an event.")
    streak_days: Literal["*"] | None = Field(
        None, description="Days in a row with an event, up to today; up to yesterday while today has none."
    )
    streak_weeks: Literal["*"] | None = Field(None, description="7-day weeks in a row with an event, counted back from today.")
    funnel: tuple[str, ...] | None = Field(
        None,
        description="How often the first step was followed by the others, in order. A step is an event's name or a condition.",
    )
    within: str | None = Field(None, description="By when: of a funnel the last step after the first, `7 days`; of `likely` the condition.")
    likely: str | None = Field(
        None, description="How likely it is that this condition over accounts comes true `within`: what `cs-engine predict` has learned."
    )
    among: str | None = Field(
        None, description="Of `likely`: of whom it is asked, a condition over accounts. Of all others, and where it is true already, blank."
    )
    facts: tuple[str, ...] = Field(
        (), description="Of `likely`: metrics that it may be learned from. Default: all numbers that are made of usage and sign-ups alone."
    )
    by: Literal["contact"] | None = Field(None, description="Of a funnel: `contact` when the same person must take all steps.")
    trend: str | None = Field(None, description="Compares another metric's window with the one before it, or with the one `ago` before.")
    as_: Literal["ratio", "difference", "count", "rate"] | None = Field(
        None, alias="as", description="A trend's `ratio` (default) or `difference`; a funnel's `count` (default) or `rate`."
    )
    share_of: str | None = Field(None, description="Divides by this: a column or an expression. Blank where that is blank or 0.")
    from_: str = Field("usage", alias="from", description="The source of events: usage, or another named in project.yaml.")
    where: str | None = Field(None, description="Which events count: a condition over the event's columns.")
    in_: str | None = Field(None, alias="in", description="The window: `7 days` is today so far and the six days before.")
    ago: str | None = Field(None, description="Moves the window back: `52 weeks`.")
    title: LocalisedText | None = Field(None, description="What it is, for people.")


MetricSpec = WindowMetric | str
"""A window, or an expression over other metrics and attributes."""


class SegmentSpec(Strict):
    """A named condition over an account."""

    when: str = Field(description="The condition.")
    title: LocalisedText | None = Field(None, description="What they are, for people.")


ASKING = "milestones/confirm"
"""The mail template that asks about a milestone with `confirm` where it names none: templates/email/milestones/confirm.md."""


class MilestoneSpec(Strict):
    id: str = Field(description="Names the milestone: reached('id').")
    title: LocalisedText = Field(description="What it is, for customers.")
    when: str = Field(description="The condition that makes it reached. Reached once, it stays so.")
    role: str | None = Field(None, description="Who does it: champion | operators.")
    guide: str | None = Field(None, description="A page that shows how.")
    video: str | None = Field(None, description="A film that shows how.")
    expected: str | None = Field(None, description="How long it should take from sign-up: `3 days`.")
    notice: str | None = Field(None, description="Template of the milestone notice.")
    share: bool = Field(True, description="Whether customers see it on their map.")
    confirm: bool = Field(
        False, description="Asks the customer before it counts: their yes makes it reached. Without a `notice` the shipped template asks."
    )

    @property
    def told_by(self) -> str | None:
        """The template of its mail; None where nobody is told."""
        return self.notice or (ASKING if self.confirm else None)


class PhaseSpec(Strict):
    phase: str = Field(description="Names the phase.")
    title: LocalisedText | None = Field(None, description="What it is, for customers.")
    milestones: tuple[MilestoneSpec, ...] = Field((), description="What is reached in it, in order.")


class JourneySpec(Strict):
    """journey.yaml: phases and their milestones, in order."""

    phases: tuple[PhaseSpec, ...] = Field((), description="The way to success, in order.")
    value: str | None = Field(
        None, description="The milestone that time-to-value counts to, from the sign-up. Default: the last of the first phase that has any."
    )
    alike: str | None = Field(
        None,
        description="Whose times are compared: accounts with the same value of this. Default: `account.plan`, where there is one.",
    )

    def milestones(self) -> dict[str, MilestoneSpec]:
        return {m.id: m for phase in self.phases for m in phase.milestones}

    def confirmed(self) -> frozenset[str]:
        """Those that count once the customer has said yes."""
        return frozenset(name for name, milestone in self.milestones().items() if milestone.confirm)

    def of_value(self) -> str | None:
        """The milestone at which a customer has had value; None where there is none at all."""
        if self.value is not None:
            return self.value
        return next((phase.milestones[-1].id for phase in self.phases if phase.milestones), None)


class HealthComponent(Strict):
    metric: str = Field(description="An expression that gives a number.")
    weight: float = Field(gt=0, description="How much it counts beside the others.")
    points: tuple[tuple[float, float], ...] = Field(
        min_length=2, description="[value, score] pairs by rising value, joined by lines; flat beyond the ends."
    )
    missing: Literal["skip", "unknown"] | float = Field(
        "skip",
        description="What a blank value does: skip (the others share its weight), a score that it counts as, or unknown (health is blank).",
    )


class HealthSpec(Strict):
    """Health: weighted components mapped to 0–100 by points, bands, overrides."""

    components: dict[str, HealthComponent] = Field(description="What health is made of, by name.")
    bands: dict[str, float] = Field(description="Band -> lowest score in it: {green: 70, yellow: 40, red: 0}.")
    overrides: dict[str, str] = Field(default_factory=dict, description="Condition -> band that it forces; the first that holds wins.")
