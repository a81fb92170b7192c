"""Wrong keys and values are said in the author's words, at the author's place, each mistake once."""

from __future__ import annotations

import pytest

from cs_engine.playbook.config import ProjectConfig
from cs_engine.playbook.model import PlaybookSpec
from cs_engine.playbook.steps import KINDS
from tests.unit.playbook.folder import Folder

SOUND = """\
playbook: sample
steps:
  - id: welcome
    email: onboarding/welcome
"""


def test_an_unknown_key_is_shown_with_its_line_and_a_caret(folder: Folder) -> None:
    folder.playbook(
        """\
        playbook: onboarding-self-serve
        title: {en: Self-serve onboarding, ja: 自走オンボーディング}
        steps:
          - id: welcome
            emial: onboarding/welcome
            to: champion
        """,
        "playbooks/onboarding/self_serve.yaml",
    )
    (problem,) = folder.problems()
    assert problem.render((folder.root / problem.place.file).read_text(encoding="utf-8")) == (
        'playbooks/onboarding/self_serve.yaml:5:5 error P103 unknown key "emial" in an email step; did you mean "email"?\n'
        "    5 |     emial: onboarding/welcome\n"
        "      |     ^^^^^"
    )


@pytest.mark.parametrize(
    ("step", "said"),
    [
        (
            "- id: a\n  tempalte: onboarding/welcome",
            '4:5 error P103 unknown key "tempalte" in an email step; did you mean "email"?',
        ),
        (
            "- id: a\n  email: onboarding/welcome\n  template: onboarding/welcome",
            '5:5 error P103 unknown key "template" in an email step; did you mean "email"? It names the template',
        ),
        ("- id: a\n  wiat: 2 days", '4:5 error P103 unknown key "wiat" in a wait step; did you mean "wait"?'),
        ("- id: a\n  ctaa: stuck", '4:5 error P103 unknown key "ctaa" in a cta step; did you mean "cta"?'),
        (
            "- id: a\n  wait_untill: changes_7d > 1",
            '4:5 error P103 unknown key "wait_untill" in a wait_until step; did you mean "wait_until"?',
        ),
        ("- if: changes_7d > 1\n  then: [stop]\n  esle: [stop]", '5:5 error P103 unknown key "esle" in an if block; did you mean "else"?'),
        (
            "- id: a\n  wait: 2 days\n  colour: red",
            '5:5 error P103 unknown key "colour" in a wait step; keys here: if, at, if_late, id, wait',
        ),
    ],
)
def test_a_misspelt_key_is_one_mistake_and_the_mend_is_a_key_that_exists(folder: Folder, step: str, said: str) -> None:
    assert folder.steps(step).said() == [said]


@pytest.mark.parametrize(
    ("step", "said"),
    [
        ("- email: onboarding/welcome", '3:5 error P102 an email step needs the key "id"; add a name of your own, such as `id: welcome`'),
        ("- wait: 2 days", '3:5 error P102 a wait step needs the key "id"; add a name of your own, such as `id: settle`'),
        ("- id: a\n  wait: 2", "4:11 error P101 2 of what?; write a unit: `2 days`, `2 hours`, `2 business days`"),
        ("- id: a b\n  wait: 2 days", '3:9 error P105 "a b" cannot be "id"; use small letters, digits and hyphens: a-b'),
        ("- wait 2 days", '3:5 error P101 a step is a mapping, not "wait 2 days"; write `- wait: 2 days`'),
        (
            "- id: a",
            (
                "3:5 error P106 this step does nothing; give it one of: email, notice, cta, wait, wait_until, if with then, "
                "split, set, enrol, webhook, stop"
            ),
        ),
        ("- stop: no", "3:11 error P101 `stop` takes no value; write `- stop`"),
        (
            "- id: a\n  email: onboarding/welcome\n  wait: 2 days",
            "5:5 error P106 a step does one thing, this one has `email` and `wait`; make it two steps",
        ),
        (
            "- id: a\n  cta: stuck\n  priority: hihg",
            '5:15 error P105 "priority" cannot be "hihg"; allowed: low, normal, high; did you mean "high"?',
        ),
        (
            "- id: a\n  if: true\n  wait: 1 day",
            "4:9 error P101 a condition is a comparison, not true; leave the key out where it should always hold",
        ),
    ],
)
def test_a_wrong_step_says_what_to_write(folder: Folder, step: str, said: str) -> None:
    assert folder.steps(step).said() == [said]


@pytest.mark.parametrize(
    ("head", "said"),
    [
        ("priority: '50'\n", '2:11 error P101 "priority" must be a whole number, not "50"; write it without quotes: 50'),
        ("priority: 500\n", '2:11 error P105 "priority" must be at most 100, not 500'),
        ("touch: teck\n", '2:8 error P105 "touch" cannot be "teck"; allowed: tech, low, high; did you mean "tech"?'),
        ("topic: 5\n", '2:8 error P101 "topic" must be text, not 5; put it in quotes: "5"'),
        ("vars: {a: [1]}\n", "2:11 error P101 this is text, a number, true or false; give each part a name of its own"),
        ("holdout: 110%\n", '2:10 error P105 "110%" cannot be "holdout"; write a share below 100%, such as 10%'),
        ("enter:\n", "2:7 error P101 `enter` stands there with nothing behind it; write its value, or leave the key out"),
        ("vars: {a b: 1}\n", '2:8 error P105 "a b" cannot be the name of a value; use letters, digits and _'),
        ("audience: [a, b]\n", "2:11 error P101 a condition is one text, not a list; join its parts with `and` or `or`"),
        ("enter: {changes_7d: 1}\n", "2:8 error P101 a condition is plain text, not a mapping; leave the braces out: changes_7d: 1"),
        ("when: changes_7d > 1\n", '2:1 error P103 unknown key "when" in a playbook; did you mean "enter"?'),
    ],
)
def test_a_wrong_value_says_what_is_allowed(folder: Folder, head: str, said: str) -> None:
    assert folder.steps("- stop", head).said() == [said]


@pytest.mark.parametrize("key", sorted(PlaybookSpec.LATER))
def test_a_key_of_the_language_that_is_not_built_says_so(folder: Folder, key: str) -> None:
    said = folder.steps("- stop", f"{key}: x\n").said()
    assert said == [f"2:1 error P104 `{key}` is part of the language but not built yet; leave it out for now"]


@pytest.mark.parametrize("key", sorted(ProjectConfig.LATER))
def test_a_key_of_project_yaml_that_is_not_built_says_so(folder: Folder, key: str) -> None:
    path = folder.root / "playbooks/project.yaml"
    path.write_text(f"{key}: x\n" + path.read_text(encoding="utf-8"), encoding="utf-8")
    assert folder.said() == [
        f"playbooks/project.yaml:1:1 error P104 `{key}` is part of the language but not built yet; leave it out for now"
    ]


def test_every_key_of_a_step_in_the_language_is_built() -> None:
    assert {kind: spec.LATER for kind, spec in KINDS.items() if spec.LATER} == {}


@pytest.mark.parametrize("step", ["wait: 2 days", "set: {stage: x}", "stop:", "split: {a: {weight: 50}, b: {weight: 50}}"])
def test_what_is_not_sent_does_not_repeat(folder: Folder, step: str) -> None:
    (said,) = folder.steps(f"- id: a\n  {step}\n  repeat: {{every: 1 day, times: 2}}").said()
    assert "error P103 `repeat` means nothing in a" in said
    assert "only what is sent is sent again" in said


def test_every_mistake_of_a_file_is_said_in_one_pass(folder: Folder) -> None:
    folder.playbook(
        """\
        playbook: sample
        titel: Sample
        audience: account.plan = team
        topic: onbording
        goal: changes_7d > 80%
        schedule: every 15 mins
        steps:
          - id: a
            emial: onboarding/welcome
          - id: a
            email: onboarding/welcom
            to: chamipon
          - id: b
            wait: 2 dys
          - id: c
            wait_until: reached('habbit')
            at_most: 3 days
            otherwise:
              - id: d
                cta: stuk
            after: stop
        """
    )
    said = [(p.place.line, p.code) for p in folder.problems()]
    assert said == [
        (2, "P103"),
        (3, "X207"),
        (4, "P201"),
        (5, "X208"),
        (6, "P109"),
        (9, "P103"),
        (10, "P107"),
        (11, "P203"),
        (12, "P204"),
        (14, "X290"),
        (16, "X218"),
        (20, "P203"),
    ]


def test_other_files_are_read_as_strictly(folder: Folder) -> None:
    folder.write("playbooks/metrics.yaml", "a: {cout: '*'}\nb: 3\n")
    folder.write("playbooks/team.yaml", "staff:\n  - {emial: a@vendor.example, name: A}\n")
    assert folder.said() == [
        'playbooks/metrics.yaml:1:5 error P103 unknown key "cout" in "a" of metrics.yaml; did you mean "count"?',
        'playbooks/metrics.yaml:2:4 error P101 "b" must be text, not 3; put it in quotes: "3"',
        'playbooks/team.yaml:2:6 error P103 unknown key "emial" in "staff.0" of team.yaml; did you mean "email"?',
    ]


def test_the_sound_sample_is_sound(folder: Folder) -> None:
    assert folder.playbook(SOUND).said() == []


@pytest.mark.parametrize(
    ("step", "said"),
    [
        ("- {id: a, email: onboarding/welcome, approve: }", "error P101 `approve` stands there"),
        ("- {id: a, if: , wait: 1 day}", "error P101 `if` stands there"),
        ("- {id: a, split: {x: {weight: 50%}, y: {weight: 50}}}", 'error P101 "weight" must be a number, not "50%"; write it'),
        ("- {id: a, email: onboarding/welcome, to: ann@customer.example}", "error P204 `to` takes no address"),
        ("- {id: a, at: 2026-05-01, wait: 1 day}", "error X213 a time is needed here, 2026-05-01 is a number; write \"'2026-05-01'\""),
        ("- {id: a, at: now() + 3 days, wait: 1 day}", 'error P131 "now() + 3 days" goes on with every tick'),
        ("- {id: a, at: account.renewal_at \u2212 3 days, wait: 1 day}", "error X204 a dash is no minus; write -"),
    ],
)  # fmt: skip
def test_what_would_be_taken_for_something_else_in_silence_or_has_a_plain_mend_says_so(folder: Folder, step: str, said: str) -> None:
    (found,) = folder.steps(step).said()
    assert found.partition(" ")[2].startswith(said)
