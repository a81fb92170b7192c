"""The catalogue: every name that conditions may use, what it is, and which column it reads.

A metric exists twice: over all events of an account, and over a contact's own. A bare name is the subject's; `account.<metric>`
on a contact's row is its account's. Milestones, segments and health are the account's on both.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from cs_engine.language.expression import EVENT, Expression, Grain, Type
from cs_engine.language.scope import Asked, Column, Literal, NotHere, kept, quoted
from cs_engine.language.seen import EVENT_NAME
from cs_engine.usage.answers import answers_in
from cs_engine.usage.attributes import Attributes
from cs_engine.usage.columns import (
    Answered,
    Attribute,
    Champion,
    Counted,
    Derived,
    Latch,
    Measured,
    NameInfo,
    OfAccount,
    Origin,
    Since,
    Stored,
    Streak,
)
from cs_engine.usage.spells import spell_column, spell_in
from cs_engine.usage.windows import Kind, When, Window

Scalar = str | int | float | bool | None

STREAK, NPS = "unanswered_streak", "nps"
COUNTED: Mapping[str, str] = {
    "emails_30d": "mails to customers in the last 30 days: ours that were accepted, and those that people logged",
    "open_ctas": "CTAs that are open",
    STREAK: "touches since the last reaction: an opening by a person, a click, a reply, an answer, a talk, or use of the product",
    NPS: "the latest score, 0 to 10, that a customer gave where a playbook asked `nps`; blank where nobody has",
}
HEADS = frozenset({"account", "contact", "champion", "vars", "event"})
"""What stands before the dot of a name."""
LEFT_AT = "left_at"
"""The column of contacts that says when somebody left their company."""

NO_EVENT = "event.* is the event that a passage began with: here none does"


def milestone_column(milestone: str) -> str:
    return f"reached:{milestone}"


def reached_at_column(milestone: str) -> str:
    return f"reached_at:{milestone}"


def latch_column(milestone: str) -> str:
    """When it was reached, as our tables have it; of one that customers confirm once they have."""
    return f"latched:{milestone}"


def claim_column(milestone: str) -> str:
    """When its condition came true, whether it counts by now or waits for the customer's word."""
    return f"claimed_at:{milestone}"


def claimed_column(milestone: str) -> str:
    return f"claimed:{milestone}"


def doubt_column(milestone: str) -> str:
    """Since when it is known that it does not count: the customer said so, or nobody could be asked."""
    return f"doubted_at:{milestone}"


def doubted_column(milestone: str) -> str:
    return f"doubted:{milestone}"


def first_look_column(milestone: str) -> str:
    """Not blank where it is looked at for the first time: what is true then is history, of which nobody is asked."""
    return f"first_look:{milestone}"


_LATCHES = frozenset({"latched", "claimed_at"})
_OURS = _LATCHES | {"doubted_at", "first_look"}


def is_latch(column: str) -> bool:
    """Whether it is the time at which a condition came true, which was blank before."""
    return column.partition(":")[0] in _LATCHES


def stored_column(attribute: str) -> str:
    return f"set:{attribute}"


def segment_column(segment: str) -> str:
    return f"segment:{segment}"


@dataclass(frozen=True, slots=True)
class Catalogue:
    """All checked definitions of a project. `cs_engine.usage.catalogue.build` makes it."""

    attributes: Attributes
    windows: Mapping[str, Window]
    derived: Mapping[Grain, Mapping[str, Origin]]
    """Columns that are expressions, each after those that it needs. On the contact's row the derived metrics alone."""
    types: Mapping[str, Type]
    """Of every metric, and of health where it is configured; UNKNOWN for those in `broken`."""
    milestones: tuple[str, ...]
    """In the order of the journey."""
    segments: tuple[str, ...]
    broken: frozenset[str]
    """Columns of definitions with problems, and of all that need them: an expression that reads one must not be run."""
    described: Mapping[str, str] = field(default_factory=dict)
    """What each metric, milestone column and segment column is, in words."""
    happened: dict[str, Window] = field(default_factory=dict, compare=False)
    """What happened('…') counts, by its words: metrics that conditions define where they stand. Filled as they are compiled."""
    calendars: tuple[str, ...] = ()
    """Names that `in_calendar` may be given."""
    confirmed: frozenset[str] = frozenset()
    """Milestones that count once the customer has said yes."""

    def scope(
        self, grain: Grain, vars: Mapping[str, Scalar] | None = None, asked: Asked | None = None,
        event: Mapping[str, Type] | str = NO_EVENT, begun: bool = False,
    ) -> CatalogueScope:  # fmt: skip
        """What names stand for in a condition over that grain's row, in a playbook with those `vars` whose steps ask that. `event`: the
        columns of the event that a passage begins with, or why there is none; `begun`: whether one has begun.
        """
        return CatalogueScope(self, grain, vars or {}, event, begun, asked=asked)

    def people_scope(self) -> CatalogueScope:
        """For the conditions in project.yaml that say who is champion and who operates: attributes of contacts alone."""
        return CatalogueScope(self, Grain.CONTACT, {}, people=True)

    @property
    def has_left(self) -> Expression | None:
        """Whether a contact has left their company, by a column `left_at` of the contacts; None where it has no such times."""
        if self.attributes.contact.get(LEFT_AT) is not Type.INSTANT:
            return None
        column = f"contact.{LEFT_AT}"
        sql = f"coalesce({quoted(column)} <= getvariable('now'), false)"
        return Expression(f"{column} <= now()", Grain.CONTACT, sql, Type.BOOLEAN, (column,))

    def names(self, grain: Grain) -> list[NameInfo]:
        """Every name that resolves to a column there, for editors, `list` and templates."""
        contact = [NameInfo(f"contact.{n}", t, "column of the contacts") for n, t in self.attributes.contact.items()]
        champion = [NameInfo(f"champion.{n}", t, "the account's champion as of now") for n, t in self.attributes.contact.items()]
        found = [NameInfo(f"account.{n}", t, "column of the accounts") for n, t in self.attributes.account.items()]
        found += [*(contact if grain is Grain.CONTACT else []), *champion]
        own = [NameInfo(name, kind, self.described.get(name, "")) for name, kind in self.types.items()]
        own += [NameInfo(name, Type.NUMBER, words) for name, words in COUNTED.items()]
        if grain is Grain.CONTACT:
            own += [NameInfo(f"account.{info.name}", info.type, info.description) for info in own]
        return found + own

    def origin(self, grain: Grain, column: str) -> Origin:
        """Where a column of that grain's facts comes from. Raises KeyError for a column that no name resolves to."""
        if (answer := answers_in(column)) is not None:
            return Answered(column, answer.type) if answer.grain is grain else OfAccount(column, answer.type)
        if (spell := spell_in(column)) is not None and spell.grain is grain:
            return Since(column)
        if column in self.derived[grain]:
            return self.derived[grain][column]
        if column in self.windows:
            return Measured(self.windows[column])
        if column == STREAK:
            return Streak()
        if column in self.happened:
            return Measured(self.happened[column])
        if column in COUNTED:
            return Counted(column)
        head, _, rest = column.partition(".")
        own = self.attributes.account if grain is Grain.ACCOUNT else self.attributes.contact
        if head == grain.value == Grain.ACCOUNT and rest in self.attributes.stored:
            return Stored(rest, own[rest], self.attributes.stored[rest])
        if head == grain.value and rest in own:
            return Attribute(rest, own[rest])
        if grain is Grain.ACCOUNT:
            return self._of_account_alone(column, head, rest)
        inner = column if head != "account" or rest in self.attributes.account else rest
        if not (head == "contact" and rest):
            origin = self.origin(Grain.ACCOUNT, inner)
            return OfAccount(inner, origin.type)
        raise KeyError(column)

    def _of_account_alone(self, column: str, head: str, rest: str) -> Origin:
        if head == "champion" and rest in self.attributes.contact:
            return Champion(rest, self.attributes.contact[rest])
        kind, _, milestone = column.partition(":")
        if (kind == "latched" and milestone in self.milestones) or (kind in _OURS and milestone in self.confirmed):
            return Latch(column)
        raise KeyError(column)

    def counts(self, condition: Expression) -> frozenset[str]:
        """Of the columns that a condition reads those that are never blank, and never below 0."""
        return frozenset(name for name in condition.names if self._is_count(condition.grain, name))

    def _is_count(self, grain: Grain, column: str) -> bool:
        try:
            origin = self.origin(grain, column)
        except KeyError:  # what a passage knows, and what is defined elsewhere
            return False
        match origin:
            case OfAccount(column=of_account):
                return self._is_count(Grain.ACCOUNT, of_account)
            case Measured(window=window):
                return window.is_count
            case Counted(name=name):
                return name != NPS
            case _:
                return False

    def needs(self, grain: Grain, columns: Iterable[str]) -> set[str]:
        """These columns and all of the same row that they are made of."""
        found: set[str] = set()
        left = list(columns)
        while left:
            column = left.pop()
            if column not in found:
                found.add(column)
                left.extend(getattr(self.origin(grain, column), "needs", ()))
        return found

    def meaning(self, condition: Expression) -> str:
        """All definitions that decide when the condition is true, as text: edited, it is another."""
        found: dict[tuple[Grain, str], Origin] = {}
        left = [(condition.grain, name) for name in condition.names]
        while left:
            at = left.pop()
            if at not in found and at[1] not in self.broken:
                origin = found[at] = self.origin(*at)
                if isinstance(origin, OfAccount):
                    left.append((Grain.ACCOUNT, origin.column))
                elif isinstance(origin, Derived):
                    left.extend((at[0], name) for name in origin.needs)
        defined = sorted(f"{grain} {name}: {o!r}" for (grain, name), o in found.items() if isinstance(o, Derived | Measured))
        return "\n".join([condition.sql, *defined])

    def column_of(self, grain: Grain, name: str) -> str:
        """The column that a name of `names(grain)` reads (a column's own name is its name too). Raises KeyError for others."""
        if grain is Grain.ACCOUNT and name.startswith("account.") and name.removeprefix("account.") not in self.attributes.account:
            name = name.removeprefix("account.")
        self.origin(grain, name)
        return name


@dataclass(frozen=True, slots=True)
class CatalogueScope:
    """The catalogue's names on one grain's row."""

    catalogue: Catalogue
    grain: Grain
    vars: Mapping[str, Scalar]
    event: Mapping[str, Type] | str = NO_EVENT
    begun: bool = False
    people: bool = False
    asked: Asked | None = None
    """What the steps of the playbook ask; None outside of playbooks."""

    @property
    def milestones(self) -> Collection[str]:
        return () if self.people else self.catalogue.milestones

    @property
    def confirmed(self) -> Collection[str]:
        return () if self.people else self.catalogue.confirmed

    @property
    def segments(self) -> Collection[str]:
        return () if self.people else self.catalogue.segments

    @property
    def calendars(self) -> Collection[str]:
        return () if self.people else self.catalogue.calendars

    @property
    def events(self) -> _Events | None:
        return None if self.people else _Events(self.catalogue, self.grain)

    @property
    def spells(self) -> _Spells | None:
        return None if self.people else _Spells(self.catalogue)

    def names(self) -> Collection[str]:
        if self.people:
            return [f"contact.{name}" for name in self.catalogue.attributes.contact]
        event = () if isinstance(self.event, str) else self.event
        own = [*(f"vars.{name}" for name in self.vars), *(f"{EVENT}{name}" for name in event)]
        return [*(info.name for info in self.catalogue.names(self.grain)), *own]

    def resolve(self, name: str) -> Column | Literal | NotHere | None:
        head, dot, rest = name.partition(".")
        if self.people and head != "contact":
            return NotHere("who somebody is can hang on contact.* alone", "use columns of the contacts")
        if not dot:
            return self._metric(name, name)
        match head:
            case "vars":
                return Literal(self.vars[rest]) if rest in self.vars else None
            case "event":
                return self._event(name, rest)
            case "contact" if self.grain is Grain.ACCOUNT:
                return NotHere(
                    "contact.* is known where the subject is a contact, and inside `to:`", f"the account's champion is champion.{rest}"
                )
            case "contact" | "champion":
                return self._column(name, f"contact.{rest}", self.catalogue.attributes.contact.get(rest))
            case "account":
                if rest in self.catalogue.attributes.account:
                    return self._column(name, name, self.catalogue.attributes.account[rest])
                return self._metric(rest, name if self.grain is Grain.CONTACT else rest)
        return None

    def _event(self, name: str, column: str) -> Column | NotHere | None:
        if isinstance(self.event, str):
            return NotHere(self.event, "begin passages with one: `enter: {event: invited}`" if self.event == NO_EVENT else "")
        return kept(name, self.event[column]) if column in self.event else None

    def _column(self, name: str, attribute: str, kind: Type | None) -> Column | None:
        return None if kind is None else Column(name, kind, values=self.catalogue.attributes.values.get(attribute, ()))

    def _metric(self, metric: str, column: str) -> Column | NotHere | None:
        if metric in self.catalogue.types:
            return Column(column, self.catalogue.types[metric])
        if metric in COUNTED:
            return Column(column, Type.NUMBER)
        if metric in ("health", "health_band"):
            return NotHere("no health is configured", "describe it in playbooks/health.yaml")
        return None


@dataclass(frozen=True, slots=True)
class _Events:
    """What a condition may ask of the events of its subject."""

    catalogue: Catalogue
    grain: Grain

    def scope_of(self, event: str) -> EventScope | NotHere:
        source, _ = self._named(event)
        columns = self.catalogue.attributes.events.get(source, {})
        if "event" not in columns:
            return NotHere(f"events of {source} have no names", f"name their column in project.yaml: `event:` of {source}")
        return EventScope(source, columns, self.grain, seen=self.catalogue.attributes.seen(source))

    def plain(self, event: str) -> str:
        return self._named(event)[1]

    def count(self, name: str, event: str, where: str, reads: tuple[str, ...]) -> Column:
        return self._asked(name, event, where, reads, None)

    def time(self, name: str, event: str, where: str, reads: tuple[str, ...], *, last: bool) -> Column:
        return self._asked(f"{'last' if last else 'first'} {name}", event, where, reads, "last" if last else "first")

    def _asked(self, name: str, event: str, where: str, reads: tuple[str, ...], when: When | None) -> Column:
        source, plain = self._named(event)
        named = "event = '" + plain.replace("'", "''") + "'"
        both = f"{named} AND {where}" if where else named
        every = tuple(sorted({"event", *reads}))
        window = Window(name, Kind.COUNT, source, "", both, None, 0, reads=every, when=when)
        self.catalogue.happened[name] = window
        return Column(name, Measured(window).type)

    def _named(self, event: str) -> tuple[str, str]:
        """(source, name): `tickets.opened` is of the further source tickets, all else of the usage."""
        source, dot, name = event.partition(".")
        return (source, name) if dot and source in self.catalogue.attributes.events else ("usage", event)


@dataclass(frozen=True, slots=True)
class _Spells:
    """Since when a condition has been true of its subject."""

    catalogue: Catalogue

    def since(self, condition: Expression) -> Column:
        return Column(spell_column(condition.grain, self.catalogue.meaning(condition), condition.text), Type.INSTANT)


@dataclass(frozen=True, slots=True)
class EventScope:
    """The columns of one event source, for `where`."""

    source: str
    columns: Mapping[str, Type]
    grain: Grain = Grain.ACCOUNT
    milestones: tuple[str, ...] = ()
    confirmed: tuple[str, ...] = ()
    segments: tuple[str, ...] = ()
    calendars: tuple[str, ...] = ()
    begun: bool = False
    events: None = None
    spells: None = None
    asked: None = None
    seen: tuple[str, ...] = ()
    """Names of the events that there have been; none where that is not known."""

    def names(self) -> list[str]:
        return list(self.columns)

    def resolve(self, name: str) -> Column | NotHere | None:
        if name in self.columns:
            return Column(name, self.columns[name], values=self.seen if name == EVENT_NAME else ())
        if name.partition(".")[0] in HEADS and "." in name:
            return NotHere("`where` reads the columns of events alone", f"events of {self.source} have {', '.join(self.columns)}")
        return None
