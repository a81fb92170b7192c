"""Milestones as people ask for them: what was reached when and on which evidence, what comes next and when. Read-only."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import numpy as np

from cs_engine.errors import NoAccount, WrongUse
from cs_engine.instants import Micros, from_micros, to_micros
from cs_engine.journey.pace import Forecast, Spread, days_between, forecast, spread_of
from cs_engine.language import durations
from cs_engine.language.expression import Grain
from cs_engine.run.context import Engine
from cs_engine.run.observe import facts_at
from cs_engine.usage.model import MilestoneSpec

_COHORTS = 12
"""Months of sign-up, the latest ones."""
SIGN_UP = "sign-up"


class _Account(NamedTuple):
    signed_up_at: Micros | None
    alike: str
    """What it has in common with those whose times are compared."""


@dataclass(frozen=True, slots=True)
class _Company:
    """All accounts, and when they reached what."""

    engine: Engine
    now: datetime
    accounts: Mapping[str, _Account]
    reached: Mapping[str, Mapping[str, Micros]]
    """Milestone -> account -> when."""
    claimed: Mapping[str, Mapping[str, Micros]]
    """The same of those that customers confirm, whether they have or not."""

    @property
    def milestones(self) -> dict[str, MilestoneSpec]:
        return self.engine.project.journey.milestones()

    @property
    def at(self) -> Micros:
        return to_micros(self.now)

    def lengths(self, milestone: str, since: str, alike: str | None = None) -> list[float]:
        """Days that those took who reached it, since the sign-up or another milestone; `alike`: only such accounts."""
        found = []
        for account, at in self.reached[milestone].items():
            about = self.accounts.get(account)
            if about is not None and alike in (None, about.alike) and (begun := self.begun(account, since)) is not None and begun <= at:
                found.append(days_between(begun, at))
        return found

    def begun(self, account: str, since: str) -> Micros | None:
        return self.accounts[account].signed_up_at if since == SIGN_UP else self.reached[since].get(account)

    def due(self, account: str, spec: MilestoneSpec) -> Micros | None:
        """When it should be reached at the latest; None where nobody says."""
        begun = self.accounts[account].signed_up_at
        span = durations.parse(spec.expected) if spec.expected is not None else None
        if begun is None or span is None:
            return None
        project = self.engine.project
        return to_micros(durations.add(from_micros(begun), span, ZoneInfo(project.config.timezone), off=project.is_day_off))


def of_account(engine: Engine, account: str) -> dict[str, Any]:
    """What one account has reached, and what is expected when, as plain JSON. Raises WrongUse for one that is not there."""
    company = _company(engine)
    about = company.accounts.get(account)
    if about is None:
        raise NoAccount(account, _iso(company.at))
    views = {view.milestone: view for view in engine.store.milestones_of(account)}
    rows = []
    before = [SIGN_UP, *company.milestones]
    for (_, spec), (previous, _this) in zip(company.milestones.items(), pairwise(before), strict=True):
        view, due = views.get(spec.id), company.due(account, spec)
        row: dict[str, Any] = {"milestone": spec.id, "title": _title(engine, spec), "reached_at": None, "due": _iso(due), "in_time": None}
        row["waiting"] = None
        if view is not None and view.counts_at is None:
            row["waiting"] = {"since": _iso(view.known_at), "came_true_at": _iso(view.reached_at), "word": view.word}
        elif view is not None:
            row |= {"reached_at": _iso(view.reached_at), "known_at": _iso(view.known_at), "history": view.history}
            row |= {"evidence": json.loads(view.seen) if view.seen else {}, "days": _days(about.signed_up_at, view.reached_at)}
            row["in_time"] = None if due is None else view.reached_at <= due
        if view is None or view.counts_at is None:
            row["in_time"] = False if due is not None and due < company.at else None
            row["expected"] = None if row["waiting"] else _expected(company, account, spec.id, previous)
        rows.append(row)
    value = engine.project.journey.of_value()
    found = views.get(value) if value is not None else None
    return {
        "account": account,
        "now": _iso(company.at),
        "signed_up_at": _iso(about.signed_up_at),
        "alike": about.alike,
        "milestones": rows,
        "time_to_value": {
            "milestone": value,
            "days": None if found is None or found.counts_at is None else _days(about.signed_up_at, found.reached_at),
        },
    }


def overall(engine: Engine) -> dict[str, Any]:
    """Of each milestone how many have reached it and how long that took; time-to-value by month of sign-up. As plain JSON."""
    company = _company(engine)
    value = engine.project.journey.of_value()
    return {
        "now": _iso(company.at),
        "accounts": len(company.accounts),
        "milestones": [_milestone(company, spec) for spec in company.milestones.values()],
        "time_to_value": {"milestone": value, "cohorts": _cohorts(company, value) if value is not None else []},
    }


def _company(engine: Engine) -> _Company:
    project, store = engine.project, engine.store
    last = store.last_tick()
    if not project.journey.milestones():
        raise WrongUse("there are no milestones", "describe them in playbooks/journey.yaml: see docs/milestones.md")
    if last is None:
        raise WrongUse("no tick has looked at the milestones yet", "cs-engine run")
    facts = facts_at(engine, from_micros(last), [])
    try:
        ids = facts.ids(Grain.ACCOUNT)
        alike = facts.texts(project.alike) if project.alike is not None else [""] * len(ids)
        (since,) = facts.columns(Grain.ACCOUNT, ["account.signed_up_at"], np.arange(len(ids)))
    finally:
        facts.close()
    accounts = {id: _Account(None if at is None else to_micros(at), same) for id, at, same in zip(ids, since, alike, strict=True)}
    latched = {milestone: dict(zip(*found, strict=True)) for milestone, found in store.milestones().items()}
    reached = {milestone: latched.get(milestone, {}) for milestone in project.journey.milestones()}
    confirmed = project.journey.confirmed()
    claims = store.claims(confirmed, last) if confirmed else {}
    claimed = {milestone: dict(zip(*found, strict=True)) for milestone, found in claims.items()}
    return _Company(engine, from_micros(last), accounts, reached, claimed)


def _expected(company: _Company, account: str, milestone: str, previous: str) -> dict[str, Any] | None:
    """When the account will get there, from the milestone before where it has that and enough others tell, else from its sign-up."""
    same = company.accounts[account].alike
    for since in dict.fromkeys((previous, SIGN_UP)):
        begun = company.begun(account, since)
        if begun is None:
            continue
        found = forecast(days_between(begun, company.at), company.lengths(milestone, since, same), company.lengths(milestone, since))
        if found is not None:
            return _forecast(found, since, begun)
    return None


def _forecast(found: Forecast, since: str, begun: Micros) -> dict[str, Any]:
    def at(days: float) -> str | None:
        return _iso(begun + round(days * 24 * 3600) * 1_000_000)

    spread = found.spread
    return {
        "since": since,
        "at": None if spread is None else at(spread.median),
        "earliest": None if spread is None else at(spread.low),
        "latest": None if spread is None else at(spread.high),
        "n": 0 if spread is None else spread.n,
        "of": found.of,
        "alike": found.alike,
    }


def _milestone(company: _Company, spec: MilestoneSpec) -> dict[str, Any]:
    there = {account: at for account, at in company.reached[spec.id].items() if account in company.accounts}
    due = {account: at for account in company.accounts if (at := company.due(account, spec)) is not None}
    over = [account for account, at in due.items() if at < company.at or account in there]
    return {
        "milestone": spec.id,
        "title": _title(company.engine, spec),
        "reached": len(there),
        "waiting": len(company.claimed.get(spec.id, {}).keys() & company.accounts.keys() - there.keys()),
        "share": _share(len(there), len(company.accounts)),
        "days": _spread(spread_of(company.lengths(spec.id, SIGN_UP))),
        "expected": spec.expected,
        "in_time": _share(sum(there.get(account, company.at + 1) <= due[account] for account in over), len(over)) if over else None,
    }


def _cohorts(company: _Company, value: str) -> list[dict[str, Any]]:
    zone = ZoneInfo(company.engine.project.config.timezone)
    months: dict[str, list[str]] = defaultdict(list)
    for account, about in company.accounts.items():
        if about.signed_up_at is not None:
            months[from_micros(about.signed_up_at).astimezone(zone).strftime("%Y-%m")].append(account)
    return [_cohort(company, value, month, months[month]) for month in sorted(months)[-_COHORTS:]]


def _cohort(company: _Company, value: str, month: str, accounts: Sequence[str]) -> dict[str, Any]:
    times = [(company.begun(account, SIGN_UP), at) for account in accounts if (at := company.reached[value].get(account)) is not None]
    lengths = [days_between(begun, at) for begun, at in times if begun is not None and begun <= at]
    return {
        "month": month,
        "accounts": len(accounts),
        "reached": len(times),
        "share": _share(len(times), len(accounts)),
        "days": _spread(spread_of(lengths)),
    }


def _spread(found: Spread | None) -> dict[str, Any] | None:
    return None if found is None else {"n": found.n, **{name: round(getattr(found, name), 1) for name in ("low", "median", "high")}}


def _title(engine: Engine, spec: MilestoneSpec) -> str:
    return spec.title.get(engine.project.config.locale) or next(iter(spec.title.values()))


def _share(part: int, whole: int) -> float:
    return round(part / whole, 3) if whole else 0.0


def _days(begun: Micros | None, end: Micros) -> float | None:
    return None if begun is None else round(days_between(begun, end), 1)


def _iso(at: Micros | None) -> str | None:
    return None if at is None else from_micros(at).strftime("%Y-%m-%dT%H:%MZ")
