"""SendGrid's event webhook: who signed a batch, and what its events are in our words.

    vendor's `event`      ours                  what it says
    processed             processed             taken
    deferred              deferred              the mailbox said: later; SendGrid goes on trying
    delivered             delivered
    bounce, type blocked  blocked               refused this time
    bounce                bounced               refused for good
    dropped               dropped               not sent on: `reason`
    open, click           opened, clicked       by a person or a machine: journey/machines.py tells
    spamreport            complained
    unsubscribe           unsubscribed          of everything
    group_unsubscribe     group_unsubscribed
    group_resubscribe     group_resubscribed
    anything else         ?word                 kept

Addresses become keyed hashes here and links digests; what mail servers wrote, IP addresses and categories are not kept.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

import orjson

from cs_engine.channels.sendgrid import CUSTOM_ARG
from cs_engine.errors import SettingsError
from cs_engine.instants import Micros
from cs_engine.journey import provider_event as told
from cs_engine.journey.provider_event import ProviderEvent, Received, digest, event_id_of

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey

TIMESTAMP_HEADER = "x-twilio-email-event-webhook-timestamp"
SIGNATURE_HEADER = "x-twilio-email-event-webhook-signature"

_KINDS: Mapping[str, str] = {
    "processed": told.PROCESSED,
    "deferred": told.DEFERRED,
    "delivered": told.DELIVERED,
    "bounce": told.BOUNCED,
    "dropped": told.DROPPED,
    "open": told.OPENED,
    "click": told.CLICKED,
    "spamreport": told.COMPLAINED,
    "unsubscribe": told.UNSUBSCRIBED,
    "group_unsubscribe": told.GROUP_UNSUBSCRIBED,
    "group_resubscribe": told.GROUP_RESUBSCRIBED,
}
_DROPPED_FOR: Mapping[str, str] = {
    "bounced address": told.BOUNCED,
    "invalid": "invalid",
    "unsubscribed address": told.UNSUBSCRIBED,
    "spam reporting address": told.COMPLAINED,
}
"""Why SendGrid drops a mail because of its address; whatever else it says is the mail's or the account's fault."""
_STATUS = re.compile(r"[245]\.\d{1,3}\.\d{1,3}")
_NOT_A_WORD = re.compile(r"[^a-z0-9]+")
_LONGEST_ID, _LONGEST_AGENT, _LONGEST_WORD = 200, 200, 40
_LATEST_SECOND = 1 << 40
_SECOND: Micros = 1_000_000
_MEND = "copy it from SendGrid: Settings, Mail Settings, Event Webhook, Signature Verification; several are separated by commas"


class Unsigned(Exception):
    """None of our keys has signed this very body."""


class NotABatch(Exception):
    """Signed, but no JSON array."""


class EventReader:
    """Reads batches that SendGrid posts."""

    def __init__(self, public_keys: str, hashes: Callable[[str], list[str]]) -> None:
        """`public_keys`: base64 of DER, as SendGrid shows them, separated by commas: one signs while another is being replaced.
        `hashes`: an address's keyed hashes, newest first. Raises SettingsError.
        """
        self._keys = [_public_key(key) for key in public_keys.split(",") if key.strip()]
        if not self._keys:
            raise SettingsError("SENDGRID_WEBHOOK_PUBLIC_KEY holds no key", _MEND)
        self._hashes = hashes

    def read(self, headers: Mapping[str, str], raw: bytes, received_at: Micros) -> list[Received]:
        """The events of a batch, in its order, those told twice in it once. Raises Unsigned, NotABatch.

        `headers` by lower-case names; `raw`: the body as it came, byte by byte. How old a signature is does not matter: SendGrid tries
        again for a day, and what has come before changes nothing.
        """
        if not self._signed(headers.get(TIMESTAMP_HEADER, ""), headers.get(SIGNATURE_HEADER, ""), raw):
            raise Unsigned
        found = _parsed(raw)
        if not isinstance(found, list):
            raise NotABatch
        return list({one.event.id: one for one in self._events(found, received_at)}.values())

    def _signed(self, timestamp: str, signature: str, raw: bytes) -> bool:
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric.ec import ECDSA
        from cryptography.hazmat.primitives.hashes import SHA256

        try:
            given, signed = base64.b64decode(signature, validate=True), timestamp.encode("ascii") + raw
        except ValueError:
            return False
        for key in self._keys:
            try:
                key.verify(given, signed, ECDSA(SHA256()))
            except InvalidSignature:
                continue
            return bool(timestamp)
        return False

    def _events(self, found: Iterable[Any], received_at: Micros) -> Iterable[Received]:
        known: dict[str, tuple[str, ...]] = {}
        for one in found:
            told_of = one if isinstance(one, dict) else {"event": "unreadable", "sg_event_id": _digest(one)}
            address = _text(told_of.get("email")).strip()
            if address not in known:
                known[address] = tuple(self._hashes(address)) if address else ()
            yield Received(_event(told_of, known[address], received_at), known[address])


def _parsed(raw: bytes) -> Any:
    """What the JSON says. Raises NotABatch."""
    try:
        return orjson.loads(raw)
    except ValueError:  # stricter than SendGrid need be: half a surrogate in a name is no reason to lose a batch
        try:
            return json.loads(raw)
        except (ValueError, RecursionError):
            raise NotABatch from None


def _event(one: Mapping[str, Any], hashes: tuple[str, ...], received_at: Micros) -> ProviderEvent:
    kind, reason = _kind(one)
    at, address = _at(one.get("timestamp"), received_at), hashes[0] if hashes else ""
    event_id, message_id = _text(one.get("sg_event_id"), _LONGEST_ID), _text(one.get(CUSTOM_ARG), _LONGEST_ID)
    # `<what the API answered>.<where it went>`
    provider_id = _text(one.get("sg_message_id"), _LONGEST_ID).partition(".")[0]
    url = _text(one.get("url"))
    link = _digest(url) if url else ""
    told_as = digest(event_id) if event_id else ""
    about = message_id or provider_id or (event_id if address and not kind.startswith(told.UNKNOWN) else _digest(one))
    return ProviderEvent(
        event_id_of(about, address, kind, at, link), told_as, message_id, provider_id, address, kind, at, reason,
        _text(one.get("useragent"), _LONGEST_AGENT), link, one.get("sg_machine_open") in (True, 1, "true", "True"),
        _text(one.get("asm_group_id"), _LONGEST_WORD),
    )  # fmt: skip


def _kind(one: Mapping[str, Any]) -> tuple[str, str]:
    """Our word, and the reason."""
    word = _text(one.get("event"))
    kind = _KINDS.get(word)
    if kind is None:
        return f"{told.UNKNOWN}{_slug(word)}", ""
    if kind == told.BOUNCED:
        return told.BLOCKED if _text(one.get("type")).lower() == "blocked" else kind, _why(one)
    if kind == told.DROPPED:
        return kind, _DROPPED_FOR.get(_text(one.get("reason")).strip().lower(), "not_the_address")
    return kind, _why(one) if kind == told.DEFERRED else ""


def _why(one: Mapping[str, Any]) -> str:
    """`5.1.1`, else SendGrid's own class, `mailbox_unavailable`."""
    status = _text(one.get("status")).strip()
    return status if _STATUS.fullmatch(status) else _slug(_text(one.get("bounce_classification")))


def _at(timestamp: Any, received_at: Micros) -> Micros:
    """Seconds since 1970 as an instant; where there are none that can be, when it came."""
    try:
        seconds = int(timestamp)
    except (TypeError, ValueError, OverflowError):
        seconds = -1
    return seconds * _SECOND if 0 < seconds < _LATEST_SECOND and not isinstance(timestamp, bool) else received_at


def _text(value: Any, longest: int = 10_000) -> str:
    """Text that every database takes; '' for what is none. Numbers stand for their digits."""
    if value is None:
        return ""
    if type(value) is str and len(value) <= longest and value.isascii() and "\0" not in value:
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value) if abs(value) < 10**30 else ""
    if not isinstance(value, str):
        return ""
    return value[:longest].replace("\0", "").encode("utf-8", "replace").decode("utf-8")


def _slug(text: str) -> str:
    """A vendor's words as one of ours; nothing in it that could be an address."""
    return _NOT_A_WORD.sub("_", text.lower()).strip("_")[:_LONGEST_WORD] if "@" not in text else "unreadable"


def _digest(value: object) -> str:
    return digest(value if isinstance(value, str) else json.dumps(value, sort_keys=True))


def _public_key(text: str) -> EllipticCurvePublicKey:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
    from cryptography.hazmat.primitives.serialization import load_der_public_key

    try:
        key = load_der_public_key(base64.b64decode("".join(text.split()), validate=True))
    except (ValueError, binascii.Error, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, EllipticCurvePublicKey):
        raise SettingsError("SENDGRID_WEBHOOK_PUBLIC_KEY is no public key of SendGrid's", _MEND)
    return key
