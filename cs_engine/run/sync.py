"""Sources into usage and people."""

from __future__ import annotations

from collections.abc import Callable

from cs_engine.errors import SourceAway
from cs_engine.ports import SourceReport
from cs_engine.run.context import Engine


def sync(engine: Engine, on_progress: Callable[[str], None] | None = None, *, anew: bool = False) -> list[SourceReport]:
    """Reads of all sources what is not proven to be as it was, then puts touches, and accounts and contacts if they were read, into our
    tables. `anew`: reads all. Raises SyncStopped, taking nothing.
    """
    reports = engine.usage.sync(on_progress, anew=anew)
    _keep_people(engine, on_progress)
    return reports


def refresh(engine: Engine, on_progress: Callable[[str], None] | None = None) -> list[SourceReport]:
    """Syncs when a source has changed since the last sync, or was never read; else takes in what was collected, or costs a look.

    A sync that died before the people were kept, was read for another store, or hashed addresses with another key, is made up for.
    """
    if engine.usage.stale():
        try:
            return sync(engine, on_progress)
        except SourceAway as away:
            if not engine.usage.synced():
                raise
            # What was read before stays in force; how old it may be is for `newest` of each source to say.
            _complete(engine, on_progress)
            going_on = SourceReport("sources", 0, 0, 0, (), away=f"{away.message}; going on with what was read before")
            return [going_on, *_arrived(engine)]
    reports = _arrived(engine)
    _complete(engine, on_progress)
    return reports


def _arrived(engine: Engine) -> list[SourceReport]:
    return engine.usage.take_in() if engine.usage.behind() else []


def _complete(engine: Engine, on_progress: Callable[[str], None] | None) -> None:
    if engine.store.people_from() != engine.usage.set_name():
        _keep_people(engine, on_progress)


def _keep_people(engine: Engine, on_progress: Callable[[str], None] | None) -> None:
    if on_progress is not None:
        on_progress("Keeping accounts and contacts")
    usage_set = engine.usage.set_name()
    engine.store.log_touches(*engine.usage.touches())
    # Before the people come with hashes under a new key: what they said is held under the old one.
    engine.store.suppress_alike(engine.usage.rehashed(engine.store.suppressed() | engine.store.preferring()))
    if gone := engine.usage.known_by(engine.store.erased()):
        engine.usage.forget(gone)  # the source has them still
    if gone or engine.store.people_from() != usage_set:
        engine.store.put_people(*engine.usage.people(), usage_set)
