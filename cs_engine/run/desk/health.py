"""Accounts' health as people ask for it: how it is, what it is made of, and what moved it. Read-only."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from cs_engine.errors import NoAccount, WrongUse
from cs_engine.instants import Micros, from_micros, to_micros
from cs_engine.journey.health import UNKNOWN, Health, HealthRow, Shift, differences
from cs_engine.run.context import Engine
from cs_engine.run.health import asked_of, is_told, rows_of
from cs_engine.run.observe import facts_at
from cs_engine.usage.health import SCORE

TREND = [timedelta(weeks=week) for week in range(11, 0, -1)]
"""How long ago the points of a trend lie, before the last one, which is now."""
_MOVERS = 10
"""Of each direction."""
_REMEMBERED, _COMPUTED = "remembered", "computed"

_Rows = Mapping[str, HealthRow]


def of_account(engine: Engine, account: str, since: timedelta, now: datetime | None) -> dict[str, Any]:
    """Everything about one account's health as plain JSON; `now`: None for the last tick's. Raises WrongUse for one that is not there."""
    at = _moment(engine, now)
    past = _Past(engine)
    current = past.computed(at).get(account)
    if current is None:
        raise NoAccount(account, _iso(to_micros(at)))
    kept = engine.store.health_of(account, to_micros(at - max(since, TREND[0])))
    was, source = past.of(account, kept, at - since)
    found, then = Health.of(current), None if was is None else Health.of(was)
    shares, spec = found.shares(), engine.project.health
    metrics = {name: part.metric for name, part in spec.components.items()} if spec is not None else {}
    return {
        "account": account,
        "now": _iso(to_micros(at)),
        **_standing(current),
        "components": [
            {"component": name, "metric": metrics.get(name, ""), **part._asdict(), "points": _rounded(shares.get(name, 0.0))}
            for name, part in found.parts.items()
        ],
        "then": None if was is None else {"at": _iso(to_micros(at - since)), "from": source, **_standing(was)},
        "moved": [] if then is None else [_shift(shift) for shift in differences(then, found)],
        "trend": [*_trend(past, account, kept, at), {"at": _iso(to_micros(at)), "score": current.score}],
        "bands": [{"at": _iso(row.since), **_standing(row)} for row in _turns(kept, to_micros(at))],
    }


def overall(engine: Engine, since: timedelta, now: datetime | None) -> dict[str, Any]:
    """How many accounts are in which band, now and then, who has changed bands, and who has moved most; as plain JSON."""
    at = _moment(engine, now)
    past = _Past(engine)
    current, (before, source) = past.computed(at), past.at(at - since)
    spec = engine.project.health
    bands = sorted(spec.bands, key=lambda band: -spec.bands[band]) if spec is not None else []
    here, there = Counter(row.band for row in current.values()), Counter(row.band for row in before.values())
    moved = [(row, was) for row in current.values() if (was := before.get(row.account)) is not None]
    turned = Counter((was.band, row.band) for row, was in moved if was.band != row.band)
    by = {row.account: row.score - was.score for row, was in moved if row.score is not None and was.score is not None}
    rising = sorted((account for account in by if by[account] > 0), key=lambda account: (-by[account], account))
    falling = sorted((account for account in by if by[account] < 0), key=lambda account: (by[account], account))
    return {
        "now": _iso(to_micros(at)),
        "then": _iso(to_micros(at - since)),
        "from": source,
        "accounts": len(current),
        "mean": _mean(current),
        "mean_then": _mean(before),
        "bands": [{"band": band or UNKNOWN, "now": here[band], "then": there[band]} for band in [*bands, *({""} & {*here, *there})]],
        "turned": [{"from": was or UNKNOWN, "to": now or UNKNOWN, "accounts": n} for (was, now), n in turned.most_common()],
        "fell": [_mover(before[account], current[account]) for account in falling[:_MOVERS]],
        "rose": [_mover(before[account], current[account]) for account in rising[:_MOVERS]],
    }


class _Past:
    """All accounts' health at any moment: as it was remembered, and where nothing was yet, as facts of that moment make it."""

    def __init__(self, engine: Engine) -> None:
        if not is_told(engine.project):
            wrong = SCORE in engine.project.catalogue.broken
            raise WrongUse(
                "playbooks/health.yaml has errors" if wrong else "nobody says what health is",
                "cs-engine check" if wrong else "describe it in playbooks/health.yaml: see docs/health.md",
            )
        if not engine.usage.synced():
            raise WrongUse("there is no usage yet", "cs-engine sync")
        self._engine = engine
        self._began = engine.store.health_began()
        self._computed: dict[datetime, _Rows] = {}

    def at(self, moment: datetime) -> tuple[_Rows, str]:
        """All accounts', and where it is from."""
        if self._remembers(moment):
            return self._engine.store.health_at(to_micros(moment)), _REMEMBERED
        return self.computed(moment), _COMPUTED

    def of(self, account: str, kept: Sequence[HealthRow], moment: datetime) -> tuple[HealthRow | None, str]:
        """One account's, of whom that is kept."""
        if self._remembers(moment):
            at = to_micros(moment)
            return next((row for row in reversed(kept) if row.since <= at), None), _REMEMBERED
        return self.computed(moment).get(account), _COMPUTED

    def _remembers(self, moment: datetime) -> bool:
        return self._began is not None and self._began <= to_micros(moment)

    def computed(self, moment: datetime) -> _Rows:
        if moment not in self._computed:
            self._computed[moment] = self._compute(moment)
        return self._computed[moment]

    def _compute(self, moment: datetime) -> _Rows:
        facts = facts_at(self._engine, moment, asked_of(self._engine.project))
        try:
            return {row.account: row for row in rows_of(facts, to_micros(moment))}
        finally:
            facts.close()


def _trend(past: _Past, account: str, kept: Sequence[HealthRow], at: datetime) -> list[dict[str, Any]]:
    """Its score of each week, oldest first."""
    found: list[dict[str, Any]] = []
    there = True
    for ago in reversed(TREND):
        row = past.of(account, kept, at - ago)[0] if there else None
        there = row is not None  # before its beginning it never was
        found.append({"at": _iso(to_micros(at - ago)), "score": None if row is None else row.score})
    return found[::-1]


def _turns(kept: Sequence[HealthRow], until: Micros) -> list[HealthRow]:
    """The remembered moments at which the band became another, oldest first; the first row is how it was."""
    rows = [row for row in kept if row.since <= until]
    return [row for number, row in enumerate(rows) if number == 0 or row.band != rows[number - 1].band]


def _moment(engine: Engine, now: datetime | None) -> datetime:
    last = engine.store.last_tick()
    return now or (from_micros(last) if last is not None else engine.wall.now())


def _standing(row: HealthRow) -> dict[str, Any]:
    return {"score": row.score, "band": row.band or UNKNOWN, "forced": row.forced}


def _shift(shift: Shift) -> dict[str, Any]:
    def part(which: Any) -> dict[str, Any] | None:
        return None if which is None else which._asdict()

    return {"component": shift.component, "by": _rounded(shift.by), "why": shift.why, "was": part(shift.was), "now": part(shift.now)}


def _mover(was: HealthRow, row: HealthRow) -> dict[str, Any]:
    shifts = differences(Health.of(was), Health.of(row))
    return {
        "account": row.account, "was": was.score, "score": row.score, "band_was": was.band or UNKNOWN, "band": row.band or UNKNOWN,
        "most": f"{shifts[0].component} {shifts[0].why}" if shifts else "",
    }  # fmt: skip


def _mean(rows: _Rows) -> float | None:
    scores = [row.score for row in rows.values() if row.score is not None]
    return _rounded(sum(scores) / len(scores)) if scores else None


def _rounded(points: float) -> float:
    return round(points, 1)


def _iso(at: Micros) -> str:
    return from_micros(at).strftime("%Y-%m-%dT%H:%MZ")
