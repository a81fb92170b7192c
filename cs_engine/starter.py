"""Where the project lies that `cs-engine init` copies: in the wheel, or this repository itself."""

from __future__ import annotations

from pathlib import Path

_PARTS = ("playbooks", "templates", "flows", "data/contributions")


def starter() -> dict[str, Path]:
    """Path in the new project -> folder to copy it from."""
    here = Path(__file__).parent
    packed = here / "starter"
    root = packed if packed.is_dir() else here.parent
    return {part: root / part for part in _PARTS}
