"""From claimed rows to what webhooks tell: ids, and the values that each step names. Set-wise, a query a step."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import groupby
from typing import Any

import numpy as np

from cs_engine.instants import from_micros
from cs_engine.language.expression import Grain
from cs_engine.playbook.endpoints import resolved
from cs_engine.playbook.plan import Plan, Webhook
from cs_engine.ports import Candidate, Rows
from cs_engine.run.context import TickContext
from cs_engine.run.delivery.press import Job


class Calls:
    """Makes the jobs of webhooks, within one tick."""

    def __init__(self, tick: TickContext) -> None:
        self._tick = tick
        self._endpoints = tick.engine.project.config.webhooks.endpoints

    def fault(self, candidate: Candidate) -> str:
        """Why none can be posted there, whoever it is about; '' when it can. Its author can mend it."""
        if self._step(candidate) is None:
            return "no_plan"
        return "no_endpoint" if resolved(candidate.template, self._endpoints) is None else ""

    def jobs(self, candidates: Sequence[Candidate]) -> tuple[list[Job], dict[str, str]]:
        """Jobs, and for those that cannot be made one the code why."""
        jobs: list[Job] = []
        without: dict[str, str] = {}
        for _, same in groupby(sorted(candidates, key=_of_step), key=_of_step):
            members = list(same)
            fault, plan, step = self.fault(members[0]), self._tick.plans.get(members[0].digest), self._step(members[0])
            if fault or plan is None or step is None:
                without.update((c.id, fault) for c in members)
                continue
            rows = self._tick.rows_of(plan.subject, [c.subject_id for c in members])
            without.update((members[i].id, "subject_gone") for i in np.flatnonzero(rows < 0).tolist())
            there = np.flatnonzero(rows >= 0)
            some = [members[i] for i in there.tolist()]
            for candidate, values in zip(some, self._values(plan, step, rows[there]), strict=True):
                jobs.append(self._job(plan, candidate, values))
        return jobs, without

    def _step(self, candidate: Candidate) -> Webhook | None:
        plan = self._tick.plans.get(candidate.digest)
        step = None if plan is None else plan.step(candidate.step)
        return step if isinstance(step, Webhook) else None

    def _values(self, plan: Plan, step: Webhook, rows: Rows) -> list[dict[str, Any]]:
        """What goes along, for each row."""
        own = {name: plan.vars[key] for name, column in step.reads.items() if (key := _var(column)) in plan.vars}
        names = {name: column for name, column in step.reads.items() if name not in own}
        columns = self._tick.facts.columns(plan.subject, list(names.values()), rows) if names else []
        found: list[dict[str, Any]] = [{} for _ in range(len(rows))]
        for name, column in zip(names, columns, strict=True):
            for values, value in zip(found, column, strict=True):
                values[name] = _plain(value)
        return [{name: values.get(name, own.get(name)) for name in step.reads} for values in found]

    def _job(self, plan: Plan, candidate: Candidate, values: dict[str, Any]) -> Job:
        said = {
            "id": candidate.id,
            "playbook": candidate.playbook,
            "step": candidate.step,
            "account": candidate.account_id,
            **({"contact": candidate.subject_id} if plan.subject is Grain.CONTACT else {}),
            "enrolment": candidate.enrolment_id,
            # When the step was reached, not when it is posted: again is the same.
            "at": _plain(from_micros(candidate.planned_at)),
            **({"values": values} if values else {}),
        }
        return Job(
            id=candidate.id, channel=candidate.channel, template=candidate.template, locale="", context=said, playbook=candidate.playbook,
            step=candidate.step, topic=candidate.topic, at=self._tick.clock.now(),
            url=resolved(candidate.template, self._endpoints) or "",
        )  # fmt: skip


def _of_step(candidate: Candidate) -> tuple[str, str, str]:
    return candidate.digest, candidate.step, candidate.template


def _var(column: str) -> str:
    group, _, name = column.partition(".")
    return name if group.lower() == "vars" else ""


def _plain(value: Any) -> Any:
    """As JSON has it."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return None if isinstance(value, float) and not math.isfinite(value) else value
