"""Bodies of requests, as far as we read them."""

from __future__ import annotations

from starlette.requests import Request


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
