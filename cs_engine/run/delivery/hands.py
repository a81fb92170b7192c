"""Other processes that render and post, one a core. Each posts what it has rendered while it renders what comes next.

A message is rendered where it leaves: its parcel never travels between processes. What a process held when it was killed is in doubt,
and its channel is asked.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from itertools import count
from multiprocessing import get_context, parent_process
from multiprocessing.context import BaseContext
from pathlib import Path
from types import ModuleType
from typing import Any

from cs_engine.clock import steady
from cs_engine.ports import Channel, Outcome, Parcel
from cs_engine.run.delivery.lease import MOST_FLYING
from cs_engine.run.delivery.press import Build, Failed, Job, Press

Openers = Mapping[str, Callable[[int], Channel[Any]]]
"""Of each channel that may be opened in other processes: what opens it there, told how many processes share what the vendor allows."""


class Hand:
    """One process. Its calls run there in the order in which they are made here. It starts beside what this process does."""

    def __init__(self, root: Path, locale: str, builders: Mapping[str, Build], openers: Openers, hands: int) -> None:
        self._process = ProcessPoolExecutor(1, _context(), _begin_work, (root, locale, builders, openers, hands))
        self._ready: Future[None] = Future()
        self._starting = threading.Thread(target=self._start, name="cs-engine-hand", daemon=True)
        self._starting.start()
        self._tickets = count()

    def _start(self) -> None:
        """Takes up to a second: the programs are read first."""
        try:
            with _one_by_one, _without_main():
                started = self._process.submit(_stand_ready)
            self._ready.set_result(started.result())
        except Exception as error:  # noqa: BLE001 - whoever asks whether it is ready is told
            self._ready.set_exception(error)

    @property
    def ready(self) -> bool:
        """Whether it has been started, and has not been killed. One that cannot be started never is."""
        return self._ready.done() and self._ready.exception() is None

    def wait(self) -> None:
        """Until it has been started."""
        self._ready.result()

    def post(self, channel: str, jobs: Sequence[Job], until: float) -> Callable[[], list[Outcome | Failed]]:
        """Begins to render and post what may leave before the steady clock says `until`; call what is returned for the outcomes, in no
        order. Both raise BrokenProcessPool once it is dead.
        """
        ticket = next(self._tickets)
        begun = self._process.submit(_begin, ticket, channel, jobs, until)

        def ended() -> list[Outcome | Failed]:
            begun.result()
            return self._process.submit(_end, ticket).result()

        return ended

    def kill(self) -> None:
        """As the system does when memory runs out."""
        for process in list(self._process._processes.values()):  # noqa: SLF001 - there is no other way to its process
            process.kill()

    def close(self) -> None:
        """Waits for what it does."""
        self._starting.join()
        self._process.shutdown(cancel_futures=True)


_one_by_one = threading.Lock()


@contextmanager
def _without_main() -> Iterator[None]:
    """A process that is started inside does not read this one's main program again: it needs nothing of it, and Prefect's takes seconds."""
    main, sys.modules["__main__"] = sys.modules["__main__"], ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main


def _context() -> BaseContext:
    """How they are started. Forked from this process, they would inherit its threads and connections; from one that has only read the
    programs, each is there at once.
    """
    if sys.platform != "linux":
        return get_context("spawn")
    context = get_context("forkserver")
    context.set_forkserver_preload([__name__, "cs_engine.channels.sendgrid", "aiohttp", "sendgrid.helpers.mail"])
    return context


class _Work:
    """What the other process has at hand."""

    def __init__(self, root: Path, locale: str, builders: Mapping[str, Build], openers: Openers, hands: int) -> None:
        self._press = Press(root, locale, builders)
        self._openers, self._hands = openers, hands
        self._channels: dict[str, Channel[Any]] = {}
        self._sender = ThreadPoolExecutor(MOST_FLYING, "cs-engine-post")
        self._sending: dict[int, tuple[list[Failed], Future[list[Outcome]]]] = {}

    def begin(self, ticket: int, channel: str, jobs: Sequence[Job], until: float) -> None:
        made = [self._press.make(job) for job in jobs]
        if channel not in self._channels:
            self._channels[channel] = self._openers[channel](self._hands)
        parcels = [parcel for parcel in made if isinstance(parcel, Parcel)]
        sending = self._sender.submit(self._channels[channel].send, parcels, lambda _: steady() < until)
        self._sending[ticket] = ([failed for failed in made if isinstance(failed, Failed)], sending)

    def end(self, ticket: int) -> list[Outcome | Failed]:
        failed, sending = self._sending.pop(ticket)
        return [*failed, *sending.result()]


_work: _Work | None = None


def _begin_work(root: Path, locale: str, builders: Mapping[str, Build], openers: Openers, hands: int) -> None:
    global _work  # noqa: PLW0603 - one a process
    # An interrupt from the keyboard, and who ends a whole group, reach every process: the parent decides what is still done, and waits
    # for it. When that ends, so does this.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    threading.Thread(target=_die_with_parent, name="cs-engine-parent", daemon=True).start()
    _work = _Work(root, locale, builders, openers, hands)


def _die_with_parent() -> None:
    """Nobody would keep what becomes of it, and somebody else may be sending it by then."""
    parent = parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


def _stand_ready() -> None:
    """Told of a process that has been started."""


def _begin(ticket: int, channel: str, jobs: Sequence[Job], until: float) -> None:
    assert _work is not None
    _work.begin(ticket, channel, jobs, until)


def _end(ticket: int) -> list[Outcome | Failed]:
    assert _work is not None
    return _work.end(ticket)
