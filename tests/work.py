"""How much work something is, told without a clock: the same on every machine, whatever else it does."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import FrameType
from typing import Any


class TooMuch(AssertionError):
    """More calls than were allowed: it is stopped there, for what a test forbids may never end."""


def calls(doing: Callable[[], Any], most: int = 10_000_000) -> int:
    """The calls of Python functions, and of built-in ones, that `doing` makes on this thread. Raises TooMuch at `most`."""
    count = 0

    def counted(_frame: FrameType, event: str, _more: Any) -> None:
        nonlocal count
        if event in ("call", "c_call"):
            count += 1
            if count > most:
                raise TooMuch(f"more than {most:,} calls")

    before = sys.getprofile()
    sys.setprofile(counted)
    try:
        doing()
    finally:
        sys.setprofile(before)
    return count
