"""What the collector makes of calls: whose they are, when it happened by our clock, what is refused and what is left out."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cs_engine.instants import to_micros
from cs_engine.usage import calls_posthog, calls_segment
from cs_engine.usage.collected import Collected, Refused

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
RECEIVED = to_micros(NOON)


def segment(kind: str = "track", around: dict[str, Any] | None = None, **said: Any) -> Collected:
    return calls_segment.collected({"userId": "ann", "event": "invited", "messageId": "m", **said}, RECEIVED, kind, around)


def posthog(event: str = "invited", around: dict[str, Any] | None = None, **said: Any) -> Collected:
    return calls_posthog.collected({"event": event, "distinct_id": "ann", "uuid": "m", **said}, RECEIVED, around)


def hours(at: int) -> float:
    """From noon to then."""
    return (at - RECEIVED) / 3_600_000_000


# --- when


def test_a_call_without_a_time_happened_as_it_came() -> None:
    assert hours(segment().occurred_at) == 0


def test_a_time_is_taken_as_it_is_where_the_sender_says_nothing_of_their_clock() -> None:
    assert hours(segment(timestamp="2026-03-02T18:00:00+09:00").occurred_at) == -3


@pytest.mark.parametrize("off", [timedelta(0), timedelta(hours=7), timedelta(days=3653), -timedelta(days=3653)])
def test_what_a_clock_is_off_by_is_taken_out(off: timedelta) -> None:
    """Sent now, happened an hour before, by a clock that may be ten years off."""
    happened, sent = (NOON - timedelta(hours=1) + off).isoformat(), (NOON + off).isoformat()
    assert hours(segment(timestamp=happened, around={"sentAt": sent}).occurred_at) == -1
    assert hours(segment(originalTimestamp=happened, timestamp="nonsense", sentAt=sent).occurred_at) == -1
    assert hours(posthog(timestamp=happened, around={"sent_at": sent}).occurred_at) == -1


def test_what_says_the_future_happened_as_it_came() -> None:
    assert hours(segment(timestamp="2036-03-02T12:00:00Z").occurred_at) == 0


def test_a_clock_that_was_never_set_says_nothing() -> None:
    assert hours(segment(timestamp="1970-01-01T00:03:00Z").occurred_at) == 0


def test_late_events_keep_their_day() -> None:
    assert hours(segment(timestamp="2021-03-02T12:00:00Z").occurred_at) < -40_000


@pytest.mark.parametrize("wrong", ["soon", "2026-03-02", "2026-03-02T09:30:00", 1_772_443_800, True, ["x"], "2026-13-02T09:30:00Z"])
def test_what_is_no_time_with_an_offset_is_refused(wrong: object) -> None:
    with pytest.raises(Refused, match="offset"):
        segment(timestamp=wrong)
    with pytest.raises(Refused, match="offset"):
        segment(timestamp="2026-03-02T09:30:00Z", sentAt=wrong)


# --- whose


def test_the_account_is_the_group() -> None:
    assert segment(context={"groupId": "acme"}).account_id == "acme"
    assert segment(around={"context": {"groupId": 7}}).account_id == "7"
    assert segment("group", groupId="acme", traits={"plan": "team"}).account_id == "acme"
    assert segment("identify", traits={"company": {"id": "acme"}}).account_id == "acme"
    assert segment().account_id == "", "its user's is found later"


def test_a_visitor_is_nobody_that_is_known() -> None:
    assert segment(userId=None, anonymousId="a-1")[3:5] == ("", "a-1")
    assert segment("alias", previousId="a-1")[3:5] == ("ann", "a-1")


def test_pages_and_screens_are_events_and_their_names_columns() -> None:
    page = segment("page", name="Pricing", category="Docs", properties={"url": "/p"})
    assert (page.event, json.loads(page.properties)) == ("page", {"category": "Docs", "name": "Pricing", "url": "/p"})
    assert segment("screen").event == "screen"
    assert segment("identify").event == ""


WRONG: dict[str, tuple[str, dict[str, Any]]] = {
    "nobody": ("track", {"userId": None}),
    "a user that is no id": ("track", {"userId": ["ann"]}),
    "a user that is yes": ("track", {"userId": True}),
    "an id beyond measure": ("track", {"userId": "x" * 256}),
    "an id with a NUL": ("track", {"userId": "a\0nn"}),
    "no event": ("track", {"event": None}),
    "an empty event": ("track", {"event": " "}),
    "an event that is no text": ("track", {"event": {"name": "x"}}),
    "properties that are a list": ("track", {"properties": [1]}),
    "properties that are text": ("track", {"properties": "x"}),
    "traits that are text": ("identify", {"traits": "x"}),
    "no group": ("group", {}),
    "a context that is text": ("track", {"context": "x"}),
    "an alias of nobody": ("alias", {}),
    "more than 32 KB": ("track", {"properties": {"x": "y" * (32 << 10)}}),
    "nested beyond measure": ("track", {"properties": json.loads('{"a":' * 300 + "1" + "}" * 300)}),
    "a kind that is none": ("", {"type": "charge"}),
    "a kind that is a list": ("", {"type": ["track"]}),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_what_is_wrong_is_refused_and_not_quoted(wrong: str) -> None:
    kind, said = WRONG[wrong]
    with pytest.raises(Refused) as refused:
        segment(kind, **said)
    assert refused.value.code
    assert "ann" not in refused.value.message


def test_a_call_of_just_32_kb_is_taken() -> None:
    room = (32 << 10) - len(json.dumps({"userId": "ann", "event": "invited", "messageId": "m", "properties": {"x": ""}}).replace(" ", ""))
    assert segment(properties={"x": "y" * room})
    with pytest.raises(Refused):
        segment(properties={"x": "y" * (room + 1)})


def test_of_addresses_and_browsers_nothing_is_kept() -> None:
    row = segment(context={"ip": "198.51.100.7", "userAgent": "Mozilla", "traits": {"email": "ann@customer.example"}, "groupId": "acme"})
    assert not [word for word in ("198.51", "Mozilla", "customer") if word in str(row)]
    row = posthog(properties={"$ip": "198.51.100.7", "$os": "Linux", "area": "docs", "$geoip_city_name": "Tokyo"})
    assert json.loads(row.properties) == {"area": "docs"}


def test_without_an_id_each_message_is_one_of_its_own() -> None:
    assert segment(messageId=None).message_id != segment(messageId=None).message_id != ""


# --- PostHog


def test_posthogs_own_events_are_the_calls_that_they_are() -> None:
    assert posthog("$set", **{"$set": {"role": "admin"}})[1:4] == ("identify", "", "ann")
    assert posthog("$set", **{"$set": {"a": 1}, "$set_once": {"a": 0, "b": 2}}).properties == '{"a":1,"b":2}'
    group = posthog(
        "$groupidentify",
        distinct_id="$company_acme",
        properties={"$group_type": "company", "$group_key": "acme", "$group_set": {"plan": "x"}},
    )
    assert group[1:4] == ("group", "acme", "")
    assert group.properties == '{"plan":"x"}'
    assert posthog("$pageview", properties={"$current_url": "/p"})[5:] == ("page", RECEIVED, '{"url":"/p"}')
    assert posthog("$create_alias", distinct_id="a-1", properties={"distinct_id": "a-1", "alias": "ann"})[1:5] == (
        "alias",
        "",
        "ann",
        "a-1",
    )


def test_the_account_is_posthogs_group_of_that_type() -> None:
    assert posthog(properties={"$groups": {"project": "p1", "company": "acme"}}).account_id == "acme"
    assert posthog(properties={"$groups": {"project": "p1"}}).account_id == ""


def test_who_has_no_profile_is_nobody() -> None:
    assert posthog(properties={"$process_person_profile": False})[3:5] == ("", "ann")


@pytest.mark.parametrize("wrong", [{"event": None}, {"distinct_id": None}, {"properties": 3}, {"timestamp": "soon"}])
def test_what_is_wrong_with_posthogs_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(Refused):
        calls_posthog.collected({"event": "x", "distinct_id": "ann", **wrong}, RECEIVED)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats() | st.text(st.characters(codec="utf-8")),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(st.characters(codec="utf-8")), inner, max_size=3),
    max_leaves=6,
)
NAMES = st.sampled_from(
    ["type", "userId", "anonymousId", "event", "properties", "traits", "context", "timestamp", "sentAt", "messageId", "groupId", "$set",
     "distinct_id", "uuid", "previousId", "sent_at"]
)  # fmt: skip


@settings(max_examples=30, deadline=None, derandomize=True)
@given(st.dictionaries(NAMES, JSON | st.sampled_from(["track", "group", "$identify", "2026-03-02T09:30:00Z"]), max_size=9) | JSON)
def test_whatever_is_sent_becomes_a_row_that_a_database_takes_or_is_refused(call: Any) -> None:
    for read in (calls_segment.collected, calls_posthog.collected):
        try:
            row = read(call, RECEIVED)
        except Refused:
            continue
        assert row.occurred_at <= RECEIVED
        assert isinstance(json.loads(row.properties), dict)
        assert not [value for value in row if isinstance(value, str) and "\0" in value]
