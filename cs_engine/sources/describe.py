"""What the sources have, read as lightly as can be: from what the last sync kept, else from the files' first rows."""

from __future__ import annotations

from pathlib import Path

from cs_engine.playbook.config import ProjectConfig
from cs_engine.sources.sets.snapshot import Shelf
from cs_engine.usage.attributes import Attributes


def describe(project: Path, config: ProjectConfig) -> Attributes:
    """The columns of the sources and their types. Raises SyncStopped where a file or a column is missing."""
    current = Shelf.of(project).current(config)
    if current is not None:
        return current.attributes
    from cs_engine.sources.intake import first_rows  # brings DuckDB along, which `check` need not wait for

    return first_rows.describe(project, config)


def locales(project: Path, config: ProjectConfig) -> tuple[str, ...]:
    """The languages of the people last synced; none before the first sync."""
    current = Shelf.of(project).current(config)
    return current.locales if current is not None else ()
