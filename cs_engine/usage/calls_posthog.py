"""Events of PostHog's capture API (`/batch/`, `/capture/`) as rows.

Names that begin with `$` are PostHog's own: those that say who somebody is become the calls that they are, the others are not kept.
"""

from __future__ import annotations

from uuid import uuid4

from cs_engine.instants import Micros
from cs_engine.usage.collected import (
    ALIAS,
    GROUP,
    IDENTIFY,
    PAGE,
    SCREEN,
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

ACCOUNT_TYPES = ("account", "company", "organization", "customer")
"""PostHog has groups of many types; the first of these that an event names is its account."""

_KINDS = {"$identify": IDENTIFY, "$set": IDENTIFY, "$groupidentify": GROUP, "$create_alias": ALIAS, "$pageview": PAGE, "$screen": SCREEN}
_PAGE_NAMES = {"$current_url": "url", "$pathname": "path", "$screen_name": "name", "$title": "title", "$referrer": "referrer"}


def collected(event: object, received: Micros, around: Object | None = None) -> Collected:
    """The row of one event. `around`: the batch, with its `sent_at`. Raises Refused."""
    if not isinstance(event, dict):
        raise Refused("invalid_type", "an event is no object")
    require_small(event)
    name = a_name(event.get("event"), "event")
    properties = an_object(event.get("properties"), "properties")
    kind = _KINDS.get(name, TRACK)
    who = an_id(event.get("distinct_id", properties.get("distinct_id")), "distinct_id")
    if not who:
        raise Refused("missing", "distinct_id is missing")
    contact, anonymous = _who(kind, who, properties)
    return Collected(
        message_id=an_id(event.get("uuid"), "uuid") or str(uuid4()),
        kind=kind,
        account_id=_account(kind, properties),
        contact_id=contact,
        anonymous_id=anonymous,
        event=name if kind == TRACK else (kind if kind in (PAGE, SCREEN) else ""),
        occurred_at=when(event.get("timestamp"), (around or {}).get("sent_at", event.get("sent_at")), received),
        properties=as_json(_kept(event, kind, properties)),
    )


def _account(kind: str, properties: Object) -> str:
    if kind == GROUP:
        key = an_id(properties.get("$group_key"), "$group_key")
        return key if properties.get("$group_type") in ACCOUNT_TYPES else ""
    groups = an_object(properties.get("$groups"), "$groups")
    return next((an_id(groups[type], "$groups") for type in ACCOUNT_TYPES if type in groups), "")


def _who(kind: str, who: str, properties: Object) -> tuple[str, str]:
    """(contact, what they were called before they were known)"""
    if kind == GROUP:  # its id is made up
        return "", ""
    if kind == ALIAS:
        return a_name(properties.get("alias"), "alias"), who
    if properties.get("$process_person_profile") is False:  # nobody who was ever identified
        return "", who
    return who, an_id(properties.get("$anon_distinct_id"), "$anon_distinct_id") if kind == IDENTIFY else ""


def _kept(event: Object, kind: str, properties: Object) -> Object:
    if kind == IDENTIFY:
        said = {name: an_object(event.get(name) or properties.get(name), name) for name in ("$set_once", "$set")}
        return {**said["$set_once"], **said["$set"]}
    if kind == GROUP:
        return an_object(properties.get("$group_set"), "$group_set")
    pages = {ours: properties[theirs] for theirs, ours in _PAGE_NAMES.items() if kind in (PAGE, SCREEN) and theirs in properties}
    return {**pages, **{name: value for name, value in properties.items() if not name.startswith("$")}}
