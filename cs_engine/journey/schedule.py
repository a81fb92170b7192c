"""When a playbook is due. Which playbooks are due is ours to know; missed times run once."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from cronsim import CronSim

from cs_engine.playbook.plan import Schedule

_DAY = timedelta(days=1)


def next_due(schedule: Schedule, now: datetime, zone: ZoneInfo) -> datetime:
    """The first due time after `now` (aware), in UTC.

    `every` counts from midnight in the project's zone, spans of whole days from 1970-01-01 there; a cron line is read in the
    zone, with cron's own rules around summer time.
    """
    if schedule.cron is not None:
        return next(CronSim(schedule.cron, now.astimezone(zone))).astimezone(UTC)
    today = now.astimezone(zone).date()
    if _begins(today + _DAY, zone) <= now:
        # A clock that is turned back over midnight shows yesterday again: the day has begun all the same, and begins once.
        today += _DAY
    minutes = schedule.every_minutes or 15
    if minutes >= 24 * 60:
        days = minutes // (24 * 60)
        return _begins(today + _DAY * (days - today.toordinal() % days), zone)
    step = timedelta(minutes=minutes)
    midnight = _begins(today, zone)
    return min(midnight + step * ((now.astimezone(UTC) - midnight) // step + 1), _begins(today + _DAY, zone))


def _begins(day: date, zone: ZoneInfo) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)
