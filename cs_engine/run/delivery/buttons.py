"""The buttons of Slack messages: what they say, and the actions that Slack tells when one is pressed."""

from __future__ import annotations

from typing import Any

ANSWER_ACTION = "cs_answer"
"""The action of the button that opens a CTA's questions."""


def answer_button(token: str, locale: str) -> dict[str, Any]:
    """The block with the button by which somebody of us answers what a CTA asks."""
    word = "回答する" if locale.partition("-")[0] == "ja" else "Answer"
    button = {"type": "button", "action_id": ANSWER_ACTION, "text": {"type": "plain_text", "text": word}, "value": token}
    return {"type": "actions", "elements": [{**button, "style": "primary"}]}


APPROVE_ACTION, REFUSE_ACTION, OPEN_ACTION = "cs_approve", "cs_refuse", "cs_open"
"""The actions of the buttons below a mail that waits for a yes."""


def approve_buttons(message: str, locale: str, *, browsed: bool = False) -> dict[str, Any]:
    """The block with the buttons by which somebody lets a mail go, or not; `browsed`: or opens it in a browser first."""
    ja = locale.partition("-")[0] == "ja"
    yes, no, see = ("送信を承認", "送信しない", "ブラウザで開く") if ja else ("Send it", "Do not send", "Open in browser")
    buttons: list[dict[str, Any]] = [
        {"type": "button", "action_id": action, "text": {"type": "plain_text", "text": word}, "value": message, "style": style}
        for action, word, style in ((APPROVE_ACTION, yes, "primary"), (REFUSE_ACTION, no, "danger"))
    ]
    if browsed:
        buttons.append({"type": "button", "action_id": OPEN_ACTION, "text": {"type": "plain_text", "text": see}, "value": message})
    return {"type": "actions", "elements": buttons}


SKIP_ACTION, POSTPONE_ACTION, EDIT_ACTION = "cs_skip", "cs_postpone", "cs_edit"
"""The actions of the buttons below an alert that change what its passage does next."""
POSTPONED_BY = 3
"""Days."""


def step_buttons(message: str, locale: str) -> dict[str, Any]:
    """The block with the buttons by which somebody of us skips, postpones or rewrites what an alert's passage does next."""
    ja = locale.partition("-")[0] == "ja"
    en = ("Skip the next step", f"Postpone by {POSTPONED_BY} days", "Edit the next mail")
    said = ("次のステップを省略", f"{POSTPONED_BY}日延期", "次のメールを編集") if ja else en
    buttons = [
        {"type": "button", "action_id": action, "text": {"type": "plain_text", "text": word}, "value": message}
        for action, word in zip((SKIP_ACTION, POSTPONE_ACTION, EDIT_ACTION), said, strict=True)
    ]
    return {"type": "actions", "elements": buttons}
