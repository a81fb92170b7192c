"""A condition over accounts at many moments at once, as SQL: text only, over the views that windows_sql describes and `account_facts`.

`past_who` says who is looked at ("#row", "#no", "#since"), and up to which day ("#until"); `past_<source>` holds their events up to
the last moment that is looked at.
`moments` is a relation with a row for each account and moment: "#i" (its number), "#row" and "#no" (the account's), "#now" TIMESTAMPTZ,
"#today" (its DATE in the project's zone). Windows over usage are counted anew for each row, as of its own "#now"; columns of accounts
are as they were known then where that was kept (`past_changes`: "#no", "#which" in `Reads.before`, "value" as text, "until"), and else as
they are today, for nobody knows how they were. What hangs on anything else has no past here: see `reads_of`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from cs_engine.language.expression import Grain
from cs_engine.language.scope import quoted
from cs_engine.usage.columns import Attribute, Champion, Derived, Latch, Measured, Stored
from cs_engine.usage.names import Catalogue, is_latch
from cs_engine.usage.sequences_sql import in_order
from cs_engine.usage.windows import Kind, Window
from cs_engine.usage.windows_sql import measured, view

CHANGES = "past_changes"
"""The table of what columns of those in past_who were: true up to `until`, which is the moment of the next value."""
_LASTING = ("account.id", "account.signed_up_at")
"""Columns of accounts that are what they always were."""
_NOW, _TODAY = "getvariable('now')", "getvariable('today')"


@dataclass(frozen=True, slots=True)
class Reads:
    """What a column is made of, all of which can be told of the past."""

    windows: tuple[Window, ...]
    kept: tuple[str, ...]
    """Columns of `account_facts`."""
    before: tuple[tuple[str, str], ...]
    """Those of them that were otherwise, with their SQL type."""
    derived: tuple[tuple[str, Derived], ...]
    changing: bool
    """Whether any of `kept` may have been otherwise without anybody knowing how."""
    by_time: bool
    """Whether it may become true without an event, as days go by."""

    @property
    def sources(self) -> tuple[str, ...]:
        return tuple(sorted({window.source for window in self.windows}))


def reads_of(catalogue: Catalogue, column: str, known: Collection[str], before: Mapping[str, str]) -> Reads | None:
    """What that column of accounts reads; None where any of it has no past: counts of ours, answers, calendars.

    `known`: columns of accounts of which it was kept how they were. `before`: those of them that ever were otherwise -> their SQL type.
    """
    windows: list[Window] = []
    kept: list[str] = []
    derived: list[tuple[str, Derived]] = []
    needed = catalogue.needs(Grain.ACCOUNT, [column])
    for name in sorted(needed):
        match catalogue.origin(Grain.ACCOUNT, name):
            case Measured(window):
                windows.append(window)
            case Attribute() | Stored() | Champion() | Latch():
                kept.append(name)
            case Derived() as one if "getvariable" not in one.sql.replace(_NOW, "").replace(_TODAY, ""):
                derived.append((name, one))
            case _:
                return None
    untold = [name for name in kept if name not in _LASTING and not isinstance(catalogue.origin(Grain.ACCOUNT, name), Latch)]
    told = {name for name in untold if name in known and isinstance(catalogue.origin(Grain.ACCOUNT, name), Attribute)}
    by_time = not all(map(only_grows, windows)) or any("getvariable" in one.sql for _, one in derived)
    otherwise = tuple((name, before[name]) for name in kept if name in told and name in before)
    return Reads(tuple(windows), tuple(kept), otherwise, tuple(derived), not told.issuperset(untold), by_time)


def evaluated(reads: Reads, moments: str) -> str:
    """SELECT of the rows of `moments` with every column that is read."""
    before = {name: (f"b{number}", kind) for number, (name, kind) in enumerate(reads.before)}
    joins = [_before(number) for number in range(len(before))]
    shown = [_kept(name, *before.get(name, ("", ""))) for name in reads.kept]
    for number, source in enumerate(reads.sources):
        windows = [window for window in reads.windows if window.source == source and not window.in_order]
        if not windows:
            continue
        joins.append(f'LEFT JOIN ({_counted(windows, source, moments)}) AS w{number} ON w{number}."#i" = m."#i"')
        shown += [f"{_value(window, f'w{number}.{quoted(window.name)}')} AS {quoted(window.name)}" for window in windows]
    for number, window in enumerate(window for window in reads.windows if window.in_order):
        joins.append(f'LEFT JOIN ({_in_order(window, moments)}) AS s{number} ON s{number}."#no" = m."#i"')
        shown.append(f"{_value(window, f's{number}.{quoted(window.name)}')} AS {quoted(window.name)}")
    columns = ", ".join(["m.*", *shown])
    sql = f'SELECT {columns} FROM {moments} AS m JOIN account_facts AS f ON f."#row" = m."#row" {" ".join(joins)}'
    have = {*reads.kept, *(window.name for window in reads.windows)}
    left = dict(reads.derived)
    while left:
        level = {name: one for name, one in left.items() if have.issuperset(one.needs)}
        made = ", ".join(f"TRY({_then(one.sql)}) AS {quoted(name)}" for name, one in level.items())
        sql = f"SELECT *, {made} FROM ({sql})"
        have |= level.keys()
        left = {name: one for name, one in left.items() if name not in level}
    return sql


def all_events(source: str) -> str:
    """The name of the table of all their events."""
    return quoted(f"past all {source}")


def kept_events(source: str) -> str:
    """The name of the table of those of them that are counted: all that came before the moments that are looked at."""
    return quoted(f"past_{source}")


def their_events(reads: Reads, source: str) -> str:
    """SELECT of the events of that source, by now and their last day, of those in past_who, with what is read of them."""
    windows = [window for window in reads.windows if window.source == source]
    columns = {"#account", "#day", "at", *(_named(window.column) for window in windows if window.column)}
    columns |= {name for window in windows for name in window.reads}
    columns |= {"#contact" for window in windows if window.funnel is not None}
    shown = ", ".join(f"e.{quoted(name)}" for name in sorted(columns))
    there = 'w."#no" = e."#account" AND e."#day" <= w."#until"'
    return f'SELECT {shown} FROM {view(source)} AS e JOIN past_who AS w ON {there} WHERE e."at" <= {_NOW}'


def days_of_events(reads: Reads) -> str:
    """SELECT of "#no" and "#day": the days on which an account did anything that is counted, or a column of it that is read changed."""
    sources = [f'SELECT "#account" AS "#no", "#day" FROM {all_events(source)}' for source in reads.sources]
    sources += [f'SELECT "#no", CAST("until" AS DATE) AS "#day" FROM {CHANGES}'] if reads.before else []
    return " UNION ".join(sources) if sources else 'SELECT NULL::INTEGER AS "#no", NULL::DATE AS "#day" WHERE false'


def times_of_events(reads: Reads, days: str) -> str:
    """SELECT of "#no", "#now" and "#today": when each account did what is counted, or a column of it that is read changed, on its day of
    the relation `days` ("#no", "#day").
    """
    sources = [
        f'SELECT DISTINCT d."#no", e."at" AS "#now", d."#day" AS "#today" FROM {kept_events(source)} AS e JOIN {days} AS d '
        f'ON d."#no" = e."#account" AND d."#day" = e."#day"'
        for source in reads.sources
    ]
    if reads.before:
        same = 'd."#no" = c."#no" AND d."#day" = CAST(c."until" AS DATE)'
        sources.append(f'SELECT DISTINCT d."#no", c."until" AS "#now", d."#day" AS "#today" FROM {CHANGES} AS c JOIN {days} AS d ON {same}')
    return (
        " UNION ".join(sources)
        if sources
        else 'SELECT NULL::INTEGER AS "#no", NULL::TIMESTAMPTZ AS "#now", NULL::DATE AS "#today" WHERE false'
    )


def _counted(windows: Sequence[Window], source: str, moments: str) -> str:
    """A row for each moment at which anything had happened: "#i" and the windows."""
    furthest = max((_reach(window) for window in windows), key=lambda days: days if days is not None else 10**6, default=None)
    unbounded = any(_reach(window) is None for window in windows)
    near = "" if unbounded or furthest is None else f' AND e."#day" >= m."#today" - {furthest}'
    counted = ", ".join(f"{_aggregate(window)} AS {quoted(window.name)}" for window in windows)
    # The window's `where` names columns of the events alone, and so stands for itself.
    return f'SELECT "#i", {counted} FROM {_seen(source, moments, near)} GROUP BY "#i"'


def _in_order(window: Window, moments: str) -> str:
    """As `sequences_sql.in_order`, each moment being a subject of its own."""
    reach = _reach(window)
    near = "" if reach is None else f' AND e."#day" >= m."#today" - {reach}'
    which = f"(SELECT * FROM {_seen(window.source, moments, near)} WHERE {window.where or 'true'})"
    return in_order(window, which, quoted("#i"), quoted("#today"), _spanned(window))


def _seen(source: str, moments: str, near: str) -> str:
    """The relation of each moment's events, with its "#i", "#now" and "#today"."""
    joined = f'{moments} AS m JOIN {kept_events(source)} AS e ON e."#account" = m."#no" AND e."at" <= m."#now"{near}'
    return f'(SELECT m."#i", m."#now", m."#today", e.* FROM {joined})'


def _reach(window: Window) -> int | None:
    """How many days back from today it looks at most; None: to the beginning."""
    if window.hours is not None:
        return window.hours // 24 + 2
    return None if window.days is None else window.ago + window.days - 1


def _spanned(window: Window) -> list[str]:
    """SQL of whether an event lies in the window, in parts that must all be true."""
    parts = []
    if window.hours is not None:
        parts.append(f'"at" > "#now" - INTERVAL {window.hours} HOUR')
    elif window.days is not None:
        parts.append(f'"#day" >= "#today" - {window.ago + window.days - 1}')
    if window.ago:
        parts.append(f'"#day" <= "#today" - {window.ago}')
    return parts


def _aggregate(window: Window) -> str:
    parts = [*([f"({window.where})"] if window.where else []), *_spanned(window)]
    kept = f" FILTER ({' AND '.join(parts)})" if parts else ""
    if window.when is not None:
        return measured(window, kept)
    match window.kind:
        case Kind.COUNT | Kind.SUM | Kind.MIN | Kind.MAX | Kind.AVG:
            return measured(window, kept)
        case Kind.COUNT_DISTINCT:
            return f"count(DISTINCT {quoted(_named(window.column))}){kept}"
        case Kind.ACTIVE_DAYS:
            return f'count(DISTINCT "#day"){kept}'
        case Kind.ACTIVE_WEEKS:
            return f'count(DISTINCT ("#today" - {window.ago} - "#day") // 7){kept}'
        case Kind.DAYS_SINCE_FIRST:
            return f'max("#today") - min("#day"){kept}'
        case Kind.DAYS_SINCE_LAST:
            return f'max("#today") - max("#day"){kept}'
    raise ValueError(f"{window.kind} is not counted of the past")


def _named(column: str) -> str:
    return f"#{column}" if column in ("contact", "event") else column


def _value(window: Window, counted: str) -> str:
    """Beside what was counted, of whom nothing was seen."""
    if window.blank_of_nothing:
        return counted
    if window.kind is Kind.DAYS_SINCE_LAST:
        return f'coalesce({counted}, m."#today" - CAST(m."#since" AS DATE))'
    return f"coalesce({counted}, 0)"


def _before(number: int) -> str:
    """The join of what a column was at each moment: of all that it was, what holds until the nearest time after it."""
    values = f'SELECT "#no", "value", "until" FROM {CHANGES} WHERE "#which" = {number}'
    return f'ASOF LEFT JOIN ({values}) AS b{number} ON b{number}."#no" = m."#no" AND b{number}."until" > m."#now"'


def _kept(name: str, before: str, kind: str) -> str:
    """A column of the facts. `before`: the alias of what it was, '' where it never was otherwise; `kind`: its type."""
    if is_latch(name):
        return _latch(name)
    if not before:
        return f"f.{quoted(name)}"
    was = f'CASE WHEN {before}."until" IS NULL THEN f.{quoted(name)} ELSE TRY_CAST({before}."value" AS {kind}) END'
    return f"{was} AS {quoted(name)}"


def _latch(name: str) -> str:
    return f'CASE WHEN f.{quoted(name)} <= m."#now" THEN f.{quoted(name)} END AS {quoted(name)}'


def _then(sql: str) -> str:
    """An expression as of a row's own moment."""
    return sql.replace(_NOW, quoted("#now")).replace(_TODAY, quoted("#today"))


def only_grows(window: Window) -> bool:
    """Whether it changes with events alone."""
    running = (Kind.ACTIVE_WEEKS, Kind.DAYS_SINCE_FIRST, Kind.DAYS_SINCE_LAST, Kind.STREAK_DAYS, Kind.STREAK_WEEKS)
    return window.unbounded and not window.ago and (window.kind not in running or window.when is not None)
