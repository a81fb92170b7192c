"""Sources into usage and people."""

from __future__ import annotations

from collections.abc import Callable

from cs_engine.ports import SourceReport
from cs_engine.run.context import Engine


def sync(engine: Engine, on_progress: Callable[[str], None] | None = None) -> list[SourceReport]:
    """Reads all sources anew, then puts accounts and contacts into our tables. Raises SyncStopped, taking nothing."""
    reports = engine.usage.sync(on_progress)
    if on_progress is not None:
        on_progress("Keeping accounts and contacts")
    engine.store.put_people(*engine.usage.people())
    return reports


def refresh(engine: Engine, on_progress: Callable[[str], None] | None = None) -> list[SourceReport]:
    """Syncs when a source has changed since the last sync, or was never read; else costs a look at the files."""
    return sync(engine, on_progress) if engine.usage.stale() else []
