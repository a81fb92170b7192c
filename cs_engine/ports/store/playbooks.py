"""Versions, and what their keepers ordered: pauses, modes, guards."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple, Protocol

from cs_engine.instants import Micros
from cs_engine.ports.store.records import JournalLine

if TYPE_CHECKING:
    from cs_engine.journey import enrolment, message
    from cs_engine.journey.guards import Tally
    from cs_engine.journey.migrate import Migration
    from cs_engine.journey.mode import Reception
    from cs_engine.journey.orders import Order, PlaybookFailure


class PlaybookState(NamedTuple):
    playbook: str
    digest: str
    """The live plan: what new entrants get."""
    first_run_at: Micros
    next_due_at: Micros


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
