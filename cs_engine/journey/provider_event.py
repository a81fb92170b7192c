"""What a mail provider tells of a mail after it took it: one event a row, of no person but a keyed hash of the address. Pure."""

from __future__ import annotations

from binascii import b2a_base64
from hashlib import blake2b
from typing import NamedTuple

from cs_engine.instants import Micros

PROCESSED, DEFERRED, DELIVERED = "processed", "deferred", "delivered"
BLOCKED = "blocked"
"""Refused this time: the mail did not arrive, the address may be good."""
BOUNCED = "bounced"
"""Refused for good: the address is not."""
DROPPED = "dropped"
"""Taken by the provider and not sent on; `reason` says why."""
OPENED, CLICKED = "opened", "clicked"
COMPLAINED = "complained"
UNSUBSCRIBED, GROUP_UNSUBSCRIBED, GROUP_RESUBSCRIBED = "unsubscribed", "group_unsubscribed", "group_resubscribed"
UNKNOWN = "?"
"""Begins the kind of what we do not know: kept, and never a failure."""


class ProviderEvent(NamedTuple):
    """One event, as it is kept."""

    id: str
    """Derives from what happened (`event_id_of`): told again, under whatever id of the provider's, it is the same."""
    told_as: str
    """A digest of the provider's own id of it; '' when it has none. It may change when the provider tells again."""
    message_id: str
    """Ours; '' when the provider does not say: then `address` is all there is."""
    provider_id: str
    """The provider's id of the mail, as it was answered when the mail was accepted; '' when it does not say."""
    address: str
    """Keyed hash of the recipient's address, under the newest key; '' without one."""
    kind: str
    at: Micros
    """When it happened, to the second, by the provider's clock."""
    reason: str = ""
    """Why, as a code or a slug of ours. Never what a mail server wrote: that quotes addresses."""
    agent: str = ""
    """What opened or clicked says it is."""
    link: str = ""
    """A digest of what was clicked: links of ours answer for people."""
    machine: bool = False
    """Whether the provider itself says that a machine did it."""
    topic_group: str = ""
    """The provider's group of mails that was refused or wanted; '' for none."""


class Received(NamedTuple):
    """An event that has come, and the hashes of its address under every key, newest first."""

    event: ProviderEvent
    hashes: tuple[str, ...]


def event_id_of(about: str, address: str, kind: str, at: Micros, link: str) -> str:
    """The identity of an event. `about`: our message's id, else the provider's; else whatever else tells it from others.

    Begins with its second: what comes together goes into few pages of the index.
    """
    text = "\x1f".join((about, address, kind, str(at), link))
    return f"{at // 1_000_000:08x}{digest(text, 12)}"


def digest(text: str, size: int = 10) -> str:
    """Of that many bytes, in letters, digits, `-` and `_`."""
    hashed = blake2b(text.encode("utf-8", "surrogatepass"), digest_size=size).digest()
    return b2a_base64(hashed, newline=False).translate(_FOR_URLS, b"=").decode()


_FOR_URLS = bytes.maketrans(b"+/", b"-_")
