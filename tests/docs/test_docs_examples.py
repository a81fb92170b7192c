"""Every example of a playbook, metric, segment or milestone in our pages is free of problems, and every mend is what `check` says."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from cs_engine.language.expression import Grain, Type
from cs_engine.language.expressions import compile_condition
from cs_engine.language.functions import ASKED, AT_ENTRY, FUNCTIONS, HAPPENED, HELD, SUBJECTS
from cs_engine.language.problems import Place, Problem, Problems
from cs_engine.language.scope import Asked, Column
from cs_engine.playbook.draw import mermaid
from cs_engine.playbook.project import Project
from cs_engine.settings import Settings
from cs_engine.wiring import check_project, load_project
from tests.docs.examples import Example, examples
from tests.docs.markdown import ROOT, blocks, read, table, words

PAGES = (
    "README.md",
    "docs/writing-playbooks.md",
    "docs/metrics.md",
    "docs/health.md",
    "docs/asking.md",
    "docs/webhooks.md",
    "docs/ledger.md",
    "docs/ctas.md",
    "docs/consent.md",
)
PLAYBOOKS = ROOT / "docs/writing-playbooks.md"


@pytest.fixture(scope="module")
def checked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[list[Example], Project, list[Problem]]]:
    root = tmp_path_factory.mktemp("examples") / "project"
    written = examples(root, PAGES)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CS_ENGINE_PROJECT", str(root))
        yield written, *check_project()


def test_every_example_is_free_of_problems(checked: tuple[list[Example], Project, list[Problem]]) -> None:
    written, _, problems = checked
    where = {example.file: example.block.where for example in written}
    assert len(written) >= 15
    assert [f"{where.get(p.place.file, '')} {p.render()}" for p in problems] == []


def test_every_example_of_a_playbook_is_a_playbook(checked: tuple[list[Example], Project, list[Problem]]) -> None:
    written, project, _ = checked
    files = {plan.file for plan in project.plans.values()}
    assert {example.file for example in written if example.block.file is None} <= files


def test_the_readme_draws_its_example(checked: tuple[list[Example], Project, list[Problem]]) -> None:
    (example,) = [example for example in checked[0] if example.block.page == "README.md"]
    (plan,) = [plan for plan in checked[1].plans.values() if plan.file == example.file]
    assert mermaid(plan) in [block.text for block in blocks(ROOT / "README.md")]


@pytest.fixture(scope="module")
def shipped() -> Project:
    return load_project(Settings(cs_engine_project=ROOT))


MENDS = table(read(PLAYBOOKS), "You write")


@pytest.mark.parametrize(("written", "said", "mend"), MENDS, ids=[row[0] for row in MENDS])
def test_what_people_write_is_answered_so(shipped: Project, written: str, said: str, mend: str) -> None:
    problems = Problems()
    text = written.strip("`")
    compile_condition(text, lambda at, length: Place("p.yaml", 1, at + 1, length), shipped.catalogue.scope(Grain.ACCOUNT, {}), problems)
    assert [(p.message, p.mend) for p in problems] == [(said, mend)]


def test_every_function_is_in_the_table_and_no_other() -> None:
    rows = table(read(PLAYBOOKS), "Function")
    shown = {call.partition("(")[0] for row in rows for call in words(row[0])}
    assert shown == {*FUNCTIONS, *SUBJECTS, *ASKED, AT_ENTRY, HAPPENED, HELD}


def test_every_function_of_the_table_compiles(shipped: Project) -> None:
    """As it stands, with values of the kind that its letters stand for."""
    values = {"t": "account.signed_up_at", "n": "quiet_days", "a": "quiet_days", "b": "7", "x": "account.name", "y": "account.plan"}
    for call in [call for row in table(read(PLAYBOOKS), "Function") for call in words(row[0])]:
        name, _, rest = call.partition("(")
        inside = ", ".join(values.get(part.strip(), part.strip()) for part in rest.removesuffix(")").split(",")) if rest != ")" else ""
        problems = Problems()
        kickoff = Column("answer:account/p/kickoff.date:time", Type.INSTANT)
        asked = Asked({"kickoff.date": kickoff}, {"kickoff": Column("done:account/p/kickoff:date", Type.BOOLEAN)})
        scope = replace(shipped.catalogue, confirmed=frozenset({"habit"})).scope(Grain.ACCOUNT, {}, asked, begun=True)
        compile_condition(f"{name}({inside}) is not null", lambda at, length: Place("p.yaml", 1, at + 1, length), scope, problems)
        assert [p.render() for p in problems] == [], call


def test_nothing_of_the_language_is_left_to_be_built() -> None:
    """The reference, which is made from the model, lists what is not built."""
    assert "not built yet" not in read(ROOT / "docs/reference.md")
    assert "Not built yet" not in read(PLAYBOOKS)
