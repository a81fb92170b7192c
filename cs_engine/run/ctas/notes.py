"""What happens to a CTA after its first post is told in its thread: each reply a row of the outbox with an identity of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from cs_engine.content.cta import notes, words
from cs_engine.content.formats import in_locale, write_date
from cs_engine.content.sandbox import slack_escape
from cs_engine.instants import Micros, from_micros
from cs_engine.journey import identity
from cs_engine.journey.message import ALARM, MOST_URGENT, Alarm, NewMessage
from cs_engine.journey.policy import zone_or
from cs_engine.playbook.config import Staff
from cs_engine.playbook.plan import TRANSACTIONAL
from cs_engine.playbook.project import Project
from cs_engine.ports import CtaFired
from cs_engine.run.context import TickContext
from cs_engine.run.ctas.because import Reader


class Cta(Protocol):
    """Whose thread it is."""

    @property
    def id(self) -> str: ...
    @property
    def account_id(self) -> str: ...
    @property
    def playbook(self) -> str: ...
    @property
    def staff(self) -> str: ...


def note(project: Project, cta: Cta, what: str, at: Micros, text: str) -> Alarm:
    """A reply in the CTA's thread. Of one CTA and instant there is one about each `what`; where no post stands it is never sent."""
    recipient, kind = (cta.staff, "staff") if cta.staff else (project.config.slack.channel, "channel")
    message = NewMessage(
        identity.note_id(cta.playbook, cta.id, what, at), "", cta.playbook, "", what, ALARM, "slack", "", TRANSACTIONAL, cta.account_id,
        "", recipient, kind, cta.id, MOST_URGENT, at,
    )  # fmt: skip
    return Alarm(message, text)


def said(project: Project, cta: Cta, what: str, *, who: str = "", at: Micros | None = None, reason: str = "") -> str:
    """What happened, in the language of whose CTA it is; `at`: a day that is named, in their zone."""
    reader = reader_of(project, cta.staff)
    day = "" if at is None else write_date(from_micros(at).astimezone(reader.zone), reader.locale, "weekday")
    why = words(reader.locale).get(reason, reason) if what == "closed" else reason
    return notes(reader.locale)[what].format(who=slack_escape(name_of(project, who, reader.locale)), day=day, reason=slack_escape(why))


def reader_of(project: Project, email: str) -> Reader:
    """How one of us reads what is no customer's: in their language, else the project's; in their zone."""
    person = staff_of(project).get(email)
    locale = (person.locale if person is not None else None) or project.config.locale
    return Reader(locale, zone_or((person.timezone if person is not None else None) or "", project.config.timezone))


def name_of(project: Project, email: str, locale: str) -> str:
    """What one of us is called."""
    person = staff_of(project).get(email)
    return in_locale(person.name, locale) if person is not None else email


def staff_of(project: Project) -> Mapping[str, Staff]:
    return {person.email: person for person in project.team.staff}


def fired_again(tick: TickContext, fired: Sequence[CtaFired]) -> list[Alarm]:
    """Says so in the threads of those that stood open before this tick."""
    if not fired:
        return []
    there, project = tick.engine.store.ctas({cta.id for cta in fired}), tick.engine.project
    again = [cta for cta in there.values() if cta.state != "closed" and cta.opened_at < tick.at and cta.provider_ref]
    return [note(project, cta, "fired", tick.at, said(project, cta, "fired", at=tick.at)) for cta in again]
