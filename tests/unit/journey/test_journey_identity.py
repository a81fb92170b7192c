"""Ids derive from what they name; those of one playbook lie together."""

from __future__ import annotations

from typing import NamedTuple

import pytest

from cs_engine.journey.columns import from_columns
from cs_engine.journey.identity import cta_id, enrolment_id, enrolment_ids, message_id, message_ids


class Pair(NamedTuple):
    left: str
    right: int


def test_each_thing_that_is_named_has_its_own_id() -> None:
    names = [("a", "s", "", 1), ("a", "s", "", 2), ("a", "s", "1", 1), ("a", "s1", "", 1), ("as", "", "", 1), ("b", "s", "", 1)]
    assert len({enrolment_id(*name) for name in names}) == len(names)
    ids = {
        message_id(enrolment_id("a", "s", "", 1), *rest)
        for rest in [("x", "email", "c", 0), ("x", "slack", "c", 0), ("x", "email", "c", 1)]
    }
    assert len(ids) == 3
    assert cta_id("a", "bc", "d") != cta_id("ab", "c", "d")


def test_ids_of_one_playbook_begin_alike_so_that_a_batch_touches_few_pages_of_an_index() -> None:
    one, other = (enrolment_ids(playbook, ["s1", "s2"], ["", ""], [1, 1]) for playbook in ("one", "other"))
    assert one == [enrolment_id("one", "s1", "", 1), enrolment_id("one", "s2", "", 1)]
    assert one[0][:10] == one[1][:10] != other[0][:10]
    assert message_id(one[0], "step", "email", "c")[4:10] == one[0][4:10]


def test_ids_of_many_are_those_of_each() -> None:
    many = enrolment_ids("p", ["s", "日本"], ["", "k"], [1, 12])
    assert many == [enrolment_id("p", "s", "", 1), enrolment_id("p", "日本", "k", 12)]
    assert message_ids(many, "step", "email", ["c", "d@vendor.example"], [0, 3]) == [
        message_id(many[0], "step", "email", "c"),
        message_id(many[1], "step", "email", "d@vendor.example", 3),
    ]


def test_rows_of_columns_are_what_calling_the_class_makes() -> None:
    assert from_columns(Pair, ["a", "b"], [1, 2]) == [Pair("a", 1), Pair("b", 2)]
    assert isinstance(from_columns(Pair, ["a"], [1])[0], Pair)
    with pytest.raises(ValueError, match="Pair has 2 fields, 1 columns"):
        from_columns(Pair, ["a"])
