"""A step that is done again: repeat."""

from __future__ import annotations

from tests.stories.world import World, day

THRICE = "- {id: nudge, email: one, repeat: {every: 2 days, times: 3}}\n- {id: end, email: two}"


def sent(world: World, days: int) -> dict[int, list[str]]:
    found = {n: world.tick(day(n)).sent for n in range(days)}
    return {n: lines for n, lines in found.items() if lines}


def test_a_step_is_done_so_often_and_so_far_apart(world: World) -> None:
    world.customer().playbook("hello", THRICE)
    one, two = ["ann: One for Acme"], ["ann: Two for Acme"]
    assert sent(world, 9) == {0: one, 2: one, 4: one, 5: two}
    assert world.messages("hello") == ["end ann accepted", *["nudge ann accepted"] * 3]
    assert [line for line in world.journal("hello") if "advanced" in line] == [
        "nudge advanced repeat",
        "nudge advanced repeat",
        "nudge advanced sent",
    ]


def test_until_ends_it_and_the_passage_goes_on(world: World) -> None:
    world.customer().playbook("hello", THRICE.replace("times: 3", "times: 3, until: uses > 0"))
    world.tick(day(0))
    world.uses("acme", day(1, 9))
    assert world.tick(day(1)).sent == ["ann: Two for Acme"]
    assert "nudge advanced until" in world.journal("hello")


def test_the_time_between_counts_from_when_the_last_one_ended(world: World) -> None:
    world.customer().playbook("hello", THRICE)
    world.tick(day(0, 22))  # held over night
    world.tick(day(1, 10))
    assert world.tick(day(2, 23)).sent == []
    assert world.tick(day(3, 10)).sent == ["ann: One for Acme"]


def test_a_repeated_tick_repeats_no_message(world: World) -> None:
    world.customer().playbook("hello", THRICE)
    for n in (0, 2):
        world.tick(day(n))
        assert world.tick(day(n)).sent == []
    assert world.engine.store.counts().planned == 2


def test_an_alert_that_repeats_updates_the_open_one(world: World) -> None:
    world.customer().playbook("hello", "- {id: ring, cta: call, repeat: {every: 1 day, times: 2}}\n- {id: w, wait: 9 days}")
    world.tick(day(0))
    world.tick(day(1))
    assert len(world.engine.store.open_ctas()) == 1
    assert world.messages("hello") == ["ring alex accepted", "ring alex accepted"]


def test_times_and_every_are_asked_for(world: World) -> None:
    world.customer().playbook("one", "- {id: a, email: one, repeat: {every: 0 days, times: 3}}")
    world.playbook("two", "- {id: a, email: one, repeat: {every: 2 days}}")
    assert sorted(p.code for p in world.loaded.problems.errors()) == ["P102", "P113"]


# --- cc ----------------------------------------------------------------------------------------------------------------


def test_copies_go_to_our_own_people(world: World) -> None:
    world.customer().playbook("hello", "- {id: hello, email: one, cc: [csm, sales, lead@vendor.example]}")
    (mail,) = world.tick(day(0)).files
    copies = "Alex Csm <alex@vendor.example>, Kim Sales <kim@vendor.example>, Toni Lead <lead@vendor.example>"
    assert f"Cc: {copies}" in " ".join(mail.path.read_text(encoding="utf-8").split())


def test_who_has_no_csm_has_no_copy(world: World) -> None:
    world.customer(csm="").playbook("hello", "- {id: hello, email: one, cc: csm}")
    (mail,) = world.tick(day(0)).files
    assert "Cc:" not in mail.path.read_text(encoding="utf-8")


def test_a_copy_to_customers_is_an_error(world: World) -> None:
    world.customer().playbook("hello", "- {id: hello, email: one, cc: champion}")
    (problem,) = world.loaded.problems.errors()
    assert (problem.code, problem.message) == ("P204", 'a copy cannot go to "champion"')
