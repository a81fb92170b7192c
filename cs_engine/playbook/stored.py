"""Attributes of accounts that playbooks set: conditions know them beside the columns of the source."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from cs_engine.language.expression import Type
from cs_engine.language.problems import Problems
from cs_engine.language.yaml import Document
from cs_engine.playbook.checks import raw_steps
from cs_engine.playbook.words import FIXED
from cs_engine.usage.attributes import Attributes

_TYPES: Mapping[type, Type] = {bool: Type.BOOLEAN, int: Type.NUMBER, float: Type.NUMBER, str: Type.TEXT}


def with_stored(attributes: Attributes, documents: Iterable[Document], problems: Problems) -> Attributes:
    """The attributes with those that `set` steps set; a value of another type than the column, or than one before it, is a problem."""
    account, stored = dict(attributes.account), dict(attributes.stored)
    for document in documents:
        for path, step in raw_steps(document.data):
            given = step.get("set")
            for name, value in given.items() if isinstance(given, Mapping) else ():
                kind = _TYPES.get(type(value))
                if kind is None or name in FIXED:  # a problem of its shape
                    continue
                known = account.get(name, Type.UNKNOWN)
                if known not in (Type.UNKNOWN, kind):
                    message = f"account.{name} is {known.value}, not {kind.value}"
                    problems.add(document.place((*path, "set", name)), "P118", message, "set a value of that kind, or another attribute")
                    continue
                stored.setdefault(name, name in attributes.account)
                account[name] = kind
    # What a playbook will set, nobody may have yet.
    values = {name: seen for name, seen in attributes.values.items() if name.removeprefix("account.") not in stored}
    return replace(attributes, account=account, stored=stored, values=values)
