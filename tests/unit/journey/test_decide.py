"""Each rule of a walk, on plans made by hand: no file, no database, no clock."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest

from cs_engine.instants import NO_TIME
from cs_engine.journey.decide import Cohort, View, Walk, walk
from cs_engine.journey.enrolment import ARRIVE
from cs_engine.language.expression import Duration, Expression, Grain, Type
from cs_engine.language.problems import Place
from cs_engine.playbook.plan import AnyStep, Branch, Edge, Email, People, Plan, Schedule, Stop, Wait, WaitUntil

HERE = Place("playbooks/x.yaml")
DAY = 86_400_000_000
NOW = 100 * DAY


def condition(text: str) -> Expression:
    return Expression(text, Grain.ACCOUNT, text, Type.BOOLEAN, (text,))


def email(id: str, then: str | None, **more: object) -> Email:
    return Email(id=id, place=HERE, next=Edge(then), template=id, to=People("champion"), **more)  # type: ignore[arg-type]


def wait(id: str, days: int, then: str | None) -> Wait:
    return Wait(id=id, place=HERE, next=Edge(then), duration=Duration(days, "days"))


def plan(*steps: AnyStep, goal: str | None = None, exit: str | None = None) -> Plan:
    return Plan(
        playbook="p", digest="d", file="playbooks/x.yaml", title={"": "P"}, owner="", subject=Grain.ACCOUNT, topic="general", touch="tech",
        phase=None, audience=None, enter=None, once_per=None, existing=None, goal=condition(goal) if goal else None,
        exit=condition(exit) if exit else None, schedule=Schedule("every 15 minutes", 15), priority=50, vars={}, steps=steps,
    )  # fmt: skip


def standing(step: str, *, since: int = NOW, ended: int = NO_TIME, otherwise_done: bool = False, size: int = 1) -> Cohort:
    return Cohort(
        step,
        np.arange(size),
        np.full(size, since),
        np.full(size, ended),
        np.full(size, otherwise_done),
        np.full(size, since),
        np.zeros(size, dtype=bool),
        np.zeros(size, dtype=bool),
        np.zeros(size, dtype=np.int64),
    )


def arriving(step: str, size: int = 1) -> Cohort:
    return Cohort(
        step,
        np.arange(size),
        np.full(size, NOW),
        np.full(size, NO_TIME),
        np.zeros(size, dtype=bool),
        np.full(size, NOW),
        np.zeros(size, dtype=bool),
        np.zeros(size, dtype=bool),
        np.zeros(size, dtype=np.int64),
        arriving=True,
    )


def go(of: Plan, cohort: Cohort, truths: Mapping[str, bool | list[bool]] | None = None, reached: bool = True) -> Walk:
    size = int(cohort.row.max(initial=0)) + 1
    known = truths or {}
    return walk(
        of,
        cohort,
        View(
            now=NOW,
            holds=lambda e: np.broadcast_to(np.array(known[e.text]), size),
            reaches=lambda _: np.full(size, reached),
            history=lambda _: np.zeros(size, dtype=bool),
            after=lambda at, duration: at + duration.amount * DAY,
            arms=lambda split, rows: rows % len(split.arms),
            times=lambda e: np.array(known[e.text]),
            days=lambda at: at // DAY,
        ),
    )


def test_one_who_enters_stands_at_the_first_message() -> None:
    out = go(plan(email("a", "b"), email("b", None)), arriving("a"))
    assert (out.step[0], out.finished[0]) == ("a", "")
    assert [(step.id, members.tolist()) for step, members in out.sends] == [("a", [0])]


def test_a_passage_stands_at_the_sending_step_until_its_last_message_has_ended() -> None:
    of = plan(email("a", "b"), email("b", None))
    assert not go(of, standing("a")).moved[0]
    out = go(of, standing("a", ended=NOW - DAY))
    assert out.step[0] == "b"
    assert out.sends[0][0].id == "b"


def test_what_ended_in_this_tick_moves_on_in_the_next_however_often_this_one_is_run() -> None:
    assert not go(plan(email("a", None)), standing("a", since=NOW - DAY, ended=NOW)).moved[0]


def test_the_next_wait_counts_from_when_the_message_ended_not_from_when_it_was_planned() -> None:
    of = plan(email("a", "w"), wait("w", 3, "b"), email("b", None))
    planned_long_ago = standing("a", since=NOW - 9 * DAY, ended=NOW - 2 * DAY)
    out = go(of, planned_long_ago)
    assert (out.step[0], out.since[0]) == ("w", NOW - 2 * DAY)
    out = go(of, standing("a", since=NOW - 9 * DAY, ended=NOW - 3 * DAY))
    assert out.step[0] == "b"


def test_a_wait_ends_at_the_now_of_the_tick_that_finds_it_over() -> None:
    of = plan(wait("w", 2, "v"), wait("v", 1, None))
    out = go(of, standing("w", since=NOW - 30 * DAY))
    assert (out.step[0], out.since[0]) == ("v", NOW)


def test_goal_beats_exit_and_both_beat_the_step() -> None:
    of = plan(wait("w", 1, "a"), email("a", None), goal="won", exit="gone")
    for truths, reason in (({"won": True, "gone": True}, "goal"), ({"won": False, "gone": True}, "exit")):
        out = go(of, standing("w", since=0), truths)
        assert out.finished[0] == reason
        assert not out.sends


def test_a_subject_that_is_not_there_any_more_leaves() -> None:
    cohort = replace(standing("w", since=0), row=np.array([-1]))
    out = go(plan(wait("w", 1, None)), cohort)
    assert (out.finished[0], out.passed[0].reason) == ("exit", "subject_gone")


def test_if_false_passes_the_step_by_in_the_same_tick() -> None:
    of = plan(email("a", "b", only_if=condition("few")), email("b", None))
    out = go(of, arriving("a", 2), {"few": [True, False]})
    assert out.step.tolist() == ["a", "b"]
    assert [(p.step, p.members.tolist(), p.reason) for p in out.passed] == [("a", [1], "if")]


def test_a_step_without_anybody_to_go_to_is_skipped_with_the_reason() -> None:
    out = go(plan(email("a", "w"), wait("w", 1, None)), arriving("a"), reached=False)
    assert (out.step[0], out.passed[0].reason, out.sends) == ("w", "nobody", [])


def test_the_end_of_the_steps_is_done() -> None:
    assert go(plan(email("a", None)), standing("a", ended=NOW - DAY)).finished[0] == "done"
    assert go(plan(wait("w", 1, "s"), Stop(id="s", place=HERE, next=Edge(None))), standing("w", since=0)).finished[0] == "done"


def branch() -> Plan:
    block = Branch(id="if", place=HERE, next=Edge("end"), condition=condition("yes"), then=Edge("t"), otherwise=Edge("e"))
    return plan(block, email("t", "end"), email("e", "end"), email("end", None))


def test_a_branch_takes_each_member_its_own_way() -> None:
    out = go(branch(), arriving("if", 2), {"yes": [True, False]})
    assert out.step.tolist() == ["t", "e"]


def watched(after: str = "keep_waiting") -> Plan:
    ends = {"keep_waiting": Edge("w", otherwise_done=True), "continue": Edge("end"), "stop": Edge(None)}[after]
    return plan(
        WaitUntil(id="w", place=HERE, next=Edge("end"), until=condition("met"), at_most=Duration(5, "days"), otherwise="h", after=after),  # type: ignore[arg-type]
        Email(id="h", place=HERE, next=Edge("h2"), template="h", to=People("champion"), watched_by=("w",)),
        Email(id="h2", place=HERE, next=ends, template="h2", to=People("champion"), watched_by=("w",)),
        email("end", None),
    )


def test_otherwise_begins_when_at_most_has_passed() -> None:
    assert not go(watched(), standing("w", since=NOW - 4 * DAY), {"met": False}).moved[0]
    out = go(watched(), standing("w", since=NOW - 5 * DAY), {"met": False})
    assert (out.step[0], out.sends[0][0].id) == ("h", "h")


def test_if_the_condition_and_at_most_are_both_true_the_condition_wins() -> None:
    assert go(watched(), standing("w", since=NOW - 5 * DAY), {"met": True}).step[0] == "end"


def test_while_in_otherwise_the_wait_stays_watched_and_the_rest_of_the_block_is_left() -> None:
    out = go(watched(), standing("h", ended=NO_TIME), {"met": True})
    assert out.step[0] == "end"
    assert [step.id for step, _ in out.sends] == ["end"]


@pytest.mark.parametrize(
    ("met", "won", "step", "finished"), [(False, False, "h", ""), (True, False, f"end{ARRIVE}", ""), (True, True, "h", "goal")]
)
def test_who_is_only_asked_to_leave_leaves_the_playbook_or_the_block_and_nothing_is_sent(
    met: bool, won: bool, step: str, finished: str
) -> None:
    out = go(replace(watched(), goal=condition("won")), replace(standing("h", ended=NOW - DAY), leaving=True), {"met": met, "won": won})
    assert (out.step[0], out.finished[0], bool(out.moved[0]), out.sends) == (step, finished, met, [])


def test_who_comes_to_the_step_behind_a_block_waits_there_from_when_the_block_was_left() -> None:
    behind = replace(watched(), steps=(*watched().steps[:3], wait("end", 2, None)))
    for since, finished in ((NOW - 2 * DAY + 1, ""), (NOW - 2 * DAY, "done")):
        out = go(behind, replace(arriving("end"), since=np.array([since])))
        assert (out.step[0], out.finished[0]) == ("end", finished)


@pytest.mark.parametrize(("after", "step", "finished"), [("keep_waiting", "w", ""), ("continue", "end", ""), ("stop", "h2", "done")])
def test_after_the_block_after_decides(after: str, step: str, finished: str) -> None:
    out = go(watched(after), standing("h2", ended=NOW - DAY), {"met": False})
    assert (out.step[0], out.finished[0]) == (step, finished)
    assert bool(out.otherwise_done[0]) is (after == "keep_waiting")


def test_otherwise_runs_once() -> None:
    out = go(watched(), standing("w", since=NOW - 50 * DAY, otherwise_done=True), {"met": False})
    assert not out.moved[0]
    assert go(watched(), standing("w", since=NOW - 50 * DAY, otherwise_done=True), {"met": True}).step[0] == "end"


@pytest.mark.parametrize(("after", "step", "finished"), [("continue", "b", ""), ("stop", "w", "done"), ("keep_waiting", "w", "")])
def test_at_most_without_a_block(after: str, step: str, finished: str) -> None:
    until = WaitUntil(id="w", place=HERE, next=Edge("b"), until=condition("met"), at_most=Duration(1, "days"), after=after)  # type: ignore[arg-type]
    out = go(plan(until, email("b", None)), standing("w", since=NOW - DAY), {"met": False})
    assert (out.step[0], out.finished[0]) == (step, finished)


def test_no_one_moves_twice_over_a_whole_cohort() -> None:
    of = plan(email("a", "w"), wait("w", 1, "b"), email("b", None), goal="won")
    won = [i % 3 == 0 for i in range(999)]
    out = go(of, standing("w", since=0, size=999), {"won": won})
    assert out.moved.all()
    assert sum(len(members) for _, members in out.sends) == 666
    assert sorted(m for p in out.passed for m in p.members.tolist()) == list(range(999))
