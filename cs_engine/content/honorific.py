"""Names before a literal 様: a name that is blank, or has a title of its own, is put right."""

from __future__ import annotations

import re

from cs_engine.content import names, sandbox
from cs_engine.content.guard import FilterOf

_HONORIFIC = re.compile("様(?![々子相式態])")


def honorific(locale: str) -> FilterOf:
    """(expression, the text behind it) -> the filter that it needs, '' for none: before 様 what is blank becomes ご担当者, and what
    has a title of its own loses it.
    """
    if not names.is_japanese(locale):
        return lambda _expression, _after: ""
    return lambda _expression, after: sandbox.NAMED if _HONORIFIC.match(after) else ""
