"""Why a CTA fired, or a mail waits, for the person who reads it: what parts of the conditions brought it about, with the values seen."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import numpy as np

from cs_engine.content import formats
from cs_engine.content.sandbox import slack_escape
from cs_engine.language.expression import EVENT, Expression
from cs_engine.language.parts import Part, taken_apart
from cs_engine.playbook.plan import AnyStep, Branch, Plan, Step, WaitUntil
from cs_engine.playbook.project import Project
from cs_engine.ports import JournalLine, Mask
from cs_engine.run.own import Own
from cs_engine.usage.answers import said
from cs_engine.usage.model import WindowMetric
from cs_engine.usage.names import NO_EVENT

ENTERED, FIRED = "entered", "fired"
"""Events of the journal that say why: a passage began; a CTA fired whose own `if` held."""
EVENTS = (ENTERED, "advanced", FIRED)

MOST_DECISIONS = 3
"""Of those after the entry, the latest."""
MOST_LINES = 8
_LONGEST = 300
"""Characters of a condition, or a value, that are shown."""
_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
_WORDS = {
    "en": {"not": "not {code}", "none": "none", "yes": "yes", "no": "no"},
    "ja": {"not": "{code} は未成立", "none": "なし", "yes": "はい", "no": "いいえ"},
}  # fmt: skip


class Decision(NamedTuple):
    """A condition that decided, and what of it: whether it was true, and the values that it saw, as JSON."""

    condition: Expression | None
    """None: an event of the usage, which has no parts."""
    true: bool
    seen: str


class Marks(NamedTuple):
    """How words are written where they are read."""

    escape: Callable[[str], str]
    strong: Callable[[str], str]
    code: Callable[[str], str]


MRKDWN = Marks(slack_escape, lambda text: f"*{slack_escape(text)}*", lambda text: f"`{slack_escape(text.replace('`', chr(39)))}`")
PLAIN = Marks(str, str, str)


class Reader(NamedTuple):
    """How somebody reads it."""

    locale: str
    zone: ZoneInfo
    marks: Marks = MRKDWN


Judged = Callable[[Sequence[Expression], Sequence[str]], list[Mask] | None]
"""`ports.Facts.judged`."""


def nobody_can_say(_conditions: Sequence[Expression], _seen: Sequence[str]) -> None:
    """Stands for `Facts.judged` where no facts are at hand: conditions are told whole then, not by the parts that decided."""


class Because:
    """Makes the lines. Set-wise: a query for the parts of each condition, whoever it was true of."""

    def __init__(self, project: Project, judged: Judged = nobody_can_say) -> None:
        self._project, self._judged, self._zone = project, judged, ZoneInfo(project.config.timezone)
        self._parts: dict[tuple[str, Expression], Part] = {}

    def decisions(self, plan: Plan, step: Step, lines: Iterable[JournalLine], *, closed: bool = False) -> list[Decision]:
        """What brought a passage to the step, oldest first: its entry, and the last waits and branches before it. `lines`: its journal."""
        order = {one.id: i for i, one in enumerate(plan.steps)}
        here, entry, since = order[step.id], list[Decision](), list[Decision]()
        for line in lines:
            if line.event == ENTERED:
                entry, since = [Decision(plan.enter or plan.audience, True, line.seen)], []
            elif line.event == FIRED and line.step == step.id:
                since.append(Decision(step.only_if, True, line.seen))
            elif line.event == "advanced" and order.get(line.step, here) < here and not (closed and line.step in step.watched_by):
                decided = _decided(plan.step(line.step), line.reason)
                since += [] if decided is None else [Decision(*decided, line.seen)]
        return [*entry, *since[-MOST_DECISIONS:]]

    def now(self, plan: Plan, step: Step, own: Own) -> list[Decision]:
        """The same for a passage that is only looked at: what would bring it there, and how that is now."""
        waits = [wait.until for id in step.watched_by if isinstance(wait := plan.step(id), WaitUntil)]
        first, every = np.zeros(1, np.int64), (plan.enter or plan.audience, *waits, step.only_if)
        return [Decision(one, bool(own.holds(one)[0]), own.seen(one, first)[0] if one.names else "{}") for one in every if one is not None]

    def lines(self, plan: Plan, given: Sequence[Sequence[Decision]], readers: Sequence[Reader]) -> list[list[str]]:
        """For each its decisions as lines, in its reader's language. Aligned."""
        found: list[dict[int, list[str]]] = [{} for _ in given]
        every: dict[Expression | None, list[tuple[int, int]]] = {}
        for who, decisions in enumerate(given):
            for position, decision in enumerate(decisions):
                every.setdefault(decision.condition, []).append((who, position))
        for condition, places in every.items():
            decisions = [given[who][position] for who, position in places]
            # What is a day to conditions is one in the project's zone.
            told = self._of(plan, condition, decisions, [readers[who]._replace(zone=self._zone) for who, _ in places])
            for (who, position), lines in zip(places, told, strict=True):
                found[who][position] = lines
        return [_cut([line for position in sorted(mine) for line in mine[position]]) for mine in found]

    def _of(self, plan: Plan, condition: Expression | None, given: Sequence[Decision], readers: Sequence[Reader]) -> list[list[str]]:
        if condition is None or (plan.event is not None and condition in (plan.enter, plan.audience)):
            began = [_event(plan, decision, reader) for decision, reader in zip(given, readers, strict=True)]
            if condition is None:
                return began
        else:
            began = [[] for _ in given]
        part = self._part(plan, condition)
        pieces = list(_all(part))
        masks = self._judged([piece.condition for piece in pieces], [decision.seen for decision in given])
        found = []
        for i, (decision, reader) in enumerate(zip(given, readers, strict=True)):
            true = {} if masks is None else {id(piece): bool(mask[i]) for piece, mask in zip(pieces, masks, strict=True)}
            leaves = [(part, decision.true)] if true.get(id(part)) != decision.true else list(_deciding(part, decision.true, true))
            values = json.loads(decision.seen or "{}")
            found.append([*began[i], *(self._line(leaf.condition, wanted, values, reader) for leaf, wanted in leaves)])
        return found

    def _part(self, plan: Plan, condition: Expression) -> Part:
        key = (plan.digest, condition)
        if key not in self._parts:
            event = plan.event.columns if plan.event is not None else NO_EVENT
            scope = self._project.catalogue.scope(plan.subject, plan.vars, None, event, True)
            self._parts[key] = taken_apart(condition, scope)
        return self._parts[key]

    def _line(self, condition: Expression, true: bool, values: Mapping[str, Any], reader: Reader) -> str:
        words = _WORDS["ja" if reader.locale.partition("-")[0] == "ja" else "en"]
        told = ", ".join(f"{self._label(name, reader)} {_value(values.get(said(name)), reader)}" for name in condition.names)
        code = reader.marks.code(_short(condition.text))
        held = code if true else words["not"].format(code=code)
        return f"• {told} ({held})" if told else f"• {held}"

    def _label(self, name: str, reader: Reader) -> str:
        """The metric's, the milestone's or the segment's title, else the name that the author wrote."""
        project = self._project
        kind, _, rest = name.partition(":")
        metric, milestone, segment = project.metrics.get(name), project.journey.milestones().get(rest), project.segments.get(rest)
        title: Mapping[str, str] | None = None
        if isinstance(metric, WindowMetric):
            title = metric.title
        elif kind in ("reached", "claimed", "doubted", "latched") and milestone is not None:
            title = milestone.title
        elif kind == "segment" and segment is not None:
            title = segment.title
        return reader.marks.escape(formats.in_locale(title, reader.locale) if title else said(name)) + ":"


def _decided(step: AnyStep | None, reason: str) -> tuple[Expression, bool] | None:
    """The condition of a step that was left for that reason, and whether it was true."""
    match step:
        case WaitUntil() if reason in ("otherwise", "at_most", "met"):
            return step.until, reason == "met"
        case Branch() if reason in ("then", "else"):
            return step.condition, reason == "then"
        case _:
            return None


def _all(part: Part) -> Iterable[Part]:
    yield part
    for inner in part.parts:
        yield from _all(inner)


def _deciding(part: Part, true: bool, truth: Mapping[int, bool]) -> Iterable[tuple[Part, bool]]:
    """The smallest parts by which the whole came out so: of `a and b` that is true both, that is false those that are."""
    if not part.parts:
        yield part, true
        return
    for inner in part.parts:
        wanted = not true if part.joined == "not" else true
        if part.joined == "not" or truth.get(id(inner)) == wanted:
            yield from _deciding(inner, wanted, truth)


def _event(plan: Plan, decision: Decision, reader: Reader) -> list[str]:
    if plan.event is None:
        return []
    at = json.loads(decision.seen or "{}").get(f"{EVENT}at")
    return [f"• {reader.marks.escape(_short(str(plan.event)))}{f' ({_value(at, reader)})' if at else ''}"]


def _value(value: Any, reader: Reader) -> str:
    words = _WORDS["ja" if reader.locale.partition("-")[0] == "ja" else "en"]
    match value:
        case None | "":
            told = words["none"]
        case bool():
            told = words["yes" if value else "no"]
        case int() | float():
            told = formats.number(value)
        case _:
            told = _date(str(value), reader) or _short(str(value))
    return reader.marks.strong(told)


def _date(text: str, reader: Reader) -> str:
    """A time that the journal kept, as a day in the reader's zone; '' for any other text."""
    if not _INSTANT.fullmatch(text):
        return ""
    moment = datetime.fromisoformat(text)
    return formats.write_date(moment.astimezone(reader.zone), reader.locale)


def _short(text: str) -> str:
    one = " ".join(text.split())
    return one if len(one) <= _LONGEST else one[: _LONGEST - 1] + "…"


def _cut(lines: Sequence[str]) -> list[str]:
    fresh = list(dict.fromkeys(lines))
    return fresh if len(fresh) <= MOST_LINES else [*fresh[: MOST_LINES - 1], f"• … +{len(fresh) - MOST_LINES + 1}"]
