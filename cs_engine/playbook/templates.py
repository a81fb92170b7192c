"""Which template files a project has."""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from cs_engine.language.problems import did_you_mean

Kind = Literal["email", "slack"]
_ENDS: dict[Kind, str] = {"email": ".md", "slack": ".yaml"}
_LOCALE = re.compile(r"\.[a-z]{2,3}([-_][A-Za-z0-9]+)*\Z")


@dataclass(frozen=True, slots=True)
class Templates:
    """Names below templates/, without locale and ending; and those that lie beside a playbook, as paths of the project."""

    email: frozenset[str]
    slack: frozenset[str]
    beside: dict[Kind, frozenset[str]]

    @classmethod
    def of(cls, root: Path) -> Templates:
        """The templates of the project at `root`."""
        return cls(
            email=_names(root / "templates" / "email", "email"),
            slack=_names(root / "templates" / "slack", "slack"),
            beside={"email": _names(root / "playbooks", "email"), "slack": _names(root / "playbooks", "slack")},
        )

    def find(self, kind: Kind, name: str, playbook_file: str) -> str | None:
        """None when the template is there; else what the author may have meant, or where it should lie."""
        end = _ENDS[kind]
        if name.startswith("./"):
            wanted = resolved(name, playbook_file)
            if not wanted.startswith("./playbooks/"):
                return "what lies beside a playbook lies below playbooks/"
            inside = wanted.removeprefix("./playbooks/")
            if inside in self.beside[kind]:
                return None
            folder = posixpath.dirname(inside)
            near = [name for name in self.beside[kind] if posixpath.dirname(name) == folder]
            return did_you_mean(name, [f"./{posixpath.basename(n)}" for n in near]) or f"write it to {wanted.removeprefix('./')}{end}"
        known = self.email if kind == "email" else self.slack
        if name in known:
            return None
        if name.endswith((end, ".md", ".yaml")) and name.rsplit(".", 1)[0] in known:
            return f"leave the ending out: {name.rsplit('.', 1)[0]}"
        # People often leave the folder out, or misspell the last part only.
        same = [k for k in known if k.rsplit("/", 1)[-1] == name.rsplit("/", 1)[-1]]
        return did_you_mean(name, known) or (f'did you mean "{min(same)}"?' if same else f"write it to templates/{kind}/{name}{end}")


def resolved(name: str, playbook_file: str) -> str:
    """A template's name as a plan has it: `./welcome` becomes a path of the project, `./playbooks/onboarding/welcome`."""
    if not name.startswith("./"):
        return name
    return "./" + posixpath.normpath(posixpath.join(posixpath.dirname(playbook_file), name))


def _names(folder: Path, kind: Kind) -> frozenset[str]:
    end = _ENDS[kind]
    found = (path.relative_to(folder).as_posix().removesuffix(end) for path in folder.rglob(f"*{end}"))
    return frozenset(_LOCALE.sub("", name) for name in found)
