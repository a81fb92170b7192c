"""Who gets what in an experiment: by account, since contacts of one account talk to each other; the same answer every time."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from typing import NamedTuple

from cs_engine.instants import Micros

CONTROL = "control"
TREATED = "treated"


class Assignment(NamedTuple):
    """An account's arm, kept from the first time on."""

    experiment: str
    """A playbook, for its holdout; `playbook/step` for a split."""
    account_id: str
    arm: str
    assigned_at: Micros


def of_split(playbook: str, step: str) -> str:
    """The name of a split's experiment."""
    return f"{playbook}/{step}"


def position(experiment: str, account: str) -> float:
    """Where an account lies in an experiment, from 0 to 1: evenly spread, and independent of all other experiments."""
    digest = blake2b(f"{experiment}\x1f{account}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") / 2**64


def group(experiment: str, account: str, share: float, kept: str) -> str:
    """control | treated. `kept` is what it was before, '' for new: who was treated stays so, who is control can be let go."""
    if kept == TREATED:
        return TREATED
    return CONTROL if position(experiment, account) < share else TREATED


def arm(experiment: str, account: str, weights: Sequence[float]) -> int:
    """Which of the arms, whose weights sum to 100, an account gets."""
    place, passed = position(experiment, account) * 100, 0.0
    for number, weight in enumerate(weights):
        passed += weight
        if place < passed:
            return number
    return len(weights) - 1
