"""How values are written in a mail's locale: dates, numbers, and whatever stands bare in `{{ … }}`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

from jinja2 import pass_context
from jinja2.runtime import Context, Undefined

from cs_engine.content import names

_MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December",
)  # fmt: skip
_DAYS_EN = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_DAYS_JA = "月火水木金土日"

DATE_STYLES = ("long", "short", "weekday", "time")


class FormatError(ValueError):
    """A value cannot be written so."""


def _english(day: date, style: str) -> str:
    match style:
        case "long":
            return f"{day.day} {_MONTHS[day.month - 1]} {day.year}"
        case "short":
            return f"{day.day} {_MONTHS[day.month - 1][:3]}"
        case _:
            return f"{_DAYS_EN[day.weekday()]}, {day.day} {_MONTHS[day.month - 1]}"


def _japanese(day: date, style: str) -> str:
    match style:
        case "long":
            return f"{day.year}年{day.month}月{day.day}日"
        case "short":
            return f"{day.month}月{day.day}日"
        case _:
            return f"{day.month}月{day.day}日({_DAYS_JA[day.weekday()]})"


def write_date(value: date, locale: str, style: str = "long") -> str:
    """31 August 2026, 31 Aug, `Monday, 31 August`, 09:30; 2026年8月31日, 8月31日, 8月31日(月); ISO in other languages."""
    if style not in DATE_STYLES:
        raise FormatError(f"date style {style!r}")
    if style == "time":
        return value.strftime("%H:%M") if isinstance(value, datetime) else ""
    language = locale.partition("-")[0]
    if language == "ja":
        return _japanese(value, style)
    return _english(value, style) if language == "en" else value.strftime("%Y-%m-%d")


def read_in(moment: datetime, home: tzinfo, zone: tzinfo) -> datetime:
    """A moment in its reader's zone. What begins a day of the project's zone (`home`) is that day, and so it is to readers everywhere: a
    renewal on 31 January is not on the 30th to those in the west.
    """
    there = moment.astimezone(home)
    return moment.astimezone(zone) if there.time() != _MIDNIGHT else there.replace(tzinfo=zone)


_MIDNIGHT = time()


def _moment(value: Any) -> date | None:
    match value:
        case datetime() | date():
            return value
        case str() if value.strip():
            return datetime.fromisoformat(value.strip())
        case None | str():
            return None
        case _:
            raise FormatError(f"no date: {type(value).__name__}")


def zone_of(context: Context) -> tzinfo:
    """The recipient's zone: `timezone` of the context, else the contact's, else the account's, else UTC."""
    for found in (context.get("timezone"), _of(context, "contact"), _of(context, "account")):
        if found:
            return ZoneInfo(str(found))
    return UTC


def _of(context: Context, group: str) -> Any:
    values = context.get(group)
    return values.get("timezone") if isinstance(values, dict) else None


def date_filter(locale: str) -> Callable[..., str]:
    """`{{ account.renewal_at | date }}`: in the recipient's zone; '' for blank. Days are theirs already (`read_in`)."""

    @pass_context
    def date_(context: Context, value: Any, style: str = "long") -> str:
        if isinstance(value, Undefined):
            return str(value)
        moment = _moment(value)
        if moment is None:
            return ""
        if isinstance(moment, datetime) and moment.tzinfo is not None:
            moment = moment.astimezone(zone_of(context))
        return write_date(moment, locale, style)

    return date_


def number(value: Any, digits: int | None = None) -> str:
    """12,345 or 1,234.5; at most two digits after the point unless `digits` says how many; '' for blank."""
    if value is None or value == "":
        return ""
    amount = float(value)
    if digits is not None:
        return f"{amount:,.{digits}f}"
    return f"{amount:,.0f}" if amount.is_integer() else f"{amount:,.2f}".rstrip("0").rstrip(".")


def in_locale(texts: Mapping[str, str], locale: str) -> str:
    """The text in that locale, else the one for all, else English, else any."""
    return texts.get(locale) or texts.get("") or texts.get("en") or next(iter(texts.values()), "")


def default(value: Any, fallback: Any = "", boolean: bool = False) -> Any:
    """Jinja's `default`, for which a blank value counts as missing too."""
    if value is None or isinstance(value, Undefined) or (boolean and not value):
        return fallback
    return value


def addressee_filter(locale: str) -> Callable[..., str]:
    """`{{ contact | addressee }}`, `{{ account | addressee }}` (御中), `{{ account | addressee("group") }}` (各位)."""
    japanese = names.is_japanese(locale)

    @pass_context
    def addressee(context: Context, value: Any, kind: str = "") -> str:
        if isinstance(value, Undefined):
            return str(value)
        account = context.get("account")
        organisation = names.plain(account.get("name")) if isinstance(account, dict) else ""
        if not kind:
            kind = "organisation" if value is not None and value is account else "person"
        if kind == "person":
            person = value if isinstance(value, dict) else {"name": value}
            # Only people of the account stand behind its name; a plain text is addressed as it is.
            return names.person_ja(person, organisation if value is person else "") if japanese else names.person_en(person)
        name = value.get("name") if isinstance(value, dict) else value
        if kind == "organisation":
            return names.organisation_ja(name) if japanese else names.plain(name) or names.NOBODY_EN
        if kind == "group":
            return names.group_ja(name) if japanese else f"{names.plain(name)} team".strip()
        raise FormatError(f"addressee kind {kind!r}")

    return addressee


def bare(locale: str) -> Callable[[Any], Any]:
    """What a value without a filter becomes: nothing for blank, 3 for 3.0, words for yes and no, a date in the locale."""
    yes, no = ("はい", "いいえ") if names.is_japanese(locale) else ("yes", "no")

    def finalize(value: Any) -> Any:
        kind = value.__class__
        if kind is str or kind is int:
            return value
        if value is None:
            return ""
        if kind is float:
            return int(value) if value.is_integer() else value
        if kind is bool:
            return yes if value else no
        if kind is datetime or kind is date:
            return write_date(value, locale)
        return value

    return finalize
