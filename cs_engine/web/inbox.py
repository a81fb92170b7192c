"""Between requests and the database: calls that wait are kept together, so that many small requests cost one look at the disk."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence

from anyio import CapacityLimiter
from anyio.to_thread import run_sync

from cs_engine.ports import Store
from cs_engine.state.database import RowRefused
from cs_engine.usage.collected import Collected

log = logging.getLogger(__name__)

MOST_WAITING = 20_000
"""Calls. With more the database has fallen behind: who comes then is asked to come again."""

_AT_ONCE = 5_000
"""Calls in one transaction: others who write wait no longer than for that."""


Waiting = tuple[Sequence[Collected], "asyncio.Future[None]"]
"""Calls of one request, and who waits for them."""


class Busy(Exception):
    """Too many calls wait already."""


class NotKept(Exception):
    """The database did not take them."""


class Inbox:
    """Keeps calls. Of one event loop."""

    def __init__(self, store: Store, arrived: Callable[[], None] = lambda: None) -> None:
        """`arrived` is called, from another thread, after calls were kept that are new."""
        self._store, self._arrived = store, arrived
        self._waiting: list[Waiting] = []
        self._many = 0
        self._limit = CapacityLimiter(1)
        self._writer: asyncio.Task[None] | None = None

    async def keep(self, calls: Sequence[Collected]) -> None:
        """Returns when they are on disk. Raises Busy, NotKept."""
        if not calls:
            return
        if self._many + len(calls) > MOST_WAITING:
            raise Busy
        kept: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((calls, kept))
        self._many += len(calls)
        if self._writer is None:
            self._writer = asyncio.create_task(self._write())
        await kept

    async def _write(self) -> None:
        """Until nothing waits. Requests that came while one transaction was on its way make the next."""
        try:
            while self._waiting:
                group = self._group()
                try:
                    await self._commit(group)
                except RowRefused:  # one request's rows are what is wrong: the others do not go down with it
                    for one in group:
                        await self._commit([one])
        finally:
            self._writer = None

    async def _commit(self, group: Sequence[Waiting]) -> None:
        """Keeps these and tells who waits. Raises RowRefused where the rows of one of several are at fault."""
        try:
            await run_sync(self._keep, [call for calls, _ in group for call in calls], limiter=self._limit)
        except Exception as error:  # whatever the database has, who waits is told
            if isinstance(error, RowRefused) and len(group) > 1:
                raise
            # Its name alone: its text could quote a row.
            log.error("%d collected calls were not kept: %s", sum(len(calls) for calls, _ in group), type(error).__name__)  # noqa: TRY400
            for _, kept in group:
                if not kept.done():
                    kept.set_exception(NotKept())
        else:
            for _, kept in group:
                if not kept.done():
                    kept.set_result(None)

    def _keep(self, calls: Sequence[Collected]) -> None:
        if self._store.collect(calls):
            self._arrived()

    def _group(self) -> list[Waiting]:
        many = taken = 0
        while taken < len(self._waiting) and (taken == 0 or many + len(self._waiting[taken][0]) <= _AT_ONCE):
            many += len(self._waiting[taken][0])
            taken += 1
        group, self._waiting = self._waiting[:taken], self._waiting[taken:]
        self._many -= many
        return group
