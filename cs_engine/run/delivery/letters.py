"""From claimed rows to jobs: who, from whom, and the values that each template reads. Set-wise, a query a template."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np

from cs_engine.content.cta import Alert
from cs_engine.content.failures import BrokenTemplate
from cs_engine.content.folding import Shared
from cs_engine.content.formats import in_locale, read_in
from cs_engine.content.mail import EmailTemplate
from cs_engine.content.questions import NAME, Asked, Questions
from cs_engine.content.slack import SlackTemplate
from cs_engine.content.variables import is_asked
from cs_engine.content.written import ANSWER, PREFERENCES, UNSUBSCRIBE, as_html, filled
from cs_engine.instants import Micros, from_micros
from cs_engine.journey.approval import ALARM as APPROVAL
from cs_engine.journey.approval import Approval
from cs_engine.journey.caps import EXEMPT_TOPIC
from cs_engine.journey.edits import Edit
from cs_engine.journey.message import ALARM, COPY
from cs_engine.journey.policy import Rules, zone_or
from cs_engine.language.expression import EVENT, Grain, Type
from cs_engine.playbook.config import ProjectConfig, Staff
from cs_engine.playbook.implied import unconfirmed
from cs_engine.playbook.plan import WEBHOOK, AddressedStep, Cta, Email, Notice, Plan
from cs_engine.ports import Candidate, Person
from cs_engine.run.context import TickContext
from cs_engine.run.ctas import digest
from cs_engine.run.ctas.alerts import Alerts
from cs_engine.run.delivery.answered import Answers
from cs_engine.run.delivery.calls import Calls
from cs_engine.run.delivery.links import PREVIEW
from cs_engine.run.delivery.press import Job
from cs_engine.run.delivery.rules import rules_of
from cs_engine.usage.model import MilestoneSpec

ONE_CLICK = {"List-Unsubscribe-Post": "List-Unsubscribe=One-Click"}
"""RFC 8058: a mail program may post to the link of List-Unsubscribe, and then it is done."""

_WORTH_READING_WHOLE = 4
"""Batches after which a template's columns are read for all rows at once."""


@dataclass(frozen=True, slots=True)
class _Group:
    """Candidates of one step, template and locale: they share the plan, the names read, and most of the context."""

    plan: Plan
    step: Email | Notice | Cta
    channel: str
    template: EmailTemplate | SlackTemplate
    locale: str
    candidates: Sequence[Candidate]


@dataclass(frozen=True, slots=True)
class _Voice:
    """Who speaks, in one step and language, to the accounts of one CSM."""

    shared: Shared
    """What all their contexts have alike."""
    person: Person
    reply_to: Person
    """Who answers for the sender today."""
    copied: Sequence[Person]


class Letters:
    """Makes jobs of candidates, within one tick."""

    def __init__(self, tick: TickContext) -> None:
        self._tick = tick
        self._config = tick.engine.project.config
        self._calls = Calls(tick)
        self._library = tick.engine.outbox.press.library
        self.answers = Answers(tick)
        self.alerts = Alerts(tick)
        self._alerts: dict[str, tuple[Alert, Micros | None]] = {}
        """Of the CTAs at hand: message -> what it says, and when it is due."""
        self.spoken = ""
        """A language that wins over everybody's own, for who only looks."""
        self.previewed: dict[str, str] = {}
        """What is kept of passages that are only looked at."""
        self._now = tick.clock.now()
        """When those at hand are made."""
        self._moments: dict[str, Mapping[str, Any]] = {}
        """Zone -> what is so there then."""
        self._read: Mapping[str, Approval] = {}
        self._edits: Mapping[tuple[str, str], Edit] = {}
        """(passage, step) -> what somebody wrote in its mail's place."""
        self._asked: Counter[tuple[Grain, tuple[str, ...]]] = Counter()
        self._whole: dict[tuple[Grain, tuple[str, ...]], list[list[Any]]] = {}
        self._faults: dict[tuple[str, str, str, str, str], str] = {}
        self.rules: Rules = rules_of(self._config, self._library)
        attributes = tick.engine.project.attributes
        self._known = frozenset(
            {f"contact.{name}" for name in attributes.contact}
            | {f"{group}.{name}" for group, names in (("account", attributes.account), ("champion", attributes.contact)) for name in names}
        )
        """The columns that there are: a template may want parts of a name that this project does not keep."""

    def fault(self, candidate: Candidate) -> str:
        """Why no message of this template can be made, whoever it is for; '' when it can. Its author can mend it."""
        if candidate.kind == ALARM:
            return ""
        if candidate.channel == WEBHOOK:
            return self._calls.fault(candidate)
        key = self._group_key(candidate)
        if key not in self._faults:
            self._faults[key] = self._fault(candidate)
        return self._faults[key]

    def _fault(self, candidate: Candidate) -> str:
        plan = self._tick.plans.get(candidate.digest)
        if plan is None or not isinstance(plan.step(candidate.step), Email | Notice | Cta):
            return "no_plan"
        try:
            template = self._template(candidate.channel, candidate.template, self._locale(candidate))
        except BrokenTemplate:
            return "broken_template"
        if template is None:
            return "no_template"
        event = plan.event.columns if plan.event is not None else {}
        unknown = any(name.removeprefix(EVENT) not in event for name in _of_event(template))
        unknown = unknown or not self.answers.are_asked(plan, template.needs)
        return "unknown_name" if unknown or any(not self._is_column(plan.subject, name) for name in self._columns(template)) else ""

    def _locale(self, candidate: Candidate) -> str:
        """What it is written in: the recipient's language; for our own people, where it is not written in that, the project's."""
        wanted = self.rules.locale_of(self._language(candidate))
        if candidate.recipient_kind == "contact" or self.rules.written(candidate.channel, candidate.template, wanted):
            return wanted
        return self._config.locale

    def _language(self, candidate: Candidate) -> str:
        """What it is to be written in: the language of the one of us whom it goes to, else the customer's."""
        person = self._tick.directory.staff.get(candidate.recipient) if candidate.recipient_kind == "staff" else None
        return self.spoken or (person.locale if person is not None else None) or candidate.locale

    def _group_key(self, c: Candidate) -> tuple[str, str, str, str, str]:
        plain = c.recipient_kind != "staff" and not self.spoken
        return (c.digest, c.step, c.channel, c.template, c.locale if plain else self._language(c))

    def _template(self, channel: str, name: str, locale: str) -> EmailTemplate | SlackTemplate | None:
        return self._library.email(name, locale) if channel == "email" else self._library.slack(name, locale)

    def _columns(self, template: EmailTemplate | SlackTemplate) -> set[str]:
        """The columns of facts that the template reads."""
        names = template.needs | (template.wants & self._known)
        return {name for name in names if name.split(".")[0] not in _OURS and not is_asked(name)}

    def _is_column(self, grain: Grain, name: str) -> bool:
        try:
            self._tick.engine.project.catalogue.column_of(Grain.CONTACT if name.startswith("contact.") else grain, name)
        except KeyError:
            return False
        return True

    def jobs(self, candidates: Sequence[Candidate]) -> tuple[list[Job], dict[str, str]]:
        """Jobs, and for those that cannot be made one the code why."""
        if candidates and candidates[0].channel == WEBHOOK:  # a claim is of one channel
            return self._calls.jobs(candidates)
        self._now, self._moments = self._tick.clock.now(), {}
        jobs: list[Job] = []
        without: dict[str, str] = {}
        read_first = [c.id for c in candidates if c.channel == "email" and self._is_read_first(c)]
        self._read = self._tick.engine.store.approvals(read_first) if read_first else {}
        mailed = {c.enrolment_id for c in candidates if c.channel == "email" and c.enrolment_id}
        self._edits = {(e.enrolment_id, e.step): e for e in self._tick.engine.store.edits(mailed)} if mailed else {}
        if alarms := [c for c in candidates if c.kind == ALARM]:
            jobs += self._alarms(alarms)
        groups: dict[tuple[str, str, str, str, str], list[Candidate]] = {}
        for c in candidates:
            if c.kind != ALARM:
                groups.setdefault(self._group_key(c), []).append(c)
        for (version, step_id, channel, name, _), members in sorted(groups.items()):
            if fault := self.fault(members[0]):
                without.update((c.id, fault) for c in members)
                continue
            locale, step = self._locale(members[0]), self._tick.plans[version].step(step_id)
            template = self._template(channel, name, locale)
            assert isinstance(step, Email | Notice | Cta)
            assert template is not None
            self._make(_Group(self._tick.plans[version], step, channel, template, locale, members), jobs, without)
        return jobs, without

    def _is_read_first(self, candidate: Candidate) -> bool:
        plan = self._tick.plans.get(candidate.digest)
        step = plan.step(candidate.step) if plan is not None else None
        return isinstance(step, AddressedStep) and step.approve is not None

    def _alarms(self, candidates: Sequence[Candidate]) -> list[Job]:
        """Words of our own, in no template."""
        texts = dict(self._tick.engine.store.alarm_texts([c.id for c in candidates]))
        digests = digest.rendered(self._tick, candidates)
        texts |= {id: made.text for id, made in digests.items()}
        return [
            Job(
                id=c.id, channel=c.channel, template="", locale=self._config.locale, context={}, playbook=c.playbook, step=c.step,
                topic=c.topic, at=self._now, slack_channel=self._slack_channel(c), text=texts[c.id], thread=c.provider_ref,
                blocks=digests[c.id].blocks if c.id in digests else (),
                approve=c.step.removeprefix(f"{APPROVAL}:") if c.step.startswith(f"{APPROVAL}:") else "",
                browsed=self._tick.engine.browsed,
            )
            for c in candidates
        ]  # fmt: skip

    def _make(self, group: _Group, jobs: list[Job], without: dict[str, str]) -> None:
        tick, plan = self._tick, group.plan
        subject_rows = tick.rows_of(plan.subject, [c.subject_id for c in group.candidates])
        to_contacts = group.candidates[0].recipient_kind == "contact"
        own = [c.recipient if to_contacts else (c.subject_id if plan.subject is Grain.CONTACT else "") for c in group.candidates]
        contact_rows = tick.rows_of(Grain.CONTACT, own)
        account_rows = tick.rows_of(Grain.ACCOUNT, [c.account_id for c in group.candidates])
        there = (subject_rows >= 0) & ((contact_rows >= 0) | (not to_contacts)) & (account_rows >= 0)
        for i in np.flatnonzero(~there).tolist():
            without[group.candidates[i].id] = "subject_gone"
        kept = np.flatnonzero(there)
        if not len(kept):
            return
        candidates = [group.candidates[i] for i in kept.tolist()]
        contexts = self._values(group, candidates, subject_rows[kept], contact_rows[kept])
        csms = tick.directory.csm_of(account_rows[kept]).tolist()
        names = self._names(contact_rows[kept]) if to_contacts else [""] * len(kept)
        if isinstance(group.step, Cta) and isinstance(group.template, SlackTemplate):
            made = self.alerts.made(group.plan, group.step, group.template, group.locale, candidates)
            self._alerts = {candidate.id: alert for candidate, alert in zip(candidates, made, strict=True)}
        if _of_event(group.template):
            self._put_events(group.plan, candidates, contexts)
        if isinstance(group.step, Cta) and (doubted := unconfirmed(plan.playbook, tick.engine.project.journey.milestones())) is not None:
            self._put_words(_told_of(doubted.id, doubted, group.locale), candidates, contexts)
        if any(map(is_asked, group.template.needs)):
            self.answers.put(group.plan, group.template.needs, group.locale, candidates, contexts)
        shared = self._shared(group)
        voices = {csm: self._voice(group, csm, shared) for csm in set(csms)}
        written = self._alert if group.channel == "slack" else self._mail
        for candidate, context, csm, name in zip(candidates, contexts, csms, names, strict=True):
            jobs.append(written(group, candidate, context, voices[csm], name))

    def _values(self, group: _Group, candidates: Sequence[Candidate], subject_rows: Any, contact_rows: Any) -> list[dict[str, Any]]:
        """For each candidate the nested values of the columns that the template names."""
        grain = group.plan.subject
        named = self._columns(group.template)
        of_contact = sorted(n for n in named if n.startswith("contact.")) if (contact_rows >= 0).all() else []
        of_subject = sorted(n for n in named if not n.startswith("contact."))
        foot = {} if self._tick.engine.preferences is None else self._foot(group.plan)
        contexts: list[dict[str, Any]] = [
            {"contact": {}, "account": {}, "champion": {}, **foot, **self._read_in(c.timezone)} for c in candidates
        ]
        for names, rows, table in ((of_subject, subject_rows, grain), (of_contact, contact_rows, Grain.CONTACT)):
            if not names:
                continue
            for name, column in zip(names, self._columns_at(table, names, rows), strict=True):
                prefix, _, attribute = name.partition(".")
                if any(value.__class__ is datetime for value in column):
                    told = [self._time(value, c.timezone) for value, c in zip(column, candidates, strict=True)]
                else:
                    told = column
                for context, value in zip(contexts, told, strict=True):
                    if attribute:
                        context[prefix][attribute] = value
                    else:
                        context[name] = value
        return contexts

    def _put_words(self, about: Mapping[str, Any], candidates: Sequence[Candidate], contexts: Sequence[dict[str, Any]]) -> None:
        """What is known of the word of each customer who does not confirm a milestone; `about`: what there is to say of that."""
        given = self._tick.engine.store.missing(about["id"], {c.account_id for c in candidates})
        for candidate, context in zip(candidates, contexts, strict=True):
            word, said = given.get(candidate.account_id, ("", ""))
            context["milestone"] = {**about, "word": word, "said": said}

    def _put_events(self, plan: Plan, candidates: Sequence[Candidate], contexts: Sequence[dict[str, Any]]) -> None:
        """What was so of the event that each passage began with; blank for those that began with none."""
        assert plan.event is not None
        kept = self._tick.engine.store.kept({c.enrolment_id for c in candidates}) | self.previewed
        for candidate, context in zip(candidates, contexts, strict=True):
            values = json.loads(kept.get(candidate.enrolment_id) or "{}")
            typed = {name: _typed(values.get(EVENT + name), kind) for name, kind in plan.event.columns.items()}
            context["event"] = {name: self._time(value, candidate.timezone) for name, value in typed.items()}

    def _time(self, value: Any, timezone: str) -> Any:
        """A time as its reader knows it; all else as it is."""
        return read_in(value, self._tick.zone, zone_or(timezone, self._config.timezone)) if value.__class__ is datetime else value

    def _columns_at(self, table: Grain, names: Sequence[str], rows: Any) -> list[list[Any]]:
        """The columns' values at those rows. What is asked for batch after batch is read once for all rows."""
        facts, key = self._tick.facts, (table, tuple(names))
        self._asked[key] += 1
        if self._asked[key] < _WORTH_READING_WHOLE:
            return facts.columns(table, names, rows)
        if key not in self._whole:
            self._whole[key] = facts.columns(table, names, np.arange(len(facts.ids(table)), dtype=np.int64))
        places = rows.tolist()
        return [[column[row] for row in places] for column in self._whole[key]]

    def _names(self, contact_rows: Any) -> list[str]:
        (names,) = self._columns_at(Grain.CONTACT, ["contact.name"], contact_rows)
        return [name or "" for name in names]

    def _shared(self, group: _Group) -> dict[str, Any]:
        plan, locale, config = group.plan, group.locale, self._config
        milestone = group.step.milestone if isinstance(group.step, Notice) else ""
        return {
            "vars": dict(plan.vars),
            "playbook": {"id": plan.playbook, "title": in_locale(plan.title, locale)},
            "company": {
                "name": in_locale(config.company.name, locale),
                "postal_address": in_locale(config.company.postal_address or {}, locale),
                "contact": config.company.contact or "",
            },
            "milestone": _told_of(milestone, self._tick.engine.project.journey.milestones().get(milestone), locale),
            "locale": locale,
            **({} if self._tick.engine.preferences is not None else self._foot(plan)),
        }

    def _foot(self, plan: Plan) -> dict[str, str]:
        """The links below mails to whom none of their own is made."""
        return {"unsubscribe_url": "" if plan.topic == EXEMPT_TOPIC else (self._config.unsubscribe or ""), "preferences_url": ""}

    def _voice(self, group: _Group, csm: str, shared: Mapping[str, Any]) -> _Voice:
        directory, locale, step = self._tick.directory, group.locale, group.step
        sender = directory.sender(step.sender, csm)
        instead = directory.staff.get(directory.here(sender.email)) if sender is not None else None
        copied = [directory.staff[email] for email in directory.copied(step.cc, csm)] if step.cc else []
        speaks = {"csm": _staff(directory.staff.get(csm), locale), "sender": _staff(sender, locale)}
        return _Voice(
            Shared.of({**shared, **speaks}),
            _person(sender, locale),
            _person(instead or sender, locale),
            [_person(who, locale) for who in copied],
        )

    def _read_in(self, timezone: str) -> Mapping[str, Any]:
        """What is so for its reader: the time in their zone."""
        if timezone not in self._moments:
            zone = zone_or(timezone, self._config.timezone)
            self._moments[timezone] = {"now": self._now.astimezone(zone), "timezone": zone.key}
        return self._moments[timezone]

    def _alert(self, group: _Group, candidate: Candidate, context: dict[str, Any], voice: _Voice, _name: str) -> Job:
        step, links = group.step, self._tick.engine.links
        job = Job(
            id=candidate.id, channel=candidate.channel, template=candidate.template, locale=group.locale, context=context,
            playbook=candidate.playbook, step=candidate.step, topic=candidate.topic, at=self._now, shared=voice.shared,
            slack_channel=self._slack_channel(candidate), update="" if candidate.kind == COPY else candidate.provider_ref,
        )  # fmt: skip
        if not isinstance(step, Cta):
            return job
        alert, due = self._alerts[candidate.id]
        context["cta"] = {
            "title": in_locale(group.plan.title, group.locale),
            "priority": step.priority,
            # A day of its reader's; without a zone no filter moves it into the customer's.
            "due": from_micros(due).astimezone(self.alerts.zone(candidate.recipient)).replace(tzinfo=None) if due else None,
        }
        return job._replace(
            alert=alert,
            answer=links.token(self._named(candidate)) if step.ask and links is not None else "",
            steered=self._tick.engine.steered,
            speaker=voice.person.name if step.sender is not None else "",
        )

    def _mail(self, group: _Group, candidate: Candidate, context: dict[str, Any], voice: _Voice, name: str) -> Job:
        step = group.step
        if step.ask:
            context[NAME] = self._questions(step, candidate, group.locale)
        to, headers = Person(candidate.email, name), {}
        if candidate.recipient_kind == "contact":
            headers = self._unsubscribing(candidate, voice.shared.values, context)
        else:
            ours = self._tick.directory.staff.get(candidate.recipient)
            to = Person(ours.email if ours else "")
        return Job(
            id=candidate.id, channel=candidate.channel, template=candidate.template, locale=group.locale, context=context,
            playbook=candidate.playbook, step=candidate.step, topic=candidate.topic, at=self._now, shared=voice.shared, sender=voice.person,
            reply_to=voice.reply_to, to=to, cc=tuple(person for person in voice.copied if person.email != to.email), headers=headers,
            pinned=self._pinned(candidate, voice.shared.values, context),
        )  # fmt: skip

    def _pinned(self, candidate: Candidate, shared: Mapping[str, Any], own: Mapping[str, Any]) -> tuple[str, str, str] | None:
        """What goes whatever template and facts say by now: as somebody read it, or wrote it."""
        if (read := self._read.get(candidate.id)) is not None:
            return read.subject, read.text, read.html
        if (edit := self._edits.get((candidate.enrolment_id, candidate.step))) is None:
            return None
        context = {**shared, **own}
        # A mark of which this recipient has nothing is not left standing.
        bare = {UNSUBSCRIBE: context["unsubscribe_url"], PREFERENCES: "", ANSWER: ""}
        text = filled(edit.text, bare | own_links(self._config, context))
        return edit.subject, text, as_html(text)

    def _unsubscribing(self, candidate: Candidate, shared: Mapping[str, Any], context: dict[str, Any]) -> dict[str, str]:
        """The headers by which mail programs unsubscribe; puts our own links into the context where there are any."""
        links = self._tick.engine.preferences
        if links is not None and candidate.topic != EXEMPT_TOPIC:
            context["unsubscribe_url"], context["preferences_url"] = links.urls(candidate.email_hash, self._named(candidate))
        way_out = (shared if links is None else context)["unsubscribe_url"]
        if not way_out:
            return {}
        headers = {"List-Unsubscribe": f"<{way_out}>"}
        return headers | (ONE_CLICK if links is not None and links.one_click else {})

    def _questions(self, step: AddressedStep, candidate: Candidate, locale: str) -> Questions:
        links = self._tick.engine.links
        assert links is not None, "an engine that sends questions signs their links"

        message = self._named(candidate)

        def url(field: str, position: int) -> str:
            return links.url(message, field, position)

        asked = [
            Asked(
                in_locale(question.title, locale),
                [(in_locale(choice.label, locale), url(question.field, i)) for i, choice in enumerate(question.choices)],
                (in_locale(question.ends[0], locale), in_locale(question.ends[1], locale)) if question.ends else None,
            )
            for question in step.ask
            if not question.optional
        ]
        return Questions(asked, links.url(message), locale)

    def _named(self, candidate: Candidate) -> str:
        """What links say that it is: a mail that is only looked at is none."""
        return PREVIEW if candidate.enrolment_id in self.previewed else candidate.id

    def _slack_channel(self, candidate: Candidate) -> str:
        if candidate.recipient_kind == "channel":
            return candidate.recipient
        staff = self._tick.directory.staff.get(candidate.recipient)
        return (staff.slack if staff else None) or self._config.slack.channel


_OURS = frozenset(
    {
        NAME,
        "event",
        "vars",
        "playbook",
        "company",
        "milestone",
        "unsubscribe_url",
        "preferences_url",
        "locale",
        "now",
        "timezone",
        "csm",
        "sender",
        "cta",
    }
)
"""Names that are not columns of the subject's facts."""


def own_links(config: ProjectConfig, context: Mapping[str, Any]) -> dict[str, str]:
    """The links in a mail that are its recipient's alone, by the mark that stands for them in a text for several."""
    questions, way_out = context.get(NAME), context.get("unsubscribe_url") or ""
    links = {ANSWER: questions.page} if isinstance(questions, Questions) else {}
    if way_out not in ("", config.unsubscribe):
        links[UNSUBSCRIBE] = way_out
    return links | ({PREFERENCES: choice} if (choice := context.get("preferences_url")) else {})


def _of_event(template: EmailTemplate | SlackTemplate) -> set[str]:
    return {name for name in template.needs | template.wants if name.startswith(EVENT)}


def _typed(value: Any, kind: Type) -> Any:
    """A value that was kept as JSON."""
    return datetime.fromisoformat(value) if kind is Type.INSTANT and isinstance(value, str) else value


def _person(person: Staff | None, locale: str) -> Person:
    return Person("") if person is None else Person(person.email, in_locale(person.name, locale))


def _told_of(milestone: str, spec: MilestoneSpec | None, locale: str) -> dict[str, Any]:
    """What its messages may say of a milestone; of one that journey.yaml no longer has, hardly anything."""
    if spec is None:
        return {"id": milestone, "title": "", "guide": "", "video": "", "confirm": False}
    title = in_locale(spec.title, locale)
    return {"id": milestone, "title": title, "guide": spec.guide or "", "video": spec.video or "", "confirm": spec.confirm}


def _staff(person: Staff | None, locale: str) -> dict[str, str]:
    if person is None:
        return {"name": "", "email": "", "signature": ""}
    return {"name": in_locale(person.name, locale), "email": person.email, "signature": in_locale(person.signature or {}, locale)}
