"""A Slack message: YAML first, then its texts; within Slack's limits whatever the values are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cs_engine.content.blocks import MOST_CHARACTERS, shortened
from cs_engine.content.failures import RenderFailed
from cs_engine.content.slack import SlackTemplate
from tests.unit.content.project import project

CTA = """\
text: "Quiet: {{ account.name }}"
blocks:
  - type: header
    text: {type: plain_text, text: "{{ account.name }} went quiet", emoji: true}
  - type: section
    text:
      type: mrkdwn
      text: >-
        *{{ champion.name }}* & co
        <https://app.example/{{ account.id }}?q={{ account.name }}|open>{% if plan %} on {{ plan }}{% endif %}
  - type: section
    fields:
      - {type: mrkdwn, text: "{{ note }}"}
      - {type: mrkdwn, text: "*Plan*\\n{{ plan }}"}
  - type: section
    text: {type: mrkdwn, text: "{{ note }}"}
  - type: divider
  - type: actions
    block_id: actions
    elements:
      - type: button
        text: {type: plain_text, text: Open}
        action_id: open
        value: "{{ account.name }}"
        url: "https://app.example/{{ account.id }}"
      - {type: button, text: {type: plain_text, text: "{{ note }}"}, action_id: b}
  - type: context
    elements:
      - {type: mrkdwn, text: "{{ note }}"}
"""
VALUES: dict[str, Any] = {
    "account": {"name": "A & <!channel>", "id": "a/1|x>"},
    "champion": {"name": "<@U1>"},
    "plan": "team",
    "note": None,
}


def template(root: Path, text: str = CTA) -> SlackTemplate:
    found = project(root, {"templates/slack/s.yaml": text}).slack("s", "en")
    assert found is not None
    return found


def test_values_are_escaped_and_what_is_empty_is_left_out(tmp_path: Path) -> None:
    """Golden. A mention from data is text; URLs and values are not escaped but quoted; empty texts take their blocks with them."""
    text, blocks = template(tmp_path).render(VALUES)
    assert text == "Quiet: A &amp; &lt;!channel&gt;"
    assert blocks == [
        {"type": "header", "text": {"type": "plain_text", "text": "A &amp; &lt;!channel&gt; went quiet", "emoji": True}},
        {
            "type": "section",
            "text": {
                "type": "mrkdwn",
                "text": "*&lt;@U1&gt;* & co <https://app.example/a/1%7Cx%3E?q=A%20%26%20%3C%21channel%3E|open> on team",
            },
        },
        {"type": "section", "fields": [{"type": "mrkdwn", "text": "*Plan*\nteam"}]},
        {"type": "divider"},
        {
            "type": "actions",
            "block_id": "actions",
            "elements": [
                {
                    "type": "button",
                    "text": {"type": "plain_text", "text": "Open"},
                    "action_id": "open",
                    "value": "A & <!channel>",
                    "url": "https://app.example/a/1%7Cx%3E",
                }
            ],
        },
    ]


@pytest.mark.parametrize(("name", "written"), [("山田", "山田様"), ("山田様", "山田様"), (None, "ご担当者様"), ("\u3000", "ご担当者様")])
def test_what_stands_before_a_literal_title_is_put_right_as_in_mails(tmp_path: Path, name: str | None, written: str) -> None:
    text = 'text: "{{ champion.name }}様へ"\nblocks: [{type: section, text: {type: mrkdwn, text: "*{{ champion.name }}様*へ"}}]\n'
    found = project(tmp_path, {"templates/slack/s.ja.yaml": text}).slack("s", "ja")
    assert found is not None
    said, (block,) = found.render({"champion": {"name": name}})
    assert (said, block["text"]["text"]) == (f"{written}へ", f"*{written}*へ")


def test_a_render_leaves_the_template_as_it_was(tmp_path: Path) -> None:
    made = template(tmp_path)
    assert made.render(VALUES) == made.render(VALUES)


@pytest.mark.parametrize("value", ["x" * 10_000, "&" * 10_000, "長" * 10_000])
def test_long_values_are_cut_to_slacks_limits(tmp_path: Path, value: str) -> None:
    text, blocks = template(tmp_path).render({**VALUES, "account": {"name": value, "id": "1"}, "note": value, "plan": value})
    assert len(text) <= 3_000
    header, section, fields, note, _, actions, context = blocks
    assert len(header["text"]["text"]) <= 150
    assert header["text"]["text"].endswith("…")
    assert len(section["text"]["text"]) <= 3_000
    assert all(len(field["text"]) <= 2_000 for field in fields["fields"])
    assert all(len(button["text"]["text"]) <= 75 and len(button.get("value", "")) <= 2_000 for button in actions["elements"])
    texts = [
        header["text"],
        section["text"],
        note["text"],
        *fields["fields"],
        *context["elements"],
        *(b["text"] for b in actions["elements"]),
    ]
    assert sum(len(each["text"]) for each in texts) <= MOST_CHARACTERS


def test_a_cut_leaves_no_half_link_and_no_half_entity() -> None:
    assert shortened("abcdef", 4) == "abc…"
    assert shortened("ab&amp;cdef", 6) == "ab…"
    assert shortened("ab <https://x.example|text> more", 12) == "ab …"
    assert shortened("abc", 3) == "abc"


def test_what_it_needs(tmp_path: Path) -> None:
    assert template(tmp_path).needs == {"account.name", "account.id", "champion.name", "plan", "note"}


@pytest.mark.parametrize(
    ("values", "reason", "name"),
    [
        ({"plan": "x", "note": "", "account": {"id": 1}, "champion": {"name": ""}}, "undefined_variable", "account.name"),
        ({**VALUES, "champion": {}}, "undefined_variable", "champion.name"),
    ],
)
def test_what_is_missing_fails_by_name(tmp_path: Path, values: dict[str, Any], reason: str, name: str) -> None:
    with pytest.raises(RenderFailed) as failed:
        template(tmp_path).render(values)
    assert (failed.value.reason, failed.value.template) == (reason, "s")
    assert failed.value.name == name or name.endswith(f".{failed.value.name}")


def test_a_url_from_data_is_http(tmp_path: Path) -> None:
    text = "text: x\nblocks:\n  - {type: section, text: {type: mrkdwn, text: '<{{ url }}|open>'}}\n"
    assert template(tmp_path, text).render({"url": "https://x.example/a b"})[1][0]["text"]["text"] == "<https://x.example/a%20b|open>"
    with pytest.raises(RenderFailed) as failed:
        template(tmp_path, text).render({"url": "!channel"})
    assert failed.value.reason == "unsafe_url"
