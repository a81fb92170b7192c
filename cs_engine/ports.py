"""What a tick needs from the outside, said in its own words. Beneath both sides: run/ calls, state/, sources/ and channels/ answer."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, NamedTuple, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from cs_engine.instants import Micros
from cs_engine.journey import enrolment, experiment, message, touch
from cs_engine.journey.approval import Approval
from cs_engine.journey.caps import History
from cs_engine.journey.guards import Tally
from cs_engine.journey.migrate import Migration
from cs_engine.journey.mode import Reception
from cs_engine.journey.orders import Order, PlaybookFailure
from cs_engine.journey.step_orders import StepOrder
from cs_engine.language.expression import Expression, Grain
from cs_engine.playbook.plan import EventEntry

Rows = NDArray[np.int64]
"""Row numbers in a facts table; -1 where there is none."""
Mask = NDArray[np.bool_]

# --- usage ---------------------------------------------------------------------------------------------------------


class SourceReport(NamedTuple):
    """What became of one source in a sync."""

    source: str
    read: int
    kept: int
    bad: int
    examples: tuple[str, ...]
    """Bad rows, as `file:line reason`, at most ten; no personal data."""


class Touched(NamedTuple):
    """What `unanswered_streak` is counted from, product use aside: (account, contact or '' for nobody in particular, when)."""

    touches: Sequence[tuple[str, str, Micros]]
    reactions: Sequence[tuple[str, str, Micros]]


class Overlay(NamedTuple):
    """What only our tables know, laid over the facts: aligned lists."""

    latched: Mapping[str, tuple[list[str], list[Micros]]]
    """Milestone -> (accounts that have reached it, when)."""
    account_numbers: Mapping[str, tuple[list[str], list[float]]]
    """Name (open_ctas, emails_30d) -> (accounts, value); 0 for the rest."""
    contact_numbers: Mapping[str, tuple[list[str], list[float]]]
    account_values: Mapping[str, tuple[list[str], list[Any]]] = {}
    """Attribute that playbooks set -> (accounts, value)."""
    answers: Mapping[Grain, Mapping[str, tuple[list[str], list[str]]]] = {}
    """Column of an answer (cs_engine.usage.answers) -> (subjects, what they answered, as text)."""
    held_since: Mapping[Grain, Mapping[str, tuple[list[str], list[Micros]]]] = {}
    """Column of held(…) (cs_engine.usage.spells) -> (subjects, since when its condition has been true of them)."""
    touched: Callable[[], Touched] | None = None
    """Asked only when something reads `unanswered_streak`; None: nobody was ever touched."""


class Stock(NamedTuple):
    """What there is to decide on, by now."""

    accounts: int
    contacts: int
    events: int
    """Of the product's usage."""
    newest: Micros | None
    """When the latest of them happened."""


class Failure(NamedTuple):
    """Something that an author wrote fails on some of the values that it meets."""

    text: str
    """The expression or the name, as its author wrote it."""
    reason: str
    """What is wrong, without data."""


class Occurrences(NamedTuple):
    """Events of subjects that are there, by subject and time: aligned."""

    row: Rows
    """The subject's."""
    at: Rows
    """Instants: when it happened."""
    id: list[str]
    """What tells it from others, in every sync."""
    kept: list[str]
    """JSON of its columns, by the names that conditions use: `event.area`."""


class PassageFacts(Protocol):
    """Facts of some passages, each with its subject's and what was kept when it began. Positions are those in which they were given."""

    def holds(self, condition: Expression) -> Mask: ...

    def times(self, expression: Expression) -> Rows:
        """As `Facts.instants`."""

    def texts(self, expression: Expression) -> list[str]: ...

    def seen(self, expression: Expression, which: Rows) -> list[str]:
        """For those at these positions, as `Facts.seen`."""

    def contacts(self, condition: Expression) -> tuple[Rows, Rows]:
        """(position, contact's row) of every contact of their accounts for whom a condition over contacts holds, in this order."""


class Facts(Protocol):
    """All facts of one tick: two tables, one row an account, one row a contact, at one `now`."""

    now: datetime
    failed: list[Failure]
    """What failed so far: it counts as false, or blank, where it did."""

    def ids(self, grain: Grain) -> list[str]:
        """The subjects, in row order."""

    def rows(self, grain: Grain) -> Mapping[str, int]:
        """Subject id -> row."""

    def account_of_contact(self) -> Rows:
        """For each contact's row its account's row."""

    def mask(self, condition: Expression) -> Mask:
        """Where the condition holds, over all rows of its grain. Conditions given to `Usage.facts` cost one query together."""

    def texts(self, expression: Expression) -> list[str]:
        """The expression's value as text over all rows of its grain; '' for blank. For `once_per`."""

    def instants(self, expression: Expression) -> Rows:
        """The expression's time over all rows of its grain, as microseconds: NO_TIME for blank, NEVER when it fails."""

    def columns(self, grain: Grain, names: Sequence[str], rows: Rows) -> list[list[Any]]:
        """For each name its plain Python values (str, float, int, bool, datetime, None) at those rows."""

    def seen(self, expression: Expression, rows: Rows) -> list[str]:
        """For each row a JSON object of the values of the names that the expression reads: what the journal keeps."""

    def stock(self) -> Stock:
        """How much there is of everything."""

    def values(self, grain: Grain, expressions: Mapping[str, Expression], rows: Rows) -> list[str]:
        """For each row a JSON object of the expressions' values, by name: what a passage keeps."""

    def milestones(self) -> Mapping[str, Mask]:
        """Milestone -> accounts that have reached it by now (latched or newly)."""

    def occurrences(self, entry: EventEntry, grain: Grain, since: datetime) -> Occurrences:
        """The events that passages of that entry may begin with, after `since`."""

    def passages(self, grain: Grain, rows: Rows, kept: Sequence[str]) -> PassageFacts:
        """Facts of passages of the subjects at those rows (-1: not there), with what was kept of each as JSON; '' for nothing."""

    def close(self) -> None: ...


class Usage(Protocol):
    """The usage store that `sync` fills and every tick reads."""

    def sync(self, on_progress: Callable[[str], None] | None = None) -> list[SourceReport]:
        """Reads all sources anew. Bad rows are reported; raises SyncStopped when they are too many, taking nothing."""

    def synced(self) -> bool: ...

    def stale(self) -> bool:
        """Whether a source has changed since the last sync, or was never read: a look at the files, not into them."""

    def set_name(self) -> str:
        """Names what the last sync made and the key that its addresses are hashed with; '' before the first."""

    def people(self) -> tuple[list[AccountRow], list[ContactRow]]:
        """All accounts and contacts as last synced."""

    def rehashed(self, known: Collection[str]) -> list[tuple[str, str]]:
        """(hash in `known`, hash under the newest key) of each address last synced that an older key's hash is known of."""

    def facts(self, now: datetime, conditions: Iterable[Expression], overlay: Overlay) -> Facts: ...


# --- state -----------------------------------------------------------------------------------------------------------


class AccountRow(NamedTuple):
    id: str
    name: str
    locale: str
    timezone: str
    csm: str
    """The CSM's e-mail; '' when nobody."""
    created_at: Micros | None


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


class ValueChange(NamedTuple):
    """A watched value is another than it was."""

    subject_id: str
    at: Micros
    """The now of the tick that saw it."""
    was: str
    """As text; '' for blank."""
    became: str


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
    timezone: str
    """The contact's, else the account's, else ''."""
    locale: str
    """The same."""
    provider_ref: str
    """For CTAs: where the message of the open CTA stands (Slack channel and ts), to update it; '' else."""
    reason: str = ""
    """Why it is held, or planned again; '' else."""


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


class Store(Protocol):
    """Our tables. Every method is one transaction of its own."""

    def migrate(self) -> None:
        """Makes or upgrades the schema."""

    def begin_tick(self, now: Micros, holder: str) -> Tick:
        """Takes the tick. Raises TickTooEarly before the last tick, TickBusy while another living holder has it."""

    def end_tick(self, now: Micros, holder: str, next_due: Mapping[str, Micros]) -> None:
        """The tick is complete: writes the playbooks' next due times and gives it back."""

    def release_tick(self, holder: str) -> None:
        """Gives the tick back without completing it (something was raised)."""

    def last_tick(self) -> Micros | None: ...

    def put_people(self, accounts: Sequence[AccountRow], contacts: Sequence[ContactRow], usage_set: str = "") -> None:
        """Replaces accounts and contacts with those of a sync's `usage_set`; those that are gone are removed."""

    def people_from(self) -> str:
        """The usage set that accounts and contacts were last replaced from; '' when none."""

    def known_contacts(self, account_id: str) -> list[str] | None:
        """The contacts of an account as last synced; None when there is no such account."""

    def playbooks(self) -> dict[str, PlaybookState]: ...

    def register_plan(self, playbook: str, digest: str, bundle: str, now: Micros) -> None:
        """Makes `digest` the live plan of the playbook. `bundle` is the source to compile it from again."""

    def occupied(self) -> list[tuple[str, str, int]]:
        """(playbook, digest, people) of every plan somebody is active in, and with 0 people of those that are still needed: a message
        of it is under way, or a CTA open.
        """

    def bundle(self, digest: str) -> str: ...

    def standing(self, playbook: str, digest: str, before: Micros) -> list[enrolment.Standing]:
        """Active enrolments of that plan that have not moved at `before` or later."""

    def passages(self, playbook: str) -> list[enrolment.Passage]:
        """The last passage of every subject and key that ever entered."""

    def rearm(self, ids: Iterable[str]) -> None:
        """Notes that the subjects of these ended passages did not match once since."""

    def passed_over(self, playbook: str) -> set[tuple[str, str]]:
        """(subject, key) of those who matched already at the first run and were not taken."""

    def put_passed_over(self, playbook: str, add: Iterable[tuple[str, str]], drop: Iterable[tuple[str, str]]) -> None: ...

    def commit(self, change: Change, now: Micros) -> None:
        """All of it or nothing. An enrolment or message that is there already is left as it is; LostRace when a move's guard fails."""

    def kept(self, enrolments: Collection[str]) -> dict[str, str]:
        """Passage -> what was kept when it began, as JSON; those of which nothing was are left out."""

    def migrate_people(
        self, moves: Sequence[Migration], ended: Sequence[enrolment.Move], lines: Sequence[JournalLine], now: Micros
    ) -> None:
        """Brings passages into another version and ends others, all or nothing; LostRace when one has moved since."""

    def see(self, name: str, values: Mapping[str, str], at: Micros) -> int:
        """Remembers a watched value of all subjects, and where it is another than before; what is seen first is no change. How many are."""

    def changes(self, name: str, after: Micros, until: Micros) -> list[ValueChange]:
        """Changes of a watched value after one instant and up to another, in order."""

    def see_spells(self, holding: Mapping[str, Collection[str]], at: Micros) -> None:
        """Remembers of whom each condition is true in the tick at that `now`: by its name all subjects, or nobody.

        Who is seen first begins then; who is not among them any more, or whose condition is not asked any more, ends then. The same
        again changes nothing.
        """

    def spells(self, names: Collection[str], at: Micros) -> dict[str, tuple[list[str], list[Micros]]]:
        """Name -> (subjects, since when), as a tick at that `now` finds it: what it ends itself is there yet."""

    def set_timers(self, timers: Sequence[enrolment.Timer], lines: Sequence[JournalLine]) -> None:
        """Stops and starts the timers of passages; one that has moved meanwhile is left as it is."""

    def request(self, given: Sequence[EnrolRequest]) -> None:
        """Keeps them until the playbook's next tick; again is nothing."""

    def order_steps(self, given: Sequence[OrderedStep], now: Micros) -> list[bool]:
        """All or none: takes back what is planned of those steps, and keeps the orders. False for one that stands already. Raises
        LostRace when a passage has moved on, OnItsWay when a message of its step cannot be taken back.
        """

    def step_orders(self) -> list[StepOrder]:
        """Those of all active passages."""

    def step_orders_of(self, account_id: str, playbook: str) -> list[StepOrder]: ...

    def requests(self, playbook: str) -> dict[str, str]:
        """Subject -> by whom it was enrolled, of those that wait."""

    def drop_requests(self, playbook: str, subjects: Collection[str], lines: Sequence[JournalLine]) -> None:
        """They have been answered."""

    def put_answers(self, answers: Sequence[Answer], lines: Sequence[JournalLine]) -> int:
        """Keeps those that say something new, each with its line of the journal (aligned); how many."""

    def answers(self, playbooks: Collection[str], until: Micros) -> list[GivenAnswer]:
        """The latest answers, given by then, of those who stand in these playbooks."""

    def asked(self, message_id: str) -> AskedMessage | None:
        """A message that asks, whatever its state; None when there is none of that id."""

    def contacts_of(self, account_id: str) -> list[tuple[str, str]]:
        """(id, name) of the account's contacts, by name."""

    def values(self, until: Micros | None = None) -> dict[str, tuple[list[str], list[Any]]]:
        """Attribute that playbooks have set -> (accounts, values). `until`: those that were set by then and stand still."""

    def assigned(self, experiment: str) -> dict[str, str]:
        """Account -> its arm in that experiment."""

    def holdouts(self) -> dict[str, float]:
        """Playbook -> the smallest share that its control group has had."""

    def put_holdout(self, playbook: str, share: float) -> None:
        """Notes the share of a control group, if it is smaller than any before."""

    def orders(self, at: Micros) -> list[Order]:
        """All that stand, and how often each playbook has failed in the 24 hours before `at`."""

    def order(
        self,
        put: Sequence[Order] = (),
        drop: Sequence[tuple[str, str, str]] = (),
        lines: Sequence[JournalLine] = (),
        alarms: Sequence[message.Alarm] = (),
    ) -> None:
        """Gives orders and takes back (playbook, account, kind), journals it, and plans word of it for our own people, all or nothing.
        Of a playbook whose pause is taken back the failures are forgotten.
        """

    def receptions(self) -> list[Reception]:
        """How mail to customers was received, of each playbook that has an order about its mode, since that began."""

    def tallies(self) -> list[Tally]:
        """Of each playbook and kind of work those of the latest runs, oldest first."""

    def fail(self, failures: Sequence[PlaybookFailure]) -> None:
        """Counts them. A step that raises again as its tick is run again counts once."""

    def alarm_texts(self, ids: Collection[str]) -> Mapping[str, str]:
        """Message -> what it says, of those that are alarms."""

    def milestones(self) -> dict[str, tuple[list[str], list[Micros]]]:
        """Milestone -> (accounts, reached_at) of all latched."""

    def known_milestones(self) -> set[str]:
        """Milestones that have been evaluated before; what is true at a milestone's first evaluation is history."""

    def history(self, milestone: str) -> list[str]:
        """Accounts that had reached it before its first evaluation."""

    def latch(self, milestone: str, accounts: Sequence[str], now: Micros, history: bool, journal: Sequence[JournalLine]) -> None:
        """Latches it for those accounts (again is nothing) and makes the milestone known."""

    def emails_since(self, since: Micros, before: Micros) -> tuple[list[str], list[str], list[int]]:
        """(account, contact, n) of customer mails accepted since, in ticks before that one."""

    def log_touches(self, touches: Sequence[touch.Touch], reactions: Sequence[touch.Reaction] = ()) -> int:
        """Keeps them, again is nothing; how many of the touches are new."""

    def react(self, reactions: Sequence[touch.Reaction]) -> None:
        """Keeps what contacts did about touches: openings and clicks by a person, replies, answers. Again is nothing."""

    def touched(self, since: Micros, before: Micros) -> Touched:
        """Mails of ours that were accepted and touches that people logged, transactional mail aside; and reactions."""

    def touches_of(self, account_id: str, since: Micros) -> list[TouchView]:
        """The ledger of one account, newest first."""

    def last_playbooks(self, contacts: Collection[str]) -> Mapping[str, str]:
        """Contact -> the playbook whose mail to it was accepted last."""

    def lost(self) -> set[str]:
        """Contacts that are lost by persistence."""

    def put_lost(self, losses: Sequence[touch.Loss], regained: Collection[str], now: Micros, lines: Sequence[JournalLine]) -> None:
        """Contacts that are lost from now on, and those that are so no more."""

    def loss_counts(self) -> list[LossCount]:
        """Losses by playbook and CSM, the most first."""

    def skip_left(self, now: Micros) -> Mapping[str, int]:
        """Skips every planned or held message whose enrolment has finished or left its step; the reason is the enrolment's.
        Answers how many of each playbook.
        """

    def claim(self, wall: Micros, delivery_now: Micros, now: Micros, limit: int, holder: str, verdict: Verdict, channel: str = "") -> Claim:
        """One batch, highest priority and oldest first: judged, moved or set dispatching under a lease, committed, returned.
        `channel`: of this one alone. What is dispatched counts as sent at `delivery_now`, until it is proven not to have been accepted.
        """

    def held_for(self, *reasons: str) -> list[Candidate]:
        """Messages that are held for one of these reasons, in the order of claims."""

    def wake(self, ids: Iterable[str], delivery_now: Micros) -> None:
        """What is held of these may be claimed from now on."""

    def line_up(self, places: Sequence[tuple[str, Micros]], reason: str) -> None:
        """(message, until): what is held of these waits so long, for that reason."""

    def next_until(self, channels: Collection[str] = ()) -> Micros | None:
        """The earliest instant that a planned or held message waits for. `channels`: of these alone."""

    def count_held(self, reason: str) -> int:
        """How many are held for that reason."""

    def expired_leases(self, wall: Micros) -> list[Candidate]:
        """Messages that are dispatching under a lease that has ended, or whose holder is known to be dead."""

    def settle(self, moves: Sequence[message.Move], now: Micros) -> int:
        """Applies the moves whose guard holds, writes their journal lines, and step_ended_at where a step's last message settled."""

    def uncertain(self) -> list[Candidate]: ...

    def unread(self) -> list[Candidate]:
        """Mails, planned or held, that nobody has been asked to read."""

    def ask_approval(self, asked: Sequence[Approval], alarms: Sequence[message.Alarm], lines: Sequence[JournalLine]) -> None:
        """Keeps mails as they will be read, with the messages that tell of them; what was asked before stays as it was."""

    def approvals(self, ids: Collection[str]) -> Mapping[str, Approval]:
        """By message, of those that were asked."""

    def approvals_waiting(self) -> list[Approval]:
        """Those without an answer whose mail could still go, oldest first."""

    def escalate_approval(self, ids: Collection[str], at: Micros, alarms: Sequence[message.Alarm], lines: Sequence[JournalLine]) -> None:
        """Notes that somebody else was told."""

    def answer_approval(self, given: Approval, line: JournalLine) -> bool:
        """Keeps the answer and wakes its mail; False when there is one already, or the mail cannot go any more."""

    def open_ctas(self) -> list[OpenCta]: ...

    def ctas_open_before(self, now: Micros) -> Mapping[str, int]:
        """Account -> its CTAs that were open when the tick at `now` began; accounts with none are left out."""

    def close_ctas(self, closing: Sequence[tuple[str, str]], now: Micros, telling: Sequence[message.NewMessage] = ()) -> None:
        """(cta id, reason); journalled. `telling`: the messages that say so, planned with it."""

    def closed_reasons(self, ctas: Sequence[str]) -> Mapping[str, str]:
        """CTA -> why it was closed, of those that are."""

    def counts(self) -> Counts: ...

    def suppress(self, email_hash: str, reason: str, at: Micros) -> bool:
        """True when it was not suppressed before."""

    def suppressed(self) -> set[str]:
        """The hashes of all suppressed addresses."""

    def suppressed_contacts(self) -> set[str]:
        """The contacts whose address is suppressed: it bounced, complained, or was asked to be left in peace."""

    def suppress_alike(self, pairs: Iterable[tuple[str, str]]) -> None:
        """(suppressed hash, another hash of the same address): suppresses the other too, for the same reason and since then."""

    def journal(self, account_id: str, playbook: str, limit: int = 200) -> list[JournalLine]: ...

    def enrolments_of(self, account_id: str, playbook: str) -> list[EnrolmentView]: ...

    def messages_of(self, account_id: str, playbook: str) -> list[MessageView]: ...

    def close(self) -> None: ...


class Claim(NamedTuple):
    dispatching: list[Candidate]
    moved: list[message.Move]
    """What the verdict held or skipped."""
    more: bool
    """Whether candidates are left that can be claimed now."""


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


# --- content and channels --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Person:
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


@dataclass(frozen=True, slots=True)
class Outcome:
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


M_contra = TypeVar("M_contra", contravariant=True)


class Channel(Protocol[M_contra]):
    """A way out. `build` is pure and may run in another process; `send` keeps a pool of connections."""

    name: str

    def build(self, outgoing: M_contra) -> Parcel: ...

    def send(self, parcels: Sequence[Parcel]) -> list[Outcome]:
        """Posts all, many at a time; one outcome a parcel, in order. Never raises for a single parcel's sake."""

    def lookup(self, ids: Sequence[str]) -> Mapping[str, Outcome]:
        """What is known of messages whose fate is not: `accepted`, or `retry` when it surely never left; left out when unknown."""

    def close(self) -> None: ...
