"""Text in conditions beside what the last sync has seen: a plan that nobody has, or an event that never was, is a typing error most times.

Only doubted, never refused: the first customer of a new plan may come tomorrow. Where nothing has been seen, nothing is said.
"""

from __future__ import annotations

from collections.abc import Sequence

from cs_engine.language.problems import Problems, did_you_mean
from cs_engine.language.scope import PlaceOf, Reporter

EVENT_NAME = "event"
"""The column of events that has their names."""
_LISTED = 12
"""More than these are not listed in a mend."""

Said = tuple[str, int, int]
"""Text, and from where to where it stands."""


def doubt(name: str, said: Sequence[Said], seen: Sequence[str], report: Reporter, *, wanted: bool) -> None:
    """X222 of events and X223 of other columns: text beside `name` that is none of `seen`.

    What is near to nothing is let be where it does no harm: beside `<>`, and in a list of which another word has been seen.
    """
    texts = [text for text, _, _ in said]
    strange = [one for one in said if seen and one[0] not in seen]
    harmful = wanted and len(strange) == len(said)
    for text, start, end in strange:
        near = did_you_mean(text, [value for value in seen if value not in texts])
        if near or harmful:
            report.doubt(start, end, _code(name), _message(name, text), near or _which(seen))


def doubt_event(event: str, seen: Sequence[str], place_of: PlaceOf, problems: Problems) -> None:
    """The same of an event that is named by itself."""
    doubt(EVENT_NAME, [(event, 0, len(event))], seen, Reporter(event, place_of, problems), wanted=True)


def _code(name: str) -> str:
    return "X222" if name == EVENT_NAME else "X223"


def _message(name: str, text: str) -> str:
    return f"no event '{text}' has ever been seen" if name == EVENT_NAME else f"no {name} is '{text}'"


def _which(seen: Sequence[str]) -> str:
    listed = sorted(seen)[:_LISTED]
    return f"there are {', '.join(listed)}{', …' if len(seen) > _LISTED else ''}, as of the last sync"
