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

from cs_engine.server_settings import CLIENT_SETTINGS

for _name, _value in CLIENT_SETTINGS.items():
    os.environ.setdefault(_name, _value)

from prefect import Flow, State, Task, flow, task
from prefect.cache_policies import NO_CACHE
from prefect.events.worker import EventsWorker
from prefect.logging.handlers import APILogWorker
from prefect.settings import PREFECT_API_URL, PREFECT_FLOWS_HEARTBEAT_FREQUENCY, temporary_settings
from prefect.states import Completed, Failed

from cs_engine.deployments import attribute
from cs_engine.errors import CsEngineError, PrefectDown, WrongUse
from cs_engine.playbook.plan import Plan
from cs_engine.playbook.project import Project
from cs_engine.prefect_server import EmbeddedServer, answers, embedded_server, shown
from cs_engine.run.context import Engine
from cs_engine.run.report import TickReport
from cs_engine.run.tick import ENTER, UnitFailed, run_tick
from cs_engine.wiring import assemble, load_project

Work = Callable[[], None]
Tasks = Mapping[str, Task[..., None]]
"""Step id (and `enter`) -> the task that handles all who stand there."""

FLOW: Mapping[str, Any] = {"persist_result": False, "retries": 0, "validate_parameters": False, "log_prints": False}
TASK: Mapping[str, Any] = {"persist_result": False, "retries": 0, "cache_policy": NO_CACHE, "log_prints": False}


def unit(name: str) -> Task[..., None]:
    """A task of that name, which does the work it is given."""

    @task(name=name, task_run_name=name, **TASK)
    def step(work: Work) -> None:
        work()

    return step


class Once:
    """Work to be done once. Prefect keeps the parameters and exceptions of finished tasks alive; neither may keep the tick's facts.

    Whatever the work raises comes out as UnitFailed with a name instead of a text, which could quote a customer's data.
    """

    def __init__(self, work: Work) -> None:
        self._work: Work | None = work
        self.raised: Exception | None = None
        """What was raised, when that was no UnitFailed: for the caller, who takes it."""

    def __call__(self) -> None:
        work, self._work = self._work, None
        assert work is not None, "a unit's work is done once"
        failure = ""
        try:
            work()
        except UnitFailed as failed:
            failure = str(failed)
        except Exception as error:  # noqa: BLE001 - the caller raises it again
            self.raised, failure = error, _named(error)
        del work
        if failure:
            raise UnitFailed(failure)


@dataclass(frozen=True, slots=True)
class CompiledPlaybook:
    """A playbook as Prefect sees it: a flow that runs it alone, and a named task a step, which `tick` runs too."""

    flow: Flow[..., State[None]]
    tasks: Tasks


def compile_playbook(plan: Plan) -> CompiledPlaybook:
    """One flow a playbook, named as it, with one named task a step."""
    tasks = {name: unit(f"{plan.playbook}/{name}") for name in (ENTER, *(step.id for step in plan.steps))}
    title = plan.title.get("en") or plan.title.get("") or plan.playbook

    @flow(name=plan.playbook, description=title, version=plan.digest, **FLOW)
    def playbook(now: str | None = None) -> State[None]:
        return _run(now, None, (plan.playbook,), {plan.playbook: tasks})

    return CompiledPlaybook(playbook, tasks)


def playbook_flows(project: Project | None = None) -> dict[str, Flow[..., State[None]]]:
    """Attribute name -> flow, for every playbook of the project (default: the one that the settings name)."""
    project = project or load_project()
    return {attribute(plan.playbook): compile_playbook(plan).flow for plan in project.plans.values()}


@flow(name="tick", description="All due playbooks, one facts query.", **FLOW)
def tick(now: str | None = None, until: str | None = None, playbooks: list[str] | None = None) -> State[None]:
    """One tick over all due playbooks. `now` and `until` (the next tick of a span): ISO 8601 with an offset; default: the clock's."""
    return _run(now, until, tuple(playbooks or ()), {})


@dataclass(slots=True)
class _Desk:
    """What lies between a caller in this process and the flow that it calls: flows can be given and give back nothing but JSON."""

    engine: Engine | None = None
    report: TickReport | None = None
    raised: Exception | None = None


_desk = _Desk()


@contextmanager
def engine_in_use(engine: Engine, server: EmbeddedServer | None = None) -> Iterator[None]:
    """Flows called inside run on this engine, instead of assembling their own; quick, for many ticks in one process.

    `server` may be starting already. Raises PrefectDown when none answers.
    """
    before, _desk.engine = _desk.engine, engine
    try:
        with reporting_to(server or embedded_server(engine.project.root)):
            yield
    finally:
        _desk.engine = before


@contextmanager
def reporting_to(server: EmbeddedServer) -> Iterator[None]:
    """Flows called inside are shown by the server that Prefect's settings name; where they name none, by `server`, which then ends."""
    try:
        # The heartbeat thread costs a second a flow when it is joined; nobody watches a flow of this process.
        with temporary_settings({PREFECT_API_URL: _api_url(server), PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}):
            try:
                yield
            finally:
                # What tells the server of states and logs runs beside: it must have spoken before the server ends.
                EventsWorker.drain_all(timeout=30, at_exit=False)
                APILogWorker.drain_all(timeout=10, at_exit=False)
    finally:
        server.stop()


@contextmanager
def staying_server(server: EmbeddedServer) -> Iterator[str]:
    """Flows called inside are shown by the server that Prefect's settings name; where they name none, by `server`, which stays up to the
    end. Gives its API's address. Raises PrefectDown when it does not answer.
    """
    url = _api_url(server)
    with temporary_settings({PREFECT_API_URL: url}):
        yield url


def named_server() -> str:
    """The address of the user's own Prefect server, from the environment, `.env` or Prefect's profile; '' without one."""
    return str(PREFECT_API_URL.value() or "")


def _api_url(own: EmbeddedServer) -> str:
    """Where flows report to: the user's own server, when there is one."""
    named = named_server()
    if not named:
        return own.url()
    own.stop()
    if not answers(named):
        raise PrefectDown(
            f"no Prefect server answers at PREFECT_API_URL={shown(named)}",
            "start it (prefect server start), or unset PREFECT_API_URL (also in Prefect's profile): each run then starts one of its own",
        )
    return named


def tick_through_prefect(now: datetime, until: datetime | None, playbooks: tuple[str, ...]) -> TickReport:
    """Runs the flow `tick`, or the one playbook's own, on the engine in use, and gives its report. Raises what the tick raised."""
    engine = _desk.engine
    assert engine is not None, "call inside engine_in_use"
    _desk.report = _desk.raised = None
    alone = engine.project.plans.get(playbooks[0]) if len(playbooks) == 1 and until is None else None
    try:
        if alone is not None:
            compiled(alone).flow(now=now.isoformat(), return_state=True)
        else:
            tick(now=now.isoformat(), until=until.isoformat() if until else None, playbooks=list(playbooks), return_state=True)
    except Exception as error:
        raise PrefectDown(
            f"Prefect stopped the run: {type(error).__name__}", "run it again: what was done is kept. .cs-engine/prefect.log may say more"
        ) from error
    raised, _desk.raised = _desk.raised, None
    if raised is not None:
        raise raised
    if _desk.report is None:
        raise PrefectDown("Prefect did not run the flow", "run it again; .cs-engine/prefect.log may say more")
    return _desk.report


_compiled: dict[str, CompiledPlaybook] = {}


def compiled(plan: Plan) -> CompiledPlaybook:
    """The compiled playbook, made once a version."""
    if plan.digest not in _compiled:
        _compiled[plan.digest] = compile_playbook(plan)
    return _compiled[plan.digest]


def _run(now: str | None, until: str | None, only: tuple[str, ...], tasks: Mapping[str, Tasks]) -> State[None]:
    """The flows' body. Whatever is raised ends here, named without its text: that could quote a customer's data."""
    try:
        if _desk.engine is not None:
            report = _run_on(_desk.engine, now, until, only, tasks)
        else:
            with assemble() as assembled:
                assembled.refresh()
                report = _run_on(assembled.engine, now, until, only, tasks)
    except Exception as error:  # noqa: BLE001 - the caller in this process gets it from the desk
        _desk.raised = error
        return Failed(message=_named(error))
    _desk.report = report
    if troubles := report.troubles:
        return Failed(message=f"{len(troubles)} failure(s): {'; '.join(troubles)}"[:2000])
    return Completed(message=_summary(report))


def _run_on(engine: Engine, now: str | None, until: str | None, only: tuple[str, ...], tasks: Mapping[str, Tasks]) -> TickReport:
    extra: dict[str, Task[..., None]] = {}

    def do(playbook: str, step: str, work: Work) -> None:
        known = tasks.get(playbook)
        live = engine.project.plans.get(playbook)
        if known is None:
            known = compiled(live).tasks if live is not None else {}
        # Steps of versions that people are still inside, and the tick's own phases, get their task when they are met.
        name = f"{playbook}/{step}" if playbook else step
        if step not in known and name not in extra:
            extra[name] = unit(name)
        _perform(known.get(step) or extra[name], work)

    return run_tick(engine, _moment(now) or engine.wall.now(), only, do, _moment(until))


def _perform(named: Task[..., None], work: Work) -> None:
    """Runs the task. Raises UnitFailed, or what stopped the work: Prefect learns its name only."""
    once = Once(work)
    try:
        named(once)
    except UnitFailed as failure:
        stopped, once.raised = once.raised, None
        said = UnitFailed(str(failure))
        # Prefect keeps this very exception, and its traceback would keep every caller's variables.
        failure.__traceback__ = failure.__context__ = None
    else:
        return
    raise stopped or said


def _named(error: Exception) -> str:
    """An exception for Prefect's eyes. Our own messages carry no customer's data; what others say may."""
    return error.message if isinstance(error, CsEngineError) else type(error).__name__


def _moment(text: str | None) -> datetime | None:
    """A flow's parameter as an instant. Raises WrongUse for what is none, or has no zone."""
    if text is None:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise WrongUse(f"{text!r} is no time with a zone", "write it as 2012-08-13T17:00Z")
    return at.astimezone(UTC)


def _summary(report: TickReport) -> str:
    entered = sum(p.entered for p in report.playbooks.values())
    advanced = sum(p.advanced for p in report.playbooks.values())
    return f"{len(report.playbooks)} playbooks, {entered} entered, {advanced} advanced, {report.delivery['accepted']} messages accepted"
