"""Ticks soon after usage has come, or one of us has pressed a button: in the process that serves the web, without Prefect, over the
playbooks that it concerns.

Whoever keeps a call wakes the loop; calls that other processes took are found by looking once a second. A press is carried out on the data
that were read last; its playbook runs with it, unless it keeps hours of its own: then only what stands is sent. One holder of a tick at
a time is the store's to see to; where another process has it, this one tries again soon. Nothing hangs on it: what it does not do, the next
scheduled tick does.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from cs_engine.errors import CsEngineError, TickBusy
from cs_engine.playbook.plan import EventEntry, Plan, Schedule
from cs_engine.playbook.project import Project
from cs_engine.run.report import TickReport
from cs_engine.run.tick import run_tick
from cs_engine.settings import Settings
from cs_engine.usage.collected import EVENTS
from cs_engine.wiring import Assembled, assemble

log = logging.getLogger(__name__)

LOOKS_EVERY = 1.0
"""Seconds after which calls that other processes took are found, and the least from tick to tick."""

_GATHERS = 0.1
"""Seconds in which calls that come together are gathered into one tick."""
_TRIES_AGAIN = 0.5
"""Seconds after which it is tried again where another process holds the tick."""
_RESTS = 2.0
"""After a tick it rests so many times as long as that took beyond a second, so that large projects leave the machine room."""
_AFTER_FAILURE, _MOST_PAUSE = 5.0, 300.0
_READS = 5_000
_OFTEN = 60
"""A playbook that runs every so many minutes, or more often, has no hour of its own."""
_NONE = ("",)
"""Names no playbook: what stands is sent, nothing is decided."""
_ENDS_WITHIN = 60.0
_CAME, _PRESSED = "events came", "a button was pressed"


class Warm:
    """The loop, as a context: it has ended when the context is left."""

    def __init__(self, settings: Settings, tell: Callable[[str], None], turn: threading.Lock | None = None) -> None:
        """`tell` is given a line for each tick that moved anybody, or failed. `turn` is held by who else ticks in this process: to the
        store both are one holder.
        """
        self._settings, self._tell, self._turn = settings, tell, turn or threading.Lock()
        self._woken, self._ended = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name="cs-engine-warm", daemon=True)
        self._open, self._stamp = ExitStack(), 0
        self._assembled: Assembled | None = None
        self._seen = 0
        self._came: set[str] = set()
        self._pressed: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._asked: set[str] = set()
        """Playbooks of presses that no tick has seen yet."""
        self._said = ""

    def wake(self) -> None:
        """Something has come. From any thread."""
        self._woken.set()

    def press(self, playbook: str) -> None:
        """One of us has done something to what runs in that playbook. From any thread."""
        self._pressed.put(playbook)
        self._woken.set()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._ended.set()
        self._woken.set()
        self._thread.join(_ENDS_WITHIN)

    def _run(self) -> None:
        pause, begun = _AFTER_FAILURE, False
        try:
            while not self._ended.is_set():
                try:
                    if not begun:
                        self._begin()
                        begun = True
                    took = self._look()
                except TickBusy:
                    self._ended.wait(_TRIES_AGAIN)
                    continue
                except Exception as error:  # noqa: BLE001 - whatever is wrong, somebody mends it, or the next scheduled tick says it
                    self._fail(error)
                    self._ended.wait(pause)
                    pause = min(2 * pause, _MOST_PAUSE)
                    continue
                pause, self._said = _AFTER_FAILURE, ""
                self._ended.wait(max(_GATHERS, (took - 1.0) * _RESTS))
                self._woken.wait(LOOKS_EVERY)
                self._woken.clear()
        finally:
            self._open.close()

    def _begin(self) -> None:
        """Everything is loaded before anything comes, and playbooks that begin with events have had their first run."""
        with self._turn:
            assembled = self._as_it_is()
            if assembled.project.config.sources.collected is None:
                return
            self._seen = assembled.engine.store.collected_mark().last
            missed = assembled.usage.behind()
            assembled.refresh()
            source, plans = assembled.project.config.sources.collected, assembled.project.plans
            known = assembled.engine.store.playbooks()
            waiting = [p for p, plan in plans.items() if _begins(plan, source) and (missed or p not in known)]
            if waiting:
                self._say(run_tick(assembled.engine, assembled.engine.wall.now(), waiting), _CAME)

    def _look(self) -> float:
        """Ticks where something came that concerns anybody, or was pressed; how long that took, in seconds."""
        assembled = self._assembled or self._as_it_is()
        if assembled.project.config.sources.collected is not None:
            self._came.update(self._names(assembled))
        while not self._pressed.empty():
            self._asked.add(self._pressed.get())
        if not (self._came or self._asked) or self._ended.is_set():
            return 0.0
        began = time.monotonic()
        with self._turn:
            assembled = self._as_it_is()
            chosen, why = self._concerned(assembled), _CAME if self._came else _PRESSED
            if chosen or self._asked:
                self._say(run_tick(assembled.engine, assembled.engine.wall.now(), sorted(chosen) or _NONE), why)
        self._came.clear()
        self._asked.clear()
        return time.monotonic() - began

    def _concerned(self, assembled: Assembled) -> set[str]:
        """The playbooks to run, on data that are as new as what came."""
        # One that is broken may be so for want of a property that has come just now.
        if self._came and (concerned(assembled.project, self._came) or assembled.broken):
            assembled.refresh()
        plans = assembled.project.plans
        runs = {playbook for playbook in self._asked if playbook in plans and _is_often(plans[playbook].schedule)}
        return runs | set(concerned(assembled.project, self._came))

    def _names(self, assembled: Assembled) -> Iterator[str]:
        """Of events that came since it was last asked."""
        store = assembled.engine.store
        while self._seen < store.collected_mark().last:
            arrived = store.collected(self._seen, _READS)
            self._seen = arrived[-1].sequence
            yield from {one.call.event for one in arrived if one.call.kind in EVENTS}

    def _as_it_is(self) -> Assembled:
        """The engine over the playbooks and templates as they are now: assembled anew when a file has changed."""
        stamp = _stamp(self._settings.root)
        if self._assembled is None or stamp != self._stamp:
            self._open.close()
            self._assembled = None
            self._assembled, self._stamp = self._open.enter_context(assemble(self._settings)), stamp
        return self._assembled

    def _say(self, report: TickReport, why: str) -> None:
        moved = sum(playbook.entered + playbook.advanced for playbook in report.playbooks.values())
        if moved or report.delivery["accepted"] or report.failures:
            did = f"{len(report.playbooks)} playbooks, {moved} moved, {report.delivery['accepted']} messages sent"
            self._tell(f"{report.now:%Y-%m-%d %H:%M:%S}Z  {why}: {did}")
        for failure in report.failures:
            self._tell(f"failed, the rest went on: {failure}")

    def _fail(self, error: Exception) -> None:
        # Our own messages carry no customer's data; what others say may. The same is not said again and again.
        said = error.message if isinstance(error, CsEngineError) else type(error).__name__
        if said != self._said:
            self._tell(f"no tick for what has come: {said}")
        self._said = said


def concerned(project: Project, events: Collection[str]) -> list[str]:
    """The playbooks that begin with one of these events of the collector's source, or ask whether one has happened."""
    source = project.config.sources.collected
    return [playbook for playbook, plan in project.plans.items() if _begins(plan, source, events) or _asks(plan, events)]


def _begins(plan: Plan, source: str | None, events: Collection[str] | None = None) -> bool:
    entry = plan.event
    return isinstance(entry, EventEntry) and entry.source == source and (events is None or entry.event in events)


def _asks(plan: Plan, events: Collection[str]) -> bool:
    texts = [condition.meant or condition.text for condition in plan.conditions()]
    return any("happened" in text and any(f"'{event}'" in text for event in events) for text in texts)


def _is_often(schedule: Schedule) -> bool:
    return schedule.every_minutes is not None and schedule.every_minutes <= _OFTEN


def _stamp(root: Path) -> int:
    """Tells whether a file that playbooks are made of has changed."""
    files = (file for folder in ("playbooks", "templates") for file in (root / folder).rglob("*") if file.is_file())
    return hash(tuple(sorted((str(file), stat.st_mtime_ns, stat.st_size) for file in files for stat in [file.stat()])))
