"""Telling our own people how the engine fares, and stopping a playbook that keeps failing."""

from __future__ import annotations

from cs_engine.errors import CsEngineError
from cs_engine.journey import identity
from cs_engine.journey.message import ALARM, MOST_URGENT, Alarm, NewMessage
from cs_engine.journey.orders import FAILING, MOST_FAILURES, PAUSE, Order, PlaybookFailure
from cs_engine.playbook.plan import TRANSACTIONAL, Plan
from cs_engine.ports import JournalLine
from cs_engine.run.context import TickContext


def alarm(tick: TickContext, playbook: str, what: str, text: str) -> Alarm:
    """A Slack message to the playbook's owner when that is one of us, else to the project's channel, naming the owner. Of one tick and
    playbook ('': all) there is one about each `what`.
    """
    plan = plan_of(tick, playbook)
    owner = plan.owner if plan is not None else ""
    known = owner in tick.directory.staff
    recipient, kind = (owner, "staff") if known else (tick.engine.project.config.slack.channel, "channel")
    told = text if known or not owner else f"{text}\nOwner: {owner}"
    id = identity.alarm_id(playbook, what, tick.at)
    message = NewMessage(
        id, "", playbook, plan.digest if plan is not None else "", what, ALARM, "slack", "", TRANSACTIONAL, "", "", recipient, kind, "",
        MOST_URGENT, tick.at,
    )  # fmt: skip
    return Alarm(message, told)


def word_to(tick: TickContext, staff: str, what: str, text: str) -> Alarm:
    """A Slack message to one of us; to the project's channel where `staff` is ''. Of one tick there is one about each `what`."""
    recipient, kind = (staff, "staff") if staff else (tick.engine.project.config.slack.channel, "channel")
    id = identity.alarm_id("", what, tick.at)
    message = NewMessage(id, "", "", "", what, ALARM, "slack", "", TRANSACTIONAL, "", "", recipient, kind, "", MOST_URGENT, tick.at)
    return Alarm(message, text)


def fail(tick: TickContext, playbook: str, step: str, what: str, reason: str, n: int = 1) -> None:
    """Counts a failure of a playbook; the tenth within 24 hours switches it off, and its owner is told."""
    failure = PlaybookFailure(playbook, tick.at, step, what, reason, n)
    tick.engine.store.fail([failure])
    if tick.orders.failed(failure):
        pause(tick, playbook, FAILING, f"switched off: {MOST_FAILURES} failures in 24 hours, the last at {step or 'its start'}: {reason}")


def pause(tick: TickContext, playbook: str, by: str, reason: str) -> None:
    """The engine itself pauses a playbook: from here on in this tick too, with a line in the journal and word to its owner."""
    order = Order(playbook, "", PAUSE, tick.at, by, reason)
    line = JournalLine(tick.at, playbook, "", "", "", "", "paused", reason, "")
    text = f":octagonal_sign: *{playbook}* stands still: {reason}.\nWhen it is mended: `cs-engine resume {playbook}`"
    tick.engine.store.order([order], lines=[line], alarms=[alarm(tick, playbook, f"paused by {by}", text)])
    tick.orders.add(order)
    tick.of(playbook).paused = reason
    tick.report.failures.append(f"{playbook}: {reason}")


def plan_of(tick: TickContext, playbook: str) -> Plan | None:
    """The live plan, or of a playbook that is gone one that somebody is inside."""
    live = tick.engine.project.plans.get(playbook)
    return live or next((plan for plan in tick.plans.values() if plan.playbook == playbook), None)


def named(error: Exception) -> str:
    """An exception as a reason: ours says what is wrong, of any other only the kind, since its text may quote data."""
    return error.message if isinstance(error, CsEngineError) else type(error).__name__
