"""Markdown as our pages write it: fenced blocks, the file that a block is of, tables, headings and links."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = (ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md")))

_FENCE = re.compile(r"(`{3,})(\w*)\s*\Z")
_FILE = re.compile(r"`([^`]+\.\w+)`[^`]*:\s*\Z")


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block."""

    page: str
    line: int
    """Of its first line, in the page."""
    language: str
    text: str
    file: str | None
    """When the line above ends as "`path/of/file.yaml`:", that path."""

    @property
    def where(self) -> str:
        return f"{self.page}:{self.line}"


@dataclass(frozen=True, slots=True)
class Command:
    """One `$ ` line of a console block and what the page shows below it."""

    where: str
    line: str
    shown: tuple[str, ...]


def read(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def blocks(page: Path) -> list[Block]:
    """Every fenced block of a page, in order."""
    found: list[Block] = []
    lines = read(page).split("\n")
    above, number = "", 0
    while number < len(lines):
        fence = _FENCE.match(lines[number])
        if fence is None:
            above = lines[number].strip() or above
            number += 1
            continue
        end = next(n for n in range(number + 1, len(lines)) if lines[n] == fence[1])
        file = _FILE.search(above)
        text = "".join(f"{line}\n" for line in lines[number + 1 : end])
        found.append(Block(page.name, number + 2, fence[2], text, file[1] if file else None))
        above, number = "", end + 1
    return found


def prose(page: Path) -> str:
    """The page without its blocks."""
    return re.sub(r"^(`{3,})\w*\s*\n.*?^\1$", "", read(page), flags=re.DOTALL | re.MULTILINE)


def commands(block: Block) -> list[Command]:
    """The commands of a console block. A `$ ` line that ends in a backslash goes on in the next."""
    found: list[Command] = []
    lines = iter(enumerate(block.text.rstrip("\n").split("\n"), block.line))
    for number, line in lines:
        if line.startswith("$ "):
            words = line[2:]
            while words.endswith("\\"):
                words = words[:-1] + next(lines)[1].strip()
            found.append(Command(f"{block.page}:{number}", words, ()))
        else:
            last = found.pop()
            found.append(Command(last.where, last.line, (*last.shown, line)))
    return found


def table(text: str, heading: str) -> list[list[str]]:
    """The rows of the first table whose first column is headed so, cells without their backticks; [] when there is none."""
    lines = text.split("\n")
    start = next((n for n, line in enumerate(lines) if cells(line)[:1] == [heading]), None)
    if start is None:
        return []
    rows: list[list[str]] = []
    for line in lines[start + 2 :]:
        if not line.startswith("|"):
            break
        rows.append(cells(line))
    return rows


def cells(line: str) -> list[str]:
    if not line.startswith("|"):
        return []
    return [cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", line.strip().strip("|"))]


def words(text: str) -> list[str]:
    """What stands in backticks."""
    return re.findall(r"`([^`]+)`", text)


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    heads = re.findall(r"^#+ +(.+?)\s*$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


def links(page: Path) -> Iterator[str]:
    """Targets of all links and images outside of blocks."""
    for match in re.finditer(r"\]\(([^)\s]+)\)", re.sub(r"`[^`\n]*`", "", prose(page))):
        yield match[1]


def shows(shown: tuple[str, ...], output: str) -> str:
    """'' when the output reads as the page shows it, else the first line that does not.

    White space is not compared. `…` stands for any text in a line, and alone on a line for any lines.
    """
    want = [" ".join(line.split()) for line in shown if line.strip()]
    have = [" ".join(line.split()) for line in output.split("\n") if line.strip()]
    at, loose = 0, not want
    for line in want:
        if line == "…":
            loose = True
            continue
        while loose and at < len(have) and not _alike(line, have[at]):
            at += 1
        if at >= len(have) or not _alike(line, have[at]):
            return line
        at, loose = at + 1, False
    return "" if loose or at >= len(have) else f"(nothing more, but there is) {have[at]}"


def _alike(shown: str, line: str) -> bool:
    return re.fullmatch(".*".join(re.escape(part.strip()) for part in shown.split("…")), line) is not None
