"""The language's rules for one passage, step by step on the blocks as YAML has them: no plan, no edges, no cohorts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.properties.conditions import Truth, holds
from tests.properties.documents import BLOCKS, Block, Doc

Reaches = Callable[[str], bool]
"""Whether the sending step of that id has anybody to go to, and is no notice of what was reached before we came."""

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


class Naive:
    """One playbook."""

    def __init__(self, doc: Doc) -> None:
        self.doc = doc
        self._places = {where.step["id"]: where for where in _everywhere(doc["steps"], None, "steps") if "id" in where.step}

    def enter(self, truth: Truth, reaches: Reaches, now: datetime) -> tuple[Passage, list[str]]:
        """A passage begins, and runs as far as it can; with the steps that it sends. Who meets goal or exit stays outside."""
        passage = Passage(since=now)
        passage.finished = self.outside(truth)
        if passage.finished:
            return passage, []
        return passage, _Tick(passage, truth, reaches, now).arrive(Where(self.doc["steps"], 0, None, "steps"))

    def outside(self, truth: Truth) -> str:
        """`outside` for who never enters, having met goal or exit already; else nothing."""
        return "outside" if any(key in self.doc and holds(self.doc[key], truth) for key in ("goal", "exit")) else ""

    def advance(self, passage: Passage, truth: Truth | None, reaches: Reaches, now: datetime) -> list[str]:
        """One tick; the steps that it sends. `truth`: None when its subject is not there any more."""
        if truth is None:
            passage.finished = "exit"
            return []
        for reason in ("goal", "exit"):
            if reason in self.doc and holds(self.doc[reason], truth):
                passage.finished = reason
                return []
        here, tick = self._places[passage.step], _Tick(passage, truth, reaches, now)
        for wait in here.waits():
            if holds(wait.step["wait_until"], truth):
                passage.since = now
                return tick.leave(wait)
        return tick.stand(here)


@dataclass
class _Tick:
    passage: Passage
    truth: Truth
    reaches: Reaches
    now: datetime

    def stand(self, here: Where) -> list[str]:
        """It stood there when the tick began."""
        step, passage = here.step, self.passage
        if "wait" in step or "wait_until" in step:
            return self.wait(here)
        if passage.ended is None or passage.ended >= self.now:
            return []
        passage.since = passage.ended
        return self.leave(here)

    def arrive(self, here: Where) -> list[str]:
        """It comes to the step in this tick."""
        step, passage = here.step, self.passage
        passage.otherwise_done, passage.ended = False, None
        if step == "stop":
            return self.finish()
        if "then" in step:
            chosen = "then" if holds(step["if"], self.truth) else "else"
            return self.arrive(Where(step[chosen], 0, here, chosen)) if step.get(chosen) else self.leave(here)
        if "if" in step and not holds(step["if"], self.truth):
            return self.leave(here)
        if "stop" in step:
            return self.finish()
        if "wait" in step or "wait_until" in step:
            return self.wait(here)
        if not self.reaches(step["id"]):
            return self.leave(here)
        passage.step, passage.since = step["id"], self.now
        return [step["id"]]

    def wait(self, here: Where) -> list[str]:
        step, passage = here.step, self.passage
        passage.step = step["id"]
        if "wait" in step:
            if later(passage.since, step["wait"]) > self.now:
                return []
        elif not holds(step["wait_until"], self.truth):
            if passage.otherwise_done or "at_most" not in step or later(passage.since, step["at_most"]) > self.now:
                return []
            passage.since = self.now
            if "otherwise" in step:
                return self.arrive(Where(step["otherwise"], 0, here, "otherwise"))
            return self.finish() if step.get("after") == "stop" else self.leave(here)
        passage.since = self.now
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
        for inner in BLOCKS if isinstance(step, dict) else ():
            yield from _everywhere(step.get(inner, []), here, inner)
