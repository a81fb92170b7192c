"""Who wants mail again and names none gets what they had before they last refused any."""

from __future__ import annotations

import pytest

from cs_engine.journey.preference import ALL_TOPICS, Preference, again, word_on

TOPICS = ("tips", "offers", "news")


def word(topic: str, wanted: bool, at: int) -> Preference:
    return Preference("hash", topic, wanted, "page", at)


@pytest.mark.parametrize(
    ("said", "gets"),
    [
        ([], {"tips", "offers", "news"}),
        ([word(ALL_TOPICS, False, 5)], {"tips", "offers", "news"}),
        ([word("offers", False, 2), word(ALL_TOPICS, False, 5)], {"tips", "news"}),
        ([word("offers", False, 2), word(ALL_TOPICS, False, 5), word("tips", True, 7), word("news", False, 8)], {"tips", "news"}),
        ([word("offers", False, 2), word("tips", False, 5)], {"tips", "news"}),
        ([word("offers", False, 5), word("tips", False, 5), word("news", False, 2)], {"tips", "offers"}),
        ([word(ALL_TOPICS, True, 5), word("offers", False, 6)], {"tips", "offers", "news"}),
    ],
)
def test_what_was_refused_last_is_taken_back(said: list[Preference], gets: set[str]) -> None:
    new = again(said, "sendgrid", 9)
    known = {one.topic: one for one in [*said, *new]}.values()
    words = {topic: word_on(topic, known) for topic in TOPICS}
    assert {topic for topic, one in words.items() if one is None or one.wanted} == gets
