"""The columns of the facts that say since when a condition has been true without a break, for held(…).

`held_since:account/3f2a…/changes_7d = 0` is of that condition over accounts, with the meaning that its digest names.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import NamedTuple

from cs_engine.language.expression import Grain

HELD_SINCE = "held_since:"


class SpellColumn(NamedTuple):
    grain: Grain
    meaning: str
    said: str
    """The condition in the author's words."""


def spell_column(grain: Grain, meaning: str, said: str) -> str:
    """`meaning`: all that decides when the condition is true."""
    return f"{HELD_SINCE}{grain}/{blake2b(meaning.encode(), digest_size=12).hexdigest()}/{said}"


def spell_in(column: str) -> SpellColumn | None:
    """What a column of that name is about; None when it is none of these."""
    if not column.startswith(HELD_SINCE):
        return None
    grain, meaning, said = column.removeprefix(HELD_SINCE).split("/", 2)
    return SpellColumn(Grain(grain), meaning, said)
