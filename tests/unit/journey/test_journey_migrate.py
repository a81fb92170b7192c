"""Moving people between versions: by the ids of steps, with their timers, and never into the past."""

from __future__ import annotations

import pytest

from cs_engine.journey.enrolment import ARRIVE, Standing
from cs_engine.journey.migrate import behind, difference, moved, unsafe, way
from cs_engine.language.expression import Duration, Expression, Grain, Type
from cs_engine.language.problems import Place
from cs_engine.playbook.plan import AnyStep, Edge, Email, People, Plan, Schedule, Wait, WaitUntil

HERE = Place("hello.yaml")
TRUE = Expression("true", Grain.ACCOUNT, "true", Type.BOOLEAN, ())


def wait(id: str, days: int = 1) -> Wait:
    return Wait(id=id, place=HERE, next=Edge(None), duration=Duration(days, "days"))


def until(id: str) -> WaitUntil:
    return WaitUntil(id=id, place=HERE, next=Edge(None), until=TRUE)


def mail(id: str) -> Email:
    return Email(id=id, place=HERE, next=Edge(None), template="one", to=People("champion"))


def plan(*steps: AnyStep, digest: str = "new", subject: Grain = Grain.ACCOUNT, redirect: dict[str, str] | None = None) -> Plan:
    return Plan(
        playbook="hello", digest=digest, file="hello.yaml", title={}, owner="", subject=subject, topic="tips", touch="tech", phase=None,
        audience=None, enter=None, once_per=None, existing=None, goal=None, exit=None, schedule=Schedule("every day"), priority=50,
        vars={}, steps=steps, redirect=redirect or {},
    )  # fmt: skip


def at(step: str, *, otherwise_done: bool = False) -> Standing:
    return Standing("enr_1", "acme", "acme", step, otherwise_done, 100, 150, 3, 50, None, False, 2)


def test_who_stands_at_a_step_that_is_there_stays_with_their_timers() -> None:
    move = moved(at("a"), plan(wait("a", 9)), 500)
    assert move == ("enr_1", 3, "new", "a", False, 100, 150, 2)


@pytest.mark.parametrize(("step", "kept"), [(until("a"), True), (wait("a"), False)])
def test_that_a_block_was_run_is_kept_where_there_is_a_wait_for_it(step: AnyStep, kept: bool) -> None:
    move = moved(at("a", otherwise_done=True), plan(step), 500)
    assert move is not None
    assert move.otherwise_done is kept


@pytest.mark.parametrize("gone", ["a", "a.at", f"a{ARRIVE}"])
def test_who_is_redirected_arrives_from_now(gone: str) -> None:
    move = moved(at(gone), plan(mail("b"), redirect={"a": "b"}), 500)
    assert move == ("enr_1", 3, "new", f"b{ARRIVE}", False, 500, None, 0)


def test_who_stands_nowhere_any_more_ends() -> None:
    assert way(plan(mail("b")), "a") == ("removed", "a")
    assert moved(at("a"), plan(mail("b")), 500) is None


def test_who_is_about_to_arrive_somewhere_still_is() -> None:
    assert way(plan(mail("b")), f"b{ARRIVE}") == ("stays", f"b{ARRIVE}")


def test_steps_that_were_added_behind_somebody() -> None:
    old, new = plan(mail("a"), wait("b")), plan(mail("x"), mail("a"), mail("y"), wait("b"), mail("z"))
    assert behind(old, new, "b") == ["x", "y"]
    assert behind(old, new, f"a{ARRIVE}") == ["x"]


@pytest.mark.parametrize(
    ("before", "after", "safe"),
    [
        (wait("a"), wait("a", 3), True),
        (wait("a"), until("a"), True),
        (mail("a"), mail("a"), True),
        (wait("a"), mail("a"), False),
        (mail("a"), wait("a"), False),
    ],
)
def test_a_step_may_not_begin_or_cease_to_send_under_its_id(before: AnyStep, after: AnyStep, safe: bool) -> None:
    assert (list(unsafe(plan(before, digest="old"), plan(after), ["a"])) == []) is safe
    assert list(unsafe(plan(before, digest="old"), plan(after), [])) == [], "nobody stands there"


def test_other_subjects_are_not_the_same_people() -> None:
    assert len(list(unsafe(plan(wait("a")), plan(wait("a"), subject=Grain.CONTACT), ["a"]))) == 1


def test_what_has_become_of_steps() -> None:
    found = difference(plan(mail("a"), wait("b"), wait("c")), plan(wait("b", 2), wait("c"), mail("d")))
    assert found == (("d",), ("a",), {"b": ("wait 1 day", "wait 2 days")})
