"""Where one of us writes an account's next mail differently, at any length: what Slack's form does for the shorter ones.

The form bears the passage as it stood when it was shown, signed: what has moved on since is seen, and what the text has to keep is
nobody's to change.
"""

from __future__ import annotations

import base64
import logging
from collections.abc import Mapping

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from cs_engine.content.formats import in_locale
from cs_engine.content.mail import one_line
from cs_engine.content.written import as_html, require_kept, require_text
from cs_engine.errors import CsEngineError, LostRace, UnfitText, WrongUse
from cs_engine.run.desk.editing import Draft, edit
from cs_engine.web import pages
from cs_engine.web.body import TooLarge
from cs_engine.web.edits import drafted, read, written
from cs_engine.web.house import House
from cs_engine.web.staff import LONGEST_SUBJECT, Admitted, Door, Refusal, fields, unfit_for
from cs_engine.web.steps import LONGEST_REASON

log = logging.getLogger(__name__)


class Rewriting:
    """The page, and what becomes of what is written there. Its link names an alert, and a step of that alert's passage."""

    def __init__(self, house: House) -> None:
        self._house, self._door = house, Door(house, house.edits, "_edit")

    def routes(self) -> list[Route]:
        return [
            Route("/e/{token}", self.show, methods=["GET"]),
            Route("/e/{token}", self.take, methods=["POST"]),
            Route("/e/{token}/mail", self.look, methods=["POST"]),
            Route("/e/{token}/done", self.done, methods=["GET"]),
        ]

    async def show(self, request: Request) -> Response:
        """The mail as it would go, or as somebody has left it; its facts are read for it, which may take seconds."""
        who = await self._door.admit(request)
        if isinstance(who, Refusal):
            return self._door.refuse(who)
        return await run_in_threadpool(self._show, who)

    async def look(self, request: Request) -> Response:
        """The mail with the text that stands in the form. Nothing is kept."""
        who = await self._door.admit(request)
        if isinstance(who, Refusal):
            return self._door.refuse(who, framed=True)
        try:
            sent = await fields(request)
        except TooLarge:
            return self._door.note(who.said, who.said["title_edit"], who.said["too_long"], 413, framed=True)
        meant = self._meant(who, sent)
        if meant is None:
            return self._door.refuse(self._door.forged(who.said), framed=True)
        text = sent.get("text", "")
        try:
            require_text(text)
            require_kept(meant.needed, text)
        except UnfitText as unfit:
            return self._door.note(who.said, who.said["title_edit"], unfit_for(who.said, unfit), 422, framed=True)
        return HTMLResponse(as_html(text), headers=pages.mail_headers())

    async def take(self, request: Request) -> Response:
        """What they wrote; sent twice, it is kept once."""
        who = await self._door.admit(request)
        try:
            sent = await fields(request)
        except TooLarge:
            return self._door.note(who.said, who.said["title_edit"], who.said["too_long"], 413)
        if isinstance(who, Refusal):
            return self._door.refuse(who, sent)
        meant = self._meant(who, sent)
        if meant is None:
            return self._door.refuse(self._door.forged(who.said))
        return await run_in_threadpool(self._keep, who, meant, sent)

    async def done(self, request: Request) -> Response:
        """What has become of it, as long as it has not gone."""
        who = await self._door.admit(request)
        if isinstance(who, Refusal):
            return self._door.refuse(who)
        if not await run_in_threadpool(self._stands, who):
            return RedirectResponse(f"/e/{who.token}", status_code=303, headers=pages.headers())
        return self._door.note(who.said, who.said["kept_title"], who.said["edited"].format(step=who.about[1]))

    # --- what they do

    def _show(self, who: Admitted) -> Response:
        message, step = self._house.store.asked(who.about[0]), who.about[1]
        if message is None:
            return self._door.refuse(self._door.forged(who.said))
        try:
            found = drafted(self._house, message, step)
        except WrongUse as wrong:
            return self._door.note(who.said, who.said["cannot_title"], f"{wrong.message}. {wrong.mend}", 409)
        except CsEngineError as error:
            log.warning("a mail could not be shown: %s", type(error).__name__)
            return self._door.note(who.said, who.said["later_title"], who.said["later"], 503)
        return self._page(who, found, found.subject, found.text)

    def _keep(self, who: Admitted, meant: Draft, sent: Mapping[str, str]) -> Response:
        subject, text, said = one_line(sent.get("subject", "")), sent.get("text", ""), who.said
        reason = one_line(sent.get("reason", ""))[:LONGEST_REASON]
        if not reason or len(subject) > LONGEST_SUBJECT:
            return self._page(who, meant, subject, text, reason, said["too_long" if reason else "no_why"], 422)
        try:
            edit(self._house, meant, subject, text, reason, who.email)
        except LostRace:
            return self._door.note(said, said["cannot_title"], said["moved"], 409, text)
        except UnfitText as unfit:
            return self._page(who, meant, subject, text, reason, unfit_for(said, unfit), 422)
        except WrongUse as wrong:
            return self._door.note(said, said["cannot_title"], f"{wrong.message}. {wrong.mend}", 409, text)
        except CsEngineError as error:
            log.warning("a mail that was written was not kept: %s", type(error).__name__)
            return self._page(who, meant, subject, text, reason, said["busy"], 503)
        # Who reloads the page that follows sends nothing again.
        return RedirectResponse(f"/e/{who.token}/done", status_code=303, headers=pages.headers())

    def _stands(self, who: Admitted) -> bool:
        message = self._house.store.asked(who.about[0])
        if message is None:
            return False
        found = self._house.store.edits_of(message.account_id, message.playbook)
        return any((one.enrolment_id, one.step) == (message.enrolment_id, who.about[1]) for one in found)

    # --- the form

    def _page(
        self, who: Admitted, found: Draft, subject: str, text: str, reason: str = "", problem: str = "", status: int = 200
    ) -> Response:  # fmt: skip
        envelope, plan = self._house.store.envelope(who.about[0]), self._house.project.plans.get(found.playbook)
        account = (envelope.account if envelope is not None else "") or found.account
        title = in_locale(plan.title, who.said["lang"]) if plan is not None else found.playbook
        return self._door.page(
            who, "edit.html", who.said["title_edit"], status, account=account, playbook=title, step=found.step, subject=subject, text=text,
            reason=reason, problem=problem, draft=self._house.drafts.sign(_in_letters(written(found))), longest_reason=LONGEST_REASON,
        )  # fmt: skip

    def _meant(self, who: Admitted, sent: Mapping[str, str]) -> Draft | None:
        """What the form was shown for; None for a form that is not this link's, or that somebody has changed."""
        signed = self._house.drafts.read(sent.get("draft", ""))
        found = read(_in_words(signed)) if signed is not None else None
        return found if found is not None and found.step == who.about[1] else None


def _in_letters(text: str) -> str:
    """As it can be signed."""
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _in_words(letters: str) -> str:
    return base64.urlsafe_b64decode(letters + "=" * (-len(letters) % 4)).decode()
