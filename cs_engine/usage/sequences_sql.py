"""Window metrics that hang on what came after what, at one `now` as SQL: text only, over the views that windows_sql describes.

Each is a pass of its own: whether an event counts hangs on its neighbours of the same kind, so that two of them share nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, date, timedelta

from cs_engine.language.expression import Grain
from cs_engine.language.scope import quoted
from cs_engine.usage.windows import Funnel, Kind, Window
from cs_engine.usage.windows_sql import Aggregate, Moment, view


def sequences(windows: Iterable[Window], grain: Grain, moment: Moment, learned: Iterable[str] = ()) -> list[Aggregate]:
    """The statements that compute these windows at that grain. `learned`: sources whose events have a `learned_at`."""
    late = set(learned)
    made = []
    for window in sorted(windows, key=lambda w: w.name):
        until = moment.today if window.funnel is None else _last_day(window, window.funnel, moment)
        events = _events(window, moment, late=window.source in late, until=until)
        counted = in_order(window, events, quoted(f"#{grain.value}"), moment.today_sql, _in_window(window, moment))
        made.append(Aggregate(counted, (window,)))
    return made


def in_order(window: Window, events: str, subject: str, today: str, begun: Sequence[str]) -> str:
    """SELECT of "#no", the subject, and the window. `events`: a relation of those that count, none later than it may be; `subject` and
    `today`, the DATE up to which it is counted, are SQL over it, and so is `begun`: what must be true of the first step of a funnel.
    """
    if window.funnel is not None:
        return _funnel(window.name, window.funnel, events, subject, begun)
    return _streak(window, events, subject, today)


def _streak(window: Window, events: str, subject: str, today: str) -> str:
    """How many days, or weeks of seven days, in a row had an event.

    Counted back from today, the nth of a subject's days is n - 1 days ago as long as none is missing. Today may be missing: it is
    not over; a week always ends today.
    """
    back = f'({today} - "#day")' + (" // 7" if window.kind is Kind.STREAK_WEEKS else "")
    latest = 0 if window.kind is Kind.STREAK_WEEKS else 1
    days = f'SELECT DISTINCT {subject} AS "#no", {back} AS "#back" FROM {events} WHERE {subject} IS NOT NULL'
    gaps = f'SELECT "#no", "#back" - row_number() OVER (PARTITION BY "#no" ORDER BY "#back") + 1 AS "#gap" FROM ({days})'
    # The gap grows with every one that is missing: those that share the smallest are in a row.
    counted = f'SELECT "#no", "#gap", count(*) AS {quoted(window.name)} FROM ({gaps}) WHERE "#gap" <= {latest} GROUP BY 1, 2'
    return f'{counted} QUALIFY row_number() OVER (PARTITION BY "#no" ORDER BY "#gap") = 1'


def _funnel(name: str, funnel: Funnel, events: str, subject: str, begun: Sequence[str]) -> str:
    """How often the first step was followed by the others in order; or in which share of the times.

    From the last step back, each step's event learns when the whole way from it ends at the earliest: that is the least end among the
    events of the next step that come after it. So each first step is told by one look at each of its events, however many follow.
    """
    last = len(funnel.steps) - 1
    way = '"#no", "#contact"' if funnel.one_person else '"#no"'
    of_whom = [f"{subject} IS NOT NULL", *(['"#contact" IS NOT NULL'] if funnel.one_person else [])]
    flags = ", ".join(f'({step}) AS "#step{i}"' for i, step in enumerate(funnel.steps))
    any_step = " OR ".join(f"({step})" for step in funnel.steps)
    first = " AND ".join([f"({funnel.steps[0]})", *begun])
    rows = (
        f'SELECT {subject} AS "#no", "#contact", "#day", "at", epoch_us("at") AS "#us", {flags}, {first} AS "#begun" FROM {events} '
        f"WHERE {' AND '.join(of_whom)} AND ({any_step})"
    )
    ways = f'SELECT *, CASE WHEN "#step{last}" THEN "at" END AS "#end" FROM ({rows})'
    for i in reversed(range(last)):
        later = f'min("#end") OVER (PARTITION BY {way} ORDER BY "#us" RANGE BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING)'
        ways = f'SELECT * REPLACE (CASE WHEN "#step{i}" THEN {later} END AS "#end") FROM ({ways})'
    through = f"count(*) FILTER ({_in_time(funnel)})"
    counted = f"{through} / count(*)" if funnel.rate else through
    return f'SELECT "#no", {counted} AS {quoted(name)} FROM ({ways}) WHERE "#begun" GROUP BY 1'


def _in_time(funnel: Funnel) -> str:
    """SQL of whether the way from a first step ends, and no later than it may."""
    if funnel.hours is not None:
        return f'"#end" <= "at" + INTERVAL {funnel.hours} HOUR'
    return '"#end" IS NOT NULL' if funnel.days is None else f'CAST("#end" AS DATE) - "#day" <= {funnel.days}'


def _last_day(window: Window, funnel: Funnel, moment: Moment) -> date:
    """The last day on which a way that begins in the window can end."""
    days = funnel.days if funnel.hours is None else funnel.hours // 24 + 2
    return moment.today if days is None else min(moment.today, moment.days(window)[1] + timedelta(days=days))


def _in_window(window: Window, moment: Moment) -> list[str]:
    """SQL of whether an event no later than now lies in the window, in parts that must all be true."""
    if window.hours is not None:
        return [f"\"at\" > TIMESTAMPTZ '{(moment.now.astimezone(UTC) - timedelta(hours=window.hours)).isoformat()}'"]
    first, last = moment.days(window)
    return [*([f'"#day" >= {_date(first)}'] if first else []), *([f'"#day" <= {_date(last)}'] if window.ago else [])]


def _events(window: Window, moment: Moment, *, late: bool, until: date) -> str:
    """The events of its kind from the beginning of the window up to that day, none later than now, as a relation."""
    first, _ = moment.days(window)
    which = [*([f'"#day" >= {_date(first)}'] if first else []), *([f"({window.where})"] if window.where else [])]
    if late:
        which.append(f'coalesce("learned_at", "at") <= {moment.now_sql}')
    # Only today's events can lie later than now: of all others not even the time is read.
    spans = [f'"#day" <= {_date(min(until, moment.today - timedelta(days=1)))}']
    if until >= moment.today:
        spans.append(f'"#day" = {moment.today_sql} AND "at" <= {moment.now_sql}')
    return "(" + " UNION ALL ".join(f"SELECT * FROM {view(window.source)} WHERE {' AND '.join([span, *which])}" for span in spans) + ")"


def _date(day: date) -> str:
    return f"DATE '{day.isoformat()}'"
