"""What of health is remembered, and what moved it."""

from __future__ import annotations

import json

import pytest

from cs_engine.journey.health import Health, HealthRow, Part, differences, to_remember


def row(account: str = "acme", since: int = 0, band: str = "green", forced: str = "", **scores: float) -> HealthRow:
    parts = {name: [score, 1.0] for name, score in scores.items()}
    return HealthRow(account, since, 50.0, band, forced, json.dumps(parts), "{}")


@pytest.mark.parametrize(
    ("before", "now", "remembered"),
    [
        (None, row(since=15, use=10), True),
        (row(use=10), row(since=15, use=10), False),
        (row(use=10), row(since=15, use=20), True),
        (row(use=10), row(since=15, band="red", use=10), True),
        (row(use=10), row(since=15, forced="x", use=10), True),
        (row(use=10), row(since=15, use=10)._replace(values='{"use": 9}'), False),
    ],
    ids=["first seen", "the same", "another score", "another band", "another override", "another value with the same score"],
)
def test_what_people_see_is_remembered_where_it_changes(before: HealthRow | None, now: HealthRow, remembered: bool) -> None:
    assert to_remember({} if before is None else {"acme": before}, [now]) == ([now] if remembered else [])


def health(**parts: tuple[float | None, float]) -> Health:
    return Health(None, "", "", {name: Part(score, weight) for name, (score, weight) in parts.items()})


def test_differences_add_up_whatever_becomes_of_components() -> None:
    was = health(a=(80, 1), b=(40, 1), old=(10, 2))
    now = health(a=(80, 2), b=(None, 1), new=(100, 1))
    shifts = differences(was, now)
    assert sum(shift.by for shift in shifts) == pytest.approx(sum(now.shares().values()) - sum(was.shares().values()))
    assert {shift.component: shift.why for shift in shifts} == {
        "a": "is 80 as before; others count more or less beside it (weight 2, was 1)",
        "b": "was 40, is blank now: the others share its weight (weight 1)",
        "new": "is new, weight 1",
        "old": "is no component any more; its weight was 2",
    }
    assert [abs(shift.by) for shift in shifts] == sorted((abs(shift.by) for shift in shifts), reverse=True)


def test_what_did_nothing_is_not_told() -> None:
    assert differences(health(a=(80, 1), b=(None, 1)), health(a=(80, 1), b=(None, 1))) == []
