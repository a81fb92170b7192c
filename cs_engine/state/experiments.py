"""Experiments: who got what, and how small each control group has been."""

from __future__ import annotations

from collections.abc import Sequence
from operator import attrgetter

from cs_engine.journey.experiment import Assignment
from cs_engine.state import schema
from cs_engine.state.database import Tx

_OF = attrgetter("experiment", "account_id")


def assign(tx: Tx, assignments: Sequence[Assignment]) -> None:
    """Keeps them; an account that has an arm gets the new one."""
    rows = sorted(dict(zip(map(_OF, assignments), assignments, strict=True)).values())
    again = "ON CONFLICT (experiment, account_id) DO UPDATE SET arm = excluded.arm, assigned_at = excluded.assigned_at"
    tx.upsert(schema.assignments, Assignment._fields, rows, again)


def assigned(tx: Tx, experiment: str) -> dict[str, str]:
    """Account -> arm."""
    return dict(tx.rows("SELECT account_id, arm FROM assignments WHERE experiment = :experiment", experiment=experiment))


def holdouts(tx: Tx) -> dict[str, float]:
    """Playbook -> the smallest share that its control group has had."""
    return dict(tx.rows("SELECT playbook, share FROM holdouts"))


def put_holdout(tx: Tx, playbook: str, share: float) -> None:
    """Notes the share, if it is smaller than what was noted before."""
    tx.upsert(
        schema.holdouts,
        ("playbook", "share"),
        [(playbook, share)],
        "ON CONFLICT (playbook) DO UPDATE SET share = excluded.share WHERE excluded.share < holdouts.share",
    )
