"""How people and organisations are addressed. Japanese as business letters do it, else by the given name."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

# 殿 and 先生 end names too (真殿): there only a space before them tells.
_TITLED = re.compile(r"(?:[\s\u3000]*(?:御中|各位|様|さま|さん)|[\s\u3000]+(?:殿|先生))+[\s\u3000]*\Z")
_SPACES = re.compile(r"[\s\u3000]+")
_LATIN_WORD = re.compile(r"[^\W\d_][\w'’.-]*\Z")
_SALUTATIONS = frozenset({"mr", "mrs", "ms", "mx", "dr", "prof", "sir", "user"})

NOBODY_JA = "ご担当者様"
NOBODY_EN = "there"

PERSON_WANTS = ("family_name", "given_name", "department", "job_title")
"""Columns of a contact that an address uses when the project has them; `name` it needs."""


def plain(value: Any) -> str:
    """One line of text, without outer or doubled white space; '' for blank."""
    return "" if value is None else _SPACES.sub(" ", str(value)).strip()


def untitled(name: str) -> str:
    """The name without an honorific that the data already holds: 山田様 -> 山田."""
    return _TITLED.sub("", name)


def person_ja(person: Mapping[str, Any], organisation: str = "") -> str:
    """株式会社○○ 経営企画部 部長 山田様; ご担当者様 for one without a name, still with the organisation in front."""
    name = untitled(plain(person.get("family_name")) or plain(person.get("name")))
    words = [organisation, plain(person.get("department"))]
    words += [plain(person.get("job_title")), f"{name}様"] if name else [NOBODY_JA]
    return " ".join(word for word in words if word)


def person_en(person: Mapping[str, Any]) -> str:
    """Alex: the given name, else what of the name can be used alone; `there` for one without a name."""
    if given := plain(person.get("given_name")):
        return given
    name = untitled(plain(person.get("name")))
    first, _, rest = name.partition(" ")
    # "Dr. Ada Lovelace", "User 3F2A", "Lovelace, Ada" and names in other scripts are used whole.
    if rest and first.isascii() and _LATIN_WORD.match(first) and first.rstrip(".").lower() not in _SALUTATIONS:
        return first
    return name or NOBODY_EN


def organisation_ja(name: Any) -> str:
    """株式会社○○ 御中. 株式会社 stays where it is registered; ご担当者様 without a name."""
    found = untitled(plain(name))
    return f"{found} 御中" if found else NOBODY_JA


def group_ja(name: Any) -> str:
    """株式会社○○ 各位, or 各位."""
    found = untitled(plain(name))
    return f"{found} 各位" if found else "各位"


def named_ja(name: Any) -> str:
    """What stands before a literal 様: the name without an honorific of its own, ご担当者 when there is none."""
    return untitled(plain(name)) or "ご担当者"


def is_japanese(locale: str) -> bool:
    return locale.partition("-")[0] == "ja"
