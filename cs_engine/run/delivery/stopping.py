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

_ENDING = (signal.SIGTERM, signal.SIGINT)

Stopping = Callable[[], bool]
"""Whether we have been told to end."""


@contextmanager
def told_to_end() -> Iterator[Stopping]:
    """Within it SIGTERM and Ctrl-C are noted; at its end they are obeyed, by whoever was there for them before: the process dies of it, as
    its keeper expects, or Prefect ends the flow. Ctrl-C for the second time is obeyed at once. Beside the main thread nothing can be noted.
    """
    if threading.current_thread() is not threading.main_thread():
        yield lambda: False
        return
    asked: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        again = number == signal.SIGINT and number in asked
        asked.append(number)
        if again and callable(handler := before[signal.SIGINT]):
            handler(number, frame)

    before = {number: signal.signal(number, note) for number in _ENDING if signal.getsignal(number) is not signal.SIG_IGN}
    try:
        yield lambda: bool(asked)
    finally:
        for number, handler in before.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
        if asked:
            signal.raise_signal(asked[0])


def sleep(seconds: float, stopping: Stopping) -> None:
    """Sleeps so long, or until we are told to end."""
    until = time.monotonic() + seconds
    while not stopping() and (left := until - time.monotonic()) > 0:
        time.sleep(min(left, _LOOKS))
