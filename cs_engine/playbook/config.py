"""What project.yaml and team.yaml may say."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from cs_engine.usage.model import LocalisedText, Strict


class AccountsSource(Strict):
    """Where accounts are read from. Every further column becomes `account.<column>`."""

    file: str = Field(description="CSV (also .gz) or Parquet, relative to the project; may hold * for many files.")
    id: str = Field("account_id", description="The column that names an account.")
    name: str = "name"
    csm: str = Field("csm_email", description="The column with the CSM's e-mail.")
    locale: str = "locale"
    timezone: str = "timezone"
    signed_up_at: str = "signed_up_at"
    learned_at: str | None = Field(None, description="When we learned of the row; nothing learned after `now` exists.")


class ContactsSource(Strict):
    """Where contacts are read from. Every further column becomes `contact.<column>`."""

    file: str
    id: str = "contact_id"
    account: str = "account_id"
    email: str = "email"
    name: str = "name"
    role: str = "role"
    locale: str = "locale"
    timezone: str = "timezone"
    created_at: str = "created_at"
    learned_at: str | None = None


class EventsSource(Strict):
    """Where events are read from: product usage, or anything else that happens (tickets, payments)."""

    file: str
    id: str | None = Field(None, description="The column that names an event; rows that repeat it count once.")
    account: str = "account_id"
    contact: str | None = "contact_id"
    event: str | None = Field("event", description="The column with the event's name.")
    at: str = Field("occurred_at", description="When it happened, with its offset.")
    learned_at: str | None = None


class Sources(Strict):
    accounts: AccountsSource
    contacts: ContactsSource
    usage: EventsSource
    more: dict[str, EventsSource] = Field(
        default_factory=dict, description="Further event sources, by the name that a metric's `from` uses."
    )
    most_bad_rows: str = Field("1%", description="A source with a larger share of bad rows stops the sync.")


class Channels(Strict):
    email: Literal["mailbox", "sendgrid", "smtp"] = "mailbox"
    slack: Literal["mailbox", "slack"] = "mailbox"


class QuietHours(Strict):
    """Customer mail waits from `from` to `to`, in the recipient's zone."""

    from_: str = Field("20:00", alias="from", pattern=r"^([01]\d|2[0-3]):[0-5]\d$")
    to: str = Field("08:00", pattern=r"^([01]\d|2[0-3]):[0-5]\d$")


class Company(Strict):
    """Who sends: shown in every mail's footer, as CAN-SPAM and 特定電子メール法 ask."""

    name: LocalisedText
    postal_address: LocalisedText | None = None
    contact: str | None = Field(None, description="Where a recipient can ask: an address or a URL.")


class Sender(Strict):
    """Whom mail comes from: a person, never no-reply."""

    from_: str = Field("csm", alias="from", description="csm | csm.manager | a staff role | a staff e-mail.")
    fallback: str = Field(description="The staff e-mail when there is no such person.")


class PeopleConfig(Strict):
    champion: str = Field("contact.role = 'champion'", description="Who drives the roll-out; the earliest contact wins.")
    operators: str = Field("contact.role = 'operator'", description="Who does the work.")
    fallback: dict[str, str] = Field(default_factory=dict, description="Role that is empty -> who gets it instead: {champion: operators}.")


class Topic(Strict):
    title: LocalisedText


class SlackConfig(Strict):
    channel: str = Field("#customer-success", description="Where alerts go when a CSM has no Slack id, and milestone notices by default.")


class ProjectConfig(Strict):
    """project.yaml"""

    name: str
    timezone: str = Field("UTC", description="The project's zone: days, schedules, and people without a zone of their own.")
    locale: str = "en"
    sources: Sources
    channels: Channels = Channels()
    company: Company
    sender: Sender
    unsubscribe: str | None = Field(None, description="mailto:… or https://… that takes an unsubscribe.")
    quiet_hours: QuietHours | None = QuietHours()
    people: PeopleConfig = PeopleConfig()
    topics: dict[str, Topic] = Field(default_factory=dict)
    slack: SlackConfig = SlackConfig()


class Staff(Strict):
    """One of us."""

    email: str
    name: LocalisedText
    role: str = Field("csm", description="csm, manager, sales, support, …")
    slack: str | None = Field(None, description="Slack user or channel id.")
    timezone: str | None = None
    manager: str | None = Field(None, description="The manager's e-mail.")
    minutes_a_week: int | None = None
    away: tuple[str, ...] = Field((), description="Dates, or spans as 2026-08-10/2026-08-14.")
    substitute: str | None = None
    signature: LocalisedText | None = None


class Team(Strict):
    """team.yaml"""

    staff: tuple[Staff, ...] = ()
