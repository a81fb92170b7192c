"""Somebody of us works on a CTA: done, snoozed, judged, ticked off. From Slack and the command line alike; twice is once."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from cs_engine.errors import WrongUse
from cs_engine.instants import Micros
from cs_engine.journey import cta as marks
from cs_engine.journey import identity
from cs_engine.journey.cta import Mark
from cs_engine.ports import CtaView, JournalLine
from cs_engine.run.ctas.notes import note, said
from cs_engine.run.desk.stepping import Office, moment


def done(office: Office, cta: CtaView, by: str) -> bool:
    """Closes it; the alert and its thread say so after the next run. False when it is closed already."""
    at, project = moment(office), office.project
    told = note(project, cta, "done", at, said(project, cta, "done", who=by))
    return office.store.end_cta(cta, marks.DONE, by, at, identity.note_id(cta.playbook, cta.id, "show done", at), told)


def snooze(office: Office, cta: CtaView, until: Micros, by: str) -> bool:
    """Out of the way until then. False when that is so already, or it is closed. Raises WrongUse for a time that has passed."""
    at, project = moment(office), office.project
    if until <= at:
        raise WrongUse("that day has come: nothing was snoozed", "name a later one")
    what = f"snoozed {until}"
    told = note(project, cta, what, at, said(project, cta, "snoozed", who=by, at=until))
    line = _line(cta, at, "cta_snoozed", f"by {by}")
    return office.store.snooze_cta(cta, until, line, identity.note_id(cta.playbook, cta.id, f"show {what}", at), told)


def judge(office: Office, cta: CtaView, verdict: str, by: str) -> bool:
    """Keeps whether it was worth it, one verdict a person: the last counts. False when that is kept already."""
    at = moment(office)
    line = _line(cta, at, "cta_judged", f"{verdict} by {by}")
    return bool(office.store.mark_cta([Mark(cta.id, cta.opened_at, "verdict", by, verdict, by, at)], [line]))


def tick_off(office: Office, cta: CtaView, done_items: Collection[str], by: str, known: Iterable[str]) -> int:
    """Keeps which items of its checklist are done: these of the `known`, and no others. How many changed."""
    at, before = moment(office), {mark.item: mark.value for mark in office.store.cta_marks([cta.id]) if mark.kind == "item"}
    found = [Mark(cta.id, cta.opened_at, "item", key, "done" if key in done_items else "open", by, at) for key in known]
    changed = [mark for mark in found if mark.value != before.get(mark.item, "open")]
    lines = [_line(cta, at, "cta_item", f"{mark.item} {mark.value} by {by}") for mark in changed]
    return office.store.mark_cta(changed, lines)


def _line(cta: CtaView, at: Micros, event: str, reason: str) -> JournalLine:
    return JournalLine(at, cta.playbook, cta.account_id, cta.account_id, cta.enrolment_id, cta.step, event, reason, "")
