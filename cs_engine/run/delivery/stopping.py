"""Being told to end while messages are on their way: what has been claimed is sent and settled, nothing more is claimed."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

_LOOKS = 0.2
"""Seconds between looks, while nothing is done but waiting."""

Stopping = Callable[[], bool]
"""Whether we have been told to end."""


@contextmanager
def told_to_end() -> Iterator[Stopping]:
    """Within it SIGTERM is noted; at its end it is obeyed, by whoever was there for it before: the process dies of it, as its keeper
    expects, or Prefect ends the flow. Beside the main thread nothing can be noted.
    """
    if threading.current_thread() is not threading.main_thread():
        yield lambda: False
        return
    asked: list[int] = []

    def note(number: int, _frame: FrameType | None) -> None:
        asked.append(number)

    before = signal.signal(signal.SIGTERM, note)
    try:
        yield lambda: bool(asked)
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL if before is None else before)
        if asked:
            signal.raise_signal(signal.SIGTERM)


def sleep(seconds: float, stopping: Stopping) -> None:
    """Sleeps so long, or until we are told to end."""
    until = time.monotonic() + seconds
    while not stopping() and (left := until - time.monotonic()) > 0:
        time.sleep(min(left, _LOOKS))
