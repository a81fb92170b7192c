"""What a person wants to get by mail: one word a topic, and one about all. The newest counts; of two at once, the refusal."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from cs_engine.instants import Micros

ALL_TOPICS = ""
"""The topic of a word about everything but transactional mail."""

UNSUBSCRIBED = "unsubscribed"
"""Why a mail is skipped whose topic its recipient has refused."""

ERASED = "erased"
"""Why nothing goes to somebody whose data were erased; and the reason of their suppression."""


class Preference(NamedTuple):
    """Somebody said yes or no to a topic."""

    email_hash: str
    """Keyed hash of the address: nothing of the person, and it outlives the contact."""
    topic: str
    """A topic of project.yaml, or ALL_TOPICS."""
    wanted: bool
    source: str
    """Where it was said, as a slug: `one_click`, `page`, `sendgrid`, `cli`."""
    at: Micros


def word_on(topic: str, said: Iterable[Preference]) -> Preference | None:
    """Of one person's words the one that counts for a topic: its own, or the one about all; None: nothing was said."""
    about = [one for one in said if one.topic in (topic, ALL_TOPICS)]
    return max(about, key=lambda one: (one.at, not one.wanted), default=None)
