"""CTAs that nobody attends to: overdue ones are told to the manager, those of who is away to who stands in. Each once."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

import numpy as np

from cs_engine.content.cta import Entry, entries, notes
from cs_engine.content.formats import in_locale, write_date
from cs_engine.content.sandbox import slack_escape
from cs_engine.journey import identity
from cs_engine.journey.cta import by_urgency
from cs_engine.journey.message import ALARM, MOST_URGENT, Alarm, NewMessage
from cs_engine.language import durations
from cs_engine.language.expression import Grain
from cs_engine.playbook.calendars import parse_span
from cs_engine.playbook.plan import TRANSACTIONAL
from cs_engine.ports import JournalLine, OpenCta
from cs_engine.run.context import TickContext
from cs_engine.run.ctas.alerts import account_link, day_of
from cs_engine.run.ctas.because import Reader
from cs_engine.run.ctas.notes import name_of, note, reader_of, said

_LONGEST_AWAY = 400
"""Days."""
_MOST_HANDED = 10
"""CTAs that are named one by one."""


def escalate(tick: TickContext, ctas: Sequence[OpenCta]) -> None:
    """Tells the managers of those that are overdue for so long as project.yaml says, and their threads; once for each opening."""
    within = tick.engine.project.config.slack.escalate
    duration = None if within is None else durations.parse(within)
    late = [cta for cta in ctas if cta.state == "open" and cta.escalated_at is None and cta.due_at is not None and cta.due_at <= tick.at]
    if duration is None or not late:
        return
    over = tick.after(np.array([cta.due_at for cta in late], np.int64), duration) <= tick.at
    told = [(cta, _manager(tick, cta)) for cta, is_over in zip(late, over.tolist(), strict=True) if is_over]
    if not told:
        return
    alarms: list[Alarm] = []
    for cta, manager in told:
        if manager:
            alarms += [_overdue(tick, cta, manager), *_reply(tick, cta, manager)]
    lines = [_line(tick, cta, "cta_escalated", manager or "nobody to tell") for cta, manager in told]
    tick.engine.store.escalate_ctas([cta.id for cta, _ in told], tick.at, alarms, lines)


def hand_over(tick: TickContext, ctas: Sequence[OpenCta]) -> None:
    """Tells who stands in for somebody who is away of the CTAs that are open there, once for each absence."""
    alarms: list[Alarm] = []
    for owner in tick.directory.away:
        instead = tick.directory.here(owner)
        mine = [cta for cta in ctas if cta.staff == owner]
        if instead == owner or not mine:
            continue
        first, last = absence(tick, owner)
        alarms.append(_handed(tick, owner, instead, mine, (first, last)))
        for cta in mine:
            text = said(tick.engine.project, cta, "handed", who=instead)
            alarms += [note(tick.engine.project, cta, f"away {first}", cta.opened_at, text)] if cta.provider_ref else []
    if alarms:
        tick.engine.store.order(alarms=alarms)


def absence(tick: TickContext, owner: str) -> tuple[date, date]:
    """The first and the last day of somebody's absence that today lies in."""
    spans = [span for span in map(parse_span, tick.directory.staff[owner].away) if span is not None]
    first = last = tick.now.astimezone(reader_of(tick.engine.project, owner).zone).date()
    while any(first - timedelta(days=1) in span for span in spans) and (last - first).days < _LONGEST_AWAY:
        first -= timedelta(days=1)
    while any(last + timedelta(days=1) in span for span in spans) and (last - first).days < _LONGEST_AWAY:
        last += timedelta(days=1)
    return first, last


def entry_of(tick: TickContext, cta: OpenCta, name: str, reader: Reader) -> Entry:
    """One CTA in a list."""
    plan = tick.plans.get(cta.digest)
    title = in_locale(plan.title, reader.locale) if plan is not None else cta.playbook
    link = account_link(tick.engine.project, cta.account_id)
    late = cta.due_at is not None and cta.due_at < tick.at
    return Entry(name or cta.account_id, link, title, cta.priority, day_of(cta.due_at, reader.zone, reader.locale), late)


def names_of(tick: TickContext, ctas: Sequence[OpenCta]) -> list[str]:
    """What their accounts are called; '' for one that is gone."""
    rows = tick.rows_of(Grain.ACCOUNT, [cta.account_id for cta in ctas])
    (names,) = tick.facts.columns(Grain.ACCOUNT, ["account.name"], rows)
    return [str(name or "") for name in names]


def own_alarm(tick: TickContext, id: str, what: str, whom: str, text: str, playbook: str = "", account: str = "") -> Alarm:
    """A message of its own to one of us."""
    message = NewMessage(
        id, "", playbook, "", what, ALARM, "slack", "", TRANSACTIONAL, account, "", whom, "staff", "", MOST_URGENT, tick.at,
    )  # fmt: skip
    return Alarm(message, text)


def _manager(tick: TickContext, cta: OpenCta) -> str:
    """Who is told of an overdue CTA: the manager of whose it is, else the project's fall-back; '' when that is they themselves."""
    person = tick.directory.staff.get(cta.staff)
    manager = person.manager if person is not None and person.manager in tick.directory.staff else None
    found = tick.directory.here(manager or tick.engine.project.config.sender.fallback)
    return found if found in tick.directory.staff and found != cta.staff else ""


def _overdue(tick: TickContext, cta: OpenCta, manager: str) -> Alarm:
    reader = reader_of(tick.engine.project, manager)
    (name,) = names_of(tick, [cta])
    owner = name_of(tick.engine.project, cta.staff, reader.locale) or tick.engine.project.config.slack.channel
    head = notes(reader.locale)["overdue"].format(who=slack_escape(owner))
    text = "\n".join((head, *entries([entry_of(tick, cta, name, reader)], reader.locale)))
    id = identity.note_id(cta.playbook, cta.id, "escalated to", cta.opened_at)
    return own_alarm(tick, id, "escalated", manager, text, cta.playbook, cta.account_id)


def _reply(tick: TickContext, cta: OpenCta, manager: str) -> list[Alarm]:
    text = said(tick.engine.project, cta, "escalated", who=manager, at=cta.due_at)
    return [note(tick.engine.project, cta, "escalated", cta.opened_at, text)] if cta.provider_ref else []


def _handed(tick: TickContext, owner: str, instead: str, ctas: Sequence[OpenCta], days: tuple[date, date]) -> Alarm:
    reader = reader_of(tick.engine.project, instead)
    ranked = sorted(ctas, key=by_urgency)
    listed = [entry_of(tick, cta, name, reader) for cta, name in zip(ranked, names_of(tick, ranked), strict=True)]
    who = slack_escape(name_of(tick.engine.project, owner, reader.locale))
    head = notes(reader.locale)["stands_in"].format(who=who, day=write_date(days[1], reader.locale, "weekday"), n=len(ctas))
    id = identity.note_id("", owner, f"away {days[0]} {instead}", 0)
    return own_alarm(tick, id, "handed_over", instead, "\n".join((head, *entries(listed, reader.locale, _MOST_HANDED))))


def _line(tick: TickContext, cta: OpenCta, event: str, reason: str) -> JournalLine:
    return JournalLine(tick.at, cta.playbook, cta.account_id, cta.subject_id, cta.enrolment_id, cta.step, event, reason, "")
