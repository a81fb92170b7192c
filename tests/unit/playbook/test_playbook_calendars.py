"""Calendars: what ships, what an author adds, and what is wrong with what they add."""

from __future__ import annotations

from datetime import date

import pytest

from cs_engine.playbook.calendars import SHIPPED, Calendars, parse_span
from cs_engine.playbook.config import CalendarSpec
from tests.unit.playbook.folder import Folder

HOURS_MEND = "write `quiet_hours: null` for none, or hours between which mail may go"
DAYS_MEND = "write 2026-08-10, 2026-08-10/2026-08-14, or of every year 08-13, 12-29/01-03"


def spec(**keys: object) -> CalendarSpec:
    return CalendarSpec.model_validate(keys)


def calendars(**own: CalendarSpec) -> Calendars:
    return Calendars({**SHIPPED, **own})


def days(calendar: Calendars, name: str, year: int) -> set[str]:
    return {day.isoformat()[5:] for day in calendar.days(name, year)}


def test_the_public_holidays_of_japan_with_their_substitutes() -> None:
    found = days(calendars(), "jp", 2026)
    # 3 May is a Sunday: Wednesday, 6 May, stands in. 22 September lies between two holidays.
    assert {"01-01", "04-29", "05-03", "05-04", "05-05", "05-06", "09-21", "09-22", "09-23"} <= found


def test_japans_calendar_has_the_turn_of_the_year_and_obon_and_bridge_days_as_options() -> None:
    turn = {"12-29", "12-30", "12-31", "01-01", "01-02", "01-03"}
    assert turn <= days(calendars(), "jp", 2026)
    assert not turn - {"01-01"} & days(calendars(jp=spec(holidays="JP")), "jp", 2026)
    office = days(calendars(jp=spec(holidays="JP", bridge_days=True, **{"with": ["year_end", "obon"]})), "jp", 2026)
    assert turn | {"08-13", "08-14"} <= office
    # Bridges: Monday, 10 August, before the holiday of the 11th, and the 12th between that and Obon; the Mondays 2 November and
    # 28 December before what follows.
    bridges = {"08-10", "08-12", "11-02", "12-28"}
    assert office - days(calendars(), "jp", 2026) == bridges | {"08-13", "08-14", "08-15", "08-16"}


def test_the_public_holidays_of_the_united_states() -> None:
    assert {"01-01", "11-26", "12-25"} <= days(calendars(), "us", 2026)


def test_spans_of_every_year_may_run_over_its_end() -> None:
    assert days(calendars(), "year_end", 2026) == {"01-01", "01-02", "01-03", "12-29", "12-30", "12-31"}
    assert days(calendars(), "obon", 2030) == {"08-13", "08-14", "08-15", "08-16"}
    assert days(calendars(), "golden_week", 2026) == {"04-29", "04-30", *(f"05-0{n}" for n in range(1, 6))}


def test_an_authors_calendar_adds_others_and_days_and_takes_some_out() -> None:
    own = spec(
        holidays="JP", **{"with": ["year_end", "obon"]}, days=["2026-06-05", "2026-08-20/2026-08-21"], without=["2026-02-11", "08-13"]
    )
    found = days(calendars(jp=own), "jp", 2026)
    assert {"12-29", "08-14", "06-05", "08-20", "08-21", "01-12"} <= found
    assert not {"02-11", "08-13"} & found
    assert "06-05" not in days(calendars(jp=own), "jp", 2027)


def test_a_bridge_day_is_a_working_day_alone_between_two_days_off() -> None:
    plain, bridged = spec(days=["2026-03-03", "2026-12-31"]), spec(days=["2026-03-03", "2026-12-31"], bridge_days=True)
    # 3 March 2026 is a Tuesday: Monday is a bridge. 31 December is a Thursday: Friday, 1 January 2027, is one.
    assert days(calendars(own=bridged), "own", 2026) - days(calendars(own=plain), "own", 2026) == {"03-02"}
    assert days(calendars(own=bridged), "own", 2027) == {"01-01"}


@pytest.mark.parametrize("text", ["2026-02-30", "13-01", "2026-08-14/2026-08-10", "2026-08-10/08-14", "tomorrow", "2026-08-10/2028-08-10"])
def test_what_is_no_span(text: str) -> None:
    assert parse_span(text) is None


def test_the_29th_of_february_is_the_28th_where_there_is_none() -> None:
    span = parse_span("02-29")
    assert span is not None
    assert [list(span.days(year)) for year in (2027, 2028)] == [[date(2027, 2, 28)], [date(2028, 2, 29)]]


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ("no_send: {ja: [obbon]}", '8:16 error P211 there is no calendar "obbon"; did you mean "obon"?'),
        ("no_send: {jp: [jp]}", '8:11 error P211 "jp" is no language; jp is a country: write ja, or all'),
        ("no_send: {japanese: [jp]}", '8:11 error P211 "japanese" is no language; write one such as en, ja or en-US, or all'),
        ("business_calendar: us_", '8:20 error P211 there is no calendar "us_"; did you mean "us"?'),
        (
            "calendars: {own: {holidays: XX}}",
            """8:29 error P211 nobody keeps the public holidays of "XX"; write a country's code: JP, US, DE, US-CA""",
        ),
        (
            "calendars: {own: {days: [08-32]}}",
            '8:26 error P211 "08-32" is no day and no span of days; ' + DAYS_MEND,
        ),
        (
            "calendars: {one: {with: [two]}, two: {with: [one]}}",
            '8:26 error P211 "two" includes "one" itself; leave one out | 8:46 error P211 "one" includes "two" itself; leave one out',
        ),
        (
            "calendars: {always: {days: [01-01/06-30, 07-01/12-31]}}\nno_send: {all: [obon], ja: [always]}",
            "9:28 error P211 no day of the year is left on which mail to those who read ja may go; leave a calendar out, or add send_days",
        ),
        (
            "calendars: {summer: {days: [04-01/09-30]}, winter: {days: [10-01/03-31]}}\nno_send: {all: [summer, jp], ja: [winter]}",
            "9:34 error P211 no day of the year is left on which mail to those who read ja may go; leave a calendar out, or add send_days",
        ),
        (
            'quiet_hours: {from: "08:00", to: "08:00"}',
            f"8:14 error P211 quiet hours from 08:00 to 08:00 are none, or the whole day; {HOURS_MEND}",
        ),
    ],
)
def test_rules_of_sending_that_cannot_be_kept(folder: Folder, keys: str, said: str) -> None:
    path = folder.root / "playbooks/project.yaml"
    path.write_text(path.read_text(encoding="utf-8").replace("topics:", f"{keys}\ntopics:"), encoding="utf-8")
    assert " | ".join(line.removeprefix("playbooks/project.yaml:") for line in folder.said()) == said


def test_a_condition_may_name_a_calendar_and_only_one_that_is_there(folder: Folder) -> None:
    folder.steps("- stop", "enter: in_calendar('jp') and business_days_since(account.signed_up_at) > 2\n")
    assert folder.said() == []
    folder.steps("- stop", "enter: in_calendar('obbon')\n")
    (said,) = folder.said()
    assert said.endswith("X218 there is no calendar 'obbon'; did you mean \"obon\"?")
