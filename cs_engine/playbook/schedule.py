"""How often a playbook is due: `every 15 minutes`, or a cron line."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from cs_engine.language.problems import Place, Problems
from cs_engine.playbook.plan import Schedule

_EVERY = re.compile(r"every +(?:(?P<number>[0-9]+) +)?(?P<unit>minute|hour|day|week)s?")
_MINUTES = {"minute": 1, "hour": 60, "day": 1440, "week": 10080}
_EXAMPLES = "write `every 15 minutes`, `every 4 hours`, `every day`, or a cron line such as `0 9 * * MON-FRI`"


def parse(text: str, place: Place, problems: Problems) -> Schedule:
    """The schedule that `text` says. A wrong one is a problem, and given back as written."""
    words = " ".join(text.split())
    if every := _EVERY.fullmatch(words.lower()):
        minutes = int(every["number"] or 1) * _MINUTES[every["unit"]]
        # Beyond a day only whole days have a time of their own.
        if not 0 < minutes <= 366 * 1440 or (minutes > 1440 and minutes % 1440):
            problems.add(place, "P109", f'"{text}" is no schedule', _EXAMPLES)
        return Schedule(words, every_minutes=minutes)
    if words.lower().startswith("every") or not _is_cron(words):
        problems.add(place, "P109", f'"{text}" is no schedule', _EXAMPLES)
    return Schedule(words, cron=words)


def _is_cron(line: str) -> bool:
    """Five fields, and a time that they name."""
    from cronsim import CronSim, CronSimError

    if len(line.split()) != 5:
        return False
    try:
        next(CronSim(line, datetime(2000, 1, 1, tzinfo=UTC)))
    except (CronSimError, StopIteration):
        return False
    return True
