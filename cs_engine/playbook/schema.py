"""JSON schemas (draft-07) of the files that authors edit: completion, hover and checks in editors."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from cs_engine.playbook.config import ProjectConfig, Team
from cs_engine.playbook.files import Metrics, Segments
from cs_engine.playbook.model import PlaybookSpec
from cs_engine.playbook.steps import KINDS
from cs_engine.usage.likely import Model
from cs_engine.usage.model import HealthSpec, JourneySpec

_FILES: Mapping[str, tuple[Any, str]] = {
    "playbook": (PlaybookSpec, "A playbook"),
    "project": (ProjectConfig, "project.yaml"),
    "team": (Team, "team.yaml"),
    "segments": (Segments, "segments.yaml: named conditions over accounts"),
    "metrics": (Metrics, "metrics.yaml: what is counted, by the name that conditions use"),
    "journey": (JourneySpec, "journey.yaml"),
    "health": (HealthSpec, "health.yaml"),
    "model": (Model, "models/*.yaml: what `cs-engine predict` has learned"),
}


def schemas() -> dict[str, dict[str, Any]]:
    """A schema for each kind of file, by its name: playbook, project, team, segments, metrics, journey, health, model."""
    return {name: _schema(shape, title) for name, (shape, title) in _FILES.items()}


def write_schemas(folder: Path) -> list[Path]:
    """Writes `<name>.json` for each kind of file; gives the paths. For `# yaml-language-server: $schema=…`."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name, schema in schemas().items():
        path = folder / f"{name}.json"
        path.write_text(json.dumps(schema, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        written.append(path)
    return written


def _schema(shape: Any, title: str) -> dict[str, Any]:
    raw = TypeAdapter(shape).json_schema(by_alias=True, mode="validation")
    definitions = {name: _titled(name, _draft7(part)) for name, part in raw.pop("$defs", {}).items()}
    schema = {"$schema": "http://json-schema.org/draft-07/schema#", **_draft7(raw), "title": title}
    if definitions:
        schema["definitions"] = definitions
    return schema


def _titled(name: str, definition: dict[str, Any]) -> dict[str, Any]:
    """A step's definition under the name that editors show in their list: `email step`."""
    called = next((spec.CALLED for spec in KINDS.values() if spec.__name__ == name), "")
    return {**definition, "title": called.removeprefix("a ").removeprefix("an ")} if called else definition


def _draft7(node: Any) -> Any:
    """pydantic's schema in the words of draft-07, without the titles that it makes of names."""
    if isinstance(node, list):
        return [_draft7(part) for part in node]
    if not isinstance(node, dict):
        return node
    out: dict[str, Any] = {}
    for key, value in node.items():
        match key:
            case "title" if isinstance(value, str):
                continue
            case "properties" | "patternProperties":
                out[key] = {name: _draft7(part) for name, part in value.items()}
            case "$ref":
                out[key] = value.replace("#/$defs/", "#/definitions/")
            case "oneOf":
                # Half a step fits no kind exactly: with anyOf an editor still offers the keys of all.
                out["anyOf"] = [_draft7(part) for part in value]
            case "prefixItems":
                out["items"] = [_draft7(part) for part in value]
            case "default" if value is None or isinstance(value, dict | list):
                continue
            case "default" | "enum" | "const" | "examples":
                out[key] = value
            case "required":
                out[key] = value
            case _:
                out[key] = _draft7(value)
    return _with_stop(_plain_ref(_without_null(out)))


def _without_null(node: dict[str, Any]) -> dict[str, Any]:
    """An optional value is one that may be left out; `null` need not be offered for it."""
    options = node.get("anyOf", [])
    rest = [option for option in options if option != {"type": "null"}]
    if len(rest) == len(options) or len(options) > 3:
        return node
    outer = {key: value for key, value in node.items() if key != "anyOf"}
    return {**rest[0], **outer} if len(rest) == 1 else {**outer, "anyOf": rest}


def _plain_ref(node: dict[str, Any]) -> dict[str, Any]:
    """Draft-07 reads nothing beside `$ref`."""
    if "$ref" in node and len(node) > 1:
        return {"allOf": [{"$ref": node["$ref"]}], **{key: value for key, value in node.items() if key != "$ref"}}
    return node


def _with_stop(node: dict[str, Any]) -> dict[str, Any]:
    """A step may be the bare word `stop`."""
    if {"$ref": "#/definitions/StopSpec"} in node.get("anyOf", ()):
        node["anyOf"] = [*node["anyOf"], {"const": "stop", "description": "Ends the passage, done."}]
    return node
