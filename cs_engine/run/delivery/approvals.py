"""Mail that somebody reads before it goes: asked for as soon as it is planned, told to their manager when its time is over.

What they say to it: cs_engine.run.desk.approving.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta

import numpy as np

from cs_engine.content.cta import texts_in
from cs_engine.instants import Micros, from_micros, to_micros
from cs_engine.journey import identity
from cs_engine.journey.approval import ALARM, Approval, verdict
from cs_engine.journey.message import ALARM as KIND
from cs_engine.journey.message import COPY, MOST_URGENT, Alarm, Move, NewMessage
from cs_engine.language.expression import Grain
from cs_engine.playbook.config import Staff
from cs_engine.playbook.plan import TRANSACTIONAL, AddressedStep, Approve
from cs_engine.ports import Candidate, JournalLine, Letter, Post
from cs_engine.run.context import TickContext
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
        store.ask_approval(asked, [_told(tick, a, a.approver, _asking(a)) for a in asked], lines)
    now = to_micros(tick.clock.now())
    late = [a for a in store.approvals_waiting() if a.deadline <= now and a.escalated_at is None]
    if late:
        alarms = [_told(tick, a, _manager_of(tick, a.approver), _late(a)) for a in late]
        store.escalate_approval([a.message_id for a in late], tick.at, alarms, [line_of(a, tick.at, "escalated", a.approver) for a in late])


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
        deadline = int(tick.view(plan).after(np.array([to_micros(tick.clock.now())]), step.approve.within)[0])
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
    return found.email if found is not None else tick.engine.project.config.sender.fallback


def _manager_of(tick: TickContext, approver: str) -> str:
    person = tick.directory.staff.get(approver)
    manager = person.manager if person is not None else None
    return manager if manager in tick.directory.staff and manager else tick.engine.project.config.sender.fallback


def _told(tick: TickContext, approval: Approval, whom: str, text: str) -> Alarm:
    plan = next((plan for plan in tick.plans.values() if plan.playbook == approval.playbook), None)
    what = f"{ALARM}:{approval.message_id}"
    id = identity.alarm_id(approval.playbook, f"{what} {whom}", tick.at)
    message = NewMessage(
        id, "", approval.playbook, plan.digest if plan else "", what, KIND, "slack", "", TRANSACTIONAL, approval.account_id, "", whom,
        "staff", "", MOST_URGENT, tick.at,
    )  # fmt: skip
    return Alarm(message, text)


def _asking(approval: Approval) -> str:
    shown = approval.text if len(approval.text) <= MOST_SHOWN else approval.text[:MOST_SHOWN] + "…"
    return (
        f":eyes: *{approval.playbook}* / {approval.step} for {approval.account_id}: {_called(approval)} waits for your yes until "
        f"{from_micros(approval.deadline):%Y-%m-%d %H:%M} UTC.\n*{_plain(approval.subject)}*\n```{_plain(shown)}```"
        + (f"\nTo edit it: `cs-engine approve {approval.message_id} --edit FILE`" if approval.html else "")
    )


def _late(approval: Approval) -> str:
    since = f"{from_micros(approval.asked_at):%Y-%m-%d %H:%M} UTC"
    return (
        f":hourglass: *{approval.playbook}* / {approval.step} for {approval.account_id}: {_called(approval)} has waited for "
        f"{approval.approver}'s yes since {since}. It stays held.\n*{_plain(approval.subject)}*\n"
        f"`cs-engine approve {approval.message_id} --show`"
    )


def _called(approval: Approval) -> str:
    return "a mail" if approval.html else "an alert"


def _plain(text: str) -> str:
    """Slack's own escaping; a fence in the text would end ours."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("```", "'''")


def line_of(approval: Approval, at: Micros, event: str, reason: str) -> JournalLine:
    """What the journal tells of it."""
    return JournalLine(
        at, approval.playbook, approval.account_id, approval.subject_id, approval.enrolment_id, approval.step, event, reason, ""
    )  # fmt: skip
