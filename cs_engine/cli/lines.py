"""Progress where there is no terminal: in a log, a pipe, continuous integration."""

from __future__ import annotations

from typing import Any

import click
from rich.progress import Progress, TaskID


class Lines(Progress):
    """Says each new description once, on a line of its own."""

    _said = ""

    def add_task(self, description: str, *args: Any, **kwargs: Any) -> TaskID:
        self._say(description)
        return super().add_task(description, *args, **kwargs)

    def update(self, task_id: TaskID, *args: Any, **kwargs: Any) -> None:
        self._say(kwargs.get("description") or self._said)
        super().update(task_id, *args, **kwargs)

    def _say(self, description: str) -> None:
        if description != self._said:
            self._said = description
            click.echo(f"{description} ...", err=True)
