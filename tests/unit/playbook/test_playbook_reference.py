"""docs/reference.md is what the model says."""

from __future__ import annotations

from pathlib import Path

from cs_engine.playbook.reference import reference

ROOT = Path(__file__).parents[3]


def test_the_reference_is_in_step_with_the_model() -> None:
    message = "write it anew: python -m cs_engine.playbook.reference"
    assert (ROOT / "docs" / "reference.md").read_text(encoding="utf-8") == reference(), message


def test_every_key_is_explained() -> None:
    rows = [line for line in reference().split("\n") if line.startswith("| ") and not line.startswith("| Key")]
    unexplained = [row.split("|")[1].strip() for row in rows if row.rstrip().endswith("|  |")]
    assert unexplained == []
