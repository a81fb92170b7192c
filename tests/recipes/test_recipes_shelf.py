"""Recipes: each passes `check` in a fresh project as soon as it is made, says what it needs, and overwrites nothing."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from cs_engine.content.source import read, source_digest
from cs_engine.playbook.plan import Cta, Email
from cs_engine.scaffold import RECIPES, make, recipes, the_recipe
from cs_engine.settings import Settings
from cs_engine.wiring import load_project
from tests.docs.markdown import ROOT, table, words
from tests.docs.session import Session, differences
from tests.recipes import test_recipes_stories as stories
from tests.recipes.shelf import supply
from tests.stories.world import copy_of, write_files
from tests.unit.cli.conftest import Call, call

__all__ = ["call"]
ALL = sorted(recipes())
SAMPLE_HAS = ("account.seats",)
PAGE = ROOT / "docs/recipes.md"


@pytest.fixture
def fresh(starter: Path, here: Path) -> Path:
    """A project that `init` has just made."""
    return copy_of(starter, here)


@pytest.mark.parametrize("recipe", ALL)
def test_a_fresh_project_passes_check_with_it(recipe: str, fresh: Path, call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(fresh)
    made = call("new", recipe)
    assert made.code == 0, made.err
    assert [need for need in the_recipe(recipe).spec.needs if need not in made.out + made.err and need not in SAMPLE_HAS] == []
    supply(fresh, recipe)
    said = call("check", "--format", "json")
    assert (said.code, json.loads(said.out)) == (0, [])
    assert recipe in load_project(Settings(cs_engine_project=fresh)).plans


@pytest.mark.parametrize("recipe", ALL)
def test_all_its_mails_are_in_english_and_japanese(recipe: str, fresh: Path, call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(fresh)
    name = f"our-{recipe}"
    assert call("new", recipe, "--name", name).code == 0
    supply(fresh, recipe)
    plan = load_project(Settings(cs_engine_project=fresh)).plans[name]
    sent = {Path(step.template).name for step in plan.steps if isinstance(step, Email | Cta)}
    written: dict[str, set[str]] = {}
    for _, template, locale, _ in the_recipe(recipe).templates():
        written.setdefault(template, set()).add(locale)
    assert written == {name: {"en", "ja"} for name in sent}
    assert any(isinstance(step, Email) for step in plan.steps)


@pytest.mark.parametrize("recipe", ALL)
def test_each_has_a_story(recipe: str) -> None:
    assert f"test_{recipe.replace('-', '_')}" in vars(stories)


@pytest.mark.parametrize("file", sorted(RECIPES.rglob("*.ja.md")), ids=lambda path: f"{path.parent.name}/{path.name}")
def test_a_translation_says_which_text_it_translates(file: Path) -> None:
    original = file.with_name(file.name.replace(".ja.", ".en."))
    digest = source_digest(read(original))
    assert f"source: {digest}\n" in read(file), f"the English text has changed: look at the Japanese one, then write {digest}"


def test_it_overwrites_nothing(fresh: Path, call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(fresh)
    assert call("new", "expansion-seats", "--name", "seats").code == 0
    file = fresh / "playbooks/seats/seats_short.md"
    file.write_text("mine", encoding="utf-8")
    metrics = (fresh / "playbooks/metrics.yaml").read_text(encoding="utf-8")
    again = call("new", "expansion-seats", "--name", "seats")
    assert again.code == 2
    assert "nothing was written" in again.err
    (fresh / "playbooks/seats/seats.yaml").unlink()
    again = call("new", "expansion-seats", "--name", "seats")
    assert (again.code, "seats_" in again.err) == (2, True)
    assert file.read_text(encoding="utf-8") == "mine"
    assert (fresh / "playbooks/metrics.yaml").read_text(encoding="utf-8") == metrics
    assert not (fresh / "playbooks/seats/seats.yaml").exists()


def test_names_and_recipes_that_cannot_be(fresh: Path, call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(fresh)
    assert 'did you mean "expansion-seats"?' in call("new", "expansion-seat").err
    assert call("new", "expansion-seats", "--name", "../out").code == 2
    assert call("new").code == 2


def test_the_page_of_recipes_names_all() -> None:
    assert [words(row[0])[0] for row in table(read(PAGE), "Recipe")] == ALL


@pytest.mark.parametrize("recipe", ALL)
def test_the_page_of_recipes_says_what_each_needs(recipe: str) -> None:
    (needs,) = [row[-1] for row in table(read(PAGE), "Recipe") if words(row[0]) == [recipe]]
    assert {word for word in words(needs) if "." in word and not word.endswith(".yaml")} == set(the_recipe(recipe).spec.needs)


def test_the_page_of_recipes_does_what_it_says(tmp_path: Path) -> None:
    assert "\n\n".join(differences(Session(tmp_path, tmp_path / "prefect"), PAGE)) == ""


def test_the_list_says_what_each_does(fresh: Path, call: Call) -> None:
    said = call("new", "--list")
    assert said.code == 0
    assert [name for name in ALL if name not in said.out] == []


SMALL = {
    "playbooks/project.yaml": """\
        name: Small
        locale: ja
        sources:
          accounts: {file: data/accounts.csv}
          contacts: {file: data/contacts.csv}
          usage: {file: data/usage.csv}
        company: {name: Vendor}
        sender: {fallback: lead@vendor.example}
        topics: {tips: {title: Tips}}
        """,
    "playbooks/team.yaml": "staff: [{email: lead@vendor.example, name: Toni}]\n",
    "playbooks/metrics.yaml": "# ours\nusers_30d: {count_distinct: contact, in: 30 days} # kept",
    "data/accounts.csv": "account_id,name,plan,signed_up_at,csm_email\n",
    "data/contacts.csv": "contact_id,account_id,email,name,role,created_at\n",
    "data/usage.csv": "account_id,contact_id,event,occurred_at\n",
}


def test_what_a_project_lacks_is_added_or_said(tmp_path: Path) -> None:
    """Metrics are added with their comments; a column of the CRM can only be said. Topic and phase become such as the project has."""
    write_files(tmp_path, SMALL)
    made = make(load_project(Settings(cs_engine_project=tmp_path)), the_recipe("expansion-seats"))
    assert made.added == {"playbooks/metrics.yaml": ("seat_usage",)}
    assert made.missing == {"account.seats": "add a column 'seats' to data/accounts.csv: how many seats the account has bought, a number"}
    metrics = (tmp_path / "playbooks/metrics.yaml").read_text(encoding="utf-8")
    assert metrics.startswith("# ours\nusers_30d: {count_distinct: contact, in: 30 days} # kept\n\n# For expansion-seats\n# nullif")
    playbook = (tmp_path / "playbooks/expansion-seats/expansion-seats.yaml").read_text(encoding="utf-8")
    assert "topic: general\n" in playbook
    assert "phase:" not in playbook
    assert "owner: lead@vendor.example\n" in playbook
    write_files(tmp_path, {"data/accounts.csv": "account_id,name,plan,signed_up_at,csm_email,seats\n"})
    assert "expansion-seats" in load_project(Settings(cs_engine_project=tmp_path)).plans


def test_the_projects_own_language_has_no_suffix(tmp_path: Path) -> None:
    """In a Japanese project the Japanese text is the original, and the English one says that it translates it."""
    write_files(tmp_path, SMALL)
    make(load_project(Settings(cs_engine_project=tmp_path)), the_recipe("expansion-seats"))
    folder = tmp_path / "playbooks/expansion-seats"
    original = (folder / "seats_short.md").read_text(encoding="utf-8")
    assert "お世話になっております" in original
    assert not re.search(r"^source:", original, re.MULTILINE)
    assert f"source: {source_digest(original)}\n" in (folder / "seats_short.en.md").read_text(encoding="utf-8")
    assert not list(folder.glob("*.ja.*"))


def test_a_language_that_no_recipe_has_is_said(tmp_path: Path) -> None:
    write_files(tmp_path, SMALL)
    config = tmp_path / "playbooks/project.yaml"
    config.write_text(config.read_text(encoding="utf-8").replace("locale: ja", "locale: fr"), encoding="utf-8")
    made = make(load_project(Settings(cs_engine_project=tmp_path)), the_recipe("expansion-seats"))
    assert made.untranslated
    assert "Hi {{" in (tmp_path / "playbooks/expansion-seats/seats_short.md").read_text(encoding="utf-8")


def test_japanese_alerts_leave_their_priority_to_the_engine_which_says_it_in_japanese() -> None:
    """A template would write `high`."""
    files = [*RECIPES.glob("*/*.ja.yaml")]
    assert files
    assert [str(file) for file in files if "cta.priority" in file.read_text(encoding="utf-8")] == []
