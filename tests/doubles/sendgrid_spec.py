"""What SendGrid would refuse: its own specification, and the rules of its documentation that the specification lacks."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator, FormatChecker
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

_SPEC = Path(__file__).parent.parent / "specs" / "sendgrid_mail_v3.json"
_BODY = "/components/requestBodies/PostMailSend/content/application~1json/schema"
_ADDRESS = re.compile(r"[^\s@<>,;:\"()\[\]]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+")
_REFUSED_HEADERS = frozenset(
    {"x-sg-id", "x-sg-eid", "received", "dkim-signature", "content-type", "content-transfer-encoding"}
    | {"to", "from", "subject", "reply-to", "cc", "bcc"}
)
_FORMATS = FormatChecker(formats=())


@_FORMATS.checks("email")
def _is_email(value: object) -> bool:
    return not isinstance(value, str) or _ADDRESS.fullmatch(value) is not None


@cache
def _specification() -> dict[str, Any]:
    spec = copy.deepcopy(json.loads(_SPEC.read_text()))
    body = spec["components"]["requestBodies"]["PostMailSend"]["content"]["application/json"]["schema"]
    # The specification's mistake: it types the message's custom_args as a string. They are an object of strings.
    body["properties"]["custom_args"] = {"type": "object", "additionalProperties": {"type": "string"}}
    for fields in (body, body["properties"]["personalizations"]["items"], body["properties"]["content"]["items"]):
        fields["additionalProperties"] = False
    for name in ("MailFrom", "MailTo"):
        spec["components"]["schemas"][name]["additionalProperties"] = False
    found: dict[str, Any] = spec
    return found


@cache
def _validator() -> Draft202012Validator:
    registry: Registry[Any] = Registry().with_resource("urn:sendgrid", Resource.from_contents(_specification(), DRAFT202012))
    return Draft202012Validator({"$ref": f"urn:sendgrid#{_BODY}"}, registry=registry, format_checker=_FORMATS)


def refusals(payload: Any) -> list[tuple[str, str]]:
    """(field, why) of everything wrong with a request's JSON; empty when SendGrid would take it."""
    found = [(".".join(map(str, error.absolute_path)), error.message) for error in _validator().iter_errors(payload)]
    return found or [*_beyond(payload), *_lines(payload)]


def _beyond(payload: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Rules that are documented and not in the specification. `payload` has its shape."""
    contents = [part["type"] for part in payload.get("content", [])]
    if not contents and "template_id" not in payload:
        yield "content", "content is required"
    if contents != sorted(contents, key=lambda kind: {"text/plain": 0, "text/x-amp-html": 1}.get(kind, 2)):
        yield "content", "text/plain must be first, text/html after it"
    if not payload.get("subject") and not all(person.get("subject") for person in payload["personalizations"]):
        yield "subject", "subject is required"
    if not payload["personalizations"]:
        yield "personalizations", "at least one is required"
    for number, person in enumerate(payload["personalizations"]):
        people = [to["email"].lower() for role in ("to", "cc", "bcc") for to in person.get(role, [])]
        if not person["to"]:
            yield f"personalizations.{number}.to", "at least one is required"
        if len(people) != len(set(people)):
            yield f"personalizations.{number}", "each address may be there once"
    if len(json.dumps(payload.get("custom_args", {})).encode()) >= 10_000:
        yield "custom_args", "10,000 bytes at most"
    if len(json.dumps(payload, ensure_ascii=False).encode()) > 30 << 20:
        yield "", "30 MB at most"


def _lines(payload: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Headers, the subject and names are one line each, and some headers are the vendor's."""
    for name, value in payload.get("headers", {}).items():
        if name.lower() in _REFUSED_HEADERS:
            yield f"headers.{name}", "this header is SendGrid's"
        if not isinstance(value, str) or re.search(r"[\r\n\x00]", name + value) or not name.isascii():
            yield "headers", "a header is one line of text"
    lines = [payload.get("subject", ""), payload["from"].get("name", "")]
    lines += [to.get("name", "") for person in payload["personalizations"] for to in person["to"]]
    if any(re.search(r"[\r\n\x00]", line) for line in lines):
        yield "subject", "subject and names are one line of text"
