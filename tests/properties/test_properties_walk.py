"""A cohort walks as each of its members would alone, by the rules as they are written."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime, timedelta
from functools import partial
from hashlib import blake2b
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cs_engine.instants import NO_TIME, from_micros, to_micros
from cs_engine.journey.decide import Cohort, Ints, View, Walk, walk
from cs_engine.language import durations
from cs_engine.language.expression import Duration
from cs_engine.playbook.plan import Plan
from tests.properties.conditions import ACCOUNT_FLAGS, CONTACT_FLAGS, COUNTS, MILESTONES, holds
from tests.properties.documents import Block, Doc, compact, documents, every_step
from tests.properties.naive import Naive, Passage, Sky
from tests.properties.profiles import quick, soak
from tests.properties.project import Home, compiled

START = datetime(2026, 3, 2, 10, tzinfo=UTC)
SPANS = (
    timedelta(0),
    timedelta(minutes=30),
    timedelta(hours=6),
    timedelta(days=1),
    timedelta(days=1),
    timedelta(days=3),
    timedelta(days=8),
)
ATOMS = (*ACCOUNT_FLAGS, *CONTACT_FLAGS, *COUNTS, *(f"reached('{m}')" for m in MILESTONES))
UTC_ZONE = ZoneInfo("UTC")


class Weather:
    """What is true of a member at a moment, drawn from a seed by hashing: random, and the same whoever asks."""

    def __init__(self, seed: int) -> None:
        self._seed = seed

    def chance(self, *about: object) -> int:
        """0 to 99."""
        return int.from_bytes(blake2b(repr((self._seed, *about)).encode(), digest_size=4).digest(), "big") % 100

    def atom(self, member: int, tick: int, atom: str) -> bool:
        # Facts are often the same as before: conditions that flicker hardly let anybody get anywhere.
        return self.chance("atom", member, tick // 2, atom) < 30

    def there(self, member: int, tick: int) -> bool:
        return self.chance("there", member, tick) < 97

    def reaches(self, member: int, tick: int, step: str) -> bool:
        return self.chance("reaches", member, tick, step) < 80

    def history(self, member: int, milestone: str) -> bool:
        return self.chance("history", member, milestone) < 30

    def control(self, member: int) -> bool:
        return self.chance("control", member) < 15

    def held(self, member: int, tick: int) -> bool:
        return self.chance("held", member, tick) < 8

    def arm(self, member: int, split: str) -> str:
        return "a" if self.chance("arm", member, split) < 50 else "b"

    def date(self, member: int, tick: int, text: str) -> datetime | None:
        """Now and then another one, or none."""
        drawn = self.chance("date", member, tick // 3, text)
        return None if drawn < 15 else START + timedelta(hours=6 * (drawn - 25))

    def settles(self, member: int, tick: int) -> bool:
        return self.chance("settles", member, tick) < 60


class Cohorts:
    """The members of one playbook, moved by `walk`."""

    def __init__(self, plan: Plan, members: int, weather: Weather) -> None:
        self.plan, self.weather = plan, weather
        self.passages = [Passage() for _ in range(members)]

    def tick(self, number: int, now: datetime, entering: bool) -> dict[int, list[str]]:
        """Everybody moves, all who stand at a step together; the steps that each sends."""
        standing: dict[str, list[int]] = defaultdict(list)
        for member, passage in enumerate(self.passages):
            if not passage.finished:
                standing[self.plan.first.id if entering else passage.step].append(member)
        sent: dict[int, list[str]] = defaultdict(list)
        for step, members in standing.items():
            here = [self.passages[member] for member in members]
            there = [entering or self.weather.there(member, number) for member in members]
            cohort = Cohort(
                step,
                np.array([member if t else -1 for member, t in zip(members, there, strict=True)]),
                np.array([to_micros(now if entering else p.since) for p in here]),
                np.array([NO_TIME if p.ended is None else to_micros(p.ended) for p in here]),
                np.array([p.otherwise_done for p in here]),
                entered=np.array([to_micros(now if entering else p.entered) for p in here]),
                held=np.array([not entering and self.weather.held(m, number) for m in members]),
                control=np.array([self.weather.control(m) for m in members]),
                repeats=np.array([0 if entering else p.repeats for p in here]),
                arriving=entering,
            )
            self._take(walk(self.plan, cohort, self._view(number, now)), members, sent)
        return sent

    def _take(self, out: Walk, members: list[int], sent: dict[int, list[str]]) -> None:
        for i, member in enumerate(members):
            passage = self.passages[member]
            if not out.moved[i]:
                continue
            passage.step, passage.since = str(out.step[i]), from_micros(int(out.since[i]))
            passage.otherwise_done, passage.finished, passage.ended = bool(out.otherwise_done[i]), str(out.finished[i]), None
            passage.repeats = int(out.repeats[i])
        for step, who in out.sends:
            for i in who.tolist():
                sent[members[i]].append(step.id)
        # A line of the journal leads from each step to the next; nobody leaves a step twice, and only what ended is finished.
        left: dict[int, list[str]] = defaultdict(list)
        for passed in out.passed:
            for i in passed.members.tolist():
                left[i].append(passed.step)
                assert bool(passed.finished) <= (passed.finished == out.finished[i])
        assert all(len(set(steps)) == len(steps) for steps in left.values())

    def _view(self, number: int, now: datetime) -> View:
        everyone = range(len(self.passages))
        return View(
            now=to_micros(now),
            holds=lambda e: np.array([holds(e.text, partial(self.weather.atom, m, number)) for m in everyone]),
            reaches=lambda step: np.array([self.weather.reaches(m, number, step.id) for m in everyone]),
            history=lambda milestone: np.array([self.weather.history(m, milestone) for m in everyone]),
            after=_after,
            arms=lambda split, rows: np.array(
                [[arm.name for arm in split.arms].index(self.weather.arm(m, split.id)) for m in rows.tolist()], dtype=np.int64
            ),
            times=lambda e: np.array([_micros(self.weather.date(m, number, e.text)) for m in everyone], dtype=np.int64),
            days=lambda instants: np.array([from_micros(at).toordinal() if at != NO_TIME else at for at in instants.tolist()], np.int64),
        )


def _micros(at: datetime | None) -> int:
    return NO_TIME if at is None else to_micros(at)


def _after(instants: Ints, duration: Duration) -> Ints:
    return np.array([to_micros(durations.add(from_micros(at), duration, UTC_ZONE)) for at in instants.tolist()], dtype=np.int64)


def walks_as_each_alone(home: Home, doc: Doc, seed: int, spans: list[timedelta], members: int) -> None:
    weather = Weather(seed)
    cohorts, naive = Cohorts(compiled(compact(doc), home.project)[0].plan, members, weather), Naive(doc)
    alone: list[Passage] = []
    notices = {step["id"]: step["notice"] for step in every_step(doc["steps"]) if "notice" in step}
    now = START
    for number, span in enumerate([timedelta(0), *spans]):
        now += span
        if number == 0:
            for member, passage in enumerate(cohorts.passages):
                passage.finished, passage.entered = naive.outside(partial(weather.atom, member, 0)), now
        sent = cohorts.tick(number, now, entering=number == 0)
        for member in range(members):
            sky = Sky(
                now,
                truth=partial(weather.atom, member, number),
                reaches=partial(_goes_out, weather, notices, member, number),
                dates=partial(weather.date, member, number),
                arms=partial(weather.arm, member),
                held=weather.held(member, number),
            )
            if number == 0:
                passage, sends = naive.enter(sky, weather.control(member))
                alone.append(passage)
            elif alone[member].finished:
                sends = []
            else:
                sends = naive.advance(alone[member], sky if weather.there(member, number) else None)
            one, other = alone[member], cohorts.passages[member]
            said = f"member {member} at tick {number}"
            assert other.finished == one.finished, said
            assert sent[member] == sends, said
            if not one.finished:
                assert (other.step, other.otherwise_done, other.since, other.repeats) == (
                    one.step, one.otherwise_done, one.since, one.repeats
                ), said  # fmt: skip
            if weather.settles(member, number):
                for passage in (one, other):
                    passage.ended = passage.ended or now


def _goes_out(weather: Weather, notices: dict[str, str], member: int, tick: int, step: str) -> bool:
    return weather.reaches(member, tick, step) and not (step in notices and weather.history(member, notices[step]))


_SPANS = st.lists(st.sampled_from(SPANS), min_size=6, max_size=16)
_SEEDS = st.integers(0, 2**32)


@quick(60)
@given(doc=documents(least=4), seed=_SEEDS, spans=_SPANS)
def test_a_cohort_walks_as_each_of_its_members_would_alone(home: Home, doc: Doc, seed: int, spans: list[timedelta]) -> None:
    walks_as_each_alone(home, doc, seed, spans, 20)


@st.composite
def _deep(draw: st.DrawFn) -> Doc:
    """Waits in waits in waits, whatever comes after each."""
    block: Block = []
    for name in ("inner", "middle", "outer"):
        mail = {"id": f"{name}-mail", "email": "one"}
        after = draw(st.sampled_from(["continue", "keep_waiting", "stop"]))
        atom = draw(st.sampled_from(ATOMS[:4]))
        wait = {"id": name, "wait_until": atom, "at_most": "1 day", "otherwise": [mail, *block], "after": after}
        block = [wait, {"id": f"after-{name}", "email": "two"}]
    return {"playbook": "sample", "steps": block}


@quick(25)
@given(doc=_deep(), seed=_SEEDS, spans=_SPANS)
def test_waits_within_waits_are_walked_as_alone(home: Home, doc: Doc, seed: int, spans: list[timedelta]) -> None:
    walks_as_each_alone(home, doc, seed, spans, 40)


@pytest.mark.soak
@soak(2000)
@given(doc=documents(least=3), seed=_SEEDS, spans=_SPANS)
def test_walks_soak(home: Home, doc: Doc, seed: int, spans: list[timedelta]) -> None:
    walks_as_each_alone(home, doc, seed, spans, 20)
