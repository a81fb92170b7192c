"""prefect.yaml: `tick` on its schedule; each playbook a flow of its own, unscheduled."""

from __future__ import annotations

import yaml

from cs_engine.playbook.project import Project

_HEAD = """\
# Written by `cs-engine deploy`; kept in step with playbooks/. Take it with: prefect deploy --all
# `tick` runs whatever is due. Playbooks have no schedule here: which of them are due, and in what order, is the engine's to know.
"""


def deployments_yaml(project: Project) -> str:
    """The text of prefect.yaml for a project."""
    deployments = [
        {
            "name": "tick",
            "entrypoint": "flows/tick.py:tick",
            "description": "All due playbooks, one facts query.",
            "schedules": [{"interval": 900, "timezone": project.config.timezone}],
            "concurrency_limit": {"limit": 1, "collision_strategy": "CANCEL_NEW"},
            "work_pool": {"name": "default"},
        }
    ]
    deployments += [
        {
            "name": plan.playbook,
            "entrypoint": f"flows/playbooks.py:{plan.playbook.replace('-', '_')}",
            "description": plan.title.get("en") or plan.title.get("") or plan.playbook,
            "work_pool": {"name": "default"},
        }
        for plan in sorted(project.plans.values(), key=lambda p: p.playbook)
    ]
    body = {"name": "cs-engine", "prefect-version": "3.8.8", "deployments": deployments}
    return _HEAD + yaml.safe_dump(body, sort_keys=False, allow_unicode=True, width=120)
