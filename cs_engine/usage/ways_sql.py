"""Ways through the steps of a funnel, told day by day: text only.

Steps are numbered from 0. Whoever has taken some of them goes on with the earliest event of the next step that is later, for no other
choice ends sooner. So of all the events of a day two things are all that any other day needs to know of it:

- "#c0" … : how many first steps were taken on it, by the step that their ways had come to as it ended;
- "#d1" … : the step to which a way comes on it that had yet to take step 1, 2, … as it began; 0 where it comes no further.

A limit of calendar days cuts no day, and hangs on nothing but the day on which a way ends: every limit is told by the same.
"""

from __future__ import annotations

from collections.abc import Sequence

_LATER = "RANGE BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING"
"""Of moments in microseconds: what carries the same time has no order."""


def ways_taken(events: str, steps: int, keys: Sequence[str]) -> str:
    """SELECT of those of these events that are a step, with "#r0", "#r1", …: of an event that is that step, the one that the way from it
    has come to as the day ends. `events`: SELECT of the keys, "#us" and whether it is each step ("#step0", …); `keys` say whose day it is.
    """
    last = steps - 1
    whose = ", ".join(keys)
    any_step = " OR ".join(f'"#step{i}"' for i in range(steps))
    taken = f'SELECT *, CASE WHEN "#step{last}" THEN {last} END AS "#r{last}" FROM ({events}) WHERE {any_step}'
    for i in reversed(range(last)):
        # The earlier a next step, the further it leads: the furthest of all later ones is that of the next.
        further = f'max("#r{i + 1}") OVER (PARTITION BY {whose} ORDER BY "#us" {_LATER})'
        taken = f'SELECT *, CASE WHEN "#step{i}" THEN coalesce({further}, {i}) END AS "#r{i}" FROM ({taken})'
    return taken


def days_ways(steps: int) -> dict[str, str]:
    """What is kept of a day -> how it is made of `ways_taken`."""
    begun = {f"#c{i}": f'CAST(count(*) FILTER ("#r0" = {i}) AS INTEGER)' for i in range(steps)}
    return begun | {f"#d{i}": f'CAST(coalesce(max("#r{i}"), 0) AS INTEGER)' for i in range(1, steps)}
