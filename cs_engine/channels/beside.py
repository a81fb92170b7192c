"""What lives in an event loop, behind plain calls: the loop has a thread of its own, started at the first call and kept."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from typing import Any, Generic, TypeVar

S = TypeVar("S")
T = TypeVar("T")


class Beside(Generic[S]):
    """Keeps one S there, and runs work on it. Thread-safe: what several threads have run runs side by side. After `close` the next `run`
    opens it anew.
    """

    def __init__(self, name: str, opened: Callable[[], Coroutine[Any, Any, S]], closed: Callable[[S], Coroutine[Any, Any, None]]) -> None:
        """`opened` makes the S, in the loop; `closed` is its end."""
        self._name, self._opened, self._closed = name, opened, closed
        self._lock = threading.Lock()
        self._running: tuple[asyncio.AbstractEventLoop, threading.Thread, S] | None = None

    def run(self, work: Callable[[S], Coroutine[Any, Any, T]]) -> T:
        """Runs `work` to its end in the loop and returns what it returns. An interrupt here cancels it there."""
        with self._lock:
            if self._running is None:
                self._running = self._start()
            loop, _, kept = self._running
        future = asyncio.run_coroutine_threadsafe(work(kept), loop)
        try:
            return future.result()
        except BaseException:
            future.cancel()
            raise

    def close(self) -> None:
        """Closes what is kept and ends the thread. A second time it does nothing."""
        with self._lock:
            running, self._running = self._running, None
        if running is None:
            return
        loop, thread, kept = running
        asyncio.run_coroutine_threadsafe(self._closed(kept), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()

    def _start(self) -> tuple[asyncio.AbstractEventLoop, threading.Thread, S]:
        loop = asyncio.new_event_loop()
        thread = threading.Thread(target=loop.run_forever, name=f"cs-engine-{self._name}", daemon=True)
        thread.start()
        return loop, thread, asyncio.run_coroutine_threadsafe(self._opened(), loop).result()
