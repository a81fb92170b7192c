"""Where one of us reads a mail before it goes: as it will arrive, to change it, and to say yes or no to it.

Opening it changes nothing; what stands in the form when its button is pressed is what goes.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from html import unescape
from typing import NamedTuple

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from cs_engine.content.mail import one_line
from cs_engine.content.names import is_japanese
from cs_engine.content.sandbox import slack_escape
from cs_engine.errors import CsEngineError, UnfitText
from cs_engine.instants import from_micros, to_micros
from cs_engine.journey.approval import Answer
from cs_engine.run.ctas.because import Reader
from cs_engine.run.ctas.notes import name_of, reader_of
from cs_engine.run.desk.approving import answer, as_edited
from cs_engine.run.desk.reading import Reading, barred, reading
from cs_engine.web import pages
from cs_engine.web.body import TooLarge
from cs_engine.web.house import House
from cs_engine.web.staff import LONGEST_SUBJECT, Admitted, Door, Refusal, fields, unfit_for
from cs_engine.web.steps import LONGEST_REASON
from cs_engine.web.words import Words

log = logging.getLogger(__name__)

_TOLD = {
    "en": {
        "stranger": "Only people of team.yaml say yes or no.",
        "nowhere": "CS_ENGINE_BASE_URL is not set: nobody knows where the page would be.",
        "gone": "No mail waits there any more.",
        "was_yes": "{who} has said yes to it before you.",
        "was_no": "{who} has said no to it before you.",
        "soon": "It goes.",
        "next": "It goes at the next run.",
        "no": "It will not go.",
        "away": "By team.yaml you are away today, and {who} answers for you.",
        "link": "<{url}|Open it in your browser> until {ends}. The link is yours alone: whoever has it can answer in your name.",
    },
    "ja": {
        "stranger": "team.yaml に登録された人だけが回答できます。",
        "nowhere": "CS_ENGINE_BASE_URL が設定されていないため、ページを開けません。",
        "gone": "承認待ちのメールはありません。",
        "was_yes": "{who}さんがすでに承認しています。",
        "was_no": "{who}さんがすでに「送信しない」を選んでいます。",
        "soon": "送信します。",
        "next": "次の実行時に送信します。",
        "no": "送信しません。",
        "away": "team.yaml では本日不在です。{who}さんが代わりに回答します。",
        "link": "<{url}|ブラウザで開く>（{ends} まで）。あなた専用のリンクです。知っている人は誰でもあなたの名前で回答できます。",
    },
}  # fmt: skip
"""What Slack says to whoever pressed a button."""


class Visit(NamedTuple):
    """One of us, and what they read."""

    who: Admitted
    reading: Reading

    @property
    def decided(self) -> bool:
        return _is_decided(self.reading)


class Reviews:
    """The page, and what becomes of what is said there."""

    def __init__(self, house: House) -> None:
        self._house, self._door = house, Door(house, house.reviews)

    def routes(self) -> list[Route]:
        return [
            Route("/r/{token}", self.show, methods=["GET"]),
            Route("/r/{token}", self.take, methods=["POST"]),
            Route("/r/{token}/mail", self.mail, methods=["GET"]),
            Route("/r/{token}/mail", self.look, methods=["POST"]),
        ]

    def invite(self, message_id: str, by: str | None) -> str:
        """What Slack says to who wants to open that message, to them alone. `by`: the e-mail of one of us, None for anybody else."""
        house, (reader, said) = self._house, self._slack(by)
        if by is None:
            return said["stranger"]
        if not house.engine.browsed:
            return said["nowhere"]
        found = reading(house.project, house.store, message_id, by)
        if found is None or _is_decided(found):
            return self._was(message_id, by)
        why = barred(house.project, by, house.clock.now())
        if why is not None:
            return said["away"].format(who=slack_escape(name_of(house.project, why[1], reader.locale)))
        link = house.reviews.invite([message_id], by, from_micros(found.approval.deadline))
        return said["link"].format(url=link.url, ends=f"{link.ends.astimezone(reader.zone):%H:%M} {reader.zone.key}")

    def press(self, message_id: str, by: str | None, *, yes: bool) -> str:
        """A yes or a no by a button in Slack, and what Slack says to whoever pressed it. The first answer counts."""
        house, (_, said) = self._house, self._slack(by)
        if by is None:
            return said["stranger"]
        approval = house.store.approvals([message_id]).get(message_id)
        if approval is None or not answer(house.store, house.project, approval, by, house.clock.now(), yes=yes):
            return self._was(message_id, by)
        house.go_on(approval.playbook)
        return said[("soon" if house.pressed else "next") if yes else "no"]

    def _was(self, message_id: str, by: str) -> str:
        """Why nothing can be said to that message any more: who was quicker, or that it is gone."""
        reader, said = self._slack(by)
        approval = self._house.store.approvals([message_id]).get(message_id)
        if approval is None or approval.answer is Answer.WAITING:
            return said["gone"]
        word = "was_yes" if approval.answer is Answer.APPROVED else "was_no"
        return said[word].format(who=slack_escape(name_of(self._house.project, approval.by, reader.locale)))

    def _slack(self, by: str | None) -> tuple[Reader, Words]:
        """How that one reads what Slack says to them, and its words."""
        reader = reader_of(self._house.project, by or "")
        return reader, _TOLD["ja" if is_japanese(reader.locale) else "en"]

    async def show(self, request: Request) -> Response:
        """The mail, and what can be said to it; or what has been said."""
        visit = await self._visit(request)
        if isinstance(visit, Refusal):
            return self._door.refuse(visit)
        return self._decided(visit) if visit.decided else self._page(visit)

    async def mail(self, request: Request) -> Response:
        """The mail itself, for the page's frame."""
        visit = await self._visit(request)
        if isinstance(visit, Refusal):
            return self._door.refuse(visit, framed=True)
        if visit.decided or not visit.reading.approval.html:
            return self._decided(visit, framed=True)
        return HTMLResponse(visit.reading.approval.html, headers=pages.mail_headers())

    async def look(self, request: Request) -> Response:
        """The mail as it would go with what stands in the form, for the same frame. Nothing is kept."""
        visit = await self._visit(request)
        if isinstance(visit, Refusal):
            return self._door.refuse(visit, framed=True)
        try:
            sent = await fields(request)
        except TooLarge:
            return self._door.note(visit.who.said, visit.who.said["edit"], visit.who.said["too_long"], 413, framed=True)
        if visit.decided or not visit.reading.approval.html:
            return self._decided(visit, framed=True)
        edited = _edited(visit.reading, sent)
        if edited is None:
            return HTMLResponse(visit.reading.approval.html, headers=pages.mail_headers())
        try:
            _, _, html = as_edited(self._house.project.config, visit.reading.approval, *edited)
        except UnfitText as unfit:
            return self._door.note(visit.who.said, visit.who.said["edit"], unfit_for(visit.who.said, unfit), 422, framed=True)
        return HTMLResponse(html, headers=pages.mail_headers())

    async def take(self, request: Request) -> Response:
        """Their yes, to what stands in the form, or their no. The first answer counts, whoever gave it."""
        visit = await self._visit(request)
        try:
            sent = await fields(request)
        except TooLarge:
            return self._door.refuse(visit) if isinstance(visit, Refusal) else self._page(visit, {}, visit.who.said["too_long"], 413)
        if isinstance(visit, Refusal):
            return self._door.refuse(visit, sent)
        if visit.decided:
            return self._decided(visit, status=409)
        problem, status = await run_in_threadpool(self._answer, visit, sent)
        if problem:
            return self._page(visit, sent, problem, status)
        # Who reloads the page that follows sends nothing again.
        return RedirectResponse(f"/r/{visit.who.token}", status_code=303, headers=pages.headers())

    # --- what they say

    def _answer(self, visit: Visit, sent: Mapping[str, str]) -> tuple[str, int]:
        """Keeps it; why it was not kept, '' where it was, or where somebody was quicker: the page that follows tells who."""
        house, said, approval = self._house, visit.who.said, visit.reading.approval
        pressed, reason = sent.get("answer", ""), one_line(sent.get("reason", ""))[:LONGEST_REASON]
        if pressed not in ("yes", "no"):
            return said["nothing_pressed"], 422
        if pressed == "no" and not reason:
            return said["no_reason"], 422
        yes, edited = pressed == "yes", _edited(visit.reading, sent)
        if yes and edited is not None and len(edited[0]) > LONGEST_SUBJECT:
            return said["too_long"], 422
        try:
            done = answer(
                house.store, house.project, approval, visit.who.email, house.clock.now(), yes=yes, reason="" if yes else reason,
                edited=edited if yes else None,
            )  # fmt: skip
        except UnfitText as unfit:
            return unfit_for(said, unfit), 422
        except CsEngineError as error:
            log.warning("a yes or no was not kept: %s", type(error).__name__)
            return said["busy"], 503
        if done:
            house.go_on(approval.playbook)
        return "", 303

    async def _visit(self, request: Request) -> Visit | Refusal:
        who = await self._door.admit(request)
        return who if isinstance(who, Refusal) else await run_in_threadpool(self._visited, who)

    def _visited(self, who: Admitted) -> Visit | Refusal:
        found = reading(self._house.project, self._house.store, who.about[0], who.email)
        return Visit(who, found) if found is not None else self._door.forged(who.said)

    # --- pages

    def _page(self, visit: Visit, sent: Mapping[str, str] | None = None, problem: str = "", status: int = 200) -> Response:
        """The form, with what they wrote where it comes back to them."""
        sent, approval, said = sent or {}, visit.reading.approval, visit.who.said
        edited = _edited(visit.reading, sent)
        subject, text = edited if edited is not None else (approval.subject, approval.text)
        until = self._door.time(visit.who, approval.deadline)
        late = approval.deadline <= to_micros(self._house.clock.now())
        return self._door.page(
            visit.who, "review.html", said["title_mail" if approval.html else "title_alert"], status, reading=visit.reading,
            # An alert is written for Slack, which wants `<`, `>` and `&` escaped; and it tells itself why.
            alert=unescape(approval.text), why=visit.reading.why if approval.html else (),
            until=said["late"].format(until=until) if late else until, subject=subject, text=text, edited=edited is not None,
            reason=sent.get("reason", ""), refusing=bool(problem) and sent.get("answer") == "no", problem=problem,
            longest_reason=LONGEST_REASON,
        )  # fmt: skip

    def _decided(self, visit: Visit, status: int = 200, *, framed: bool = False) -> Response:
        """Who said what, and what has become of it."""
        approval, envelope, said = visit.reading.approval, visit.reading.envelope, visit.who.said
        told = []
        if approval.answer is not Answer.WAITING and approval.answered_at is not None:
            word = "said_yes" if approval.answer is Answer.APPROVED else "said_no"
            who, at = self._door.name(visit.who, approval.by), self._door.time(visit.who, approval.answered_at)
            told.append(said[word].format(who=who, at=at))
            told += [said["because"].format(reason=approval.reason)] if approval.reason else []
        if envelope.state == "accepted":
            told.append(said["gone"])
        elif envelope.settled and approval.answer is not Answer.REFUSED:
            told.append(said["dead"].format(reason=envelope.reason))
        elif approval.answer is Answer.APPROVED:
            told.append(said["soon" if self._house.pressed else "next"])
        told.append(said["nothing_done"])
        return self._door.note(said, said["decided_title"], ("" if said["lang"] == "ja" else " ").join(told), status, framed=framed)


def _is_decided(found: Reading) -> bool:
    """Whether nothing that is said to it now would change anything."""
    return found.approval.answer is not Answer.WAITING or found.envelope.settled


def _edited(found: Reading, sent: Mapping[str, str]) -> tuple[str, str] | None:
    """(subject, text) that they wrote; None where both stand as they were shown: the mail goes as it was made then."""
    approval = found.approval
    if not approval.html or "text" not in sent:
        return None
    subject, text = one_line(sent.get("subject", "")) or approval.subject, sent["text"]
    if text == approval.text.replace("\r\n", "\n"):
        return None if subject == one_line(approval.subject) else (subject, approval.text)
    return subject, text
