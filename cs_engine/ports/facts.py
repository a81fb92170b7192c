"""Usage, and the facts of one now: what sources/ answers."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from cs_engine.instants import Micros
from cs_engine.ports.store.collector import CollectedMark, Profile
from cs_engine.ports.store.ledger import Touched
from cs_engine.ports.store.people import AccountRow, ContactRow

if TYPE_CHECKING:
    from cs_engine.journey.guards import SourceState
    from cs_engine.journey.touch import Reaction, Touch
    from cs_engine.language.expression import Expression, Grain
    from cs_engine.playbook.plan import EventEntry
    from cs_engine.usage.collected import Arrived, ProfileKind

Rows = NDArray[np.int64]
"""Row numbers in a facts table; -1 where there is none."""


Mask = NDArray[np.bool_]


class SourceReport(NamedTuple):
    """What became of one source in a sync."""

    source: str
    read: int
    kept: int
    bad: int
    examples: tuple[str, ...]
    """Bad rows, as `file:line reason`, at most ten; no personal data."""
    waiting: int = 0
    """Collected events that are in none of these: nobody knows their account yet."""
    note: str = ""
    """What else there is to say of it."""
    away: str = ""
    """Why it was not read: what was read before stays in force."""
    odd: tuple[str, ...] = ()
    """What was taken and looks wrong all the same, with a place each; no personal data."""
    fresh: int | None = None
    """Of `read`, how many this sync has read: the others were there, and are as they were. None: all."""


class Overlay(NamedTuple):
    """What only our tables know, laid over the facts: aligned lists."""

    latched: Mapping[str, tuple[list[str], list[Micros]]]
    """Milestone -> (accounts of whom it counts, when they reached it)."""
    account_numbers: Mapping[str, tuple[list[str], list[float]]]
    """Name (open_ctas, emails_30d, nps) -> (accounts, value); 0 for the rest, and a score blank."""
    contact_numbers: Mapping[str, tuple[list[str], list[float]]]
    account_values: Mapping[str, tuple[list[str], list[Any]]] = {}
    """Attribute that playbooks set -> (accounts, value)."""
    answers: Mapping[Grain, Mapping[str, tuple[list[str], list[str]]]] = {}
    """Column of an answer (cs_engine.usage.answers) -> (subjects, what they answered, as text)."""
    held_since: Mapping[Grain, Mapping[str, tuple[list[str], list[Micros]]]] = {}
    """Column of held(…) (cs_engine.usage.spells) -> (subjects, since when its condition has been true of them)."""
    claimed: Mapping[str, tuple[list[str], list[Micros]]] = {}
    """Milestone that customers confirm -> (accounts of whom it came true, when), whether they have said yes or not."""
    doubted: Mapping[str, tuple[list[str], list[Micros]]] = {}
    """Of those -> (accounts who have said that it is not so yet, or whom nobody could ask, since when)."""
    first_looks: frozenset[str] = frozenset()
    """Of those the ones that are looked at for the first time: what is true of them now is history, and counts."""
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


class Spread(NamedTuple):
    """How the values of one column lie over all rows of its grain: numbers, times, or yes and no as 1 and 0."""

    rows: int
    blanks: int
    zeros: int
    least: float | datetime | None = None
    """These four are values that occur; None where every row is blank, and of text."""
    median: float | datetime | None = None
    p90: float | datetime | None = None
    most: float | datetime | None = None
    bars: tuple[int, ...] = ()
    """How many values lie in equal steps from the least on, the few that are very large in the last; empty when all are one."""
    distinct: int | None = None
    """Of text: how many values there are."""


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

    def judged(self, conditions: Sequence[Expression], seen: Sequence[str]) -> list[Mask] | None:
        """For each condition whether it was true of those whose values the journal kept (JSON each); None where nobody can say."""

    def spreads(self, grain: Grain, names: Sequence[str]) -> Mapping[str, Spread]:
        """For each name how its values lie: set-wise, however many rows there are."""

    def stock(self) -> Stock:
        """How much there is of everything."""

    def values(self, grain: Grain, expressions: Mapping[str, Expression], rows: Rows) -> list[str]:
        """For each row a JSON object of the expressions' values, by name: what a passage keeps."""

    def milestones(self) -> Mapping[str, Mask]:
        """Milestone -> accounts of whom its condition has come true by now (before, or newly), whether it counts or not."""

    def became(self, milestone: str, rows: Rows, after: Micros | None) -> tuple[list[Micros], list[str]]:
        """For accounts at these rows, which have reached it by now: when it became true, and JSON of what its condition named then.

        Never later than now, which stands where nobody can tell. `after`: the last tick, if it saw it false of those who were there.
        """

    def occurrences(self, entry: EventEntry, grain: Grain, since: datetime) -> Occurrences:
        """The events that passages of that entry may begin with, after `since`."""

    def passages(self, grain: Grain, rows: Rows, kept: Sequence[str], likely: Sequence[Expression] = ()) -> PassageFacts:
        """Facts of passages of the subjects at those rows (-1: not there), with what was kept of each as JSON; '' for nothing.
        `likely`: conditions that will be asked together, over passages of that grain.
        """

    def close(self) -> None: ...


class Feed(Protocol):
    """What was collected, as `Store` has it."""

    def collected(self, after: int, limit: int) -> list[Arrived]: ...

    def collected_mark(self) -> CollectedMark: ...

    def profiles(self, kind: ProfileKind) -> list[Profile]: ...


class Usage(Protocol):
    """The usage store that `sync` fills and every tick reads."""

    def sync(self, on_progress: Callable[[str], None] | None = None, *, anew: bool = False) -> list[SourceReport]:
        """Reads all sources anew; of databases the days that have changed, or all (`anew`). Bad rows are reported; raises SyncStopped when
        they are too many, and SourceAway where a database does not answer, taking nothing.
        """

    def synced(self) -> bool: ...

    def stale(self) -> bool:
        """Whether a source has changed since the last sync, or was never read, or a database is to be asked again: a look at the files, not
        into them.
        """

    def states(self, now: datetime) -> list[SourceState]:
        """What each source is like of which project.yaml demands something; nothing later than `now` counts."""

    def behind(self) -> bool:
        """Whether calls have been collected that the last sync, and what was taken in since, do not have."""

    def take_in(self) -> list[SourceReport]:
        """Takes those in, without reading any other source anew."""

    def waiting(self) -> int:
        """Collected events that are not in, because nobody knows their account yet."""

    def set_name(self) -> str:
        """Names what the last sync made and the key that its addresses are hashed with; '' before the first."""

    def people(self) -> tuple[list[AccountRow], list[ContactRow]]:
        """All accounts and contacts as last synced."""

    def touches(self) -> tuple[Sequence[Touch], Sequence[Reaction]]:
        """What people logged elsewhere, as last synced, and what those touched did in it; nothing where no source of it is named."""

    def rehashed(self, known: Collection[str]) -> list[tuple[str, str]]:
        """(hash in `known`, hash under the newest key) of each address last synced that an older key's hash is known of."""

    def person(self, contacts: Collection[str]) -> dict[str, list[dict[str, Any]]]:
        """Source -> the rows that were last synced of these contacts, with all columns: of `contacts` theirs, else what they did."""

    def known_by(self, hashes: Collection[str]) -> list[str]:
        """The contacts last synced, and not forgotten since, whose address, or id, has one of these keyed hashes, under any key."""

    def forget(self, contacts: Collection[str]) -> None:
        """Blanks all that was synced of these contacts themselves; their ids and accounts stay, and for facts of any `now` they are not
        there. A sync that reads contacts anew brings them back; where their sources are as they were it need not.
        """

    def facts(self, now: datetime, conditions: Iterable[Expression], overlay: Overlay, *, milestones: bool = True) -> Facts:
        """`conditions`, and `milestones`, are evaluated together at once; what is asked for beside them when it is asked for."""
