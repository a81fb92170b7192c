"""Nodes of a YAML file made of PyYAML's events, without recursion: depth, tags and aliases are judged before anything grows."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml
from yaml import events

Report = Callable[[int, str, str, str], None]
"""(offset, code, message, mend)"""


@dataclass(slots=True)
class ScalarNode:
    value: str
    style: str | None
    """None for plain, else ' " | >"""
    start: int
    """Offset of the value in the text: of its opening quote, or of the | or >."""
    end: int


@dataclass(slots=True)
class Item:
    """A key with its value, or, without key, an item of a list."""

    value: Node
    key: Node | None = None

    @property
    def key_node(self) -> Node:
        assert self.key is not None
        return self.key


@dataclass(slots=True)
class SequenceNode:
    start: int
    end: int
    flow: bool
    items: list[Item] = field(default_factory=list)


@dataclass(slots=True)
class MappingNode:
    start: int
    end: int
    flow: bool
    items: list[Item] = field(default_factory=list)


Node = ScalarNode | SequenceNode | MappingNode


class SyntaxFault(Exception):
    """The text is no YAML from here on."""

    def __init__(self, at: tuple[int, int], context: tuple[int, int], message: str, code: str | None = None) -> None:
        self.line, self.column = at
        self.context_line, self.context_column = context
        self.message = message
        self.code = code
        """Set when the problem has been reported already."""
        super().__init__(message)


def read_nodes(text: str, max_depth: int, report: Report) -> Node | None:
    """The root of the only document, or None for an empty file. Raises SyntaxFault where nothing more can be read."""
    builder = _NodeBuilder(text, max_depth, report)
    for event in _events(text):
        if not builder.take(event):
            break
    return builder.root


def _events(text: str) -> Iterator[Any]:
    loader = getattr(yaml, "CLoader", yaml.Loader)(text)
    try:
        while loader.check_event():
            yield loader.get_event()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        context = error.context_mark or mark
        if mark is None or context is None:
            raise SyntaxFault((0, 0), (0, 0), "this is no YAML") from error
        raise SyntaxFault((mark.line, mark.column), (context.line, context.column), _message(error)) from error
    except yaml.YAMLError as error:
        raise SyntaxFault((0, 0), (0, 0), "this is no YAML") from error
    finally:
        loader.dispose()


def _message(error: yaml.MarkedYAMLError) -> str:
    said = (error.problem or "this is no YAML").replace("'", "`")
    return f"YAML cannot be read here: {said}" + (f" ({error.context})" if error.context else "")


class _NodeBuilder:
    def __init__(self, text: str, max_depth: int, report: Report) -> None:
        self.text, self.max_depth, self.report = text, max_depth, report
        self.starts = [0, *(m.end() for m in re.finditer("\n", text))]
        self.root: Node | None = None
        self._open: list[SequenceNode | MappingNode] = []
        self._keys: list[Node | None] = []
        self._anchors: dict[str, Node] = {}
        self._documents = 0

    def take(self, event: Any) -> bool:
        """False when the rest is not worth reading."""
        match event:
            case events.DocumentStartEvent():
                self._documents += 1
                if self._documents > 1:
                    self.report(
                        self._offset(event.start_mark),
                        "Y111",
                        "a second document begins here",
                        "one file, one document: delete the `---` or split the file",
                    )
                    return False
            case events.AliasEvent():
                self._alias(event)
            case events.ScalarEvent():
                start = self._value_start(event)
                node = ScalarNode(event.value, None if event.style in (None, "") else event.style, start, self._offset(event.end_mark))
                if node.style is None:
                    node.end = max(start, start + len(self.text[start : node.end].rstrip()))
                self._put(node, event)
            case events.SequenceStartEvent() | events.MappingStartEvent():
                kind = SequenceNode if isinstance(event, events.SequenceStartEvent) else MappingNode
                collection = kind(self._value_start(event), 0, bool(event.flow_style))
                self._put(collection, event)
                self._open.append(collection)
                self._keys.append(None)
                if len(self._open) > self.max_depth:
                    self.report(collection.start, "Y110", f"nested more than {self.max_depth} levels deep", "")
                    raise SyntaxFault((0, 0), (0, 0), "", "Y110")
            case events.SequenceEndEvent() | events.MappingEndEvent():
                self._open.pop().end = self._offset(event.end_mark)
                self._keys.pop()
        return True

    def _put(self, node: Node, event: Any = None) -> None:
        if event is not None:
            if event.tag is not None:
                self.report(
                    self._offset(event.start_mark),
                    "Y108",
                    f"tags are not supported: {event.tag}",
                    "leave it out; text that looks like a number goes in quotes",
                )
            if event.anchor is not None:
                self._anchors[event.anchor] = node
        if not self._open:
            self.root = node
        elif isinstance(self._open[-1], SequenceNode):
            self._open[-1].items.append(Item(node))
        elif (key := self._keys[-1]) is None:
            self._keys[-1] = node
        else:
            self._open[-1].items.append(Item(node, key))
            self._keys[-1] = None

    def _alias(self, event: Any) -> None:
        start, end = self._offset(event.start_mark), self._offset(event.end_mark)
        node = self._anchors.get(event.anchor)
        if node is None:
            self.report(start, "Y109", f"no anchor &{event.anchor} stands before this", "text that begins with * goes in quotes")
        elif any(node is parent for parent in self._open):
            self.report(start, "Y109", f"*{event.anchor} holds itself", "")
            node = None
        self._put(node or ScalarNode("", None, start, end))

    def _offset(self, mark: Any) -> int:
        line, column = int(mark.line), int(mark.column)
        return min(self.starts[min(line, len(self.starts) - 1)] + column, len(self.text))

    def _value_start(self, event: Any) -> int:
        start = self._offset(event.start_mark)
        if event.anchor is None and event.tag is None:
            return start
        found = re.compile(r"(?:[&!]\S*\s*)*").match(self.text, start)
        return found.end() if found else start


_ESCAPE = re.compile(r"\\(?:x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|[^\n])")


def source_offsets(text: str, node: ScalarNode) -> list[int]:
    """For every character of the value its offset in `text`: the value is laid along its source, blanks and escapes passed over."""
    block = node.style in ("|", ">")
    at = text.find("\n", node.start) + 1 if block else node.start + (node.style is not None)
    offsets = []
    for character in node.value:
        if node.style == '"':
            while text.startswith("\\\n", at):
                at += 2 + len(text[at + 2 :]) - len(text[at + 2 :].lstrip(" \t"))
            if escape := _ESCAPE.match(text, at):
                offsets.append(at)
                at = escape.end()
                continue
        if not character.isspace():
            while at < node.end and text[at] in " \t\n" and text[at] != character:
                at += 1
        offsets.append(min(at, max(node.start, node.end - 1)))
        if at < node.end and (not character.isspace() or text[at].isspace()):
            at += 2 if node.style == "'" and text.startswith("''", at) else 1
    return offsets
