"""docs/reference.md: every key of every file, from the model. `python -m cs_engine.playbook.reference` writes it."""

from __future__ import annotations

import types
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from cs_engine.playbook import config, entries, steps
from cs_engine.playbook.model import PlaybookSpec
from cs_engine.usage import likely
from cs_engine.usage import model as usage

_HEAD = """# Reference

Every key of every file. This page is made from the code (`python -m cs_engine.playbook.reference`); do not edit it.
Keys in **bold** are required. A *condition* is one SQL boolean expression, written as plain text.
"""

_STEPS = """## Steps

`steps`, `then`, `else` and `otherwise` are lists of steps. A step does one thing: the key in its heading makes it what it is.
`- stop` alone is a step too. Step ids are keys: who is in flight is found by them, so they never change.
"""


def reference() -> str:
    """The whole page, as Markdown."""
    parts = [_HEAD, *_section("A playbook", PlaybookSpec, "##")]
    for kind, entry in entries.ENTRIES.items():
        parts += _section(f"`enter: {{{kind}: …}}`", entry, "###")
    parts.append(_STEPS)
    for kind, spec in steps.KINDS.items():
        parts += _section("`if` with `then`" if kind == "then" else f"`{kind}`", spec, "###")
    parts += ["## project.yaml\n", *_nested("project.yaml", config.ProjectConfig)]
    parts += ["## team.yaml\n", *_nested("team.yaml", config.Team)]
    parts += ["## segments.yaml\n\nA name and its condition over an account, or a mapping:\n", *_nested("a segment", usage.SegmentSpec)]
    parts += [
        "## metrics.yaml\n\nA name and an expression over other metrics and attributes, or a window over events:\n",
        *_nested("a window", usage.WindowMetric),
    ]
    parts += ["## journey.yaml\n", *_nested("journey.yaml", usage.JourneySpec)]
    parts += ["## health.yaml\n", *_nested("health.yaml", usage.HealthSpec)]
    parts += ["## models/*.yaml\n", *_nested("models/*.yaml", likely.Model)]
    if later := _later():
        parts += ["## Part of the language, not built yet\n\n" + ", ".join(f"`{key}`" for key in later) + ".\n"]
    return "\n".join(parts)


def _later() -> list[str]:
    keys = PlaybookSpec.LATER | {f"{key} on a {kind}" for kind, spec in steps.KINDS.items() for key in spec.LATER}
    return sorted(keys | config.ProjectConfig.LATER)


def _section(heading: str, shape: type[BaseModel], level: str) -> list[str]:
    return [f"{level} {heading}\n\n{_promise(shape)}\n", _table(shape)]


def _nested(heading: str, shape: type[BaseModel]) -> Iterator[str]:
    """The tables of a shape and, once each, of the shapes in it."""
    seen: set[type[BaseModel]] = set()
    waiting = [(heading, shape)]
    while waiting:
        name, current = waiting.pop(0)
        if current in seen:
            continue
        seen.add(current)
        promise = _promise(current)
        if name != heading:
            yield f"### `{name}`\n" + (f"\n{promise}\n" if promise else "")
        elif promise and promise.removesuffix(".") != heading:
            yield f"{promise}\n"
        yield _table(current)
        waiting += [(f"{field.alias or key}", inner) for key, field in current.model_fields.items() for inner in _shapes(field.annotation)]


def _promise(shape: type[BaseModel]) -> str:
    own = shape.__dict__.get("__doc__") or ""
    return " ".join(own.split())


def _table(shape: type[BaseModel]) -> str:
    rows = ["| Key | Value | Default | Meaning |", "|---|---|---|---|"]
    fields = sorted(shape.model_fields.items(), key=lambda item: (item[0] != "id", item[0] == "if_" and not item[1].is_required()))
    for name, field in fields:
        key = field.alias or name
        shown = f"**`{key}`**" if field.is_required() else f"`{key}`"
        rows.append(f"| {shown} | {_cell(_value(field))} | {_cell(_default(field))} | {_cell(field.description or '')} |")
    return "\n".join(rows) + "\n"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return ""
    default = field.get_default(call_default_factory=True, validated_data={})
    match default:
        case None | () | "" | {}:
            return ""
        case tuple():
            return f"`[{', '.join(str(value) for value in default)}]`"
        case BaseModel():
            return "see below"
        case bool():
            return f"`{str(default).lower()}`"
        case _:
            return f"`{default}`"


def _value(field: FieldInfo) -> str:
    metadata = " ".join(str(m) for m in field.metadata)
    if "_condition" in metadata:
        return "condition"
    if "_duration" in metadata:
        return "duration"
    if "_localised" in metadata:
        return "text, or by locale"
    if "_nothing" in metadata:
        return "nothing"
    return " or ".join(dict.fromkeys(_words(field.annotation)))


def _words(annotation: Any) -> Iterator[str]:
    origin, args = get_origin(annotation), get_args(annotation)
    if annotation is type(None):
        return
    if origin is Annotated:
        texts = " ".join(str(m) for m in args[1:])
        known = {
            "_enter": "condition, `manual`, or a mapping",
            "_condition": "condition",
            "_duration": "duration",
            "_localised": "text, or by locale",
        }
        word = next((word for mark, word in known.items() if mark in texts), None)
        if word:
            yield word
        elif "Discriminator" in texts:
            yield "steps"
        else:
            yield from _words(args[0])
    elif origin in (Union, types.UnionType):
        for member in args:
            yield from _words(member)
    elif origin is Literal:
        yield " \\| ".join(f"`{str(value).lower() if isinstance(value, bool) else value}`" for value in args).replace("\\|", "|")
    elif origin in (tuple, list):
        inner = " or ".join(dict.fromkeys(w for a in args if a is not Ellipsis for w in _words(a)))
        yield "list of steps" if inner == "steps" else f"list of {inner}"
    elif origin is dict:
        yield f"mapping of names to {' or '.join(dict.fromkeys(_words(args[1])))}"
    elif isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield "mapping"
    else:
        yield {str: "text", int: "whole number", float: "number", bool: "true or false"}.get(annotation, str(annotation))


def _shapes(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in get_args(annotation):
        yield from _shapes(inner)


if __name__ == "__main__":
    Path("docs/reference.md").write_text(reference(), encoding="utf-8")
