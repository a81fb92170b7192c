"""What docs/sources.md says of files is so: its examples are configurations, its least columns are enough, and none can be left out."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from cs_engine.errors import SyncStopped
from cs_engine.language.problems import Problems
from cs_engine.language.yaml import parse
from cs_engine.playbook.config import ProjectConfig
from cs_engine.playbook.sources import Sources
from cs_engine.scaffold import make, the_recipe
from cs_engine.sources.intake.sync import sync
from cs_engine.starter import make_project
from cs_engine.wiring import check_project
from tests.docs.markdown import ROOT, Block, blocks, read, table, words

PAGE = ROOT / "docs/sources.md"
EXAMPLES = [block for page in (PAGE, ROOT / "docs/collector.md") for block in blocks(page) if block.language == "yaml"]
VALUES = {
    "account_id": "a1",
    "contact_id": "c1",
    "email": "p@customer.example",
    "event": "opened",
    "signed_up_at": "2026-01-01T09:00:00Z",
    "occurred_at": "2026-01-02T09:00:00+09:00",
}


def sources(block: Block) -> Sources:
    document = parse(block.text, "playbooks/project.yaml", Problems())
    assert document is not None
    return Sources.model_validate(document.data["sources"])


@pytest.mark.parametrize("block", EXAMPLES, ids=[block.where for block in EXAMPLES])
def test_an_example_is_a_configuration(block: Block) -> None:
    assert sources(block).accounts.place


def least() -> dict[str, list[str]]:
    return {row[0]: words(row[1]) for row in table(read(PAGE), "Source")}


def project(root: Path, without: tuple[str, str] = ("", "")) -> ProjectConfig:
    """A project of one account whose files have the least columns, `without` one of them."""
    for source, columns in least().items():
        kept = [column for column in columns if (source, column) != without]
        (root / f"{source}.csv").write_text(f"{','.join(kept)}\n{','.join(VALUES[column] for column in kept)}\n", encoding="utf-8")
    return ProjectConfig.model_validate(
        {
            "name": "Least",
            "sources": {source: {"file": f"{source}.csv"} for source in least()},
            "company": {"name": "Least"},
            "sender": {"fallback": "lead@vendor.example"},
        }
    )


def test_the_least_columns_are_enough(tmp_path: Path) -> None:
    _, reports = sync(tmp_path, project(tmp_path))
    assert [(report.source, report.kept, report.bad) for report in reports] == [(source, 1, 0) for source in least()]


@pytest.mark.parametrize("missing", [(source, column) for source, columns in least().items() for column in columns], ids="-".join)
def test_none_of_them_can_be_left_out(tmp_path: Path, missing: tuple[str, str]) -> None:
    with pytest.raises(SyncStopped, match=f'no column "{missing[1]}"'):
        sync(tmp_path, project(tmp_path, missing))


def test_a_project_without_the_sample_is_made_as_the_page_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What stays is checked without a problem, and a recipe brings all else that it needs."""
    root = tmp_path / "own"
    assert any("cs-engine init ours --empty" in block.text for block in blocks(PAGE) if block.language == "sh")
    make_project(root, empty=True)
    project(root)
    named = "".join(f"  {source}: {{file: {source}.csv}}\n" for source in least())
    config = root / "playbooks/project.yaml"
    text = config.read_text(encoding="utf-8")
    config.write_text(re.sub(r"(?m)^sources:\n(?: .*\n)+", f"sources:\n{named}", text), encoding="utf-8")
    monkeypatch.setenv("CS_ENGINE_PROJECT", str(root))
    found, problems = check_project()
    assert (found.plans, problems) == ({}, [])
    make(found, the_recipe("self-serve-onboarding"))
    found, problems = check_project()
    assert [p.message for p in problems] == ["nothing is called account.plan"], "a segment by plan, which these accounts have not"


def test_a_bad_row_is_named_as_the_page_shows(tmp_path: Path) -> None:
    config = project(tmp_path)
    with (tmp_path / "usage.csv").open("a", encoding="utf-8") as usage:
        usage.write("a1,c1,opened,2026-01-02T09:00:00\nghost,c1,opened,2026-01-02T09:00:00Z\na1,c1,opened\n")
    config = config.model_copy(update={"sources": config.sources.model_copy(update={"most_bad_rows": "100%"})})
    said = [example.partition(" ")[2] for report in sync(tmp_path, config)[1] for example in report.examples]
    shown = next(block.text for block in blocks(PAGE) if block.language == "text")
    assert said[0] in shown
    assert said[1] in shown
    assert said[2] == "has 3 columns, the header has 4"


def test_too_many_bad_rows_stop_the_sync(tmp_path: Path) -> None:
    config = project(tmp_path)
    with (tmp_path / "usage.csv").open("a", encoding="utf-8") as usage:
        usage.write("ghost,c1,opened,2026-01-02T09:00:00Z\n")
    with pytest.raises(SyncStopped, match="nothing was taken"):
        sync(tmp_path, config)
