"""Random days in a small town: what becomes true, who comes and goes, who wants no mail, what the author edits."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

from hypothesis import strategies as st

from cs_engine.instants import to_micros
from tests.properties.conditions import ACCOUNT_FLAGS, CONTACT_FLAGS
from tests.properties.documents import Doc, documents
from tests.properties.memory import People
from tests.properties.project import with_playbooks
from tests.properties.town import START, Moment, Town

V = TypeVar("V")
Flags = set[tuple[str, str]]
"""(account or contact, flag) of every flag that is set."""

_CSMS = ("alex@vendor.example", "", "left@vendor.example", "lead@vendor.example")
_ROLES = ("champion", "operator", "champion", "user", "operator")
ACCOUNTS = {f"acc{i}": _CSMS[i % 4] for i in range(8)}
CONTACTS = {f"con{i}": (f"acc{i % 7}", _ROLES[i % 5]) for i in range(12)}
"""Contact -> (account, role). The last account has nobody."""
FLAGS = [(account, flag) for account in ACCOUNTS for flag in ACCOUNT_FLAGS] + [(c, flag) for c in CONTACTS for flag in CONTACT_FLAGS]
SPANS = [timedelta(hours=hours) for hours in (0.25, 1, 3, 11, 13, 24, 96)]
"""From the evening, when mail is planned and held, into the morning, when it goes whether its playbook is due or not."""


@dataclass(frozen=True)
class Day:
    """What has happened when the next tick comes."""

    span: timedelta
    turns: tuple[tuple[str, str], ...] = ()
    """Flags that become what they were not."""
    goes: str = ""
    """An account or contact that vanishes, or, having vanished, is back."""
    renews: str = ""
    """An account with a new value of `account.key`."""
    mutes: str = ""
    """A contact that wants no mail any more."""
    edits: Doc | None = None
    """The first playbook as its author has it now."""
    horizon: bool = False
    """Delivery runs on for a day."""


def moments() -> st.SearchStrategy[Moment]:
    """When a process dies, or a twin comes in: mostly at what writes or sends."""
    writing = ["commit", "claim", "settle", "send", "commit", "claim", "settle", "send", "skip_left", "close_ctas", "latch"]
    others = [
        "register_plan",
        "put_passed_over",
        "begin_tick",
        "end_tick",
        "playbooks",
        "occupied",
        "standing",
        "passages",
        "expired_leases",
        "lookup",
        "uncertain",
        "counts",
    ]
    return st.builds(Moment, st.sampled_from([*writing, *writing, *others]), st.sampled_from([0, 0, 0, 0, 1, 2]), st.booleans())


def initially() -> st.SearchStrategy[Flags]:
    """The flags that are set on the first day."""
    return st.integers(0, 2 ** len(FLAGS) - 1).map(lambda bits: {flag for i, flag in enumerate(FLAGS) if bits >> i & 1})


def towns(flags: Iterable[tuple[str, str]]) -> People:
    """The people as the first day finds them."""
    return People(dict(ACCOUNTS), dict(CONTACTS), dict.fromkeys(ACCOUNTS, "k0"), set(flags))


def playbooks() -> st.SearchStrategy[list[Doc]]:
    """One or two playbooks; the notices are in the first."""
    first, second = documents("p0", least=2), documents("p1", notices=False, least=2)
    return st.one_of(first.map(lambda doc: [doc]), st.tuples(first, second).map(list))


def days() -> st.SearchStrategy[Day]:
    return st.builds(
        Day,
        span=st.sampled_from(SPANS),
        turns=st.lists(st.sampled_from(FLAGS), max_size=14, unique=True).map(tuple),
        goes=st.one_of(st.just(""), st.just(""), st.just(""), st.sampled_from([*ACCOUNTS, *CONTACTS])),
        renews=st.one_of(st.just(""), st.just(""), st.sampled_from(list(ACCOUNTS))),
        mutes=st.one_of(*[st.just("")] * 5, st.sampled_from(list(CONTACTS))),
        edits=st.one_of(*[st.none()] * 9, documents("p0", least=2)),
        horizon=st.booleans(),
    )


def happens(day: Day, people: People) -> None:
    """What the day does to the people."""
    people.flags.symmetric_difference_update(day.turns)
    _goes(day.goes, people.accounts, ACCOUNTS)
    _goes(day.goes, people.contacts, CONTACTS)
    if day.renews:
        people.keys[day.renews] += "'"


def _goes(who: str, there: dict[str, V], all_of_them: Mapping[str, V]) -> None:
    if there.pop(who, None) is None and who in all_of_them:
        there[who] = all_of_them[who]


def begins(day: Day, town: Town) -> None:
    """What the day does to a town, before its tick."""
    if day.mutes:
        town.store.suppress(f"hash of {day.mutes}", "asked", to_micros(START))
    if day.edits is not None:
        others = [doc for doc in town.docs if doc["playbook"] != day.edits["playbook"]]
        town.docs = [day.edits, *others]
        town.project = with_playbooks(town.project, town.docs)
    town.sync()
