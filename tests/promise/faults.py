"""Faults of deliverers, for test_promise_faults: `python -m tests.promise.faults CASE FOLDER SENDGRID MESSAGES`.

One process decides a tick in which every customer is to get a mail, and has it delivered by children that are forked from it, so that a
life and a death cost no imports and no decisions. Usage lies in memory: DuckDB's threads would not outlive a fork. Each case prints one
JSON object: what it did, and what became of the messages.
"""

from __future__ import annotations

import gc
import json
import os
import random
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from datetime import timedelta
from importlib import import_module
from itertools import count
from pathlib import Path
from typing import Any

from sqlalchemy import event

from cs_engine.channels.sendgrid import SendgridChannel
from cs_engine.clock import OffsetClock, SystemClock
from cs_engine.playbook.project import Project
from cs_engine.ports import Outcome, Parcel
from cs_engine.run import tick as ticking
from cs_engine.run.context import Engine, TickContext
from cs_engine.run.delivery import deliver as delivery
from cs_engine.run.delivery.outbox import Outbox
from cs_engine.run.delivery.press import Press
from cs_engine.run.delivery.stopping import told_to_end
from cs_engine.run.observe import look
from cs_engine.run.sync import sync
from cs_engine.state import SqlStore, claims, open_store, this_process
from tests.doubles.sendgrid import API_KEY
from tests.promise.deaths import child
from tests.properties.documents import compact
from tests.properties.memory import MemoryUsage, People
from tests.properties.project import compiled, project_at
from tests.stories.world import day

for lazily in ("aiohttp", "sendgrid.helpers.mail", "orjson", "cs_engine.run.delivery.hands"):
    import_module(lazily)  # is there for those that are forked

AT = day(0)
HELLO = {"playbook": "hello", "topic": "tips", "existing": "include", "steps": [{"id": "one", "email": "one"}]}


class Stage:
    """A tick whose messages are all planned, and who delivers it."""

    def __init__(self, folder: Path, url: str, messages: int, database: str = "") -> None:
        self._folder, self._url = folder, url
        self.database = database or f"sqlite:///{folder}/state.db"
        self._usage = MemoryUsage(_people(messages))
        found, bundle = compiled(compact(HELLO), project_at(folder))
        plan = found.plan
        self._project: Project = replace(project_at(folder), plans={plan.playbook: plan}, bundles={plan.digest: bundle})
        self._warm: SqlStore | None = None
        self._press = Press(folder, "en", {"email": SendgridChannel.build})
        assert self._press.library.email("one", "en") is not None  # compiled here, for those that are forked
        with open_store(self.database) as store:
            store.migrate()
            engine = self._engine(store)
            sync(engine)
            real, vars(ticking)["deliver"] = vars(ticking)["deliver"], _nothing
            ticking.run_tick(engine, AT)
            vars(ticking)["deliver"] = real

    @contextmanager
    def ticking(
        self, hours: float = 0, patience: float = 30, opened: Callable[[SqlStore], None] | None = None, off: float = 0
    ) -> Iterator[TickContext]:
        """The tick, or another one hours later, as this process finds it; its clock may be hours `off`."""
        with nullcontext(self._warm) if self._warm is not None else open_store(self.database, patience=patience) as store:
            if store.database.embedded and self._warm is None:
                # It is processes that die here, not the machine: they need not wait for the disk.
                event.listen(store.database.engine, "connect", lambda connection, _: connection.execute("PRAGMA synchronous = OFF"))
            if opened is not None:
                opened(store)
            engine = replace(self._engine(store), wall=OffsetClock(SystemClock().now() + timedelta(hours=off)))
            try:
                yield look(engine, day(0, 10 + hours))
            finally:
                engine.outbox.close()

    def deliver(self, hours: float = 0, **how: Any) -> None:
        with self.ticking(hours, **how) as tick:
            delivery.deliver(tick)

    @contextmanager
    def warm(self) -> Iterator[None]:
        """Who is forked inside finds statements compiled: by the delivery of one batch, of which no connection and no thread is left."""
        looks = iter([False])
        real, vars(delivery)["told_to_end"] = told_to_end, lambda: nullcontext(lambda: next(looks, True))
        with open_store(self.database) as store:
            event.listen(store.database.engine, "connect", lambda connection, _: connection.execute("PRAGMA synchronous = OFF"))
            self._warm = store
            self.deliver()
            vars(delivery)["told_to_end"] = real
            store.database.engine.dispose()
            yield
            store.database.engine.dispose()
        self._warm = None

    def expire(self) -> None:
        """The leases of all that is on its way have ended."""
        with open_store(self.database) as store, store.database.write() as tx:
            tx.run("UPDATE messages SET lease_until = 0 WHERE state = 'dispatching'")

    def states(self) -> dict[str, int]:
        """How many messages stand in which state, with its reason."""
        with open_store(self.database) as store, store.database.read() as tx:
            rows = tx.rows("SELECT state, reason, count(*) FROM messages WHERE kind = 'email' GROUP BY state, reason")
        return {f"{state} {reason}".strip(): n for state, reason, n in rows}

    def _engine(self, store: SqlStore) -> Engine:
        channel = SendgridChannel(API_KEY, self._url, concurrency=4)
        outbox = Outbox(self._folder, "en", {"email": channel}, {"email": channel.build}, processes=1)
        outbox.press = self._press
        return Engine(self._project, store, self._usage, outbox, this_process(), OffsetClock, SystemClock())


def _people(n: int) -> People:
    numbers = range(n)
    contacts = {f"c{i}": (f"a{i}", "champion") for i in numbers}
    return People({f"a{i}": "" for i in numbers}, contacts, {f"a{i}": "k" for i in numbers}, set())


def _nothing(_tick: TickContext) -> None:
    """Leaves delivery to others."""


# --- cases -------------------------------------------------------------------------------------------------------------


def dies(point: str, nth: int) -> None:
    """From now on this process is killed at its n-th post: before the vendor has it, or when it has answered."""
    real, posts = SendgridChannel._post, count(1)

    async def post(self: SendgridChannel, session: Any, parcel: Parcel) -> Outcome:
        mine = next(posts) == nth
        if mine and point == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        outcome = await real(self, session, parcel)
        if mine:
            os.kill(os.getpid(), signal.SIGKILL)
        return outcome

    SendgridChannel._post = post  # type: ignore[method-assign]


def killed(stage: Stage, messages: int) -> dict[str, Any]:
    """Cycle after cycle a deliverer takes three messages, and dies before, or after, the vendor has accepted one of them."""
    delivery.BATCH = 3
    chance = random.Random(7)
    deaths = Counter[str]()
    with stage.warm():
        for number in range(messages // 3 - 1):
            point, nth = ("before", "after")[number % 2], chance.randint(1, 3)

            def life(point: str = point, nth: int = nth) -> None:
                dies(point, nth)
                stage.deliver()

            deaths[point] += child(life) == signal.SIGKILL
    stage.deliver()
    return dict(deaths)


def paused(stage: Stage, messages: int) -> dict[str, Any]:
    """A deliverer is stopped when the vendor has answered its first post, and goes on when its lease is over and another has been there."""
    delivery.BATCH = messages // 3
    pid = os.fork()
    if pid == 0:
        claims.LEASE = 1_500_000
        _stops_after_first_post()
        stage.deliver()
        os._exit(0)
    os.waitpid(pid, os.WUNTRACED)
    time.sleep(1.6)
    stage.deliver()
    between = stage.states()
    os.kill(pid, signal.SIGCONT)
    ended = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    after = stage.states()
    stage.deliver(hours=1)
    return {"ended": ended, "between": between, "after": after}


def _stops_after_first_post() -> None:
    real, posts = SendgridChannel._post, count()

    async def post(self: SendgridChannel, session: Any, parcel: Parcel) -> Outcome:
        outcome = await real(self, session, parcel)
        if next(posts) == 0:
            os.kill(os.getpid(), signal.SIGSTOP)
        return outcome

    SendgridChannel._post = post  # type: ignore[method-assign]


def terminated(stage: Stage, messages: int) -> dict[str, Any]:
    """A deliverer is told to end in the middle of its second batch of four."""
    return _told(stage, messages, signal.SIGTERM)


def interrupted(stage: Stage, messages: int) -> dict[str, Any]:
    """The same, by Ctrl-C."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # dies of it, as by its default, so that it is seen
    return _told(stage, messages, signal.SIGINT)


def _told(stage: Stage, messages: int, number: int) -> dict[str, Any]:
    delivery.BATCH = messages // 4

    def life() -> None:
        real, posts = SendgridChannel._post, count(1)

        async def post(self: SendgridChannel, session: Any, parcel: Parcel) -> Outcome:
            if next(posts) == delivery.BATCH + 2:
                os.kill(os.getpid(), number)
            return await real(self, session, parcel)

        SendgridChannel._post = post  # type: ignore[method-assign]
        stage.deliver()

    return {"signal": child(life), "ended": stage.states()}


def raced(stage: Stage, _messages: int) -> dict[str, Any]:
    """Eight deliverers at once."""
    delivery.BATCH = 5
    pids = []
    for _ in range(8):
        pid = os.fork()
        if pid == 0:
            status = 1
            try:
                stage.deliver()
                status = 0
            finally:
                os._exit(status)
        pids.append(pid)
    return {"ended": [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in pids]}


CASES: dict[str, Callable[[Stage, int], dict[str, Any]]] = {
    case.__name__: case for case in (killed, paused, terminated, interrupted, raced)
}


def main() -> None:
    case, folder, url, messages = sys.argv[1], Path(sys.argv[2]), sys.argv[3], int(sys.argv[4])
    stage = Stage(folder, url, messages, *sys.argv[5:])
    gc.disable()  # a collection in a child would copy all that it shares with this process
    gc.freeze()
    began = time.monotonic()
    said = CASES[case](stage, messages)
    sys.stdout.write(json.dumps({**said, "states": stage.states(), "seconds": round(time.monotonic() - began, 2)}))


if __name__ == "__main__":
    main()
