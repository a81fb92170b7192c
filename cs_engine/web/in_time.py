"""Answers that cannot wait for the work: what takes too long goes on after the answer."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from starlette.background import BackgroundTask
from starlette.responses import Response

log = logging.getLogger(__name__)

WITHIN = 2.0
"""Seconds after which Slack is told that it came, whatever the database is doing: it waits for three."""

Late = Callable[[Response | None], Awaitable[None]]
"""Told what would have been answered, None where the work failed: nobody sees that answer any more."""


async def in_time(work: Coroutine[Any, Any, Response], late: Late) -> Response:
    """The work's own answer if it comes in time; else an empty one, and the work goes on."""
    task = asyncio.ensure_future(work)
    done, _ = await asyncio.wait({task}, timeout=WITHIN)
    return task.result() if done else Response(background=BackgroundTask(_finish, task, late))


async def _finish(task: asyncio.Future[Response], late: Late) -> None:
    response: Response | None = None
    try:
        response = await task
    except Exception as error:  # noqa: BLE001 - answered long ago; its text may quote what somebody wrote
        log.error("work that was answered for failed: %s", type(error).__name__)  # noqa: TRY400 - so may a trace
    if response is not None and response.background is not None:
        await response.background()
    await late(response)
