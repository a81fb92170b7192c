"""The whole language under random people: what the promises of journeys say, whatever a playbook uses and whoever meddles.

Every message is planned at most once; planned = accepted + skipped + rejected + uncertain + held + pending; nobody is stuck: each active
passage has a due time or a condition; nothing is sent after a goal, an exit, a pause or a refusal, or before its yes; and the same inputs
give the same journal.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, precondition, rule, run_state_machine_as_test

from cs_engine.instants import to_micros
from cs_engine.journey.enrolment import Standing
from cs_engine.journey.orders import PAUSE
from cs_engine.playbook.config import ProjectConfig
from cs_engine.playbook.plan import SHADOW, AddressedStep, Cta, Email, Notice, Plan, WaitUntil, shadow_of
from tests.properties import conditions
from tests.properties.days import ACCOUNTS, CONTACTS, Day, Flags, initially, moments, towns
from tests.properties.documents import Doc
from tests.properties.dwelling import FATES, Dwelling, sometimes_lost
from tests.properties.memory import Fate
from tests.properties.profiles import quick, soak
from tests.properties.project import Home
from tests.properties.town import START, Life, Moment, Town, mixed
from tests.properties.whole import Act, Whole, answer_all, comes, configs, dawns, playbooks, whole_days

_NOT_PAUSED = ("cta_update", "alarm")
_TRANSACTIONAL = "transactional"


class Gale(Dwelling):
    """A town in which everything is used."""

    longest = 80

    @initialize(docs=playbooks(), flags=initially(), knows=st.booleans(), data=st.data())
    def opens(self, docs: list[Doc], flags: Flags, knows: bool, data: st.DataObject) -> None:
        self.people = towns(flags)
        config = data.draw(configs(self.home))
        self.town = Town(replace(self.home.project, config=config), docs, self.people, self._fate, knows=knows)
        self.town.sync()

    # --- what happens

    @rule(whole=whole_days(), weather=st.integers(0, 1000))
    def passes(self, whole: Whole, weather: int) -> None:
        self._dawns(whole, weather)
        self.ticks(whole.day.horizon)

    @rule(whole=whole_days(), weather=st.integers(0, 1000), moment=moments())
    def dies(self, whole: Whole, weather: int, moment: Moment) -> None:
        """And no one runs that tick again."""
        self._dawns(whole, weather)
        self.town.survives(self.now, Life(moment), self.horizon_of(whole.day.horizon))

    @rule(evening=whole_days(), morning=whole_days(), weather=st.integers(0, 1000))
    def sleeps(self, evening: Whole, morning: Whole, weather: int) -> None:
        """What is planned in the evening is held, and goes in the morning, when most playbooks are not due."""
        for whole, (hour, minute) in ((evening, (20, 15)), (morning, (8, 30))):
            at = self.now.replace(hour=hour, minute=minute)
            self._dawns(whole, weather, at if at > self.now else at + timedelta(days=1))
            self.ticks()

    def _dawns(self, whole: Whole, weather: int, now: datetime | None = None) -> None:
        self.now, self.weather = now or self.now + whole.day.span, weather
        comes(whole, self.people, self.now)
        dawns(whole, self.town, self.now)
        if whole.day.mutes:
            self.muted.add(whole.day.mutes)

    def ticks(self, horizon: bool = False) -> None:
        known = self.town.store.playbooks()
        due = {p for p in self.town.project.plans if p not in known or known[p].next_due_at <= to_micros(self.now)}
        assert self.town.survives(self.now, horizon=self.horizon_of(horizon))
        assert self.town.report is not None
        waiting = {held.playbook for held in self.town.report.guards}
        for who, plan in self.active():
            if plan.playbook in due - waiting:
                self.stands_well(who, plan)

    def _fate(self, message: str, now: datetime) -> Fate:
        """Looks at the very moment at which it leaves."""
        ((state, kind, topic, playbook, account, recipient, digest, subject, enrolment, step, passage, here, control),) = self.town.rows(
            "SELECT m.state, m.kind, m.topic, m.playbook, m.account_id, m.recipient, m.digest, m.subject_id, m.enrolment_id, m.step, "
            "e.state, e.step = m.step, e.control FROM messages m LEFT JOIN enrolments e ON e.id = m.enrolment_id WHERE m.id = :id",
            id=message,
        )
        assert state == "dispatching"
        assert recipient not in self.muted
        if kind not in _NOT_PAUSED:
            assert passage == "active", "nothing goes after a goal or exit"
            assert here, "nothing goes from a step that was left"
            assert not control, "nothing goes in shadow, or to control"
            assert self._pause(playbook, account) is None, "nothing goes while the playbook, or the account in it, is paused"
            assert not self._is_out(digest, subject), "nothing goes to who meets a goal or an exit by now, due or not"
            assert not self._is_through(digest, subject, step), "nothing goes of a block whose wait is met by now, due or not"
            self._was_wanted(message, kind, enrolment, step, digest)
        if kind == "email" and topic != _TRANSACTIONAL and recipient in CONTACTS:
            assert (recipient, topic) not in self.town.refused
            assert not self.is_held(digest, subject), "mail waits while a hold is on"
        return FATES[mixed(self.weather, message, now) % len(FATES)] if self.weather else "accepted"

    def _is_out(self, digest: str, subject: str) -> bool:
        plan = self.version(digest)
        row = self.town.facts.rows(plan.subject).get(subject)
        asked = [leave for leave in plan.leaves() if not leave.condition.of_passage]
        return row is not None and any(bool(self.town.facts.mask(leave.condition)[row]) == leave.when for leave in asked)

    def _is_through(self, digest: str, subject: str, step: str) -> bool:
        plan = self.version(digest)
        at, row = plan.step(step), self.town.facts.rows(plan.subject).get(subject)
        waits = [wait for id in (at.watched_by if at is not None else ()) if isinstance(wait := plan.step(id), WaitUntil)]
        if row is None or self.is_held(digest, subject):
            return False
        return any(bool(self.town.facts.mask(wait.until)[row]) for wait in waits if not wait.until.of_passage)

    def _was_wanted(self, message: str, kind: str, enrolment: str, step: str, digest: str) -> None:
        """Nobody has ordered the step away, and who reads its mails or alerts has said yes; a copy goes with its alert's."""
        orders = self.town.rows("SELECT kind FROM step_orders WHERE enrolment_id = :id AND step = :step", id=enrolment, step=step)
        assert ("skip",) not in orders
        at = self.version(digest).step(step)
        if not isinstance(at, AddressedStep) or at.approve is None:
            return
        if kind == "cta_copy":
            said = self.town.rows("SELECT answer FROM approvals WHERE enrolment_id = :id AND step = :step", id=enrolment, step=step)
            assert ("approved",) in said, "no copy goes without its alert's yes"
        elif not self.town.rows("SELECT id FROM messages WHERE id = :id AND channel = 'slack' AND kind = 'notice'", id=message):
            said = self.town.rows("SELECT answer FROM approvals WHERE message_id = :id", id=message)
            assert said == [("approved",)], "nothing goes without its yes"

    def _pause(self, playbook: str, account: str) -> object:
        standing = {order[:2] for order in self.town.store.orders(to_micros(self.now)) if order.kind == PAUSE}
        return next((key for key in ((playbook, ""), (playbook, account)) if key in standing), None)

    def version(self, digest: str) -> Plan:
        plan = self.town.versions[digest.removesuffix(SHADOW)]
        return shadow_of(plan) if digest.endswith(SHADOW) else plan

    # --- what always holds

    def stands_still(self, who: Standing, plan: Plan) -> bool:
        if who.held_since is not None:
            paused = self._pause(plan.playbook, who.account_id) is not None
            assert paused or self.is_held(plan.digest, who.subject_id), "its timers stand still because of a pause, or a hold that is on"
            return True
        postponed = self.town.rows(
            "SELECT until FROM step_orders WHERE enrolment_id = :id AND step = :step AND kind = 'postpone'", id=who.id, step=who.step
        )
        return bool(postponed) and postponed[0][0] > to_micros(self.now)

    def rests(self) -> None:
        """All who are asked say yes."""
        answer_all(self.town, self.now)

    @invariant()
    @precondition(lambda self: hasattr(self, "town"))
    def nothing_is_there_twice(self) -> None:
        twice = "SELECT {0}, count(*) FROM {1} GROUP BY {0} HAVING count(*) > 1"
        of_messages = twice.format("enrolment_id, digest, step, channel, recipient, kind", "messages WHERE kind <> 'alarm'")
        for _, digest, step_id, *_, times in self.town.rows(of_messages):
            step = self.version(digest).step(step_id)
            assert isinstance(step, Email | Notice | Cta)
            assert step.repeat is not None
            assert times <= step.repeat.times
        assert self.town.rows(twice.format("playbook, subject_id, key, passage", "enrolments")) == []
        both = self.town.rows(twice.format("playbook, subject_id, state", "enrolments WHERE state = 'active'"))
        parallel = {plan.playbook for plan in self.town.versions.values() if plan.parallel}
        shadows = {plan.playbook for plan in self.town.versions.values() if plan.shadow or plan.mode.kind == "shadow"}
        assert {playbook for playbook, *_ in both} <= parallel | shadows
        kept = "enrolments WHERE state = 'active' AND digest NOT LIKE '%~shadow'"
        assert {playbook for playbook, *_ in self.town.rows(twice.format("playbook, subject_id", kept))} <= parallel

    @invariant()
    @precondition(lambda self: hasattr(self, "town"))
    def control_and_shadow_have_no_effect(self) -> None:
        for table in ("messages", "ctas"):
            assert self.town.rows(f"SELECT t.id FROM {table} t JOIN enrolments e ON e.id = t.enrolment_id WHERE e.control") == []

    @invariant()
    @precondition(lambda self: hasattr(self, "town"))
    def what_was_accepted_arrived(self) -> None:
        accepted = {id for (id,) in self.town.rows("SELECT id FROM messages WHERE state = 'accepted'")}
        assert accepted <= {id for channel in self.town.channels.values() for id in channel.taken}


def gales(home: Home) -> type[Gale]:
    return type("GaleOfTheProject", (Gale,), {"home": home})


def test_no_gale_breaks_what_always_holds(home: Home) -> None:
    run_state_machine_as_test(gales(home), settings=quick(7, 7))


@pytest.mark.soak
def test_gales_soak(home: Home) -> None:
    run_state_machine_as_test(gales(home), settings=soak(600, 20))


_ASKED = conditions.conditions(*conditions.ACCOUNT_FLAGS[:2])
_NIGHTLY: list[Doc] = [
    {"id": "h", "email": "one", "to": "everyone"},
    {"id": "w", "at_most": "6 hours", "otherwise": [{"id": "h", "email": "one", "to": "everyone"}], "after": "keep_waiting"},
]


@st.composite
def nightly(draw: st.DrawFn) -> Doc:
    """A playbook that is due in the evening, with a way out of it, or of an `otherwise` block, and perhaps a hold."""
    doc: Doc = {"playbook": "p0", "topic": "tips", "existing": "include", "once_per": "account.key", "schedule": "0 20 * * *"}
    step = dict(draw(st.sampled_from(_NIGHTLY)))
    if "otherwise" in step:
        step["wait_until"] = draw(_ASKED)
    way_out = draw(st.sampled_from(["goal", "exit", "while"]))
    doc |= {way_out: draw(_ASKED)} if "otherwise" not in step else {}
    doc |= {"hold": "account.a2"} if draw(st.booleans()) else {}
    return {**doc, "steps": [step, {"id": "z", "wait": "1 day"}, {"id": "y", "email": "two"}]}


def turning() -> st.SearchStrategy[Whole]:
    """Half of what the ways out ask becomes what it was not, somebody wants no mail any more, and somebody refuses it."""
    asked = [(account, flag) for account in ACCOUNTS for flag in conditions.ACCOUNT_FLAGS[:3]]
    bits = st.binary(min_size=len(asked) // 8, max_size=len(asked) // 8).map(lambda raw: int.from_bytes(raw, "big"))
    turns = bits.map(lambda bits: tuple(flag for i, flag in enumerate(asked) if bits >> i & 1))
    mutes, refuses = st.sampled_from(["", *CONTACTS]), st.integers(0, 99).map(lambda pick: (Act("refuses", pick),))
    return st.builds(lambda turns, mutes, acts: Whole(Day(timedelta(hours=12), turns, mutes=mutes), acts), turns, mutes, refuses)


@quick(12)
@given(doc=nightly(), nights=st.lists(st.tuples(turning(), turning()), min_size=3, max_size=4))
def test_nothing_held_overnight_goes_to_who_is_out_or_wants_none_by_the_morning(
    home: Home, doc: Doc, nights: list[tuple[Whole, Whole]]
) -> None:
    life = gales(home)()
    life.people = towns([])
    life.town = Town(home.project, [doc], life.people, life._fate)
    for evening, morning in nights:
        life.sleeps(evening, morning, 0)
    life.town.close()


@quick(3)
@given(docs=playbooks(), flags=initially(), story=st.lists(whole_days(), min_size=3, max_size=6), data=st.data())
def test_the_same_inputs_give_the_same_journal(home: Home, docs: list[Doc], flags: Flags, story: list[Whole], data: st.DataObject) -> None:
    config = data.draw(configs(home))
    one, other = (_journal(home, docs, flags, story, config) for _ in range(2))
    assert one == other


def _journal(home: Home, docs: list[Doc], flags: Flags, story: list[Whole], config: ProjectConfig) -> list[tuple[object, ...]]:
    people, now = towns(flags), START
    town = Town(replace(home.project, config=config), docs, people, sometimes_lost)
    for whole in story:
        now += whole.day.span
        comes(whole, people, now)
        dawns(whole, town, now)
        assert town.survives(now)
    journal = town.journal()
    town.close()
    return journal
