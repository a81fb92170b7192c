"""What a project has, and who uses it."""

from __future__ import annotations

from typing import Any

from cs_engine.instants import from_micros
from cs_engine.journey.orders import Order, Orders
from cs_engine.playbook.plan import Plan
from cs_engine.playbook.project import Project
from cs_engine.usage.model import WindowMetric


def inventory(project: Project, orders: Orders) -> dict[str, list[dict[str, Any]]]:
    """Playbooks, and how they stand, segments, metrics and milestones as plain rows."""
    users = _users(project)
    return {
        "playbooks": [_playbook(project, plan, orders) for plan in sorted(project.plans.values(), key=lambda p: (-p.priority, p.playbook))]
        + [
            {**_nothing(), "playbook": name, "title": "has errors: cs-engine check", "paused": paused(orders, name)}
            for name in sorted(project.broken)
        ],
        "segments": [
            {"segment": name, "when": spec.when, "used by": users.get(f"segment:{name}", [])} for name, spec in project.segments.items()
        ],
        "metrics": [
            {"metric": name, "is": _metric(spec), "used by": sorted({*users.get(name, []), *users.get(f"account.{name}", [])})}
            for name, spec in project.metrics.items()
        ],
        "milestones": [
            {
                "milestone": name,
                "when": spec.when,
                "notice": spec.told_by or "",
                "confirm": "yes" if spec.confirm else "",
                "used by": sorted({user for kind in ("reached", "claimed", "doubted") for user in users.get(f"{kind}:{name}", [])}),
            }
            for name, spec in project.journey.milestones().items()
        ],
    }


def paused(orders: Orders, playbook: str) -> str:
    """Since when and why it stands still, else how many of its accounts do; '' when it runs."""
    if (whole := orders.pause(playbook)) is not None:
        return f"since {_time(whole)}: {whole.reason}"
    if not (accounts := orders.paused_accounts(playbook)):
        return ""
    first = orders.pause(playbook, accounts[0])
    assert first is not None
    return f"{accounts[0]} since {_time(first)}: {first.reason}" if len(accounts) == 1 else f"{len(accounts):,} accounts"


def _time(order: Order) -> str:
    return from_micros(order.at).strftime("%Y-%m-%dT%H:%MZ")


def _playbook(project: Project, plan: Plan, orders: Orders) -> dict[str, Any]:
    return {
        "playbook": plan.playbook,
        "title": plan.title.get(project.config.locale) or next(iter(plan.title.values()), ""),
        "schedule": plan.schedule.text,
        "priority": plan.priority,
        "mode": str(plan.mode),
        "paused": paused(orders, plan.playbook),
        "steps": len(plan.steps),
        "file": plan.file,
    }


def _nothing() -> dict[str, Any]:
    return {"playbook": "", "title": "", "schedule": "", "priority": "", "mode": "", "paused": "", "steps": "", "file": ""}


def _users(project: Project) -> dict[str, list[str]]:
    """Column -> playbooks whose conditions read it."""
    users: dict[str, set[str]] = {}
    for plan in project.plans.values():
        for condition in plan.conditions():
            for name in condition.names:
                users.setdefault(name, set()).add(plan.playbook)
    return {name: sorted(playbooks) for name, playbooks in users.items()}


def _metric(spec: WindowMetric | str) -> str:
    if isinstance(spec, str):
        return spec
    said = spec.model_dump(exclude_none=True, by_alias=True, exclude={"title"}, exclude_defaults=True)
    return ", ".join(f"{key}: {value}" for key, value in said.items())
