"""What `check` says of templates and playbooks together."""

from __future__ import annotations

from cs_engine.run.desk.checks import template_problems
from tests.unit.playbook.folder import Folder

WELCOME = "- id: welcome\n  email: onboarding/welcome\n"


def unused(folder: Folder) -> list[str]:
    return [problem.place.file for problem in template_problems(folder.load(), ["en"]) if problem.code == "T314"]


def test_a_template_that_no_playbook_names_is_said_to_be_unused(folder: Folder) -> None:
    folder.steps(WELCOME)
    assert "templates/email/onboarding/welcome.md" not in unused(folder)
    assert "templates/email/onboarding/explore.en.md" in unused(folder)


def test_the_templates_of_a_broken_playbook_are_not_called_unused_beside_its_errors(folder: Folder) -> None:
    folder.steps(f"{WELCOME}- id: settle\n  wiat: 2 days\n")
    assert unused(folder) == []
