"""Reads the conditions, durations and names of one playbook, against what surrounds it."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from functools import partial

from cs_engine.language import durations, expressions
from cs_engine.language.expression import Duration, Expression, Grain, Type
from cs_engine.language.problems import Problems, did_you_mean
from cs_engine.language.scope import NOTHING_ASKED, Asked, Column, Scope
from cs_engine.language.seen import doubt_event
from cs_engine.language.yaml import Document
from cs_engine.playbook.definitions import Definitions, digest
from cs_engine.playbook.entries import ChangedEntrySpec, EventEntrySpec, LeavesEntrySpec, SegmentEntrySpec
from cs_engine.playbook.people import Directory, Kind
from cs_engine.playbook.plan import ChangeEntry, EventEntry, People
from cs_engine.playbook.shape import Path, shown
from cs_engine.playbook.templates import resolved
from cs_engine.playbook.words import Scalar
from cs_engine.usage.names import NO_EVENT, EventScope

NEVER = Expression("", Grain.ACCOUNT, "false", Type.BOOLEAN, ())
"""Stands where a condition is wrong; its problem is known, and no plan comes of it."""

_ANSWER = re.compile(r"answer\s*\(\s*'([^']*)'\s*\)", re.IGNORECASE)
_NOW = re.compile(r"\bnow\s*\(", re.IGNORECASE)
_NAME = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)?")

_WITH = "event.* does not go along with a webhook yet"
_HOLD = "a hold is the subject's: it does not know with which event a passage began"

_SAID: Mapping[Type, str] = {Type.NUMBER: "a number", Type.BOOLEAN: "yes/no", Type.INSTANT: "a time", Type.DURATION: "a length of time"}

Event = Mapping[str, Type] | str
"""The columns of the event that a passage begins with, or why there is none."""
ScopeOf = Callable[[Grain, Mapping[str, Scalar], Asked, Event, bool], Scope]
"""What names stand for at that grain, with these `vars`, in a playbook whose steps ask that and whose passages begin with that event;
whether one has begun."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a playbook is compiled against."""

    directory: Directory
    scope_of: ScopeOf
    definitions: Definitions
    """Segments and milestones as this plan means them."""
    events: Mapping[str, Mapping[str, Type]] = field(default_factory=dict)
    """Source of events -> its columns."""
    rewrite: Callable[[str, Grain], str] = lambda text, _grain: text
    """Puts older meanings into a condition; nothing to do for today's plans."""
    in_place: Collection[str] = ()
    """Sources whose events stay in their database."""
    seen: Callable[[str], tuple[str, ...]] = lambda _source: ()
    """The names of the events that a source has had; none where that is not known."""
    counts: Callable[[Expression], Collection[str]] = lambda _condition: ()
    """Of what a condition over a subject reads, what is never blank, and never below 0."""


@dataclass(slots=True)
class Reader:
    """Reads the texts of one playbook, and keeps what is wrong with them."""

    document: Document
    around: Surroundings
    grain: Grain
    vars: Mapping[str, Scalar]
    problems: Problems
    asked: Asked = NOTHING_ASKED
    contacts_named: frozenset[str] = frozenset()
    """`step.field` of the answers that name a contact."""
    event: Event = NO_EVENT
    lenient: bool = False
    """Whether what can be read and makes no sense is let be."""
    texts: dict[Path, str] = field(default_factory=dict)
    conditions: dict[Path, Expression] = field(default_factory=dict)
    """Those of the texts that are conditions, and right."""

    def condition(self, path: Path, text: str) -> Expression:
        """A condition over a passage: its subject, and what it began with."""
        return self._expression(expressions.compile_condition, path, text, self._scope(self.grain, begun=True))

    def entry(self, path: Path, text: str) -> Expression:
        """A condition over who may begin a passage, in `audience` and `enter`."""
        return self._expression(expressions.compile_condition, path, text, self._scope(self.grain))

    def of_subject(self, path: Path, text: str) -> Expression:
        """A condition over the subject alone, in `hold`."""
        scope = self.around.scope_of(self.grain, self.vars, self.asked, _HOLD, False)
        return self._expression(expressions.compile_condition, path, text, scope)

    def scalar(self, path: Path, text: str) -> Expression:
        """A value of the subject, in `once_per`."""
        return self._expression(expressions.compile_scalar, path, text, self._scope(self.grain))

    def name(self, path: Path, text: str) -> str:
        """The column that a plain name in `with` stands for; of `vars.…` the name itself."""
        scope = self.around.scope_of(self.grain, self.vars, self.asked, _WITH, False)
        found = self._expression(expressions.compile_scalar, path, text, scope)
        if found.sql != NEVER.sql and not _NAME.fullmatch(text.strip()):
            mend = "write the names of metrics and attributes; what is worked out of them is a metric of metrics.yaml"
            self.problems.add(self.document.place(path), "P105", f'"with" cannot be {shown(text)}', mend)
        return found.names[0] if found.names else text.strip()

    def instant(self, path: Path, text: str) -> Expression:
        """A time of the subject, in `at`."""
        found = self._expression(partial(expressions.compile_scalar, want=Type.INSTANT), path, text, self._scope(self.grain, begun=True))
        if not found.names and _NOW.search(text) and not self.lenient:
            message = f"{shown(text.strip())} goes on with every tick: it never comes any nearer"
            self.problems.add(self.document.place(path), "P131", message, "for so long after the step before put a `wait` before this one")
        return found

    def expect_event(self) -> None:
        """Of an event whose source is not known: what is wrong with that should not be said of every condition that names it."""
        self.event = {"id": Type.TEXT, **{name: kind for columns in self.around.events.values() for name, kind in columns.items()}}

    def event_entry(self, path: Path, spec: EventEntrySpec) -> EventEntry | None:
        """The event that a passage begins with, whose columns all other conditions know from now on; None when it cannot be."""
        events = self.around.events
        self.expect_event()
        within = self.duration((*path, "within"), spec.within)
        own = events.get(spec.from_)
        if own is None:
            mend = did_you_mean(spec.from_, events) or f"known: {', '.join(sorted(events))}; project.yaml names further ones"
            self.problems.add(self.document.place((*path, "from")), "P123", f"there is no source of events {shown(spec.from_)}", mend)
            return None
        lacking = next((column for column in ("event", *(["contact"] if self.grain is Grain.CONTACT else [])) if column not in own), None)
        if lacking is not None:
            message = f"events of {spec.from_} have no column `{lacking}`: nobody would ever enter"
            self.problems.add(self.document.place(path), "P123", message, f"name it in project.yaml: `{lacking}:` of the source")
            return None
        if spec.from_ in self.around.in_place:
            message = f"events of {spec.from_} stay in their database (`in_place`): nobody can enter with one"
            self.problems.add(self.document.place(path), "P123", message, "leave `in_place` out of the source, or enter by a metric")
            return None
        if not within.amount:
            self.problems.add(self.document.place((*path, "within")), "P113", "an event counts for no time at all", "say how long")
        self.event = {"id": Type.TEXT, **own}
        where, seen = None, self.around.seen(spec.from_)
        doubt_event(spec.event, seen, partial(self.document.within, (*path, "event")), self.problems)
        if spec.where is not None:
            scope = EventScope(spec.from_, own, self.grain, seen=seen)
            where = self._expression(expressions.compile_condition, (*path, "where"), spec.where, scope)
        return EventEntry(spec.event, spec.from_, where, within, self.event)

    def change_entry(self, path: Path, spec: SegmentEntrySpec | LeavesEntrySpec | ChangedEntrySpec) -> ChangeEntry | None:
        """The change that a passage begins with; None when it cannot be."""
        within = self.duration((*path, "within"), spec.within)
        if isinstance(spec, ChangedEntrySpec):
            watched = self._expression(expressions.compile_scalar, (*path, "changed"), spec.changed, self._scope(self.grain))
            of = Type.TEXT if watched.type is Type.UNKNOWN else watched.type
            if watched.sql != NEVER.sql and not self.lenient:
                self._values(path, spec, watched.type)
            entry = partial(ChangeEntry, f"changed {spec.changed}", was=spec.from_ or (), became=spec.to or ())
        else:
            key, segment = ("segment", spec.segment) if isinstance(spec, SegmentEntrySpec) else ("leaves", spec.leaves)
            place = self.document.place((*path, key))
            if segment not in self.around.definitions.segments:
                mend = did_you_mean(segment, self.around.definitions.segments)
                self.problems.add(place, "P124", f"there is no segment {shown(segment)}", mend or "name it in segments.yaml")
                return None
            text = f"in_segment('{segment}')"
            self.texts[*path, key] = text
            scope = self._scope(self.grain)
            meant = self.around.rewrite(text, self.grain)
            watched = expressions.compile_condition(meant, lambda _offset, _length: place, scope, self.problems) or NEVER
            of = Type.BOOLEAN
            entry = partial(ChangeEntry, f"{key} {segment}", was=(), became=(key == "segment",))
        self.event = {"id": Type.TEXT, "at": Type.INSTANT, "was": of, "became": of}
        # With another meaning it is another value: nobody comes into a segment by its definition's being edited.
        name = f"{self.grain} {watched.text} {digest(watched.sql, self.around.definitions.used_by([watched.text]))}"
        return entry(watched=watched, name=name, within=within, columns=self.event)

    def _values(self, path: Path, spec: ChangedEntrySpec, kind: Type) -> None:
        """What `from` and `to` name of a watched value of that type: it has to be able to be that."""
        was, became = spec.from_ or (), spec.to or ()
        if was and set(was) == set(became) and len(set(was)) == 1:
            message = f"nothing changes from {shown(was[0])} to {shown(was[0])}: nobody would ever enter"
            self.problems.add(self.document.place((*path, "to")), "P131", message, "name another value, or leave one of the two out")
        column = self._scope(self.grain).resolve(spec.changed.strip())
        seen = column.values if isinstance(column, Column) else ()
        for key, values in (("from", was), ("to", became)):
            for value in values:
                place = self.document.place((*path, key))
                if not _can_be(value, kind):
                    message = f"{spec.changed.strip()} is {_SAID[kind]}: it is never {shown(value)}"
                    self.problems.add(place, "P131", message, "name what it can be, or enter by a condition over it")
                elif isinstance(value, str) and seen and value not in seen:
                    near = did_you_mean(value, seen) or f"there are {', '.join(sorted(seen))}, as of the last sync"
                    self.problems.warn(place, "X223", f"no {spec.changed.strip()} is {shown(value)}", near)

    def duration(self, path: Path, text: str) -> Duration:
        return durations.check(text, self.document.place(path), self.problems) or Duration(1, "days")

    def reenter(self, path: Path, text: str) -> Duration | None:
        """After how long one may enter again; None for never."""
        word, _, length = text.strip().partition(" ")
        if text.strip() == "never":
            return None
        if word != "after":
            mend = f"write `after {text.strip()}`" if durations.parse(text) else "write `never`, or `after 90 days`"
            self.problems.add(self.document.place(path), "P105", f'"reenter" cannot be {shown(text)}', mend)
            return None
        return durations.check(length.strip(), self.document.place(path), self.problems)

    def people(self, path: Path, text: str | None, kind: Kind) -> People:
        """Whom a step of that kind goes to; `path` is of its `to`."""

        def over_contacts(condition: str) -> Expression:
            return self._expression(expressions.compile_condition, path, condition, self._scope(Grain.CONTACT))

        place, contact = self.document.place(path), self.grain is Grain.CONTACT
        if text is not None and _ANSWER.fullmatch(text.strip()) and kind != "cta":
            return People(answer=self._named(path, text))
        return self.around.directory.recipients(text, kind, contact, place, over_contacts, self.problems)

    def _named(self, path: Path, text: str) -> Expression:
        """The contact that an answer names."""
        found = self.scalar(path, text)
        field = _ANSWER.fullmatch(text.strip())
        if field is not None and found.names and field[1] not in self.contacts_named:
            message = f"`{text.strip()}` is no contact"
            self.problems.add(self.document.place(path), "P204", message, "only an answer of type `contact` names somebody")
        return found

    def sender(self, path: Path, text: str | None, said: str = "") -> str | None:
        """Whom a message comes from; `path` is of its `from`, `said` begins what is wrong with who cannot be."""
        return self.around.directory.sender(text, self.document.place(path), self.problems, said=said or "mail cannot come from")

    def approver(self, path: Path, text: str) -> str:
        """Who reads a mail before it goes; `path` is of its `approve`."""
        return self.around.directory.sender(text, self.document.place(path), self.problems, said="nobody reads mails as") or text

    def copies(self, path: Path, given: str | tuple[str, ...]) -> tuple[str, ...]:
        """Who of us gets copies; `path` is of `cc`."""
        listed = [(path, given)] if isinstance(given, str) else [((*path, i), text) for i, text in enumerate(given)]
        directory, problems = self.around.directory, self.problems
        found = [directory.sender(text, self.document.place(place), problems, copy=True) for place, text in listed]
        return tuple(dict.fromkeys(word for word in found if word))

    def template(self, name: str) -> str:
        return resolved(name, self.document.file)

    def notice_template(self, milestone: str) -> str:
        """The template of a milestone's notice; '' when there is none, which the checks report."""
        spec = self.around.definitions.milestones.get(milestone)
        return resolved(spec.notice, "playbooks/journey.yaml") if spec is not None and spec.notice else ""

    def _scope(self, grain: Grain, *, begun: bool = False) -> Scope:
        return self.around.scope_of(grain, self.vars, self.asked, self.event, begun)

    def _expression(self, compile_text: Callable[..., Expression | None], path: Path, text: str, scope: Scope) -> Expression:
        self.texts[path] = text
        meant = self.around.rewrite(text, scope.grain)
        found = compile_text(meant, partial(self.document.within, path), scope, self.problems)
        if found is not None and compile_text is expressions.compile_condition:
            self.conditions[path] = found
        return replace(found or NEVER, text=text, meant="" if meant == text else meant)


def _can_be(value: Scalar, kind: Type) -> bool:
    """Whether a value of that type can be what an author named; texts that say a number, or true, do."""
    match kind:
        case Type.NUMBER:
            return not isinstance(value, bool) and _is_number(str(value))
        case Type.BOOLEAN:
            return str(value).lower() in ("true", "false")
        case Type.INSTANT | Type.DURATION:
            return False
        case _:
            return True


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
