"""P131, P132 and P112: conditions that are never true, always true, or never together."""

from __future__ import annotations

import pytest

from tests.unit.playbook.folder import Folder

EXCLUDES = "what `and` joins here excludes each other: write `or`, or take one out"
CONSTANT = "it hangs on nothing of the subject: leave it out, or say when"
BOTH = "who enters meets both: say what else is so of them"
NO_LESS = "a count is 0 at least, and never blank: write what it should be, such as > 0"
THROUGH = "say what is true of those who are through"
NEVER, ALWAYS = "error P131 this is never true:", "warning P132 this is always true:"


@pytest.mark.parametrize(
    ("head", "said"),
    [
        ("enter: 1 = 2\n", f"2:8 {NEVER} nobody would ever enter; {CONSTANT}"),
        ("audience: account.plan = 'a' and account.plan = 'b'\n", f"2:11 {NEVER} nobody would ever enter; {EXCLUDES}"),
        ("goal: 'false'\n", f"2:7 {NEVER} nobody would ever succeed; {CONSTANT}"),
        ("exit: changes_7d between 5 and 3\n", f"2:7 {NEVER} nobody would ever leave by it; {EXCLUDES}"),
        ("goal: changes_7d >= 0\n", f"2:7 error P131 this is always true: nobody would ever enter; {NO_LESS}"),
        ("goal: not (changes_7d < 0)\n", f"2:7 error P131 this is always true: nobody would ever enter; {NO_LESS}"),
        ("exit: open_ctas > -1 or account.plan = 'a'\n", f"2:7 error P131 this is always true: nobody would ever enter; {NO_LESS}"),
        ("exit: changes_7d < 0\n", f"2:7 {NEVER} nobody would ever leave by it; {NO_LESS}"),
        ("enter: changes_7d is not null\n", f"2:8 {ALWAYS} it leaves nobody out; {NO_LESS}"),
        ("subject: contact\ngoal: account.changes_7d >= 0\n", f"3:7 error P131 this is always true: nobody would ever enter; {NO_LESS}"),
        ("exit: 'true'\n", f"2:7 error P131 this is always true: nobody would ever enter; {CONSTANT}"),
        ("while: changes_7d <> changes_7d\n", f"2:8 {NEVER} everybody would leave at once; {EXCLUDES}"),
        ("while: 1 < 2\n", f"2:8 {ALWAYS} nobody ever leaves by it; {CONSTANT}"),
        ("hold: not true\n", f"2:7 {NEVER} it holds nothing; {CONSTANT}"),
        ("enter: {event: invited, where: event = 'a' and event = 'b'}\n", f"2:32 {NEVER} nobody would ever enter; {EXCLUDES}"),
        ("vars: {on: false}\nenter: vars.on\n", "3:8 warning P132 this is never true: nobody would ever enter; see `vars`"),
        ("vars: {on: true}\nenter: vars.on\n", f"3:8 {ALWAYS} it leaves nobody out; {CONSTANT}"),
    ],
)
def test_a_condition_of_a_playbook_that_is_never_or_always_true(folder: Folder, head: str, said: str) -> None:
    assert folder.steps("- stop", head).said() == [said]


@pytest.mark.parametrize(
    ("step", "said"),
    [
        ("- {id: a, if: changes_7d > 3 and changes_7d < 2, wait: 1 day}", f"3:17 {NEVER} the step is never done; {EXCLUDES}"),
        ("- {id: a, if: 'false', wait: 1 day}", f"3:17 {NEVER} the step is never done; {CONSTANT}"),
        ("- {id: a, if: 'true', wait: 1 day}", f"3:17 {ALWAYS} the step is always done; {CONSTANT}"),
        ("- if: 2 > 1\n  then: [{id: a, wait: 1 day}]", f"3:9 {ALWAYS} the step is always done; {CONSTANT}"),
        (
            "- if: 2 > 1\n  then: [{id: a, wait: 1 day}]\n  else: [stop]",
            f"3:9 error P131 this is always true: nobody ever comes to its `else`; {CONSTANT}",
        ),
        ("- {id: a, wait_until: 2 > 1}", f"3:25 {ALWAYS} nobody waits; {CONSTANT}"),
        (
            "- {id: a, wait_until: 2 > 1, at_most: 1 day, otherwise: [stop], after: stop}",
            f"3:25 error P131 this is always true: nobody ever comes to its `otherwise`; {CONSTANT}",
        ),
    ],
)
def test_a_condition_of_a_step_that_is_never_or_always_true(folder: Folder, step: str, said: str) -> None:
    assert folder.steps(step).said() == [said]


@pytest.mark.parametrize(
    ("head", "said"),
    [
        (
            "audience: account.plan = 'a'\nenter: account.plan = 'b'\n",
            f"3:8 error P112 `enter` and `audience` are never both true: nobody would ever enter; {BOTH}",
        ),
        (
            "enter: changes_7d > 3\nexit: changes_7d > 2\n",
            f"3:7 error P112 `exit` is true of everybody who could enter: nobody would ever enter; {THROUGH}",
        ),
        (
            "enter: changes_7d > 3\nwhile: changes_7d < 2\n",
            f"3:8 error P112 `while` is true of nobody who could enter: nobody would ever enter; {THROUGH}",
        ),
    ],
)
def test_conditions_that_nobody_meets_together(folder: Folder, head: str, said: str) -> None:
    assert folder.steps("- stop", head).said() == [said]


def test_a_step_for_those_alone_who_have_left(folder: Folder) -> None:
    said = "error P112 it is never done: `goal` is true of everybody who meets it, and they have left by then"
    mend = "ask of those who have not left, or put it into a playbook of its own"
    assert folder.steps("- {id: a, if: changes_7d = 7, wait: 1 day}", "goal: changes_7d > 5\n").said() == [f"4:17 {said}; {mend}"]


@pytest.mark.parametrize(
    "head",
    [
        "hold: 'true'\n",
        "hold: 'false'\n",
        "goal: changes_7d > 0\n",
        "goal: changes_7d <= 0\n",
        "goal: changes_7d = 0\n",
        "goal: quiet_days >= 0\n",
        "goal: account.seats >= 0\n",
        "goal: nps >= 0\n",
        "goal: changes_7d - 5 >= 0\n",
        "enter: account.plan = 'a'\naudience: account.plan <> 'b'\n",
        "enter: changes_7d > 3\ngoal: changes_7d > 5\nexit: changes_7d = 0\nwhile: changes_7d < 9\n",
        "enter: account.plan is null or account.plan <> 'a'\n",
        "enter: changes_7d > 2 and changes_7d < 4 and changes_7d <> 3.5\n",
    ],
)
def test_what_one_means_or_what_can_be_is_no_problem(folder: Folder, head: str) -> None:
    assert folder.steps("- stop", head).said() == []


@pytest.mark.parametrize(
    ("file", "text", "said"),
    [
        ("segments", "big: {when: changes_7d > 3 and changes_7d < 2}\n", f"1:13 {NEVER} nobody is ever in it; {EXCLUDES}"),
        ("segments", "big: 1 > 2\n", f"1:6 {NEVER} nobody is ever in it; {CONSTANT}"),
        (
            "journey",
            "phases: [{phase: onboarding, milestones: [{id: a, title: A, when: quiet_days < 1 and quiet_days > 2}]}]\n",
            f"1:67 {NEVER} nobody ever reaches it; {EXCLUDES}",
        ),
    ],
)
def test_a_segment_that_nobody_is_in_and_a_milestone_that_nobody_reaches(folder: Folder, file: str, text: str, said: str) -> None:
    folder.write(f"playbooks/{file}.yaml", text)
    assert [problem.render().partition(":")[2] for problem in folder.problems() if problem.code == "P131"] == [said]


def test_waiting_for_the_goal_is_no_contradiction(folder: Folder) -> None:
    assert folder.steps("- {id: a, wait_until: changes_7d > 5, at_most: 5 days}\n- stop", "goal: changes_7d > 5\n").said() == []


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ("{changed: account.seats, to: many}", 'error P131 account.seats is a number: it is never "many"'),
        ("{changed: account.plan, from: team, to: team}", 'error P131 nothing changes from "team" to "team"'),
        ("{changed: account.renewal_at, from: 2026-01-01}", 'error P131 account.renewal_at is a time: it is never "2026-01-01"'),
    ],
)
def test_a_change_that_there_never_is(folder: Folder, entry: str, said: str) -> None:
    (found,) = folder.steps("- stop", f"enter: {entry}\n").said()
    assert found.partition(" ")[2].startswith(said)
