"""Lives and deaths of an engine, for test_promise_killed: `python -m tests.promise.deaths TOWN WORK POINTS SEED`.

A life is stages: the sync, then tick after tick. Each stage is run once undisturbed, which tells how many events it has and what
state it leaves. Then, again and again, a stage is run from where it began and dies by SIGKILL at one of its events; another process
runs the same stage to its end, and must leave the very same. An event is each line of our own code that has to do with state, and each
statement, commit and system call before and after it. Processes are forked, so that a life costs no imports.
"""

from __future__ import annotations

import gc
import json
import os
import random
import shutil
import signal
import sqlite3
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from importlib import import_module
from inspect import CO_OPTIMIZED
from itertools import count
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

from sqlalchemy import event
from sqlalchemy.engine import Engine as SqlEngine
from sqlalchemy.pool import Pool

import cs_engine
from cs_engine.channels.mailbox import mailbox_folder, mails
from cs_engine.run.tick import run_tick
from cs_engine.settings import Settings
from cs_engine.wiring import assemble
from tests.promise.town import MOMENTS

WATCHED = tuple(f"{Path(cs_engine.__file__).parent}/{room}/" for room in ("run", "state", "channels", "sources"))
SYNC = -1
STAGES = (SYNC, *range(len(MOMENTS)))


def live(root: Path, stage: int) -> None:
    """One stage, as a process that starts now runs it."""
    with assemble(Settings(cs_engine_project=root)) as assembled:
        assembled.refresh()
        if stage != SYNC:
            following = MOMENTS[stage + 1] if stage + 1 < len(MOMENTS) else None
            report = run_tick(assembled.engine, MOMENTS[stage], horizon=following)
            assert not report.failures, report.failures


# --- events ------------------------------------------------------------------------------------------------------------


class Fate:
    """Counts events. Dies at the one of that number, or, without one, writes down what each was."""

    def __init__(self, dies_at: int | None) -> None:
        self._dies_at = dies_at
        self._numbers = count()
        self._ours: dict[CodeType, bool] = {}
        self.labels: list[str] = []

    def happens(self, label: str) -> None:
        number = next(self._numbers)
        if number == self._dies_at:
            os.kill(os.getpid(), signal.SIGKILL)
        if self._dies_at is None:
            self.labels.append(label)

    def begin(self) -> None:
        event.listen(SqlEngine, "before_cursor_execute", lambda _c, _k, sql, *_: self.happens(f"before {_verb(sql)}"))
        event.listen(SqlEngine, "after_cursor_execute", lambda _c, _k, sql, *_: self.happens(f"after {_verb(sql)}"))
        event.listen(SqlEngine, "commit", lambda _: self.happens("before COMMIT"))
        event.listen(Pool, "checkin", lambda *_: self.happens("after COMMIT"))
        for name in ("open", "write", "fsync", "replace", "rename", "unlink", "link", "mkdir"):
            setattr(os, name, self._around(name, getattr(os, name)))
        sys.settrace(self._call)

    def _around(self, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def system_call(*args: Any, **options: Any) -> Any:
            self.happens(f"before {name}")
            result = real(*args, **options)
            self.happens(f"after {name}")
            return result

        return system_call

    def _call(self, frame: FrameType, _what: str, _value: Any) -> Callable[[FrameType, str, Any], Any] | None:
        # Functions alone: what a module does is done when it is imported.
        code = frame.f_code
        if (ours := self._ours.get(code)) is None:
            ours = self._ours[code] = bool(code.co_flags & CO_OPTIMIZED) and code.co_filename.startswith(WATCHED)
        return self._line if ours else None

    def _line(self, frame: FrameType, what: str, _value: Any) -> Callable[[FrameType, str, Any], Any]:
        if what == "line":
            # Who dies is not asked what it was that happened.
            self.happens(f"{frame.f_code.co_filename.rpartition('cs_engine/')[2]}:{frame.f_lineno}" if self._dies_at is None else "")
        return self._line


def _verb(sql: str) -> str:
    words = sql.split()
    return " ".join(words[:3]) if words[0] in ("INSERT", "DELETE") else " ".join(words[:2])


# --- processes ---------------------------------------------------------------------------------------------------------


def child(work: Callable[[], None]) -> int:
    """Runs `work` in a process of its own; the signal that ended it, 0 for none. Raises when it failed."""
    gc.freeze()  # what it has of its parent no child need look through, and copy
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            work()
            status = 0
        except BaseException as error:  # noqa: BLE001 - a child must not go on as its parent
            sys.stderr.write(f"{type(error).__name__}: {error}\n")
        finally:
            sys.settrace(None)
            os._exit(status)
    _, status = os.waitpid(pid, 0)
    if os.WIFEXITED(status) and os.WEXITSTATUS(status):
        raise RuntimeError("a life failed; see stderr")
    return os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0


def doomed(root: Path, stage: int, dies_at: int) -> bool:
    """A life that ends at that event; False when it survived."""

    def work() -> None:
        Fate(dies_at).begin()
        live(root, stage)

    return child(work) == signal.SIGKILL


def watched(root: Path, stage: int, told: Path) -> list[str]:
    """A life that nothing happens to; what its events were."""

    def work() -> None:
        fate = Fate(None)
        fate.begin()
        live(root, stage)
        sys.settrace(None)
        told.write_text(json.dumps({"labels": fate.labels, "modules": sorted(sys.modules)}))

    child(work)
    said = json.loads(told.read_text())
    for module in said["modules"]:  # what is imported lazily is there for those that are forked from now on
        with suppress(ImportError):
            import_module(module)
    labels: list[str] = said["labels"]
    return labels


# --- what is left behind -------------------------------------------------------------------------------------------------

# How often a message was tried or held, by whom and in which second, may differ: who died later than the quiet hours holds it once more,
# and delivery's clock ticks on while a slow machine runs it again.
NOT_COMPARED = {
    "messages": {"attempts", "fence", "holder", "lease_until", "sent_at"},
    "ticks": {"holder", "began_at", "completed_at"},
    "journal": {"line"},
}


def state(root: Path) -> dict[str, list[str]]:
    """All rows of all tables, and all of the mailbox, comparable."""
    found: dict[str, list[str]] = {}
    database = sqlite3.connect(root / ".cs-engine" / "state.db")
    for (table,) in database.execute("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%'").fetchall():
        columns = [row[1] for row in database.execute(f"PRAGMA table_info({table})") if row[1] not in NOT_COMPARED.get(table, ())]
        rows = [dict(zip(columns, row, strict=True)) for row in database.execute(f"SELECT {', '.join(columns)} FROM {table}")]
        if table == "journal":
            rows = [row for row in rows if row["event"] != "retried"]
            held = {json.dumps(row): row for row in rows if row["event"] == "held"}
            rows = [*(row for row in rows if row["event"] != "held"), *held.values()]
        found[table] = sorted(map(json.dumps, rows))
    database.close()
    found["mailbox"] = sorted(f"{mail.id} {mail.kind} {mail.to} {mail.subject}" for mail in mails(root))
    folder = mailbox_folder(root)
    found["files"] = sorted(path.name for path in folder.iterdir() if not path.name.startswith(".")) if folder.exists() else []
    return found


def differences(root: Path, wanted: dict[str, list[str]]) -> list[str]:
    """Where the state is another than it should be."""
    found = state(root)
    said = []
    for name, rows in wanted.items():
        lost, more = Counter(rows) - Counter(found[name]), Counter(found[name]) - Counter(rows)
        if lost or more:
            said.append(f"{name}: {lost.total()} lost {list(lost)[:2]}, {more.total()} too many {list(more)[:2]}")
    return said


# --- the trial -----------------------------------------------------------------------------------------------------------


class Trial:
    """The undisturbed life, kept stage by stage, and deaths beside it."""

    def __init__(self, town: Path, work: Path) -> None:
        """`town`: a project nobody has synced yet; `work`: a folder for copies of it."""
        self._work = work
        self._begins = {stage: work / f"begin{stage}" for stage in STAGES}
        self._labels: dict[int, list[str]] = {}
        self.wanted: dict[int, dict[str, list[str]]] = {}
        home = work / "undisturbed"
        shutil.copytree(town, home)
        for stage in STAGES:
            shutil.copytree(home, self._begins[stage])
            self._labels[stage] = watched(home, stage, work / "labels.json")
            self.wanted[stage] = state(home)

    def points(self, wanted: int, chance: random.Random) -> list[tuple[int, int]]:
        """(stage, event): over all stages, each kind of event before any of them twice."""
        kinds = [(stage, label) for stage, labels in self._labels.items() for label in sorted(set(labels))]
        chance.shuffle(kinds)
        first = {label: (stage, label) for stage, label in reversed(kinds)}
        chosen = []
        for stage, label in sorted(kinds, key=lambda kind: kind != first[kind[1]])[:wanted]:
            places = [number for number, each in enumerate(self._labels[stage]) if each == label]
            chosen.append((stage, chance.choice(places)))
        return chosen

    def beginning(self, stage: int, name: str) -> Path:
        """A copy of where the stage begins."""
        root = self._work / name
        shutil.rmtree(root, ignore_errors=True)
        return Path(shutil.copytree(self._begins[stage], root))

    def label(self, stage: int, number: int) -> str:
        return self._labels[stage][number]

    def events(self, stage: int) -> int:
        return len(self._labels[stage])

    def dies_once(self, stage: int, number: int) -> tuple[bool, list[str]]:
        """Whether the life ended there, and what differs after another has run the stage to its end."""
        root = self.beginning(stage, "once")
        killed = doomed(root, stage, number)
        child(lambda: live(root, stage))
        return killed, differences(root, self.wanted[stage])

    def dies_in_every_stage(self, chance: random.Random) -> tuple[int, list[str]]:
        """One whole life, with a death or two in every stage; how many, and what differs at its end."""
        root = self.beginning(SYNC, "often")
        deaths = 0
        for stage in STAGES:
            for _ in range(chance.choice((1, 2))):
                deaths += doomed(root, stage, chance.randrange(self.events(stage)))
            child(lambda stage=stage: live(root, stage))  # type: ignore[misc]
        return deaths, differences(root, self.wanted[STAGES[-1]])


def main() -> Iterator[dict[str, Any]]:
    """What became of each death, one JSON object a line."""
    town, work, wanted, seed = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
    chance = random.Random(seed)
    trial = Trial(town, work)
    last = trial.wanted[STAGES[-1]]
    yield {"kind": "undisturbed", "messages": len(last["messages"]), "files": len(last["files"])}
    deaths, differing = trial.dies_in_every_stage(chance)
    yield {"kind": "often", "deaths": deaths, "differences": differing}
    for stage, number in trial.points(wanted, chance):
        killed, differing = trial.dies_once(stage, number)
        yield {"kind": "once", "at": trial.label(stage, number), "stage": stage, "killed": killed, "differences": differing}


if __name__ == "__main__":
    for each in main():
        sys.stdout.write(json.dumps(each) + "\n")
