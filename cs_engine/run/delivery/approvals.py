"""Mail that somebody reads before it goes: asked for as soon as it is planned, told to their manager when its time is over.

What they say to it: cs_engine.run.desk.approving.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from zoneinfo import ZoneInfo

import numpy as np

from cs_engine.content.cta import texts_in
from cs_engine.content.names import is_japanese
from cs_engine.instants import NEVER, Micros, from_micros, to_micros
from cs_engine.journey import identity
from cs_engine.journey.approval import ALARM, Approval, verdict
from cs_engine.journey.message import ALARM as KIND
from cs_engine.journey.message import COPY, MOST_URGENT, Alarm, Move, NewMessage
from cs_engine.journey.policy import zone_or
from cs_engine.language.expression import Grain
from cs_engine.playbook.config import Staff
from cs_engine.playbook.plan import TRANSACTIONAL, AddressedStep, Approve
from cs_engine.ports import Candidate, JournalLine, Letter, Post
from cs_engine.run.context import TickContext
from cs_engine.run.delivery.claimed import PlanRules
from cs_engine.run.delivery.letters import Letters

MOST_SHOWN = 2_400
"""Characters of a mail that Slack shows; `cs-engine approve ID --show` shows all."""

_LOOK_AGAIN = timedelta(days=1)
"""An answer wakes the mail; the day is for what hangs on the mail itself, such as a contact that is gone."""


def steps_to_read(tick: TickContext) -> set[tuple[str, str]]:
    """(digest, step) of every step whose messages are read first."""
    steps = ((plan.digest, step) for plan in tick.plans.values() for step in plan.steps)
    return {(digest, step.id) for digest, step in steps if isinstance(step, AddressedStep) and step.approve}


def is_read(candidate: Candidate) -> bool:
    """Whether it is what somebody reads of a step that wants it: its mail, or its alert, and neither a line nor a copy beside."""
    return candidate.channel == "email" or candidate.kind == "cta"


def review(tick: TickContext, letters: Letters) -> None:
    """Asks for a yes to what has been planned, and tells of what has waited too long. Nothing, where no step wants it."""
    steps = steps_to_read(tick)
    if not steps:
        return
    store = tick.engine.store
    planned = [c for c in store.unread({step for _, step in steps}) if (c.digest, c.step) in steps]
    asked = list(_rendered(tick, letters, planned))
    if asked:
        lines = [line_of(a, tick.at, "approval_asked", a.approver) for a in asked]
        store.ask_approval(asked, [_told(tick, a, a.approver, _asking(tick, a, a.approver)) for a in asked], lines)
    _follow_dates(tick, steps)
    now = to_micros(tick.clock.now())
    late = [a for a in store.approvals_waiting() if a.deadline <= now and a.escalated_at is None]
    if late:
        managers = [_manager_of(tick, a.approver) for a in late]
        alarms = [_told(tick, a, manager, _late(tick, a, manager)) for a, manager in zip(late, managers, strict=True)]
        store.escalate_approval([a.message_id for a in late], tick.at, alarms, [line_of(a, tick.at, "escalated", a.approver) for a in late])


def _follow_dates(tick: TickContext, steps: set[tuple[str, str]]) -> None:
    """What waits for a date that has moved later, or was postponed, is wanted as long after that as it was after it had been asked for."""
    rules = PlanRules(tick)
    wanted = {(digest, step) for digest, step in steps if rules.has_date(digest, step)}
    if not wanted and not tick.step_orders:
        return
    mails = [c for c in tick.engine.store.unanswered({step for _, step in steps}) if (c.digest, c.step) in steps]
    asked = tick.engine.store.approvals([c.id for c in mails])
    moved = []
    for c, date, not_before in zip(mails, rules.dates(mails), rules.not_before(mails), strict=True):
        step = tick.plans[c.digest].step(c.step)
        if isinstance(step, AddressedStep) and step.approve is not None and date != NEVER:
            until = _until(tick, step.approve, max(asked[c.id].asked_at, date or 0, not_before or 0))
            moved += [(c.id, until)] if until != asked[c.id].deadline else []
    if moved:
        tick.engine.store.move_deadlines(moved)


def _until(tick: TickContext, approve: Approve, since: Micros) -> Micros:
    """Until when a yes is wanted."""
    return int(tick.after(np.array([since]), approve.within)[0])


def unread(tick: TickContext, steps: set[tuple[str, str]], candidates: Sequence[Candidate]) -> Callable[[Candidate], Move | None]:
    """What the claim asks last of a message: has it been read? Of a copy: has its alert? Answers from the rows of now."""
    ours = [c for c in candidates if (c.digest, c.step) in steps]
    mine, copies = [c.id for c in ours if is_read(c)], {c.enrolment_id for c in ours if c.kind == COPY}
    store = tick.engine.store
    known = dict(store.approvals(mine)) if mine else {}
    of_alerts = store.approvals_of(copies) if copies else []
    until = to_micros(tick.clock.now() + _LOOK_AGAIN)

    def move(candidate: Candidate) -> Move | None:
        if (candidate.digest, candidate.step) not in steps:
            return None
        if candidate.kind == COPY:
            return verdict(candidate.id, candidate.state, _of_its_alert(candidate, of_alerts), until)
        return verdict(candidate.id, candidate.state, known.get(candidate.id), until) if is_read(candidate) else None

    return move


def _of_its_alert(copy: Candidate, asked: Sequence[Approval]) -> Approval | None:
    """What was said to the alert that was planned with the copy: of a step that repeats, not to an earlier one. `asked`: oldest first."""
    same = (a for a in asked if (a.enrolment_id, a.step) == (copy.enrolment_id, copy.step) and a.asked_at >= copy.planned_at)
    return next(same, None)


def _rendered(tick: TickContext, letters: Letters, candidates: Sequence[Candidate]) -> list[Approval]:
    """The messages as their readers will see them. What cannot be made is told by its claim."""
    jobs, _ = letters.jobs(candidates)
    by_id = {c.id: c for c in candidates}
    found = []
    for job in jobs:
        made, candidate = tick.engine.outbox.press.outgoing(job), by_id[job.id]
        plan = tick.plans[candidate.digest]
        step = plan.step(candidate.step)
        if not isinstance(made, Letter | Post) or not isinstance(step, AddressedStep) or step.approve is None:
            continue
        subject, text, html = (made.subject, made.text, made.html) if isinstance(made, Letter) else (made.text, _words_of(made), "")
        deadline = _until(tick, step.approve, tick.at)
        found.append(
            Approval(
                candidate.id, candidate.playbook, candidate.account_id, candidate.subject_id, candidate.enrolment_id, candidate.step,
                _approver(tick, step.approve, candidate), subject, text, html, tick.at, deadline,
            )
        )  # fmt: skip
    return found


def _words_of(post: Post) -> str:
    """What an alert says, its buttons aside."""
    return "\n".join(text["text"] for block in post.blocks if block["type"] != "actions" for text in texts_in(block)) + "\n"


def _approver(tick: TickContext, approve: Approve, candidate: Candidate) -> str:
    (row,) = tick.rows_of(Grain.ACCOUNT, [candidate.account_id]).tolist()
    csm = tick.directory.csm_of(np.array([row]))[0] if row >= 0 else ""
    found: Staff | None = tick.directory.one_of_us(approve.by, str(csm))
    return tick.directory.here(found.email if found is not None else tick.engine.project.config.sender.fallback)


def _manager_of(tick: TickContext, approver: str) -> str:
    person = tick.directory.staff.get(approver)
    manager = person.manager if person is not None else None
    return tick.directory.here(manager if manager in tick.directory.staff and manager else tick.engine.project.config.sender.fallback)


def _told(tick: TickContext, approval: Approval, whom: str, text: str) -> Alarm:
    plan = next((plan for plan in tick.plans.values() if plan.playbook == approval.playbook), None)
    what = f"{ALARM}:{approval.message_id}"
    id = identity.alarm_id(approval.playbook, f"{what} {whom}", tick.at)
    message = NewMessage(
        id, "", approval.playbook, plan.digest if plan else "", what, KIND, "slack", "", TRANSACTIONAL, approval.account_id, "", whom,
        "staff", "", MOST_URGENT, tick.at,
    )  # fmt: skip
    return Alarm(message, text)


def _asking(tick: TickContext, approval: Approval, whom: str) -> str:
    said, zone = _reads(tick, whom)
    shown = approval.text if len(approval.text) <= MOST_SHOWN else approval.text[:MOST_SHOWN] + "…"
    asked = said["asks"].format(
        playbook=approval.playbook, step=approval.step, account=approval.account_id, what=said["mail" if approval.html else "alert"],
        until=_when(approval.deadline, zone),
    )  # fmt: skip
    edits = said["edits_there" if tick.engine.browsed else "edits"].format(id=approval.message_id)
    return f":eyes: {asked}\n*{_plain(approval.subject)}*\n```{_plain(shown)}```" + (f"\n{edits}" if approval.html else "")


def _late(tick: TickContext, approval: Approval, whom: str) -> str:
    said, zone = _reads(tick, whom)
    late = said["late"].format(
        playbook=approval.playbook, step=approval.step, account=approval.account_id, what=said["mail" if approval.html else "alert"],
        approver=approval.approver, since=_when(approval.asked_at, zone),
    )  # fmt: skip
    return f":hourglass: {late}\n*{_plain(approval.subject)}*\n`cs-engine approve {approval.message_id} --show`"


_WORDS = {
    "en": {
        "asks": "*{playbook}* / {step} for {account}: {what} waits for your yes until {until}.",
        "edits": "To edit it: `cs-engine approve {id} --edit FILE`",
        "edits_there": "To edit it: open it in your browser, or `cs-engine approve {id} --edit FILE`",
        "late": "*{playbook}* / {step} for {account}: {what} has waited for {approver}'s yes since {since}. It stays held.",
        "mail": "a mail", "alert": "an alert",
    },
    "ja": {
        "asks": "*{playbook}* / {step}（{account}）: {what}の承認をお願いします。期限は{until}です。",
        "edits": "編集する場合: `cs-engine approve {id} --edit FILE`",
        "edits_there": "編集する場合: ブラウザで開くか、`cs-engine approve {id} --edit FILE`",
        "late": "*{playbook}* / {step}（{account}）: {what}が{since}から {approver} の承認待ちです。承認されるまで送信されません。",
        "mail": "メール", "alert": "通知",
    },
}  # fmt: skip


def _reads(tick: TickContext, whom: str) -> tuple[Mapping[str, str], ZoneInfo]:
    """The words and the zone of one of us, else the project's."""
    person, config = tick.directory.staff.get(whom), tick.engine.project.config
    locale = (person.locale if person is not None else None) or config.locale
    return _WORDS["ja" if is_japanese(locale) else "en"], zone_or((person.timezone if person is not None else None) or "", config.timezone)


def _when(at: Micros, zone: ZoneInfo) -> str:
    return f"{from_micros(at).astimezone(zone):%Y-%m-%d %H:%M} {zone.key}"


def _plain(text: str) -> str:
    """Slack's own escaping; a fence in the text would end ours."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("```", "'''")


def line_of(approval: Approval, at: Micros, event: str, reason: str) -> JournalLine:
    """What the journal tells of it."""
    return JournalLine(
        at, approval.playbook, approval.account_id, approval.subject_id, approval.enrolment_id, approval.step, event, reason, ""
    )  # fmt: skip
