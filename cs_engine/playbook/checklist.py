"""What `checklist` of a CTA may say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import blake2b
from typing import Any, NamedTuple

from cs_engine.playbook.words import wrong

MOST = 10
LONGEST = 75
"""What Slack's checkboxes take."""
LISTED = {
    "type": "array",
    "maxItems": MOST,
    "items": {"anyOf": [{"type": "string", "maxLength": LONGEST}, {"type": "object", "additionalProperties": {"type": "string"}}]},
}


class ToDo(NamedTuple):
    """One item."""

    key: str
    """Names it for as long as its text stays."""
    text: Mapping[str, str]
    """Locale -> text."""


def listed(value: Any) -> Any:
    """The list as written, when it can be ticked off."""
    if not isinstance(value, list | tuple):
        raise wrong("P101", "`checklist` is a list", "write `[Look at the tickets, Call the champion]`")
    if not value:
        raise wrong("P105", "`checklist` lists nothing", "write `[Call the champion]`, or leave it out")
    if len(value) > MOST:
        raise wrong("P105", f"{len(value)} items are more than Slack's checkboxes take", f"list {MOST} at most")
    said = [_texts(item) for item in value]
    for texts in said:
        if (long := next((text for text in texts if len(text) > LONGEST), None)) is not None:
            raise wrong("P105", f'"{long[:20]}…" is longer than {LONGEST} characters', "Slack shows no more: shorten it")
    if len({texts[0] for texts in said}) < len(said):
        raise wrong("P105", "an item stands twice in `checklist`", "keep one")
    return value


def _texts(item: Any) -> list[str]:
    texts = list(item.values()) if isinstance(item, Mapping) else [item]
    if not texts or not all(isinstance(text, str) and text.strip() for text in texts):
        raise wrong("P101", "an item of `checklist` is a text", "write `Call the champion`, or {en: …, ja: …}")
    return texts


def to_dos(items: Sequence[Mapping[str, str]]) -> tuple[ToDo, ...]:
    """The items of a plan: each is known by its first text, wherever it stands in the list."""
    return tuple(ToDo(blake2b(next(iter(item.values())).encode(), digest_size=6).hexdigest(), dict(item)) for item in items)
