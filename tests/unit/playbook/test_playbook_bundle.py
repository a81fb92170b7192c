"""A digest names what a version means; a bundle makes that version again, whatever has changed since."""

from __future__ import annotations

import json

import pytest

from cs_engine.language.expression import Grain
from cs_engine.language.problems import Problem
from cs_engine.playbook.bundle import compile_bundle
from cs_engine.playbook.definitions import Definitions, Milestone, OldSegments
from cs_engine.playbook.plan import Plan
from tests.unit.playbook.folder import Folder

HEAD = "title: Sample\nenter: in_segment('big_and_busy')\ngoal: reached('habit')\n"
STEPS = "- id: a\n  email: onboarding/welcome\n- id: b\n  wait: 1 day"


def _change(folder: Folder, file: str, old: str, new: str) -> None:
    path = folder.root / file
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def test_comments_blank_lines_and_order_of_keys_are_the_same_version(folder: Folder) -> None:
    before = folder.steps(STEPS, HEAD).plan().digest
    _change(folder, "playbooks/sample.yaml", "title: Sample\n", "# a word\n\ntitle:   'Sample'\n")
    assert folder.plan().digest == before


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("playbooks/sample.yaml", "wait: 1 day", "wait: 2 days"),
        ("playbooks/sample.yaml", "title: Sample", "title: Example"),
        ("playbooks/segments.yaml", "changes_7d > 3", "changes_7d > 4"),
        ("playbooks/segments.yaml", "account.seats > 10", "account.seats > 20"),
        ("playbooks/journey.yaml", "changes_7d > 5", "changes_7d > 6"),
    ],
)
def test_the_yaml_its_segments_and_its_milestones_make_the_version(folder: Folder, file: str, old: str, new: str) -> None:
    before = folder.steps(STEPS, HEAD).plan().digest
    _change(folder, file, old, new)
    assert folder.plan().digest != before


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("playbooks/metrics.yaml", "in: 7 days", "in: 8 days"),
        ("playbooks/journey.yaml", "changes_7d > 0", "changes_7d > 1"),
        ("playbooks/segments.yaml", "big:", "# other\nbig:"),
        ("templates/email/onboarding/welcome.md", "Hello", "Good day"),
    ],
)
def test_metrics_templates_and_what_it_does_not_use_are_always_current(folder: Folder, file: str, old: str, new: str) -> None:
    before = folder.steps(STEPS, HEAD).plan().digest
    _change(folder, file, old, new)
    assert folder.plan().digest == before


def _again(folder: Folder, bundle: str) -> tuple[Plan | None, list[Problem]]:
    plan, problems = compile_bundle(bundle, folder.load())
    return plan, list(problems)


def test_a_bundle_compiles_to_the_same_plan(folder: Folder) -> None:
    for plan in (folder.steps(STEPS, HEAD).plan(), folder.load().plans["milestone-first_change"]):
        again, problems = _again(folder, folder.load().bundles[plan.digest])
        assert (again, problems) == (plan, [])


def test_those_inside_keep_their_steps_and_their_segments(folder: Folder) -> None:
    project = folder.steps(STEPS, HEAD).load()
    old = project.plans["sample"]
    bundle = project.bundles[old.digest]
    _change(folder, "playbooks/segments.yaml", "account.seats > 10", "account.seats > 20")
    folder.steps("- stop")
    again, problems = _again(folder, bundle)
    assert problems == []
    assert again is not None
    assert (again.digest, [s.id for s in again.steps]) == (old.digest, ["a", "b"])
    assert again.enter is not None
    assert again.enter.text == "in_segment('big_and_busy')"
    assert "> 10" in again.enter.sql
    assert again.enter.names == ("account.seats", "changes_7d")


def test_those_inside_keep_a_segment_that_is_gone(folder: Folder) -> None:
    project = folder.steps(STEPS, HEAD).load()
    bundle = project.bundles[project.plans["sample"].digest]
    folder.write("playbooks/segments.yaml", "other: {when: changes_7d > 1}\n").steps("- stop")
    again, problems = _again(folder, bundle)
    assert problems == []
    assert again is not None
    assert again.digest == project.plans["sample"].digest


def test_a_bundle_that_no_longer_fits_says_why(folder: Folder) -> None:
    project = folder.steps(STEPS, "enter: areas_28d > 1\n").load()
    bundle = project.bundles[project.plans["sample"].digest]
    _change(folder, "playbooks/metrics.yaml", "areas_28d", "areas_30d")
    folder.steps("- stop")
    again, problems = _again(folder, bundle)
    assert again is None
    assert "areas_28d" in problems[0].message


def test_a_bundle_over_a_broken_metric_is_refused(folder: Folder) -> None:
    project = folder.steps(STEPS, "enter: areas_28d > 1\n").load()
    bundle = project.bundles[project.plans["sample"].digest]
    _change(folder, "playbooks/metrics.yaml", "areas_28d: {count_distinct: event, in: 28 days}", "areas_28d: 1 +")
    again, problems = _again(folder, bundle)
    assert again is None
    assert problems[0].code == "P303"


def test_a_bundle_of_another_format_is_refused(folder: Folder) -> None:
    project = folder.steps(STEPS).load()
    data = json.loads(project.bundles[project.plans["sample"].digest])
    again, problems = _again(folder, json.dumps(data | {"format": 99}))
    assert again is None
    assert problems[0].code == "P302"


def test_definitions_are_found_through_each_other() -> None:
    all_of_them = Definitions(
        {"a": "in_segment('b')", "b": "reached('m')", "c": "true"}, {"m": Milestone("in_segment('a')", None), "n": Milestone("true", "x")}
    )
    assert all_of_them.used_by(["IN_SEGMENT( 'a' ) and x > 1"]) == Definitions(
        {"a": "in_segment('b')", "b": "reached('m')"}, {"m": Milestone("in_segment('a')", None)}
    )
    assert all_of_them.used_by([], ["n"]) == Definitions({}, {"n": Milestone("true", "x")})


def test_an_old_segment_over_accounts_reads_the_account_in_a_condition_over_contacts() -> None:
    old = OldSegments({"s": "changes_7d > 1 and account.plan = 'changes_7d'", "t": "in_segment('s')"}, {"changes_7d"})
    text = "not in_segment('t')"
    assert old.rewrite(text, Grain.ACCOUNT) == "not ((changes_7d > 1 and account.plan = 'changes_7d'))"
    assert old.rewrite(text, Grain.CONTACT) == "not ((account.changes_7d > 1 and account.plan = 'changes_7d'))"


def test_a_version_of_when_a_key_could_stand_alone_goes_on(folder: Folder) -> None:
    """Today that is an error, so nobody new enters; who is inside goes on to the end of a plan that says nothing there."""
    project = folder.steps(STEPS, HEAD).load()
    data = json.loads(project.bundles[project.plans["sample"].digest])
    again, problems = _again(folder, json.dumps(data | {"playbook": data["playbook"] + "exit:\n"}))
    assert again is not None
    assert (again.exit, problems, again.digest != project.plans["sample"].digest) == (None, [], True)
