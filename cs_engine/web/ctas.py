"""What stands below an alert in Slack: done, snooze, useful or false alarm, the items of its checklist."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, time
from typing import Any

from cs_engine.content.cta import DONE_ACTION, FALSE_ALARM_ACTION, ITEM_ACTION, SNOOZE_ACTION, USEFUL_ACTION
from cs_engine.content.formats import write_date
from cs_engine.errors import WrongUse
from cs_engine.instants import to_micros
from cs_engine.journey.cta import FALSE_ALARM, USEFUL
from cs_engine.playbook.bundle import compile_bundle
from cs_engine.playbook.plan import Cta
from cs_engine.ports import CtaView
from cs_engine.run.ctas.notes import reader_of
from cs_engine.run.desk.ctas import done, judge, snooze, tick_off
from cs_engine.web.house import House

ACTIONS = (DONE_ACTION, SNOOZE_ACTION, USEFUL_ACTION, FALSE_ALARM_ACTION, ITEM_ACTION)

_EN = {
    "stranger": "Only people of team.yaml work on alerts.", "history": "This alert is history: it was closed, and has been opened anew.",
    "done": "Thank you. The alert shows it after the next run.", "soon": "Thank you. The alert shows it in a moment.",
    "closed": "It was closed already.",
    "snoozed": "Snoozed until {day}. It counts as open.", "unchanged": "That is so already.", "past": "Please choose a later day.",
    "judged": "Thank you: kept.",
}  # fmt: skip
_JA = {
    "stranger": "team.yaml に登録された人だけが操作できます。", "history": "このアラートはすでに完了し、新しいものに替わっています。",
    "done": "ありがとうございます。次の実行後に表示が変わります。",
    "soon": "ありがとうございます。まもなく表示が変わります。", "closed": "すでに完了しています。",
    "snoozed": "{day}まで保留しました。未完了のままです。", "unchanged": "すでにその状態です。",
    "past": "明日以降の日付を選んでください。",
"judged": "ありがとうございます。記録しました。",
}  # fmt: skip


class Ctas:
    """Does what was pressed, and says so to whoever pressed. Pressed twice, it is done once."""

    def __init__(self, house: House) -> None:
        self._house = house

    def press(self, action: Mapping[str, Any], by: str | None) -> str:
        """What became of it; '' where Slack shows it already. `by`: the e-mail of one of us, None for anybody else."""
        reader = reader_of(self._house.project, by or "")
        words = _JA if reader.locale.partition("-")[0] == "ja" else _EN
        if by is None:
            return words["stranger"]
        message = str(action.get("block_id", "")).partition(":")[2]
        cta = self._told_by(message)
        if cta is None:
            return words["history"]
        match action.get("action_id"):
            case "cs_done":
                if not done(self._house, cta, by):
                    return words["closed"]
                self._house.go_on(cta.playbook)
                return words["soon" if self._house.pressed else "done"]
            case "cs_useful" | "cs_false_alarm" as pressed:
                verdict = USEFUL if pressed == USEFUL_ACTION else FALSE_ALARM
                return words["judged" if judge(self._house, cta, verdict, by) else "unchanged"]
            case "cs_snooze":
                return self._snooze(action, cta, by, words)
            case _:
                return self._items(action, cta, message, by)

    def _told_by(self, named: str) -> CtaView | None:
        """The CTA that a message tells of, or that a line of a digest names; None for an earlier opening."""
        id, at, opened = named.partition("@")
        if not at:
            return self._house.store.cta_told_by(named)
        cta = self._house.store.ctas([id]).get(id)
        return cta if cta is not None and str(cta.opened_at) == opened else None

    def _snooze(self, action: Mapping[str, Any], cta: CtaView, by: str, words: Mapping[str, str]) -> str:
        reader = reader_of(self._house.project, by)
        try:
            day = date.fromisoformat(str(action.get("selected_date", "")))
            fresh = snooze(self._house, cta, to_micros(datetime.combine(day, time(), reader.zone)), by)
        except (ValueError, WrongUse):
            return words["past"]
        if fresh:
            self._house.go_on(cta.playbook)
            return words["snoozed"].format(day=write_date(day, reader.locale, "weekday"))
        return words["closed" if cta.state == "closed" else "unchanged"]

    def _items(self, action: Mapping[str, Any], cta: CtaView, message: str, by: str) -> str:
        chosen = action.get("selected_options")
        picked = {str(option.get("value")) for option in chosen if isinstance(option, dict)} if isinstance(chosen, list) else set()
        told = self._house.store.asked(message)
        plan, _ = compile_bundle(self._house.store.bundle(told.digest), self._house.project) if told is not None else (None, ())
        step = plan.step(cta.step) if plan is not None else None
        if isinstance(step, Cta) and cta.state != "closed":
            tick_off(self._house, cta, picked, by, [item.key for item in step.checklist])
        return ""
