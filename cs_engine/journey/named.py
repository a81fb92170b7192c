"""Where a text of somebody else names a person who is to be erased: what stands there instead. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable

INSTEAD = "(erased)"

_SPACED = 0x2E80
"""Code points from here on are of scripts that put no blanks between words."""
_BETWEEN = r"[\s,・]*"


def unnamed(text: str, names: Iterable[str], addresses: Iterable[str]) -> str:
    """The text with `(erased)` for each address and name in it.

    Addresses, and names of several parts in any order of them, whatever their case; one part alone as it is written, and only if it has
    two letters at least: who is called Will is taken out of a text, what will be stays. Names of a part within longer words stay, but for
    scripts without blanks between words.
    """
    for address in filter(None, addresses):
        text = re.sub(rf"(?<![\w.+-]){re.escape(address)}(?![\w-])", INSTEAD, text, flags=re.IGNORECASE)
    for name in names:
        parts = sorted({part.strip(",.") for part in re.split(r"[\s・]+", name)} - {""}, key=len, reverse=True)
        if len(parts) > 1:
            several = f"(?:{'|'.join(map(_part, parts))})"
            text = re.sub(rf"{several}(?:{_BETWEEN}{several})+", INSTEAD, text, flags=re.IGNORECASE)
        if alone := [part for part in parts if len(part) > 1]:
            text = re.sub("|".join(map(_part, alone)), INSTEAD, text)
    return text


def _part(part: str) -> str:
    before = r"(?<!\w)" if ord(part[0]) < _SPACED else ""
    after = r"(?!\w)" if ord(part[-1]) < _SPACED else ""
    return f"{before}{re.escape(part)}{after}"
