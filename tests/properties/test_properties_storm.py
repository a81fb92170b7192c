"""Whatever days bring, whatever becomes of messages, wherever processes die: what must never be, never is, and nobody is stuck."""

from __future__ import annotations

from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, precondition, rule, run_state_machine_as_test

from cs_engine.instants import to_micros
from cs_engine.journey.message import ALARM
from cs_engine.playbook.plan import Cta, Email, Notice, Plan
from tests.properties.days import CONTACTS, Day, Flags, begins, days, happens, initially, moments, playbooks, towns
from tests.properties.documents import Doc
from tests.properties.dwelling import FATES, Dwelling, sometimes_lost
from tests.properties.memory import Fate
from tests.properties.profiles import quick, soak
from tests.properties.project import Home
from tests.properties.town import START, Life, Moment, Town, mixed


class Storm(Dwelling):
    """A town whose playbooks use what journeys are made of."""

    longest = 60

    def __init__(self) -> None:
        super().__init__()
        self.horizon = False
        self.plans: dict[str, Plan] = {}

    @initialize(docs=playbooks(), flags=initially(), knows=st.booleans())
    def opens(self, docs: list[Doc], flags: Flags, knows: bool) -> None:
        self.people = towns(flags)
        self.town = Town(self.home.project, docs, self.people, self._fate, knows=knows)
        self.town.sync()

    # --- what happens

    @rule(day=days(), weather=st.integers(0, 1000))
    def passes(self, day: Day, weather: int) -> None:
        self._dawns(day, weather)
        self.ticks(day.horizon)

    @rule(day=days(), weather=st.integers(0, 1000), moment=moments())
    def dies(self, day: Day, weather: int, moment: Moment) -> None:
        """And no one runs that tick again."""
        self._dawns(day, weather)
        self.town.survives(self.now, Life(moment), self.horizon_of(day.horizon))

    @rule()
    @precondition(lambda self: self.now > START)
    def repeats(self) -> None:
        before = self.town.rows("SELECT count(*) FROM journal WHERE event IN ('entered', 'advanced', 'finished')")
        completed = self.town.rows("SELECT count(*) FROM ticks WHERE now = :now AND completed_at IS NOT NULL", now=to_micros(self.now))
        self.ticks(self.horizon)  # with another one other mail would go, and its ways out would be asked
        after = self.town.rows("SELECT count(*) FROM journal WHERE event IN ('entered', 'advanced', 'finished')")
        assert after == before or completed == [(0,)], "a repeat decides nothing"

    def version(self, digest: str) -> Plan:
        return self.plans[digest]

    def _dawns(self, day: Day, weather: int) -> None:
        self.now, self.weather, self.horizon = self.now + day.span, weather, day.horizon
        happens(day, self.people)
        begins(day, self.town)
        self.plans |= {plan.digest: plan for plan in self.town.project.plans.values()}
        if day.mutes:
            self.muted.add(day.mutes)

    def ticks(self, horizon: bool = False) -> None:
        self.plans |= {plan.digest: plan for plan in self.town.project.plans.values()}
        known = self.town.store.playbooks()
        due = {p for p in self.town.project.plans if p not in known or known[p].next_due_at <= to_micros(self.now)}
        assert self.town.survives(self.now, horizon=self.horizon_of(horizon))
        for who, plan in self.active():
            if plan.playbook in due:
                self.stands_well(who, plan)

    def _fate(self, message: str, now: datetime) -> Fate:
        """Looks at the very moment at which it leaves."""
        rows = self.town.rows(
            "SELECT m.state, m.kind, m.channel, m.recipient, m.digest, m.subject_id, e.state, e.step = m.step "
            "FROM messages m JOIN enrolments e ON e.id = m.enrolment_id WHERE m.id = :id "
            "UNION ALL SELECT state, kind, channel, recipient, digest, subject_id, '', false FROM messages "
            "WHERE id = :id AND enrolment_id = ''",
            id=message,
        )
        ((state, kind, channel, recipient, digest, subject, enrolment, here),) = rows
        assert state == "dispatching"
        assert recipient not in self.muted
        assert kind in ("cta_update", ALARM) or (enrolment == "active" and here), (
            "nothing goes after a goal or exit, or from a step that was left"
        )
        if channel == "email" and recipient in CONTACTS:
            assert not self.is_held(digest, subject), "customer mail waits while a hold is on"
        return FATES[mixed(self.weather, message, now) % len(FATES)] if self.weather else "accepted"

    # --- what always holds

    @invariant()
    @precondition(lambda self: hasattr(self, "town"))
    def nothing_is_there_twice(self) -> None:
        twice = "SELECT {0}, count(*) FROM {1} GROUP BY {0} HAVING count(*) > 1"
        for _, digest, step_id, *_, times in self.town.rows(
            twice.format("enrolment_id, digest, step, channel, recipient, kind", "(SELECT * FROM messages WHERE kind <> 'alarm') AS m")
        ):
            step = self.plans[digest].step(step_id)
            assert isinstance(step, Email | Notice | Cta)
            assert step.repeat is not None
            assert times <= step.repeat.times
        alarms = "(SELECT * FROM messages WHERE kind = 'alarm') AS m"
        assert self.town.rows(twice.format("cta_id, step, planned_at", alarms)) == [], "what happens to a CTA is told once"
        assert self.town.rows(twice.format("playbook, subject_id, key, passage", "enrolments")) == []
        assert self.town.rows(twice.format("playbook, subject_id, state", "enrolments WHERE state = 'active'")) == []

    @invariant()
    @precondition(lambda self: hasattr(self, "town"))
    def control_has_no_effect(self) -> None:
        for table in ("messages", "ctas"):
            assert self.town.rows(f"SELECT t.id FROM {table} t JOIN enrolments e ON e.id = t.enrolment_id WHERE e.control") == []
        groups = self.town.rows(
            "SELECT account_id FROM enrolments GROUP BY playbook, account_id, digest HAVING min(control) < max(control)"
        )
        assert groups == [] or any(plan.holdout for plan in self.plans.values())

    @invariant()
    @precondition(lambda self: hasattr(self, "town"))
    def nothing_is_sent_twice_unless_its_author_risks_it(self) -> None:
        for name, channel in self.town.channels.items():
            for message in [id for id, times in channel.times.items() if times > 1]:
                ((digest, step_id),) = self.town.rows("SELECT digest, step FROM messages WHERE id = :id", id=message)
                assert digest, "what is told of a CTA is never sent again in doubt"
                step = self.plans[digest].step(step_id)
                assert not channel.knows, name
                assert isinstance(step, Email | Notice)
                assert step.uncertain == "resend"
                assert channel.times[message] <= 3

    @invariant()
    @precondition(lambda self: hasattr(self, "town"))
    def what_was_accepted_arrived(self) -> None:
        accepted = {id for (id,) in self.town.rows("SELECT id FROM messages WHERE state = 'accepted'")}
        arrived = {id for channel in self.town.channels.values() for id in channel.taken}
        assert accepted <= arrived
        if all(channel.knows for channel in self.town.channels.values()):
            doubtful = {id for (id,) in self.town.rows("SELECT id FROM messages WHERE state IN ('dispatching', 'uncertain')")}
            assert arrived <= accepted | doubtful


def storms(home: Home) -> type[Storm]:
    return type("StormOfTheProject", (Storm,), {"home": home})


def test_no_storm_breaks_what_always_holds(home: Home) -> None:
    run_state_machine_as_test(storms(home), settings=quick(13, 10))


@pytest.mark.soak
def test_storms_soak(home: Home) -> None:
    run_state_machine_as_test(storms(home), settings=soak(600, 20))


@quick(3)
@given(docs=playbooks(), flags=initially(), story=st.lists(days(), min_size=3, max_size=6))
def test_the_same_days_give_the_same_journal_line_by_line(home: Home, docs: list[Doc], flags: Flags, story: list[Day]) -> None:
    one, other = (_journal(home, docs, flags, story) for _ in range(2))
    assert one == other


def _journal(home: Home, docs: list[Doc], flags: Flags, story: list[Day]) -> list[tuple[object, ...]]:
    people, now = towns(flags), START
    town = Town(home.project, docs, people, sometimes_lost)
    for day in story:
        now += day.span
        happens(day, people)
        begins(day, town)
        assert town.survives(now)
    journal = town.journal()
    town.close()
    return journal
