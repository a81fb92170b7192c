"""The language's rules for one passage, step by step on the blocks as YAML has them: no plan, no edges, no cohorts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.properties.conditions import Truth, holds
from tests.properties.documents import Block, Doc, inner_blocks

Reaches = Callable[[str], bool]
"""Whether the sending step of that id has anybody to go to, and is no notice of what was reached before we came."""

Dates = Callable[[str], datetime | None]
"""The date that an expression gives."""
Arms = Callable[[str], str]
"""The arm that the account takes at the split of that id."""

_UNITS = {"minute": timedelta(minutes=1), "hour": timedelta(hours=1), "day": timedelta(days=1), "week": timedelta(weeks=1)}


@dataclass(frozen=True)
class Where:
    """A step in its block; `of` is the step that the block belongs to, and `key` which of its blocks it is."""

    block: Block
    index: int
    of: Where | None
    key: str

    @property
    def step(self) -> Any:
        return self.block[self.index]

    def waits(self) -> list[Where]:
        """The waits in whose `otherwise` it lies, outermost first."""
        if self.of is None:
            return []
        return [*self.of.waits(), *([self.of] if self.key == "otherwise" else [])]


@dataclass
class Passage:
    """One passage: where it stands, and what it has sent."""

    step: str = ""
    otherwise_done: bool = False
    since: datetime = datetime(1, 1, 1, tzinfo=UTC)
    ended: datetime | None = None
    """When the last message of the step it stands at was settled."""
    finished: str = ""
    entered: datetime = datetime(1, 1, 1, tzinfo=UTC)
    repeats: int = 0
    control: bool = False
    """Takes the same way, and sends nothing: its messages would end at once."""


@dataclass(frozen=True)
class Sky:
    """What is true of one subject in one tick."""

    now: datetime
    truth: Truth
    reaches: Reaches
    dates: Dates
    arms: Arms
    held: bool = False
    """Only ways out are open."""


class Naive:
    """One playbook."""

    def __init__(self, doc: Doc) -> None:
        self.doc = doc
        self._places = {where.step["id"]: where for where in _everywhere(doc["steps"], None, "steps") if "id" in where.step}

    def enter(self, sky: Sky, control: bool) -> tuple[Passage, list[str]]:
        """A passage begins, and runs as far as it can; with the steps that it sends. Who meets a way out stays outside."""
        passage = Passage(since=sky.now, entered=sky.now, control=control)
        passage.finished = self.outside(sky.truth)
        if passage.finished:
            return passage, []
        return passage, _Tick(passage, sky).arrive(Where(self.doc["steps"], 0, None, "steps"))

    def outside(self, truth: Truth) -> str:
        """`outside` for who never enters, meeting a way out already; else nothing."""
        return "outside" if self._leaves(truth) else ""

    def advance(self, passage: Passage, sky: Sky | None) -> list[str]:
        """One tick; the steps that it sends. `sky`: None when its subject is not there any more."""
        if sky is None:
            passage.finished = "exit"
            return []
        passage.finished = self._leaves(sky.truth)
        if passage.finished or sky.held:
            return []
        here, tick = self._places[passage.step.removesuffix(".at")], _Tick(passage, sky)
        for wait in here.waits():
            if holds(wait.step["wait_until"], sky.truth):
                passage.since = sky.now
                return tick.leave(wait)
        return tick.date(here) if passage.step.endswith(".at") else tick.stand(here)

    def _leaves(self, truth: Truth) -> str:
        for reason in ("goal", "exit"):
            if reason in self.doc and holds(self.doc[reason], truth):
                return reason
        return "exit" if "while" in self.doc and not holds(self.doc["while"], truth) else ""


@dataclass
class _Tick:
    passage: Passage
    sky: Sky

    def stand(self, here: Where) -> list[str]:
        """It stood there when the tick began."""
        step, passage = here.step, self.passage
        if "wait" in step or "wait_until" in step:
            return self.wait(here)
        ended = passage.since if passage.control else passage.ended
        if ended is None or ended >= self.sky.now:
            return []
        again = step.get("repeat", {})
        met = "until" in again and holds(again["until"], self.sky.truth)
        if again and not met and passage.repeats + 1 < again["times"]:
            return self.again(here, ended)
        passage.since = ended
        return self.leave(here)

    def again(self, here: Where, ended: datetime) -> list[str]:
        step, passage = here.step, self.passage
        if later(ended, step["repeat"]["every"]) > self.sky.now:
            return []
        if not self.sky.reaches(step["id"]):
            return self.leave(here)
        passage.repeats, passage.since, passage.ended = passage.repeats + 1, self.sky.now, None
        return [] if passage.control else [step["id"]]

    def date(self, here: Where, arriving: bool = False) -> list[str]:
        """It comes to a step that has a date, or waits for it."""
        step, passage, now = here.step, self.passage, self.sky.now
        at = self.sky.dates(step["at"])
        if at is not None and at > now:
            passage.step = f"{step['id']}.at"
            return []
        late_by = {"now": None, "skip": passage.since}.get(step.get("if_late", ""), passage.entered)
        late = at is not None and late_by is not None and at.date() < late_by.date()
        if not arriving:
            passage.since = now
        return self.leave(here) if at is None or late else self.begin(here)

    def arrive(self, here: Where) -> list[str]:
        """It comes to the step in this tick."""
        step, passage = here.step, self.passage
        passage.otherwise_done, passage.ended, passage.repeats = False, None, 0
        if step == "stop":
            return self.finish()
        return self.date(here, arriving=True) if "at" in step else self.begin(here)

    def begin(self, here: Where) -> list[str]:
        """Its date, if it has one, has come."""
        step, passage = here.step, self.passage
        if "then" in step:
            chosen = "then" if holds(step["if"], self.sky.truth) else "else"
            return self.arrive(Where(step[chosen], 0, here, chosen)) if step.get(chosen) else self.leave(here)
        if "if" in step and not holds(step["if"], self.sky.truth):
            return self.leave(here)
        if "stop" in step:
            return self.finish()
        if "wait" in step or "wait_until" in step:
            return self.wait(here)
        if "set" in step:
            return self.leave(here)
        if "split" in step:
            arm = self.sky.arms(step["id"])
            steps = step["split"][arm].get("steps")
            return self.arrive(Where(steps, 0, here, arm)) if steps else self.leave(here)
        if not self.sky.reaches(step["id"]):
            return self.leave(here)
        passage.step, passage.since, passage.ended = step["id"], self.sky.now, None
        return [] if passage.control else [step["id"]]

    def wait(self, here: Where) -> list[str]:
        step, passage = here.step, self.passage
        passage.step = step["id"]
        if "wait" in step:
            if later(passage.since, step["wait"]) > self.sky.now:
                return []
        elif not holds(step["wait_until"], self.sky.truth):
            if passage.otherwise_done or "at_most" not in step or later(passage.since, step["at_most"]) > self.sky.now:
                return []
            passage.since = self.sky.now
            if "otherwise" in step:
                return self.arrive(Where(step["otherwise"], 0, here, "otherwise"))
            return self.finish() if step.get("after") == "stop" else self.leave(here)
        passage.since = self.sky.now
        return self.leave(here)

    def leave(self, here: Where) -> list[str]:
        """On to what follows the step."""
        if here.index + 1 < len(here.block):
            return self.arrive(Where(here.block, here.index + 1, here.of, here.key))
        if here.of is None:
            return self.finish()
        if here.key != "otherwise" or here.of.step["after"] == "continue":
            return self.leave(here.of)
        if here.of.step["after"] == "stop":
            return self.finish()
        self.passage.step, self.passage.otherwise_done = here.of.step["id"], True
        return []

    def finish(self) -> list[str]:
        self.passage.finished = "done"
        return []


def later(at: datetime, duration: str) -> datetime:
    """That much later, in UTC; business days are counted one by one."""
    number, _, unit = duration.partition(" ")
    if not unit.startswith("business"):
        return at + int(number) * _UNITS[unit.removesuffix("s")]
    while at.isoweekday() > 5:  # what begins at a weekend counts from Friday
        at -= timedelta(days=1)
    for _ in range(int(number)):
        at += timedelta(days=1)
        while at.isoweekday() > 5:
            at += timedelta(days=1)
    return at


def _everywhere(block: Block, of: Where | None, key: str) -> Iterator[Where]:
    for index, step in enumerate(block):
        here = Where(block, index, of, key)
        yield here
        for inner, steps in inner_blocks(step):
            yield from _everywhere(steps, here, inner)
