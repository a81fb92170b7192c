"""The catalogue of metrics: what each means, how its values lie over accounts and contacts, and who uses it. Read-only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from cs_engine.errors import WrongUse
from cs_engine.instants import from_micros
from cs_engine.language.expression import Grain
from cs_engine.language.problems import did_you_mean
from cs_engine.playbook.project import Project
from cs_engine.ports import Spread
from cs_engine.run.context import Engine
from cs_engine.run.desk.uses import Users, users
from cs_engine.run.observe import facts_at


def metrics(engine: Engine, names: Sequence[str], now: datetime | None = None) -> dict[str, Any]:
    """These metrics, or all, as plain JSON. `now`: None for the last tick's moment, or this one before the first.

    A contact's own numbers are shown where somebody reads them. Raises WrongUse for a name that is no metric.
    """
    project = engine.project
    wanted = _wanted(project, names)
    used = users(project)
    last = engine.store.last_tick()
    at = now or (from_micros(last) if last is not None else engine.wall.now())
    sound = [name for name in wanted if name not in project.catalogue.broken]
    facts = facts_at(engine, at, [])
    try:
        of_contacts = [name for name in sound if used[name, Grain.CONTACT].as_json()]
        spreads = {Grain.ACCOUNT: facts.spreads(Grain.ACCOUNT, sound), Grain.CONTACT: facts.spreads(Grain.CONTACT, of_contacts)}
        failed = {failure.text: failure.reason for failure in facts.failed}
    finally:
        facts.close()
    return {"at": _plain(at), "metrics": [_row(project, name, spreads, used, failed) for name in wanted]}


def _wanted(project: Project, names: Sequence[str]) -> list[str]:
    for name in names:
        if name not in project.metrics:
            raise WrongUse(f"no metric {name!r}", did_you_mean(name, project.metrics) or "cs-engine metrics lists all")
    return list(names) or list(project.metrics)


def _row(
    project: Project,
    name: str,
    spreads: Mapping[Grain, Mapping[str, Spread]],
    used: Mapping[tuple[str, Grain], Users],
    failed: Mapping[str, str],
) -> dict[str, Any]:
    catalogue = project.catalogue
    return {
        "metric": name,
        "is": catalogue.described.get(name, ""),
        "type": str(catalogue.types[name]),
        "errors": "has errors: cs-engine check" if name in catalogue.broken else failed.get(name, ""),
        "of": [
            {"of": f"{grain}s", **_spread(spreads[grain][name]), "used by": used[name, grain].as_json()}
            for grain in Grain
            if name in spreads[grain]
        ],
    }


def _spread(spread: Spread) -> dict[str, Any]:
    shares = {"blank": _share(spread.blanks, spread.rows), "zero": _share(spread.zeros, spread.rows)}
    if spread.distinct is not None:
        return {"rows": spread.rows, **shares, "distinct": spread.distinct}
    values = {"min": spread.least, "median": spread.median, "p90": spread.p90, "max": spread.most}
    return {"rows": spread.rows, **shares, **{key: _plain(value) for key, value in values.items()}, "bars": list(spread.bars)}


def _share(part: int, whole: int) -> float | None:
    return round(part / whole, 4) if whole else None


def _plain(value: float | datetime | None) -> float | str | None:
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    # Whole numbers as they are counted; of others as many digits as anybody reads.
    return value if value is None or value == int(value) else float(f"{value:.4g}")
