"""The YAML of our pages as one project: the shipped one, with every example added where the page says it belongs."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from textwrap import indent

from tests.docs.markdown import ROOT, Block, blocks

_VARS = "vars: {app: https://app.vendor.example, docs: https://docs.vendor.example, booking: https://meet.vendor.example}\n"
"""What the shipped templates ask of their playbooks."""
_STEPS = "steps:\n  - id: a-step\n    email: onboarding/welcome\n"


@dataclass(frozen=True, slots=True)
class Example:
    """Where an example went."""

    block: Block
    file: str


def examples(root: Path, pages: Iterable[str]) -> list[Example]:
    """Makes the project in `root` and writes every YAML block of the pages into it. Pages are named below the repository's root.

    A block of Markdown under a file's name is that file, one of YAML is added to it; one that begins `playbook:` is a playbook, `- …` are
    steps, and the rest keys of a playbook.
    """
    for part in ("playbooks", "templates", "data"):
        shutil.copytree(ROOT / part, root / part)
    found = []
    for page in pages:
        given = blocks(ROOT / page)
        for template in given:
            if template.language == "markdown" and template.file is not None:
                (root / template.file).write_text(template.text, encoding="utf-8")
        for number, block in enumerate(b for b in given if b.language == "yaml"):
            found.append(_write(root, block, f"example-{Path(page).stem.lower()}-{number}"))
    return found


def _write(root: Path, block: Block, name: str) -> Example:
    if block.file is not None:
        file = root / block.file
        before = file.read_text(encoding="utf-8") if file.is_file() else ""
        file.write_text(f"{before}\n{block.text}", encoding="utf-8")
        return Example(block, block.file)
    file = root / f"playbooks/{name}.yaml"
    if "\nplaybook:" in f"\n{block.text}":
        text = block.text
    elif block.text.startswith("- "):
        text = f"playbook: {name}\n{_VARS}steps:\n{indent(block.text, '  ')}"
    else:
        own = "" if "\nvars:" in block.text else _VARS
        text = f"playbook: {name}\n{block.text}{own}{_STEPS}"
    file.write_text(text, encoding="utf-8")
    return Example(block, f"playbooks/{name}.yaml")
