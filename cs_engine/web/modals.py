"""Pieces of Slack's forms, as Block Kit wants them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

LONGEST_OPTION, LONGEST_ERROR, LONGEST_INPUT, MOST_OPTIONS = 75, 1_000, 3_000, 100


def modal(title: str, close: str, blocks: list[dict[str, Any]]) -> dict[str, Any]:
    return {"type": "modal", "title": plain(title), "close": plain(close), "blocks": blocks}


def form(shown: dict[str, Any], callback: str, meant: str, submit: str) -> dict[str, Any]:
    """A modal that can be sent. `meant`: what comes back with it, unseen."""
    return {**shown, "callback_id": callback, "private_metadata": meant, "submit": plain(submit)}


def update(view: dict[str, Any]) -> dict[str, Any]:
    """The answer to a form that was sent: this is shown in its place."""
    return {"response_action": "update", "view": view}


def errors(found: Mapping[str, str]) -> dict[str, Any]:
    """The answer to a form that was sent: it stays open, with these words below its fields."""
    return {"response_action": "errors", "errors": {field: text[:LONGEST_ERROR] for field, text in found.items()}}


def input_of(field: str, label: str, element: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "input", "block_id": field, "label": plain(label), "element": {"action_id": "value", **element}}


def choice(values: list[str], chosen: str | None) -> dict[str, Any]:
    """A list to choose one from."""
    options = {value: {"text": plain(value[:LONGEST_OPTION]), "value": value} for value in values[:MOST_OPTIONS]}
    first = {"initial_option": options[chosen]} if chosen in options else {}
    return {"type": "static_select", "options": list(options.values()), **first}


def words(most: int, *, lines: bool = False, given: str = "") -> dict[str, Any]:
    """A field to write in."""
    return {"type": "plain_text_input", "max_length": most, "multiline": lines, **({"initial_value": given} if given else {})}


def section(text: str) -> dict[str, Any]:
    return {"type": "section", "text": plain(text[:LONGEST_INPUT])}


def linked(text: str) -> dict[str, Any]:
    """A section in Slack's mrkdwn, in which links can stand."""
    return {"type": "section", "text": {"type": "mrkdwn", "text": text}}


def plain(text: str) -> dict[str, Any]:
    return {"type": "plain_text", "text": text}
