"""`check --fix`: mends what is certain, keeps everything else to the letter, and never guesses."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.cli.conftest import Call

HEAD = "playbook: mend-me\ntopic: tips # of project.yaml\nexisting: skip\n"
STEPS = "steps:\n  # first of all\n  - id: one\n    email: one   # two blanks\n"

CERTAIN = {
    "enter: account.plan = null": "enter: account.plan is null",
    "enter: account.plan != none": "enter: account.plan is not null",
    "enter: uses　＞　３": "enter: uses > 3",
    "enter： uses > 3": "enter: uses > 3",
    "enter:　uses > 3": "enter: uses > 3",
    "enter:uses > 3": "enter: uses > 3",
    'enter: account.plan = "team" # of the CRM': "enter: account.plan = 'team' # of the CRM",
    "enter: uses > 3 && quiet_days < 7": "enter: uses > 3 and quiet_days < 7",
    "enter: account.plan = zzyzx": "enter: account.plan = 'zzyzx'",
    "enter: account.plan in 'team'": "enter: account.plan in ('team')",
    "audiense: uses > 3": "audience: uses > 3",
    "touch: teck": "touch: tech",
    "title: first: second": 'title: "first: second"',
    "title: “first: second”": 'title: "first: second"',
}
TAKES_A_PERSON = (
    "enter: seat_usage > 80%",  # of a hundred, or of one?
    "enter: use > 3",  # no name of this project, near to more than one thing
    "enter: account.signed_up_at > 7 days",
    "title: first: second # a remark, or a part of it?",
    "enter: 'account.plan = \"team\"'",  # inside YAML's own quotes
    "enter: uses > ",
    "subject: acount",  # account, or contact?
)


def playbook(project: Path, line: str) -> Path:
    file = project / "playbooks/mend_me.yaml"
    file.write_text(HEAD + line + "\n" + STEPS, encoding="utf-8")
    return file


@pytest.mark.parametrize("line", CERTAIN)
def test_what_is_certain_is_mended_and_the_rest_stays_to_the_letter(line: str, project: Path, call: Call) -> None:
    file = playbook(project, line)
    said = call("check", "--fix")
    assert file.read_text(encoding="utf-8") == f"{HEAD}{CERTAIN[line]}\n{STEPS}", said.out
    assert f"-{line}\n+{CERTAIN[line]}\n" in said.out
    assert said.code == 0


def test_mending_again_does_nothing(project: Path, call: Call) -> None:
    file = playbook(project, "enter: account.plan = null && uses > 3")
    call("check", "--fix")
    once = file.read_text(encoding="utf-8")
    again = call("check", "--fix")
    assert "enter: account.plan is null and uses > 3\n" in once
    assert file.read_text(encoding="utf-8") == once
    assert again.out.startswith("Nothing that can be mended without you.")


@pytest.mark.parametrize("line", TAKES_A_PERSON)
def test_what_takes_a_person_is_left_alone(line: str, project: Path, call: Call) -> None:
    file = playbook(project, line)
    said = call("check", "--fix")
    assert file.read_text(encoding="utf-8") == f"{HEAD}{line}\n{STEPS}"
    assert said.code == 1
    assert "playbooks/mend_me.yaml:" in said.out


def test_a_key_that_would_stand_twice_is_left_alone(project: Path, call: Call) -> None:
    file = playbook(project, "topik: other")
    call("check", "--fix")
    assert "topik: other" in file.read_text(encoding="utf-8")


def test_line_ends_of_windows_and_a_template_are_mended_too(project: Path, call: Call) -> None:
    file = playbook(project, "enter: account.plan = null")
    file.write_bytes(file.read_bytes().replace(b"\n", b"\r\n"))
    mail = project / "templates/email/one.md"
    mail.write_text("---\nsubject： Hello\n---\nHi {{ contact | addressee }}\n", encoding="utf-8")
    call("check", "--fix")
    assert b"enter: account.plan is null\r\n" in file.read_bytes()
    assert b"\r\n" in file.read_bytes().replace(b"\r\n", b"", 1)
    assert mail.read_text(encoding="utf-8").startswith("---\nsubject: Hello\n")


def test_json_and_mending_do_not_go_together(project: Path, call: Call) -> None:
    assert call("check", "--fix", "--format", "json").code == 2
