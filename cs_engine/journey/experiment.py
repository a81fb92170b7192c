"""Who gets what in an experiment: by account, since contacts of one account talk to each other; the same answer every time."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

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


def positions(experiment: str, accounts: Sequence[str]) -> NDArray[np.float64]:
    """Where accounts lie in an experiment, from 0 to 1: evenly spread, and independent of all other experiments."""
    digests = b"".join([blake2b(f"{experiment}\x1f{account}".encode(), digest_size=8).digest() for account in accounts])
    return np.frombuffer(digests, ">u8") / 2.0**64


def position(experiment: str, account: str) -> float:
    """`positions` of one."""
    return float(positions(experiment, [account])[0])


def groups(experiment: str, accounts: Sequence[str], share: float, kept: Sequence[str]) -> list[str]:
    """control | treated, of each. `kept` is what it was before, '' for new: who was treated stays so, who is control can be let go."""
    chosen = (positions(experiment, accounts) < share).tolist()
    return [CONTROL if control and was != TREATED else TREATED for control, was in zip(chosen, kept, strict=True)]


def arms(experiment: str, accounts: Sequence[str], weights: Sequence[float]) -> NDArray[np.int64]:
    """Which of the arms, whose weights sum to 100, each account gets."""
    found = np.searchsorted(np.cumsum(weights), positions(experiment, accounts) * 100, side="right")
    return np.minimum(found, len(weights) - 1).astype(np.int64)
