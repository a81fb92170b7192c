"""What project.yaml says of where customers, people and usage are read from."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple, Self

from pydantic import Field, model_validator

from cs_engine.instants import Micros
from cs_engine.language import durations
from cs_engine.language.problems import did_you_mean
from cs_engine.playbook.words import DurationText, wrong
from cs_engine.usage.model import Strict


class Origin(Strict):
    """Where a source lies, `file` or a table of a database, and what it must be like for anything to be decided on it."""

    file: str | None = Field(
        None, description="CSV (also .gz) or Parquet, relative to the project; `*` for many files, `**` for all folders below."
    )
    database: str | None = Field(None, description="Instead of `file`: one of `databases`, with `table` or `query`.")
    table: str | None = Field(None, description="The table or view of the database: usage_events, or analytics.usage_events.")
    query: str | None = Field(None, description="Instead of `table`: a SELECT in the database's own SQL.")
    newest: DurationText | None = Field(
        None,
        description="Older than that, nothing is decided on it: 2 days. Of events and touches the latest is meant; of others `learned_at`, "
        "else when the file was written or the database read.",
    )
    zone: str | None = Field(
        None,
        description="Whose times those are that do not say their offset: Asia/Tokyo. Default: nobody's, and such a row is bad. "
        "A date alone is a day of the project's zone all the same.",
    )
    at_least: int | None = Field(None, ge=1, description="With fewer rows, nothing is decided on it: 1000.")

    @model_validator(mode="after")
    def _lies_somewhere(self) -> Self:
        beside = [key for key in ("database", "table", "query") if getattr(self, key) is not None]
        if self.file is not None and beside:
            raise wrong("P105", f"a source lies in one place: `file` and `{beside[0]}` are two", "leave one of them out", beside[0])
        if self.file is None and not beside and not getattr(self, "collector", False):
            raise wrong("P102", "it does not say where the source lies: `file` is missing", "file: data/…, or database: NAME and table: …")
        if beside and self.database is None:
            raise wrong("P102", f"`{beside[0]}` without `database`", "database: NAME, one of those below sources.databases", beside[0])
        if beside and (self.table is None) == (self.query is None):
            raise wrong("P102", "`database` needs either `table` or `query`", "table: usage_events", "database")
        if self.table is not None and not _TABLE.fullmatch(self.table):
            raise wrong("P105", "it is no name of a table", "write schema.table, or a `query` where the name is another", "table")
        if self.query is not None and (";" in self.query.rstrip(" \n;") or not _SELECT.match(self.query)):
            raise wrong("P105", "a `query` is one SELECT", "write one SELECT, or WITH … SELECT", "query")
        if getattr(self, "in_place", False) and (self.database is None or getattr(self, "collector", False)):
            raise wrong("P105", "only events of a database, and of no collector, stay where they are", "leave `in_place` out", "in_place")
        if self.zone is not None and getattr(self, "in_place", False):
            mend = "write a `query` that gives them one: SELECT …, ts AT TIME ZONE 'Asia/Tokyo' AS ts FROM …"
            raise wrong("P105", "times that stay in their database have the zone that they have there", mend, "zone")
        if self.newest is not None and span(self.newest) is None:
            raise wrong("P212", "the age of a source is not counted in business days", "write a span such as 36 hours or 3 days", "newest")
        return self

    @property
    def stays(self) -> bool:
        """Whether its rows stay where they are."""
        return bool(getattr(self, "in_place", False))

    def mapped(self) -> Iterator[tuple[str, str]]:
        """(name that authors use, column of the source that is meant) of those that are mapped."""
        for key in type(self).model_fields:
            if key not in Origin.model_fields and key not in _NO_COLUMN and (column := getattr(self, key)) is not None:
                yield key, column

    @property
    def is_demanded(self) -> bool:
        """Whether it must be like something."""
        return self.newest is not None or self.at_least is not None

    @property
    def place(self) -> str:
        """Where it lies, in words."""
        return self.file or (f"{self.table or 'a query'} of {self.database}" if self.database is not None else "the collector")

    @property
    def only_collected(self) -> bool:
        """Whether it lies nowhere, and comes by the collector alone."""
        return self.file is None and self.database is None


_NO_COLUMN = frozenset({"late", "collector", "in_place", "prefix", "columns"})


_TABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_$]*(\.[A-Za-z_][A-Za-z0-9_$]*){0,2}")
_SELECT = re.compile(r"\s*(select|with)\b", re.IGNORECASE)
_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")


def span(text: str) -> Micros | None:
    """How long that is; None for business days."""
    found = durations.parse(text)
    return None if found is None else durations.length(found)


class DatabaseSpec(Strict):
    """A database that sources lie in. It is only ever read."""

    url: str | None = Field(
        None,
        description="The variable of the environment, or of .env, that holds its address, as ${WAREHOUSE_URL}: "
        "postgresql://user:password@host/db, or any other for which SQLAlchemy has a driver. The address itself does not belong in Git.",
    )
    duckdb: str | None = Field(None, description="Instead of `url`: a DuckDB file, relative to the project.")
    every: DurationText = Field(
        "15 minutes", description="How old what was read of it may be before a run reads it anew. Files are looked at each time."
    )

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        if (self.url is None) == (self.duckdb is None):
            raise wrong("P102", "a database has either `url` or `duckdb`", "url: ${WAREHOUSE_URL}, or duckdb: data/product.duckdb")
        if self.url is not None and not _VARIABLE.fullmatch(self.url):
            # Not shown: it may hold a password.
            raise wrong(
                "P105", "an address with its password does not belong in Git", "url: ${WAREHOUSE_URL}, and WAREHOUSE_URL=… in .env", "url"
            )
        if span(self.every) is None:
            raise wrong("P105", "the age of what was read is not counted in business days", "every: 15 minutes", "every")
        return self

    @property
    def variable(self) -> str:
        """The variable that holds the address."""
        found = _VARIABLE.fullmatch(self.url or "")
        return found[1] if found else ""


class AccountsSource(Origin):
    """Where accounts are read from. Every further column becomes `account.<column>`."""

    collector: bool = Field(
        False, description="yes: traits of `group` calls are laid over what the file or table says, and add accounts (docs/collector.md)."
    )
    id: str = Field("account_id", description="The column that names an account.")
    name: str = Field("name", description="The column with the account's name.")
    csm: str = Field("csm_email", description="The column with the CSM's e-mail.")
    locale: str = Field("locale", description="The column with its language: en, ja.")
    timezone: str = Field("timezone", description="The column with its time zone.")
    country: str = Field("country", description="The column with the country that it is in, as two letters: JP.")
    signed_up_at: str = Field("signed_up_at", description="The column that says when it signed up; before that it is not there.")
    learned_at: str | None = Field(None, description="When we learned of the row; nothing learned after `now` exists.")


class ContactsSource(Origin):
    """Where contacts are read from. Every further column becomes `contact.<column>`."""

    collector: bool = Field(
        False,
        description="yes: traits of `identify` calls are laid over what the file or table says, and add contacts (docs/collector.md).",
    )
    id: str = Field("contact_id", description="The column that names a contact.")
    account: str = Field("account_id", description="The column with the account that it belongs to.")
    email: str = Field("email", description="The column with its e-mail address.")
    name: str = Field("name", description="The column with its name.")
    role: str = Field("role", description="The column with what it does: champion, operator.")
    locale: str = Field("locale", description="The column with its language; the account's where blank.")
    timezone: str = Field("timezone", description="The column with its time zone; the account's where blank.")
    country: str = Field("country", description="The column with the country that it lives in; the account's where blank.")
    family_name: str = Field("family_name", description="The column with its family name, for `addressee`.")
    given_name: str = Field("given_name", description="The column with its given name, for `addressee`.")
    department: str = Field("department", description="The column with its department, for `addressee`.")
    job_title: str = Field("job_title", description="The column with its title, for `addressee`.")
    consent: str | None = Field(None, description="The column with what it said to mail: opt_in, customer, opt_out or blank.")
    consent_source: str | None = Field(None, description="The column that says how we know: a form, a contract, a fair.")
    consent_at: str | None = Field(None, description="The column that says when it said so.")
    created_at: str = Field("created_at", description="The column that says since when it is there.")
    learned_at: str | None = Field(None, description="When we learned of the row; nothing learned after `now` exists.")


class EventsSource(Origin):
    """Where events are read from: product usage, or anything else that happens (tickets, payments)."""

    collector: bool = Field(
        False, description="yes: what the collector takes (docs/collector.md) are events of this source, beside those of its file or table."
    )
    id: str | None = Field(None, description="The column that names an event; rows that repeat it count once.")
    account: str = Field("account_id", description="The column with the account that acted.")
    contact: str | None = Field("contact_id", description="The column with the person who acted; null where there is none.")
    event: str | None = Field("event", description="The column with the event's name.")
    at: str = Field("occurred_at", description="When it happened, with its offset.")
    learned_at: str | None = Field(None, description="When we learned of the event; nothing learned after `now` exists.")
    in_place: bool = Field(
        False,
        description="yes: single events stay in the database, which counts them at each run. See docs/sources.md for what that costs.",
    )
    late: DurationText = Field(
        "7 days", description="Of a database: how late events come. Older days are not looked at again, but by `cs-engine sync --anew`."
    )


class TouchesSource(Origin):
    """Where touches are read from that people log elsewhere: calls, mails and meetings of a CRM. They count as ours do."""

    account: str = Field("account_id", description="The column with the account.")
    contact: str | None = Field("contact_id", description="The column with the contact; blank: nobody in particular.")
    kind: str = Field("kind", description="The column that says what it was: call, mail, meeting.")
    by: str | None = Field("by", description="The column with who of us it was.")
    at: str = Field("at", description="When it was, with its offset.")
    answered: str | None = Field(
        "answered", description="The column that says whether they talked to us, yes or no; blank: a meeting yes, a call or mail no."
    )


class AttributesSource(Origin):
    """Further attributes of accounts or contacts, kept elsewhere: CRM, billing, tickets, NPS. One row each, joined by its key."""

    account: str | None = Field(None, description="The column that names the account; the others become `account.<column>`.")
    contact: str | None = Field(None, description="Or the column that names the contact; the others become `contact.<column>`.")
    prefix: str = Field("", pattern=r"^([a-z][a-z0-9_]*)?$", description="What their names begin with: `crm_` makes `account.crm_tier`.")
    columns: tuple[str, ...] = Field((), description="Only these columns: [tier, arr]. Default: all.")
    learned_at: str | None = Field(
        None, description="When we learned of the row. Then a key may have many rows, each true from then on until the next."
    )

    @model_validator(mode="after")
    def _has_one_key(self) -> Self:
        if (self.account is None) == (self.contact is None):
            raise wrong("P102", "attributes are joined by either `account` or `contact`", "account: account_id")
        return self

    @property
    def people(self) -> str:
        """Whose attributes: accounts or contacts."""
        return "accounts" if self.account is not None else "contacts"


class Sources(Strict):
    accounts: AccountsSource = Field(description="The customers.")
    contacts: ContactsSource = Field(description="Their people.")
    usage: EventsSource = Field(description="What they do in the product.")
    more: dict[str, EventsSource] = Field(
        default_factory=dict, description="Further event sources, by the name that a metric's `from` uses."
    )
    touches: TouchesSource | None = Field(None, description="Calls, mails and meetings of our people with customers.")
    attributes: dict[str, AttributesSource] = Field(
        default_factory=dict, description="Further attributes of accounts and contacts, by the name of where they are kept: crm, billing."
    )
    history: DurationText | None = Field(
        None,
        description="Facts at a past `now` see what attributes were known to be then, so far back: 400 days. Default: what they are now. "
        "Changes are kept either way, 400 days where nothing is said.",
    )
    databases: dict[str, DatabaseSpec] = Field(default_factory=dict, description="Databases that sources lie in, by name.")
    most_bad_rows: str = Field("1%", description="A source with a larger share of bad rows stops the sync.")

    @model_validator(mode="after")
    def _databases_are_there(self) -> Self:
        if self.history is not None and span(self.history) is None:
            raise wrong("P105", "what is kept is not counted in business days", "history: 400 days", "history")
        for named in self.all():
            if named.source.stays and (found := self.databases.get(named.source.database or "")) is not None and found.duckdb is not None:
                raise wrong(
                    "P105", f"{named.name}: a DuckDB file is copied, nothing is counted in it", "leave `in_place` out", named.path[1]
                )
            database = named.source.database
            if database is not None and database not in self.databases:
                hint = did_you_mean(database, self.databases) or "sources.databases names none such"
                mend = f"add it: databases: {{{database}: {{url: ${{WAREHOUSE_URL}}}}}}"
                raise wrong("P105", f'{named.name} lies in a database "{database}" that there is not; {hint}', mend, named.path[1])
        return self

    @model_validator(mode="after")
    def _one_is_collected(self) -> Self:
        fed = [named for named in self.all() if isinstance(named.source, EventsSource) and named.source.collector]
        if len(fed) > 1:
            mend = "one source of events may say so: leave this one out"
            raise wrong("P105", f"{fed[0].name} takes what the collector brings already", mend, fed[1].path[1])
        return self

    @property
    def collected(self) -> str | None:
        """The source of events that the collector feeds; None where none says so."""
        return next((named.name for named in self.all() if isinstance(named.source, EventsSource) and named.source.collector), None)

    @property
    def in_place(self) -> frozenset[str]:
        """Sources whose events stay in their database."""
        return frozenset(named.name for named in self.all() if named.source.stays)

    @property
    def profiled(self) -> bool:
        """Whether calls say who accounts or contacts are."""
        return self.accounts.collector or self.contacts.collector

    def all(self) -> Iterator[Named]:
        """Every source, in the order in which they are read."""
        yield Named("accounts", ("sources", "accounts"), self.accounts)
        yield Named("contacts", ("sources", "contacts"), self.contacts)
        for name, beside in self.attributes.items():
            yield Named(name, ("sources", "attributes", name), beside)
        yield Named("usage", ("sources", "usage"), self.usage)
        for name, source in self.more.items():
            yield Named(name, ("sources", "more", name), source)
        if self.touches is not None:
            yield Named("touches", ("sources", "touches"), self.touches)


class Named(NamedTuple):
    """A source by its name in reports."""

    name: str
    path: tuple[str, ...]
    """Where it stands in project.yaml."""
    source: Origin

    @property
    def key(self) -> str:
        """Tells it from all others, also from one below `more` of the same name."""
        return "-".join(self.path[1:])
