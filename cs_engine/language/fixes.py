"""Mends what is certain: edits of single lines, applied to a file's text. Everything else of the text stays as it is."""

from __future__ import annotations

from collections.abc import Iterable

from cs_engine.language.problems import Edit


def mended(text: str, edits: Iterable[Edit]) -> str:
    """The text with those edits that still fit it. Of two that overlap the first counts, the other is for the next time."""
    lines = text.split("\n")
    taken: dict[int, list[tuple[int, int]]] = {}
    chosen = []
    for edit in sorted(edits, key=lambda e: (e.place, e.text)):
        number, start = edit.place.line - 1, edit.place.column - 1
        end = start + len(edit.was)
        if not 0 <= number < len(lines) or lines[number][start:end] != edit.was:
            continue
        spans = taken.setdefault(number, [])
        if edit.was != edit.text and all(end <= first or start >= last for first, last in spans):
            spans.append((start, end))
            chosen.append((number, start, end, edit.text))
    for number, start, end, new in sorted(chosen, reverse=True):
        lines[number] = lines[number][:start] + new + lines[number][end:]
    return "\n".join(lines)
