"""Block Kit with Jinja in its texts, rendered within Slack's limits."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from jinja2 import Template

from cs_engine.content.render import rendered

MOST_BLOCKS = 50
MOST_CHARACTERS = 13_000
"""All texts of a message together."""
MOST_TEXT = 3_000
MOST_OF = {
    ("header", "text"): 150,
    ("section", "text"): 3_000,
    ("section", "fields"): 2_000,
    ("button", "text"): 75,
    ("button", "value"): 2_000,
    ("button", "url"): 3_000,
    ("image", "alt_text"): 2_000,
    ("image", "image_url"): 3_000,
    ("option", "text"): 75,
    ("option", "value"): 150,
}
MOST_IDENTIFIER = 255
MOST_ITEMS = {("actions", "elements"): 25, ("context", "elements"): 10, ("section", "fields"): 10}

_HALF = re.compile(r"(?:&[a-z]{0,3}|<[^<>]*)\Z")
"""The beginning of an entity or a link that a cut has left open."""


@dataclass(frozen=True, slots=True)
class Leaf:
    """A text with Jinja in it, and the characters Slack takes there."""

    template: Template
    most: int
    one_line: bool


Shape = Mapping[str, "Shape"] | list["Shape"] | Leaf | str | int | float | bool | None


def shortened(text: str, most: int) -> str:
    """At most so many characters, ending in … when cut, and never inside a link or an entity."""
    return text if len(text) <= most else _HALF.sub("", text[: most - 1]) + "…"


@dataclass(slots=True)
class _Run:
    context: dict[str, Any]
    texts: list[dict[str, Any]] = field(default_factory=list)
    """Text objects, to be shortened when all together are too long."""

    def built(self, shape: Shape) -> Any:
        match shape:
            case Leaf():
                text = rendered(shape.template, self.context).strip()
                return shortened(" ".join(text.split()) if shape.one_line else text, shape.most)
            case list():
                return [self.built(item) for item in shape]
            case Mapping():
                made = {key: self.built(value) for key, value in shape.items()}
                if made.get("type") in {"mrkdwn", "plain_text"}:
                    self.texts.append(made)
                return made
            case _:
                return shape


@dataclass(frozen=True, slots=True)
class Blocks:
    shapes: list[Shape]

    def render(self, context: dict[str, Any]) -> list[dict[str, Any]]:
        """The blocks. What its values make too long is cut with …; a text that comes out empty leaves its block out."""
        run = _Run(context)
        made = [block for block in (_without_blanks(run.built(shape)) for shape in self.shapes) if block is not None]
        total = sum(len(text["text"]) for text in run.texts)
        for text in sorted(run.texts, key=lambda t: -len(t["text"])):
            if total <= MOST_CHARACTERS:
                break
            before = len(text["text"])
            text["text"] = shortened(text["text"], max(75, before - (total - MOST_CHARACTERS)))
            total -= before - len(text["text"])
        return made


def _blank(thing: Any) -> bool:
    return isinstance(thing, dict) and thing.get("type") in {"mrkdwn", "plain_text"} and not thing.get("text")


def _without_blanks(block: dict[str, Any]) -> dict[str, Any] | None:
    """The block without empty texts, which Slack refuses; None when nothing of it is left."""
    for key in ("elements", "fields"):
        if key in block:
            block[key] = [item for item in block[key] if not _blank(item) and not _blank(item.get("text"))]
            if not block[key]:
                del block[key]
    if _blank(block.get("text")):
        del block["text"]
    if block["type"] in {"header", "section"}:
        return block if "text" in block or "fields" in block else None
    return block if block["type"] not in {"actions", "context"} or "elements" in block else None
