"""YAML as authors mean it: 1.2 core values, the place of everything, every problem of a file at once.

Only true/false, null and numbers are anything but text: `NO`, `on`, `12:30` and `2026-01-31` stay what was written.
Refused: duplicate keys, tags, merge keys, keys that are no text, several documents, and aliases that explode.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cs_engine.language.problems import Edit, Place, Problems
from cs_engine.language.yaml_mends import mend_line, mend_tabs
from cs_engine.language.yaml_nodes import Item, MappingNode, Node, Report, ScalarNode, SequenceNode, SyntaxFault, read_nodes, source_offsets

Key = tuple[str | int, ...]
"""A path from the top: keys of mappings and indexes of lists."""

MAX_BYTES = 1_000_000
MAX_EXPANDED = 10_000
"""Nodes that aliases may add to a file."""
MAX_DEPTH = 40
_MAX_MENDED_LINES = 20
_MAX_DIGITS = 300

_NULL = re.compile(r"~|null|Null|NULL|")
_BOOL = re.compile(r"true|True|TRUE|false|False|FALSE")
_INT = re.compile(r"[-+]?[0-9]+")
_OTHER_INT = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_WIDE_MARKS = "\u3000“”「」『』‘’"
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\x85\u2028\u2029\ud800-\udfff\ufffe\uffff]")


@dataclass(frozen=True, slots=True)
class Document:
    """One file: plain Python `data` (dict, list, str, int, float, bool, None) and where each of it stands."""

    file: str
    text: str
    """As it stands in the file, with \\n line ends."""
    data: dict[str, Any]
    _values: Mapping[Key, Node]
    _keys: Mapping[Key, Node]
    _lines: _Lines
    _offsets: dict[Key, list[int]] = field(default_factory=dict)

    def place(self, path: Key) -> Place:
        """Where the value stands; of a path that is not there, its nearest parent's."""
        while path and path not in self._values:
            path = path[:-1]
        return self._place_of(self._values[path])

    def key_place(self, path: Key) -> Place:
        """Where the key of a value stands. An item of a list has none: its own place."""
        node = self._keys.get(path)
        return self.place(path) if node is None else self._place_of(node)

    def within(self, path: Key, offset: int, length: int = 1) -> Place:
        """The place of `length` characters from `offset` in a text value. Exact on one line, escapes and folds included."""
        node = self._values.get(path)
        if not isinstance(node, ScalarNode) or not node.value:
            return self.place(path)
        offsets = self._offsets.get(path)
        if offsets is None:
            offsets = self._offsets[path] = source_offsets(self._lines.text, node)
        at = offsets[max(0, min(offset, len(offsets) - 1))]
        last = offsets[max(0, min(offset + max(1, length) - 1, len(offsets) - 1))]
        line_end = self._lines.text.find("\n", at)
        length = min(last, (line_end if line_end >= 0 else len(self._lines.text)) - 1) - at + 1
        return self._lines.place(at, length)

    def _place_of(self, node: Node) -> Place:
        while not isinstance(node, ScalarNode):
            if not node.items or node.flow:
                return self._lines.place(node.start)
            node = node.items[0].key or node.items[0].value
        end = self._lines.text.find("\n", node.start, node.end)
        return self._lines.place(node.start, (end if end >= 0 else node.end) - node.start)


class _Lines:
    """Turns an offset in the (mended) text into a place in the file as it is."""

    def __init__(self, file: str, text: str) -> None:
        self.file, self.text = file, text
        self.starts = [0, *(m.end() for m in re.finditer("\n", text))]
        self.inserted: dict[int, int] = {}
        """Line (from 0) -> the column at which a mend has put one character more than the file has."""

    def place(self, offset: int, length: int = 1) -> Place:
        line = bisect_right(self.starts, offset) - 1
        column = offset - self.starts[line]
        if line in self.inserted and column > self.inserted[line]:
            column -= 1
        return Place(self.file, line + 1, column + 1, max(1, length))

    def line(self, number: int) -> str:
        """A line by its number from 0, without its end; '' beyond the last."""
        if not 0 <= number < len(self.starts):
            return ""
        return self.text[self.starts[number] :].split("\n", 1)[0]

    def reporter(self, problems: Problems) -> Report:
        """Adds problems by their offset."""
        return lambda at, code, message, mend: problems.add(self.place(at), code, message, mend)

    def replaced(self, number: int, line: str) -> _Lines:
        """The same with another line in place of one, which may be one character longer."""
        old = self.line(number)
        start = self.starts[number]
        lines = _Lines(self.file, self.text[:start] + line + self.text[start + len(old) :])
        lines.inserted = dict(self.inserted)
        if len(line) > len(old):
            lines.inserted[number] = next((i for i, (a, b) in enumerate(zip(old, line, strict=False)) if a != b and b == " "), len(old))
        return lines


def read(path: Path, file: str, problems: Problems) -> Document | None:
    """Reads and parses a file; `file` is the name that places show. What cannot be read is a problem, never an exception."""
    text = read_text(path, file, problems)
    return None if text is None else parse(text, file, problems)


def read_text(path: Path, file: str, problems: Problems) -> str | None:
    """The text of a UTF-8 file (with or without byte order mark), or None and a problem."""
    try:
        with path.open("rb") as stream:
            raw = stream.read(MAX_BYTES + 1)
    except OSError as error:
        problems.add(Place(file), "Y100", f"cannot be read: {error.strerror or type(error).__name__}")
        return None
    if len(raw) > MAX_BYTES:
        _too_large(file, problems)
        return None
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        column = len(raw[raw.rfind(b"\n", 0, error.start) + 1 : error.start].decode("utf-8", "replace")) + 1
        problems.add(Place(file, line, column), "Y104", f"not UTF-8{_encoding_of(raw)}", "save the file as UTF-8")
        return None


def parse(text: str, file: str, problems: Problems) -> Document | None:
    """The document in `text`, or None when there is no telling what it says. Problems are added either way."""
    text = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    lines = _Lines(file, text)
    if len(text) > MAX_BYTES:
        _too_large(file, problems)
        return None
    if _forbidden(lines, problems):
        return None
    root = None
    for _ in range(_MAX_MENDED_LINES + 1):
        try:
            root = read_nodes(lines.text, MAX_DEPTH, lines.reporter(problems))
            break
        except SyntaxFault as fault:
            mended = _mended(lines, fault, problems)
            if mended is None:
                return None
            lines = mended
    if not isinstance(root, MappingNode):
        _no_mapping(root, lines, problems)
        return None
    builder = _Builder(lines, problems)
    data = builder.value(root, ())
    if builder.exploded or not isinstance(data, dict):
        return None
    return Document(file, text, data, builder.values, builder.keys, lines)


def _mended(lines: _Lines, fault: SyntaxFault, problems: Problems) -> _Lines | None:
    """Reports a syntax error. The text with the guilty line mended, so that the rest is read too, or None."""
    if tabs := mend_tabs(lines.text, fault.line):
        for line, column in tabs:
            problems.add(Place(lines.file, line + 1, column + 1), "Y105", "a tab in the indentation", "indent with spaces")
        return None
    for number in dict.fromkeys((fault.line, fault.context_line, fault.line - 1, fault.context_line - 1)):
        found = mend_line(lines.line(number))
        if found is None:
            continue
        at = lines.starts[number] + found.column
        whole = lines.line(number)
        edit = Edit(lines.place(lines.starts[number], len(whole)), whole, found.edit) if found.edit is not None else None
        problems.add(lines.place(at, found.length), found.code, found.message, found.mend, edit=edit)
        return lines.replaced(number, found.line) if found.line is not None else None
    if fault.code is None:
        line, column = (fault.line, fault.column) if lines.line(fault.line).strip() else (fault.context_line, fault.context_column)
        at = lines.starts[min(line, len(lines.starts) - 1)] + column
        problems.add(lines.place(at), "Y101", fault.message, _indentation_mend(lines, line))
    return None


def _indentation_mend(lines: _Lines, number: int) -> str:
    def indent(line: str) -> int:
        return len(line) - len(line.lstrip(" "))

    line, before = lines.line(number), lines.line(number - 1)
    item = re.match(r"(\s*-\s+)([\w.-]+):(\s|$)", before)
    if number and item is not None and ":" in line and not line.lstrip().startswith("-"):
        return f"begin it in column {len(item[1]) + 1}, below `{item[2]}`"
    if number and ":" in line and re.search(r":\s+\S", before) and indent(line) > indent(before):
        return "begin it in the same column as the line before"
    return ""


def _no_mapping(root: Node | None, lines: _Lines, problems: Problems) -> None:
    found = mend_line(lines.line(0)) if root is not None else None
    if root is None:
        problems.add(Place(lines.file), "Y112", "the file is empty", "write `key: value` lines")
    elif found is not None and found.code == "Y106":
        problems.add(lines.place(found.column, found.length), found.code, found.message, found.mend)
    else:
        what = "a list" if isinstance(root, SequenceNode) else "plain text"
        problems.add(lines.place(root.start), "Y112", f"the file is {what}, not a mapping", "write `key: value` lines")


def _too_large(file: str, problems: Problems) -> None:
    problems.add(Place(file), "Y103", f"larger than {MAX_BYTES:,} bytes", "split the file")


def _forbidden(lines: _Lines, problems: Problems) -> bool:
    found = False
    for match in _FORBIDDEN.finditer(lines.text):
        if found and match[0] == "\x00":
            break
        name = {"\x00": "a NUL character", "\u2028": "an invisible line separator", "\u2029": "an invisible line separator"}
        what = name.get(match[0], f"the invisible character U+{ord(match[0]):04X}")
        problems.add(lines.place(match.start()), "Y104", what, "delete it")
        found = True
    return found


def _encoding_of(raw: bytes) -> str:
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        return ", it looks like UTF-16"
    for codec, name in (("cp932", "Shift_JIS"), ("euc_jp", "EUC-JP")):
        try:
            raw.decode(codec)
        except UnicodeDecodeError:
            continue
        return f", it looks like {name}"
    return ""


def _is_text_in_braces(node: MappingNode) -> bool:
    """`{{ a > 1 }}` and `{ a > 1 }`: YAML reads mappings there, authors meant a condition."""
    for item in node.items:
        if isinstance(item.key, MappingNode):
            return True
        bare = isinstance(item.value, ScalarNode) and item.value.style is None and not item.value.value
        if not bare or not isinstance(item.key, ScalarNode):
            return False
    return any(re.search(r"[\s(<>=]", item.key.value) for item in node.items if isinstance(item.key, ScalarNode))


class _Builder:
    """Makes plain data of nodes, and the index of their places."""

    def __init__(self, lines: _Lines, problems: Problems) -> None:
        self.lines, self.problems = lines, problems
        self.values: dict[Key, Node] = {}
        self.keys: dict[Key, Node] = {}
        self.exploded = False
        self._seen: set[int] = set()
        self._expanded = 0

    def value(self, node: Node, path: Key) -> Any:
        if id(node) in self._seen:
            self._expanded += 1
        self._seen.add(id(node))
        if self._expanded > MAX_EXPANDED or len(path) > MAX_DEPTH:
            if not self.exploded:
                self._add(
                    self.keys.get(path[:1], node),
                    "Y109",
                    f"aliases make more than {MAX_EXPANDED:,} values of this",
                    "write it out, or split the file",
                )
            self.exploded = True
            return None
        self.values[path] = node
        match node:
            case ScalarNode():
                return self._scalar(node)
            case SequenceNode():
                return [self.value(item.value, (*path, index)) for index, item in enumerate(node.items) if not self.exploded]
            case MappingNode():
                return self._mapping(node, path)

    def _mapping(self, node: MappingNode, path: Key) -> dict[str, Any] | str:
        if node.flow and _is_text_in_braces(node):
            self._add(node, "Y107", "text in braces is a mapping in YAML", "leave the braces out, or put the text in quotes")
            # What the braces hold stands where it stands, so that its own mistakes have their places.
            raw = self.lines.text[node.start : node.end]
            inside = raw.strip("{} \n")
            start = node.start + raw.index(inside)
            self.values[path] = ScalarNode(inside, None, start, start + len(inside))
            return inside
        data: dict[str, Any] = {}
        for item in node.items:
            if self.exploded:
                break
            key = self._key(item)
            if key is None:
                continue
            here = (*path, key)
            if key in data:
                first, second = self.lines.place(self.keys[here].start), self.lines.place(item.key_node.start)
                self._add(item.key_node, "Y102", f'"{key}" stands in line {first.line} and again in line {second.line}', "keep one of them")
                continue
            self.keys[here] = item.key_node
            data[key] = self.value(item.value, here)
        return data

    def _key(self, item: Item) -> str | None:
        """The key as text, or None when it was refused."""
        node = item.key_node
        if not isinstance(node, ScalarNode):
            self._add(node, "Y107", "a key must be text")
            return None
        key = node.value
        if node.style is not None:
            return key
        if key == "<<":
            self._add(node, "Y113", "merge keys are not supported", "write the keys out")
            return None
        if not isinstance(self._scalar(node), str):
            self._add(node, "Y107", f"a key must be text, and {key or 'nothing'} is none", f"write '{key}'" if key else "")
        bare = key.strip(_WIDE_MARKS)
        if bare != key:
            self._add(node, "Y106", "a full-width space or quote in a key", f"write {bare}")
            # A full-width indent says nothing about whose key this is.
            return None if key.startswith("\u3000") else bare
        return key

    def _scalar(self, node: ScalarNode) -> str | int | float | bool | None:
        value = node.value
        if node.style is not None:
            return value
        if _NULL.fullmatch(value):
            return None
        if _BOOL.fullmatch(value):
            return value.lower() == "true"
        if value[0] not in "+-.0123456789":
            return value
        return self._number(node, value)

    def _number(self, node: ScalarNode, value: str) -> str | int | float:
        if _OTHER_INT.fullmatch(value) and len(value) <= _MAX_DIGITS:
            return int(value, 0)
        number = _INT.fullmatch(value) or _FLOAT.fullmatch(value)
        if not number:
            return value
        if len(value) > _MAX_DIGITS or abs(float(value)) == float("inf"):
            self._add(node, "Y114", "this number is too large", "put it in quotes when it is text")
            return value
        return int(value) if _INT.fullmatch(value) else float(value)

    def _add(self, node: Node, code: str, message: str, mend: str = "") -> None:
        length = node.end - node.start if isinstance(node, ScalarNode) else 1
        self.problems.add(self.lines.place(node.start, length), code, message, mend)


PlaceOf = Callable[[int, int], Place]
"""(offset, length) in a text -> its place: `Document.within` for one path."""
