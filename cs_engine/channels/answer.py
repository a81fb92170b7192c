"""An answer in HTTP/1.1, made of what a connection hears, piece by piece. Pure.

The status is what counts: an answer whose head is there is one, though its body be cut off.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

_LARGEST_HEAD, _LARGEST_BODY = 1 << 16, 1 << 20
_STATUS = re.compile(rb"HTTP/1\.([01]) ([1-5]\d\d)(?: .*)?")
_CHUNK = re.compile(rb"([0-9A-Fa-f]{1,8})[ \t]*(?:;[^\r\n]*)?\r\n")
_BODILESS = frozenset({204, 304})


class Malformed(ConnectionError):
    """What was heard is no answer."""


class Answer(NamedTuple):
    """What was answered."""

    status: int
    headers: Mapping[str, str]
    """By their names in small letters; of several of one name the last."""
    body: bytes
    """As it came, whatever its encoding; at most a megabyte of it."""
    keeps: bool
    """Whether another request may follow over its connection."""


class _Head(NamedTuple):
    status: int
    headers: dict[str, str]
    length: int | None
    """Of the body; None: it is chunked, or lasts to the end."""
    chunked: bool
    stays: bool
    """Whether the connection stays open behind it."""


class Reader:
    """Reads one answer."""

    __slots__ = ("_head", "_heard")

    def __init__(self) -> None:
        self._heard = b""
        self._head: _Head | None = None

    def feed(self, data: bytes) -> Answer | None:
        """The answer once it is whole. Raises Malformed."""
        self._heard = heard = self._heard + data if self._heard else data
        while self._head is None:
            end = heard.find(b"\r\n\r\n")
            if end < 0 or end > _LARGEST_HEAD:
                if len(heard) > _LARGEST_HEAD:
                    raise Malformed
                return None
            head = _head(heard[:end])
            self._heard = heard = heard[end + 4 :]
            if head.status >= 200:  # before it there may be word that it comes
                self._head = head
        head = self._head
        if head.length is not None:
            if len(heard) >= head.length:
                return _answer(head, heard[: head.length], len(heard) == head.length)
        elif head.chunked and (unchunked := _unchunked(heard)) is not None:
            body, end = unchunked
            return _answer(head, body, len(heard) == end)
        return _answer(head, heard[:_LARGEST_BODY], False) if len(heard) > _LARGEST_BODY else None

    def end(self) -> Answer | None:
        """What there is of it when nothing more comes; None: no answer."""
        return _answer(self._head, self._heard, False) if self._head is not None else None


def _answer(head: _Head, body: bytes, is_all: bool) -> Answer:
    return Answer(head.status, head.headers, body, is_all and head.stays)


def _head(raw: bytes) -> _Head:
    first, *lines = raw.split(b"\r\n")
    if (said := _STATUS.fullmatch(first)) is None:
        raise Malformed
    status, headers = int(said[2]), {}
    for line in lines:
        name, colon, value = line.partition(b":")
        if not colon or not name or name != name.strip():
            raise Malformed
        headers[name.decode("latin-1").lower()] = value.strip().decode("latin-1")
    connection = {word.strip() for word in headers.get("connection", "").lower().split(",")}
    stays = "close" not in connection if said[1] == b"1" else "keep-alive" in connection
    coding = headers.get("transfer-encoding", "").lower()
    if status < 200 or status in _BODILESS:
        return _Head(status, headers, 0, False, stays)
    if coding or "content-length" not in headers:
        return _Head(status, headers, None, coding == "chunked", stays)
    length = headers["content-length"]
    if not (length.isascii() and length.isdigit()):
        raise Malformed
    return _Head(status, headers, int(length), False, stays)


def _unchunked(heard: bytes) -> tuple[bytes, int] | None:
    """The body, and where it ends; None while it has not ended. Raises Malformed."""
    parts, at = [], 0
    while True:
        if (size := _CHUNK.match(heard, at)) is None:
            if b"\r\n" in heard[at : at + 1024] or len(heard) - at > 1024:
                raise Malformed
            return None
        begins, length = size.end(), int(size[1], 16)
        if length == 0:
            break
        at = begins + length + 2
        if len(heard) < at:
            return None
        if heard[at - 2 : at] != b"\r\n":
            raise Malformed
        parts.append(heard[begins : at - 2])
    at = begins
    while (end := heard.find(b"\r\n", at)) > at:  # trailers
        at = end + 2
    return (b"".join(parts), end + 2) if end == at else None
