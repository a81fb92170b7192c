"""What `cs-engine predict` has learned, as a metric: how likely it is that a condition comes true within so many days.

It is kept in `playbooks/models/<metric>.yaml`: the leaves of a small tree, each a plain condition over metrics with how many it
was learned of and of how many of those the outcome came. So it is read, reviewed and versioned like all else that authors write, compiled
by the same compiler, and needs no library where it is used.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from hashlib import blake2b

from pydantic import Field, model_validator

from cs_engine.language import durations
from cs_engine.language.expression import Expression, Grain, Type
from cs_engine.language.expressions import compile_condition
from cs_engine.language.problems import Problems, did_you_mean
from cs_engine.language.scope import Scope
from cs_engine.usage.columns import Derived
from cs_engine.usage.model import Strict, WindowMetric
from cs_engine.usage.section import Section
from cs_engine.usage.window_checks import PlaceIn

FOLDER = "models"
"""Below playbooks/: a file a metric, by its name."""


class Leaf(Strict):
    """Accounts that are alike: of so many (`of`) the outcome came so often (`came`)."""

    came: int = Field(ge=0, description="Of how many of them the outcome came.")
    of: int = Field(gt=0, description="How many there were: an account counts once for each moment that was looked at.")
    when: str = Field("", description="Who belongs here; nothing: all.")

    @model_validator(mode="after")
    def _is_a_share(self) -> Leaf:
        if self.came > self.of:
            raise ValueError("it came of more than there were")
        return self


class Estimate(Strict):
    """A figure, and between which two it lies in 95 of 100 such histories."""

    value: float = Field(description="What was found.")
    low: float = Field(description="Of 40 such histories one would give less.")
    high: float = Field(description="Of 40 such histories one would give more.")


class Quality(Strict):
    """How well what was learned of the past told what came later."""

    auc: Estimate = Field(
        description="How often of two accounts at one moment the one that had the outcome was held for likelier; 0.5 is a coin."
    )
    lift: Estimate = Field(description="Outcomes among the likeliest tenth of a moment, by those among all.")
    calibration: Estimate = Field(description="Outcomes that came, by those that were foretold; 1 is right.")
    skill: Estimate = Field(description="How much nearer to what came than the base rate of the past (Brier); 0 is no nearer.")
    base_rate: Estimate = Field(description="Of how many the outcome came.")
    rows: int = Field(description="Accounts at moments that were judged: one counts at each.")
    accounts: int = Field(description="How many accounts these are.")
    outcomes: int = Field(description="Accounts of which it came.")


class History(Strict):
    """What it was learned of."""

    since: datetime = Field(description="The first moment that was looked at.")
    until: datetime = Field(description="The last.")
    every: float = Field(description="Days from one moment that was looked at to the next.")
    moments: int = Field(description="How many moments.")
    accounts: int = Field(description="How many accounts.")
    rows: int = Field(description="Accounts at moments: one counts at each at which it was asked about.")
    outcomes: int = Field(description="Accounts of which it came.")


class Model(Strict):
    """What `cs-engine predict` has learned. It writes this file; learn again rather than change it."""

    likely: str = Field(description="The outcome: a condition over accounts, as metrics.yaml has it.")
    within: str = Field(description="By when it comes: days or weeks.")
    among: str | None = Field(None, description="Of whom it is asked. Default: everybody of whom it is not true already.")
    digest: str = Field(description="Names what was learned. Where it does not go with the rest, somebody has changed that by hand.")
    weight: float = Field(
        ge=0, description="As if so many more, like all of them, belonged to each leaf: what few were like is not believed whole."
    )
    history: History = Field(description="What it was learned of.")
    quality: Quality = Field(description="How well it told what came later.")
    leaves: tuple[Leaf, ...] = Field(min_length=1, description="The first that holds of an account says how likely it is.")

    def likely_of(self, leaf: Leaf) -> float:
        """How likely the outcome is of who belongs to that leaf."""
        base = sum(one.came for one in self.leaves) / sum(one.of for one in self.leaves)
        return drawn(leaf.came, leaf.of, base, self.weight)


def drawn(came: int, of: int, base: float, weight: float) -> float:
    """A share of few, drawn toward that of all: as if `weight` more had been seen, of which it came as often as of all.

    The m-estimate of probability: B. Cestnik, "Estimating probabilities: a crucial task in machine learning", ECAI 1990, 147-149. Of trees'
    leaves, which are chosen for being far from all, the bare share says too much: F. Provost and P. Domingos, "Tree induction for
    probability-based ranking", Machine Learning 52 (2003), 199-215.
    """
    return (came + weight * base) / (of + weight)


Models = Mapping[str, tuple[Model, Section]]
"""What was learned, and where it stands, by the name of its metric."""


def digest_of(likely: str, within: str, among: str | None, leaves: Sequence[Leaf], weight: float) -> str:
    """Names what was learned: the same question, the same leaves and the same weight have the same."""
    said = [likely, within, among, [[leaf.came, leaf.of, leaf.when] for leaf in leaves], float(weight)]
    return blake2b(json.dumps(said, ensure_ascii=False).encode(), digest_size=6).hexdigest()


def days_of(spec: WindowMetric, at: PlaceIn, problems: Problems) -> int | None:
    """`within` in days; None, and a problem, where it is none."""
    mend = "write within: 30 days"
    if spec.within is None:
        problems.add(at("likely"), "M140", "it is not said by when", mend)
        return None
    found = durations.check(spec.within, at("within"), problems)
    if found is None:
        return None
    if found.unit not in ("days", "weeks") or not 1 <= (days := found.amount * (7 if found.unit == "weeks" else 1)) <= 366:
        problems.add(at("within"), "M140", "what is foretold is foretold for days or weeks, a year at most", mend)
        return None
    return days


def check_facts(spec: WindowMetric, own: str, types: Mapping[str, Type], at: PlaceIn, problems: Problems) -> bool:
    """Whether all of `facts` are metrics that are numbers, and not the metric itself."""
    before = len(problems.errors())
    for number, name in enumerate(spec.facts):
        if name not in types or name == own:
            mend = did_you_mean(name, [one for one in types if one != own]) or "name metrics of metrics.yaml"
            problems.add(at("facts", number), "M141", f'there is no metric "{name}" to learn from', mend)
        elif types[name] not in (Type.NUMBER, Type.UNKNOWN):
            problems.add(at("facts", number), "M141", f'"{name}" is {types[name].value}: it is learned from numbers', "leave it out")
    return len(problems.errors()) == before


def column(
    spec: WindowMetric, question: Sequence[Expression], model: Model, section: Section, scope: Scope, problems: Problems
) -> Derived | None:
    """The metric's column over accounts. `question`: the outcome and, where it is asked of some alone, among whom.

    None, and a problem, where what was learned is no answer to it.
    """
    mend = "cs-engine predict"
    for key in _ASKED:
        if getattr(spec, key) != getattr(model, key):
            message = f"this was learned of another question: metrics.yaml has another `{key}` now"
            problems.add(section.place(key), "M143", message, mend)
            return None
    if model.digest != digest_of(model.likely, model.within, model.among, model.leaves, model.weight):
        message = "it was changed by hand: the quality that is written here is not this one's"
        problems.warn(section.place("digest"), "M144", message, mend)
    conditions = [
        compile_condition(leaf.when or "true", section.text("leaves", number, "when"), scope, problems)
        for number, leaf in enumerate(model.leaves)
    ]
    found = [condition for condition in conditions if condition is not None]
    if len(found) < len(conditions):
        return None
    return case(question, [(condition, model.likely_of(leaf)) for condition, leaf in zip(found, model.leaves, strict=True)])


_ASKED = ("likely", "within", "among")


def case(question: Sequence[Expression], leaves: Sequence[tuple[Expression, float]]) -> Derived:
    """The first leaf that holds says how likely; blank where none does, and of whom nothing is asked."""
    outcome, *among = question
    idle = " OR ".join([outcome.sql, *(f"NOT {one.sql}" for one in among)])
    whens = " ".join(f"WHEN {condition.sql} THEN {likely!r}" for condition, likely in leaves)
    names = {name for one in (*question, *(condition for condition, _ in leaves)) for name in one.names}
    return Derived(f"(CASE WHEN {idle} THEN NULL {whens} END)", Type.NUMBER, tuple(sorted(names)))


def nothing_yet(question: Sequence[Expression]) -> Derived:
    """The column of a metric that was not learned yet: blank. It needs what is asked, so that circles show before it is learned."""
    return Derived("CAST(NULL AS DOUBLE)", Type.NUMBER, tuple(sorted({name for one in question for name in one.names})))


def described(spec: WindowMetric, model: Model | None) -> str:
    """What it is, in words."""
    said = f"how likely `{spec.likely}` is within {spec.within}"
    if model is None:
        return f"{said}; not learned yet"
    return f"{said}; learned {model.history.until:%Y-%m-%d} ({model.digest}), AUC {model.quality.auc.value:.2f}"


def question_of(spec: WindowMetric, section: Section, name: str, scope: Scope, problems: Problems) -> list[Expression] | None:
    """The outcome, and among whom; None, and a problem, where either is wrong."""
    texts = [("likely", spec.likely), *([("among", spec.among)] if spec.among is not None else [])]
    found = [compile_condition(str(text), section.text(name, key), scope, problems) for key, text in texts]
    whole = [one for one in found if one is not None]
    return whole if len(whole) == len(found) and all(one.grain is Grain.ACCOUNT for one in whole) else None
