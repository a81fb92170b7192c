"""`approve`, as a shell sees it."""

from __future__ import annotations

from pathlib import Path

from tests.stories.world import World, day
from tests.unit.cli.conftest import Call


def test_what_a_guard_holds_is_named_loudly_and_let_go(project: Path, call: Call) -> None:
    world = World(project).project(guards={"enrolments": {"first_day": 0, "at_least": 0}})
    world.write("playbooks/more.yaml", "playbook: more\nexisting: include\ntopic: tips\nsteps:\n  - {id: a, email: one}\n")
    world.tick(day(1))
    world.close()
    said = call("run", "--dry-run", "--now", day(1, 11).isoformat())
    assert said.code == 1
    assert "more: 7 enrolments in one run, 0 are allowed (first_day: 0): nothing is done until you say: cs-engine approve run_" in said.err
    said = call("approve", "run_20260303T100000Z")
    assert (said.code, said.out.split(":")[0]) == (0, "more")
    said = call("run", "--dry-run", "--now", day(1, 11).isoformat())
    assert (said.code, said.err.count("approve")) == (0, 0)


def test_a_link_for_one_of_us_is_printed_alone_and_the_answer_is_in_their_name(project: Path, call: Call) -> None:
    world = World(project).customer().playbook("read", "- {id: hi, email: one, approve: csm}")
    world.tick(day(1))
    world.close()
    id = call("approve").out.splitlines()[-1].split()[0]
    said = call("approve", id, "--link", "--by-whom", "Alex@vendor.example")
    assert said.code == 0, said.err
    assert said.out.startswith("http://127.0.0.1:8321/r/msg_")
    assert (len(said.out.split()), said.err.startswith("For alex@vendor.example alone, until ")) == (1, True)
    for wrong in (["--link"], ["--link", "--by-whom", "nobody@vendor.example"], ["--link", "--show", "--by-whom", "alex@vendor.example"]):
        assert call("approve", id, *wrong).code == 2
    assert call("approve", id, "--by-whom", "kim@vendor.example").code == 0
    assert call("approve", id, "--link", "--by-whom", "alex@vendor.example").code == 2
    world = World(project)
    assert world.engine.store.approvals([id])[id].by == "kim@vendor.example"
    world.close()
