"""What a CTA says beside its template's text: from rows, for all of one step at once."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from urllib.parse import quote
from zoneinfo import ZoneInfo

import numpy as np

from cs_engine.content.cta import SHOWN_BY, Alert, Item
from cs_engine.content.formats import in_locale, write_date
from cs_engine.content.slack import SlackTemplate
from cs_engine.instants import Micros, from_micros
from cs_engine.journey.message import COPY
from cs_engine.journey.policy import zone_or
from cs_engine.playbook.alerts import ACCOUNT
from cs_engine.playbook.plan import Cta, Plan
from cs_engine.playbook.project import Project
from cs_engine.ports import Candidate, CtaView, JournalLine
from cs_engine.run.context import TickContext
from cs_engine.run.ctas.because import EVENTS, Because, Decision, Reader
from cs_engine.run.ctas.notes import name_of


class Alerts:
    """Makes them, within one tick."""

    def __init__(self, tick: TickContext) -> None:
        self._tick = tick
        self._because = Because(tick.engine.project, tick.facts.judged)
        self.previewed: dict[str, list[Decision]] = {}
        """Passage that is only looked at -> what would bring it to the CTA."""

    def reader(self, staff: str, locale: str) -> Reader:
        """How one of us reads: in their language where they have one, in their zone."""
        person = self._tick.directory.staff.get(staff)
        return Reader((person.locale if person is not None else None) or locale, self.zone(staff))

    def zone(self, staff: str) -> ZoneInfo:
        """The zone of one of us, else the project's."""
        person = self._tick.directory.staff.get(staff)
        return zone_or((person.timezone if person is not None else None) or "", self._tick.engine.project.config.timezone)

    def made(
        self, plan: Plan, step: Cta, template: SlackTemplate, locale: str, candidates: Sequence[Candidate]
    ) -> list[tuple[Alert, Micros | None]]:  # fmt: skip
        """For each candidate of that step what it says, and when it is due."""
        store = self._tick.engine.store
        real = [c for c in candidates if c.enrolment_id not in self.previewed]
        rows = store.ctas({c.cta_id for c in real}) if real else {}
        lines = self._journal(plan, real)
        decisions = [
            self.previewed.get(c.enrolment_id)
            or self._because.decisions(plan, step, lines.get(c.enrolment_id, ()), closed=c.kind == "cta_update")
            for c in candidates
        ]
        readers = [self.reader(c.recipient, locale) for c in candidates]
        why = self._because.lines(plan, decisions, readers)
        ticked = self._ticked(step, rows)
        shown = frozenset(SHOWN_BY[name] for name in template.needs | template.wants if name in SHOWN_BY)
        made = []
        for candidate, reader, because in zip(candidates, readers, why, strict=True):
            row = rows.get(candidate.cta_id)
            due = row.due_at if row is not None else self._due(plan, step, candidate.planned_at)
            alert = Alert(
                locale=reader.locale, title=in_locale(plan.title, reader.locale), priority=step.priority,
                due=day_of(due, reader.zone, reader.locale), why=tuple(because),
                checklist=_checklist(step, reader.locale, ticked.get(candidate.cta_id, ())),
                link=account_link(self._tick.engine.project, candidate.account_id),
                shown=shown, message=candidate.id if self._tick.engine.steered and candidate.kind != COPY else "",
                owner=self._owner(candidate, row, reader),
            )  # fmt: skip
            if row is not None and row.state != "open":
                alert = self._out_of_the_way(alert, candidate, row, reader)
            made.append((alert, due))
        return made

    def _owner(self, candidate: Candidate, row: CtaView | None, reader: Reader) -> str:
        """Of a copy: whose the CTA is, by name."""
        if candidate.kind != COPY:
            return ""
        person = self._tick.directory.staff.get(row.staff) if row is not None else None
        return in_locale(person.name, reader.locale) if person is not None else self._tick.engine.project.config.slack.channel

    def _out_of_the_way(self, alert: Alert, candidate: Candidate, row: CtaView, reader: Reader) -> Alert:
        if row.state == "snoozed":
            return replace(alert, snoozed=day_of(row.snoozed_until, reader.zone, reader.locale))
        if candidate.kind != "cta_update":  # closed between the claim and now: its update says so
            return alert
        by = name_of(self._tick.engine.project, row.closed_by, reader.locale) if row.closed_by else ""
        return replace(alert, closed=row.closed_reason, closed_by=by)

    def _ticked(self, step: Cta, rows: Mapping[str, CtaView]) -> dict[str, set[str]]:
        """CTA -> the items that are done; nothing is asked where the step lists none."""
        found: dict[str, set[str]] = {}
        for mark in self._tick.engine.store.cta_marks(list(rows)) if step.checklist and rows else ():
            if mark.kind == "item" and mark.value == "done":
                found.setdefault(mark.cta_id, set()).add(mark.item)
        return found

    def _journal(self, plan: Plan, candidates: Sequence[Candidate]) -> Mapping[str, list[JournalLine]]:
        if not candidates:
            return {}
        found: dict[str, list[JournalLine]] = {}
        accounts, passages = {c.account_id for c in candidates}, {c.enrolment_id for c in candidates}
        for line in self._tick.engine.store.journal_of(plan.playbook, accounts, passages, EVENTS):
            found.setdefault(line.enrolment_id, []).append(line)
        return found

    def _due(self, plan: Plan, step: Cta, at: Micros) -> Micros | None:
        return None if step.due is None else int(self._tick.view(plan).after(np.array([at]), step.due)[0])


def account_link(project: Project, account: str) -> str:
    """Where one of us looks at the account; '' where project.yaml does not say."""
    url = project.config.slack.account_url
    return "" if url is None else url.replace(ACCOUNT, quote(account, safe=""))


def day_of(at: Micros | None, zone: ZoneInfo, locale: str) -> str:
    """A time as the day that it is in that zone, written as that language does; '' for none."""
    return "" if at is None else write_date(from_micros(at).astimezone(zone), locale, "weekday")


def _checklist(step: Cta, locale: str, done: Collection[str]) -> tuple[Item, ...]:
    return tuple(Item(item.key, in_locale(item.text, locale), item.key in done) for item in step.checklist)
