"""Those who match begin a passage, and its first steps run in the same tick."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import repeat

import numpy as np

from cs_engine.instants import NO_TIME
from cs_engine.journey import identity
from cs_engine.journey.columns import from_columns
from cs_engine.journey.decide import Cohort, Ints, walk
from cs_engine.journey.enrolment import NewEnrolment, Passage, Standing
from cs_engine.journey.mode import SHADOW_KEY
from cs_engine.language.expression import EVENT, Expression, Grain, Type
from cs_engine.playbook.plan import ChangeEntry, EventEntry, Plan
from cs_engine.ports import Change, JournalLine, Kept, Mask
from cs_engine.run.advance import MOST_AT_ONCE, journal_of, moves_of
from cs_engine.run.context import TickContext
from cs_engine.run.ctas.notes import fired_again
from cs_engine.run.effects import arms_of, effects_of, fired_of, requests_of, shadows_of, values_of
from cs_engine.run.experiments import Groups
from cs_engine.run.guarding import allow, commit
from cs_engine.run.modes import open_rows
from cs_engine.run.occurrences import Entering, entering, found
from cs_engine.run.own import Own, kept_of


def enrol(tick: TickContext, plan: Plan) -> None:
    """Enrols who meets `audience` and `enter`, meets no way out (goal, exit, while), and has no passage under `once_per`, or
    one that ended so long ago that `reenter` allows the next.

    At the playbook's first run those who match already are passed over unless it says `existing: include`.
    """
    report = tick.of(plan.playbook)
    requests = tick.engine.store.requests(plan.playbook)
    requested = _requested(tick, plan, requests)
    shadow = plan.shadow
    passages = [p for p in tick.engine.store.passages(plan.playbook) if p.key.startswith(SHADOW_KEY) == shadow]
    if plan.subject is Grain.CONTACT and (moved := tick.engine.store.moved(plan.playbook)):
        passages = [p._replace(moved=(p.subject_id, p.key, p.number) in moved) for p in passages]
    paused = tick.paused(plan)
    if plan.event is not None:
        matching, entrants = _with_events(tick, plan, plan.event, requested, passages, paused)
    else:
        matching, entrants = _by_condition(tick, plan, requested, passages, paused)
    report.matched = int(matching.sum())
    if plan.mode.partial:
        entrants = entrants.only(open_rows(tick, plan, _accounts(tick, plan, entrants.rows)))
    groups = Groups(tick, plan, passages)
    fits = plan.shadow or tick.guards.fits(plan.playbook, "enrolments", len(entrants.rows))
    for start in range(0, len(entrants.rows), MOST_AT_ONCE):
        fits &= _enter(tick, plan, entrants.batch(start, start + MOST_AT_ONCE), groups, part=not fits)
    if not fits:  # the requests wait with the rest
        return
    _answer(tick, plan, _not_waiting(tick, plan, requests, paused), passages, matching)


def _by_condition(tick: TickContext, plan: Plan, requested: Mask, passages: list[Passage], paused: Mask | None) -> tuple[Mask, Entering]:
    """Who matches, and who of them enters."""
    matching = _matching(tick, plan, requested)
    free = matching & ~_leaving(tick, plan)
    rows = np.flatnonzero(free if paused is None else free & ~paused)
    keys = _keys(tick, plan)
    if (plan.existing or tick.orders.existing(plan.playbook)) != "include":
        rows = _pass_over(tick, plan, rows, matching, keys, requested)
    if plan.reenter is not None:
        passages = _rearm(tick, plan, passages, matching, keys)
    entrants, numbers = _free(tick, plan, passages, rows, keys)
    if not len(entrants):
        return matching, Entering(entrants, [], [], [])
    # Asked last: most who match are inside already.
    kept = _kept(tick, plan, entrants)
    own = Own(tick, plan, entrants, kept) if plan.asks_passages else None
    given = Entering(entrants, [keys[row] for row in entrants.tolist()], numbers, kept, own)
    staying = _staying(plan, own, len(entrants))
    return matching, given if staying.all() else given.only(np.flatnonzero(staying))


def _with_events(
    tick: TickContext, plan: Plan, entry: EventEntry | ChangeEntry, requested: Mask, passages: list[Passage], paused: Mask | None
) -> tuple[Mask, Entering]:
    """Whose event is there, and `audience` holds; and who of them enters."""
    given = found(tick, plan, entry, requested)
    given = given._replace(kept=kept_of(tick, plan, given.rows, given.kept))
    own = Own(tick, plan, given.rows, given.kept)
    fits = np.ones(len(given.rows), dtype=bool) if plan.audience is None else own.holds(plan.audience)
    matching = np.zeros(len(requested), dtype=bool)
    matching[given.rows[fits]] = True
    free = fits.copy()
    for leave in plan.leaves():
        free &= own.holds(leave.condition) != leave.when
    if paused is not None:
        free &= ~paused[given.rows]
    return matching, entering(tick, plan, passages, given, own, free)


def would_enter(tick: TickContext, plan: Plan) -> int:
    """How many match now and would not leave at once: those of whom `existing` speaks. None do before their event, or by hand."""
    if plan.manual or plan.event is not None:
        return 0
    nobody = np.zeros(len(tick.facts.ids(plan.subject)), dtype=bool)
    rows = np.flatnonzero(_matching(tick, plan, nobody) & ~_leaving(tick, plan))
    own = Own(tick, plan, rows, _kept(tick, plan, rows)) if plan.asks_passages else None
    return int(_staying(plan, own, len(rows)).sum())


def _not_waiting(tick: TickContext, plan: Plan, requests: Mapping[str, str], paused: Mask | None) -> Mapping[str, str]:
    """The requests that can be answered: those for who is paused wait."""
    if paused is None or not requests:
        return requests
    rows = tick.rows_of(plan.subject, list(requests)).tolist()
    return {subject: by for (subject, by), row in zip(requests.items(), rows, strict=True) if row < 0 or not paused[row]}


def _requested(tick: TickContext, plan: Plan, requests: Collection[str]) -> Mask:
    mask = np.zeros(len(tick.facts.ids(plan.subject)), dtype=bool)
    rows = tick.rows_of(plan.subject, list(requests))
    mask[rows[rows >= 0]] = True
    return mask


def _matching(tick: TickContext, plan: Plan, requested: Mask) -> Mask:
    mask = np.full(len(requested), not plan.manual)
    if plan.enter is not None:
        mask &= tick.facts.mask(plan.enter)
    mask |= requested
    return mask if plan.audience is None else mask & tick.facts.mask(plan.audience)


def _answer(tick: TickContext, plan: Plan, requests: Mapping[str, str], passages: Sequence[Passage], matching: Mask) -> None:
    """The requests are answered: who did not enter has the reason in the journal."""
    if not requests:
        return
    after = {p.subject_id: p for p in tick.engine.store.passages(plan.playbook)}
    before = {p.subject_id: p for p in passages}
    index, lines = tick.facts.rows(plan.subject), []
    for subject, by in sorted(requests.items()):
        last, row = after.get(subject), index.get(subject)
        if last is not None and (last != before.get(subject) or last.changed_at == tick.at):
            continue
        why = "subject_gone" if row is None else "audience" if not matching[row] else "leaving" if last is None else "has_been_through"
        account = "" if row is None else _accounts(tick, plan, np.array([row]))[0]
        reason = f"{by}: {'inside' if last is not None and last.active else why}"
        lines.append(JournalLine(tick.at, plan.playbook, account, subject, "", "", "not_enrolled", reason, ""))
    tick.engine.store.drop_requests(plan.playbook, requests, lines)


def _leaving(tick: TickContext, plan: Plan) -> Mask:
    mask = np.zeros(len(tick.facts.ids(plan.subject)), dtype=bool)
    for leave in plan.leaves():
        if not leave.condition.of_passage:
            mask |= tick.facts.mask(leave.condition) == leave.when
    return mask


def _kept(tick: TickContext, plan: Plan, rows: Ints) -> list[str]:
    """What passages would begin with that begin without an event."""
    return kept_of(tick, plan, rows, [""] * len(rows))


def _staying(plan: Plan, own: Own | None, size: int) -> Mask:
    """Of so many, of whose passages `own` tells, who would not leave by what their passage would begin with."""
    staying = np.ones(size, dtype=bool)
    for leave in plan.leaves() if own is not None else ():
        if own is not None and leave.condition.of_passage:
            staying &= own.holds(leave.condition) != leave.when
    return staying


def _keys(tick: TickContext, plan: Plan) -> list[str]:
    """The value of `once_per` for every row; of shadow passages marked, so that they stand in no real one's way."""
    keys = tick.facts.texts(plan.once_per) if plan.once_per is not None else [""] * len(tick.facts.ids(plan.subject))
    return [f"{SHADOW_KEY}{key}" for key in keys] if plan.shadow else keys


def _pass_over(tick: TickContext, plan: Plan, rows: Ints, matching: Mask, keys: list[str], requested: Mask) -> Ints:
    """Who matched at the first run stays out until the condition has been false in between."""
    store, ids = tick.engine.store, tick.facts.ids(plan.subject)
    if plan.playbook in tick.first_run:
        over = {(ids[row], keys[row]) for row in np.flatnonzero(matching & ~requested).tolist()}
        store.put_passed_over(plan.playbook, over, ())
        tick.of(plan.playbook).passed_over = len(over)
        return rows[requested[rows]]
    over = store.passed_over(plan.playbook)
    if not over:
        return rows
    index = tick.facts.rows(plan.subject)
    back = {(subject, key) for subject, key in over if (row := index.get(subject)) is None or not matching[row]}
    if back:
        store.put_passed_over(plan.playbook, (), back)
    still = over - back
    return rows[[requested[row] or (ids[row], keys[row]) not in still for row in rows.tolist()]] if len(rows) else rows


def _rearm(tick: TickContext, plan: Plan, passages: list[Passage], matching: Mask, keys: list[str]) -> list[Passage]:
    """Notes whose ended passage is followed by a tick in which they do not match: only they may enter again."""
    index = tick.facts.rows(plan.subject)
    known, fresh = [], []
    for passage in passages:
        if not passage.active and not passage.rearmed:
            row = index.get(passage.subject_id)
            if row is None or not matching[row] or keys[row] != passage.key:
                fresh.append(identity.enrolment_id(plan.playbook, passage.subject_id, passage.key, passage.number))
                known.append(passage._replace(rearmed=True))
                continue
        known.append(passage)
    if fresh:
        tick.engine.store.rearm(fresh)
    return known


def _free(tick: TickContext, plan: Plan, passages: list[Passage], rows: Ints, keys: list[str]) -> tuple[Ints, list[int]]:
    """Those of `rows` who may enter, and the number of the passage that each begins: one active passage a playbook and subject;
    one ever under a key, but for `reenter`, and for contacts who have gone to another account on their way.
    """
    busy = {p.subject_id for p in passages if p.active}
    last = {(p.subject_id, p.key): p.number for p in passages}
    if plan.reenter is not None and passages:
        open_again = tick.view(plan).after(np.array([p.changed_at for p in passages], dtype=np.int64), plan.reenter) <= tick.at
        again = {(p.subject_id, p.key) for p, free in zip(passages, open_again.tolist(), strict=True) if free and p.rearmed}
    else:
        again = set()
    if not passages:
        return rows, [1] * len(rows)
    again |= {(p.subject_id, p.key) for p in passages if p.moved}
    ids = tick.facts.ids(plan.subject)
    free, numbers = [], []
    for row in rows.tolist():
        who = (ids[row], keys[row])
        if ids[row] not in busy and (who not in last or who in again):
            free.append(row)
            numbers.append(last.get(who, 0) + 1)
    return np.array(free, dtype=np.int64), numbers


def _enter(tick: TickContext, plan: Plan, entrants: Entering, groups: Groups, *, part: bool) -> bool:
    """Begins these passages. False when a guard holds them; `part`: it holds all of this run's."""
    at_rows, own_keys, numbers, kept, own = entrants
    at, first, size = tick.at, plan.first.id, len(at_rows)
    all_ids, accounts = tick.facts.ids(plan.subject), _accounts(tick, plan, at_rows)
    subjects = [all_ids[row] for row in at_rows.tolist()]
    ids = identity.enrolment_ids(plan.playbook, subjects, own_keys, numbers)
    controls = [True] * size if plan.shadow else groups.controls(accounts)
    who = from_columns(
        Standing, ids, subjects, accounts, repeat(first), repeat(False), repeat(at), repeat(None), repeat(0), repeat(at), repeat(None),
        controls, repeat(0),
    )  # fmt: skip
    cohort = Cohort(
        first,
        at_rows,
        np.full(size, at),
        np.full(size, NO_TIME),
        np.zeros(size, dtype=bool),
        np.full(size, at),
        np.zeros(size, dtype=bool),
        np.array(controls, dtype=bool),
        np.zeros(size, dtype=np.int64),
        arriving=True,
    )
    result = walk(plan, cohort, tick.view(plan, own))
    held = tick.held(plan)
    stopped = repeat(None) if held is None else [at if is_held else None for is_held in held[at_rows].tolist()]
    new = from_columns(
        NewEnrolment, ids, repeat(plan.playbook), repeat(plan.digest), subjects, accounts, own_keys, numbers, result.step.tolist(),
        repeat(at), stopped, controls,
    )  # fmt: skip
    # A new row stands at its first resting place since the tick's now; what differs from that is a move of its own.
    differs = np.asarray((result.finished != "") | result.otherwise_done | (result.since != at), dtype=bool)
    messages, ctas = effects_of(tick, plan, result, at_rows, who, own)
    seen = _why(tick, plan, at_rows, own)
    how = _how("shadow" if plan.shadow else "control", numbers, controls)
    journal = from_columns(
        JournalLine, repeat(at), repeat(plan.playbook), accounts, subjects, ids, repeat(first), repeat("entered"), how, seen
    )
    journal += [*journal_of(tick, plan, result, at_rows, who, own), *fired_of(tick, plan, result, at_rows, who, own)]
    journal += shadows_of(tick, plan, result, at_rows, who, own)
    change = Change(
        new, moves_of(result, who, differs), messages, ctas, journal,
        [*groups.assignments(accounts), *arms_of(tick, plan, result, who)], values_of(tick, plan, result, who),
        requests_of(tick, plan, result, who), kept=[one for one in from_columns(Kept, ids, kept) if one.kept],
        notes=fired_again(tick, ctas),
    )  # fmt: skip
    allowed = allow(tick, plan, change, part=part)
    if allowed is None:
        return False
    commit(tick, allowed)
    report = tick.of(plan.playbook)
    report.entered += size - sum(controls)
    (report.shadow if plan.shadow else report.control)["entered"] += sum(controls)
    report.planned += len(messages)
    report.count(change.moves, {id for id, control in zip(ids, controls, strict=True) if control}, shadow=plan.shadow)
    return True


def _why(tick: TickContext, plan: Plan, rows: Ints, own: Own | None) -> Iterable[str]:
    """For each entrant the values of the names that made it enter."""
    condition = plan.enter or plan.audience
    if plan.event is not None and own is not None:
        told = ("event", "at", "id", "was", "became")
        names = (*(f"{EVENT}{name}" for name in told if name in plan.event.columns), *(condition.names if condition is not None else ()))
        return own.seen(Expression(str(plan.event), plan.subject, "", Type.TEXT, names), np.arange(len(rows)))
    return tick.facts.seen(condition, rows) if condition is not None and condition.names else repeat("")


def _accounts(tick: TickContext, plan: Plan, rows: Ints) -> list[str]:
    """The accounts of the plan's subjects at those rows."""
    ids = tick.facts.ids(Grain.ACCOUNT)
    of = rows if plan.subject is Grain.ACCOUNT else tick.facts.account_of_contact()[rows]
    return [ids[row] for row in of.tolist()]


def _how(group: str, numbers: Sequence[int], controls: Sequence[bool]) -> Iterable[str]:
    """What is not plain about each entry."""
    if max(numbers) == 1:
        return [group if control else "" for control in controls] if any(controls) else repeat("")
    of_group = (f", {group}" if control else "" for control in controls)
    return [f"passage {number}{which}" if number > 1 else which.removeprefix(", ") for number, which in zip(numbers, of_group, strict=True)]
