"""`confirm` of a milestone: the playbooks that it makes, what is asked, and what can be wrong with it."""

from __future__ import annotations

import pytest

from cs_engine.playbook.definitions import Milestone
from cs_engine.playbook.plan import Cta, Notice
from cs_engine.playbook.questions import CONFIRMED, MISSING
from tests.unit.playbook.folder import Folder

CONFIRMS = """\
phases:
  - phase: onboarding
    milestones:
      - {id: first_change, title: First change, when: changes_7d > 0, notice: milestones/first_change}
      - {id: habit, title: Habit, when: changes_7d > 5, confirm: yes}
"""


def confirming(folder: Folder) -> Folder:
    folder.write("playbooks/journey.yaml", CONFIRMS)
    folder.write("templates/email/milestones/confirm.md", "---\nsubject: Glad?\n---\n{{ questions }}\n")
    return folder.write("templates/slack/not_yet.yaml", "text: Not yet\n")


def test_it_makes_a_playbook_that_asks_and_one_that_tells_of_a_not_yet(folder: Folder) -> None:
    plans = confirming(folder).load().plans
    asks, tells = plans["milestone-habit"], plans["unconfirmed-habit"]
    (notice,) = asks.steps
    assert isinstance(notice, Notice)
    assert asks.enter is not None
    assert (asks.enter.text, asks.existing) == ("claimed('habit') and not reached('habit')", "include")
    assert (notice.template, [(q.field, q.optional) for q in notice.ask]) == ("milestones/confirm", [(CONFIRMED, False), (MISSING, True)])
    assert tells.enter is not None
    assert tells.goal is not None
    assert (tells.enter.text, tells.goal.text) == ("doubted('habit')", "reached('habit')")
    assert isinstance(tells.steps[0], Cta)
    assert tells.steps[0].template == "not_yet"


def test_a_milestone_without_it_is_in_versions_what_it_was(folder: Folder) -> None:
    assert Milestone("uses > 0", "one").as_json() == {"when": "uses > 0", "notice": "one"}
    before = folder.load().plans["milestone-first_change"].digest
    assert confirming(folder).load().plans["milestone-first_change"].digest == before


def test_of_its_two_questions_one_has_to_be_answered(folder: Folder) -> None:
    steps = "- {id: ask, notice: habit}\n- {id: w, wait_until: done('ask') and answer('ask.missing') is null}"
    plan = confirming(folder).steps(steps, "enter: claimed('habit')\n").plan()
    (done,) = [name for condition in plan.conditions() for name in condition.names if name.startswith("done:")]
    assert done.endswith(f":{CONFIRMED}")


@pytest.mark.parametrize(
    ("file", "said"),
    [
        (
            "templates/email/milestones/confirm.md",
            'nothing asks the customer: there is no `notice`, and no e-mail template "milestones/confirm"; name yours: `notice: …`; or',
        ),
        (
            "templates/slack/not_yet.yaml",
            'there is no Slack template "not_yet", for a customer\'s "not yet";',
        ),
    ],
)
def test_what_asks_and_what_tells_has_to_be_written(folder: Folder, file: str, said: str) -> None:
    confirming(folder)
    (folder.root / file).unlink()
    assert folder.said() == [f"playbooks/journey.yaml:5:57 error P203 {said} copy it from a new project (cs-engine init)"]


@pytest.mark.parametrize(
    ("head", "steps", "place"),
    [
        ("enter: reached('habit')\n", "- {id: ask, notice: habit}", "2:8"),
        ("audience: reached('habit') and changes_7d > 1\n", "- {id: ask, notice: habit}", "2:11"),
        ("", "- {id: ask, notice: habit, if: \"reached('habit')\"}", "3:23"),
        ("", "- {id: w, wait_until: reached('habit')}\n- {id: ask, notice: habit}", "3:5"),
    ],
)
def test_a_question_that_waits_for_its_own_answer_is_an_error(folder: Folder, head: str, steps: str, place: str) -> None:
    (said,) = confirming(folder).steps(steps, head).said()
    assert said.startswith(f"{place} error P205 ")
    assert said.endswith("write claimed('habit') and not reached('habit')")


@pytest.mark.parametrize(
    ("head", "steps"),
    [
        ("enter: claimed('habit') and not reached('habit')\n", "- {id: ask, notice: habit}"),
        ("enter: reached('habit') or changes_7d > 1\n", "- {id: ask, notice: habit}"),
        ("", "- {id: w, wait_until: reached('habit'), at_most: 3 days}\n- {id: ask, notice: habit}"),
        ("", "- {id: ask, notice: habit}\n- {id: w, wait_until: reached('habit')}"),
        ("", "- {if: changes_7d > 1, then: [{id: w, wait_until: reached('habit')}]}\n- {id: ask, notice: habit}"),
    ],
)
def test_a_question_that_people_can_come_to_is_none(folder: Folder, head: str, steps: str) -> None:
    assert confirming(folder).steps(steps, head).said() == []


def test_a_control_group_that_is_never_asked_is_a_warning(folder: Folder) -> None:
    (said,) = confirming(folder).steps("- {id: ask, notice: habit}", "enter: claimed('habit')\nholdout: 10%\n").said()
    assert said == (
        '3:1 warning P205 the control group is never asked, so "habit" never counts of it; leave the notice to the journey\'s own playbook'
    )


def test_its_questions_have_names_of_their_own(folder: Folder) -> None:
    (said,) = confirming(folder).steps("- id: ask\n  notice: habit\n  ask: {confirmed: nps}", "enter: claimed('habit')\n").said()
    assert said.startswith('6:11 error P105 "confirmed" is what a milestone with `confirm` asks already')


def test_the_ids_of_its_playbooks_are_taken(folder: Folder) -> None:
    folder.playbook("playbook: unconfirmed-habit\nsteps: [stop]\n", "playbooks/mine.yaml")
    (said,) = confirming(folder).said()
    assert "error P108" in said


def test_doubts_of_what_nobody_confirms_are_never_there(folder: Folder) -> None:
    said = folder.steps("- stop", "enter: claimed('habit') and doubted('first_change')\n").said()
    assert [line.split()[1:3] for line in said] == [["error", "P131"], ["warning", "X218"]]
