"""Whatever a user can type or meet is in the pages, and whatever the pages name exists."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import click
import pytest

import cs_engine
from cs_engine.cli import COMMANDS, app
from cs_engine.server_settings import SERVER_SETTINGS
from cs_engine.settings import Settings
from cs_engine.usage.names import COUNTED
from cs_engine.usage.window_checks import LIKELY, TREND
from cs_engine.usage.windows import Kind
from tests.docs.markdown import PAGES, ROOT, anchors, blocks, links, read, table, words

DOCS = ROOT / "docs"
README = ROOT / "README.md"
COMMANDS_PAGE = DOCS / "commands.md"
CODE = re.compile(r"\b[MPTXY]\d{3}\b")


def command(name: str) -> click.Command:
    found = app.get_command(click.Context(app), name)
    assert found is not None
    return found


def options(name: str) -> set[str]:
    """Every option of a command by its long name, and `-o` and `-q`."""
    return {text for p in command(name).params if isinstance(p, click.Option) for text in p.opts} - {"--help", "-h"}


def sections() -> dict[str, str]:
    """The page of commands, by command."""
    parts = re.split(r"^## (\w+)$", read(COMMANDS_PAGE), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


# Commands and options


def test_every_command_has_its_section_and_no_other() -> None:
    assert list(sections()) == list(COMMANDS)


@pytest.mark.parametrize("page", [README, COMMANDS_PAGE], ids=lambda page: page.name)
def test_every_command_is_in_the_tables(page: Path) -> None:
    named = {words(row[0])[0].removeprefix("cs-engine ").split()[0] for row in table(read(page), "Command")}
    assert named >= set(COMMANDS)
    assert named <= {*COMMANDS, "make"}


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_is_in_the_commands_section_and_no_other(name: str) -> None:
    named = set(re.findall(r"(?<![\w-])(--?[a-z][a-z-]*)", " ".join(words(sections()[name]))))
    assert {option for option in named if option.startswith("--")} <= options(name)
    assert options(name) - {"-o", "-q"} <= named


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_line_in_the_pages_is_one(page: Path) -> None:
    """The command exists, and takes the options that stand behind it."""
    lines = [line for block in blocks(page) if block.language in ("sh", "console") for line in block.text.split("\n")]
    lines += [word for word in words(read(page)) if word.startswith("cs-engine ")]
    for line in lines:
        for name, rest in re.findall(r"cs-engine ([a-z]+)([^|&;#\n]*)", line):
            assert name in COMMANDS, line
            long = set(re.findall(r"(?<!\S)--[a-z-]+", rest)) - {"--help"}
            assert long <= options(name), line


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_an_example_in_its_help(name: str) -> None:
    assert f"cs-engine {name}" in (command(name).epilog or "") or "Then" in (command(name).epilog or "")


def test_every_target_of_make_exists() -> None:
    targets = set(re.findall(r"^([a-z]+):", read(ROOT / "Makefile"), re.MULTILINE))
    text = "\n".join(read(page) for page in PAGES)
    named = set(re.findall(r"`make ([a-z]+)`", text)) | set(re.findall(r"^(?:\$ )?make ([a-z]+)", text, re.MULTILINE))
    assert named <= targets
    assert {"setup", "run", "test"} <= named


# Settings


def settings() -> set[str]:
    return {name.upper() for name in Settings.model_fields}


def test_every_setting_is_in_the_readme_with_its_default() -> None:
    rows = {words(row[0])[0]: row for row in table(read(README), "Setting")}
    assert set(rows) == settings()
    for name, field in Settings.model_fields.items():
        if isinstance(field.default, str):
            assert field.default in rows[name.upper()][1], name


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_setting_in_the_pages_exists(page: Path) -> None:
    named = set(re.findall(r"\b(?:CS_ENGINE|SENDGRID|SLACK|SMTP)_[A-Z_]+\b", read(page)))
    assert named <= settings() | {"CS_ENGINE_DEBUG"}


def test_every_setting_of_a_prefect_server_is_named() -> None:
    text = read(DOCS / "operations.md")
    assert [f"{name}={value}" for name, value in SERVER_SETTINGS.items() if f"{name}={value}" not in text] == []


# Codes


def reported() -> set[str]:
    package = Path(cs_engine.__path__[0])
    return {code for file in package.rglob("*.py") for code in re.findall(r'"([MPTXY]\d{3})"', read(file))}


def explained() -> list[str]:
    return re.findall(r"^\| ([MPTXY]\d{3}) \|", read(DOCS / "problems.md"), re.MULTILINE)


def test_every_code_is_explained_once_and_no_other() -> None:
    assert sorted(explained()) == sorted(reported())


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_code_in_the_pages_exists(page: Path) -> None:
    assert set(CODE.findall(read(page))) <= reported()


# Words of the language


def test_every_kind_of_metric_is_explained() -> None:
    kinds = {word.partition(":")[0] for row in table(read(DOCS / "metrics.md"), "Kind") for word in words(row[0])}
    assert kinds == {*Kind, TREND, LIKELY}


def test_every_name_that_the_engine_counts_is_explained() -> None:
    assert {words(row[0])[0] for row in table(read(DOCS / "metrics.md"), "Name")} == set(COUNTED)


# The house


def test_the_house_has_the_layers_that_the_gate_holds() -> None:
    gates = tomllib.loads(read(ROOT / "pyproject.toml"))["tool"]["importlinter"]["contracts"]
    layers = next(gate["layers"] for gate in gates if gate["type"] == "layers")
    rooms = [[room.strip().removeprefix("cs_engine.") for room in layer.split("|")] for layer in layers]
    drawn = next(block.text for block in blocks(DOCS / "architecture.md") if block.language == "mermaid")
    labels = re.findall(r'\w+\["([^"]*)"\]', drawn)
    assert len(labels) == len(rooms) - 1, "the two lowest layers are drawn as one"
    for label, names in zip(labels, [*rooms[:-2], rooms[-2] + rooms[-1]], strict=True):
        assert set(re.split(r"[|, ]+", label.partition("<br/>")[0].strip())) == set(names)


# Pages


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_within_lead_somewhere(page: Path) -> None:
    for link in links(page):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        if anchor:
            assert anchor in anchors(target), link


def test_every_page_is_reached_from_the_readme() -> None:
    reached, left = set[Path](), [README]
    while left:
        page = left.pop()
        if page not in reached and page.suffix == ".md" and page.is_file():
            reached.add(page)
            left += [(page.parent / link.partition("#")[0]).resolve() for link in links(page) if not re.match(r"[a-z]+:|#", link)]
    assert set(PAGES) - reached == set()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_nothing_unfinished_is_said(page: Path) -> None:
    unfinished = re.compile(r"\b(TODO|TBD|FIXME|XXX|lorem ipsum|coming soon)\b|\bshared/|/work/|\bissue \d", re.IGNORECASE)
    assert unfinished.findall(read(page)) == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_path_of_the_project_that_a_page_names_exists(page: Path) -> None:
    """`cs_engine/…`, `tests/…`, `benchmarks/…` and `flows/…` in backticks; `<…>` stands for any name."""
    for word in words(read(page)):
        if re.match(r"(cs_engine|tests|benchmarks|flows)/[\w./<>*-]*$", word):
            path = re.sub(r"<[^>]*>", "*", word).rstrip("/")
            assert any(ROOT.glob(path)), word
