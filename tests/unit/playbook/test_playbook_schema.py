"""Editors get schemas that accept what the loader accepts, refuse what it refuses, and know the keys of every step."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator

from cs_engine.language import yaml
from cs_engine.language.problems import Problems
from cs_engine.playbook.schema import schemas, write_schemas
from cs_engine.playbook.shape import keys_of
from cs_engine.playbook.steps import KINDS
from tests.unit.playbook.folder import FILES

ROOT = Path(__file__).parents[3]
SCHEMAS = schemas()

GOOD = """\
playbook: sample
title: {en: Sample, ja: 見本}
subject: contact
audience: account.plan in ('team', 'starter')
existing: skip
vars: {docs: https://docs.vendor.example, n: 3, yes: true}
steps:
  - {id: a, email: ./welcome, to: champion, from: csm, uncertain: drop}
  - {id: b, cta: stuck, priority: high, due: 2 business days, close_when: changes_7d > 1}
  - {id: c, notice: first_change}
  - {id: d, wait: 1 day, if: changes_7d > 1}
  - {id: e, wait_until: changes_7d > 1, at_most: 3 days, otherwise: [stop], after: keep_waiting}
  - if: changes_7d > 1
    then: [{if: changes_7d > 2, stop: }]
    else: [stop]
  - stop
"""


def _data(text: str) -> Any:
    problems = Problems()
    document = yaml.parse(text, "x.yaml", problems)
    assert document is not None
    return document.data


def _accepts(name: str, data: Any) -> bool:
    return bool(Draft7Validator(SCHEMAS[name]).is_valid(data))


@pytest.mark.parametrize("name", sorted(SCHEMAS))
def test_each_is_a_sound_draft_7_schema(name: str) -> None:
    Draft7Validator.check_schema(SCHEMAS[name])
    assert SCHEMAS[name]["$schema"] == "http://json-schema.org/draft-07/schema#"


def test_a_playbook_with_everything_is_accepted() -> None:
    assert _accepts("playbook", _data(GOOD))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("title:", "titel:"),
        ("subject: contact", "subject: person"),
        ("existing: skip", "existing: yes"),
        ("to: champion", "too: champion"),
        ("wait: 1 day", "wait: 1"),
        ("wait: 1 day", "wait: one day"),
        ("priority: high", "priority: hihg"),
        ("after: keep_waiting", "after: never"),
        ("id: a,", ""),
        ("playbook: sample", "playbook: Sam ple"),
        ("  - stop", "  - stopp"),
        ("audience: account.plan in ('team', 'starter')", "audience: true"),
        ("n: 3", "n: [3]"),
    ],
)
def test_a_playbook_with_a_mistake_is_not(old: str, new: str) -> None:
    assert old in GOOD
    assert not _accepts("playbook", _data(GOOD.replace(old, new)))


@pytest.mark.parametrize("name", ["project", "team", "segments", "metrics", "journey"])
def test_the_sample_files_are_accepted(name: str) -> None:
    from textwrap import dedent

    assert _accepts(name, _data(dedent(FILES[f"playbooks/{name}.yaml"])))


@pytest.mark.parametrize("path", sorted((ROOT / "playbooks").rglob("*.yaml")), ids=lambda path: path.name)
def test_the_shipped_files_are_accepted(path: Path) -> None:
    name = path.stem if path.parent == ROOT / "playbooks" and path.stem in SCHEMAS else "playbook"
    data = _data(path.read_text(encoding="utf-8"))
    assert [e.message for e in Draft7Validator(SCHEMAS[name]).iter_errors(data)] == []


def _completions(schema: dict[str, Any], node: dict[str, Any]) -> Iterator[str]:
    """The keys that an editor offers in a mapping: of every alternative, as yaml-language-server collects them."""
    if "$ref" in node:
        yield from _completions(schema, schema["definitions"][node["$ref"].rsplit("/", 1)[-1]])
    yield from node.get("properties", {})
    for option in [*node.get("anyOf", []), *node.get("allOf", [])]:
        yield from _completions(schema, option)


def test_in_a_step_an_editor_offers_the_keys_of_all_kinds() -> None:
    schema = SCHEMAS["playbook"]
    offered = set(_completions(schema, schema["properties"]["steps"]["items"]))
    assert offered == {key for spec in KINDS.values() for key in keys_of(spec)}
    nested = schema["definitions"]["WaitUntilSpec"]["properties"]["otherwise"]["items"]
    assert set(_completions(schema, nested)) == offered


def test_every_key_of_a_playbook_has_words_to_show() -> None:
    schema = SCHEMAS["playbook"]
    for node in [schema, *schema["definitions"].values()]:
        for key, part in node["properties"].items():
            assert part.get("description"), key


def test_schemas_are_written_by_the_names_that_files_point_to(tmp_path: Path) -> None:
    written = write_schemas(tmp_path / "schemas")
    assert {path.name for path in written} == {f"{name}.json" for name in SCHEMAS}
    assert json.loads((tmp_path / "schemas" / "playbook.json").read_text(encoding="utf-8")) == SCHEMAS["playbook"]
    for path in (ROOT / "playbooks").rglob("*.yaml"):
        first = path.read_text(encoding="utf-8").split("\n", 1)[0]
        if "$schema=" in first:
            assert Path(first.rsplit("/", 1)[-1]).name in {w.name for w in written}
