"""URLs whose parts come from data."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import quote

from jinja2.runtime import Undefined

_SAFE = re.compile(r"(?:https?://[^\s/?#\\]|mailto:[^\s\\])", re.IGNORECASE)
_STATIC = re.compile(r"(?:https?://|mailto:|tel:)\S", re.IGNORECASE)
_AS_WRITTEN = ":/?#[]@!$&'()*+,;=%~-._"


class UnsafeUrl(ValueError):
    """A URL from data that is neither http, https nor mailto."""


def is_allowed(url: str) -> bool:
    """Whether an author may write this URL: absolute, for a browser, a mail program or a telephone."""
    return _STATIC.match(url) is not None


def whole_url(value: Any) -> str:
    """A URL, or its beginning, from data. Raises UnsafeUrl unless http, https or mailto."""
    text = str(value).strip()
    if not _SAFE.match(text):
        if isinstance(value, Undefined):
            return str(value)
        raise UnsafeUrl
    return quote(text, safe=_AS_WRITTEN)


def path_part(value: Any) -> str:
    """Data inside the path of a URL or an address; '' for blank."""
    return "" if value is None else quote(str(value), safe="/@:~-._")


def query_part(value: Any) -> str:
    """Data inside the query of a URL; '' for blank."""
    return "" if value is None else quote(str(value), safe="@~-._")
