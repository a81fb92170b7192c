"""What has landed of a source that lies in a database: its parts, and how they are told apart."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

WHOLE, TIMELESS = "whole", "timeless"
"""Parts that are no day."""
DAY = timedelta(days=1)


@dataclass(slots=True)
class Landed:
    """What lies there of one source."""

    key: str
    """How it was asked for: asked otherwise, all of it is read anew."""
    read: int
    """When, as microseconds."""
    rows: int = 0
    marks: dict[str, str] = field(default_factory=dict)
    """Part -> its fingerprint."""
    files: dict[str, str] = field(default_factory=dict)
    """Part -> its file."""
    counts: dict[str, int] = field(default_factory=dict)


def part_of(day: date | None) -> str:
    return TIMELESS if day is None else day.isoformat()


def start(part: str) -> datetime:
    return datetime.fromisoformat(part).replace(tzinfo=UTC)


def together(changed: Sequence[tuple[str, int]], most: int) -> Iterator[list[str]]:
    """Parts that one question brings: days that follow each other, up to `most` rows."""
    group: list[str] = []
    rows = 0
    for part, n in changed:
        follows = group and TIMELESS not in (part, group[-1]) and start(part) - start(group[-1]) == DAY
        if group and (not follows or rows + n > most):
            yield group
            group, rows = [], 0
        group.append(part)
        rows += n
    if group:
        yield group
