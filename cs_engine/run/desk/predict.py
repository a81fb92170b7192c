"""What people ask of history: learned, judged, kept where it holds, and proposed as a playbook's `enter`. As plain JSON."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from cs_engine.language.expression import Grain
from cs_engine.playbook.shape import slug
from cs_engine.run.context import Engine
from cs_engine.run.predict.file import path_of, write
from cs_engine.run.predict.fit import fit, require
from cs_engine.run.predict.history import History, gather
from cs_engine.run.predict.learn import Block, Learned, judged_of, learn
from cs_engine.run.predict.proposal import Backtest, Proposal, propose
from cs_engine.run.predict.quality import auc_of, bands
from cs_engine.run.predict.question import Question, question
from cs_engine.usage import likely
from cs_engine.usage.likely import Model, Quality


def predict(
    engine: Engine, metric: str, since: datetime | None = None, until: datetime | None = None, *, keep: bool = True, unlikely: bool = False,
    told: Callable[[int, int], None] = lambda _done, _of: None,
) -> dict[str, Any]:  # fmt: skip
    """Learns the metric from what was known at moments from `since` to `until`, and keeps it where the data carry it.

    Where they do not, nothing is written and nothing proposed: `carries` is false and `why_not` says why.
    Raises WrongUse for what cannot be asked, SettingsError where scikit-learn is not installed.
    """
    require()
    asked = question(engine.project, metric)
    history = gather(engine, asked, since, until, told)
    learned = learn(history, lambda rows: fit(rows.facts, rows.came, rows.account))
    found: dict[str, Any] = {
        "metric": metric,
        "likely": asked.spec.likely,
        "within": asked.spec.within,
        "among": asked.spec.among,
        "history": _history(history),
        "facts": list(asked.facts),
        "left_out": dict(asked.left_out),
        "carries": learned.carries,
        "why_not": list(learned.why_not),
        "quality": None if learned.quality is None else learned.quality.model_dump(),
        "blocks": [_block(history, block) for block in learned.blocks],
        "bands": [] if learned.judged is None else [band._asdict() for band in bands(learned.judged)],
    }
    if not learned.carries or learned.tree is None or learned.quality is None:
        return {**found, "leaves": [], "notes": [], "file": None, "proposal": None}
    model = _model(asked, learned)
    its_own = engine.project.catalogue.needs(Grain.ACCOUNT, asked.outcome.names)
    path = path_of(engine.project.root, metric)
    if keep:
        write(path, metric, model)
    proposal = propose(learned, metric, asked.facts, ZoneInfo(engine.project.config.timezone), unlikely=unlikely)
    return {
        **found,
        "digest": model.digest,
        "leaves": [{**leaf.model_dump(), "likely": round(model.likely_of(leaf), 4)} for leaf in model.leaves],
        "notes": list(_notes(learned.quality, [asked.facts[fact] for fact in learned.tree.facts() if asked.facts[fact] in its_own])),
        "file": path.relative_to(engine.project.root).as_posix() if keep else None,
        "proposal": None if proposal is None else _proposal(asked, proposal, unlikely=unlikely),
    }


def _notes(quality: Quality, its_own: Sequence[str]) -> Iterator[str]:
    """What to know before relying on it."""
    if its_own:
        names = ", ".join(its_own)
        yield f"It asks for what the outcome is made of ({names}): in part it only counts down to it. `facts` can leave that out."
    if quality.skill.low <= 0:
        yield "Whom it holds for likelier can be relied on, its percentages cannot: they may be no nearer than the base rate."


def _model(asked: Question, learned: Learned) -> Model:
    assert learned.tree is not None
    assert learned.quality is not None
    spec, history = asked.spec, learned.history
    leaves = learned.tree.kept(asked.facts)
    return Model(
        likely=str(spec.likely),
        within=str(spec.within),
        among=spec.among,
        digest=likely.digest_of(str(spec.likely), str(spec.within), spec.among, leaves, learned.tree.weight),
        weight=learned.tree.weight,
        history=likely.History(
            since=history.moments[0],
            until=history.moments[-1],
            every=_days(history),
            moments=len(history.moments),
            accounts=history.with_rows,
            rows=len(history.came),
            outcomes=history.with_outcome,
        ),
        quality=learned.quality,
        leaves=leaves,
    )


def _block(history: History, block: Block) -> dict[str, Any]:
    """What was judged by what was learned before it, by itself: whether it holds over time."""
    rows = history.rows(block.rows)
    return {
        "since": _iso(history.moments[block.first]),
        "until": _iso(history.moments[block.last]),
        "rows": len(rows.came),
        "outcomes": rows.with_outcome,
        "leaves": len(block.tree.leaves),
        "auc": auc_of(judged_of(history, (block,))),
    }


def _days(history: History) -> float:
    return round(history.step.total_seconds() / 86_400, 2)


def _history(history: History) -> dict[str, Any]:
    return {
        "since": _iso(history.moments[0]),
        "until": _iso(history.moments[-1]),
        "every_days": _days(history),
        "moments": len(history.moments),
        "accounts": history.with_rows,
        "of": history.of,
        "looked_at": len(history.accounts),
        "rows": len(history.came),
        "outcomes": history.with_outcome,
        "base_rate": round(float(history.came.mean()), 4) if len(history.came) else None,
    }


def _proposal(asked: Question, proposal: Proposal, *, unlikely: bool) -> dict[str, Any]:
    spec, name = asked.spec, slug(asked.metric)
    if unlikely:
        name = f"un{name}" if name.startswith("likely") else f"not-{name}"
    lines = [f"playbook: {name}"]
    lines += [f"audience: {_text(spec.among)}"] if spec.among is not None else []
    lines += [f"enter: {_text(proposal.enter)}", f"reenter: after {spec.within}", "holdout: 10%"]
    return {
        "enter": proposal.enter,
        "plainly": proposal.plainly,
        "unlikely": unlikely,
        "yaml": "\n".join(lines) + "\n",
        "backtest": _backtest(proposal.backtest),
    }


def _text(condition: str) -> str:
    """A condition as plain YAML: in quotes where it would mean something else."""
    plain = condition[0] not in "'\"[]{}>|*&!%#`@-?:," and ": " not in condition and " #" not in condition and "\n" not in condition
    return condition if plain else "'" + condition.replace("'", "''") + "'"


def _backtest(found: Backtest) -> dict[str, Any]:
    return {
        "since": _iso(found.since),
        "until": _iso(found.until),
        "entered": found.entered,
        "right": found.right,
        "precision": _share(found.right, found.entered),
        "outcomes": found.came,
        "caught": found.caught,
        "recall": _share(found.caught, found.came),
        "lead_days": None if found.lead is None else dict(zip(("low", "median", "high"), (round(x, 1) for x in found.lead), strict=True)),
        "months": [month._asdict() for month in found.months],
    }


def _iso(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%MZ")


def _share(part: int, whole: int) -> float | None:
    return round(part / whole, 3) if whole else None
