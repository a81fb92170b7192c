"""What the web stands on, assembled."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from cs_engine import settings as settings_module
from cs_engine.clock import Clock, SystemClock
from cs_engine.playbook.project import Project
from cs_engine.ports import Store
from cs_engine.run.links import AnswerLinks
from cs_engine.settings import Settings
from cs_engine.wiring import answer_links, load_project, open_store


@dataclass(frozen=True, slots=True)
class House:
    """The project as it was when the web started; what people are asked comes from the versions that they are inside."""

    project: Project
    store: Store
    links: AnswerLinks
    clock: Clock


@contextmanager
def house(settings: Settings | None = None, clock: Clock | None = None) -> Iterator[House]:
    """The real one, on a store of its own."""
    settings, clock = settings or settings_module.load(), clock or SystemClock()
    project = load_project(settings)
    store = open_store(settings)
    try:
        yield House(project, store, answer_links(settings, clock), clock)
    finally:
        store.close()
