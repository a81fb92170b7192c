"""The day's digest: CTAs of low priority, and those that are more than somebody has time for, in one message a working day."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from typing import Any, NamedTuple

from cs_engine.content.cta import MOST_ENTRIES, Digest, digest_blocks, notes
from cs_engine.content.formats import write_date
from cs_engine.instants import to_micros
from cs_engine.journey import identity, message
from cs_engine.journey.cta import DIGEST, OWN, by_urgency
from cs_engine.journey.message import Alarm, Move, State
from cs_engine.journey.workload import Fresh, allot, next_digest, week_of
from cs_engine.playbook.config import DAYS_OF_WEEK
from cs_engine.playbook.plan import Cta
from cs_engine.ports import Candidate, JournalLine, OpenCta
from cs_engine.run.context import TickContext
from cs_engine.run.ctas.because import EVENTS, Because, Reader
from cs_engine.run.ctas.notes import reader_of
from cs_engine.run.ctas.watch import entry_of, names_of, own_alarm

STEP = "digest:"
"""Begins the step of the message that is one; the day follows."""
NOTHING, STALE, HOUR = "nothing_to_tell", "stale", "digest_hour"
"""Why one does not go, or waits."""

_LONGEST_WHY = 160


def share_out(tick: TickContext) -> None:
    """Before anything is claimed: what goes into the digest is settled as told there, and word of it is planned. Nothing, where
    project.yaml names no hour for it.
    """
    if tick.engine.project.config.slack.digest is None:
        return
    _allot(tick)
    waiting = _waiting(tick)
    alarms = [_planned(tick, whom) for whom in sorted(waiting)]
    if alarms:
        tick.engine.store.order(alarms=alarms)


def is_digest(candidate: Candidate) -> bool:
    return candidate.kind == message.ALARM and candidate.step.startswith(STEP)


def verdicts(tick: TickContext) -> Callable[[Candidate], Move | None]:
    """What a claim asks of a digest: whether its hour has come and its day is not over, and there is anything to tell by now."""
    waiting: list[Waiting] = []

    def move(candidate: Candidate) -> Move | None:
        opens, now = _opens(tick, candidate), tick.clock.now()
        if now < opens:
            return message.held(candidate.id, candidate.state, HOUR, to_micros(opens))
        if _next(tick, candidate.recipient, opens + timedelta(seconds=1)) <= now:
            return message.skipped(candidate.id, candidate.state, STALE)
        if not waiting:  # read once a claim
            waiting.append(_waiting(tick))
        return None if waiting[0].get(candidate.recipient) else message.skipped(candidate.id, candidate.state, NOTHING)

    return move


class Rendered(NamedTuple):
    text: str
    blocks: list[dict[str, Any]]


def rendered(tick: TickContext, candidates: Sequence[Candidate]) -> dict[str, Rendered]:
    """The digests among them as they are by now, by message."""
    mine = [candidate for candidate in candidates if is_digest(candidate)]
    if not mine:
        return {}
    waiting = _waiting(tick)
    listed = {c.id: sorted(waiting.get(c.recipient, ()), key=by_urgency)[: MOST_ENTRIES + 1] for c in mine}
    every = [(cta, reader_of(tick.engine.project, c.recipient)) for c in mine for cta in listed[c.id]]
    why, names = _why(tick, every), dict(zip((cta.id for cta, _ in every), names_of(tick, [cta for cta, _ in every]), strict=True))
    return {c.id: _laid_out(tick, c, listed[c.id], len(waiting.get(c.recipient, ())), why, names) for c in mine}


def _laid_out(
    tick: TickContext, candidate: Candidate, ctas: Sequence[OpenCta], n: int, why: Mapping[str, str], names: Mapping[str, str]
) -> Rendered:  # fmt: skip
    reader = reader_of(tick.engine.project, candidate.recipient)
    entries = [entry_of(tick, cta, names[cta.id], reader)._replace(why=why.get(cta.id, "")) for cta in ctas]
    keys = [f"{cta.id}@{cta.opened_at}" for cta in ctas] if tick.engine.steered else []
    day = write_date(_day(candidate), reader.locale, "weekday")
    head = notes(reader.locale)["digest"].format(day=day, n=n)
    return Rendered(head, digest_blocks(Digest(reader.locale, head, entries, keys, n)))


def _allot(tick: TickContext) -> None:
    store = tick.engine.store
    # What somebody reads first is a message, whatever it tells.
    read_first = {(plan.digest, step.id) for plan in tick.plans.values() for step in plan.steps if isinstance(step, Cta) and step.approve}
    fresh = [one for one in store.fresh_ctas(to_micros(tick.clock.now())) if (one.digest, one.step) not in read_first]
    if not fresh:
        return
    how = allot(fresh, *_budgets(tick, fresh))
    own = sorted({one.id for one in fresh if how[one.id] == OWN and not one.told})
    put = [one for one in fresh if how[one.id] == DIGEST]
    moves = [message.skipped(one.message_id, one.state, DIGEST) for one in put]
    made = store.allot_ctas(own, sorted({one.id for one in put}), moves, tick.at)
    tick.report.delivery[State.SKIPPED.value] += len(made)
    counted = {move.id for move in made}
    for playbook, n in Counter(one.playbook for one in put if one.message_id in counted).items():
        tick.of(playbook).skipped += n


def _budgets(tick: TickContext, fresh: Sequence[Fresh]) -> tuple[dict[str, int], dict[str, int]]:
    """What each has for this week, in minutes, and what of it is spent."""
    people = {one.staff: tick.directory.staff[one.staff] for one in fresh if one.staff in tick.directory.staff}
    budgets = {email: person.minutes_a_week for email, person in people.items() if person.minutes_a_week is not None}
    if not budgets:
        return {}, {}
    begins = {email: to_micros(week_of(tick.now, reader_of(tick.engine.project, email).zone)) for email in budgets}
    spent: Counter[str] = Counter()
    for email, at, minutes in tick.engine.store.minutes_told(min(begins.values())):
        if at >= begins.get(email, at + 1):
            spent[email] += minutes
    return budgets, spent


Waiting = Mapping[str, list[OpenCta]]


def _waiting(tick: TickContext) -> Waiting:
    """Who reads a digest today -> what waits there: theirs, and those of whom they stand in for."""
    found: dict[str, list[OpenCta]] = {}
    for cta in tick.engine.store.open_ctas():
        if cta.told == DIGEST and cta.state == "open" and cta.staff in tick.directory.staff:
            found.setdefault(tick.directory.here(cta.staff), []).append(cta)
    return found


def _planned(tick: TickContext, whom: str) -> Alarm:
    day = _next(tick, whom, tick.now).date()
    return own_alarm(tick, identity.note_id("", whom, f"{STEP}{day}", 0), f"{STEP}{day}", whom, "")


def _next(tick: TickContext, whom: str, now: datetime) -> datetime:
    project = tick.engine.project
    assert project.config.slack.digest is not None
    off, sent_on = project.is_day_off, {DAYS_OF_WEEK.index(day) for day in project.config.send_days}

    def works(day: date) -> bool:
        return day.weekday() < 5 and day.weekday() in sent_on and not (off is not None and off(day))

    return next_digest(now, time.fromisoformat(project.config.slack.digest), reader_of(project, whom).zone, works)


def _opens(tick: TickContext, candidate: Candidate) -> datetime:
    hour = time.fromisoformat(tick.engine.project.config.slack.digest or "00:00")
    return datetime.combine(_day(candidate), hour, reader_of(tick.engine.project, candidate.recipient).zone)


def _day(candidate: Candidate) -> date:
    return date.fromisoformat(candidate.step.removeprefix(STEP))


def _why(tick: TickContext, given: Sequence[tuple[OpenCta, Reader]]) -> dict[str, str]:
    """The first reason of each, in short, as its reader reads it. A query a playbook's version."""
    because, found = Because(tick.engine.project, tick.facts.judged), dict[str, str]()
    for digest in sorted({cta.digest for cta, _ in given}):
        plan = tick.plans.get(digest)
        mine = [
            (cta, reader, step) for cta, reader in given if plan and cta.digest == digest and isinstance(step := plan.step(cta.step), Cta)
        ]
        if plan is None or not mine:
            continue
        lines: dict[str, list[JournalLine]] = {}
        accounts, passages = {cta.account_id for cta, *_ in mine}, {cta.enrolment_id for cta, *_ in mine}
        for line in tick.engine.store.journal_of(plan.playbook, accounts, passages, EVENTS):
            lines.setdefault(line.enrolment_id, []).append(line)
        decisions = [because.decisions(plan, step, lines.get(cta.enrolment_id, ())) for cta, _, step in mine]
        for (cta, *_), told in zip(mine, because.lines(plan, decisions, [reader for _, reader, _ in mine]), strict=True):
            shown = told[0].removeprefix("• ") if told else ""
            found[cta.id] = shown if len(shown) <= _LONGEST_WHY else ""
    return found
