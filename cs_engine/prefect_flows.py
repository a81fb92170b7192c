"""Plan -> Prefect flow. The only file that imports prefect.

Prefect executes and shows; our database is the truth, so a run that is doubled, killed or late does no harm. Only ids, times and
counts reach Prefect: no parameter, result, log line or exception carries a customer's data.
"""
# ruff: noqa: E402 - settings must be in the environment before prefect is imported

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from cs_engine.server_settings import SERVER_SETTINGS

_OURS: Mapping[str, str] = {
    **SERVER_SETTINGS,
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120",
    "PREFECT_LOGGING_LEVEL": "WARNING",
    "PREFECT_RESULTS_PERSIST_BY_DEFAULT": "false",
    "PREFECT_TASKS_REFRESH_CACHE": "false",
}
for _name, _value in _OURS.items():
    os.environ.setdefault(_name, _value)

from prefect import Flow, State, Task, flow, task
from prefect.cache_policies import NO_CACHE
from prefect.settings import PREFECT_FLOWS_HEARTBEAT_FREQUENCY, temporary_settings
from prefect.states import Completed, Failed

from cs_engine.playbook.plan import Plan
from cs_engine.playbook.project import Project
from cs_engine.run.context import Engine
from cs_engine.run.report import TickReport
from cs_engine.run.tick import ENTER, run_tick
from cs_engine.wiring import assemble, load_project

Work = Callable[[], None]


class _Once:
    """Work to be done once. Prefect keeps the parameters of finished tasks alive; this lets go of the tick's facts."""

    def __init__(self, work: Work) -> None:
        self._work: Work | None = work

    def __call__(self) -> None:
        work, self._work = self._work, None
        assert work is not None, "a unit's work is done once"
        work()


@dataclass(frozen=True, slots=True)
class CompiledPlaybook:
    """A playbook as Prefect sees it: a flow that runs it alone, and a named task a step, which `tick` runs too."""

    flow: Flow[..., State[None]]
    tasks: Mapping[str, Task[..., None]]
    """Step id (and `enter`) -> the task that handles all who stand there."""


def compile_playbook(plan: Plan) -> CompiledPlaybook:
    """One flow a playbook, named as it, with one named task a step."""
    tasks = {name: _task(f"{plan.playbook}/{name}") for name in (ENTER, *(step.id for step in plan.steps))}
    title = plan.title.get("en") or plan.title.get("") or plan.playbook

    @flow(name=plan.playbook, description=title, version=plan.digest, **_FLOW)
    def playbook(now: str | None = None) -> State[None]:
        return _run(now, None, (plan.playbook,), {plan.playbook: tasks})

    return CompiledPlaybook(playbook, tasks)


_FLOW: dict[str, Any] = {"persist_result": False, "retries": 0, "validate_parameters": False, "log_prints": False}


def _task(name: str) -> Task[..., None]:
    @task(name=name, task_run_name=name, persist_result=False, cache_policy=NO_CACHE, retries=0, log_prints=False)
    def step(work: Work) -> None:
        work()

    return step


def attribute(playbook: str) -> str:
    """The name of a playbook's flow in flows/playbooks.py."""
    return playbook.replace("-", "_")


def playbook_flows(project: Project | None = None) -> dict[str, Flow[..., State[None]]]:
    """Attribute name -> flow, for every playbook of the project (default: the one that the settings name)."""
    project = project or load_project()
    return {attribute(plan.playbook): compile_playbook(plan).flow for plan in project.plans.values()}


@flow(name="tick", description="All due playbooks, one facts query.", **_FLOW)
def tick(now: str | None = None, until: str | None = None, playbooks: list[str] | None = None) -> State[None]:
    """One tick over all due playbooks. `now` and `until` (the next tick of a span): ISO 8601 with an offset; default: the clock's."""
    return _run(now, until, tuple(playbooks or ()), {})


_engine: Engine | None = None
_last: TickReport | None = None


@contextmanager
def engine_in_use(engine: Engine) -> Iterator[None]:
    """Flows called inside run on this engine, instead of assembling their own; quick, for many ticks in one process."""
    global _engine  # noqa: PLW0603 - flows are module attributes and can be given nothing but JSON
    before, _engine = _engine, engine
    try:
        # The heartbeat thread costs a second a flow when it is joined; nobody watches a flow of this process.
        with temporary_settings({PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}):
            yield
    finally:
        _engine = before


def tick_through_prefect(now: datetime, until: datetime | None, playbooks: tuple[str, ...]) -> TickReport:
    """Runs the flow `tick`, or the one playbook's own, on the engine in use, and gives its report."""
    global _last  # noqa: PLW0603 - see above
    assert _engine is not None, "call inside engine_in_use"
    _last = None
    alone = _engine.project.plans.get(playbooks[0]) if len(playbooks) == 1 and until is None else None
    state: State[Any]
    if alone is not None:
        state = compiled(alone).flow(now=now.isoformat(), return_state=True)
    else:
        state = tick(now=now.isoformat(), until=until.isoformat() if until else None, playbooks=list(playbooks), return_state=True)
    if _last is None:
        state.result()  # raises what the flow raised
    assert _last is not None
    return _last


_compiled: dict[str, CompiledPlaybook] = {}


def compiled(plan: Plan) -> CompiledPlaybook:
    """The compiled playbook, made once a version."""
    if plan.digest not in _compiled:
        _compiled[plan.digest] = compile_playbook(plan)
    return _compiled[plan.digest]


def _run(now: str | None, until: str | None, only: tuple[str, ...], tasks: Mapping[str, Mapping[str, Task[..., None]]]) -> State[None]:
    if _engine is not None:
        return _run_on(_engine, now, until, only, tasks)
    with assemble() as assembled:
        assembled.refresh()
        return _run_on(assembled.engine, now, until, only, tasks)


def _run_on(
    engine: Engine, now: str | None, until: str | None, only: tuple[str, ...], tasks: Mapping[str, Mapping[str, Task[..., None]]]
) -> State[None]:
    global _last  # noqa: PLW0603 - the report goes to the caller beside Prefect, not through it
    at = datetime.fromisoformat(now) if now else engine.wall.now()
    horizon = datetime.fromisoformat(until) if until else None
    extra: dict[str, Task[..., None]] = {}

    def do(playbook: str, step: str, work: Work) -> None:
        known = tasks.get(playbook, {})
        live = engine.project.plans.get(playbook)
        if not known and live is not None:
            known = compiled(live).tasks
        # Steps of versions that people are still inside, and the tick's own phases, get their task when they are met.
        name = f"{playbook}/{step}" if playbook else step
        unit = known.get(step) or extra.setdefault(name, _task(name))
        unit(_Once(work))

    report = run_tick(engine, at.astimezone(UTC), only, do, horizon)
    _last = report
    if report.failures:
        return Failed(message=f"{len(report.failures)} failure(s): {'; '.join(report.failures)}"[:2000])
    return Completed(message=_summary(report))


def _summary(report: TickReport) -> str:
    entered = sum(p.entered for p in report.playbooks.values())
    advanced = sum(p.advanced for p in report.playbooks.values())
    return f"{len(report.playbooks)} playbooks, {entered} entered, {advanced} advanced, {report.delivery['accepted']} messages accepted"
