"""A file of definitions of which some have the wrong shape: the others are read, so that all that hangs on them is checked too.

The faulty ones keep their names, for others to refer to, and are broken like those whose conditions are wrong.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, NamedTuple, TypeVar

from cs_engine.language.problems import Problems
from cs_engine.language.yaml import Document
from cs_engine.playbook.shape import Path, read_or_faults
from cs_engine.usage.names import milestone_column, segment_column

M = TypeVar("M")


class Kind(NamedTuple):
    """How the definitions of one file lie in it."""

    depth: int
    """Keys and indexes from the top to a definition."""
    column: Callable[[Path, Any], str]
    """Its name in the catalogue, by its path and what is written there; '' for what is no name there."""
    stand_in: Callable[[Any], Any]
    """A definition of the right shape for one that is not; None where not even its name can be read."""


def _text(value: Any, key: str) -> str:
    found = value.get(key) if isinstance(value, Mapping) else None
    return found if isinstance(found, str) else ""


METRICS = Kind(1, lambda path, _: str(path[0]), lambda _: "0")
SEGMENTS = Kind(1, lambda path, _: segment_column(str(path[0])), lambda _: "false")
MILESTONES = Kind(
    4,
    lambda _, value: milestone_column(_text(value, "id")),
    lambda value: {"id": id, "title": {"en": id}, "when": "false"} if (id := _text(value, "id")) else None,
)
STAFF = Kind(
    2,
    lambda _path, _value: "",
    # Without the role nobody knows whom `to` may name.
    lambda value: (
        {"email": email, "name": email, "role": role} if (email := _text(value, "email")) and (role := _text(value, "role")) else None
    ),
)


def read_sound(document: Document, model: Callable[..., M], kind: Kind, problems: Problems, called: str) -> tuple[M | None, list[str]]:
    """The file as `model`, with stand-ins for the definitions that have the wrong shape, and their names in the catalogue.

    Every problem of the file is added. None where the fault is in no definition, or one has no name.
    """
    found, faults = read_or_faults(document, model, problems, called)
    if found is not None:
        return found, []
    data, columns = copy.deepcopy(dict(document.data)), []
    for path in sorted({fault[: kind.depth] for fault in faults}, key=str):
        if len(path) < kind.depth:
            return None, []
        around: Any = data
        for part in path[:-1]:
            around = around[part]
        columns.append(kind.column(path, around[path[-1]]))
        around[path[-1]] = kind.stand_in(around[path[-1]])
    found, _ = read_or_faults(replace(document, data=data), model, Problems(), called)
    return found, columns
