"""Links to the page that takes answers. They name a message, perhaps a choice, and when they end; nothing of a person."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from cs_engine.clock import Clock
from cs_engine.signing import Signer

PURPOSE = "answers"
LIVES = timedelta(days=90)
"""How long a link can be used. Whole days, so that a mail made again the same day is the same mail."""

_EPOCH = datetime.fromisoformat("2020-01-01T00:00:00+00:00")


class Opened(NamedTuple):
    """What a link that was opened says."""

    message: str
    field: str
    """'' when the link is to the page as a whole."""
    position: int
    """Of the choice that was clicked; -1 for none."""
    expired: bool


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
