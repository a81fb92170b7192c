"""The files of a project's folder: each read once, with the problems of those that cannot be."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from cs_engine.errors import NotAProject
from cs_engine.language import yaml
from cs_engine.language.problems import Problems
from cs_engine.language.yaml import Document
from cs_engine.playbook import salvage
from cs_engine.playbook.shape import read
from cs_engine.usage.likely import FOLDER as MODELS

FOLDER = "playbooks"
_NO_PLAYBOOKS = ("tests", MODELS)
"""Folders in it that hold something else."""
SIBLINGS = ("project", "team", "segments", "metrics", "journey", "health")
M = TypeVar("M")


@dataclass(slots=True)
class Folder:
    """Reads files of the project at `root`, and remembers their texts and problems. Raises NotAProject where there is none."""

    root: Path
    problems: Problems = field(default_factory=Problems)
    texts: dict[str, str] = field(default_factory=dict)
    documents: dict[str, Document] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not (self.root / FOLDER / "project.yaml").is_file():
            raise NotAProject(
                f"{self.root} is no cs-engine project: it has no {FOLDER}/project.yaml",
                "go to a project's folder, set CS_ENGINE_PROJECT to one, or make one: cs-engine init DIR",
            )

    def document(self, path: Path) -> Document | None:
        """The file as YAML; None when it cannot be read, with the problem added."""
        file = path.relative_to(self.root).as_posix()
        text = yaml.read_text(path, file, self.problems)
        if text is None:
            return None
        self.texts[file] = text
        found = yaml.parse(text, file, self.problems)
        if found is not None:
            self.documents[file] = found
        return found

    def shaped(self, name: str, model: Callable[..., M]) -> M | None:
        """A file beside project.yaml as its model; None when it is wrong."""
        document = self.document(self.root / FOLDER / f"{name}.yaml")
        found = None if document is None else read(document, model, self.problems, f"{name}.yaml")
        return None if self.faulty(f"{FOLDER}/{name}.yaml") else found

    def sound(self, name: str, model: Callable[..., M], default: M, kind: salvage.Kind) -> tuple[M | None, list[str]]:
        """The same, read as far as its definitions have the right shape; and the catalogue's names of those that have not. `default` where
        there is no such file.
        """
        if not (self.root / FOLDER / f"{name}.yaml").exists():
            return default, []
        document = self.document(self.root / FOLDER / f"{name}.yaml")
        if document is None or self.faulty(f"{FOLDER}/{name}.yaml"):
            return None, []
        return salvage.read_sound(document, model, kind, self.problems, f"{name}.yaml")

    def faulty(self, file: str) -> bool:
        return any(problem.place.file == file for problem in self.problems.errors())

    def playbooks(self) -> Iterator[Path]:
        """Every YAML file below playbooks/ that may be a playbook, in order."""
        folder = self.root / FOLDER
        siblings = {folder / f"{name}.yaml" for name in SIBLINGS}
        for path in sorted([*folder.rglob("*.yaml"), *folder.rglob("*.yml")]):
            parts = path.relative_to(folder).parts
            if path not in siblings and parts[0] not in _NO_PLAYBOOKS and not any(part.startswith(".") for part in parts):
                yield path
