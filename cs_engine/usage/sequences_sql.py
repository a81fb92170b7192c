"""Window metrics that hang on what came after what, at one `now` as SQL: text only, over the views that windows_sql describes.

Each is a pass of its own: whether an event counts hangs on its neighbours of the same kind, so that two of them share nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from cs_engine.language.expression import Grain
from cs_engine.language.scope import quoted
from cs_engine.usage.windows import Kind, Window
from cs_engine.usage.windows_sql import Aggregate, Moment, view


def sequences(windows: Iterable[Window], grain: Grain, moment: Moment, learned: Iterable[str] = ()) -> list[Aggregate]:
    """The statements that compute these windows at that grain. `learned`: sources whose events have a `learned_at`."""
    late = set(learned)
    return [_streak(window, grain, moment, late=window.source in late) for window in sorted(windows, key=lambda w: w.name)]


def _streak(window: Window, grain: Grain, moment: Moment, *, late: bool) -> Aggregate:
    """How many days, or weeks of seven days, in a row had an event.

    Counted back from today, the nth of a subject's days is n - 1 days ago as long as none is missing. Today may be missing: it is
    not over; a week always ends today.
    """
    subject = quoted(f"#{grain.value}")
    back = f'({moment.today_sql} - "#day")' + (" // 7" if window.kind is Kind.STREAK_WEEKS else "")
    latest = 0 if window.kind is Kind.STREAK_WEEKS else 1
    days = f'SELECT DISTINCT {subject} AS "#no", {back} AS "#back" FROM {_events(window, moment, late=late)} WHERE {subject} IS NOT NULL'
    gaps = f'SELECT "#no", "#back" - row_number() OVER (PARTITION BY "#no" ORDER BY "#back") + 1 AS "#gap" FROM ({days})'
    # The gap grows with every one that is missing: those that share the smallest are in a row.
    counted = f'SELECT "#no", "#gap", count(*) AS {quoted(window.name)} FROM ({gaps}) WHERE "#gap" <= {latest} GROUP BY 1, 2'
    return Aggregate(f'{counted} QUALIFY row_number() OVER (PARTITION BY "#no" ORDER BY "#gap") = 1', (window,))


def _events(window: Window, moment: Moment, *, late: bool) -> str:
    """The events of its kind that the window reaches, none later than now, as a relation."""
    first, _ = moment.days(window)
    which = [f"({window.where})"] if window.where else []
    if late:
        which.append(f'coalesce("learned_at", "at") <= {moment.now_sql}')
    yesterday = moment.today - timedelta(days=1)
    since = f"\"#day\" >= DATE '{first.isoformat()}' AND " if first else ""
    # Only today's events can lie later than now: of all others not even the time is read.
    spans = [f"{since}\"#day\" <= DATE '{yesterday.isoformat()}'", f'"#day" = {moment.today_sql} AND "at" <= {moment.now_sql}']
    reads = (f"SELECT * FROM {view(window.source)} WHERE {' AND '.join([span, *which])}" for span in spans)
    return "(" + " UNION ALL ".join(reads) + ")"
