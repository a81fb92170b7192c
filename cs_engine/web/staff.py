"""The door of the pages of our own people: who has opened a link of theirs, and why another opens nothing.

There is no sign-in: whoever has a link speaks for whom it names. So it is told to them alone, ends within the hour, and is signed by a
key of its own: no customer's link opens these pages.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from cs_engine.content.formats import in_locale, write_date
from cs_engine.content.written import LONGEST
from cs_engine.errors import UnfitText
from cs_engine.instants import Micros, from_micros
from cs_engine.run.ctas.because import Reader
from cs_engine.run.ctas.notes import name_of, reader_of
from cs_engine.run.delivery.links import StaffLinks, tag_of
from cs_engine.run.desk.reading import Barred, barred
from cs_engine.web import pages
from cs_engine.web.body import form
from cs_engine.web.house import House
from cs_engine.web.staff_words import staff_words
from cs_engine.web.words import Words

MOST_BYTES = 12 * LONGEST
"""Of a form that is sent to us: a character of Japanese takes nine bytes in it."""
LONGEST_SUBJECT = 500
_MOST_FIELDS = 20


class Admitted(NamedTuple):
    """One of us, by a link of theirs."""

    token: str
    about: tuple[str, ...]
    """What the link names."""
    email: str
    reader: Reader
    said: Words
    ends: datetime


class Refusal(NamedTuple):
    """Why nothing is shown."""

    title: str
    text: str
    status: int
    said: Words
    ended: bool = False
    """Whether it could have been, before."""


class Door:
    """Of one kind of link."""

    def __init__(self, house: House, links: StaffLinks, kind: str = "") -> None:
        """`kind`: what the words end with that say how to come by another link."""
        self._house, self._links, self._kind = house, links, kind
        self._staff = {tag_of(person.email): person.email for person in house.project.team.staff}

    async def admit(self, request: Request) -> Admitted | Refusal:
        """Who asks; or why they may not."""
        return await run_in_threadpool(self._admit, request.path_params["token"], request.headers.get("accept-language", ""))

    def _admit(self, token: str, accepted: str) -> Admitted | Refusal:
        project, invited = self._house.project, self._links.read(token)
        email = self._staff.get(invited.tag) if invited is not None else None
        reader = reader_of(project, email or "")
        said = staff_words(reader.locale if email is not None else "", accepted)
        if invited is None:
            return self.forged(said)
        if invited.ended:
            text = said[f"ended{self._kind}"].format(id=invited.about[0])
            return Refusal(said["ended_title"], text, 410, said, ended=True)
        if email is None:
            return Refusal(said["left_title"], said["left"], 403, said)
        if (why := barred(project, email, self._house.clock.now())) is not None:
            what, instead = why
            who = name_of(project, instead, reader.locale) if what is Barred.AWAY else ""
            return Refusal(said[f"{what.value}_title"], said[what.value].format(who=who), 403, said)
        return Admitted(token, invited.about, email, reader, said, invited.ends)

    def forged(self, said: Words) -> Refusal:
        """What is said of a link to nothing."""
        return Refusal(said["forged_title"], said[f"forged{self._kind}"], 404, said)

    def refuse(self, refusal: Refusal, sent: Mapping[str, str] | None = None, *, framed: bool = False) -> Response:
        """The page that says why. `sent`: a form; whoever wrote for longer than a link lives has their words back."""
        kept = (sent or {}).get("text", "") if refusal.ended else ""
        return self.note(refusal.said, refusal.title, refusal.text, refusal.status, kept, framed=framed)

    def note(self, said: Words, title: str, text: str, status: int = 200, kept: str = "", *, framed: bool = False) -> Response:
        """A page that says one thing; `framed`: to be shown where a mail is."""
        html = pages.note(said, self._company(said), title, text, kept)
        return HTMLResponse(html, status, headers=pages.mail_headers() if framed else pages.headers())

    def page(self, who: Admitted, template: str, title: str, status: int = 200, **values: Any) -> Response:
        """A page with a form, which shows other pages of ours in frames."""
        html = pages.render(
            template, who.said, self._company(who.said), title, token=who.token, who=self.name(who, who.email),
            longest=LONGEST, longest_subject=LONGEST_SUBJECT, ends=self.time(who, who.ends), **values,
        )  # fmt: skip
        return HTMLResponse(html, status, headers=pages.headers(framing=True))

    def name(self, who: Admitted, email: str) -> str:
        """What one of us is called, in the language of the one who reads it."""
        return name_of(self._house.project, email, who.said["lang"])

    def time(self, who: Admitted, at: datetime | Micros) -> str:
        """A moment as the one who reads it writes it."""
        zone = who.reader.zone
        moment = (at if isinstance(at, datetime) else from_micros(at)).astimezone(zone)
        return f"{write_date(moment, who.said['lang'])} {moment:%H:%M} ({zone.key})"

    def _company(self, said: Words) -> str:
        return in_locale(self._house.project.config.company.name, said["lang"])


async def fields(request: Request) -> dict[str, str]:
    """Each field's value; browsers send lines as mail does, files and templates have them as we do. NUL is no text to PostgreSQL. Raises
    TooLarge.
    """
    sent = await form(request, MOST_BYTES, _MOST_FIELDS)
    return {field: values[-1].replace("\r\n", "\n").replace("\0", "") for field, values in sent.items()}


def unfit_for(said: Words, unfit: UnfitText) -> str:
    """What somebody's text lacks, in their language."""
    return said["lacks"].format(part=unfit.lacks) if unfit.lacks else said["no_text"]
