"""What `cs-engine new` makes: a playbook out of a recipe, its mails and alerts beside it in each language, and the metrics it counts by.

A recipe is a folder of cs_engine/recipes/: `recipe.yaml` (RecipeSpec), `playbook.yaml`, templates with their language in their names
(`note.en.md`, `note.ja.md`, `call.en.yaml`), and, where it needs them, `metrics.yaml` and `segments.yaml` as a project has them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import Field

from cs_engine.content.source import read, source_digest
from cs_engine.errors import WrongUse
from cs_engine.language import yaml
from cs_engine.language.problems import Problems, did_you_mean
from cs_engine.playbook.checks import ALWAYS_TOPICS
from cs_engine.playbook.project import Project
from cs_engine.playbook.words import ID_PATTERN
from cs_engine.usage.model import LocalisedText, Strict

RECIPES = Path(__file__).parent / "recipes"
FALLBACK = "en"
"""The language that stands in where a recipe is not written in the project's own."""
_DEFINITIONS = ("metrics", "segments")
_TEMPLATE = re.compile(r"(?P<name>[\w-]+)\.(?P<locale>[a-z]{2,3})(?P<end>\.md|\.yaml)\Z")


class RecipeSpec(Strict):
    """recipe.yaml"""

    title: LocalisedText = Field(description="What it is for.")
    about: LocalisedText = Field(description="What it does, in one sentence.")
    needs: dict[str, str] = Field(
        default_factory=dict,
        description="What a project must have and nobody can make up -> what it is: `account.seats`, `source.tickets`, `staff.sales`, …",
    )


@dataclass(frozen=True, slots=True)
class Recipe:
    """One recipe on the shelf."""

    id: str
    spec: RecipeSpec
    folder: Path

    def templates(self) -> Iterator[tuple[Path, str, str, str]]:
        """(file, name, locale, ending) of every mail and alert."""
        for path in sorted(self.folder.iterdir()):
            if (match := _TEMPLATE.match(path.name)) is not None:
                yield path, match["name"], match["locale"], match["end"]

    def locales(self) -> list[str]:
        return sorted({locale for _, _, locale, _ in self.templates()})


@dataclass(frozen=True, slots=True)
class Made:
    """What a recipe has become in a project. Files are relative to it."""

    playbook: str
    files: tuple[str, ...]
    added: Mapping[str, tuple[str, ...]]
    """File -> the names that were added to its end: metrics and segments."""
    missing: Mapping[str, str]
    """What the project lacks -> what to add where. Until then `check` has errors."""
    untranslated: bool
    """Whether English stands in for the project's own language."""


def recipes() -> dict[str, Recipe]:
    """Every recipe by its id."""
    found = (folder for folder in sorted(RECIPES.iterdir()) if (folder / "recipe.yaml").is_file())
    return {f.name: Recipe(f.name, RecipeSpec.model_validate(_data(read(f / "recipe.yaml"))), f) for f in found}


def the_recipe(name: str) -> Recipe:
    """The recipe of that name. Raises WrongUse."""
    known = recipes()
    if name not in known:
        raise WrongUse(f"there is no recipe {name!r}", did_you_mean(name, known) or "cs-engine new --list names them")
    return known[name]


def make(project: Project, recipe: Recipe, name: str | None = None) -> Made:
    """Writes the recipe into playbooks/<name>/ of the project. Raises WrongUse, nothing written, where something of it is there already."""
    playbook = name or recipe.id
    if not re.fullmatch(ID_PATTERN, playbook):
        raise WrongUse(f"{playbook!r} cannot be a playbook's name", "use small letters, digits and hyphens")
    if playbook in project.plans or playbook in project.broken:
        raise WrongUse(f"there is a playbook {playbook!r} already; nothing was written", "choose another name: --name NAME")
    own = _own_locale(project, recipe)
    files = {
        f"playbooks/{playbook}/{playbook}.yaml": _playbook(project, recipe, playbook),
        **_templates(recipe, f"playbooks/{playbook}", own),
    }
    if taken := sorted(file for file in files if (project.root / file).exists()):
        raise WrongUse(f"{taken[0]} is there already; nothing was written", "choose another name: --name NAME")
    additions = {kind: found for kind in _DEFINITIONS if (found := _lacking(project, recipe, kind))}
    for file, text in files.items():
        path = project.root / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    for kind, entries in additions.items():
        _append(project.root / f"playbooks/{kind}.yaml", f"# For {playbook}", entries.values())
    return Made(
        playbook=playbook,
        files=tuple(files),
        added={f"playbooks/{kind}.yaml": tuple(entries) for kind, entries in additions.items()},
        missing={need: _where(project, need, what) for need, what in recipe.spec.needs.items() if not _has(project, need)},
        untranslated=not _is_of(project.config.locale, own),
    )


def _data(text: str) -> dict[str, Any]:
    """What one of our own files says."""
    document = yaml.parse(text, "recipe", Problems())
    assert document is not None
    return document.data


def _own_locale(project: Project, recipe: Recipe) -> str:
    """Which of the recipe's languages becomes the project's own."""
    return next((locale for locale in recipe.locales() if _is_of(project.config.locale, locale)), FALLBACK)


def _is_of(locale: str, language: str) -> bool:
    return locale.replace("_", "-").partition("-")[0].lower() == language


def _playbook(project: Project, recipe: Recipe, playbook: str) -> str:
    """The playbook under its new name, with an owner, a topic and a phase that the project has."""
    text = _keyed(read(recipe.folder / "playbook.yaml"), "playbook", playbook)
    text = _keyed(text, "owner", project.config.sender.fallback)
    data = _data(text)
    if project.config.topics and data.get("topic") not in (*project.config.topics, *ALWAYS_TOPICS):
        text = _keyed(text, "topic", "general")
    if "phase" in data and data["phase"] not in {phase.phase for phase in project.journey.phases}:
        text = re.sub(r"^phase:.*\n", "", text, flags=re.MULTILINE)
    return f"# yaml-language-server: $schema=../../.cs-engine/schemas/playbook.json\n{text}"


def _keyed(text: str, key: str, value: str) -> str:
    """The text with another value at a key of its first level; a comment behind it stays."""
    return re.sub(rf"^{key}:[^#\n]*?(?=\s*(#|$))", f"{key}: {value}", text, count=1, flags=re.MULTILINE)


def _templates(recipe: Recipe, folder: str, own: str) -> dict[str, str]:
    """File -> text. The project's own language has no suffix, and the others say which text they translate."""
    texts = {(name, end, locale): read(path) for path, name, locale, end in recipe.templates()}
    found = {}
    for (name, end, locale), text in texts.items():
        plain = text if end == ".yaml" else re.sub(r"^source:.*\n", "", text, count=1, flags=re.MULTILINE)
        if locale == own:
            found[f"{folder}/{name}{end}"] = plain
            continue
        original = re.sub(r"^source:.*\n", "", texts[name, end, own], count=1, flags=re.MULTILINE)
        said = plain if end == ".yaml" else plain.replace("---\n", f"---\nsource: {source_digest(original)}\n", 1)
        found[f"{folder}/{name}.{locale}{end}"] = said
    return found


def _lacking(project: Project, recipe: Recipe, kind: str) -> dict[str, str]:
    """Name -> lines of the recipe's definitions of that kind that the project has none of. One that it has keeps its meaning."""
    file = recipe.folder / f"{kind}.yaml"
    known = project.metrics if kind == "metrics" else project.segments
    return {name: lines for name, lines in _entries(read(file)) if name not in known} if file.is_file() else {}


def _entries(text: str) -> Iterator[tuple[str, str]]:
    """(key, its lines with the comment above it) of each key of the first level."""
    lines: list[str] = []
    name = ""
    for line in text.splitlines():
        if name and line and not line[0].isspace():
            yield name, "\n".join(lines)
            name, lines = "", []
        lines.append(line)
        if (match := re.match(r"(\w+):", line)) is not None:
            name = match[1]
    if name:
        yield name, "\n".join(lines)


def _append(path: Path, heading: str, entries: Iterable[str]) -> None:
    before = path.read_text(encoding="utf-8") if path.exists() else ""
    gap = "" if not before else "\n" if before.endswith("\n") else "\n\n"
    path.write_text(f"{before}{gap}{heading}\n" + "".join(f"{entry.strip()}\n" for entry in entries), encoding="utf-8")


def _has(project: Project, need: str) -> bool:
    kind, _, name = need.partition(".")
    match kind:
        case "account":
            return name in project.attributes.account
        case "contact":
            return name in project.attributes.contact
        case "source":
            return name in project.attributes.events
        case "staff":
            return any(person.role == name for person in project.team.staff)
        case "milestone":
            return name in project.journey.milestones()
        case _:
            raise ValueError(need)


def _where(project: Project, need: str, what: str) -> str:
    """What to add where."""
    kind, _, name = need.partition(".")
    sources = project.config.sources
    where = {
        "account": f"add a column {name!r} to {sources.accounts.place}",
        "contact": f"add a column {name!r} to {sources.contacts.place}",
        "source": f"add `more: {{{name}: {{file: …}}}}` to `sources` of playbooks/project.yaml",
        "staff": f"give somebody in playbooks/team.yaml `role: {name}`",
        "milestone": f"add a milestone with `id: {name}` to playbooks/journey.yaml",
    }
    return f"{where[kind]}: {what}"
