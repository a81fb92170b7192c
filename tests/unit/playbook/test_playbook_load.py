# ruff: noqa: E501 - tables of what is said read better unbroken
"""A project is checked as a whole; a playbook that fails does not stop the others."""

from __future__ import annotations

from pathlib import Path

import pytest

from cs_engine.errors import NotAProject, ProblemsFound
from cs_engine.playbook.load import load, load_config
from cs_engine.playbook.plan import Notice
from tests.unit.playbook.folder import ATTRIBUTES, Folder

WAIT = "steps:\n  - {id: a, wait: 1 day}\n"


def test_a_folder_without_project_yaml_is_no_project(tmp_path: Path) -> None:
    with pytest.raises(NotAProject) as raised:
        load(tmp_path, ATTRIBUTES)
    assert "cs-engine init" in raised.value.mend


def test_project_yaml_can_be_read_alone(folder: Folder) -> None:
    assert load_config(folder.root).sources.usage.file == "usage.csv"
    folder.write("playbooks/project.yaml", "name: x\n")
    with pytest.raises(ProblemsFound):
        load_config(folder.root)


def test_a_project_that_cannot_be_read_tells_what_is_wrong_with_its_playbooks_too(folder: Folder) -> None:
    folder.write("playbooks/project.yaml", "name: x\n").steps("- id: a\n  wiat: 1 day")
    assert {p.place.file for p in folder.problems()} == {"playbooks/project.yaml", "playbooks/sample.yaml"}


def test_a_misspelt_key_in_project_yaml_hides_nothing_of_the_other_files(folder: Folder) -> None:
    """Topics, zones, conditions and templates need no sound project.yaml: one run of the command finds them all."""
    path = folder.root / "playbooks/project.yaml"
    path.write_text(
        path.read_text(encoding="utf-8") + "timezone: Asia/Tokio\nlocal: ja\npeople: {champion: contact.rol = 'x'}\n", encoding="utf-8"
    )
    folder.steps("- {id: a, email: onboarding/welcom}\n- {id: b, wait_until: changes_7 > 1}", "topic: onbording\n")
    assert [(p.place.file.removeprefix("playbooks/"), p.place.line, p.code) for p in folder.problems()] == [
        ("project.yaml", 10, "P206"),
        ("project.yaml", 11, "P103"),
        ("project.yaml", 12, "X211"),
        ("sample.yaml", 2, "P201"),
        ("sample.yaml", 4, "P203"),
        ("sample.yaml", 5, "X211"),
    ]


WEBHOOKS = "webhooks: {endpoints: {crm: https://crm.example/x, in: http://127.0.0.1/x}, allow: [127.0.0.1, 10.0.0.0/33]}\n"


def test_webhooks_that_go_nowhere_or_where_they_may_not_are_said(folder: Folder) -> None:
    path = folder.root / "playbooks/project.yaml"
    path.write_text(path.read_text(encoding="utf-8") + WEBHOOKS.replace("in:", "Own:"), encoding="utf-8")
    folder.steps(
        "- {id: a, webhook: crmm}\n- {id: b, webhook: 'http://crm.example/x'}\n- {id: c, webhook: 'https://localhost/x'}\n"
        "- {id: d, webhook: crm, with: [changes_7]}\n- {id: e, webhook: crm, with: [changes_7d + 1]}\n- {id: f, webhook: crm, expires: 0 days}"
    )
    assert [(p.place.file.removeprefix("playbooks/"), p.place.line, p.code) for p in folder.problems()] == [
        ("project.yaml", 10, "P105"),
        ("project.yaml", 10, "P230"),
        ("sample.yaml", 3, "P230"),
        ("sample.yaml", 4, "P230"),
        ("sample.yaml", 5, "P230"),
        ("sample.yaml", 6, "X211"),
        ("sample.yaml", 7, "P105"),
        ("sample.yaml", 8, "P113"),
    ]


def test_a_webhook_with_a_wrong_key_says_which_was_meant(folder: Folder) -> None:
    (said,) = folder.steps("- {id: a, webhook: 'https://crm.example/x', data: changes_7d}").said()
    assert 'did you mean "with"?' in said


def test_a_broken_team_or_journey_says_nothing_of_what_hangs_on_it_and_all_of_the_rest(folder: Folder) -> None:
    """Whom `to` names, which phases and milestones there are: nobody knows; templates and zones are known."""
    folder.write("playbooks/team.yaml", "staff:\n  - {email: lead@vendor.example, name: Toni, rol: manager, timezone: Mars}\n")
    folder.write("playbooks/journey.yaml", "phasen: []\n")
    folder.steps("- {id: a, email: onboarding/welcom}\n- {id: b, cta: stuck, to: manager}\n- {id: c, notice: first}", "phase: onboarding\n")
    assert [(p.place.file.removeprefix("playbooks/"), p.place.line, p.code) for p in folder.problems()] == [
        ("journey.yaml", 1, "P103"),
        ("sample.yaml", 4, "P203"),
        ("team.yaml", 2, "P103"),
        ("team.yaml", 2, "P206"),
    ]


def test_a_definition_of_the_wrong_shape_hides_nothing_of_what_hangs_on_the_others(folder: Folder) -> None:
    """One run of the command finds the faults of all siblings, and those of the conditions; none is said of what uses the faulty ones."""
    folder.write("playbooks/team.yaml", "staff:\n  - {email: lead@vendor.example, name: Toni, role: manager, slak: U1}\n")
    folder.write("playbooks/metrics.yaml", "changes_7d: {count: '*', in: 7 days}\noff: {cuont: '*', in: 7 days}\n")
    folder.write("playbooks/segments.yaml", "busy: {whn: changes_7d > 3}\ncalm: changes_7d < oof\n")
    folder.write(
        "playbooks/journey.yaml",
        "phases:\n  - phase: start\n    milestones:\n      - {id: first, titel: First, when: changes_7d > 0}\n"
        "      - {id: second, title: Second, when: changes_77d > 0}\n",
    )
    folder.write("playbooks/health.yaml", "components: {use: {metrik: changes_7d, weight: 1, points: [[0, 0]]}}\nbands: {green: 0}\n")
    folder.steps(
        "- {id: a, cta: stuck, to: manager}\n- {id: b, wait_until: off > 1 and in_segment('busy') and reached('first') and health < 50}\n"
        "- {id: c, wait_until: reached('third') and changes_8d > 1}"
    )
    assert [(p.place.file.removeprefix("playbooks/"), p.place.line, p.code) for p in folder.problems()] == [
        ("health.yaml", 1, "P103"),
        ("journey.yaml", 4, "P103"),
        ("journey.yaml", 5, "X211"),
        ("metrics.yaml", 2, "P103"),
        ("sample.yaml", 5, "X218"),
        ("sample.yaml", 5, "X211"),
        ("segments.yaml", 1, "P103"),
        ("segments.yaml", 2, "X211"),
        ("team.yaml", 2, "P103"),
    ]


def test_a_definition_of_the_wrong_shape_stops_only_the_playbooks_that_use_it(folder: Folder) -> None:
    folder.write("playbooks/metrics.yaml", "changes_7d: {count: '*', in: 7 days}\noff: {cuont: '*', in: 7 days}\n")
    folder.playbook(f"playbook: good\nenter: changes_7d > 0\n{WAIT}", "playbooks/good.yaml")
    folder.playbook(f"playbook: off\nenter: off > 1\n{WAIT}", "playbooks/off.yaml")
    project = folder.load()
    assert "good" in project.plans
    assert set(project.broken) == {"off"}
    assert [p.code for p in project.problems] == ["P103"]


def test_a_broken_playbook_does_not_stop_the_others(folder: Folder) -> None:
    folder.playbook(f"playbook: good\n{WAIT}", "playbooks/good.yaml")
    folder.playbook(f"playbook: bad\ntitel: x\n{WAIT}", "playbooks/bad.yaml")
    folder.playbook("playbook: [\n", "playbooks/unreadable.yaml")
    project = folder.load()
    assert set(project.plans) == {"good", "milestone-first_change"}
    assert set(project.broken) == {"bad", "playbooks/unreadable.yaml"}
    assert [p.code for p in project.broken["bad"]] == ["P103"]
    assert project.bundles.keys() == {plan.digest for plan in project.plans.values()}


def test_a_playbook_that_reads_a_broken_metric_cannot_run(folder: Folder) -> None:
    folder.write("playbooks/metrics.yaml", "changes_7d: {count: '*', in: 7 days}\noff: 1 +\n")
    folder.playbook(f"playbook: good\nenter: changes_7d > 0\n{WAIT}", "playbooks/good.yaml")
    folder.playbook(f"playbook: off\nenter: off > 1\n{WAIT}", "playbooks/off.yaml")
    project = folder.load()
    assert set(project.plans) == {"good", "milestone-first_change"}
    assert project.broken == {"off": ()}
    assert {p.place.file for p in project.problems} == {"playbooks/metrics.yaml"}


def test_two_playbooks_with_one_id_are_both_left_out(folder: Folder) -> None:
    folder.playbook(f"playbook: twice\n{WAIT}", "playbooks/a.yaml").playbook(f"playbook: twice\n{WAIT}", "playbooks/b/b.yaml")
    (problem,) = folder.problems()
    assert problem.render() == (
        'playbooks/b/b.yaml:1:11 error P108 two playbooks have the id "twice"; the first stands at playbooks/a.yaml:1:11; give one another id'
    )
    assert "twice" not in folder.load().plans


def test_tests_and_hidden_files_and_slack_templates_are_no_playbooks(folder: Folder) -> None:
    folder.write("playbooks/tests/one.yaml", "given: x\n").write("playbooks/.draft/x.yaml", "playbook: [")
    folder.write("playbooks/alert.yaml", "blocks: []\n")
    assert folder.said() == []
    folder.write("playbooks/notes.yaml", "foo: x\n")
    assert [p.code for p in folder.problems()] == ["P304"]


def test_the_journey_implies_a_playbook_for_each_notice(folder: Folder) -> None:
    plan = folder.load().plans["milestone-first_change"]
    (step,) = plan.steps
    assert isinstance(step, Notice)
    assert (step.milestone, step.template, step.to.role) == ("first_change", "milestones/first_change", "champion")
    assert plan.enter is not None
    assert (plan.enter.text, plan.existing, plan.topic, plan.once_per) == ("reached('first_change')", "skip", "milestones", None)
    assert (plan.file, step.place.line) == ("playbooks/journey.yaml", 4)


def test_a_notice_in_a_playbook_takes_the_place_of_the_implied_one(folder: Folder) -> None:
    project = folder.steps("- id: a\n  notice: first_change").load()
    assert set(project.plans) == {"sample"}


def test_a_broken_playbook_keeps_its_notice(folder: Folder) -> None:
    """Else its mending would tell the customer a second time."""
    project = folder.steps("- id: a\n  notice: first_change", "titel: x\n").load()
    assert set(project.plans) == set()


def test_a_second_notice_of_a_milestone_is_an_error(folder: Folder) -> None:
    folder.steps("- id: a\n  notice: first_change")
    folder.playbook("playbook: two\nsteps:\n  - {id: b, notice: first_change}\n", "playbooks/two.yaml")
    (said,) = folder.said()
    assert said == (
        'playbooks/two.yaml:3:21 error P208 a second notice of the milestone "first_change"; '
        "the first stands at playbooks/sample.yaml:4:13; a milestone is told once: keep one of them"
    )


@pytest.mark.parametrize(
    ("steps", "said"),
    [
        ("- id: a\n  notice: first_chnge", '4:13 error P205 there is no milestone "first_chnge"; did you mean "first_change"?'),
        ("- id: a\n  notice: habit", '4:13 error P205 the milestone "habit" has no notice; name its template in journey.yaml: `notice: …`'),
        (
            "- id: a\n  email: onboarding/welcom",
            '4:12 error P203 there is no e-mail template "onboarding/welcom"; did you mean "onboarding/welcome"?',
        ),
        ("- id: a\n  email: welcome", '4:12 error P203 there is no e-mail template "welcome"; did you mean "onboarding/welcome"?'),
        (
            "- id: a\n  email: onboarding/welcome.md",
            '4:12 error P203 there is no e-mail template "onboarding/welcome.md"; leave the ending out: onboarding/welcome',
        ),
        ("- id: a\n  email: ./x", '4:12 error P203 there is no e-mail template "./x"; write it to playbooks/x.md'),
        (
            "- id: a\n  email: ./../../x",
            '4:12 error P203 there is no e-mail template "./../../x"; what lies beside a playbook lies below playbooks/',
        ),
        ("- id: a\n  cta: stuk", '4:10 error P203 there is no Slack template "stuk"; did you mean "stuck"?'),
        (
            "- id: a\n  email: onboarding/welcome\n  to: chamipon",
            '5:9 error P204 there is nobody called "chamipon"; did you mean "champion"?',
        ),
        (
            "- id: a\n  email: onboarding/welcome\n  from: x@y.example",
            "5:11 error P204 team.yaml has nobody with that e-mail; add them there",
        ),
        (
            "- id: a\n  email: onboarding/welcome\n  to: answer('a.b')",
            '5:16 error X219 the step "a" asks nothing; give it `ask: {field: text}`',
        ),
        (
            "- id: a\n  cta: stuck\n  to: champion",
            "5:9 error P204 a CTA goes to one of us, not to champion; allowed: csm, csm.manager, manager, sales",
        ),
        (
            "- id: a\n  notice: first_change\n  to: csm",
            "5:9 error P204 a milestone notice goes to customers, not to csm; allowed: champion, operators, everyone",
        ),
        ("- id: a\n  wait: 0 days", '3:5 error P113 the step "a" waits for 0 days; leave it out, or say how long'),
        (
            "- stop\n- id: a\n  wait: 1 day",
            '4:5 error P111 nobody comes to the step "a": every way ends before it; move it up, or delete it',
        ),
        (
            "- id: a\n  wait: 1 day\n- id: a\n  wait: 1 day",
            '5:9 error P107 two steps have the id "a"; the first stands at playbooks/sample.yaml:3:9; give this one an id of its own',
        ),
        (
            "- id: a\n  wait_until: changes_7d > 1\n  at_most: 1 day\n  otherwise: [stop]",
            "6:5 error P110 `otherwise` needs `after` beside it: what comes once the block has run; add `after: continue`, `keep_waiting` or `stop`",
        ),
        (
            "- id: a\n  wait_until: changes_7d > 1\n  otherwise: [stop]\n  after: stop",
            "5:5 error P110 `otherwise` never runs without `at_most`; add `at_most: 5 days`",
        ),
        (
            "- id: a\n  wait_until: changes_7d > 1\n  after: stop",
            "5:5 error P110 `after` means nothing without `at_most`; add `at_most: 5 days`",
        ),
    ],
)
def test_what_a_step_names_must_be_there(folder: Folder, steps: str, said: str) -> None:
    assert folder.steps(steps).said() == [said]


@pytest.mark.parametrize(
    ("head", "said"),
    [
        ("topic: onbording\n", '2:8 error P201 there is no topic "onbording"; did you mean "onboarding"?'),
        ("phase: adoption\n", '2:8 error P202 there is no phase "adoption"; phases of journey.yaml: onboarding'),
        (
            "enter: changes_7d > 1\ngoal: changes_7d>1\n",
            "3:7 error P112 `goal` is the same as `enter`: nobody would ever enter; say what is true of those who are through",
        ),
        (
            "audience: changes_7d > 1\nexit: changes_7d>1\n",
            "3:7 error P112 `exit` is the same as `audience`: nobody would ever enter; say what is true of those who are through",
        ),
        (
            "while: changes_7d > 1\nexit: changes_7d>1\n",
            "2:8 error P112 `while` is the same as `exit`: everybody would leave at once; keep one of them",
        ),
        (
            "schedule: every 15 mins\n",
            '2:11 error P109 "every 15 mins" is no schedule; write `every 15 minutes`, `every 4 hours`, `every day`, or a cron line such as `0 9 * * MON-FRI`',
        ),
    ],
)
def test_what_a_playbook_names_must_be_there(folder: Folder, head: str, said: str) -> None:
    assert folder.steps("- stop", head).said() == [said]


@pytest.mark.parametrize(
    ("step", "place"),
    [("- {id: a, if: changes_7d  > 1, wait: 1 day}", "4:17"), ("- if: changes_7d > 1\n  then: [{id: a, wait: 1 day}]", "4:9")],
)
def test_a_step_that_contradicts_a_way_out_is_never_done_and_says_so_in_its_place(folder: Folder, step: str, place: str) -> None:
    said = "it is never done: `goal` is the same, and who meets it has left by then"
    mend = "put it into a playbook of its own that `enter`s with the goal"
    assert folder.steps(step, "goal: changes_7d > 1\n").said() == [f"{place} error P112 {said}; {mend}"]


def test_a_misspelt_key_hides_no_other_mistake_of_the_playbook(folder: Folder) -> None:
    """P110, P112 and P113 need no sound shape; but the key that a wait lacks may be the one that is misspelt."""
    folder.steps(
        """
        - {id: a, wait_until: changes_7d > 1, at_most: 1 day, otherwise: [stop]}
        - {id: b, wait_until: changes_7d > 1, at_most: 1 day, otherwise: [stop], aftr: stop}
        - {id: c, wait: 0 days}
        """,
        "titel: x\nenter: changes_7d > 1\ngoal: changes_7d > 1\n",
    )
    assert [(p.place.line, p.code) for p in folder.problems()] == [(2, "P103"), (4, "P112"), (6, "P110"), (7, "P103"), (8, "P113")]


def test_where_contacts_pass_through_a_step_runs_for_each_of_them(folder: Folder) -> None:
    folder.steps(
        """
        - {id: a, notice: first_change}
        - {id: b, email: onboarding/welcome, to: everyone}
        - {id: c, email: onboarding/welcome, to: champion}
        - {id: d, email: onboarding/welcome}
        """,
        "subject: contact\n",
    )
    assert [(p.place.line, p.code, p.level.value) for p in folder.problems()] == [(4, "P114", "error"), (5, "P115", "warning")]


@pytest.mark.parametrize("topic", ["general", "transactional", "milestones", "onboarding"])
def test_topics_that_are_always_there(folder: Folder, topic: str) -> None:
    assert folder.steps("- stop", f"topic: {topic}\n").said() == []


def test_a_condition_over_many_blanks_gets_a_warning(folder: Folder) -> None:
    folder.steps("- id: a\n  wait_until: days_until(account.renewal_at) < 30", "audience: account.renewal_at is not null\n")
    (said,) = folder.said()
    assert said.startswith("5:28 warning P301 212 of 797 accounts have no renewal_at; ")
    assert "sample" in folder.load().plans


LENGTHS = "write a whole number and a unit: 3 days, 2 business days, 4 hours, 52 weeks, 30 minutes"


@pytest.mark.parametrize(
    ("file", "old", "new", "said"),
    [
        (
            "project",
            "name: Sample\n",
            "name: Sample\nretention: {journal: 20 business days}\n",
            "2:22 error P215 how long something is kept is not counted in business days; write a span such as 400 days",
        ),
        (
            "project",
            "name: Sample\n",
            "name: Sample\nretention: {changes: 1 week}\n",
            "2:22 error P215 what is 1 week old is still asked about; keep it for 30 days at least",
        ),
        (
            "project",
            "name: Sample\n",
            "name: Sample\ntimezone: Asia/Tokio\n",
            '2:11 error P206 there is no time zone "Asia/Tokio"; did you mean "Asia/Tokyo"?',
        ),
        (
            "project",
            "lead@vendor",
            "nobody@vendor",
            "7:20 error P207 the fallback sender is not in team.yaml; write the e-mail of somebody who is in team.yaml",
        ),
        (
            "team",
            "manager: lead@",
            "manager: led@",
            "3:62 error P207 this manager is not in the team; write the e-mail of somebody who is in team.yaml",
        ),
        (
            "project",
            "topics:",
            "caps: [{per: account, most: 2, in: 7 days, channel: slack}]\ntopics:",
            "8:53 error P210 customers get nothing by Slack; leave channel out, or count per: csm",
        ),
        (
            "project",
            "topics:",
            "caps: [{per: contact, most: 2, in: 5 business days}]\ntopics:",
            "8:36 error P210 a cap cannot count over 5 business days; write 7 days",
        ),
        (
            "project",
            "topics:",
            "caps:\n  - {per: csm, most: 2, in: 7 days}\n  - {per: csm, most: 3, in: 1 weeks}\ntopics:",
            "10:5 error P210 a second cap of the same messages over the same span; the first stands at playbooks/project.yaml:9:5; keep one",
        ),
        (
            "project",
            "topics:",
            "rates: {sendgrid: fast}\ntopics:",
            '8:19 error P210 "fast" is no rate; write one such as 600 per minute, or 1 per second',
        ),
        (
            "project",
            "topics:",
            "rates: {domains: {gmail: 5 per hour}}\ntopics:",
            '8:19 error P210 "gmail" is no domain; write what stands behind the @, such as gmail.com, or default',
        ),
        (
            "project",
            "topics:",
            "rates: {warm_up: {from: 2026-03-02, start: 50 per day, until: 2026-03-01}}\ntopics:",
            "8:63 error P210 the ramp ends before it begins; write a later day",
        ),
        (
            "project",
            "topics:",
            "rates: {warm_up: {from: soon, start: 50 per day, until: 2026-03-01}}\ntopics:",
            '8:25 error P210 "soon" is no day; write one such as 2026-03-02',
        ),
        (
            "project",
            "topics:",
            "caps: [{per: contact, most: 2, in: week}]\ntopics:",
            f"8:36 error X290 'week' is no length of time; {LENGTHS}",
        ),
        ("metrics", "in: 7 days", "in: 7", '1:30 error P101 "in" must be text, not 7; write a unit: `7 days`, `7 weeks`'),
        (
            "metrics",
            'changes_7d: {count: "*"',
            "changes_7d: {count: login",
            """1:21 error P105 "count" cannot be "login"; allowed: *; write count: "*", where: event = 'login'""",
        ),
        (
            "project",
            "usage: {file: usage.csv}",
            "usage: {file: usage.csv, zone: JST}",
            '5:34 error P206 there is no time zone "JST"; write Asia/Tokyo',
        ),
        ("project", "name: Sample\n", "name: Sample\ntimezone: JST\n", '2:11 error P206 there is no time zone "JST"; write Asia/Tokyo'),
        (
            "project",
            "name: Sample\n",
            "name: Sample\nunsubscribe: us@vendor.example\n",
            '2:14 error P105 "unsubscribe" cannot be "us@vendor.example"; write mailto:us@vendor.example?subject=unsubscribe',
        ),
        (
            "team",
            "sales@vendor.example",
            "sales.vendor.example",
            '4:13 error P207 "sales.vendor.example" is no e-mail address; write name@company.example',
        ),
        ("team", "role: sales", "role: champion", '4:59 error P207 "champion" cannot be a staff role: it means somebody else'),
        (
            "team",
            "sales@vendor",
            "csm1@vendor",
            "4:13 error P207 this person is in the team twice, first at playbooks/team.yaml:3:13; keep one",
        ),
        (
            "journey",
            "milestones/first_change",
            "milestones/first",
            '4:79 error P203 there is no e-mail template "milestones/first"; did you mean "milestones/first_change"?',
        ),
    ],
)
def test_the_company_is_checked(folder: Folder, file: str, old: str, new: str, said: str) -> None:
    path = folder.root / f"playbooks/{file}.yaml"
    path.write_text(path.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")
    assert folder.said() == [f"playbooks/{file}.yaml:{said}"]


def test_a_day_of_absence_that_is_none_is_said(folder: Folder) -> None:
    folder.write(
        "playbooks/team.yaml",
        "staff:\n  - {email: lead@vendor.example, name: Toni, away: [2026-08-10/2026-08-14, 12-29/01-03]}\n"
        "  - {email: csm1@vendor.example, name: Alex, away: [2026-02-30, 2026-08-14/2026-08-10]}\n",
    )
    assert [(p.place.line, p.code, p.message) for p in folder.problems()] == [
        (3, "P207", '"2026-02-30" is no day and no span of days'),
        (3, "P207", '"2026-08-14/2026-08-10" is no day and no span of days'),
    ]
