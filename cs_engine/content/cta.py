"""What every call to action shows around its author's template: why, what to do, until when. Block Kit, within Slack's limits. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from cs_engine.content.blocks import MOST_BLOCKS, MOST_CHARACTERS, MOST_TEXT, shortened
from cs_engine.content.sandbox import slack_escape

SHOWN_BY = {"cta.due": "due", "cta.priority": "priority", "playbook.title": "title", "cta.title": "title", "account.id": "account"}
"""Names that a template reads -> what it then shows itself, so that it is not said twice."""

_MOST_WHY = 2_000
_EN = {
    "why": "Why now", "checklist": "To do", "due": "due {due}", "priority": "priority {priority}", "account": "Open account",
    "low": "low", "normal": "normal", "high": "high",
    "closed": ":white_check_mark: Closed by itself: {reason}", "copy": ":information_source: A copy: this is for {owner}",
    "goal": "the goal is reached", "exit": "the customer has left the playbook", "while": "the playbook no longer applies",
    "wait_met": "what it waited for has happened", "condition_cleared": "its condition has cleared", "subject_gone": "the customer is gone",
    "moved": "the contact belongs to another account now",
    "by_hand": "its step was skipped", "refused": "somebody said no to it",
    "done": ":white_check_mark: Done by {who}", "snoozed": ":zzz: Snoozed until {day}",
    "do": "Done", "useful": "Useful", "false_alarm": "False alarm", "snooze": "Snooze until …",
}  # fmt: skip
_JA = {
    "why": "理由", "checklist": "やること", "due": "期限 {due}", "priority": "優先度 {priority}", "account": "アカウントを開く",
    "low": "低", "normal": "中", "high": "高",
    "closed": ":white_check_mark: 自動で完了しました: {reason}", "copy": ":information_source: 写し: 担当は {owner} です",
    "goal": "目標を達成しました", "exit": "対象の条件から外れました", "while": "プレイブックの対象外になりました",
    "wait_met": "待っていた条件が満たされました", "condition_cleared": "条件が解消しました", "subject_gone": "お客様が見つかりません",
    "moved": "ご担当者様が別のアカウントに移られました",
    "by_hand": "ステップが省略されました", "refused": "承認されませんでした",
    "done": ":white_check_mark: {who}さんが完了しました", "snoozed": ":zzz: {day}まで保留中",
    "do": "完了", "useful": "役に立った", "false_alarm": "誤報", "snooze": "保留する（日付）",
}  # fmt: skip
_NOTES_EN = {
    "fired": ":repeat: It has fired again on {day}.",
    "closed": ":white_check_mark: Closed by itself: {reason}.",
    "done": ":white_check_mark: {who} has done it.",
    "snoozed": ":zzz: {who} has snoozed it until {day}.",
    "woke": ":alarm_clock: It is back: it was snoozed until today.",
    "answered": ":speech_balloon: {who} has answered: {reason}.",
    "escalated": ":rotating_light: Overdue since {day}: {who} has been told.",
    "overdue": ":rotating_light: *Overdue*, of {who}:",
    "handed": ":palm_tree: {who} stands in.",
    "stands_in": ":palm_tree: *{who}* is away until {day}, and you stand in. Open there: {n}",
    "digest": "{day}: {n} to do", "more": "… and {n} more: `cs-engine cta`", "due": "due {day}", "late": "*overdue since {day}*",
}  # fmt: skip
_NOTES_JA = {
    "fired": ":repeat: {day}に再び条件に該当しました。",
    "closed": ":white_check_mark: 自動で完了しました: {reason}。",
    "done": ":white_check_mark: {who}さんが完了しました。",
    "snoozed": ":zzz: {who}さんが{day}まで保留しました。",
    "woke": ":alarm_clock: 保留の期限になりました。",
    "answered": ":speech_balloon: {who}さんが回答しました: {reason}。",
    "escalated": ":rotating_light: {day}の期限を過ぎています: {who}さんに知らせました。",
    "overdue": ":rotating_light: *期限切れ* （{who}さん）",
    "handed": ":palm_tree: {who}さんが代わりに担当します。",
    "stands_in": ":palm_tree: *{who}さん* は{day}まで不在で、あなたが代理です。未完了: {n}件",
    "digest": "{day}: 対応事項 {n}件", "more": "… ほか{n}件: `cs-engine cta`", "due": "期限 {day}", "late": "*期限切れ {day}*",
}  # fmt: skip
DONE_ACTION, SNOOZE_ACTION, ITEM_ACTION = "cs_done", "cs_snooze", "cs_item"
USEFUL_ACTION, FALSE_ALARM_ACTION = "cs_useful", "cs_false_alarm"
"""The actions of what stands below an alert. The block's id ends in the message's, which it is all about."""


def words(locale: str) -> Mapping[str, str]:
    """What we say on CTAs, in that language."""
    return _JA if locale.partition("-")[0] == "ja" else _EN


def notes(locale: str) -> Mapping[str, str]:
    """What we say in their threads."""
    return _NOTES_JA if locale.partition("-")[0] == "ja" else _NOTES_EN


class Item(NamedTuple):
    """One item of a checklist."""

    key: str
    text: str
    done: bool = False


@dataclass(frozen=True, slots=True)
class Alert:
    """What is known of one CTA beside its template's text."""

    locale: str
    title: str
    priority: str
    due: str = ""
    """The day, as its reader writes it; '' for none."""
    why: tuple[str, ...] = ()
    """Lines of mrkdwn."""
    checklist: tuple[Item, ...] = ()
    link: str = ""
    """Where the account is looked at."""
    shown: frozenset[str] = frozenset()
    """What the template shows itself: due | priority | title | account, whose id it names in a link of its own."""
    closed: str = ""
    """Why it is closed; '' while it is open."""
    owner: str = ""
    """Of a copy: whose the CTA is."""
    closed_by: str = ""
    """Who closed it: a name; '' when nobody did."""
    snoozed: str = ""
    """The day until which it is out of the way; '' when it is not."""
    message: str = ""
    """The message that buttons speak of; '' where nothing can be pressed."""


def dressed(
    text: str, blocks: Sequence[Mapping[str, Any]], alert: Alert, buttons: Sequence[Mapping[str, Any]] = ()
) -> list[dict[str, Any]]:  # fmt: skip
    """The message's blocks: those of the template (of one without any its `text`), what it does not show itself, and the buttons."""
    said = words(alert.locale)
    own = [dict(block) for block in blocks] or [_section(shortened(text, MOST_TEXT))]
    if alert.closed:
        own = [_context([_closed(alert, said)]), *own]
    elif alert.snoozed:
        own = [_context([said["snoozed"].format(day=alert.snoozed)]), *own]
    if alert.owner:
        own = [_context([said["copy"].format(owner=slack_escape(alert.owner))]), *own]
    reasons, foot = list(_reasons(alert, said)), [*_foot(alert, said), *(dict(block) for block in buttons)]
    # What the author wrote gives way: without the rest nobody knows why, or can say that it is done.
    own = own[: MOST_BLOCKS - len(reasons) - len(foot)]
    below = next((i for i in reversed(range(len(own))) if own[i]["type"] not in _BELOW), -1) + 1
    return [*own[:below], *reasons, *own[below:], *foot] if below else [*own, *reasons, *foot]


_BELOW = frozenset({"actions", "context", "divider"})
"""Blocks at a template's end that stay below the reasons."""


def _closed(alert: Alert, said: Mapping[str, str]) -> str:
    if alert.closed_by:
        return said["done"].format(who=slack_escape(alert.closed_by))
    return said["closed"].format(reason=said.get(alert.closed, alert.closed))


def _reasons(alert: Alert, said: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    if alert.why:
        yield _section(shortened("\n".join((f"*{said['why']}*", *alert.why)), _MOST_WHY))
    if alert.checklist and alert.message and not alert.closed:
        yield _section(f"*{said['checklist']}*")
        yield {"type": "actions", "block_id": f"items:{alert.message}", "elements": [_checkboxes(alert.checklist)]}
    elif alert.checklist:
        ticked = ((":white_check_mark:" if item.done else ":white_medium_square:", slack_escape(item.text)) for item in alert.checklist)
        yield _section("\n".join((f"*{said['checklist']}*", *(f"{box} {text}" for box, text in ticked))))


def _foot(alert: Alert, said: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    foot = [
        *((slack_escape(alert.title),) if "title" not in alert.shown else ()),
        *((said["priority"].format(priority=said[alert.priority]),) if "priority" not in alert.shown else ()),
        *((said["due"].format(due=alert.due),) if alert.due and "due" not in alert.shown else ()),
        *((f"<{alert.link}|{said['account']}>",) if alert.link and "account" not in alert.shown else ()),
    ]
    if foot:
        yield _context([" · ".join(foot)])
    if alert.message and not alert.closed:
        yield {"type": "actions", "block_id": f"cta:{alert.message}", "elements": list(_buttons(alert.message, said))}


def _buttons(message: str, said: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    for action, word, style in (
        (DONE_ACTION, said["do"], {"style": "primary"}), (USEFUL_ACTION, said["useful"], {}), (FALSE_ALARM_ACTION, said["false_alarm"], {}),
    ):  # fmt: skip
        yield {"type": "button", "action_id": action, "text": {"type": "plain_text", "text": word}, "value": message, **style}
    yield {"type": "datepicker", "action_id": SNOOZE_ACTION, "placeholder": {"type": "plain_text", "text": said["snooze"]}}


def _checkboxes(items: Sequence[Item]) -> dict[str, Any]:
    options = [{"text": {"type": "plain_text", "text": item.text}, "value": item.key} for item in items]
    ticked = [option for option, item in zip(options, items, strict=True) if item.done]
    return {"type": "checkboxes", "action_id": ITEM_ACTION, "options": options, **({"initial_options": ticked} if ticked else {})}


class Entry(NamedTuple):
    """One CTA in a list of several."""

    account: str
    link: str
    """Where the account is looked at; '' where nobody says."""
    title: str
    priority: str
    due: str
    """The day, as its reader writes it; '' for none."""
    late: bool = False
    why: str = ""


MOST_ENTRIES = 30


def entries(given: Sequence[Entry], locale: str, most: int = MOST_ENTRIES, of: int | None = None) -> list[str]:
    """A line of mrkdwn each, and how many more there are. `of`: how many there are in all, where not all are given."""
    said, n = notes(locale), len(given) if of is None else of
    lines = [_entry(entry, said, words(locale)) for entry in given[:most]]
    return [*lines, said["more"].format(n=n - most)] if n > most else lines


def _entry(entry: Entry, said: Mapping[str, str], called: Mapping[str, str]) -> str:
    account = slack_escape(shortened(entry.account, 60).replace("|", " "))
    named = f"<{entry.link}|{account}>" if entry.link else f"*{account}*"
    due = said["late" if entry.late else "due"].format(day=entry.due) if entry.due else ""
    parts = (slack_escape(shortened(entry.title, 60)), called[entry.priority] if entry.priority != "normal" else "", due, entry.why)
    return f"• {named}: {' · '.join(part for part in parts if part)}"


class Digest(NamedTuple):
    """Several CTAs in one message."""

    locale: str
    head: str
    entries: Sequence[Entry]
    keys: Sequence[str]
    """What each one's button names; none where nothing can be pressed."""
    n: int
    """How many there are, those that are not among the entries too."""


def digest_blocks(digest: Digest) -> list[dict[str, Any]]:
    """A block a CTA, the most urgent first, each with its button; how many more there are."""
    said = words(digest.locale)
    blocks: list[dict[str, Any]] = [{"type": "header", "text": {"type": "plain_text", "text": shortened(digest.head, 150)}}]
    for number, line in enumerate(entries(digest.entries, digest.locale, of=digest.n)):
        block = _section(line)
        if number < min(len(digest.keys), MOST_ENTRIES):
            button = {"type": "button", "action_id": DONE_ACTION, "text": {"type": "plain_text", "text": said["do"]}, "value": "done"}
            block |= {"block_id": f"cta:{digest.keys[number]}", "accessory": button}
        blocks.append(block)
    return blocks


def fitted(text: str, blocks: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The blocks so that the whole message is no longer than Slack takes: the longest texts are cut with …."""
    found = [dict(block) for block in blocks]
    over = len(text) + len(json.dumps(found, ensure_ascii=False)) - MOST_CHARACTERS
    if over <= 0:
        return found
    copied: list[dict[str, Any]] = json.loads(json.dumps(found, ensure_ascii=False))
    for spot in sorted(texts_in(copied), key=lambda t: -len(t["text"])):
        if over <= 0:
            break
        before = len(json.dumps(spot["text"], ensure_ascii=False))
        spot["text"] = shortened(spot["text"], max(75, len(spot["text"]) - over))
        over -= before - len(json.dumps(spot["text"], ensure_ascii=False))
    return copied


def texts_in(thing: Any) -> Iterator[dict[str, Any]]:
    """Every text object, wherever it stands."""
    if isinstance(thing, dict):
        if thing.get("type") in {"mrkdwn", "plain_text"} and isinstance(thing.get("text"), str):
            yield thing
        for value in thing.values():
            yield from texts_in(value)
    elif isinstance(thing, list):
        for value in thing:
            yield from texts_in(value)


def _section(text: str) -> dict[str, Any]:
    return {"type": "section", "text": {"type": "mrkdwn", "text": text}}


def _context(texts: Sequence[str]) -> dict[str, Any]:
    return {"type": "context", "elements": [{"type": "mrkdwn", "text": text} for text in texts]}
