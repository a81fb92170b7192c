"""The columns of a milestone that customers confirm: what usage claims, what counts, and what is in doubt."""

from __future__ import annotations

from collections.abc import Mapping

from cs_engine.language.expression import Type
from cs_engine.language.scope import quoted
from cs_engine.usage.columns import Derived
from cs_engine.usage.names import (
    claim_column,
    claimed_column,
    doubt_column,
    doubted_column,
    first_look_column,
    latch_column,
    milestone_column,
)


def columns(milestone: str, now_true: Derived) -> Mapping[str, Derived]:
    """Its condition, `now_true`, claims it; the customer's word, or that it was so before we came, makes it reached."""
    claim, claimed, latch = claim_column(milestone), claimed_column(milestone), latch_column(milestone)
    first, doubt = first_look_column(milestone), doubt_column(milestone)
    counts = f"({quoted(latch)} IS NOT NULL OR ({quoted(first)} IS NOT NULL AND {quoted(claimed)}))"
    return {
        claimed: Derived(f"({quoted(claim)} IS NOT NULL OR {now_true.sql})", Type.BOOLEAN, (claim, *now_true.needs)),
        milestone_column(milestone): Derived(counts, Type.BOOLEAN, (latch, first, claimed)),
        doubted_column(milestone): Derived(f"({quoted(doubt)} IS NOT NULL)", Type.BOOLEAN, (doubt,)),
    }
