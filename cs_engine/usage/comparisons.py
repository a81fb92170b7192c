"""Metrics made of windows: a trend, which compares a window with an earlier one, and a share of something that is known.

They cost no SQL of their own: the windows that they compare are counted with all others, and what is made of them is an expression.
A division by zero is blank.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from cs_engine.language import durations
from cs_engine.language.expression import Expression, Type
from cs_engine.language.problems import Problems, did_you_mean
from cs_engine.language.scope import quoted
from cs_engine.usage.columns import Derived
from cs_engine.usage.model import WindowMetric
from cs_engine.usage.window_checks import PlaceIn
from cs_engine.usage.windows import Window


class Trend(NamedTuple):
    """A checked trend."""

    before: Window
    """What the metric is compared with. No author's name resolves to it."""
    made: Derived
    described: str


def trend(spec: WindowMetric, known: Mapping[str, Window], names: Mapping[str, Type], at: PlaceIn, problems: Problems) -> Trend | None:
    """The trend of one of the `known` windows; None, and a problem, where it has none. `names`: every metric that there is."""
    of = str(spec.trend)
    if of not in names:
        problems.add(at("trend"), "M108", f'there is no metric "{of}"', did_you_mean(of, names) or "name one of metrics.yaml")
        return None
    window = known.get(of)
    why = _no_trend(window)
    if window is None or why:
        problems.add(at("trend"), "M108", f'"{of}" has no trend: {why}', "name a metric that counts in a window of days")
        return None
    days = _back(spec, window, at, problems)
    if days is None:
        return None
    before = window.moved(f"{of} {days} days before", days)
    now, then = quoted(of), quoted(before.name)
    if spec.as_ == "difference":
        return Trend(before, Derived(f"({now} - {then})", Type.NUMBER, (of, before.name)), f"{of} less that of {days} days before")
    return Trend(before, Derived(f"({now} / nullif({then}, 0))", Type.NUMBER, (of, before.name)), f"{of} in relation to {days} days before")


def hidden(counted: Window) -> Window:
    """The window under a name that no author's resolves to."""
    return counted.moved(f"{counted.name} counted", 0)


def share(counted: Window, of: Expression) -> Derived:
    """What share of that expression the window is."""
    return Derived(f"({quoted(counted.name)} / nullif({of.sql}, 0))", Type.NUMBER, (counted.name, *of.names))


def _no_trend(window: Window | None) -> str:
    """Why there is nothing to compare; '' when there is."""
    if window is None:
        return "it is no window over events"
    if window.type is not Type.NUMBER:
        return "it is a time"
    if window.days is None or not window.movable:
        return "its window cannot be moved back"
    return ""


def _back(spec: WindowMetric, window: Window, at: PlaceIn, problems: Problems) -> int | None:
    """How many days the compared window lies before: its own length, or `ago`."""
    if spec.ago is None:
        return window.days
    found = durations.check(spec.ago, at("ago"), problems)
    if found is None:
        return None
    if found.unit not in ("days", "weeks") or not found.amount:
        problems.add(at("ago"), "M106", "windows are compared over days or weeks", "write 7 days, or 52 weeks")
        return None
    return found.amount * (7 if found.unit == "weeks" else 1)
