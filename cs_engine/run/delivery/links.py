"""Links to our pages: what they name is signed, and is nothing of a person. One kind takes answers, one takes no for an answer, and one
lets our own people read and write a mail before it goes.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from cs_engine.clock import Clock
from cs_engine.signing import Signer

PURPOSE = "answers"
PREFERENCES = "preferences"
REVIEWS, EDITS, DRAFTS = "reviews", "edits", "drafts"
PREFERENCES_LIVE = timedelta(days=400)
"""How long a link to unsubscribe can be used: longer than the 30 days that the law asks for, for people find old mails."""
PREVIEW = "preview"
"""Stands for the message in the links of a mail that is only looked at: they lead to a page that says so, and do nothing."""
LIVES = timedelta(days=90)
"""How long a link to a question can be used. Whole days, so that a mail made again the same day is the same mail."""

STAFF_LIVES = timedelta(hours=1)
"""How long a link for one of us can be used: who opens it is taken for whom it was made for."""

_EPOCH = datetime.fromisoformat("2020-01-01T00:00:00+00:00")


class Opened(NamedTuple):
    """What a link that was opened says."""

    message: str
    field: str
    """'' when the link is to the page as a whole."""
    position: int
    """Of the choice that was clicked; -1 for none."""
    expired: bool

    @property
    def previewed(self) -> bool:
        """Whether it stood in a preview."""
        return self.message == PREVIEW


@dataclass(frozen=True, slots=True)
class AnswerLinks:
    """Makes and reads the links of one project."""

    base_url: str
    """Where `cs-engine serve` is reached from outside, without a slash at its end."""
    signer: Signer
    clock: Clock
    """Real time."""

    def url(self, message: str, field: str = "", position: int = -1) -> str:
        """The page, with the choice at that position of the field picked already."""
        return f"{self.base_url}/a/{self.token(message, field, position)}"

    def token(self, message: str, field: str = "", position: int = -1) -> str:
        last = (self.clock.now() + LIVES - _EPOCH).days
        return self.signer.sign(f"{message}~{last}" + (f"~{field}~{position}" if field else ""))

    def read(self, token: str) -> Opened | None:
        """What the link says; None for what we have not signed."""
        text = self.signer.read(token)
        if text is None:
            return None
        message, last, *picked = text.split("~")
        expired = self.clock.now() > _EPOCH + timedelta(days=int(last) + 1)
        return Opened(message, picked[0] if picked else "", int(picked[1]) if picked else -1, expired)


class Reader(NamedTuple):
    """Whom a link to preferences speaks for."""

    email_hash: str
    """Keyed hash of the address that the mail went to, under the key of that time."""
    message: str
    """The mail that the link stood in."""
    expired: bool

    @property
    def previewed(self) -> bool:
        """Whether it stood in a preview: then it speaks for nobody."""
        return self.message == PREVIEW


@dataclass(frozen=True, slots=True)
class PreferenceLinks:
    """Makes and reads the links in the feet of one project's mails. They hold the address's hash: they work when the contact is gone."""

    base_url: str
    """Where `cs-engine serve` is reached from outside, without a slash at its end."""
    signer: Signer
    clock: Clock
    """Real time."""

    @property
    def one_click(self) -> bool:
        """Whether mail programs may unsubscribe by themselves: RFC 8058 asks for https."""
        return self.base_url.startswith("https://")

    def urls(self, email_hash: str, message: str) -> tuple[str, str]:
        """(where to unsubscribe, where to choose)."""
        token = self.token(email_hash, message)
        return f"{self.base_url}/u/{token}", f"{self.base_url}/p/{token}"

    def token(self, email_hash: str, message: str) -> str:
        last = (self.clock.now() + PREFERENCES_LIVE - _EPOCH).days
        short = base64.urlsafe_b64encode(bytes.fromhex(email_hash)).decode().rstrip("=")
        return self.signer.sign(f"{short}~{message}~{last}")

    def read(self, token: str) -> Reader | None:
        """Whom the link speaks for; None for what we have not signed."""
        found = _READER.fullmatch(self.signer.read(token) or "")
        if found is None:
            return None
        expired = self.clock.now() > _EPOCH + timedelta(days=int(found[3]) + 1)
        hashed = base64.urlsafe_b64decode(f"{found[1]}=").hex() if found[1] else ""
        return Reader(hashed, found[2], expired)


_READER = re.compile(rf"([\w-]{{43}}(?=~)|(?=~{PREVIEW}~))~([^~]+)~(\d+)", re.ASCII)


class Invitation(NamedTuple):
    """A link for one of us."""

    url: str
    ends: datetime


class Invited(NamedTuple):
    """What a link for one of us says."""

    about: tuple[str, ...]
    """Ids of what it opens."""
    tag: str
    """Of whom it was made for."""
    ends: datetime
    ended: bool


@dataclass(frozen=True, slots=True)
class StaffLinks:
    """Makes and reads the links to one of the pages of our own people. A link speaks for whom it names, so it ends soon."""

    base_url: str
    """Where `cs-engine serve` is reached, without a slash at its end."""
    place: str
    """The page's."""
    signer: Signer
    clock: Clock
    """Real time."""

    def invite(self, about: Sequence[str], email: str, deadline: datetime | None = None) -> Invitation:
        """A link for one of us. It can be used for an hour, and not after a deadline that is still ahead."""
        now = self.clock.now()
        last = now + STAFF_LIVES
        ends = (min(last, deadline) if deadline is not None and deadline > now else last).replace(microsecond=0)
        token = self.signer.sign("~".join([*about, tag_of(email), str(int((ends - _EPOCH).total_seconds()))]))
        return Invitation(f"{self.base_url}/{self.place}/{token}", ends)

    def read(self, token: str) -> Invited | None:
        """What the link says; None for what we have not signed."""
        text = self.signer.read(token)
        if text is None:
            return None
        *about, tag, last = text.split("~")
        ends = _EPOCH + timedelta(seconds=int(last))
        return Invited(tuple(about), tag, ends, self.clock.now() > ends)


def tag_of(email: str) -> str:
    """What stands for one of us in a link: no address lies in the history of a browser."""
    return base64.urlsafe_b64encode(hashlib.sha256(email.lower().encode()).digest()[:12]).decode()
