"""What the collector keeps of a call, whichever client made it: one row, checked. Pure: bytes and times come in, rows go out.

Of what a call says only this is kept: who, which account, what, when, and its properties or traits. Addresses of machines, browsers
and libraries (`context`) are not.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal, NamedTuple

import orjson

from cs_engine.instants import Micros, to_micros

TRACK, PAGE, SCREEN, IDENTIFY, GROUP, ALIAS = "track", "page", "screen", "identify", "group", "alias"
KINDS = (TRACK, PAGE, SCREEN, IDENTIFY, GROUP, ALIAS)
EVENTS = (TRACK, PAGE, SCREEN)
"""Kinds that are events; the others say who somebody is."""

ProfileKind = Literal["account", "contact"]

MOST_EVENT_BYTES = 32 << 10
MOST_ID = 255
"""Characters of an id, and of an event's name."""

_NOT_BEFORE: Micros = 946_684_800 * 1_000_000
"""2000-01-01: a clock that says less was never set."""

Object = Mapping[str, Any]


class Refused(Exception):
    """A call that is not taken. `code` is for programs, `message` for people; neither quotes what was sent."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code, self.message = code, message


class Collected(NamedTuple):
    """A call as it is kept."""

    message_id: str
    """Its client's; the same again is nothing."""
    kind: str
    account_id: str
    """'' where the call does not say; its user's is taken then."""
    contact_id: str
    """'' for somebody whom nobody knows yet."""
    anonymous_id: str
    """What the user was called before they were known; of an alias the id that is another name of the user's."""
    event: str
    """Its name; `page` and `screen` of those, '' of what is no event."""
    occurred_at: Micros
    """By our clock, and never after it came."""
    properties: str
    """JSON: an object. Of `identify` and `group` the traits."""


class Arrived(NamedTuple):
    """A call as it was kept."""

    sequence: int
    """Rises with every one that is kept, and nobody sees a higher one before a lower one."""
    call: Collected
    received_at: Micros


def when(said: object, sent: object, received: Micros) -> Micros:
    """When it happened, by our clock. Raises Refused for what is no time.

    `sent`: the client's clock as it sent. What its clock is off by is taken out: received − (sent − said). What lies after the receipt
    all the same, or before the year 2000, is a clock's fault: it counts as of the receipt.
    """
    if said is None:
        return received
    happened = _instant(said, "timestamp")
    if sent is not None:
        happened += received - _instant(sent, "sentAt")
    return happened if _NOT_BEFORE <= happened <= received else received


def _instant(said: object, name: str) -> Micros:
    if isinstance(said, str):
        try:
            at = datetime.fromisoformat(said)
        except ValueError:
            at = None
        if at is not None and at.tzinfo is not None:
            return to_micros(at)
    raise Refused("invalid_time", f"{name} is no time with an offset, as 2026-03-02T09:30:00+09:00")


def an_object(value: object, name: str) -> Object:
    """An object; {} for null. Raises Refused."""
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise Refused("invalid_type", f"{name} is no object")
    return value


def an_id(value: object, name: str) -> str:
    """An id as text: '' for null; numbers as they are written. Raises Refused."""
    if value is None:
        return ""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise Refused("invalid_type", f"{name} is neither text nor a number")
    found = str(value).strip()
    if len(found) > MOST_ID:
        raise Refused("too_long", f"{name} has more than {MOST_ID} characters")
    if "\0" in found:
        raise Refused("invalid_text", f"{name} holds a NUL byte")
    return found


def a_name(value: object, name: str) -> str:
    """As `an_id`, and never empty."""
    found = an_id(value, name) if isinstance(value, str) else ""
    if not found:
        raise Refused("missing", f"{name} is missing or no text")
    return found


def as_json(value: object) -> str:
    return orjson.dumps(value).decode()


def require_small(call: object) -> None:
    """Raises Refused for a call of more than 32 KB, or one that is nested beyond measure."""
    try:
        size = len(orjson.dumps(call))
    except TypeError:
        raise Refused("invalid_type", "an event is nested too deeply") from None
    if size > MOST_EVENT_BYTES:
        raise Refused("too_large", f"an event has more than {MOST_EVENT_BYTES >> 10} KB")
