"""What CTAs, and what project.yaml and team.yaml say about them, can get wrong: each with its place and its mend."""

from __future__ import annotations

import pytest

from tests.unit.playbook.folder import Folder


def places(folder: Folder) -> list[tuple[str, int, str]]:
    return [(p.place.file.removeprefix("playbooks/"), p.place.line, p.code) for p in folder.problems()]


def in_project(folder: Folder, text: str) -> list[tuple[str, int, str]]:
    path = folder.root / "playbooks/project.yaml"
    before = path.read_text(encoding="utf-8")
    path.write_text(before + text, encoding="utf-8")
    return [(file, line - before.count("\n"), code) for file, line, code in places(folder)]


@pytest.mark.parametrize(
    ("checklist", "said"),
    [
        ("call them", "is a list"),
        ("[]", "lists nothing"),
        (str([str(n) for n in range(11)]), "11 items"),
        (f"[{'x' * 76}]", "longer than 75"),
        ("[{en: Call, ja: " + "電" * 76 + "}]", "longer than 75"),
        ("[call, call]", "stands twice"),
        ("[call: them]", ""),
        ("['']", "is a text"),
        ("[1]", "is a text"),
    ],
)
def test_a_checklist_that_cannot_be_ticked_off(folder: Folder, checklist: str, said: str) -> None:
    folder.steps(f"- id: a\n  cta: stuck\n  checklist: {checklist}")
    if not said:  # a mapping by language, whatever the languages are
        assert folder.problems() == []
        return
    (problem,) = folder.problems()
    assert (problem.place.line, problem.code in ("P101", "P105"), said in problem.message, bool(problem.mend)) == (5, True, True, True)


@pytest.mark.parametrize(
    "url", ["crm.example/{account}", "https://crm.example/accounts", "javascript:alert({account})", "https://{account}/"]
)
def test_a_link_that_leads_to_no_account(folder: Folder, url: str) -> None:
    assert in_project(folder, f"slack: {{account_url: '{url}'}}\n") == [("project.yaml", 1, "P213")]


def test_a_language_of_ours_that_is_none(folder: Folder) -> None:
    folder.write("playbooks/team.yaml", "staff:\n  - {email: lead@vendor.example, name: T, locale: japanisch}\n")
    assert [(file, line, code) for file, line, code in places(folder) if code == "P213"] == [("team.yaml", 2, "P213")]


@pytest.mark.parametrize("escalate", ["soon", "'2'"])
def test_a_time_to_escalate_that_is_none(folder: Folder, escalate: str) -> None:
    assert in_project(folder, f"slack: {{escalate: {escalate}}}\n") == [("project.yaml", 1, "X290")]


def test_ctas_need_not_be_escalated(folder: Folder) -> None:
    assert in_project(folder, "slack: {escalate: null}\n") == []


@pytest.mark.parametrize("digest", ["9:00", "24:00", "morning", "'09'"])
def test_an_hour_of_the_digest_that_is_none(folder: Folder, digest: str) -> None:
    assert [line for _, line, _ in in_project(folder, f"slack: {{digest: {digest}}}\n")] == [1]


@pytest.mark.parametrize("minutes", ["0", "481", "soon", "1.5"])
def test_minutes_that_no_cta_takes(folder: Folder, minutes: str) -> None:
    folder.steps(f"- id: a\n  cta: stuck\n  minutes: {minutes}")
    (problem,) = folder.problems()
    assert (problem.place.line, problem.mend != "" or problem.message != "") == (5, True)


def test_a_budget_without_a_digest_is_warned_of(folder: Folder) -> None:
    team = "staff:\n  - {email: lead@vendor.example, name: T, minutes_a_week: 60}\n"
    folder.write("playbooks/team.yaml", team)
    assert [(file, line, code) for file, line, code in places(folder) if code == "P216"] == [("team.yaml", 2, "P216")]
    assert in_project(folder, 'slack: {digest: "09:00"}\n') == []
