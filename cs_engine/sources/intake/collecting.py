"""What was collected -> events of the set: all of it into a set that is made anew, what came since into the one in force.

A call that does not name its account counts for the account that its user has among the contacts. Calls whose account nobody knows
yet are counted, and left where they are: accounts and contacts are read anew when their files change, and then all calls are, too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from itertools import compress
from pathlib import Path

import duckdb

from cs_engine.playbook.config import ProjectConfig
from cs_engine.ports import Feed, SourceReport
from cs_engine.sources.duck import reading_room
from cs_engine.sources.intake.arriving import Arrivals
from cs_engine.sources.intake.fold import growing, take_in
from cs_engine.sources.sets.snapshot import UsageSet
from cs_engine.sources.sql import text
from cs_engine.usage.collected import EVENTS, Arrived

_CHUNK = 100_000
"""Calls that are in memory at once."""
_MOST_EXAMPLES = 10


def fold_in(project: Path, config: ProjectConfig, source: str, feed: Feed) -> list[SourceReport]:
    """Makes a set current that has all calls, too, that came since the one in force. Raises CsEngineError when nothing was synced yet."""
    return growing(project, config, partial(grow, project, config, source, feed))[1]


def grow(project: Path, config: ProjectConfig, source: str, feed: Feed, usage: UsageSet) -> tuple[UsageSet, list[SourceReport]]:
    """The set, which is being made, with all calls that it does not have yet; what became of them."""
    # Before they are read: what is taken out of them meanwhile is found to be newer.
    edition, after = feed.collected_mark().edition, usage.taken.get(source, 0)
    total = SourceReport(f"{source} (collector)", 0, 0, 0, ())
    while arrived := feed.collected(after, _CHUNK):
        after = arrived[-1].sequence
        usage, report = _grow(project, config, source, usage, [one for one in arrived if one.call.kind in EVENTS])
        read, kept, bad = total.read + report.read, total.kept + report.kept, total.bad + report.bad
        examples = (*total.examples, *report.examples)[:_MOST_EXAMPLES]
        total = SourceReport(total.source, read, kept, bad, examples, total.waiting + report.waiting)
    waiting = usage.waiting.get(source, 0) + total.waiting
    made = replace(usage, taken={**usage.taken, source: after}, waiting={**usage.waiting, source: waiting}, edition=edition)
    return made, [total] if total.read else []


def _grow(project: Path, config: ProjectConfig, source: str, usage: UsageSet, events: Sequence[Arrived]) -> tuple[UsageSet, SourceReport]:
    if not events:
        return usage, SourceReport(source, 0, 0, 0, ())
    with reading_room(config.timezone) as db:
        accounts = _accounts(db, usage, events)
        placed = list(compress(events, accounts))
        homeless = len(events) - len(placed)
        if not placed:
            return usage, SourceReport(source, len(events), 0, 0, (), homeless)
        arrivals = _arrivals(placed, list(filter(None, accounts)))
        usage, report, unknown = take_in(project, config, db, usage, source, arrivals)
    # What waits for its account is nothing bad, and no example of it.
    bad = report.bad - len(unknown)
    return usage, SourceReport(source, len(events), report.kept, bad, report.examples if bad else (), homeless + len(unknown))


def _arrivals(placed: Sequence[Arrived], accounts: Sequence[str]) -> Arrivals:
    calls = [one.call for one in placed]
    return Arrivals(
        id=[call.message_id for call in calls],
        account=accounts,
        contact=[call.contact_id or None for call in calls],
        event=[call.event for call in calls],
        at=[call.occurred_at for call in calls],
        learned_at=[one.received_at for one in placed],
        properties=[call.properties for call in calls],
    )


def _accounts(db: duckdb.DuckDBPyConnection, usage: UsageSet, events: Sequence[Arrived]) -> list[str]:
    """For each call the account that it counts for; '' where nobody can say."""
    users = sorted({one.call.contact_id for one in events if not one.call.account_id and one.call.contact_id})
    found = db.execute(
        f"SELECT id, account FROM read_parquet({text(usage.contacts)}) WHERE id IN (SELECT unnest($1::VARCHAR[]))", [users]
    ).fetchall() if users else []  # fmt: skip
    known = dict(found)
    return [one.call.account_id or known.get(one.call.contact_id) or "" for one in events]
