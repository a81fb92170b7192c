"""Bodies of requests, as far as we read them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from urllib.parse import parse_qs

from starlette.requests import Request

Form = Mapping[str, Sequence[str]]


class TooLarge(Exception):
    """More was sent than we read."""


async def body(request: Request, most: int) -> bytes:
    """The request's raw bytes. Raises TooLarge."""
    found = bytearray()
    async for chunk in request.stream():
        found += chunk
        if len(found) > most:
            raise TooLarge
    return bytes(found)


async def form(request: Request, most: int, most_fields: int) -> Form:
    """The values of a form, by field. Raises TooLarge."""
    raw = await body(request, most)
    try:
        return parse_qs(raw.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=most_fields)
    except ValueError:
        raise TooLarge from None
