"""What mail providers tell of mails after they took them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple, Protocol

from cs_engine.instants import Micros

if TYPE_CHECKING:
    from cs_engine.journey import message
    from cs_engine.journey.aftermath import Aftermath, OfMessage
    from cs_engine.journey.provider_event import Received


class Applied(NamedTuple):
    """What a batch of a provider's events came to."""

    events: int
    """How many there were; 0: none waits."""
    accepted: int
    """Messages of which we learned that they were taken."""


class Returned(NamedTuple):
    """A mail that came back: the address is no good."""

    id: str
    enrolment_id: str
    playbook: str
    digest: str
    step: str
    kind: str
    channel: str
    template: str
    topic: str
    account_id: str
    subject_id: str
    recipient: str
    """A contact."""
    cta_id: str
    planned_at: Micros
    reason: str
    stands: bool
    """Whether its passage stands at its step yet: then who stands in can get it."""


class ProviderEvents(Protocol):
    """What mail providers tell of mails after they took them."""

    def receive(self, events: Sequence[Received]) -> int:
        """Keeps them, all or nothing; how many are new. The same again, in whatever order, is nothing. When this has returned, nothing
        is claimed any more for an address that bounced, or of what somebody refused.
        """

    def apply_events(self, limit: int, decide: Callable[[Iterable[OfMessage]], Aftermath], now: Micros) -> Applied:
        """Does what the first `limit` of those that wait lead to, in one transaction. `decide`: what that is."""

    def returned(self) -> list[Returned]:
        """Mails that came back since somebody last saw to it."""

    def see_to_returned(
        self, ids: Collection[str], instead: Sequence[message.NewMessage], alarms: Sequence[message.Alarm], now: Micros
    ) -> None:
        """They have been seen to: plans what goes in their place, for which their steps wait again, and word of it to our people."""

    def last_event(self) -> Micros | None:
        """When the last one came; None when none ever did."""
