"""What is old goes, as project.yaml says: never what an active passage needs, nor what may yet begin one."""

from __future__ import annotations

from cs_engine.instants import to_micros
from cs_engine.run.desk.approving import answer
from cs_engine.run.desk.stepping import skip
from tests.stories.test_stories_delivered import of, tell
from tests.stories.world import World, day

KEPT = {"journal": "30 days", "changes": "30 days"}


def rows(world: World, sql: str) -> list[tuple[object, ...]]:
    with world.engine.store.database.read() as tx:  # type: ignore[attr-defined]
        return tx.rows(sql)  # type: ignore[no-any-return]


def test_lines_and_orders_of_passages_that_ended_long_ago_go_and_those_of_active_ones_stay(world: World) -> None:
    world.project(retention=KEPT).customer().customer("beta", "bob", plan="slow")
    world.playbook("hello", "- {id: a, email: one}\n- {id: b, email: two}\n- {id: w, if: account.plan = 'slow', wait_until: uses > 5}")
    world.tick(day(0, 21))
    assert skip(world.engine, "acme", "hello", "b", "spoke to them")
    assert skip(world.engine, "beta", "hello", "b", "spoke to them")
    world.span(day(1), day(4))
    assert (world.stands("hello"), world.stands("hello", "beta")) == (["done"], ["w"])
    before = world.journal("hello", "beta")
    world.tick(day(32))
    assert world.journal("hello"), "it ended not so long ago"
    world.tick(day(35))
    assert world.journal("hello") == []
    assert world.journal("hello", "beta")[: len(before)] == before
    assert [step for (step,) in rows(world, "SELECT account_id FROM step_orders o JOIN enrolments e ON e.id = o.enrolment_id")] == ["beta"]
    assert world.why("hello")["subjects"][0]["verdict"].startswith("has been through: finished (done)"), "the passage itself is kept"
    assert world.why("hello", "beta", at=day(1))["passages"][0]["step"] == "a", "and the past of who is inside"


def test_a_pause_of_long_ago_that_stands_is_told_of_the_past_too(world: World) -> None:
    from tests.stories.test_stories_pause import paused

    world.project(retention=KEPT).customer().playbook("hello", "- {id: w, wait_until: uses > 5}")
    world.tick(day(0))
    paused(world)
    world.tick(day(31)), world.tick(day(40))
    assert rows(world, "SELECT event FROM journal WHERE playbook = 'hello' AND enrolment_id = ''") == [("paused",)]


def test_spells_that_are_over_and_changes_go_but_not_those_that_may_yet_begin_a_passage(world: World) -> None:
    """The playbook looks back sixty days: what changed within them counts, though changes are kept for thirty."""
    world.project(retention=KEPT).customer().customer("beta", "bob")
    steps = "- {id: a, email: one}"
    world.playbook("long", steps, enter={"changed": "account.plan", "within": "60 days"}, audience="account.seats > 9")
    world.playbook("calm", steps, enter="held(account.plan = 'team', '7 days')", audience="account.seats > 99")
    world.tick(day(0))
    world.account("acme", plan="enterprise").tick(day(1))
    assert rows(world, "SELECT subject_id FROM spells WHERE until < 4000000000000000000") == [("acme",)]
    world.tick(day(40))
    assert rows(world, "SELECT count(*), sum(until < 4000000000000000000) FROM spells") == [(1, 0)], "one goes on"
    assert world.account("acme", seats=10).tick(day(41)).sent == ["ann: One for Acme"]
    world.tick(day(70)), world.tick(day(75))
    assert rows(world, "SELECT count(*) FROM changes") == [(0,)]


def test_old_messages_lose_their_words_and_what_was_told_of_them_and_stay_for_why_and_for_being_sent_once(world: World) -> None:
    world.project(retention={"messages": "30 days"}).customer().customer("beta", "bob").playbook(
        "hello", "- {id: a, email: one, approve: csm}"
    )
    world.tick(day(0))
    for approval in world.engine.store.approvals_waiting():
        assert answer(world.engine.store, world.engine.project, approval, "alex@vendor.example", day(0), yes=True)
    assert len(world.tick(day(1)).sent) == 2
    tell(
        world,
        of(world, "delivered", "a", day(1, 11)),
        of(world, "bounce", "a", day(1, 11), who="bob", account="beta", type="bounce"),
        at=day(1),
    )
    world.tick(day(2)), world.tick(day(30))
    told = "SELECT (SELECT count(*) FROM alarms), (SELECT count(*) FROM approvals WHERE text <> ''), (SELECT count(*) FROM provider_events)"
    assert rows(world, told) == [(3, 2, 2)], "two to read, one of the bounce; they are not old yet"
    world.tick(day(34))
    assert rows(world, told) == [(0, 0, 0)]
    assert rows(world, "SELECT state FROM deliveries") == [("bounced",)], "that one did not arrive is known for good"
    assert world.why("hello")["messages"][0]["state"] == "accepted"
    assert [world.tick(day(35)).sent, world.messages("hello")] == [[], ["a ann accepted"]]


def test_nothing_goes_unless_it_is_declared_and_then_once_a_day(world: World) -> None:
    world.customer().playbook("hello", "- {id: a, email: one}").tick(day(0))
    world.tick(day(1)), world.tick(day(400))
    assert world.journal("hello")
    world.project(retention=KEPT).tick(day(400, 11))
    assert world.journal("hello"), "the first tick of a day clears up"
    world.tick(day(401))
    assert world.journal("hello") == []
    assert world.why("hello", at=day(401))["messages"][0]["state"] == "accepted"
    assert to_micros(day(401)) == world.engine.store.last_tick()
