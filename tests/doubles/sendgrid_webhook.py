"""SendGrid's side of its event webhook: batches as it writes and signs them."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

PATH = "/webhooks/sendgrid"
SIGNATURE, TIMESTAMP = "X-Twilio-Email-Event-Webhook-Signature", "X-Twilio-Email-Event-Webhook-Timestamp"
SENT = "1761555600"


class SendgridWebhook:
    """Signs with a key of its own."""

    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())

    @property
    def public_key(self) -> str:
        """As SendGrid's settings show it."""
        return base64.b64encode(self._key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).decode()

    def headers(self, body: bytes, timestamp: str = SENT) -> dict[str, str]:
        signature = self._key.sign(timestamp.encode() + body, ec.ECDSA(hashes.SHA256()))
        return {SIGNATURE: base64.b64encode(signature).decode(), TIMESTAMP: timestamp, "Content-Type": "application/json"}


def batch(events: Sequence[Mapping[str, Any]], written: Callable[[Mapping[str, Any]], bytes] | None = None) -> bytes:
    """As SendGrid writes it: objects a line, which re-serialising would not give again. `written`: a faster way for many plain ones."""
    return b"[" + b",\r\n".join(map(written or _written, events)) + b"]\r\n"


def _written(event: Mapping[str, Any]) -> bytes:
    return json.dumps(event).encode()


def event(kind: str, message: str | None = "msg_1", n: int = 0, at: int = 1_761_555_000, **more: Any) -> dict[str, Any]:
    """One event, with what SendGrid puts into each. `n` tells events of the same moment apart; `None` leaves a key out."""
    whole = {
        "email": "ann@customer.example", "timestamp": at,
        "smtp-id": "<14c5d75ce93.dfd.64b469@ismtpd-555>", "event": kind, "category": ["tips"],
        "sg_event_id": f"{kind}-{message}-{at}-{n}", "sg_message_id": f"X{message}.recvd-5c8bd-0", "cs_message_id": message, **more,
    }  # fmt: skip
    return {key: value for key, value in whole.items() if value is not None}


PERSON = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36"


def life_of(n: int) -> Iterator[dict[str, Any]]:
    """What SendGrid tells of mail number n: processed, delivered; of one in ten that it was opened and clicked."""
    about: dict[str, Any] = {"message": f"msg_{n:024}", "email": f"person{n}@customer.example"}
    yield event("processed", **about)
    yield event("delivered", at=1_761_555_002, response="250 2.0.0 OK " + "x" * 60, **about)
    if n % 10 == 0:
        yield event("open", at=1_761_555_600, useragent=PERSON, sg_machine_open=False, **about)
        yield event("click", at=1_761_555_660, useragent=PERSON, url=f"https://vendor.example/{n % 7}", **about)
