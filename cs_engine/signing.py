"""Signed texts for links: whoever has one can use it, nobody can make one. A key a purpose, derived from CS_ENGINE_SECRET_KEYS."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Sequence

_BYTES = 18
"""Of the signature: 144 bits, in 24 characters."""


class Signer:
    """Signs with the newest key, reads what any of the keys has signed: rotation puts a new one in front."""

    def __init__(self, keys: Sequence[str], purpose: str) -> None:
        """`keys`: newest first. What was signed for one purpose is nothing for another."""
        self._keys = [hmac.new(key.encode(), f"cs-engine/{purpose}".encode(), hashlib.sha256).digest() for key in keys]

    def sign(self, text: str) -> str:
        """The text and its signature, to be put into a URL as it is: `text` holds letters, digits and `-._~` alone."""
        return f"{text}~{_signature(self._keys[0], text)}"

    def read(self, signed: str) -> str | None:
        """The text that was signed; None when it was not, or with a key that is gone."""
        text, _, given = signed.rpartition("~")
        found = False
        for key in self._keys:
            found |= hmac.compare_digest(_signature(key, text).encode(), given.encode())
        return text if found else None


def _signature(key: bytes, text: str) -> str:
    digest = hmac.new(key, text.encode(), hashlib.sha256).digest()[:_BYTES]
    return base64.urlsafe_b64encode(digest).decode()
