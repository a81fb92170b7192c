"""Where people say what they want to get: the link to unsubscribe, and the page on which they choose.

Mail scanners and previews open every link of a mail, so opening one shows a page and changes nothing. What changes something is
the page's own button, and the POST of RFC 8058, which mail programs send by themselves when their user asks them to. Whoever has
the signed link may use it, so there is nothing to log in to, and no other site can make somebody's browser use one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from cs_engine.content.formats import in_locale
from cs_engine.instants import to_micros
from cs_engine.journey.caps import EXEMPT_TOPIC
from cs_engine.journey.preference import ALL_TOPICS, Preference, again, word_on
from cs_engine.web import pages
from cs_engine.web.body import Form, TooLarge, form
from cs_engine.web.house import House
from cs_engine.web.words import Words, words

MOST_BYTES = 20_000
"""Of a form that is sent to us."""


class Visitor(NamedTuple):
    """Who has opened a link, and the mail that it stood in."""

    hashes: tuple[str, ...]
    """Of their address, under each key that it is known by."""
    topic: str
    """The mail's; ALL_TOPICS when it is not known any more."""
    locale: str


class Preferences:
    """The pages, and what becomes of what is said there."""

    def __init__(self, house: House) -> None:
        self._house = house

    def routes(self) -> list[Route]:
        return [
            Route("/u/{token}", self.ask, methods=["GET"]),
            Route("/u/{token}", self.stop, methods=["POST"]),
            Route("/u/{token}/done", self.stopped, methods=["GET"]),
            Route("/p/{token}", self.show, methods=["GET"]),
            Route("/p/{token}", self.keep, methods=["POST"]),
        ]

    async def ask(self, request: Request) -> Response:
        """Whether they really mean it."""
        who = await self._visitor(request)
        if isinstance(who, Response):
            return who
        said = self._words(request, who)
        question = said["stop_topic"].format(topic=self._title(who.topic, said)) if who.topic else said["stop_any"]
        return self._page("unsubscribe.html", said, "stop", question=question, one=bool(who.topic), token=request.path_params["token"])

    async def stop(self, request: Request) -> Response:
        """The page's button, or a mail program that unsubscribes by itself."""
        who = await self._visitor(request)
        if isinstance(who, Response):
            return who
        sent = await self._form(request)
        if isinstance(sent, Response):
            return sent
        pressed = sent.get("stop", [""])[-1]
        topic = ALL_TOPICS if pressed == "all" else who.topic
        await run_in_threadpool(self._say, who, {topic: False}, "page" if pressed else "one_click")
        token = request.path_params["token"]
        if pressed:
            # Who reloads the page that follows sends nothing again.
            return self._go(f"/u/{token}/done" + ("" if topic else "?all=1"))
        return self._stopped(request, who, topic)  # RFC 8058 wants an answer, and no redirect

    async def stopped(self, request: Request) -> Response:
        who = await self._visitor(request)
        if isinstance(who, Response):
            return who
        return self._stopped(request, who, ALL_TOPICS if request.query_params.get("all") else who.topic)

    async def show(self, request: Request) -> Response:
        """Each topic, and whether they get it."""
        who = await self._visitor(request)
        if isinstance(who, Response):
            return who
        wanted = await run_in_threadpool(self._wanted, who)
        said = self._words(request, who)
        topics = [(topic, self._title(topic, said), wants) for topic, wants in wanted.items()]
        done = next((said[f"prefs_{what}"] for what in ("saved", "again") if request.query_params.get(what)), "")
        # A link that is opened later says nothing that has ceased to be so.
        note = done if any(wanted.values()) or done != said["prefs_again"] else ""
        nothing = "" if any(wanted.values()) else said["prefs_none"].format(save=said["save"], again=said["again_all"])
        return self._page("preferences.html", said, "prefs", topics=topics, note=note, nothing=nothing, token=request.path_params["token"])

    async def keep(self, request: Request) -> Response:
        who = await self._visitor(request)
        if isinstance(who, Response):
            return who
        sent = await self._form(request)
        if isinstance(sent, Response):
            return sent
        if sent.get("again"):
            await run_in_threadpool(self._come_back, who)
            return self._go(f"/p/{request.path_params['token']}?again=1")
        if sent.get("all"):
            asked = {ALL_TOPICS: False}
        else:
            # A topic that came after the page was shown is neither wanted nor refused by it.
            chosen = set(sent.get("topic", ()))
            asked = {topic: topic in chosen for topic in sent.get("shown", ()) if topic in self._topics()}
        await run_in_threadpool(self._say, who, asked, "page")
        return self._go(f"/p/{request.path_params['token']}?saved=1")

    # --- who asks, and what they say

    async def _visitor(self, request: Request) -> Visitor | Response:
        found = self._house.preferences.read(request.path_params["token"])
        if found is None or found.expired or found.previewed:
            said = self._words(request, None)
            what, status = ("invalid", 404) if found is None else ("preview", 200) if found.previewed else ("expired", 410)
            return HTMLResponse(pages.message(said, self._company(said), what), status, headers=pages.headers())
        return await run_in_threadpool(self._of, found.email_hash, found.message)

    def _of(self, email_hash: str, message: str) -> Visitor:
        mailed = self._house.store.mailed(message)
        if mailed is None:
            return Visitor((email_hash,), ALL_TOPICS, "")
        known = tuple(self._house.hashes(mailed.email)) if mailed.email else ()
        # Keys may have changed since the mail, and the contact's address too: then the link is about the old one alone.
        hashes = known if email_hash in known else (email_hash,)
        return Visitor(hashes, "" if mailed.topic == EXEMPT_TOPIC else mailed.topic, mailed.locale)

    def _topics(self) -> list[str]:
        """What can be chosen: what the project names, and what its playbooks send beside; all together where it names nothing."""
        project = self._house.project
        named = [topic for topic in project.config.topics if topic != EXEMPT_TOPIC]
        beside = {plan.topic for plan in project.plans.values()} - {*named, EXEMPT_TOPIC}
        return [*named, *sorted(beside)] if named else [ALL_TOPICS]

    def _wanted(self, who: Visitor) -> dict[str, bool]:
        known = self._house.store.preferences(who.hashes)
        words_on = {topic: word_on(topic, known) for topic in self._topics()}
        return {topic: word is None or word.wanted for topic, word in words_on.items()}

    def _say(self, who: Visitor, asked: Mapping[str, bool], source: str) -> None:
        """Keeps what is another than it was. It is newer than all that is known, whatever other people's clocks say."""
        known = self._house.store.preferences(who.hashes)
        at = max([to_micros(self._house.clock.now()), *(word.at + 1 for word in known)])
        new = []
        for topic, wanted in asked.items():
            word = word_on(topic, known)
            if (word is None or word.wanted) != wanted or topic == ALL_TOPICS:
                new += [Preference(hashed, topic, wanted, source, at) for hashed in who.hashes]
        if new:
            self._house.store.set_preferences(new)

    def _come_back(self, who: Visitor) -> None:
        """What they had before they last refused any; where that was nothing that can be chosen, everything."""
        known = self._house.store.preferences(who.hashes)
        at = max([to_micros(self._house.clock.now()), *(word.at + 1 for word in known)])
        said = [word for hashed in who.hashes for word in again([one for one in known if one.email_hash == hashed], "page", at)]
        if said:
            self._house.store.set_preferences(said)
        if not any(self._wanted(who).values()):
            self._say(who, dict.fromkeys(self._topics(), True), "page")

    # --- pages

    async def _form(self, request: Request) -> Form | Response:
        try:
            return await form(request, MOST_BYTES, 500)
        except TooLarge:
            said = self._words(request, None)
            return HTMLResponse(pages.message(said, self._company(said), "invalid"), 413, headers=pages.headers())

    def _stopped(self, request: Request, who: Visitor, topic: str) -> Response:
        said = self._words(request, who)
        text = said["stopped_topic"].format(topic=self._title(topic, said)) if topic else said["stopped_any"]
        return self._page("unsubscribed.html", said, "stopped", text=text, everything=not topic, token=request.path_params["token"])

    def _title(self, topic: str, said: Words) -> str:
        spec = self._house.project.config.topics.get(topic)
        if spec is not None:
            return in_locale(spec.title, said["lang"])
        return said["other_mail"] if topic else said["any_mail"]

    def _page(self, template: str, said: Words, what: str, **values: object) -> Response:
        html = pages.render(template, said, self._company(said), said[f"{what}_title"], **values)
        return HTMLResponse(html, headers=pages.headers())

    def _go(self, where: str) -> Response:
        # The path is ours, and the token in it one that we have signed: nobody can make it lead elsewhere.
        return RedirectResponse(where, status_code=303, headers=pages.headers())

    def _words(self, request: Request, who: Visitor | None) -> Words:
        return words(who.locale if who is not None else "", request.headers.get("accept-language", ""))

    def _company(self, said: Words) -> str:
        return in_locale(self._house.project.config.company.name, said["lang"])
