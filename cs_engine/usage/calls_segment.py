"""Calls of Segment's HTTP API, which RudderStack's and many others' clients speak too, as rows.

https://segment.com/docs/connections/sources/catalog/libraries/server/http-api/
"""

from __future__ import annotations

from uuid import uuid4

from cs_engine.instants import Micros
from cs_engine.usage.collected import (
    ALIAS,
    EVENTS,
    GROUP,
    IDENTIFY,
    KINDS,
    TRACK,
    Collected,
    Object,
    Refused,
    a_name,
    an_id,
    an_object,
    as_json,
    require_small,
    when,
)


def collected(call: object, received: Micros, kind: str = "", around: Object | None = None) -> Collected:
    """The row of one call. `kind`: what its address says; '' in a batch, where each call says it. `around`: the batch, whose `sentAt`
    and `context` hold for calls that say none. Raises Refused.
    """
    if not isinstance(call, dict):
        raise Refused("invalid_type", "an event is no object")
    require_small(call)
    kind = kind or _kind(call.get("type"))
    around = around or {}
    context = an_object(call.get("context") or around.get("context"), "context")
    contact, anonymous = an_id(call.get("userId"), "userId"), an_id(call.get("anonymousId"), "anonymousId")
    if kind == ALIAS:
        anonymous = a_name(_text(call.get("previousId")), "previousId")
    if not contact and (kind == ALIAS or not anonymous):
        raise Refused("missing", "userId is missing" if kind == ALIAS else "userId or anonymousId has to be there")
    properties = _properties(call, kind)
    said = call.get("originalTimestamp") or call.get("timestamp")
    return Collected(
        message_id=an_id(call.get("messageId"), "messageId") or str(uuid4()),
        kind=kind,
        account_id=_account(call, kind, context, properties),
        contact_id=contact,
        anonymous_id=anonymous,
        event=a_name(call.get("event"), "event") if kind == TRACK else (kind if kind in EVENTS else ""),
        occurred_at=when(said, call.get("sentAt") or around.get("sentAt"), received),
        properties=as_json(properties),
    )


def _kind(said: object) -> str:
    if said not in KINDS:
        raise Refused("invalid_type", f"type is none of {', '.join(KINDS)}")
    return str(said)


def _text(value: object) -> object:
    """Ids may be numbers."""
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


def _properties(call: Object, kind: str) -> Object:
    if kind in (IDENTIFY, GROUP):
        return an_object(call.get("traits"), "traits")
    properties = an_object(call.get("properties"), "properties")
    if kind in EVENTS and kind != TRACK:
        # Which page it was stands beside the properties; in them it is a column like the others.
        properties = {**{name: call[name] for name in ("category", "name") if call.get(name) is not None}, **properties}
    return properties


def _account(call: Object, kind: str, context: Object, traits: Object) -> str:
    """A group is an account: whose call it is, or which it says that the user is of."""
    if kind == GROUP:
        return a_name(_text(call.get("groupId")), "groupId")
    named = context.get("groupId")
    if named is None and kind == IDENTIFY and isinstance(traits.get("company"), dict):
        named = traits["company"].get("id")
    return an_id(named, "context.groupId")
