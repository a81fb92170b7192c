"""Writing an account's next mail differently from an alert in Slack: which mail, then its text, then it is kept."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from cs_engine.errors import CsEngineError, LostRace, WrongUse
from cs_engine.ports import AskedMessage
from cs_engine.run.ctas.notes import reader_of
from cs_engine.run.desk.editing import Draft, draft, edit
from cs_engine.run.desk.stepping import open_steps
from cs_engine.run.observe import look
from cs_engine.web.house import House
from cs_engine.web.modals import LONGEST_INPUT, choice, errors, form, input_of, linked, modal, section, update, words
from cs_engine.web.steps import LONGEST_REASON

CHOSEN, EDITED = "cs_edit_step", "cs_edit_text"
"""The forms: which mail, and its text."""

_LONGEST_SUBJECT, _LONGEST_META = 250, 3_000

_EN = {
    "title": "Edit a mail", "next": "Next", "send": "Send this instead", "close": "Cancel", "step": "Mail", "subject": "Subject",
    "text": "Text", "reason": "Why", "nothing": "No mail is left to come there.", "wait": "One moment …",
    "why": "Please say why: the journal tells it.", "which": "Please choose a mail.", "done": "{step} goes as you wrote it.",
    "long": "This mail is too long for Slack: cs-engine edit {account} {playbook} {step} --show",
    "there": "This mail is too long for Slack: <{url}|write it in your browser>, until {ends}. The link is yours alone: whoever has it "
    "can write in your name.",
    "moved": "A run has moved it on meanwhile. Please open it again.", "busy": "A run is under way. Please try again.",
}  # fmt: skip
_JA = {
    "title": "メールの編集", "next": "次へ", "send": "この内容で送る", "close": "キャンセル", "step": "メール", "subject": "件名",
    "text": "本文", "reason": "理由", "nothing": "この先に残っているメールはありません。", "wait": "お待ちください…",
    "why": "理由をご記入ください。履歴に残ります。", "which": "メールを選択してください。", "done": "{step} はこの内容で送られます。",
    "long": "長いため Slack では編集できません: cs-engine edit {account} {playbook} {step} --show",
    "there": "長いため Slack では編集できません。<{url}|ブラウザで編集する>（{ends} まで）。あなた専用のリンクです。共有しないでください。",
    "moved": "その間に処理が進みました。もう一度開いてください。", "busy": "実行中の処理があります。もう一度お試しください。",
}  # fmt: skip


class Edits:
    """What people of the team write in the place of the next mail of the passage that an alert is about."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._words = _JA if house.project.config.locale.partition("-")[0] == "ja" else _EN

    def choose(self, message_id: str) -> dict[str, Any] | None:
        """The form that asks which mail, the next one chosen already; None when there is no such alert."""
        message = self._house.store.asked(message_id)
        if message is None:
            return None
        said = self._words
        try:
            mails, following = open_steps(self._house, message.account_id, message.playbook, message.enrolment_id, "edit")
        except WrongUse:
            mails, following = [], None
        if not mails:
            return self._say(said["nothing"])
        select = input_of("step", said["step"], choice(mails, following))
        return form(modal(said["title"], said["close"], [select]), CHOSEN, message_id, said["next"])

    def wait(self) -> dict[str, Any]:
        """Shown while the mail is made."""
        return update(self._say(self._words["wait"]))

    def write(self, message_id: str, step: str, by: str) -> dict[str, Any]:
        """The form with the mail as it would go; its facts are read for it, which may take seconds. `by`: the e-mail of one of us, who
        gets a link to the page in its place where the mail is too long for Slack.
        """
        message, said = self._house.store.asked(message_id), self._words
        if message is None or not step:
            return self._say(said["which"])
        try:
            found = drafted(self._house, message, step)
        except WrongUse as wrong:
            return self._say(wrong.message)
        except CsEngineError:
            return self._say(said["busy"])
        meant = written(found)
        if len(found.text) > LONGEST_INPUT or len(meant) > _LONGEST_META:
            if self._house.engine.browsed:
                link, zone = self._house.edits.invite([message_id, step], by), reader_of(self._house.project, by).zone
                shown = linked(said["there"].format(url=link.url, ends=f"{link.ends.astimezone(zone):%H:%M} {zone.key}"))
                return modal(said["title"], said["close"], [shown])
            return self._say(said["long"].format(account=found.account, playbook=found.playbook, step=found.step))
        blocks = [
            input_of("subject", said["subject"], words(_LONGEST_SUBJECT, given=found.subject[:_LONGEST_SUBJECT])),
            input_of("text", said["text"], words(LONGEST_INPUT, lines=True, given=found.text)),
            input_of("reason", said["reason"], words(LONGEST_REASON)),
        ]
        return form(modal(said["title"], said["close"], blocks), EDITED, meant, said["send"])

    def keep(self, meant: str, given: Mapping[str, str], by: str) -> dict[str, Any] | None:
        """Keeps the mail as it was written, and what Slack shows then; None when the form is not ours. Sent twice, it is kept once."""
        found, said = read(meant), self._words
        if found is None:
            return None
        reason = given.get("reason", "").strip()
        if not reason:
            return errors({"reason": said["why"]})
        try:
            edit(self._house, found, given.get("subject", ""), given.get("text", ""), reason, by)
        except LostRace:
            return errors({"text": said["moved"]})
        except WrongUse as wrong:
            return errors({"text": f"{wrong.message}. {wrong.mend}"})
        except CsEngineError:
            return errors({"text": said["busy"]})
        return update(self._say(said["done"].format(step=found.step)))

    def _say(self, text: str) -> dict[str, Any]:
        return modal(self._words["title"], self._words["close"], [section(text)])


def drafted(house: House, alert: AskedMessage, step: str) -> Draft:
    """The mail of that step of an alert's passage, as it would go. Its facts are read for it. Raises as `draft` does."""
    tick = look(house.engine)
    try:
        return draft(tick, alert.account_id, alert.playbook, step, alert.enrolment_id)
    finally:
        tick.facts.close()


def written(found: Draft) -> str:
    """What a form bears of it, beside its text."""
    return json.dumps(found._replace(text="")._asdict(), ensure_ascii=False)


def read(meant: str) -> Draft | None:
    """What a form of ours bore; None for anything else."""
    try:
        found = json.loads(meant)
        return Draft(**{**found, "needed": tuple(found["needed"])})
    except (ValueError, TypeError, KeyError):
        return None
