"""Two processes do the same at once, for test_promise_twins: `python -m tests.promise.twins TOWN WORK locked|unlocked`.

Stage by stage from where the undisturbed life began it: both begin together, and when both have ended the stage is run once more,
as who finds a tick incomplete does. `unlocked`: both believe to have the tick, so that nothing but the guards of the rows is left.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cs_engine.errors import TickBusy
from cs_engine.ports import Tick
from cs_engine.run.tick import run_tick
from cs_engine.settings import Settings
from cs_engine.wiring import assemble
from tests.promise.deaths import STAGES, SYNC, Trial, child, differences, live
from tests.promise.town import MOMENTS

BUSY = 3


def believe(root: Path, stage: int, starts: int) -> None:
    """The stage, by an engine that asks nobody whether it may."""
    with assemble(Settings(cs_engine_project=root)) as assembled:
        store: Any = assembled.engine.store
        store.begin_tick = lambda now, _holder: Tick(now, False)
        store.end_tick = store.release_tick = _nothing
        os.read(starts, 1)
        assembled.refresh()
        if stage != SYNC:
            following = MOMENTS[stage + 1] if stage + 1 < len(MOMENTS) else None
            report = run_tick(assembled.engine, MOMENTS[stage], horizon=following)
            assert not report.failures, report.failures


def _nothing(*_: object) -> None:
    """No tick is given back that was never taken."""


def ask(root: Path, stage: int, starts: int) -> None:
    os.read(starts, 1)
    try:
        live(root, stage)
    except TickBusy:
        os._exit(BUSY)


def together(root: Path, stage: int, locked: bool) -> list[int]:
    """How both ended: 0 did it, 3 found it taken."""
    starts, start = os.pipe()
    pids = []
    for _ in range(2):
        pid = os.fork()
        if pid == 0:
            status = 1
            try:
                (ask if locked else believe)(root, stage, starts)
                status = 0
            except BaseException as error:  # noqa: BLE001 - a child must not go on as its parent
                sys.stderr.write(f"{stage}: {type(error).__name__}: {error}\n")
            finally:
                os._exit(status)
        pids.append(pid)
    os.write(start, b"go")
    ends = [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in pids]
    os.close(starts)
    os.close(start)
    return ends


def main() -> Iterator[dict[str, Any]]:
    """What became of each stage, one JSON object a line."""
    trial = Trial(Path(sys.argv[1]), Path(sys.argv[2]))
    for stage in STAGES:
        root = trial.beginning(stage, "twins")
        ends = together(root, stage, sys.argv[3] == "locked")
        child(lambda root=root, stage=stage: live(root, stage))  # type: ignore[misc]
        yield {"stage": stage, "ends": ends, "differences": differences(root, trial.wanted[stage])}


if __name__ == "__main__":
    for each in main():
        sys.stdout.write(json.dumps(each) + "\n")
