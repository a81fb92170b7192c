"""What goes into the state and comes out of it: one type a kind of row."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from cs_engine.instants import Micros
from cs_engine.journey import enrolment, experiment, message
from cs_engine.journey.caps import History

if TYPE_CHECKING:
    from cs_engine.journey.edits import Edit
    from cs_engine.journey.guards import Tally
    from cs_engine.journey.step_orders import StepOrder


class AccountRow(NamedTuple):
    id: str
    name: str
    locale: str
    timezone: str
    csm: str
    """The CSM's e-mail; '' when nobody."""
    created_at: Micros | None
    country: str = ""
    """Two letters; '' when unknown."""


class ContactRow(NamedTuple):
    id: str
    account_id: str
    email: str
    email_hash: str
    """Keyed hash of the normalised address; '' without one. What suppressions are held by."""
    name: str
    role: str
    locale: str
    timezone: str
    created_at: Micros | None
    country: str = ""
    consent: str = ""
    """What is on record: cs_engine.journey.consent.Consent."""
    consent_source: str = ""
    """How we know."""
    consent_at: Micros | None = None
    """When they said so."""


class CollectedMark(NamedTuple):
    """How far what was collected goes: sequences, 0 where there is nothing."""

    first: int
    last: int
    edition: int
    """Rises when something was taken out of what stands there: who has read it reads it anew."""
    profiles: int
    """Rises when a profile changes."""


class Profile(NamedTuple):
    """What calls said of an account (`group`) or a contact (`identify`): of each trait the latest."""

    id: str
    account_id: str
    """Of a contact: the account that it was last said to be of; '' where none was."""
    traits: str
    """JSON: an object without nulls."""
    learned_at: Micros
    """When the first call about it came."""


class PlaybookState(NamedTuple):
    playbook: str
    digest: str
    """The live plan: what new entrants get."""
    first_run_at: Micros
    next_due_at: Micros


class JournalLine(NamedTuple):
    at: Micros
    """The tick's now."""
    playbook: str
    account_id: str
    subject_id: str
    enrolment_id: str
    step: str
    event: str
    """entered | advanced | finished | planned | held | skipped | accepted | rejected | uncertain | milestone
    | cta_opened | cta_closed | passed_over | …"""
    reason: str
    seen: str
    """JSON of the values that the deciding condition named; '' when there was none."""


class CtaFired(NamedTuple):
    """A CTA fires: opens it, or updates the open one."""

    id: str
    account_id: str
    playbook: str
    step: str
    enrolment_id: str
    staff: str
    priority: str
    due_at: Micros | None
    fired_at: Micros
    minutes: int = 0
    """How long it should take."""


class OpenCta(NamedTuple):
    id: str
    account_id: str
    playbook: str
    step: str
    enrolment_id: str
    subject_id: str
    digest: str
    fired_at: Micros
    staff: str
    """Whose it is: an e-mail; '' when it went to a channel."""
    finished: str
    """Why its passage has ended: goal | exit | done | …; '' while it goes on."""
    priority: str
    due_at: Micros | None
    opened_at: Micros
    state: str
    """open | snoozed"""
    snoozed_until: Micros | None
    escalated_at: Micros | None
    told: str
    provider_ref: str


class CtaView(NamedTuple):
    """A CTA as it stands."""

    id: str
    account_id: str
    playbook: str
    step: str
    enrolment_id: str
    staff: str
    priority: str
    due_at: Micros | None
    fired_at: Micros
    opened_at: Micros
    state: str
    """open | snoozed | closed"""
    provider_ref: str
    """Where its message stands; '' where none does."""
    closed_reason: str
    closed_by: str
    """The e-mail of one of us; '' when it closed by itself."""
    snoozed_until: Micros | None
    told: str
    """own | digest: by a message of its own, or in a digest; '' where that is not decided."""


class ValueSet(NamedTuple):
    """A playbook sets an attribute of an account."""

    account_id: str
    name: str
    value: str
    """As JSON."""
    playbook: str
    set_at: Micros


class EnrolRequest(NamedTuple):
    """Somebody, or another playbook, enrols a subject: as if `enter` held, once."""

    playbook: str
    subject_id: str
    by: str
    """A playbook and its step, or `manual`."""
    requested_at: Micros


class Answer(NamedTuple):
    """What somebody answered to one question of a step."""

    enrolment_id: str
    playbook: str
    account_id: str
    subject_id: str
    step: str
    field: str
    value: str
    """As cs_engine.playbook.questions keeps it."""
    by: str
    """A contact id, a staff e-mail, or `slack:<user>` of somebody who is not in team.yaml."""
    by_kind: str
    """contact | staff"""
    message_id: str
    """The message that asked."""
    answered_at: Micros
    """By the machine's clock."""


class GivenAnswer(NamedTuple):
    """The answer that counts."""

    playbook: str
    subject_id: str
    step: str
    field: str
    value: str


class PassageAnswer(NamedTuple):
    """The latest answer of a passage to one question."""

    enrolment_id: str
    step: str
    field: str
    value: str


class AskedMessage(NamedTuple):
    """A message that asks, as the page that takes its answers needs it."""

    id: str
    enrolment_id: str
    playbook: str
    digest: str
    step: str
    account_id: str
    subject_id: str
    recipient: str
    recipient_kind: str
    locale: str
    """The recipient's, else the account's, else ''."""


class Mailed(NamedTuple):
    """To whom a message went, as the pages about their mail need it."""

    topic: str
    email: str
    """The recipient's address now; '' when it is no contact any more, or has none."""
    locale: str
    """The recipient's, else the account's, else ''."""


class Whom(NamedTuple):
    """Whom a question for, or the erasure of, personal data is about."""

    contacts: tuple[str, ...]
    """Their ids in the sources: several where they are a contact of several accounts."""
    hashes: tuple[str, ...]
    """Keyed hashes of their addresses, under every key."""
    ids_hashed: tuple[str, ...]
    """The same of their ids, id by id: somebody who has no address, or another one by then, is known by them."""
    playbooks: tuple[str, ...]
    """Playbooks through which contacts pass, not accounts."""
    fixed_answers: frozenset[tuple[str, str, str]] = frozenset()
    """(playbook, step, field) of questions that are not answered in somebody's own words."""


class Erasure(NamedTuple):
    """What an erasure found and did."""

    contacts: int
    messages: int
    stopped: int
    """Messages that had yet to go, and do not."""
    passages: int
    """That ended by it."""
    message_ids: tuple[str, ...]
    """Of all messages to them or about them: whoever keeps copies takes these away."""


class ValueChange(NamedTuple):
    """A watched value is another than it was."""

    subject_id: str
    at: Micros
    """The now of the tick that saw it."""
    was: str
    """As text; '' for blank."""
    became: str


class Reached(NamedTuple):
    """An account has reached a milestone."""

    account_id: str
    at: Micros
    """When it became true; the now of the tick that saw it where nobody can tell."""
    seen: str
    """JSON of what its condition named then."""


class MilestoneView(NamedTuple):
    """A milestone that an account has reached."""

    milestone: str
    reached_at: Micros
    known_at: Micros
    """The now of the tick that saw it."""
    history: bool
    """Whether it was true when the milestone was looked at for the first time."""
    seen: str
    """JSON of what its condition named when it became true; '' where that was not kept."""


class Kept(NamedTuple):
    """What was so when a passage began, for those who ask later."""

    enrolment_id: str
    kept: str
    """JSON by the names that conditions use: `event.area`."""


class OrderedStep(NamedTuple):
    """An order, and the passage as it stood when the order was decided on: its guard."""

    order: StepOrder
    playbook: str
    account_id: str
    subject_id: str
    standing: str
    """The step where it stands."""
    since: Micros


class EditedStep(NamedTuple):
    """An edit, and the passage as it stood when the edit was decided on: its guard."""

    edit: Edit
    playbook: str
    account_id: str
    subject_id: str
    standing: str
    """The step where it stands."""
    since: Micros


class Change(NamedTuple):
    """What one batch of decisions does, in one transaction."""

    enrolments: Sequence[enrolment.NewEnrolment] = ()
    moves: Sequence[enrolment.Move] = ()
    messages: Sequence[message.NewMessage] = ()
    ctas: Sequence[CtaFired] = ()
    journal: Sequence[JournalLine] = ()
    assignments: Sequence[experiment.Assignment] = ()
    values: Sequence[ValueSet] = ()
    requests: Sequence[EnrolRequest] = ()
    tallies: Sequence[Tally] = ()
    """Added to what was counted of the same run."""
    kept: Sequence[Kept] = ()
    notes: Sequence[message.Alarm] = ()
    """Replies in the threads of CTAs."""


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
    """False when the recipient is a contact that no longer exists. True for staff and channels."""
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


Verdict = Callable[[Sequence[Candidate], History], Sequence[message.Move | None]]
"""The claim's policy: for each candidate, in the claim's order, a move (held, skipped), or None: dispatch it. The history answers from
the claim's transaction, and no other claim that asks one runs beside it.
"""


class Counts(NamedTuple):
    """Over all messages ever."""

    planned: int
    accepted: int
    skipped: int
    rejected: int
    uncertain: int
    held: int
    pending: int


class Tick(NamedTuple):
    now: Micros
    previous: Micros | None
    """The last tick before this one; None at the very first."""
    repeat: bool
    """A tick at this very now has been completed before."""


class Claim(NamedTuple):
    dispatching: list[Candidate]
    moved: list[message.Move]
    """What the verdict held or skipped."""
    more: bool
    """Whether candidates are left that can be claimed now."""
    lease: Micros = 0
    """For how long the dispatching ones are this holder's."""


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


class EnrolmentView(NamedTuple):
    id: str
    digest: str
    subject_id: str
    key: str
    passage: int
    state: str
    step: str
    otherwise_done: bool
    since: Micros
    entered_at: Micros
    finished_at: Micros | None
    finished_reason: str
    held_since: Micros | None
    control: bool


class TouchView(NamedTuple):
    """A line of an account's ledger: a touch, or a reaction."""

    at: Micros
    kind: str
    """mail | call | meeting, or a reaction: open | click | reply | answer | talked"""
    contact_id: str
    playbook: str
    """Of a mail of ours; '' else."""
    step: str
    by: str
    """Who of us logged it; '' else."""


class LossCount(NamedTuple):
    """Contacts lost by persistence, of one playbook ('': nobody's mail came last) and CSM ('': nobody's)."""

    playbook: str
    csm: str
    ever: int
    now: int
    """Those not regained."""


class MessageView(NamedTuple):
    id: str
    enrolment_id: str
    step: str
    kind: str
    recipient: str
    state: str
    reason: str
    until: Micros | None
    planned_at: Micros
    settled_at: Micros | None
    moved_at: Micros
    """The now of the tick in which its state last changed."""
    delivery: str = ""
    """What the provider told of it since: delivered | bounced | …; '' for nothing."""
    delivery_reason: str = ""
    delivery_at: Micros | None = None
    opens: int = 0
    """By people."""
    clicks: int = 0
    machine_opens: int = 0
    machine_clicks: int = 0
