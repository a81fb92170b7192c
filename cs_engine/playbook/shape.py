"""Checks the shape of a file against its model, and says what is wrong in the author's words, at the author's place."""

from __future__ import annotations

import re
import types
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from typing import Annotated, Any, NamedTuple, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from cs_engine.language.problems import Edit, Problems, did_you_mean, only_candidate
from cs_engine.language.yaml import Document
from cs_engine.playbook.config import ProjectConfig
from cs_engine.playbook.entries import ENTRIES
from cs_engine.playbook.steps import KINDS
from cs_engine.playbook.words import SHARE_PATTERN, Keyed, tag

M = TypeVar("M")
Path = tuple[str | int, ...]

_TAGS: Mapping[str, type[BaseModel]] = {tag(kind): spec for kind, spec in {**KINDS, **ENTRIES}.items()}
_TYPES = {
    "string_type": "text",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "dict_type": "a mapping of keys to values",
    "model_type": "a mapping of keys to values",
    "model_attributes_type": "a mapping of keys to values",
    "tuple_type": "a list",
    "list_type": "a list",
}
_BOUNDS = {
    "greater_than": ("gt", "above"),
    "greater_than_equal": ("ge", "at least"),
    "less_than": ("lt", "below"),
    "less_than_equal": ("le", "at most"),
}


def read(document: Document, model: Callable[..., M], problems: Problems, called: str) -> M | None:
    """The file's data as `model`; None when its shape is wrong, with every problem of the file added. `called`: "project.yaml"."""
    return read_or_faults(document, model, problems, called)[0]


def read_or_faults(document: Document, model: Callable[..., M], problems: Problems, called: str) -> tuple[M | None, list[Path]]:
    """The same, and where in the data the faults are."""
    try:
        checked: M = _adapter(model).validate_python(document.data)
    except ValidationError as invalid:
        faults = list(_faults(invalid.errors(include_url=False), document.data, model))
        for fault in faults:
            _say(fault, document, problems, called)
        return None, [fault.path for fault in faults]
    return checked, []


@cache
def _adapter(model: Any) -> TypeAdapter[Any]:
    return TypeAdapter(model)


class _Fault(NamedTuple):
    """One of pydantic's errors, led back to the file."""

    kind: str
    path: Path
    """In the data; its last part is the key that is unknown or missing, or whose value is wrong."""
    model: type[BaseModel] | None
    """The model of the mapping that has, or lacks, that key; None where there is none, or several could be meant."""
    value: Any
    context: Mapping[str, Any]


def _faults(errors: Sequence[ErrorDetails], data: Any, model: Any) -> Iterator[_Fault]:
    faults = [_locate(error, data, model) for error in errors]
    misspelt = {(f.path[:-1], _meant(f).key) for f in faults if f.kind == "extra_forbidden"}
    for error, fault in zip(errors, faults, strict=True):
        # A misspelt key is one mistake, not two.
        if fault.kind == "missing" and (fault.path[:-1], fault.path[-1]) in misspelt:
            continue
        # pydantic counts sound items only: a list of wrong ones is not empty.
        if fault.kind == "too_short" and fault.value:
            continue
        if not _other_branch(error, fault, errors):
            yield fault


def _other_branch(error: ErrorDetails, fault: _Fault, errors: Sequence[ErrorDetails]) -> bool:
    """Whether this speaks of the alternative that was not meant: pydantic reports all branches of a union."""
    *before, branch = error["loc"] or ("",)
    rivals = [e for e in errors if e["loc"][: len(before)] == tuple(before) and e["loc"][len(before) : len(before) + 1] != (branch,)]
    if fault.kind == "string_type" and branch == "str":
        return isinstance(fault.value, Mapping) and bool(rivals)
    return fault.kind == "model_type" and any(e["loc"] == (*before, "str") for e in rivals)


def _locate(error: ErrorDetails, data: Any, model: Any) -> _Fault:
    """Walks the location through data and model side by side; parts that name a branch of a union are in the model only."""
    path: list[str | int] = []
    node, candidates = data, list(_alternatives(model))
    around: type[BaseModel] | None = None
    for part in error["loc"]:
        around = _only_model(candidates)
        branch = _branch(candidates, part)
        if branch is not None:
            candidates = [branch]
        elif _has(node, part):
            candidates, node = list(_descend(candidates, part)), node[part]
            path.append(part)
        elif error["type"] == "missing":
            path.append(part)
    return _Fault(error["type"], tuple(path), around, node, error.get("ctx", {}))


def _has(node: Any, part: str | int) -> bool:
    if isinstance(node, Mapping):
        return part in node
    return isinstance(node, Sequence) and not isinstance(node, str) and isinstance(part, int) and part < len(node)


def _only_model(candidates: Sequence[Any]) -> type[BaseModel] | None:
    models = [candidate for candidate in candidates if _is_model(candidate)]
    return models[0] if len(models) == 1 else None


def _is_model(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def _alternatives(annotation: Any) -> Iterator[Any]:
    """The members of a union, without Annotated and None."""
    origin = get_origin(annotation)
    if origin is Annotated:
        yield from _alternatives(get_args(annotation)[0])
    elif origin in (Union, types.UnionType):
        for member in get_args(annotation):
            yield from _alternatives(member)
    elif annotation is not type(None):
        yield annotation


def _branch(candidates: Sequence[Any], part: str | int) -> type[BaseModel] | None:
    """The model that `part` names as a branch of a union, or None."""
    if len(candidates) < 2:
        return None
    models = [candidate for candidate in candidates if _is_model(candidate)]
    return next((m for m in models if _TAGS.get(str(part)) is m or m.__name__ == part), None)


def _descend(candidates: Sequence[Any], part: str | int) -> Iterator[Any]:
    """What the value at `part` may be."""
    for candidate in candidates:
        origin, args = get_origin(candidate), get_args(candidate)
        if _is_model(candidate):
            for name, field in candidate.model_fields.items():
                if part == (field.alias or name):
                    yield from _alternatives(field.annotation)
        elif origin in (dict, Mapping):
            yield from _alternatives(args[1])
        elif origin in (tuple, list) and args:
            yield from _alternatives(args[0])


def keys_of(model: type[BaseModel]) -> list[str]:
    """The keys that authors may write, in their order."""
    return [field.alias or name for name, field in model.model_fields.items()]


class _Meant(NamedTuple):
    key: str
    """'' when no existing key is like the one that was written."""
    why: str = ""


def _meant(fault: _Fault) -> _Meant:
    """The existing key that an unknown one seems to mean."""
    model = fault.model
    if model is None:
        return _Meant("")
    if issubclass(model, Keyed) and fault.path[-1] in model.SYNONYMS:
        return _Meant(*model.SYNONYMS[str(fault.path[-1])])
    near = _nearest(str(fault.path[-1]), keys_of(model))
    if near or not issubclass(model, Keyed):
        return _Meant(near)
    synonym = _nearest(str(fault.path[-1]), list(model.SYNONYMS))
    return _Meant(*model.SYNONYMS[synonym]) if synonym else _Meant("")


def _nearest(word: str, known: Sequence[str]) -> str:
    return did_you_mean(word, known).removeprefix('did you mean "').removesuffix('"?')


def _called(fault: _Fault, called: str) -> str:
    """The mapping in which it happened, as people would say it."""
    if fault.model is not None and issubclass(fault.model, Keyed):
        return fault.model.CALLED
    where = ".".join(str(part) for part in fault.path[:-1])
    return f'"{where}" of {called}' if where else called


def _say(fault: _Fault, document: Document, problems: Problems, called: str) -> None:
    # An item of a list is called by the key of the list.
    key = next((part for part in reversed(fault.path) if isinstance(part, str)), "")
    match fault.kind:
        case "worded":
            own = fault.context
            place = document.key_place((*fault.path, own["key"])) if own["key"] else document.place(fault.path)
            problems.add(place, own["code"], own["message"], own["mend"])
        case "extra_forbidden":
            _unknown_key(fault, document, problems, called)
        case "missing":
            where = _called(fault, called)
            problems.add(document.place(fault.path[:-1]), "P102", f'{where} needs the key "{key}"', _example(fault))
        case "literal_error":
            allowed = str(fault.context.get("expected", "")).replace("'", "").replace(" or ", ", ")
            near = did_you_mean(str(fault.value), allowed.split(", "))
            if allowed == "*" and re.fullmatch(r"\w+", str(fault.value)):
                near = f"""write {key}: "*", where: event = '{fault.value}'"""
            place, only = document.place(fault.path), only_candidate(str(fault.value), allowed.split(", "))
            edit = Edit(place, fault.value, only) if only and isinstance(fault.value, str) else None
            problems.add(place, "P105", f'"{key}" cannot be {shown(fault.value)}; allowed: {allowed}', near, edit=edit)
        case kind if kind in _TYPES:
            message = f'"{key}" must be {_TYPES[kind]}, not {shown(fault.value)}' if fault.path else f"{called} must be {_TYPES[kind]}"
            problems.add(document.place(fault.path), "P101", message, _type_mend(fault))
        case kind if kind in _BOUNDS:
            name, words = _BOUNDS[kind]
            problems.add(document.place(fault.path), "P105", f'"{key}" must be {words} {fault.context[name]}, not {shown(fault.value)}')
        case "string_pattern_mismatch":
            problems.add(document.place(fault.path), "P105", f'{shown(fault.value)} cannot be "{key}"', _pattern_mend(fault))
        case "too_short" | "string_too_short":
            problems.add(document.place(fault.path), "P105", f'"{key}" is empty')
        case _:
            problems.add(document.place(fault.path), "P105", f'"{key}" cannot be {shown(fault.value)}')


def _unknown_key(fault: _Fault, document: Document, problems: Problems, called: str) -> None:
    key, model, where = str(fault.path[-1]), fault.model, _called(fault, called)
    place = document.key_place(fault.path)
    if model is None:
        problems.add(place, "P103", f'unknown key "{key}" in {where}')
        return
    if issubclass(model, Keyed | ProjectConfig) and key in model.LATER:
        problems.add(place, "P104", f"`{key}` is part of the language but not built yet", "leave it out for now")
        return
    if issubclass(model, Keyed) and key in model.ELSEWHERE:
        problems.add(place, "P103", f"`{key}` means nothing in {where}", model.ELSEWHERE[key])
        return
    meant = _meant(fault)
    mend = f'did you mean "{meant.key}"?' if meant.key else "keys here: " + ", ".join(keys_of(model))
    only = "" if meant.why else only_candidate(key, keys_of(model))
    free = isinstance(siblings := _at(document.data, fault.path[:-1]), Mapping) and only not in siblings
    edit = Edit(place, key, only) if only == meant.key and only and free else None
    problems.add(place, "P103", f'unknown key "{key}" in {where}', f"{mend} {meant.why}".rstrip(), edit=edit)


def _at(data: Any, path: Path) -> Any:
    """What stands there; None when nothing does."""
    for part in path:
        data = data[part] if _has(data, part) else None
    return data


def _example(fault: _Fault) -> str:
    """How a missing key would be written."""
    if fault.path[-1] != "id" or not isinstance(fault.value, Mapping):
        return ""
    template = next((str(fault.value[kind]) for kind in ("email", "notice", "cta") if fault.value.get(kind)), "")
    name = template.rsplit("/", 1)[-1].replace("_", "-") or "settle"
    return f"add a name of your own, such as `id: {slug(name) or 'welcome'}`"


_SPANS = ("in", "ago", "within", "newest", "every", "late")
"""Keys of lengths of time that are text in the model: there a number lacks its unit, not its quotes."""


def _type_mend(fault: _Fault) -> str:
    if fault.kind == "string_type" and fault.path[-1] in _SPANS and isinstance(fault.value, int) and not isinstance(fault.value, bool):
        return f"write a unit: `{fault.value} days`, `{fault.value} weeks`"
    if fault.kind == "string_type" and isinstance(fault.value, bool | int | float):
        return f'put it in quotes: "{str(fault.value).lower()}"'
    if fault.kind.startswith(("int", "float")) and isinstance(fault.value, str) and fault.value.strip(" %").isdigit():
        bare = fault.value.strip(" %")
        return f"write it without {'quotes' if bare == fault.value.strip() else 'the sign'}: {bare}"
    if fault.kind in ("tuple_type", "list_type"):
        return "begin each item with `- `"
    return ""


def _pattern_mend(fault: _Fault) -> str:
    if fault.context.get("pattern") == SHARE_PATTERN:
        return "write a share below 100%, such as 10%"
    better = slug(str(fault.value))
    if fault.path[-1:] in (("from",), ("to",)):
        return "write a time such as 20:00"
    return f"use small letters, digits and hyphens{f': {better}' if better else ''}"


def slug(text: str) -> str:
    """The text as an id: small letters, digits and hyphens; '' when nothing is left."""
    plain = "".join(c.lower() if c.isascii() and c.isalnum() else "-" for c in text)
    return "-".join(part for part in plain.split("-") if part)


def shown(value: Any) -> str:
    """A value as the file would have it, short."""
    match value:
        case None:
            return "nothing"
        case bool():
            return str(value).lower()
        case Mapping():
            return "a mapping"
        case str():
            return f'"{value if len(value) <= 40 else value[:39] + "…"}"'
        case Sequence():
            return "a list"
        case _:
            return str(value)
