"""What project.yaml and team.yaml may say. `sources` is in a file of its own beside this one."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema

from cs_engine.playbook.sources import Sources
from cs_engine.playbook.words import DurationText, Share
from cs_engine.usage.model import LocalisedText, Strict


class Channels(Strict):
    email: Literal["mailbox", "sendgrid", "smtp"] = Field(
        "mailbox", description="How mail leaves; `mailbox` writes it to files. CS_ENGINE_EMAIL wins."
    )
    slack: Literal["mailbox", "slack"] = Field(
        "mailbox", description="How CTAs leave; `mailbox` writes them to files. CS_ENGINE_SLACK wins."
    )
    webhook: Literal["mailbox", "https"] = Field(
        "mailbox", description="How webhooks leave; `mailbox` writes them to files. CS_ENGINE_WEBHOOK wins."
    )


DayOfWeek = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
DAYS_OF_WEEK: tuple[DayOfWeek, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
EVERYBODY = "all"
"""The key of `no_send` for people of every language."""


class QuietHours(Strict):
    """Customer mail waits from `from` to `to`, in the recipient's zone."""

    from_: str = Field("20:00", alias="from", pattern=r"^([01]\d|2[0-3]):[0-5]\d$", description="From when mail waits: 20:00.")
    to: str = Field("08:00", pattern=r"^([01]\d|2[0-3]):[0-5]\d$", description="When it goes out: 08:00.")


class CalendarSpec(Strict):
    """Days of a kind: public holidays, days of your own, other calendars. `jp`, `us`, `year_end`, `golden_week` and `obon` are there."""

    holidays: str | None = Field(None, description="The public holidays of a country, or of a part of one: JP, US, US-CA.")
    days: tuple[str, ...] = Field((), description="Days and spans: 2026-08-10/2026-08-14; of every year: 05-01, 12-29/01-03.")
    with_: tuple[str, ...] = Field((), alias="with", description="Other calendars that it includes: [year_end, obon].")
    without: tuple[str, ...] = Field((), description="Days and spans that do not belong to it after all.")
    bridge_days: bool = Field(False, description="Whether a working day alone between two days off belongs to it.")


class CapSpec(Strict):
    """Not more than so many in any span of that length; what is too many waits. `transactional` is exempt, and not counted."""

    per: Literal["contact", "account", "csm"] = Field(
        description="Whose messages are counted: mail to one contact, mail to all contacts of an account, or what one of us gets."
    )
    most: int = Field(ge=1, le=100_000, description="How many may go within the span.")
    in_: str = Field(alias="in", description="The span, rolling to the minute: `7 days` is 168 hours.")
    channel: Literal["email", "slack"] | None = Field(None, description="Counts and holds messages of this channel alone.")


DEFAULT_DOMAIN = "default"
"""The key of `rates: domains:` for each domain that is not named."""


class WarmUpSpec(Strict):
    """A new sender's ramp, for each domain that is written to."""

    from_: str = Field(alias="from", description="The day on which it begins: 2026-03-02.")
    start: str = Field(description="How much mail goes to each domain at first: 50 per day.")
    double: str = Field("2 days", description="After how long it is twice as much, again and again.")
    until: str = Field(description="The day on which it ends: 2026-03-30.")


class RatesSpec(Strict):
    """How fast messages go, over all processes that deliver: so many per second, minute, hour or day. What is too fast waits."""

    sendgrid: str | None = Field(None, description="All mail by SendGrid: 600 per minute.")
    smtp: str | None = Field(None, description="All mail by SMTP: 5 per second.")
    slack: str | None = Field(None, description="All that is posted in the Slack workspace: 50 per minute.")
    slack_channel: str | None = Field(None, description="What is posted to each Slack channel or person: 1 per second.")
    domains: dict[str, str] = Field(
        default_factory=dict, description="A recipient's domain, or `default` for each other one -> mail to it: {default: 500 per hour}."
    )
    warm_up: WarmUpSpec | None = Field(None, description="A ramp for each domain, for senders that nobody knows yet.")


class Company(Strict):
    """Who sends: shown in every mail's footer, as CAN-SPAM and 特定電子メール法 ask."""

    name: LocalisedText = Field(description="The company's name.")
    postal_address: LocalisedText | None = Field(None, description="Without it `sendgrid` and `smtp` refuse to start.")
    contact: str | None = Field(None, description="Where a recipient can ask: an address or a URL.")


class Sender(Strict):
    """Whom mail comes from: a person, never no-reply."""

    from_: str = Field("csm", alias="from", description="csm | csm.manager | a staff role | a staff e-mail.")
    fallback: str = Field(description="The staff e-mail when there is no such person.")


class PeopleConfig(Strict):
    champion: str = Field("contact.role = 'champion'", description="Who drives the roll-out; the earliest contact wins.")
    operators: str = Field("contact.role = 'operator'", description="Who does the work.")
    distinct: tuple[Literal["champion", "operators"], ...] = Field(
        (),
        description="[champion, operators]: they have to be two people; the CSM gets a CTA where they are one. Default: may be one.",
    )
    fallback: dict[str, str] = Field(default_factory=dict, description="Role that is empty -> who gets it instead: {champion: operators}.")


Law = Literal["us", "eu", "jp"]


def _for_all(value: Any) -> Any:
    """`jp` is short for `{else: jp}`."""
    return {"else": value} if isinstance(value, str) else value


class LawSpec(Strict):
    """Which mail law rules whom."""

    countries: dict[str, Law] = Field(
        default_factory=dict, description="Country, as two letters, or EU -> its law: {JP: jp, US: us, EU: eu}. Read in `country`."
    )
    else_: Law = Field(alias="else", description="For people of all other countries, and of none that is known.")
    blank: Literal["none", "customer"] = Field(
        "none",
        description="What a contact is of whose consent nothing is on record: `customer`, where all in your sources are customers "
        "who were told that they can say no.",
    )


_LAW_SCHEMA = {
    "anyOf": [
        {"enum": ["us", "eu", "jp"]},
        {
            "type": "object",
            "properties": {
                "countries": {"type": "object", "additionalProperties": {"enum": ["us", "eu", "jp"]}},
                "else": {"enum": ["us", "eu", "jp"]},
                "blank": {"enum": ["none", "customer"]},
            },
            "required": ["else"],
            "additionalProperties": False,
        },
    ]
}


class Topic(Strict):
    title: LocalisedText = Field(description="What recipients read in their preferences.")


class Hold(Strict):
    """While a condition over accounts is true, customer mail waits and timers stand still; Slack goes on. Transactional mail goes."""

    all: str | None = Field(None, description="Holds every topic.")
    topics: dict[str, str] = Field(default_factory=dict, description="Topic -> the condition that holds it.")


class MostSpec(Strict):
    """How much of it one playbook may do in one run."""

    first_day: int = Field(ge=0, description="So many in all on the first day of a playbook, and until it has three runs behind it.")
    times: float = Field(5.0, gt=1, le=1000, description="From then on so many times the median of its last 20 runs that did any.")
    at_least: int = Field(50, ge=0, description="So many are always allowed, however few there were.")


class UsageGuard(Strict):
    """What the data must be like for anything to be decided on them."""

    newest: str | None = Field(None, description="The newest usage event is no older: 36 hours.")
    accounts: Share | None = Field(None, description="No fewer accounts than this share of what the last 20 runs had: 80%.")
    contacts: Share | None = Field(None, description="The same of contacts.")
    events: Share | None = Field(None, description="The same of usage events.")


class Guards(Strict):
    """What is beyond waits, and is told, until `cs-engine approve` lets it go."""

    usage: UsageGuard = Field(UsageGuard(), description="On which data nothing is decided.")
    enrolments: MostSpec | None = Field(None, description="How many may enter a playbook in one run.")
    mails: MostSpec | None = Field(None, description="How much customer mail a playbook may plan in one run.")
    ctas: MostSpec | None = Field(None, description="How many CTAs a playbook may fire in one run.")
    bounces: Share = Field("5%", description="More of its mails refused halt a playbook in `canary` or `ramp`.")
    complaints: Share = Field("0.3%", description="More complaints by those who got its mail do the same.")


class Persistence(Strict):
    """When a contact counts as lost by our persistence: its mail is skipped, and its CSM gets one CTA to change the approach."""

    lost_when: str = Field(description="A condition over contacts: unanswered_streak >= 5.")
    cta: str = Field(description="Template below templates/slack/ of the CTA to the CSM.")


class Retention(Strict):
    """How long is kept what only the past is told from. What active passages need stays; so do passages, messages, answers and touches."""

    journal: str | None = Field(
        None, description="Lines of the journal, and orders for steps, of passages that ended longer ago: 400 days. Default: for good."
    )
    changes: str | None = Field(
        None, description="Changes of watched values, and spells of held(…) that are over, since longer: 90 days. Default: for good."
    )
    collected: str | None = Field(
        None, description="What the collector took, since longer: 400 days. What has gone no metric counts any more. Default: for good."
    )
    messages: str | None = Field(
        None,
        description="What messages said that were settled longer ago, and what was told of those that arrived: texts of alarms and of "
        "mails that somebody read, the provider's events. The messages stay, as ids, states and times: 400 days. Default: for good.",
    )
    health: str = Field(
        "400 days", description="How healthy accounts were, since longer. As it is now stays; so a renewal can be seen beside the last one."
    )


class SlackConfig(Strict):
    channel: str = Field("#customer-success", description="Where alerts go when a CSM has no Slack id, and milestone notices by default.")
    account_url: str | None = Field(
        None, description="Where one of us looks at an account: https://crm.example/accounts/{account}. Alerts link to it."
    )
    digest: str | None = Field(
        None,
        pattern=r"^([01]\d|2[0-3]):[0-5]\d$",
        description="The hour of each working day, in their own zone, at which each of us gets a digest: CTAs of low priority, and what is "
        "more than their `minutes_a_week`. Default: every CTA is a message of its own.",
    )
    escalate: DurationText | None = Field(
        "1 business day",
        description="How long after its `due` a CTA that is still open is told to the manager of whose it is; null: never.",
    )


class Webhooks(Strict):
    """Other systems that `webhook` steps tell."""

    endpoints: dict[str, str] = Field(default_factory=dict, description="Name -> its address, https://…; steps write the name.")
    allow: tuple[str, ...] = Field(
        (),
        description="Your own hosts that may be reached at private addresses and by http: names, addresses, networks: "
        "[hooks.internal.example, 10.1.0.0/16]. All others have to be on the Internet.",
    )


class ProjectConfig(Strict):
    """project.yaml"""

    LATER: ClassVar[frozenset[str]] = frozenset()
    """Keys of the language that are not built yet."""

    name: str = Field(description="The project's name.")
    timezone: str = Field("UTC", description="The project's zone: days, schedules, and people without a zone of their own.")
    locale: str = Field("en", description="For people and accounts without a language of their own.")
    sources: Sources = Field(description="Where customers, people and usage are read from.")
    channels: Channels = Field(Channels(), description="How messages leave.")
    company: Company = Field(description="Who sends.")
    sender: Sender = Field(description="Whom mail comes from.")
    unsubscribe: str | None = Field(
        None, description="mailto:… or https://… that takes an unsubscribe, where CS_ENGINE_BASE_URL is not set."
    )
    law: Annotated[LawSpec | None, BeforeValidator(_for_all), WithJsonSchema(_LAW_SCHEMA)] = Field(
        None, description="Which mail law is kept: `us`, `eu` or `jp` for all, or `{countries: {JP: jp, EU: eu}, else: us}`."
    )
    quiet_hours: QuietHours | None = Field(QuietHours(), description="When customer mail waits; null: never.")
    send_days: tuple[DayOfWeek, ...] = Field(
        DAYS_OF_WEEK, min_length=1, description="Days of the recipient's week on which customer mail goes: [mon, tue, wed, thu, fri]."
    )
    calendars: dict[str, CalendarSpec] = Field(
        default_factory=dict, description="Calendars by name; one that is there already is replaced."
    )
    no_send: dict[str, tuple[str, ...]] = Field(
        default_factory=dict,
        description="Language, or `all` -> calendars on whose days mail to its people waits: {all: [year_end], ja: [jp, obon]}.",
    )
    business_calendar: str | None = Field(None, description="The calendar whose days are no business days; default: weekends alone.")
    caps: tuple[CapSpec, ...] = Field(
        (), description="How many messages may go in any span of time; the playbook's priority decides whose."
    )
    spread: str | None = Field(
        None, description="How much customer mail may go at once when much became free, after a break or an outage: 200 per hour."
    )
    rates: RatesSpec | None = Field(None, description="How fast messages go: by vendor, Slack channel and recipients' domain.")
    hold: Hold = Field(Hold(), description="When whose mail waits.")
    guards: Guards = Field(Guards(), description="How much a run may do, and on which data, before somebody says yes.")
    persistence: Persistence | None = Field(None, description="When a contact is left in peace.")
    retention: Retention = Field(Retention(), description="How long the past is kept.")
    people: PeopleConfig = Field(PeopleConfig(), description="Who has which role among a customer's people.")
    topics: dict[str, Topic] = Field(default_factory=dict, description="What recipients can say no to, one by one.")
    webhooks: Webhooks = Field(Webhooks(), description="Where `webhook` steps may go.")
    slack: SlackConfig = Field(SlackConfig(), description="Where alerts go.")


class Staff(Strict):
    """One of us."""

    email: str = Field(description="What the accounts' csm column holds.")
    name: LocalisedText = Field(description="Their name.")
    role: str = Field("csm", description="csm, manager, sales, support, …")
    slack: str | None = Field(None, description="Slack user or channel id.")
    timezone: str | None = Field(None, description="Their time zone.")
    locale: str | None = Field(
        None, description="Their language: en, ja. Default: the account's, where what they get is written in that, else the project's."
    )
    manager: str | None = Field(None, description="The manager's e-mail.")
    minutes_a_week: int | None = Field(
        None, ge=0, le=10_080, description="How much time they have for CTAs; what is more waits for the day's digest (`slack.digest`)."
    )
    away: tuple[str, ...] = Field(
        (),
        description="Days on which `substitute` gets their alerts and mail: 2026-08-10, 2026-08-10/2026-08-14; of every year 12-29/01-03.",
    )
    substitute: str | None = Field(None, description="The e-mail of who stands in for them.")
    signature: LocalisedText | None = Field(None, description="What stands below their mail.")


class Team(Strict):
    """team.yaml"""

    staff: tuple[Staff, ...] = Field((), description="All of us who get CTAs or whose name stands below mail.")
