"""Definitions -> catalogue: metrics, segments, milestones and health, checked and put in order.

They may refer to each other in any order without a cycle. A definition with a problem is reported once and left `broken`;
what refers to it is broken too, and says nothing more.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from graphlib import CycleError, TopologicalSorter

from cs_engine.language import durations
from cs_engine.language.expression import Expression, Grain, Type
from cs_engine.language.expressions import compile_condition, compile_scalar
from cs_engine.language.possible import CONSTANT, EXCLUDES, is_plain, possible
from cs_engine.language.problems import Place, Problems
from cs_engine.language.scope import Column, Events, Literal, NotHere, quoted
from cs_engine.usage import comparisons, confirmed, likely, window_checks
from cs_engine.usage import health as health_columns
from cs_engine.usage.attributes import Attributes
from cs_engine.usage.columns import Derived
from cs_engine.usage.funnels import funnel
from cs_engine.usage.model import HealthSpec, JourneySpec, MetricSpec, MilestoneSpec, SegmentSpec, WindowMetric
from cs_engine.usage.names import (
    COUNTED,
    HEADS,
    Catalogue,
    CatalogueScope,
    EventScope,
    claimed_column,
    doubted_column,
    latch_column,
    milestone_column,
    reached_at_column,
    segment_column,
)
from cs_engine.usage.section import Section
from cs_engine.usage.windows import Kind, Window

__all__ = ["Catalogue", "CatalogueScope", "Section", "build"]

_NAME = re.compile(r"[a-z_][a-z0-9_]*")
_ID = re.compile(r"\w[\w-]*")
_RESERVED = {*COUNTED, health_columns.SCORE, health_columns.BAND, *HEADS}


def build(
    metrics: Mapping[str, MetricSpec],
    segments: Mapping[str, SegmentSpec],
    journey: JourneySpec | None,
    health: HealthSpec | None,
    attributes: Attributes,
    places: Mapping[str, Section],
    problems: Problems,
    calendars: tuple[str, ...] = (),
    unread: frozenset[str] = frozenset(),
    models: likely.Models | None = None,
) -> Catalogue:
    """Checks all definitions against each other and against the sources' columns.

    `models`: what `cs-engine predict` has learned.

    `unread`: columns whose definitions have the wrong shape, which has been said: they are broken, and not looked at.

    `places` says where they stand, by `metrics`, `segments`, `journey`, `health`; one that is missing is placed in a file of that name.
    """
    sections = {name: places.get(name, Section(f"playbooks/{name}.yaml")) for name in ("metrics", "segments", "journey", "health")}
    builder = _Builder(metrics, segments, journey or JourneySpec(), health, attributes, sections, problems, calendars, unread, models or {})
    builder.check_names()
    builder.compile_metrics()
    builder.check_models()
    builder.compile_segments()
    builder.compile_milestones()
    builder.compile_health()
    return builder.finish()


@dataclass(slots=True)
class _MetricScope:
    """The catalogue's names while it is being built: a metric that is met before its turn is compiled first, for its type."""

    inner: CatalogueScope
    builder: _Builder

    @property
    def grain(self) -> Grain:
        return self.inner.grain

    @property
    def milestones(self) -> tuple[str, ...]:
        return tuple(self.builder.known_milestones())

    @property
    def confirmed(self) -> frozenset[str]:
        return self.builder.journey.confirmed()

    @property
    def segments(self) -> tuple[str, ...]:
        return tuple(self.builder.segments)

    @property
    def calendars(self) -> tuple[str, ...]:
        return self.builder.calendars

    @property
    def asked(self) -> None:
        return None

    @property
    def begun(self) -> bool:
        return False

    @property
    def events(self) -> Events | None:
        return self.inner.events

    @property
    def spells(self) -> None:
        return None

    def names(self) -> list[str]:
        return list(self.inner.names())

    def resolve(self, name: str) -> Column | Literal | NotHere | None:
        self.builder.compile_metric(name.removeprefix("account."))
        return self.inner.resolve(name)


_NO_FUNNEL = "leave `in_place` out of the source in project.yaml"


@dataclass(slots=True)
class _Builder:
    metrics: Mapping[str, MetricSpec]
    segments: Mapping[str, SegmentSpec]
    journey: JourneySpec
    health: HealthSpec | None
    attributes: Attributes
    sections: Mapping[str, Section]
    problems: Problems
    calendars: tuple[str, ...]
    unread: frozenset[str]
    models: likely.Models
    windows: dict[str, Window] = field(default_factory=dict)
    types: dict[str, Type] = field(default_factory=dict)
    account: dict[str, Derived] = field(default_factory=dict)
    contact: dict[str, Derived] = field(default_factory=dict)
    described: dict[str, str] = field(default_factory=dict)
    happened: dict[str, Window] = field(default_factory=dict)
    broken: set[str] = field(default_factory=set)
    """Columns of the account's row."""
    begun: set[str] = field(default_factory=set)

    # --- names

    def check_names(self) -> None:
        section, spelt = self.sections["metrics"], dict[str, str]()
        for name in self.metrics:
            place = section.name(name)
            if not _NAME.fullmatch(name):
                self.problems.add(place, "M110", f'"{name}" is no name for a metric', "write small letters, digits and _, a letter first")
                self.broken.add(name)
            elif name in _RESERVED:
                self.problems.add(place, "M111", f'"{name}" is a word of the language already', "choose another name")
            elif name in self.attributes.account:
                self.problems.add(
                    place, "M112", f'accounts have a column "{name}" already: account.{name} would mean both', "choose another name"
                )
            spelt.setdefault(name.lower(), name)
        self._check_ids("segments", ((name, self.sections["segments"].name(name)) for name in self.segments))
        milestones = [
            (spec.id, self.sections["journey"].place("phases", i, "milestones", j, "id"))
            for i, phase in enumerate(self.journey.phases)
            for j, spec in enumerate(phase.milestones)
        ]
        self._check_ids("milestones", milestones)
        # Names are usable by others however wrong their definitions are.
        self.types = {name: Type.UNKNOWN for name in self.metrics if name not in _RESERVED}
        self.broken |= self.unread
        if self.health is not None or health_columns.SCORE in self.unread:
            self.types |= {health_columns.SCORE: Type.NUMBER, health_columns.BAND: Type.TEXT}

    def _check_ids(self, kind: str, ids: Iterable[tuple[str, Place]]) -> None:
        seen: dict[str, Place] = {}
        for id, place in ids:
            if not _ID.fullmatch(id):
                self.problems.add(place, "M113", f'"{id}" is no id for one of the {kind}', "write letters, digits, _ and -")
            elif id.lower() in seen:
                first = seen[id.lower()]
                self.problems.add(place, "M114", f'"{id}" is defined twice among the {kind}', f"the first is at {first.file}:{first.line}")
            seen.setdefault(id.lower(), place)

    def known_milestones(self) -> Mapping[str, MilestoneSpec]:
        return self.journey.milestones()

    # --- definitions

    def compile_metrics(self) -> None:
        for name in self.metrics:
            self.compile_metric(name)

    def compile_metric(self, name: str) -> None:
        """Compiles the metric of that name, once; nothing for other names. Called again from within, it leaves the type unknown."""
        spec = self.metrics.get(name)
        if spec is None or name in self.begun or name in self.unread or name in _RESERVED:
            return
        self.begun.add(name)
        if isinstance(spec, str):
            self._compile_expression(name, spec)
        else:
            self._compile_window(name, spec)

    def _compile_expression(self, name: str, text: str) -> None:
        place_of = self.sections["metrics"].text(name)
        self.described[name] = text
        for grain, columns in ((Grain.ACCOUNT, self.account), (Grain.CONTACT, self.contact)):
            found = compile_scalar(text, place_of, self._scope(grain), self.problems)
            if found is None:
                self.broken.add(name)
                return
            columns[name] = Derived(found.sql, found.type, found.names)
            self.types[name] = found.type

    def _compile_window(self, name: str, spec: WindowMetric) -> None:
        section = self.sections["metrics"]

        def at(*keys: str | int) -> Place:
            return section.place(name, *keys)

        kind = window_checks.kind_of(name, spec, at, self.problems)
        if kind is None:
            sound = False
        elif kind == window_checks.TREND:
            sound = self._compile_trend(name, spec, at)
        elif kind == window_checks.LIKELY:
            sound = self._compile_likely(name, spec, at)
        else:
            window = self._window(name, Kind(kind), spec, at)
            sound = window is not None and (self._measured(window) if spec.share_of is None else self._compile_share(window, spec.share_of))
        if not sound:
            self.broken.add(name)
        elif spec.title:
            self.described[name] = spec.title.get("en", next(iter(spec.title.values())))

    def _window(self, name: str, kind: Kind, spec: WindowMetric, at: window_checks.PlaceIn) -> Window | None:
        """The window with its conditions compiled; None, and a problem, where something is wrong with it."""
        section = self.sections["metrics"]
        window = window_checks.check(name, kind, spec, self.attributes, at, self.problems)
        if window is None:
            return None
        if kind is Kind.FUNNEL and window.source in self.attributes.in_place:
            self.problems.add(
                at("from"), "M109", f"{window.source} stays in its database (`in_place`), which counts no funnels", _NO_FUNNEL
            )
            return None
        if spec.where is not None:
            where = compile_condition(spec.where, section.text(name, "where"), self._events(window.source), self.problems)
            if where is None:
                return None
            window = window.only(where)
        if kind is Kind.FUNNEL:
            found = funnel(spec, self._events(window.source), at, lambda i: section.text(name, "funnel", i), self.problems)
            return window.through(*found) if found is not None else None
        return window

    def _events(self, source: str) -> EventScope:
        return EventScope(source, self.attributes.events[source], seen=self.attributes.seen(source))

    def _measured(self, window: Window) -> bool:
        self.windows[window.name] = window
        self.types[window.name] = window.type
        self.described[window.name] = window.describe()
        return True

    def _compile_trend(self, name: str, spec: WindowMetric, at: window_checks.PlaceIn) -> bool:
        of = str(spec.trend)
        self.compile_metric(of)
        if of in self.broken:
            return False
        found = comparisons.trend(spec, self.windows, self.types, at, self.problems)
        if found is None:
            return False
        self.windows[found.before.name] = found.before
        self._derived(name, found.made, found.described)
        return True

    def _compile_likely(self, name: str, spec: WindowMetric, at: window_checks.PlaceIn) -> bool:
        """Of accounts alone, as health is: a contact's row reads its account's."""
        self.types[name] = Type.NUMBER
        for fact in spec.facts:
            self.compile_metric(fact)
        section, scope, problems = self.sections["metrics"], self._scope(Grain.ACCOUNT), self.problems
        asked = likely.question_of(spec, section, name, scope, problems)
        sound = likely.check_facts(spec, name, self.types, at, problems)
        if likely.days_of(spec, at, problems) is None or asked is None or not sound:
            return False
        model, where = self.models.get(name, (None, section))
        self.described[name] = likely.described(spec, model)
        if model is None:
            problems.warn(
                section.name(name), "M142", f'"{name}" is blank of everybody: it was not learned yet', f"cs-engine predict {name}"
            )
            self.account[name] = likely.nothing_yet(asked)
            return True
        found = likely.column(spec, asked, model, where, scope, problems)
        if found is not None:
            self.account[name] = found
        return found is not None

    def check_models(self) -> None:
        """What was learned belongs to a metric that asks for it."""
        for name, (_, section) in self.models.items():
            spec = self.metrics.get(name)
            if name not in self.unread and (not isinstance(spec, WindowMetric) or spec.likely is None):
                mend = "take the file away, or write in metrics.yaml what it is of"
                self.problems.add(section.place(), "M145", f'there is no metric "{name}" with `likely`', mend)

    def _compile_share(self, counted: Window, of: str) -> bool:
        name, section = counted.name, self.sections["metrics"]
        if counted.type is not Type.NUMBER:
            self.problems.add(section.place(name, "share_of"), "M107", "a time is a share of nothing", "leave `share_of` out")
            return False
        hidden = comparisons.hidden(counted)
        for grain, columns in ((Grain.ACCOUNT, self.account), (Grain.CONTACT, self.contact)):
            found = compile_scalar(of, section.text(name, "share_of"), self._scope(grain), self.problems, want=Type.NUMBER)
            if found is None:
                return False
            columns[name] = comparisons.share(hidden, found)
        self.windows[hidden.name] = hidden
        self.types[name] = Type.NUMBER
        self.described[name] = f"{counted.describe()}, as a share of {of}"
        return True

    def _derived(self, name: str, made: Derived, described: str) -> None:
        self.account[name] = self.contact[name] = made
        self.types[name] = made.type
        self.described[name] = described

    def compile_segments(self) -> None:
        section = self.sections["segments"]
        for name, spec in self.segments.items():
            keys = (name,) if section.holds_text(name) else (name, "when")
            self._condition(segment_column(name), spec.when, section, keys)

    def compile_milestones(self) -> None:
        section = self.sections["journey"]
        for i, phase in enumerate(self.journey.phases):
            for j, spec in enumerate(phase.milestones):
                path = ("phases", i, "milestones", j)
                if spec.expected is not None:
                    durations.check(spec.expected, section.place(*path, "expected"), self.problems)
                self._milestone(spec, section, path)

    def _milestone(self, spec: MilestoneSpec, section: Section, path: tuple[str | int, ...]) -> None:
        reached = milestone_column(spec.id)
        self._condition(reached, spec.when, section, (*path, "when"))
        if reached not in self.account:
            self.broken |= {claimed_column(spec.id), doubted_column(spec.id)} if spec.confirm else set()
            return
        latch, now_true = latch_column(spec.id), self.account[reached]
        if spec.confirm:
            self.account |= confirmed.columns(spec.id, now_true)
        else:
            self.account[reached] = Derived(f"({quoted(latch)} IS NOT NULL OR {now_true.sql})", Type.BOOLEAN, (latch, *now_true.needs))
        self.account[reached_at_column(spec.id)] = Derived(
            f"coalesce({quoted(latch)}, CASE WHEN {quoted(reached)} THEN getvariable('now') END)", Type.INSTANT, (latch, reached)
        )

    def _condition(self, column: str, text: str, section: Section, keys: tuple[str | int, ...]) -> None:
        if column in self.unread:
            return
        found = compile_condition(text, section.text(*keys), self._scope(Grain.ACCOUNT), self.problems)
        if found is None:
            self.broken.add(column)
            return
        if not is_plain(found) and not possible([found]):
            message = f"this is never true: nobody {'is ever in it' if column == segment_column(str(keys[0])) else 'ever reaches it'}"
            self.problems.add(section.place(*keys), "P131", message, EXCLUDES if found.names else CONSTANT)
        self.account[column] = Derived(found.sql, Type.BOOLEAN, found.names)
        self.described[column] = text

    def compile_health(self) -> None:
        if self.health is None:
            return
        section, scope = self.sections["health"], self._scope(Grain.ACCOUNT)
        sound = health_columns.check(self.health, section, self.problems)
        components: dict[str, Expression] = {}
        for name, part in self.health.components.items():
            found = compile_scalar(part.metric, section.text("components", name, "metric"), scope, self.problems)
            if found is not None and found.type not in (Type.NUMBER, Type.UNKNOWN):
                place = section.place("components", name, "metric")
                self.problems.add(place, "M134", f"a component of health needs a number, this is {found.type.value}")
            elif found is not None:
                components[name] = found
        overrides = [
            (compile_condition(text, section.name_text("overrides", text), scope, self.problems), band)
            for text, band in self.health.overrides.items()
        ]
        whole = [(condition, band) for condition, band in overrides if condition is not None]
        if not sound or len(components) < len(self.health.components) or len(whole) < len(overrides):
            self.broken |= {health_columns.SCORE, health_columns.BAND}
            return
        self.account |= health_columns.columns(self.health, components, whole)

    def _scope(self, grain: Grain) -> _MetricScope:
        # The catalogue so far shares our growing types; all else that a scope reads of it is settled before anything is compiled.
        so_far = Catalogue(self.attributes, {}, {}, self.types, (), (), frozenset(), happened=self.happened)
        return _MetricScope(CatalogueScope(so_far, grain, {}), self)

    # --- order

    def finish(self) -> Catalogue:
        order = self._order()
        broken = frozenset(self.broken)
        self.described[health_columns.SCORE] = "weighted mean of its components, 0 to 100"
        self.described[health_columns.BAND] = "the band of health"
        for milestone, spec in self.known_milestones().items():
            self.described[milestone_column(milestone)] = self.described[claimed_column(milestone)] = spec.when
        account = {name: self.account[name] for name in order if name in self.account and name not in broken}
        contact = {name: self.contact[name] for name in order if name in self.contact and name not in broken}
        whole = Catalogue(
            attributes=self.attributes,
            windows=self.windows,
            derived={Grain.ACCOUNT: account, Grain.CONTACT: contact},
            types={name: Type.UNKNOWN if name in broken else kind for name, kind in self.types.items()},
            milestones=tuple(self.known_milestones()),
            segments=tuple(self.segments),
            broken=broken,
            described={name: words for name, words in self.described.items() if words},
            calendars=self.calendars,
            happened=self.happened,
            confirmed=self.journey.confirmed(),
        )
        prefixed = {f"account.{name}" for name in broken if ":" not in name}
        return replace(whole, broken=broken | prefixed)

    def _order(self) -> list[str]:
        """All derived columns, each after those that it needs. Cycles are reported and their members and users broken."""
        graph = {name: set(derived.needs) for name, derived in self.account.items()}
        order: list[str] = []
        while not order and graph:
            try:
                order = list(TopologicalSorter(graph).static_order())
            except CycleError as error:
                # CycleError lists each member before the one that it is needed by; the first stands at both ends.
                members = list(reversed(error.args[1]))[:-1]
                self._report_cycle(members)
                graph = {name: needs for name, needs in graph.items() if name not in members}
        for name in order:
            if name in graph and graph[name] & self.broken:
                self.broken.add(name)
        return order

    def _report_cycle(self, members: list[str]) -> None:
        self.broken |= set(members)
        # `reached_at` only follows its milestone, and components of health their health.
        shown = [member for member in members if not member.startswith(("reached_at:", "health_value:"))]
        start = min(range(len(shown)), key=lambda i: shown[i])
        ring = [_said(member) for member in (*shown[start:], *shown[:start], shown[start])]
        self.problems.add(
            self._place(shown[start]),
            "M120",
            f"these define each other in a circle: {' -> '.join(ring)}",
            "let one of them do without the others",
        )

    def _place(self, column: str) -> Place:
        kind, _, name = column.partition(":")
        if kind == "segment":
            return self.sections["segments"].place(name, "when")
        if kind in ("reached", "claimed"):
            for i, phase in enumerate(self.journey.phases):
                for j, spec in enumerate(phase.milestones):
                    if spec.id == name:
                        return self.sections["journey"].place("phases", i, "milestones", j, "when")
        if kind in (health_columns.SCORE, health_columns.BAND):
            return self.sections["health"].place("components", name) if name else self.sections["health"].place()
        return self.sections["metrics"].place(column)


def _said(column: str) -> str:
    """A column as authors call it."""
    kind, _, name = column.partition(":")
    words = {
        "segment": f"in_segment('{name}')",
        **{kind: f"{kind}('{name}')" for kind in ("reached", "claimed")},
        "health": f"health component {name}",
    }
    return words.get(kind, column) if name else column
