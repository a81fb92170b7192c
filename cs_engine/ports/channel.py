"""What leaves, and what becomes of it: what channels/ answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, NamedTuple, Protocol, TypeVar, runtime_checkable


class Person(NamedTuple):
    """Somebody a mail comes from or goes to."""

    email: str
    name: str = ""


@dataclass(frozen=True, slots=True)
class Letter:
    """An e-mail, rendered and addressed."""

    id: str
    sender: Person
    reply_to: Person | None
    to: Person
    subject: str
    text: str
    html: str
    headers: Mapping[str, str]
    """List-Unsubscribe and its like."""
    topic: str
    playbook: str
    step: str
    cc: tuple[Person, ...] = ()
    at: datetime | None = None
    """The Date header: delivery's clock."""


@dataclass(frozen=True, slots=True)
class Post:
    """A Slack message, rendered and addressed."""

    id: str
    channel: str
    """Slack channel or user id."""
    text: str
    """The fall-back text of notifications."""
    blocks: Sequence[Mapping[str, Any]]
    update: str = ""
    """Where the message stands that is edited instead of posting anew: the provider's id of its acceptance (for Slack `channel:ts`)."""
    metadata: Mapping[str, str] = field(default_factory=dict)
    speaker: str = ""
    """In whose name it is posted; '' in the app's own."""
    thread: str = ""
    """Where the message stands that this one replies to, in the same words; '' for none."""


@dataclass(frozen=True, slots=True)
class Call:
    """What a webhook step tells another system."""

    id: str
    url: str
    said: Mapping[str, Any]
    """The JSON that is posted: ids, and the values that the step names."""


@dataclass(frozen=True, slots=True)
class Parcel:
    """What a channel built: ready to leave."""

    id: str
    body: bytes
    meta: Mapping[str, str] = field(default_factory=dict)
    """What posting needs beside the body: envelope addresses for SMTP, the method for Slack."""


class Outcome(NamedTuple):
    """What became of one parcel."""

    id: str
    kind: Literal["accepted", "rejected", "retry", "uncertain"]
    code: str = ""
    """For rejected, retry and uncertain: a slug or the vendor's code; never text with personal data."""
    provider_id: str = ""
    retry_after: float | None = None
    """Seconds, when the provider said so or the channel knows (its pace, its back-off); None: as the engine thinks fit."""
    blameless: bool = False
    """Of a retry: the channel is at fault (a refused key, a limit, no connection), not this message: its attempt does not count."""
    nobody: bool = False
    """Of a rejection: nobody can be reached at that address, whatever is sent there."""


Holds = Callable[[str], bool]
"""Whether a parcel of that id may be sent now. Asked just before each send: between that and the first byte nothing may wait."""


def always(id: str) -> bool:  # noqa: ARG001 - a Holds
    """Of what nobody else could take meanwhile."""
    return True


class Trace(NamedTuple):
    """What a message whose fate is unknown may be looked for by, in a provider's own record."""

    id: str
    to: str
    """The address that it was meant for; '' for what goes to none."""
    playbook: str
    thread: str = ""
    """The provider's id of the message that it was meant to answer; '' for none."""


@runtime_checkable
class Logged(Protocol):
    """A channel whose provider can be asked what it took, if not by our ids."""

    def search(self, traces: Sequence[Trace]) -> Mapping[str, Outcome]:
        """`accepted` for those that the provider's record has, `retry` for those that are surely not in there; the others may have been
        taken all the same.
        """


M_contra = TypeVar("M_contra", contravariant=True)


class Channel(Protocol[M_contra]):
    """A way out. `build` is pure and may run in another process; `send` keeps a pool of connections."""

    name: str

    def build(self, outgoing: M_contra) -> Parcel: ...

    def send(self, parcels: Sequence[Parcel], holds: Holds = always) -> list[Outcome]:
        """Posts all, many at a time; one outcome a parcel, in order: `retry` of what is not held any more. Never raises for a single
        parcel's sake. Of a channel of mail, threads may send at once: its batches overlap, or take turns.
        """

    def lookup(self, ids: Sequence[str]) -> Mapping[str, Outcome]:
        """What is known of messages whose fate is not: `accepted`, or `retry` when it surely never left; left out when unknown."""

    def close(self) -> None: ...
