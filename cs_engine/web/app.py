"""The web application: its routes, and what they answer."""

from __future__ import annotations

import logging

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from cs_engine.content.formats import in_locale
from cs_engine.playbook.questions import Kind, Question
from cs_engine.run.delivery.links import Opened
from cs_engine.settings import EVENTS_PATH
from cs_engine.web import pages
from cs_engine.web.asked import Asking, Desk, Unanswered
from cs_engine.web.body import TooLarge, form
from cs_engine.web.collector import Collector
from cs_engine.web.house import House
from cs_engine.web.pages import Entry
from cs_engine.web.preferences import Preferences
from cs_engine.web.reviews import Reviews
from cs_engine.web.rewriting import Rewriting
from cs_engine.web.sendgrid import SendgridEvents
from cs_engine.web.slack import Interactivity
from cs_engine.web.words import Words, words

log = logging.getLogger(__name__)

MOST_BYTES = 100_000
"""Of a form that is sent to us."""


def application(house: House) -> Starlette:
    """The routes. Whatever goes wrong is a plain page: no trace, no data."""
    desk = Desk(house.project, house.store, house.clock)
    reviews = Reviews(house)
    answers, slack = _Answers(house, desk), Interactivity(house, desk, reviews)
    routes = [
        Route("/", answers.home, methods=["GET"]),
        Route("/a/{token}", answers.show, methods=["GET"]),
        Route("/a/{token}", answers.take, methods=["POST"]),
        Route("/a/{token}/thanks", answers.thanks, methods=["GET"]),
        *Preferences(house).routes(),
        *reviews.routes(),
        *Rewriting(house).routes(),
        Route("/slack/interactivity", slack.take, methods=["POST"]),
        Route(EVENTS_PATH, SendgridEvents(house).take, methods=["POST"]),
        *Collector(house).routes(),
        Route("/healthz", _healthy, methods=["GET"]),
    ]
    return Starlette(routes=routes, exception_handlers={HTTPException: answers.missing, Exception: answers.failed})


async def _healthy(_request: Request) -> Response:
    return PlainTextResponse("ok\n")


class _Answers:
    """The page that takes answers. Machines open links too: opening one shows the page and keeps nothing; its button does."""

    def __init__(self, house: House, desk: Desk) -> None:
        self._house, self._desk = house, desk

    async def show(self, request: Request) -> Response:
        asked = await self._asked(request)
        if isinstance(asked, Response):
            return asked
        opened, asking = asked
        entries = [Entry(question, _clicked(question, opened)) for question in asking.questions]
        return self._form(request, asking, entries)

    async def take(self, request: Request) -> Response:
        asked = await self._asked(request)
        if isinstance(asked, Response):
            return asked
        _, asking = asked
        try:
            sent = await form(request, MOST_BYTES, 50)
        except TooLarge:
            entries = [Entry(question) for question in asking.questions]
            return self._form(request, asking, entries, "too_large", 413)
        given = {name: values[-1] for name, values in sent.items()}
        message = asking.message
        refused = await run_in_threadpool(self._desk.keep, asking, given, message.recipient, message.recipient_kind)
        if refused is None:
            # Who reloads the page that follows sends nothing again.
            return RedirectResponse(f"/a/{request.path_params['token']}/thanks", status_code=303, headers=pages.headers())
        return self._refused(request, asking, given, refused)

    async def thanks(self, request: Request) -> Response:
        opened = self._opened(request)
        if isinstance(opened, Response):
            return opened
        found = await run_in_threadpool(self._house.store.asked, opened.message)
        locale = found.locale if found is not None else ""
        return self._say(request, "thanks", 200, locale, link=f"/a/{request.path_params['token']}")

    async def home(self, request: Request) -> Response:
        """For whoever runs it: what there is here, and nothing of anybody."""
        said = self._words(request, "en")
        return HTMLResponse(pages.home(said, self._company(said), _places(self._house)), headers=pages.headers())

    async def missing(self, request: Request, error: Exception) -> Response:
        status = error.status_code if isinstance(error, HTTPException) else 404
        return self._say(request, "missing", status)

    async def failed(self, request: Request, error: Exception) -> Response:
        # Its name alone: its text could quote what somebody wrote.
        log.error("a page failed: %s", type(error).__name__)
        return self._say(request, "later", 500)

    async def _asked(self, request: Request) -> tuple[Opened, Asking] | Response:
        """What the link opens, and what is asked there; or the page that says why nothing is."""
        opened = self._opened(request)
        if isinstance(opened, Response):
            return opened
        asking = await run_in_threadpool(self._desk.asking, opened.message)
        return (opened, asking) if asking is not None else self._say(request, "invalid", 404)

    def _opened(self, request: Request) -> Opened | Response:
        opened = self._house.links.read(request.path_params["token"])
        if opened is None:
            return self._say(request, "invalid", 404)
        if opened.previewed:
            return self._say(request, "preview", 200)
        return self._say(request, "expired", 410) if opened.expired else opened

    def _refused(self, request: Request, asking: Asking, given: dict[str, str], refused: Unanswered) -> Response:
        said = self._words(request, asking.message.locale)
        problems = {
            q.field: said["wrong_date" if q.kind is Kind.DATE else "wrong_choice"] for q in asking.questions if q.field in refused.wrong
        }
        entries = [Entry(q, given.get(q.field, ""), problems.get(q.field, "")) for q in asking.questions]
        return self._form(request, asking, entries, "wrong" if refused.wrong else "nothing", 422)

    def _form(self, request: Request, asking: Asking, entries: list[Entry], problem: str = "", status: int = 200) -> Response:
        said = self._words(request, asking.message.locale)
        # To where it stands: what was clicked stays picked in a form that is sent back.
        action = f"/a/{request.path_params['token']}"
        html = pages.form(said, self._company(said), entries, asking.contacts, action, said[problem] if problem else "")
        return HTMLResponse(html, status, headers=pages.headers())

    def _say(self, request: Request, what: str, status: int, locale: str = "", link: str = "") -> Response:
        said = self._words(request, locale)
        return HTMLResponse(pages.message(said, self._company(said), what, link), status, headers=pages.headers())

    def _words(self, request: Request, locale: str) -> Words:
        return words(locale, request.headers.get("accept-language", ""))

    def _company(self, said: Words) -> str:
        return in_locale(self._house.project.config.company.name, said["lang"])


def _places(house: House) -> list[tuple[str, str]]:
    """(path, what is there), and of what others call whether it is on."""
    return [
        ("/a/…, /u/…, /p/…", "the pages on which customers answer, unsubscribe and choose: by the links in e-mails alone"),
        (
            "/r/…, /e/…",
            "where one of the team reads or writes a mail before it goes: by a link of their own that ends soon",
        ),
        ("/slack/interactivity", f"what Slack calls when somebody presses a button: {_on(house.slack, 'SLACK_SIGNING_SECRET')}"),
        (EVENTS_PATH, f"what SendGrid calls with what became of e-mails: {_on(house.events, 'SENDGRID_WEBHOOK_PUBLIC_KEY')}"),
        ("/v1/batch", f"the collector, which takes usage: {_on(house.collecting, 'CS_ENGINE_WRITE_KEYS')}"),
        ("/healthz", "says ok"),
    ]


def _on(part: object | None, setting: str) -> str:
    return "on" if part is not None else f"off, for {setting} is not set"


def _clicked(question: Question, opened: Opened) -> str:
    """The choice that the link names, if it is of this question."""
    if question.field != opened.field or not 0 <= opened.position < len(question.choices):
        return ""
    return question.choices[opened.position].value
