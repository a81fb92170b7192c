"""A whole engine over a store and a town in memory, whose process can die, or be joined by a twin, at any call to the outside."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from hashlib import blake2b
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple, cast

from cs_engine.clock import FixedClock
from cs_engine.errors import LostRace
from cs_engine.playbook.plan import Plan
from cs_engine.playbook.project import Project
from cs_engine.ports import Store
from cs_engine.run.context import Engine
from cs_engine.run.delivery.links import PURPOSE, AnswerLinks
from cs_engine.run.delivery.outbox import Outbox
from cs_engine.run.delivery.press import Press
from cs_engine.run.report import TickReport
from cs_engine.run.sync import sync
from cs_engine.run.tick import run_tick
from cs_engine.signing import Signer
from cs_engine.state import SqlStore
from cs_engine.state.holder import this_process
from cs_engine.state.schema import metadata
from tests.properties.documents import Doc
from tests.properties.memory import Fate, MemoryChannel, MemoryFacts, MemoryUsage, People
from tests.properties.project import with_playbooks

START = datetime(2026, 3, 2, 19, 45, tzinfo=UTC)
"""A Monday, a quarter of an hour before the quiet hours begin."""
_LIVES = count()


class Killed(BaseException):
    """The process has died: nothing that it does from now on reaches the outside."""


class Moment(NamedTuple):
    """Before or after a process's call number `nth` (from 0) of that method of a port."""

    method: str
    nth: int = 0
    after: bool = False


class Life:
    """The calls of one process to the outside. At a moment, which it may never reach, something befalls it."""

    def __init__(self, moment: Moment | None = None, befalls: Callable[[], object] | None = None) -> None:
        """`befalls`: what happens then; it dies, if nothing is said."""
        self._moment, self._befalls = moment, befalls
        self._counts: Counter[str] = Counter()
        self._dead = False

    def call(self, method: str, work: Callable[..., Any], *args: Any, **options: Any) -> Any:
        nth = self._counts[method]
        self._counts[method] += 1
        self._comes(Moment(method, nth))
        result = work(*args, **options)
        self._comes(Moment(method, nth, after=True))
        return result

    def _comes(self, moment: Moment) -> None:
        if self._dead:
            raise Killed
        if moment == self._moment:
            if self._befalls is None:
                self._dead = True
                raise Killed
            self._befalls()


class Watched:
    """A port whose every call is one of a life's."""

    def __init__(self, port: object, life: Life) -> None:
        self._port, self._life = port, life

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._port, name)
        return (lambda *args, **options: self._life.call(name, found, *args, **options)) if callable(found) else found


def mixed(*about: object) -> int:
    """0 to 99: random, and the same for whoever asks."""
    return int.from_bytes(blake2b(repr(about).encode(), digest_size=4).digest(), "big") % 100


@lru_cache(maxsize=1)
def _pattern() -> SqlStore:
    store = SqlStore("sqlite://")
    store.migrate()
    return store


def fresh_store() -> SqlStore:
    """A migrated store in memory."""
    store = SqlStore("sqlite://")
    with closing(_pattern().database.engine.raw_connection()) as source, closing(store.database.engine.raw_connection()) as target:
        cast("Any", source.driver_connection).backup(target.driver_connection)
    return store


Fates = Callable[[str, datetime], Fate]
"""What becomes of the message of that id when it is sent in the tick at that now."""


def all_accepted(_id: str, _now: datetime) -> Fate:
    return "accepted"


class Town:
    """One town: its people, its store, its two channels, and the project that is in force."""

    def __init__(self, home: Project, docs: Sequence[Doc], people: People, fates: Fates = all_accepted, *, knows: bool = True) -> None:
        """`people` are shared by towns that live through the same. `knows`: whether channels can tell afterwards what they took."""
        self.docs = list(docs)
        self.project = with_playbooks(home, self.docs)
        self.store = fresh_store()
        self.now = START - timedelta(minutes=15)
        self.channels = {name: MemoryChannel(name, lambda message: fates(message, self.now), knows=knows) for name in ("email", "slack")}
        self.refused: set[tuple[str, str]] = set()
        """(contact, topic) of what nobody wants to get."""
        self.report: TickReport | None = None
        """Of the latest tick that came to its end."""
        self.versions: dict[str, Plan] = {}
        """Every version that was ever live, by digest."""
        self._usage = MemoryUsage(people)

    def close(self) -> None:
        self.store.close()

    def sync(self) -> None:
        """Accounts and contacts as they are now."""
        with self._process(Life()) as engine:
            sync(engine)

    def tick(self, now: datetime, life: Life | None = None, horizon: datetime | None = None) -> TickReport:
        """One process's tick. Raises Killed when it dies on the way."""
        self.now, self.report = now, None
        self.versions |= {plan.digest: plan for plan in self.project.plans.values()}
        with self._process(life or Life()) as engine:
            self.report = run_tick(engine, now, horizon=horizon)
        return self.report

    def survives(self, now: datetime, life: Life | None = None, horizon: datetime | None = None) -> bool:
        """Whether a tick came to its end: it may die, or find that a twin has completed it."""
        try:
            report = self.tick(now, life, horizon)
        except (Killed, LostRace):
            return False
        assert not report.failures, report.failures
        return True

    @contextmanager
    def people_at_work(self, now: datetime) -> Iterator[Engine]:
        """The engine as commands and pages use it between ticks."""
        self.now = now
        with self._process(Life()) as engine:
            yield engine

    @contextmanager
    def _process(self, life: Life) -> Iterator[Engine]:
        channels = {name: cast("MemoryChannel", Watched(channel, life)) for name, channel in self.channels.items()}
        builders = dict.fromkeys(channels, MemoryChannel.build)
        outbox = Outbox(self.project.root, self.project.config.locale, channels, builders, processes=1)
        outbox.press = _press(self.project.root, self.project.config.locale)
        host, pid, _ = this_process().rsplit(":", 2)
        # A process of our number that began at another time: whoever looks knows that it is dead, as after a real death.
        holder = f"{host}:{pid}:life-{next(_LIVES)}"
        assert str(os.getpid()) == pid
        yield Engine(
            project=self.project,
            store=cast("Store", Watched(self.store, life)),
            usage=self._usage,
            outbox=outbox,
            holder=holder,
            delivery_clock=FixedClock,
            wall=FixedClock(self.now),
            links=AnswerLinks("https://pages.example", Signer(["k" * 16], PURPOSE), FixedClock(self.now)),
        )

    # --- what can be seen afterwards

    @property
    def facts(self) -> MemoryFacts:
        """What the latest tick saw."""
        assert self._usage.last is not None
        return self._usage.last

    def rows(self, sql: str, **values: object) -> list[tuple[Any, ...]]:
        with self.store.database.read() as tx:
            return tx.rows(sql, **values)

    def journal(self) -> list[tuple[Any, ...]]:
        """Every line, in the order in which they were written."""
        return self.rows("SELECT * FROM journal ORDER BY line")


@lru_cache(maxsize=1)
def _press(root: Path, locale: str) -> Press:
    # Templates never change here, so they are compiled once.
    return Press(root, locale, {"email": MemoryChannel.build, "slack": MemoryChannel.build})


# How often a message was tried, and by whom, may differ. So may the lines that tell of it.
_NOT_COMPARED = {
    "messages": {"attempts", "fence", "holder", "lease_until"},
    "ticks": {"holder", "began_at", "completed_at"},
    "journal": {"line"},
    "tick_holder": {"holder", "lease_until"},
}
_QUERIES = {
    table.name: f"SELECT {', '.join(c.name for c in table.columns if c.name not in _NOT_COMPARED.get(table.name, ()))} FROM {table.name}"
    + (" WHERE event <> 'retried'" if table.name == "journal" else "")
    for table in metadata.sorted_tables
}


def state(town: Town) -> dict[str, Counter[tuple[Any, ...]]]:
    """All rows of all tables, and what the channels took."""
    with closing(town.store.database.engine.raw_connection()) as connection:
        # SQLAlchemy would cost more than the ticks.
        execute = cast("Any", connection.driver_connection).execute
        found = {name: Counter(execute(query)) for name, query in _QUERIES.items()}
    for name, channel in town.channels.items():
        found[name] = Counter(channel.taken.items())
    return found


def differences(one: dict[str, Counter[tuple[Any, ...]]], other: dict[str, Counter[tuple[Any, ...]]]) -> list[str]:
    """Where the second is another than the first."""
    said = []
    for name, rows in one.items():
        said += [f"{name} lacks {row}" for row in (rows - other[name]).elements()]
        said += [f"{name} has {row} too" for row in (other[name] - rows).elements()]
    return said
