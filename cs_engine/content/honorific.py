"""Names before a literal 様: a name that is blank, or has a title of its own, is put right."""

from __future__ import annotations

import re

from cs_engine.content import names, sandbox
from cs_engine.content.guard import FilterOf

_HONORIFIC = re.compile("様(?![々子相式態])")


def honorific(locale: str) -> FilterOf:
    """(expression, the text behind it) -> the filter that it needs: what stands right before 様 becomes ご担当者 when it is blank, and loses
    its own 様. '' in other languages, and elsewhere.
    """
    if not names.is_japanese(locale):
        return lambda _expression, _after: ""
    return lambda _expression, after: sandbox.NAMED if _HONORIFIC.match(after) else ""
