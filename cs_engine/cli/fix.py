"""`cs-engine check --fix`: mends what is certain, shows what it did, and takes back what made anything worse."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from difflib import unified_diff
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cs_engine.errors import ProblemsFound
from cs_engine.language.fixes import mended

if TYPE_CHECKING:
    from cs_engine.language.problems import Edit, Problem

_MOST_ROUNDS = 10
"""A mend can show the next mistake of its line."""


def fix_all(root: Path) -> None:
    """Mends the files of the project in place, and prints the difference."""
    before: dict[Path, str] = {}
    for _ in range(_MOST_ROUNDS):
        problems = _problems()
        edits = [problem.edit for problem in problems if problem.edit is not None]
        if not _mend(root, edits, _count(problems), before):
            break
    for path, text in sorted(before.items()):
        file = path.relative_to(root).as_posix()
        for line in unified_diff(text.splitlines(), _read(path).splitlines(), file, file, lineterm="", n=1):
            click.echo(line)
    click.echo(f"Mended {len(before)} file(s).\n" if before else "Nothing that can be mended without you.\n")


def _mend(root: Path, edits: Sequence[Edit], known: Counter[tuple[str, str]], before: dict[Path, str]) -> bool:
    """Applies them: together, and where that makes anything worse one by one. Whether anything was."""
    if not edits:
        return False
    if _try(root, edits, known, before):
        return True
    kept = [edit for edit in edits if len(edits) > 1 and _try(root, [edit], _count(_problems()), before)]
    return bool(kept)


def _try(root: Path, edits: Sequence[Edit], known: Counter[tuple[str, str]], before: dict[Path, str]) -> bool:
    """Writes the edits, and takes them back when a kind of problem comes up in a file that was not there. Whether anything changed."""
    written = {}
    for file in sorted({edit.place.file for edit in edits}):
        path = root / file
        old = _read(path)
        new = mended(old.replace("\r\n", "\n"), [edit for edit in edits if edit.place.file == file])
        new = new.replace("\n", "\r\n") if "\r\n" in old else new
        if new != old:
            written[path] = old
            _write(path, new)
    if not written:
        return False
    now = _count(_problems())
    if sum(now.values()) > sum(known.values()) or any(code.startswith("Y") and n > known[file, code] for (file, code), n in now.items()):
        for path, old in written.items():
            _write(path, old)
        return False
    for path, old in written.items():
        before.setdefault(path, old)
    return True


def _problems() -> list[Problem]:
    from cs_engine.wiring import check_project

    try:
        return check_project()[1]
    except ProblemsFound as found:
        return list(found.problems)


def _count(problems: Sequence[Problem]) -> Counter[tuple[str, str]]:
    """Errors by file and code."""
    return Counter((problem.place.file, problem.code) for problem in problems if problem.level.value == "error")


def _read(path: Path) -> str:
    with path.open(encoding="utf-8", newline="") as file:
        return file.read()


def _write(path: Path, text: str) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write(text)
