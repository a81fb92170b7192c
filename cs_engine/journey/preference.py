"""What a person wants to get by mail: one word a topic, and one about all. The newest counts; of two at once, the refusal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
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


def again(said: Sequence[Preference], source: str, at: Micros) -> list[Preference]:
    """What somebody says who wants mail again and names none: what they had before they last refused any.

    `said`: one person's words under one hash, at most one a topic. Who refused all gets all again but the topics that they had refused
    before that; who refused topics alone gets the last one again, or the last ones, where it was several at once. Nobody who has refused
    nothing says anything. Words that have to be kept in this order.
    """
    refused = [one for one in said if not one.wanted]
    if not refused:
        return []
    everything = next((one for one in refused if one.topic == ALL_TOPICS), None)
    if everything is None:
        last = max(one.at for one in refused)
        return [one._replace(wanted=True, source=source, at=at) for one in refused if one.at == last]
    # Of two words at once the refusal counts: these topics stay as they were.
    kept = [one._replace(at=at) for one in refused if one.topic != ALL_TOPICS and one.at < everything.at]
    return [*kept, everything._replace(wanted=True, source=source, at=at)]
