"""prefect.yaml: `tick` on its schedule; each playbook a flow of its own, unscheduled."""

from __future__ import annotations

from collections import Counter
from typing import Any

import yaml

from cs_engine.errors import CsEngineError
from cs_engine.playbook.plan import Plan
from cs_engine.playbook.project import Project

FILE = "prefect.yaml"

POOL = "default"
"""The work pool that the deployments name: `prefect work-pool create default --type process` makes it, once."""

TAKE = "prefect --no-prompt deploy --all"

EVERY = 900
"""Seconds from tick to tick. A tick that finds nothing due costs one query of facts."""

_HEAD = f"""\
# Written by `cs-engine deploy`, and kept in step with playbooks/ by `cs-engine deploy --check`: change neither by hand.
# `tick` runs whatever is due. Playbooks have no schedule here: which of them are due, and in what order, is the engine's to know.
#
#   prefect work-pool create {POOL} --type process     once
#   {TAKE}
#   prefect worker start --pool {POOL}
"""


def attribute(playbook: str) -> str:
    """The name of a playbook's flow in flows/playbooks.py."""
    return playbook.replace("-", "_")


def deployments_yaml(project: Project) -> str:
    """The text of prefect.yaml for a project. Raises CsEngineError for two playbooks whose flows would have one name."""
    plans = sorted(project.plans.values(), key=lambda plan: plan.playbook)
    for name, found in Counter(attribute(plan.playbook) for plan in plans).items():
        if found > 1:
            same = [plan.playbook for plan in plans if attribute(plan.playbook) == name]
            raise CsEngineError(f"{' and '.join(same)} are one name in Python, {name}", "rename one of them")
    deployments = [_tick(project), *(_alone(plan) for plan in plans)]
    return _HEAD + yaml.safe_dump({"name": "cs-engine", "deployments": deployments}, sort_keys=False, allow_unicode=True, width=120)


def _tick(project: Project) -> dict[str, Any]:
    return {
        "name": "tick",
        "entrypoint": "flows/tick.py:tick",
        "description": "All due playbooks, one facts query.",
        "schedules": [{"interval": EVERY, "timezone": project.config.timezone}],
        # A tick that finds another at work has nothing to do. (The engine would refuse it, too: TickBusy.)
        "concurrency_limit": {"limit": 1, "collision_strategy": "CANCEL_NEW"},
        "work_pool": {"name": POOL},
    }


def _alone(plan: Plan) -> dict[str, Any]:
    return {
        "name": plan.playbook,
        "entrypoint": f"flows/playbooks.py:{attribute(plan.playbook)}",
        "description": plan.title.get("en") or plan.title.get("") or plan.playbook,
        "work_pool": {"name": POOL},
    }
