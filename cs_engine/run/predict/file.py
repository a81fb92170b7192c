"""The file of a model: laid out to be read, and to differ by lines where what was learned differs."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

from cs_engine.playbook.folder import FOLDER
from cs_engine.usage.likely import FOLDER as MODELS
from cs_engine.usage.likely import Estimate, Model

_HEAD = """\
# yaml-language-server: $schema=../../.cs-engine/schemas/model.json
# What `cs-engine predict {metric}` has learned; it writes this file anew. The first leaf that holds of an account is its own:
# of `of` accounts at moments like this the outcome `came` so often. Blank: of whom it is not asked, and who has the outcome already.
"""


def path_of(root: Path, metric: str) -> Path:
    return root / FOLDER / MODELS / f"{metric}.yaml"


def write(path: Path, metric: str, model: Model) -> None:
    """Whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_suffix(".aside")
    aside.write_text(text_of(metric, model), encoding="utf-8")
    aside.replace(path)


def text_of(metric: str, model: Model) -> str:
    """The file's text."""
    lines = [f"likely: {_quoted(model.likely)}", f"within: {model.within}"]
    lines += [f"among: {_quoted(model.among)}"] if model.among is not None else []
    history, quality = model.history, model.quality
    counts = ", ".join(f"{name}: {getattr(history, name)}" for name in ("moments", "accounts", "rows", "outcomes"))
    lines += [
        f"digest: {_quoted(model.digest)}",
        f"weight: {model.weight:g} # as if so many more, like all of them ({_share_of_all(model):.1%}), belonged to each leaf",
        f"history: {{since: {_time(history.since)}, until: {_time(history.until)}, every: {history.every:g}, {counts}}}",
        "quality: # on moments that came after what it was learned of; `low` to `high` hold 95 of 100",
        *(f"  {name}: {_estimate(getattr(quality, name))}" for name in ("auc", "lift", "calibration", "skill", "base_rate")),
        f"  rows: {quality.rows}",
        f"  accounts: {quality.accounts}",
        f"  outcomes: {quality.outcomes}",
        "leaves:",
    ]
    for leaf in model.leaves:
        who = f", when: {_quoted(leaf.when)}" if leaf.when else ""
        lines.append(f"  - {{came: {leaf.came}, of: {leaf.of}{who}}} # {model.likely_of(leaf):.1%}")
    return _HEAD.format(metric=metric) + "\n".join(lines) + "\n"


def _share_of_all(model: Model) -> float:
    return sum(leaf.came for leaf in model.leaves) / sum(leaf.of for leaf in model.leaves)


def _estimate(found: Estimate) -> str:
    return f"{{value: {found.value:g}, low: {found.low:g}, high: {found.high:g}}}"


def _time(at: datetime) -> str:
    return f'"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"'


def _quoted(text: str | None) -> str:
    """JSON's strings are YAML's."""
    return json.dumps(text, ensure_ascii=False)
