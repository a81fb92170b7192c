"""A Slack template compiled: YAML first, then each text a template; static breaches of Block Kit are refused."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from jinja2 import Template

from cs_engine.content import as_html, links, sandbox
from cs_engine.content.blocks import (
    MOST_BLOCKS,
    MOST_CHARACTERS,
    MOST_IDENTIFIER,
    MOST_ITEMS,
    MOST_OF,
    MOST_TEXT,
    Blocks,
    Leaf,
    Shape,
    shortened,
)
from cs_engine.content.faults import Faults
from cs_engine.content.guard import Guard, pieces
from cs_engine.content.honorific import honorific
from cs_engine.content.render import failure, rendered
from cs_engine.content.source import Span
from cs_engine.content.spans import reads_of
from cs_engine.content.variables import NOTHING, Reads, places
from cs_engine.language import yaml
from cs_engine.language.problems import Place, Problems, did_you_mean
from cs_engine.language.yaml import Document, Key

KEYS = ("text", "blocks")
BLOCKS = frozenset({"actions", "context", "divider", "header", "image", "section"})
ELEMENTS = frozenset({"button", "image", "mrkdwn", "plain_text"})
REQUIRED = {
    "header": ("text",),
    "image": ("image_url", "alt_text"),
    "actions": ("elements",),
    "context": ("elements",),
    "button": ("text",),
}
PLAIN = frozenset({"header", "button"})
"""Types whose `text` is plain_text."""
VERBATIM = frozenset({"url", "image_url", "value", "action_id", "block_id"})
"""What no person reads: not escaped."""
URLS = frozenset({"url", "image_url"})
LOGIC = frozenset({"type", "emoji", "verbatim", "style"})


@dataclass(frozen=True, slots=True)
class SlackTemplate:
    """One Slack message in one locale."""

    name: str
    locale: str
    needs: frozenset[str]
    wants: frozenset[str]
    text: Template
    blocks: Blocks

    def render(self, context: Mapping[str, Any]) -> tuple[str, list[dict[str, Any]]]:
        """The notification's text and the Block Kit blocks, within Slack's limits. Raises RenderFailed."""
        values = {"locale": self.locale, **context}
        try:
            return shortened(rendered(self.text, values).strip(), MOST_TEXT), self.blocks.render(values)
        except Exception as error:  # noqa: BLE001 - as above
            raise failure(error, self.name, self.needs) from None


def compiled(name: str, locale: str, file: str, text: str, problems: Problems) -> SlackTemplate | None:
    """The template, or None when there are errors, which go to `problems` (T330–T333 and those of Jinja)."""
    document = yaml.parse(text, file, problems)
    if document is None:
        return None
    compiler = _Compiler(document, locale, problems)
    shapes = compiler.blocks()
    title = compiler.title()
    if problems.errors() or title is None:
        return None
    return SlackTemplate(name, locale, compiler.reads.needs - {"locale"}, compiler.reads.wants, title.template, Blocks(shapes))


class _Compiler:
    def __init__(self, document: Document, locale: str, problems: Problems) -> None:
        self.document, self.locale, self.problems = document, locale, problems
        self.reads: Reads = NOTHING
        self.total = 0

    def title(self) -> Leaf | None:
        """`text`: what a notification shows."""
        data, document = self.document.data, self.document
        for key in data:
            if key not in KEYS:
                mend = did_you_mean(key, KEYS) or "there are text and blocks"
                self.problems.add(document.key_place((key,)), "T330", f'unknown key "{key}" in a Slack template', mend)
        text = data.get("text")
        if not isinstance(text, str) or not text.strip():
            place = document.place(("text",)) if "text" in data else Place(document.file)
            self.problems.add(place, "T333", "the message has no text", "write `text:`, which notifications show")
            return None
        leaf: Leaf | None = self._leaf(text, ("text",), MOST_TEXT, one_line=True, always=True)
        return leaf

    def blocks(self) -> list[Shape]:
        data = self.document.data.get("blocks", [])
        if not isinstance(data, list):
            self.problems.add(self.document.place(("blocks",)), "T330", "`blocks` is a list", "begin each block with `- type: …`")
            return []
        if len(data) > MOST_BLOCKS:
            self._limit(("blocks",), f"{len(data)} blocks; Slack takes {MOST_BLOCKS}")
        shapes = [self._typed(block, ("blocks", number), BLOCKS, "block") for number, block in enumerate(data)]
        if self.total > MOST_CHARACTERS:
            self._limit(("blocks",), f"{self.total} characters in all; Slack takes {MOST_CHARACTERS}")
        return shapes

    def _typed(self, data: Any, path: Key, known: frozenset[str], what: str) -> Shape:
        """A block or an element: a mapping with a `type`."""
        place = self.document.place(path)
        if not isinstance(data, dict):
            self.problems.add(place, "T330", f"a {what} is a mapping", "write `type: …` in it")
            return None
        kind = data.get("type")
        if kind not in known:
            mend = did_you_mean(str(kind), known) if kind else ""
            said = f'"{kind}" is no {what}' if kind else f"the {what} has no type"
            self.problems.add(self.document.place((*path, "type")), "T332", said, mend or f"known are {', '.join(sorted(known))}")
            return None
        for key in REQUIRED.get(kind, ()):
            if key not in data:
                self.problems.add(place, "T333", f"the {kind} has no {key}")
        if kind == "section" and not data.keys() & {"text", "fields"}:
            self.problems.add(place, "T333", "the section has neither text nor fields")
        return {key: self._value(value, (*path, key), kind, key) for key, value in data.items()}

    def _value(self, value: Any, path: Key, kind: str, key: str) -> Shape:
        if isinstance(value, list):
            most = MOST_ITEMS.get((kind, key))
            if most is not None and len(value) > most:
                self._limit(path, f"{len(value)} {key} in a {kind}; Slack takes {most}")
            if key in {"elements", "fields"}:
                return [self._item(item, (*path, number), kind, key) for number, item in enumerate(value)]
            return [self._value(item, (*path, number), kind, key) for number, item in enumerate(value)]
        if isinstance(value, dict):
            if key in {"text", "title"}:
                return self._text_object(value, path, kind, key)
            inner = str(value.get("type", key))
            return {name: self._value(item, (*path, name), inner, name) for name, item in value.items()}
        if not isinstance(value, str) or key in LOGIC:
            scalar: Shape = value
            return scalar
        if key == "text" and kind not in {"mrkdwn", "plain_text"}:
            mend = f'write `text: {{type: {"plain_text" if kind in PLAIN else "mrkdwn"}, text: "…"}}`'
            self.problems.add(self.document.place(path), "T333", f"the text of a {kind} is a mapping", mend)
            return None
        most = MOST_IDENTIFIER if key in {"action_id", "block_id"} else MOST_OF.get((kind, key), MOST_TEXT)
        leaf: Shape = self._leaf(value, path, most, one_line=key in VERBATIM)
        return leaf

    def _item(self, item: Any, path: Key, kind: str, key: str) -> Shape:
        if isinstance(item, dict) and item.get("type") in {"mrkdwn", "plain_text"}:
            return self._text_object(item, path, kind, key)
        return self._typed(item, path, ELEMENTS - {"button"} if kind == "context" else ELEMENTS, "element")

    def _text_object(self, data: dict[str, Any], path: Key, kind: str, key: str) -> Shape:
        wanted = {"plain_text"} if kind in PLAIN else {"mrkdwn", "plain_text"}
        found = data.get("type")
        if found not in wanted:
            place = self.document.place((*path, "type"))
            self.problems.add(place, "T332", f'the text of a {kind} is no "{found}"', f"write `type: {min(wanted)}`")
        text = data.get("text")
        if not isinstance(text, str) or not text.strip():
            self.problems.add(self.document.place(path), "T333", "the text is missing", 'write `text: "…"`')
            return None
        leaf = self._leaf(text, (*path, "text"), MOST_OF.get((kind, key), MOST_TEXT), one_line=kind in PLAIN, counted=True)
        return {**data, "text": leaf}

    # --- texts ---------------------------------------------------------------------------------------------------------

    def _leaf(self, text: str, path: Key, most: int, *, one_line: bool, always: bool = False, counted: bool = False) -> Any:
        """The compiled text; the text itself when there is no Jinja in it."""
        key = path[-1]
        inside = Problems()
        reads = reads_of(Span(text, self.document.file), inside)
        self._placed(inside, path)
        if inside.errors():
            return None
        self.reads = self.reads.joined(reads)
        written = [piece for piece in pieces(text) if piece.kind == "text"]
        static = sum(len(piece.text) for piece in written)
        self.total += static if counted else 0
        if static > most and not (any(p.kind == "statement" for p in pieces(text))):
            self._limit(path, f"{static} characters; Slack takes {most} here")
        if not always and len(written) <= 1 and static == len(text):
            if key in URLS and not links.is_allowed(text):
                self.problems.add(self.document.place(path), "T317", f'"{text}" cannot be a link', "write https://…")
            return text
        guard = Guard.for_texts(text)
        faults = Faults(Span(text, self.document.file), inside)
        hidden = guard.protect(text) if key in VERBATIM else guard.protect(text, honorific(self.locale))
        if key in URLS:
            hidden = as_html.url(hidden, guard, faults)
        else:
            hidden = re.sub(
                rf"<([^<>|]*{guard.word}[^<>|]*)(?=[|>])", lambda match: "<" + as_html.url(match.group(1), guard, faults), hidden
            )
        self._placed(inside, path)
        if inside.errors():
            return None
        box = sandbox.text_sandbox(self.locale) if key in VERBATIM else sandbox.slack_sandbox(self.locale)
        return Leaf(sandbox.compiled(box, guard.restore(hidden), self.locale), most, one_line)

    def _placed(self, inside: Problems, path: Key) -> None:
        """Problems within a text, moved to where it stands in the file."""
        for problem in inside:
            self.problems.add(self._within(problem.place, path), problem.code, problem.message, problem.mend, problem.level)

    def _within(self, place: Place, path: Key) -> Place:
        text = self._text_at(path)
        lines = text.split("\n")
        offset = sum(len(line) + 1 for line in lines[: place.line - 1]) + place.column - 1
        return self.document.within(path, offset, place.length)

    def _text_at(self, path: Key) -> str:
        found: Any = self.document.data
        for key in path:
            found = found[key]
        assert isinstance(found, str)
        return found

    def _limit(self, path: Key, message: str) -> None:
        self.problems.add(self.document.place(path), "T331", message)


def named(data: Mapping[str, Any], document: Document) -> list[tuple[str, Place]]:
    """Every dotted name that the texts of a Slack template read, and where it stands; none in texts that are no Jinja.

    The template may be wrong in any other way.
    """
    found: list[tuple[str, Place]] = []

    def walk(value: Any, path: Key) -> None:
        if isinstance(value, str):
            span = Span(value, document.file)
            needs = reads_of(span, Problems()).needs
            for name, place in places(span) if needs else ():
                if name not in needs:
                    continue
                offset = sum(len(line) + 1 for line in value.split("\n")[: place.line - 1]) + place.column - 1
                found.append((name, document.within(path, offset, place.length)))
        elif isinstance(value, dict):
            for key, item in value.items():
                walk(item, (*path, key))
        elif isinstance(value, list):
            for number, item in enumerate(value):
                walk(item, (*path, number))

    walk(data, ())
    return found
