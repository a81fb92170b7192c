"""The whole language, at random: playbooks that also ask, wait for a yes, begin with events and changes and run in modes; and people who
meanwhile answer, say yes and no, say what became of messages, skip, postpone, pause, resume and unsubscribe.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from hypothesis import strategies as st

from cs_engine.errors import WrongUse
from cs_engine.instants import to_micros
from cs_engine.journey.guards import BREACH
from cs_engine.journey.orders import PAUSE
from cs_engine.journey.preference import Preference
from cs_engine.playbook.config import ProjectConfig
from cs_engine.playbook.plan import AddressedStep, Plan
from cs_engine.ports import Answer, JournalLine
from cs_engine.run import guarding
from cs_engine.run.context import Engine
from cs_engine.run.desk import approving, resolving, stepping
from cs_engine.run.desk.pausing import pause, resume
from tests.properties.days import ACCOUNTS, CONTACTS, Day, begins, days, happens
from tests.properties.documents import Block, Doc, documents, every_step, inner_blocks
from tests.properties.memory import Happened, People
from tests.properties.project import Home
from tests.properties.town import Town

PLAYBOOKS = ("p0", "p1")
_ATOMS = ("account.a0", "account.a1", "account.a2")
_CAPS = [{"per": "contact", "most": 1, "in": "1 days"}, {"per": "account", "most": 3, "in": "2 days"}]
_FEW = {"first_day": 3, "times": 1.5, "at_least": 3}
_GUARDS: list[Mapping[str, Any]] = [{"mails": _FEW}, {"enrolments": _FEW}, {"mails": _FEW, "ctas": _FEW, "enrolments": _FEW}]


# --- playbooks


@st.composite
def wholes(draw: st.DrawFn, playbook: str = "p0", notices: bool = True) -> Doc:
    """A playbook of whatever there is."""
    doc = draw(documents(playbook, notices=notices, least=2))
    _begins_otherwise(draw, doc)
    if mode := draw(st.sampled_from(["", "", "", "shadow", "canary 50%", "ramp 40%/day"])):
        doc["mode"] = mode
    _remembers(draw, doc)
    _asks(draw, doc["steps"], iter(range(1000)))
    return doc


def playbooks() -> st.SearchStrategy[list[Doc]]:
    return st.one_of(wholes("p0").map(lambda doc: [doc]), st.tuples(wholes("p0"), wholes("p1", notices=False)).map(list))


def _begins_otherwise(draw: st.DrawFn, doc: Doc) -> None:
    """With an event, or with a change."""
    match draw(st.sampled_from(["", "", "event", "event", "changed", "segment", "leaves"])):
        case "event":
            doc["enter"] = {"event": "invited", "within": draw(st.sampled_from(["6 hours", "2 days"]))}
            if draw(st.booleans()):
                doc["once_per"] = "event.id"
            if draw(st.booleans()):
                doc["audience"] = draw(st.sampled_from(["event.loud", "not event.loud or account.a1"]))
        case "changed":
            doc["enter"] = {"changed": "account.key"}
        case "segment" | "leaves" as key:
            doc["enter"] = {key: "keen"}
        case _:
            return
    doc.pop("reenter", None)
    if "existing" in doc:
        doc["existing"] = "include"


def _remembers(draw: st.DrawFn, doc: Doc) -> None:
    """What was so at entry, in an `if` of a step or in who leaves."""
    text = f"at_entry({draw(st.sampled_from(_ATOMS))})"
    if not draw(st.integers(0, 4)):
        doc["exit"] = f"{text} and {draw(st.sampled_from(_ATOMS))}"
    for step in every_step(doc["steps"]):
        if isinstance(step, dict) and "if" in step and "then" not in step and not draw(st.integers(0, 4)):
            step["if"] = f"{draw(st.sampled_from(['', 'not ']))}{text}"


def _asks(draw: st.DrawFn, block: Block, numbers: Any) -> None:
    """Mails and alerts ask, mails wait for a yes; what comes after hangs on the answers."""
    for step in list(block):
        if not isinstance(step, dict):
            continue
        for _, inner in inner_blocks(step):
            _asks(draw, inner, numbers)
        if "email" in step and not draw(st.integers(0, 3)):
            step["approve"] = draw(st.sampled_from(["csm", {"by": "sales", "within": "6 hours"}]))
        if ("cta" in step or "notice" in step) and not draw(st.integers(0, 3)):
            step["approve"] = "csm"
        if ("cta" in step or "notice" in step) and not draw(st.integers(0, 2)):
            step["cc"] = draw(st.sampled_from(["sales", ["csm", "sales"]]))
        if ("email" in step or "cta" in step) and not draw(st.integers(0, 2)):
            step["ask"] = draw(st.sampled_from([{"q": "yes_no"}, {"q": "yes_no", "more": "text"}]))
            if draw(st.integers(0, 3)):
                block.insert(block.index(step) + 1, _reader(draw, step["id"], f"r{next(numbers)}"))


def _reader(draw: st.DrawFn, asked: str, id: str) -> Doc:
    """A step that reads the answers to another."""
    read = draw(st.sampled_from([f"done('{asked}')", f"answer('{asked}.q')", f"not answer('{asked}.q')"]))
    match draw(st.sampled_from(["wait", "wait_long", "if", "mail"])):
        case "wait":
            return {"id": id, "wait_until": f"{read} or account.a2", "at_most": draw(st.sampled_from(["6 hours", "2 days"]))}
        case "wait_long":
            return {"id": id, "wait_until": read}
        case "if":
            return {"if": read, "then": [{"id": id, "email": "two"}]}
        case _:
            return {"id": id, "if": read, "email": "two"}


def configs(home: Home) -> st.SearchStrategy[ProjectConfig]:
    """The project's rules."""
    config = home.project.config
    return st.builds(
        lambda caps, guards: ProjectConfig.model_validate(
            {**config.model_dump(by_alias=True, exclude_unset=True), "caps": caps, "guards": guards}
        ),
        st.sampled_from([[], [], _CAPS]),
        st.sampled_from([{}, {}, *_GUARDS]),
    )


# --- days


class Act(NamedTuple):
    """Somebody does something before the tick. What it is about is picked from what there is."""

    what: str
    pick: int


ACTS = (
    ["invited"] * 3
    + ["answers"] * 3
    + ["says_yes"] * 3
    + ["says_no", "resolves", "skips", "postpones", "pauses", "resumes", "resumes", "lets_go", "refuses"]
)


class Whole(NamedTuple):
    day: Day
    acts: tuple[Act, ...]


def whole_days() -> st.SearchStrategy[Whole]:
    acts = st.lists(st.builds(Act, st.sampled_from(ACTS), st.integers(0, 99)), max_size=5).map(tuple)
    edits = st.one_of(*[st.none()] * 9, wholes("p0"))
    return st.builds(lambda day, acts, edits: Whole(replace(day, edits=edits), acts), days(), acts, edits)


def comes(whole: Whole, people: People, now: datetime) -> None:
    """What the day does to the people."""
    happens(whole.day, people)
    for number, act in enumerate(whole.acts):
        if act.what == "invited":
            contact = list(CONTACTS)[act.pick % len(CONTACTS)]
            at = now - timedelta(hours=act.pick % 30)
            people.events.append(Happened(f"{now:%m%d%H%M}-{number}", CONTACTS[contact][0], contact, at, act.pick % 2 == 0))


def dawns(whole: Whole, town: Town, now: datetime) -> None:
    """What the day does to a town, before its tick."""
    begins(whole.day, town)
    with town.people_at_work(now) as engine:
        for act in whole.acts:
            if (does := _DOES.get(act.what)) is not None:
                does(town, engine, act.pick, now)


def answer_all(town: Town, now: datetime) -> None:
    """Whatever waits for a person gets a yes, and no pause stands."""
    with town.people_at_work(now) as engine:
        while town.store.approvals_waiting():
            _says(town, engine, 0, now, yes=True)
        for order in engine.store.orders(to_micros(now)):
            if order.kind == PAUSE:
                resume(engine, order.playbook, order.account_id)
        _lets_go(town, engine, 0, now)


def _answers(town: Town, engine: Engine, pick: int, now: datetime) -> None:
    arrived = town.rows(
        "SELECT id, enrolment_id, playbook, digest, account_id, subject_id, step, recipient, recipient_kind FROM messages "
        "WHERE state = 'accepted' AND kind IN ('email', 'cta') AND enrolment_id <> '' ORDER BY id"
    )
    asking = [(row, step) for row in arrived if (step := _asking(town, row[3], row[6])) is not None]
    if not asking:
        return
    (id, enrolment, playbook, _, account, subject, at_step, by, kind), step = asking[pick % len(asking)]
    fields = [question.field for question in step.ask][: 1 + pick % 2]
    value = "true" if pick % 3 else "false"
    given = [
        Answer(enrolment, playbook, account, subject, at_step, f, value if f == "q" else "so", by, kind, id, to_micros(now)) for f in fields
    ]
    lines = [JournalLine(to_micros(now), playbook, account, subject, enrolment, at_step, "answered", field, "") for field in fields]
    engine.store.put_answers(given, lines)


def _asking(town: Town, digest: str, step: str) -> AddressedStep | None:
    found: Plan | None = next((plan for plan in town.versions.values() if plan.digest == digest), None)
    at = found.step(step) if found is not None else None
    return at if isinstance(at, AddressedStep) and at.ask else None


def _says(town: Town, engine: Engine, pick: int, now: datetime, *, yes: bool) -> None:
    if waiting := sorted(town.store.approvals_waiting()):
        approval = waiting[pick % len(waiting)]
        if not approving.answer(engine.store, engine.project, approval, "lead@vendor.example", now, yes=yes):
            assert not yes or pick, "what waits can be answered"


def _resolves(town: Town, engine: Engine, pick: int, now: datetime) -> None:
    """Whoever looks says what is so."""
    if doubtful := sorted(one.id for one in engine.store.uncertain()):
        id = doubtful[pick % len(doubtful)]
        resolving.resolve(engine, id, "looked", sent=any(id in channel.taken for channel in town.channels.values()))


def _skips(town: Town, engine: Engine, pick: int, now: datetime) -> None:
    with suppress(WrongUse):
        stepping.skip(engine, *_inside(town, pick), None, "known to us")


def _postpones(town: Town, engine: Engine, pick: int, now: datetime) -> None:
    until = to_micros(now + timedelta(hours=1 + pick))
    with suppress(WrongUse):
        stepping.postpone(engine, *_inside(town, pick), None, until, "later")


def _inside(town: Town, pick: int) -> tuple[str, str]:
    """(account, playbook) of somebody who is inside, as a rule."""
    inside = town.rows("SELECT account_id, playbook FROM enrolments WHERE state = 'active' ORDER BY id") or [("acc0", "p0")]
    account, playbook = inside[pick % len(inside)]
    return account, playbook


def _pauses(town: Town, engine: Engine, pick: int, now: datetime) -> None:
    pause(engine, PLAYBOOKS[pick % 2], list(ACCOUNTS)[pick % len(ACCOUNTS)] if pick % 3 else "", "wrong prices")


def _resumes(town: Town, engine: Engine, pick: int, now: datetime) -> None:
    standing = sorted(order[:2] for order in engine.store.orders(to_micros(now)) if order.kind == PAUSE)
    if standing:
        assert resume(engine, *standing[pick % len(standing)])


def _lets_go(town: Town, engine: Engine, pick: int, now: datetime) -> None:
    for run in sorted({order.by for order in engine.store.orders(to_micros(now)) if order.kind.startswith(BREACH)}):
        assert guarding.approve(engine, run, "lead@vendor.example")


def _refuses(town: Town, engine: Engine, pick: int, now: datetime) -> None:
    contact = list(CONTACTS)[pick % len(CONTACTS)]
    engine.store.set_preferences([Preference(f"hash of {contact}", "tips" if pick % 2 else "", False, "page", to_micros(now))])
    town.refused.add((contact, "tips"))


_DOES: Mapping[str, Callable[[Town, Engine, int, datetime], None]] = {
    "answers": _answers,
    "says_yes": lambda *given: _says(*given, yes=True),
    "says_no": lambda *given: _says(*given, yes=False),
    "resolves": _resolves,
    "skips": _skips,
    "postpones": _postpones,
    "pauses": _pauses,
    "resumes": _resumes,
    "lets_go": _lets_go,
    "refuses": _refuses,
}
