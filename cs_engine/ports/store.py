"""Our tables, as a tick asks for them: what state/ answers. `Store` is all of it; each part is what one phase needs."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from cs_engine.instants import Micros
from cs_engine.ports.facts import Touched
from cs_engine.ports.rows import (
    AccountRow,
    Answer,
    Applied,
    AskedMessage,
    Candidate,
    Change,
    Claim,
    CollectedMark,
    ContactRow,
    Counts,
    CtaView,
    EditedStep,
    EnrolmentView,
    EnrolRequest,
    Erasure,
    GivenAnswer,
    JournalLine,
    LossCount,
    Mailed,
    MessageView,
    MilestoneView,
    OpenCta,
    OrderedStep,
    PassageAnswer,
    PlaybookState,
    Profile,
    Reached,
    Returned,
    Tick,
    TouchView,
    ValueChange,
    Verdict,
    Whom,
)

if TYPE_CHECKING:
    from cs_engine.journey import enrolment, message, touch
    from cs_engine.journey.aftermath import Aftermath, OfMessage
    from cs_engine.journey.approval import Approval
    from cs_engine.journey.breaker import Breaker
    from cs_engine.journey.cta import Mark
    from cs_engine.journey.edits import Edit
    from cs_engine.journey.guards import Tally
    from cs_engine.journey.health import HealthRow
    from cs_engine.journey.migrate import Migration
    from cs_engine.journey.mode import Reception
    from cs_engine.journey.orders import Order, PlaybookFailure
    from cs_engine.journey.preference import Preference
    from cs_engine.journey.provider_event import Received
    from cs_engine.journey.rates import Bucket
    from cs_engine.journey.step_orders import StepOrder
    from cs_engine.journey.workload import Fresh
    from cs_engine.usage.collected import Arrived, Collected, ProfileKind


class Ticks(Protocol):
    """Whose turn it is, and what time was last."""

    def migrate(self) -> None:
        """Makes or upgrades the schema."""

    def begin_tick(self, now: Micros, holder: str) -> Tick:
        """Takes the tick. Raises TickTooEarly before the last tick, TickBusy while another living holder has it."""

    def end_tick(self, now: Micros, holder: str, next_due: Mapping[str, Micros]) -> None:
        """The tick is complete: writes the playbooks' next due times and gives it back."""

    def release_tick(self, holder: str) -> None:
        """Gives the tick back without completing it (something was raised)."""

    def last_tick(self) -> Micros | None: ...

    def ticks_before(self, now: Micros, limit: int) -> list[Micros]:
        """The nows of the ticks completed before that one, the latest first."""

    def close(self) -> None: ...


class People(Protocol):
    """Accounts and contacts as last synced, and who wants no mail."""

    def put_people(self, accounts: Sequence[AccountRow], contacts: Sequence[ContactRow], usage_set: str = "") -> None:
        """Replaces accounts and contacts with those of a sync's `usage_set`; those that are gone are removed."""

    def people_from(self) -> str:
        """The usage set that accounts and contacts were last replaced from; '' when none."""

    def known_contacts(self, account_id: str) -> list[str] | None:
        """The contacts of an account as last synced; None when there is no such account."""

    def contacts_of(self, account_id: str) -> list[tuple[str, str]]:
        """(id, name) of the account's contacts, by name."""

    def suppress(self, email_hash: str, reason: str, at: Micros) -> bool:
        """True when it was not suppressed before."""

    def suppressed(self) -> set[str]:
        """The hashes of all suppressed addresses."""

    def suppressed_of(self, hashes: Collection[str]) -> set[str]:
        """Those of these hashes whose address is suppressed."""

    def suppressed_contacts(self) -> set[str]:
        """The contacts whose address is suppressed: it bounced, complained, or was asked to be left in peace."""

    def suppress_alike(self, pairs: Iterable[tuple[str, str]]) -> None:
        """(a hash, another hash of the same address): the other is suppressed too, for the same reason and since then, and wants and
        refuses the same.
        """

    def set_preference(self, email_hash: str, topic: str, wanted: bool, source: str, at: Micros) -> bool:
        """Somebody wants or refuses a topic ('': all) since then. True when that is new: what is older than what is known, and what
        is known, changes nothing. No mail of it is claimed after this has returned.
        """

    def set_preferences(self, given: Sequence[Preference]) -> int:
        """The same of several at once, all or nothing; how many were new."""

    def preferences(self, hashes: Collection[str]) -> list[Preference]:
        """What these people want and refuse, by topic."""

    def consents(self, hashes: Collection[str]) -> list[Preference]:
        """All that they themselves ever said of it, oldest first. What sources say of their consent is on the same record: `held`."""

    def mailed(self, message_id: str) -> Mailed | None:
        """To whom a message went; None when there is none of that id."""

    def unsuppress(self, hashes: Collection[str]) -> list[tuple[str, Micros]]:
        """Lets mail go to these again; (reason, since) of the suppressions that were there."""

    def contacts_known(self, id: str, hashes: Collection[str]) -> list[tuple[str, str]]:
        """(id, address) of the contacts of that id, or whose address is known by one of these hashes."""

    def held(self, whom: Whom) -> dict[str, list[dict[str, Any]]]:
        """Table -> its rows about the person, column by column."""

    def erase(self, whom: Whom, at: Micros) -> Erasure:
        """Takes out what is theirs, all or nothing; again is nothing. No mail to them is claimed after this has returned."""

    def erased(self) -> set[str]:
        """The hashes of all whose data were erased."""

    def preferring(self) -> set[str]:
        """The hashes of all who ever said something."""


class Playbooks(Protocol):
    """Versions, and what their keepers ordered: pauses, modes, guards."""

    def playbooks(self) -> dict[str, PlaybookState]: ...

    def register_plan(self, playbook: str, digest: str, bundle: str, now: Micros) -> None:
        """Makes `digest` the live plan of the playbook. `bundle` is the source to compile it from again."""

    def occupied(self) -> list[tuple[str, str, int]]:
        """(playbook, digest, people) of every plan somebody is active in, and with 0 people of those that are still needed: a message
        of it is under way, or a CTA open.
        """

    def bundle(self, digest: str) -> str: ...

    def migrate_people(
        self, moves: Sequence[Migration], ended: Sequence[enrolment.Move], lines: Sequence[JournalLine], now: Micros
    ) -> None:
        """Brings passages into another version and ends others, all or nothing; LostRace when one has moved since."""

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


class Passages(Protocol):
    """Who is where, who may enter, and what passages remember."""

    def standing(self, playbook: str, digest: str, before: Micros) -> list[enrolment.Standing]:
        """Active enrolments of that plan that have not moved at `before` or later."""

    def with_mail(
        self, playbooks: Collection[str], until: Micros, before: Micros, waking: Collection[str] = ()
    ) -> list[tuple[str, enrolment.Standing]]:
        """(digest, passage) of active enrolments in all but these playbooks that have a message which may be claimed by `until`, or is held
        for one of the reasons `waking`, and have not moved at `before` or later.
        """

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

    def edit_step(self, given: EditedStep, now: Micros) -> bool:
        """Keeps what somebody wrote in the place of the step's next mails; False when it stands already. Raises LostRace when the passage
        has moved on, OnItsWay when a mail of the step has left and its fate is not known.
        """

    def take_back_edit(self, given: EditedStep, now: Micros) -> bool:
        """The step's own mails go again; False when they would have."""

    def edits(self, enrolments: Collection[str]) -> list[Edit]:
        """Those for what these passages send where they stand."""

    def edits_of(self, account_id: str, playbook: str) -> list[Edit]: ...

    def requests(self, playbook: str) -> dict[str, str]:
        """Subject -> by whom it was enrolled, of those that wait."""

    def drop_requests(self, playbook: str, subjects: Collection[str], lines: Sequence[JournalLine]) -> None:
        """They have been answered."""

    def values(self, until: Micros | None = None) -> dict[str, tuple[list[str], list[Any]]]:
        """Attribute that playbooks have set -> (accounts, values). `until`: those that were set by then and stand still."""

    def assigned(self, experiment: str) -> dict[str, str]:
        """Account -> its arm in that experiment."""

    def holdouts(self) -> dict[str, float]:
        """Playbook -> the smallest share that its control group has had."""

    def put_holdout(self, playbook: str, share: float) -> None:
        """Notes the share of a control group, if it is smaller than any before."""


class Milestones(Protocol):
    """What accounts have reached."""

    def milestones(self, known_by: Micros | None = None) -> dict[str, tuple[list[str], list[Micros]]]:
        """Milestone -> (accounts, reached_at) of all latched; `known_by`: of those that a tick had seen by then."""

    def milestones_of(self, account_id: str) -> list[MilestoneView]:
        """What one account has reached, oldest first."""

    def known_milestones(self) -> set[str]:
        """Milestones that have been evaluated before; what is true at a milestone's first evaluation is history."""

    def history(self, milestone: str) -> list[str]:
        """Accounts that had reached it before its first evaluation."""

    def latch(self, milestone: str, reached: Sequence[Reached], now: Micros, history: bool, journal: Sequence[JournalLine]) -> None:
        """Latches it for those accounts (again is nothing) and makes the milestone known."""


class Health(Protocol):
    """How healthy accounts have been: a row for as long as it stayed so."""

    def health(self) -> dict[str, HealthRow]:
        """Account -> its health as it was remembered last; of those that are there."""

    def health_bands(self) -> dict[str, str]:
        """Account -> its band as it was remembered last; of those that are there."""

    def put_health(self, rows: Sequence[HealthRow], gone: Collection[str], now: Micros) -> None:
        """Remembers these from `now` on, each in place of its account's last; of accounts that are gone nothing holds any more."""

    def health_at(self, at: Micros) -> dict[str, HealthRow]:
        """Account -> its health as it was then; of those of which something was known."""

    def health_of(self, account_id: str, since: Micros) -> list[HealthRow]:
        """What has been remembered of one account from then on, oldest first, with what held then."""

    def health_began(self) -> Micros | None:
        """When the oldest that is still known was remembered; None when nothing is."""


class Answers(Protocol):
    """What people were asked and answered."""

    def put_answers(self, answers: Sequence[Answer], lines: Sequence[JournalLine], notes: Sequence[message.Alarm] = ()) -> int:
        """Keeps those that say something new, each with its line of the journal (aligned); how many. `notes`: planned where any does."""

    def answers(self, playbooks: Collection[str], until: Micros) -> list[GivenAnswer]:
        """The latest answers, given by then, of those who stand in these playbooks."""

    def answers_in(self, enrolments: Collection[str], until: Micros) -> list[PassageAnswer]:
        """The latest answers of these passages, given by then, whatever has become of them."""

    def asked(self, message_id: str) -> AskedMessage | None:
        """A message that asks, whatever its state; None when there is none of that id."""


class Ledger(Protocol):
    """Touches, reactions, and whom persistence has lost."""

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


class Approvals(Protocol):
    """Mails that somebody reads first."""

    def unread(self, steps: Collection[str]) -> list[Candidate]:
        """Mails and alerts of steps of these names, planned or held, that nobody has been asked to read."""

    def ask_approval(self, asked: Sequence[Approval], alarms: Sequence[message.Alarm], lines: Sequence[JournalLine]) -> None:
        """Keeps mails as they will be read, with the messages that tell of them; what was asked before stays as it was."""

    def approvals(self, ids: Collection[str]) -> Mapping[str, Approval]:
        """By message, of those that were asked."""

    def approvals_of(self, enrolments: Collection[str]) -> list[Approval]:
        """All that these passages were asked, oldest first."""

    def approvals_waiting(self) -> list[Approval]:
        """Those without an answer whose mail could still go, oldest first."""

    def escalate_approval(self, ids: Collection[str], at: Micros, alarms: Sequence[message.Alarm], lines: Sequence[JournalLine]) -> None:
        """Notes that somebody else was told."""

    def answer_approval(self, given: Approval, line: JournalLine) -> bool:
        """Keeps the answer and wakes its mail; False when there is one already, or the mail cannot go any more."""


class Ctas(Protocol):
    """Alerts that stand."""

    def open_ctas(self) -> list[OpenCta]: ...

    def ctas_open_before(self, now: Micros) -> Mapping[str, int]:
        """Account -> its CTAs that were open when the tick at `now` began; accounts with none are left out."""

    def close_ctas(
        self,
        closing: Sequence[tuple[str, str]],
        now: Micros,
        telling: Sequence[message.NewMessage] = (),
        notes: Sequence[message.Alarm] = (),
    ) -> None:
        """(cta id, reason); journalled. `telling`, `notes`: the messages that say so, planned with it."""

    def cta_told_by(self, message_id: str) -> CtaView | None:
        """The CTA that a message tells of; None when there is none, or it told of an earlier opening."""

    def end_cta(self, view: CtaView, reason: str, by: str, now: Micros, telling: str, note: message.Alarm) -> bool:
        """Somebody of us closes it; journalled. `telling`: the id of the message that says so. False when it is closed by now."""

    def snooze_cta(self, view: CtaView, until: Micros, line: JournalLine, telling: str, note: message.Alarm) -> bool:
        """Out of the way until then; it counts as open. False when it is closed by now, or that is so already."""

    def wake_ctas(
        self, ids: Collection[str], now: Micros, lines: Sequence[JournalLine], notes: Sequence[message.Alarm],
        telling: Sequence[message.NewMessage] = (),
    ) -> None:  # fmt: skip
        """What was snoozed until now is no more; what was due before is due now."""

    def escalate_ctas(self, ids: Collection[str], at: Micros, alarms: Sequence[message.Alarm], lines: Sequence[JournalLine]) -> None:
        """Notes that somebody else was told."""

    def mark_cta(self, marks: Sequence[Mark], lines: Sequence[JournalLine]) -> int:
        """Keeps those that say something new, each with its line of the journal (aligned); how many."""

    def fresh_ctas(self, delivery_now: Micros) -> list[Fresh]:
        """Messages that may be claimed now and would tell of an open CTA of which no post stands."""

    def minutes_told(self, since: Micros) -> list[tuple[str, Micros, int]]:
        """(staff, when, minutes) of the CTAs that were told by messages of their own since."""

    def allot_ctas(self, own: Collection[str], digest: Collection[str], moves: Sequence[message.Move], now: Micros) -> list[message.Move]:
        """Notes which CTAs are told by messages of their own and which in a digest, and makes the moves that hold; those that did."""

    def cta_marks(self, ids: Collection[str]) -> list[Mark]:
        """What was said of these CTAs since they were opened."""

    def ctas(self, ids: Collection[str]) -> Mapping[str, CtaView]:
        """By id, as they stand now."""


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


class Collector(Protocol):
    """What products tell of what their users do."""

    def collect(self, calls: Sequence[Collected]) -> int:
        """Keeps them, and has them on disk when it returns; how many are new: the same message again is nothing."""

    def collected(self, after: int, limit: int) -> list[Arrived]:
        """Those kept after that one (0: from the first), in the order in which they were; so many at most."""

    def collected_mark(self) -> CollectedMark:
        """How far it goes."""

    def profiles(self, kind: ProfileKind) -> list[Profile]:
        """What calls said of accounts, or of contacts, by id."""


class Retention(Protocol):
    """What is old goes."""

    def forget_journal(self, before: Micros, limit: int) -> int:
        """Deletes lines of the journal (at most so many) and orders for steps of passages that ended before then; how many rows."""

    def forget_collected(self, before: Micros, limit: int) -> int:
        """Deletes calls that came before then, so many at most; how many."""

    def forget_messages(self, before: Micros, limit: int) -> int:
        """Bares messages that were settled before then of what they said and of what was told of those that arrived, in several
        transactions: about so many at once. How many; 0: none is left. The messages themselves stay.
        """

    def forget_events(self, before: Micros, limit: int) -> int:
        """Deletes a mail provider's events that happened, and were applied, before then: so many at most; how many."""

    def forget_changes(self, before: Micros, needed: Mapping[str, Micros]) -> int:
        """Deletes changes of watched values and spells that were over before then. `needed`: name -> since when its changes are still
        looked at.
        """

    def forget_health(self, before: Micros) -> int:
        """Deletes health that has been another since before then; how many rows."""


class Records(Protocol):
    """What `why` tells of one account in one playbook, and CTAs of theirs."""

    def journal_of(
        self, playbook: str, accounts: Collection[str], enrolments: Collection[str], events: Collection[str]
    ) -> list[JournalLine]:
        """The lines of these passages that tell of such events, oldest first."""

    def journal(self, account_id: str, playbook: str, limit: int = 200) -> list[JournalLine]: ...

    def pauses_of(self, account_id: str, playbook: str, until: Micros) -> list[JournalLine]:
        """When the playbook, or the account in it, was paused and resumed by then, oldest first."""

    def versions(self, playbook: str) -> list[str]:
        """The digests of all versions that anybody could enter, oldest first."""

    def enrolments_of(self, account_id: str, playbook: str) -> list[EnrolmentView]: ...

    def messages_of(self, account_id: str, playbook: str) -> list[MessageView]: ...


class Store(
    Ticks,
    People,
    Playbooks,
    Passages,
    Milestones,
    Health,
    Answers,
    Ledger,
    Messages,
    Approvals,
    Ctas,
    ProviderEvents,
    Collector,
    Retention,
    Records,
    Protocol,
):
    """Our tables. Every method is one transaction of its own."""
