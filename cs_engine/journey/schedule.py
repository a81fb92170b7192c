"""When a playbook is due. Which playbooks are due is ours to know; missed times run once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from cronsim import CronSim

from cs_engine.playbook.plan import Schedule


def next_due(schedule: Schedule, now: datetime, zone: ZoneInfo) -> datetime:
    """The first due time after `now` (aware), in UTC.

    `every` counts from midnight in the project's zone, spans of whole days from 1970-01-01 there; a cron line is read in the
    zone, with cron's own rules around summer time.
    """
    local = now.astimezone(zone)
    if schedule.cron is not None:
        return next(CronSim(schedule.cron, local)).astimezone(UTC)
    minutes = schedule.every_minutes or 15
    if minutes >= 24 * 60:
        days = minutes // (24 * 60)
        ordinal = local.date().toordinal()
        following = local.date() + timedelta(days=days - ordinal % days)
        return datetime(following.year, following.month, following.day, tzinfo=zone).astimezone(UTC)
    midnight = datetime(local.year, local.month, local.day, tzinfo=zone).astimezone(UTC)
    step = timedelta(minutes=minutes)
    due = midnight + step * ((now.astimezone(UTC) - midnight) // step + 1)
    tomorrow = local.date() + timedelta(days=1)
    following_midnight = datetime(tomorrow.year, tomorrow.month, tomorrow.day, tzinfo=zone).astimezone(UTC)
    return min(due, following_midnight)
