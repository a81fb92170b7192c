"""The outbox: claims, moves, counts."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple, Protocol

from cs_engine.instants import Micros
from cs_engine.journey import message
from cs_engine.journey.caps import History
from cs_engine.ports.store.records import JournalLine

if TYPE_CHECKING:
    from cs_engine.journey.breaker import Breaker
    from cs_engine.journey.rates import Bucket


class Candidate(NamedTuple):
    """A message about to be claimed, with what the claim's policy reads. From the state's own tables, in the claim's transaction."""

    id: str
    state: message.State
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
    recipient_kind: str
    """contact | staff | channel | endpoint"""
    cta_id: str
    planned_at: Micros
    moved_at: Micros
    """The now of the tick in which its state last changed."""
    attempts: int
    email: str
    """Of the recipient when it is a contact; '' else or when it has none."""
    contact_known: bool
    """False when the recipient is a contact that no longer exists, or is another account's by now. True for staff and channels."""
    suppressed: bool
    erased: bool
    """Whether it is suppressed because its recipient's data were erased."""
    refused: bool
    """Whether the recipient, a contact, has refused its topic, or all."""
    email_hash: str
    """Of the recipient when it is a contact with an address; '' else."""
    asked_for: bool
    """Whether the recipient, a contact, has said that they want its topic, or all, since what is on record of their consent."""
    consent: str
    """What is on record of the recipient's consent."""
    country: str
    """The contact's, else the account's, else ''."""
    timezone: str
    """The contact's, else the account's, else ''."""
    locale: str
    """The same."""
    provider_ref: str
    """For CTAs: where the message of the open CTA stands (Slack channel and ts), to update it; '' else."""
    reason: str = ""
    """Why it is held, or planned again; '' else."""
    fence: int = 0
    """How often it has been claimed: the token without which nobody settles it whose claim was not the latest."""
    person: str = ""
    """Of a recipient whose address other contacts have too, at a claim: one of these contacts, the same for all of them; '' else."""
    same: str = ""
    """Of mail to a subject with such an address: what it shares with the same mail to the same person as another contact; '' else."""
    had: bool = False
    """Whether that person has been sent it as another contact."""


Verdict = Callable[[Sequence[Candidate], History], Sequence[message.Move | None]]
"""The claim's policy: for each candidate, in the claim's order, a move (held, skipped), or None: dispatch it. The history answers from
the claim's transaction, and no other claim that asks one runs beside it.
"""


class Claim(NamedTuple):
    dispatching: list[Candidate]
    moved: list[message.Move]
    """What the verdict held or skipped."""
    more: bool
    """Whether candidates are left that can be claimed now."""
    lease: Micros = 0
    """For how long the dispatching ones are this holder's."""


class Counts(NamedTuple):
    """Over all messages ever."""

    planned: int
    accepted: int
    skipped: int
    rejected: int
    uncertain: int
    held: int
    pending: int


class Messages(Protocol):
    """The outbox: claims, moves, counts."""

    def skip_left(self, now: Micros) -> Mapping[str, int]:
        """Skips every planned or held message whose enrolment has finished or left its step; the reason is the enrolment's.
        Answers how many of each playbook.
        """

    def claim(
        self,
        wall: Micros,
        delivery_now: Micros,
        now: Micros,
        limit: int,
        holder: str,
        verdict: Verdict,
        channel: str = "",
        counts_at: Micros | None = None,
    ) -> Claim:
        """One batch, highest priority and oldest first: judged, moved or set dispatching under a lease, committed, returned.
        `channel`: of this one alone. What is dispatched counts as sent in the minute of `counts_at` (None: `delivery_now`), until it is
        proven not to have been accepted.
        """

    def held_for(self, *reasons: str) -> list[Candidate]:
        """Messages that are held for one of these reasons, in the order of claims."""

    def late_mail(self, playbooks: Collection[str], at: Micros) -> list[Candidate]:
        """Mail of these playbooks to customers that may go by then, in the order of claims; transactional mail aside."""

    def wake(self, ids: Iterable[str], delivery_now: Micros) -> None:
        """What is held of these may be claimed from now on."""

    def line_up(self, places: Sequence[tuple[str, Micros]], reason: str) -> None:
        """(message, until): what is held of these waits so long, for that reason."""

    def next_until(self, channels: Collection[str] = ()) -> Micros | None:
        """The earliest instant that a planned or held message waits for. `channels`: of these alone."""

    def count_waiting(self, channel: str, now: Micros) -> int:
        """Messages of that channel that may be claimed at `now`."""

    def count_held(self, reason: str) -> int:
        """How many are held for that reason."""

    def expired_leases(self, wall: Micros) -> list[Candidate]:
        """Messages that are dispatching under a lease that has ended, or whose holder is known to be dead."""

    def renew(self, wall: Micros, taken: Sequence[tuple[str, int]]) -> set[str]:
        """(message, fence): leases what is still the caller's anew; which are. The others were taken, or resolved, by somebody else."""

    def settle(self, moves: Sequence[message.Move], now: Micros) -> list[message.Move]:
        """Applies the moves whose guard holds, writes their journal lines, and step_ended_at where a step's last message settled.
        An outcome that comes too late is journalled, and does what it still can: see `message.late`. The moves that were made.
        """

    def buckets(self, keys: Collection[str]) -> Mapping[str, Bucket]:
        """What is left of rates, of those that something was taken of. Asked by a claim's verdict they are that claim's until it ends."""

    def put_buckets(self, spent: Sequence[Bucket]) -> None:
        """Puts them as they are now: in a claim's verdict, with the claim."""

    def breakers(self) -> list[Breaker]:
        """Of the vendors that have failed."""

    def breaker(self, way: str) -> Breaker:
        """The vendor's, closed when it never failed."""

    def move_breaker(self, to: Breaker, alarms: Sequence[message.Alarm] = ()) -> bool:
        """Puts it so, with word of it to our own people; False, and nothing, when somebody has moved it since it was read."""

    def uncertain(self) -> list[Candidate]: ...

    def resolve(self, move: message.Move, line: JournalLine, now: Micros) -> bool:
        """A person's word on a message that is uncertain, journalled with it; False when its fate has been learned meanwhile."""

    def counts(self) -> Counts: ...
