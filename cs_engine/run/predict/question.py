"""What is asked of history: an outcome, of whom, by when, and which facts may tell. And what nobody knows of the past."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta

from cs_engine.errors import WrongUse
from cs_engine.language.expression import Expression, Grain, Type
from cs_engine.language.problems import Problems, did_you_mean
from cs_engine.playbook.folder import FOLDER
from cs_engine.playbook.project import Project
from cs_engine.usage.answers import said
from cs_engine.usage.attributes import Attributes
from cs_engine.usage.columns import Attribute, Derived, Latch, Measured
from cs_engine.usage.likely import days_of, question_of
from cs_engine.usage.model import WindowMetric
from cs_engine.usage.names import Catalogue
from cs_engine.usage.section import Section

_LASTING = frozenset({"account.id", "account.signed_up_at"})
"""Columns of accounts that are what they always were."""
_REACHED = re.compile(r"\s*reached\s*\(\s*'[^']*'\s*\)\s*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Question:
    """A metric of metrics.yaml with `likely`, checked for what can be told of the past."""

    metric: str
    spec: WindowMetric
    outcome: Expression
    among: Expression | None
    within: timedelta
    facts: tuple[str, ...]
    """Metrics that may tell, in the order of metrics.yaml."""
    left_out: Mapping[str, str]
    """Metrics that are numbers and may not, and why."""

    @property
    def reads(self) -> tuple[Expression, ...]:
        """All that is asked of a moment, told at once: its columns are then made in one pass over the events."""
        facts = Expression("facts", Grain.ACCOUNT, "true", Type.BOOLEAN, tuple(sorted(self.facts)))
        return (self.outcome, *([self.among] if self.among is not None else []), facts)

    @property
    def lasts(self) -> bool:
        """Whether what came true once stays so: it is a milestone."""
        return _REACHED.fullmatch(self.outcome.text) is not None


def question(project: Project, metric: str) -> Question:
    """Raises WrongUse for a name that asks for nothing, or for what nobody knows of the past."""
    asked = [name for name, spec in project.metrics.items() if isinstance(spec, WindowMetric) and spec.likely is not None]
    spec = project.metrics.get(metric)
    if not isinstance(spec, WindowMetric) or spec.likely is None:
        mend = did_you_mean(metric, asked) or "write it in metrics.yaml: `{likely: quiet_days > 60, within: 30 days}`"
        raise WrongUse(f"no metric {metric!r} with `likely`", mend)
    catalogue, problems = project.catalogue, Problems()
    section = Section(f"{FOLDER}/metrics.yaml")
    found = question_of(spec, section, metric, catalogue.scope(Grain.ACCOUNT), problems)
    days = days_of(spec, section.place, problems)
    if found is None or days is None or any(catalogue.broken.intersection(one.names) for one in found):
        raise WrongUse(f"the metric {metric!r} has errors", "cs-engine check")
    outcome, among = found[0], found[1] if len(found) > 1 else None
    _require_known(catalogue, outcome, "likely", asked, times=True)
    if among is not None:
        _require_known(catalogue, among, "among", asked, times=False)
    facts, left_out = _facts(project, spec, asked)
    if not facts:
        raise WrongUse("there is no fact to learn from", "define metrics over usage in metrics.yaml, or name them in `facts`")
    return Question(metric, spec, outcome, among, timedelta(days=days), facts, left_out)


def _require_known(catalogue: Catalogue, condition: Expression, key: str, foretold: Collection[str], *, times: bool) -> None:
    why = unknown_then(catalogue, condition.names, foretold, times=times)
    if why:
        mend = "a column with the time of it tells the past: `account.churned_at <= now()`; so does a source with `learned_at`"
        raise WrongUse(f"`{key}` cannot be told of the past: {why}", mend)


def _facts(project: Project, spec: WindowMetric, foretold: Collection[str]) -> tuple[tuple[str, ...], dict[str, str]]:
    facts, left_out = [], {}
    for name in spec.facts or [metric for metric in project.metrics if metric not in foretold]:
        if name in project.catalogue.broken or project.catalogue.types[name] is not Type.NUMBER:
            continue
        if why := unknown_then(project.catalogue, [name], foretold):
            left_out[name] = why
        else:
            facts.append(name)
    return tuple(dict.fromkeys(facts)), left_out


def unknown_then(catalogue: Catalogue, columns: Iterable[str], foretold: Collection[str], *, times: bool = False) -> str:
    """Why columns of accounts cannot be told as they were known at a moment of the past; '' where they can.

    `foretold`: metrics that were learned themselves, and so of what came after that moment.
    `times`: a column with a time is believed to say itself since when it is so. That is right for what came, and for no fact that
    is to foretell it: the time that stands there today was not known before.
    """
    for name in sorted(catalogue.needs(Grain.ACCOUNT, columns)):
        if name in foretold:
            return f"{name} is foretold itself"
        match catalogue.origin(Grain.ACCOUNT, name):
            case Measured() | Derived() | Latch():
                continue
            case Attribute(_, kind) if _is_known(catalogue.attributes, name) or (times and kind is Type.INSTANT):
                continue
            case Attribute():
                return f"{name} is known only as it is today"
            case _:
                return f"nobody keeps what {said(name)} was"
    return ""


def _is_known(attributes: Attributes, name: str) -> bool:
    return name in _LASTING or name in attributes.told
