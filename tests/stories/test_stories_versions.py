"""Versions: those inside stay on the plan they entered with; what is broken or gone stops nobody else."""

from __future__ import annotations

from dataclasses import replace

from tests.stories.world import World, day

OLD = "- {id: one, email: one}\n- {id: rest, wait: 2 days}\n- {id: two, email: two}"
NEW = "- {id: first, email: three}\n- {id: rest, wait: 9 days}\n- {id: help, email: help}"


def test_a_changed_playbook_is_for_new_entrants_those_inside_stay_on_theirs(world: World) -> None:
    world.customer().playbook("hello", OLD)
    old = world.tick(day(0)).of("hello")["version"]
    world.playbook("hello", NEW).customer("beta", "bob")
    tick = world.tick(day(1))
    assert tick.sent == ["bob: Three for Beta"]
    assert tick.of("hello")["version"] != old
    assert world.tick(day(2)).sent == ["ann: Two for Acme"]
    world.tick(day(3))
    assert [(p.digest == old, p.state) for a in ("acme", "beta") for p in world.engine.store.enrolments_of(a, "hello")] == [
        (True, "finished"), (False, "active"),
    ]  # fmt: skip


def test_a_changed_playbook_does_not_enrol_again_who_has_been_through(world: World) -> None:
    world.customer().playbook("hello", "- {id: one, email: one}")
    world.tick(day(0))
    world.tick(day(1))
    world.playbook("hello", NEW)
    assert world.tick(day(2)).counts("hello", "matched", "entered") == (1, 0)


def test_a_change_is_no_first_run(world: World) -> None:
    world.customer().playbook("hello", OLD, existing=None, enter="uses > 0")
    world.tick(day(0))
    world.playbook("hello", NEW, existing=None, enter="uses > 0").uses("acme", day(0, 12))
    assert world.tick(day(1)).counts("hello", "entered", "passed_over") == (1, 0)


def test_a_changed_segment_changes_the_plan_and_those_inside_keep_theirs(world: World) -> None:
    steps = "- {id: rest, wait: 1 days}\n- {id: one, if: in_segment('busy'), email: one}\n- {id: two, email: two}"
    world.customer().uses("acme", day(0, 9)).playbook("hello", steps).write("playbooks/segments.yaml", "busy: {when: uses >= 1}\n")
    world.tick(day(0))
    world.write("playbooks/segments.yaml", "busy: {when: uses >= 100}\n")
    assert world.tick(day(1)).sent == ["ann: One for Acme"]


def test_templates_are_always_current(world: World) -> None:
    world.customer().playbook("hello", OLD)
    world.tick(day(0))
    world.mail("two", "Mended, {{ account.name }}")
    version = world.loaded.plans["hello"].digest
    world.tick(day(1))
    assert world.tick(day(2)).sent == ["ann: Mended, Acme"]
    assert world.loaded.plans["hello"].digest == version


def test_metrics_are_always_current(world: World) -> None:
    world.customer().uses("acme", day(0, 9)).playbook("hello", "- {id: rest, wait: 1 days}\n- {id: one, if: uses = 0, email: one}")
    world.tick(day(0))
    world.write("playbooks/metrics.yaml", "uses: {count: '*', where: event = 'other'}\nuses_7d: {count: '*'}\n")
    assert world.tick(day(1)).sent == ["ann: One for Acme"]


def test_those_inside_a_playbook_whose_file_is_deleted_go_on(world: World) -> None:
    world.customer().playbook("hello", OLD)
    world.tick(day(0))
    world.delete("playbooks/hello.yaml").customer("beta", "bob")
    world.tick(day(1))
    tick = world.tick(day(3))
    assert tick.sent == ["ann: Two for Acme"]
    assert tick.counts("hello", "advanced", "entered") == (1, 0)


def test_a_playbook_that_comes_back_knows_who_has_been_through(world: World) -> None:
    world.customer().playbook("hello", "- {id: one, email: one}")
    world.tick(day(0))
    world.delete("playbooks/hello.yaml")
    world.tick(day(1))
    world.playbook("hello", NEW)
    assert world.tick(day(2)).sent == []


def test_nobody_enters_a_broken_playbook_those_inside_go_on_and_the_others_run(world: World) -> None:
    world.customer().playbook("hello", OLD).playbook("other", "- {id: one, email: help}", enter="account.name = 'Beta'")
    world.tick(day(0))
    world.playbook("hello", "- {id: one, tempalte: one}").customer("beta", "bob")
    assert list(world.loaded.broken) == ["hello"]
    assert world.tick(day(1)).sent == ["bob: Help for Beta"]
    assert world.tick(day(3)).sent == ["ann: Two for Acme"]


def test_those_inside_a_version_that_no_longer_compiles_stay_where_they_are_and_it_is_said(world: World) -> None:
    world.customer().playbook("hello", "- {id: rest, wait: 1 days}\n- {id: one, if: uses_7d = 0, email: one}")
    world.tick(day(0))
    world.delete("playbooks/hello.yaml").write("playbooks/metrics.yaml", "uses: {count: '*'}\n")
    world.playbook("other", "- {id: two, email: two}")
    tick = world.tick(day(1))
    assert (tick.sent, world.stands("hello")) == (["ann: Two for Acme"], ["rest"])
    assert len(tick.json["failures"]) == 1
    assert tick.json["failures"][0].startswith("hello: the version ")
    world.write("playbooks/metrics.yaml", "uses: {count: '*'}\nuses_7d: {count: '*', in: 7 days}\n")
    assert world.tick(day(2)).sent == ["ann: One for Acme"]


def test_a_condition_that_fails_while_it_runs_counts_as_false_and_is_said(world: World) -> None:
    """Nothing that compiles should fail; what does, despite all, is not passed over in silence."""
    world.customer().playbook("hello", "- {id: one, email: one}", enter="uses > 0").playbook("other", "- {id: two, email: two}")
    plan = world.loaded.plans["hello"]
    assert plan.enter is not None
    broken = replace(plan, enter=replace(plan.enter, sql="no_such_function(1)"))
    assert isinstance(world.loaded.plans, dict)
    world.loaded.plans["hello"] = broken
    tick = world.tick(day(0))
    assert tick.sent == ["ann: Two for Acme"]
    assert [failure.split(":")[0] for failure in tick.json["failures"]] == ["uses > 0"]


def test_a_template_that_does_not_compile_holds_its_mail_and_is_said(world: World) -> None:
    world.customer().mail("one", "{{ account.name").playbook("hello", "- {id: one, email: one}").playbook(
        "other", "- {id: two, email: two}"
    )
    tick = world.tick(day(0))
    assert tick.sent == ["ann: Two for Acme"]
    assert (tick.delivery, len(tick.json["failures"])) == ({"accepted": 1, "held": 1}, 1)
    world.mail("one", "{{ account.name }}")
    assert world.tick(day(1)).sent == ["ann: Acme"]
