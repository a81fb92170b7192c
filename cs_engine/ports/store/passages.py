"""Who is where, who may enter, and what passages remember."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from cs_engine.instants import Micros
from cs_engine.journey import enrolment, experiment, message
from cs_engine.ports.store.ctas import CtaFired
from cs_engine.ports.store.records import JournalLine

if TYPE_CHECKING:
    from cs_engine.journey.edits import Edit
    from cs_engine.journey.guards import Tally
    from cs_engine.journey.step_orders import StepOrder


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


class ValueChange(NamedTuple):
    """A watched value is another than it was."""

    subject_id: str
    at: Micros
    """The now of the tick that saw it."""
    was: str
    """As text; '' for blank."""
    became: str


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

    def moved(self, playbook: str) -> set[tuple[str, str, int]]:
        """(subject, key, number) of the passages that ended because their contact went to another account."""

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
