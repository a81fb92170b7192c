"""Skipping and postponing from an alert in Slack: the form that asks which step and why, and the order that it gives."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from cs_engine.errors import CsEngineError, WrongUse
from cs_engine.instants import from_micros, to_micros
from cs_engine.language import durations
from cs_engine.language.expression import Duration
from cs_engine.ports import AskedMessage
from cs_engine.run.delivery.buttons import POSTPONED_BY
from cs_engine.run.desk.stepping import moment, open_steps, postpone, skip
from cs_engine.web.house import House
from cs_engine.web.modals import choice, errors, form, input_of, modal, section, update, words

ORDER = "cs_order"
"""The form that the buttons open."""

LONGEST_REASON = 500

_EN = {
    "skip": "Skip a step", "postpone": "Postpone a step", "send": "Do it", "close": "Cancel", "step": "Step", "reason": "Why",
    "until": "Not before {until}", "nothing": "Nothing is left to come there.", "why": "Please say why: the journal tells it.",
    "which": "Please choose a step.", "skipped": "{step} is skipped.", "postponed": "{step} waits until {until}.",
    "busy": "A run is under way. Please send it again.",
}  # fmt: skip
_JA = {
    "skip": "ステップの省略", "postpone": "ステップの延期", "send": "実行", "close": "キャンセル", "step": "ステップ", "reason": "理由",
    "until": "{until} まで待ちます", "nothing": "この先に残っているステップはありません。", "why": "理由をご記入ください。履歴に残ります。",
    "which": "ステップを選択してください。", "skipped": "{step} を省略します。", "postponed": "{step} は {until} まで待ちます。",
    "busy": "実行中の処理があります。もう一度送信してください。",
}  # fmt: skip


class Steps:
    """What people of the team order for the passage that an alert is about."""

    def __init__(self, house: House) -> None:
        self._house = house
        config = house.project.config
        self._words = _JA if config.locale.partition("-")[0] == "ja" else _EN
        self._zone = ZoneInfo(config.timezone)

    def form(self, message_id: str, kind: str) -> dict[str, Any] | None:
        """The form of that alert, as a Block Kit modal, the next step chosen already; None when there is no such alert.

        It names the time that it postpones to: sent twice, it gives the same order.
        """
        message = self._house.store.asked(message_id)
        if message is None:
            return None
        said = self._words
        until = self._until()
        try:
            steps, following = open_steps(self._house, message.account_id, message.playbook, message.enrolment_id, kind)
        except WrongUse:
            steps, following = [], None
        if not steps:
            return modal(said[kind], said["close"], [section(said["nothing"])])
        shown = [section(said["until"].format(until=self._time(until)))] if kind == "postpone" else []
        select, why = input_of("step", said["step"], choice(steps, following)), input_of("reason", said["reason"], words(LONGEST_REASON))
        meant = json.dumps({"message": message_id, "kind": kind, "until": to_micros(until)})
        return form(modal(said[kind], said["close"], [*shown, select, why]), ORDER, meant, said["send"])

    def order(self, meant: str, given: Mapping[str, str], by: str) -> dict[str, Any] | None:
        """Gives the order of a form that was sent, and what Slack shows then; None when the form is not ours."""
        read = _read(meant)
        message = self._house.store.asked(read["message"]) if read else None
        if read is None or message is None:
            return None
        said, step, reason = self._words, given.get("step", ""), given.get("reason", "").strip()
        missing = {field: said[word] for field, value, word in (("step", step, "which"), ("reason", reason, "why")) if not value}
        if missing:
            return errors(missing)
        try:
            self._give(message, read["kind"], read["until"], step, reason, by)
        except WrongUse as wrong:
            return errors({"step": wrong.message})
        except CsEngineError:
            return errors({"step": said["busy"]})
        done = "skipped" if read["kind"] == "skip" else "postponed"
        text = said[done].format(step=step, until=self._time(from_micros(read["until"])))
        return update(modal(said[read["kind"]], said["close"], [section(text)]))

    def _give(self, message: AskedMessage, kind: str, until: int, step: str, reason: str, by: str) -> None:
        account, playbook, passage = message.account_id, message.playbook, message.enrolment_id
        if kind == "skip":
            skip(self._house, account, playbook, step, reason, by, passage=passage)
        else:
            postpone(self._house, account, playbook, step, until, reason, by, passage=passage)
        self._house.go_on(playbook)

    def _until(self) -> datetime:
        return durations.add(from_micros(moment(self._house)), Duration(POSTPONED_BY, "days"), self._zone)

    def _time(self, at: datetime) -> str:
        return f"{at.astimezone(self._zone):%Y-%m-%d %H:%M}"


def _read(meant: str) -> dict[str, Any] | None:
    try:
        found = json.loads(meant)
    except ValueError:
        return None
    kinds = {"message": str, "kind": str, "until": int}
    whole = isinstance(found, dict) and all(isinstance(found.get(key), kind) for key, kind in kinds.items())
    return found if whole and found["kind"] in ("skip", "postpone") else None
