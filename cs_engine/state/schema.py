"""The tables as the code sees them. Migrations make them; a test holds the two in step. Instants are BIGINT microseconds.

Rules that a wrong program cannot break are here as constraints. There are foreign keys only from playbooks to plans: on the big
tables each would cost a lookup a row, and ids that derive from what they name cannot point astray.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ColumnElement,
    Double,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    text,
)

HEAD = "0030"
"""The newest migration."""

metadata = MetaData()


def _text(name: str, default: str | None = None) -> Column[str]:
    return Column(name, Text, nullable=False, server_default=None if default is None else text(f"'{default}'"))


def _key(name: str = "id") -> Column[str]:
    return Column(name, Text, primary_key=True, nullable=False)


def _at(name: str, nullable: bool = False) -> Column[int]:
    return Column(name, BigInteger, nullable=nullable)


def _number(name: str, default: str | None = None) -> Column[int]:
    return Column(name, Integer, nullable=False, server_default=None if default is None else text(default))


def _flag(name: str, default: str | None = None) -> Column[bool]:
    return Column(name, Boolean, nullable=False, server_default=None if default is None else text(default))


def _line(name: str) -> Column[int]:
    """The order in which rows came."""
    return Column(name, BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True)


def _one_row(name: str) -> tuple[Column[int], CheckConstraint]:
    """Of a table that has one row."""
    return Column("id", Integer, primary_key=True, autoincrement=False), CheckConstraint("id = 1", name)


def _index_where(where: str, name: str, *columns: ColumnElement[Any], unique: bool = False) -> None:
    """An index of the rows of which that is so alone."""
    Index(name, *columns, unique=unique, sqlite_where=text(where), postgresql_where=text(where))


def _one_of(*states: str) -> str:
    # Not IN: SQLite would build its list anew for every row that is inserted, which doubles the time an insert takes.
    return " OR ".join(f"state = '{state}'" for state in states)


_OPEN = ("planned", "held", "dispatching", "uncertain")
_SETTLED = ("accepted", "skipped", "rejected")

accounts = Table(
    "accounts",
    metadata,
    _key(),
    *map(_text, ("name", "locale", "timezone", "csm")),
    _at("created_at", nullable=True),
    _text("country", ""),
)

contacts = Table(
    "contacts",
    metadata,
    _key(),
    _text("account_id"),
    _text("email"),
    _text("email_hash"),
    _text("name"),
    _text("role"),
    _text("locale"),
    _text("timezone"),
    _at("created_at", nullable=True),
    *(_text(name, "") for name in ("country", "consent", "consent_source")),
    _at("consent_at", nullable=True),
)

# Whom several contacts are: asked by every claim of mail.
_index_where("email_hash <> ''", "contacts_of_address", contacts.c.email_hash, contacts.c.id)

plans = Table("plans", metadata, _key("digest"), _text("playbook"), _text("bundle"), _at("registered_at"))

playbooks = Table(
    "playbooks",
    metadata,
    _key("playbook"),
    Column("digest", Text, ForeignKey("plans.digest"), nullable=False),
    _at("first_run_at"),
    _at("next_due_at"),
)

enrolments = Table(
    "enrolments",
    metadata,
    _key(),
    _text("playbook"),
    _text("digest"),
    _text("subject_id"),
    _text("account_id"),
    _text("key"),
    _number("passage"),
    _text("step"),
    _at("entered_at"),
    _at("since"),
    _at("moved_at"),
    _text("state", "active"),
    _flag("otherwise_done", "false"),
    _at("step_ended_at", nullable=True),
    _number("revision", "0"),
    _text("finished_reason", ""),
    _at("finished_at", nullable=True),
    _at("held_since", nullable=True),
    _number("repeats", "0"),
    _flag("control", "false"),
    _flag("rearmed", "false"),
    CheckConstraint(_one_of("active", "finished"), "enrolments_state_known"),
    CheckConstraint("(state = 'finished') = (finished_at IS NOT NULL)", "enrolments_finished_when"),
)
_index_where("state = 'active'", "enrolments_one_active", enrolments.c.playbook, enrolments.c.subject_id, enrolments.c.key, unique=True)
Index("enrolments_standing", enrolments.c.playbook, enrolments.c.state, enrolments.c.digest)

watched = Table("watched", metadata, _text("name"), _text("subject_id"), _text("value"), PrimaryKeyConstraint("name", "subject_id"))

changes = Table(
    "changes",
    metadata,
    _text("name"),
    _text("subject_id"),
    _at("at"),
    _text("was"),
    _text("became"),
    PrimaryKeyConstraint("name", "at", "subject_id"),
)

spells = Table(
    "spells",
    metadata,
    _text("name"),
    _text("subject_id"),
    _at("since"),
    _at("until"),
    PrimaryKeyConstraint("name", "subject_id", "since"),
)
Index("spells_until", spells.c.until)

kept_at_entry = Table("kept_at_entry", metadata, _key("enrolment_id"), _text("kept"))

messages = Table(
    "messages",
    metadata,
    _key(),
    _text("enrolment_id"),
    _text("playbook"),
    _text("digest"),
    _text("step"),
    _text("kind"),
    _text("channel"),
    _text("template"),
    _text("topic"),
    _text("account_id"),
    _text("subject_id"),
    _text("recipient"),
    _text("recipient_kind"),
    _text("cta_id"),
    _number("priority"),
    _at("planned_at"),
    _at("moved_at"),
    _text("state", "planned"),
    _text("reason", ""),
    _at("until", nullable=True),
    _number("attempts", "0"),
    _number("fence", "0"),
    _text("holder", ""),
    _at("lease_until", nullable=True),
    _text("provider_id", ""),
    _at("settled_at", nullable=True),
    _at("sent_at", nullable=True),
    CheckConstraint(_one_of(*_OPEN, *_SETTLED), "messages_state_known"),
    CheckConstraint(f"(settled_at IS NULL) = ({_one_of(*_OPEN)})", "messages_settled_when"),
    CheckConstraint("(state = 'dispatching') = (lease_until IS NOT NULL)", "messages_leased_while_dispatching"),
    CheckConstraint("state <> 'held' OR until IS NOT NULL", "messages_held_until"),
)
# In the order of claims, and wide enough that those held, or of another channel, are passed over without touching the table.
_index_where(
    "settled_at IS NULL",
    "messages_open",
    messages.c.priority.desc(),
    messages.c.planned_at,
    messages.c.id,
    messages.c.until,
    messages.c.state,
    messages.c.channel,
)
_index_where(
    "settled_at IS NOT NULL",
    "messages_settled",
    messages.c.state,
    messages.c.settled_at,
    messages.c.account_id,
    messages.c.recipient,
    messages.c.recipient_kind,
)
# What the caps count: by recipient, by account, and over all.
_index_where("sent_at IS NOT NULL", "messages_sent_to", messages.c.recipient, messages.c.sent_at)
_index_where("sent_at IS NOT NULL", "messages_sent_to_account", messages.c.account_id, messages.c.sent_at)
_index_where("sent_at IS NOT NULL", "messages_sent", messages.c.sent_at)
Index("messages_of_step", messages.c.enrolment_id, messages.c.step)

ctas = Table(
    "ctas",
    metadata,
    _key(),
    _text("account_id"),
    _text("playbook"),
    _text("step"),
    _text("enrolment_id"),
    _text("staff"),
    _text("priority"),
    _at("due_at", nullable=True),
    _at("fired_at"),
    _at("opened_at"),
    _text("state", "open"),
    _text("provider_ref", ""),
    _at("closed_at", nullable=True),
    _text("closed_reason", ""),
    _at("snoozed_until", nullable=True),
    _at("told_at", nullable=True),
    _at("escalated_at", nullable=True),
    _text("closed_by", ""),
    _text("told", ""),
    _number("minutes", "0"),
    CheckConstraint(_one_of("open", "snoozed", "closed"), "ctas_state_known"),
    CheckConstraint("(state = 'closed') = (closed_at IS NOT NULL)", "ctas_closed_when"),
)
_index_where("state <> 'closed'", "ctas_open", ctas.c.account_id)

cta_marks = Table(
    "cta_marks",
    metadata,
    _text("cta_id"),
    _at("opened_at"),
    *map(_text, ("kind", "item", "value", "by")),
    _at("at"),
    PrimaryKeyConstraint("cta_id", "opened_at", "kind", "item"),
)

assignments = Table(
    "assignments",
    metadata,
    _text("experiment"),
    _text("account_id"),
    _text("arm"),
    _at("assigned_at"),
    PrimaryKeyConstraint("experiment", "account_id"),
)

account_values = Table(
    "account_values",
    metadata,
    _text("account_id"),
    _text("name"),
    _text("value"),
    _text("playbook"),
    _at("set_at"),
    PrimaryKeyConstraint("name", "account_id"),
)

enrol_requests = Table(
    "enrol_requests",
    metadata,
    _text("playbook"),
    _text("subject_id"),
    _text("by"),
    _at("requested_at"),
    PrimaryKeyConstraint("playbook", "subject_id"),
)

answers = Table(
    "answers",
    metadata,
    _line("line"),
    _text("enrolment_id"),
    _text("playbook"),
    _text("account_id"),
    _text("subject_id"),
    _text("step"),
    _text("field"),
    _text("value"),
    _text("by"),
    _text("by_kind"),
    _text("message_id"),
    _at("answered_at"),
)
Index("answers_of_enrolment", answers.c.enrolment_id, answers.c.step, answers.c.field, answers.c.line)
Index("answers_of_playbook", answers.c.playbook, answers.c.enrolment_id)

step_orders = Table(
    "step_orders",
    metadata,
    _text("enrolment_id"),
    _text("step"),
    _text("kind"),
    _at("until"),
    _at("at"),
    _text("by"),
    _text("reason"),
    PrimaryKeyConstraint("enrolment_id", "step"),
)

edits = Table(
    "edits",
    metadata,
    *map(_text, ("enrolment_id", "step")),
    _number("round"),
    *map(_text, ("subject", "text")),
    _at("at"),
    *map(_text, ("by", "reason")),
    PrimaryKeyConstraint("enrolment_id", "step"),
)

approvals = Table(
    "approvals",
    metadata,
    _key("message_id"),
    *map(_text, ("playbook", "account_id", "subject_id", "enrolment_id", "step", "approver", "subject", "text", "html")),
    _at("asked_at"),
    _at("deadline"),
    _at("escalated_at", nullable=True),
    *map(_text, ("answer", "by")),
    _at("answered_at", nullable=True),
    _text("reason"),
)
_index_where("answer = 'waiting'", "approvals_waiting", approvals.c.asked_at)

holdouts = Table("holdouts", metadata, _key("playbook"), Column("share", Double, nullable=False))

standing_orders = Table(
    "standing_orders",
    metadata,
    *map(_text, ("playbook", "account_id", "kind")),
    _at("at"),
    *map(_text, ("by", "reason", "value")),
    PrimaryKeyConstraint("playbook", "account_id", "kind"),
)

failures = Table(
    "failures",
    metadata,
    _text("playbook"),
    _at("at"),
    *map(_text, ("step", "what", "reason")),
    _number("n"),
    PrimaryKeyConstraint("playbook", "at", "step", "what", "reason"),
)

tallies = Table(
    "tallies",
    metadata,
    *map(_text, ("playbook", "what")),
    _at("at"),
    _number("n"),
    PrimaryKeyConstraint("playbook", "what", "at"),
)

buckets = Table("buckets", metadata, _key("key"), Column("tokens", Double, nullable=False), _at("at"))

breakers = Table(
    "breakers",
    metadata,
    _key("way"),
    _text("state", "closed"),
    _at("since"),
    _at("until"),
    _text("reason", ""),
    _number("times"),
    _at("began"),
    _number("failed"),
    _number("answered"),
    _number("revision", "0"),
)

alarms = Table("alarms", metadata, _key(), _text("text"))

milestones = Table(
    "milestones",
    metadata,
    _text("account_id"),
    _text("milestone"),
    _at("reached_at"),
    _flag("history"),
    _at("known_at"),
    _text("seen"),
    _at("counts_at", nullable=True),
    _text("word", ""),
    _at("word_at", nullable=True),
    _text("word_in", ""),
    PrimaryKeyConstraint("milestone", "account_id"),
)
_index_where("counts_at IS NULL", "milestones_waiting", milestones.c.milestone, milestones.c.word)

milestone_definitions = Table("milestone_definitions", metadata, _key("milestone"), _at("known_at"), _flag("asks", "false"))

health = Table(
    "health",
    metadata,
    _text("account_id"),
    _at("since"),
    _at("until"),
    Column("score", Double, nullable=True),
    *map(_text, ("band", "forced", "scores", "inputs")),
    PrimaryKeyConstraint("account_id", "since"),
)
Index("health_until", health.c.until)

touches = Table("touches", metadata, _key(), _text("account_id"), _text("contact_id"), _text("kind"), _text("by"), _at("at"))
Index("touches_at", touches.c.at)
# What the caps count.
Index("touches_of_contact", touches.c.contact_id, touches.c.at)
Index("touches_of_account", touches.c.account_id, touches.c.at)

reactions = Table(
    "reactions",
    metadata,
    _text("account_id"),
    _text("contact_id"),
    _text("kind"),
    _at("at"),
    PrimaryKeyConstraint("account_id", "contact_id", "kind", "at"),
)
Index("reactions_at", reactions.c.at)

losses = Table(
    "losses",
    metadata,
    _text("contact_id"),
    _text("account_id"),
    _text("playbook"),
    _text("csm"),
    _at("lost_at"),
    _at("regained_at", nullable=True),
    PrimaryKeyConstraint("contact_id", "lost_at"),
)

passed_over = Table(
    "passed_over",
    metadata,
    _text("subject_id"),
    _text("playbook"),
    _text("key"),
    PrimaryKeyConstraint("playbook", "subject_id", "key"),
)

journal = Table(
    "journal",
    metadata,
    _line("line"),
    _at("at"),
    _text("playbook"),
    _text("account_id"),
    _text("subject_id"),
    _text("enrolment_id"),
    _text("step"),
    _text("event"),
    _text("reason"),
    _text("seen"),
)
Index("journal_of_account", journal.c.playbook, journal.c.account_id, journal.c.line)

suppressions = Table("suppressions", metadata, _key("email_hash"), _text("reason"), _at("suppressed_at"))

preferences = Table(
    "preferences",
    metadata,
    *map(_text, ("email_hash", "topic", "state", "source")),
    _at("at"),
    PrimaryKeyConstraint("email_hash", "topic"),
    CheckConstraint(_one_of("wanted", "refused"), "preferences_state_known"),
)

consents = Table(
    "consents",
    metadata,
    _line("line"),
    *map(_text, ("email_hash", "topic", "state", "source")),
    _at("at"),
)
Index("consents_of", consents.c.email_hash)

provider_events = Table(
    "provider_events",
    metadata,
    _key(),
    *map(_text, ("told_as", "message_id", "provider_id", "address", "kind")),
    _at("at"),
    *map(_text, ("reason", "agent", "link")),
    _flag("machine"),
    _text("topic_group"),
    _at("received_at"),
    _at("applied_at", nullable=True),
    _text("judged", ""),
)
_index_where("told_as <> ''", "provider_events_told", provider_events.c.told_as, unique=True)
_index_where("kind = 'opened' OR kind = 'clicked'", "provider_events_of", provider_events.c.message_id)
_index_where("applied_at IS NULL", "provider_events_waiting", provider_events.c.received_at)

# What the collector takes. A sequence is never used again, even of rows that are deleted: readers go by it.
collected = Table(
    "collected",
    metadata,
    _line("sequence"),
    *map(_text, ("message_id", "kind", "account_id", "contact_id", "anonymous_id", "event")),
    _at("occurred_at"),
    _at("received_at"),
    _text("properties"),
    sqlite_autoincrement=True,
)
Index("collected_once", collected.c.message_id, unique=True)
_index_where("account_id = ''", "collected_unplaced", collected.c.contact_id)
profiles = Table(
    "profiles",
    metadata,
    *map(_text, ("kind", "id", "account_id", "traits")),
    _at("said_at"),
    _at("learned_at"),
    PrimaryKeyConstraint("kind", "id"),
)
collector = Table(
    "collector",
    metadata,
    *_one_row("collector_one_row"),
    Column("edition", BigInteger, nullable=False, server_default=text("0")),
    Column("profiles", BigInteger, nullable=False, server_default=text("0")),
)

# In one tree on SQLite: what is told of many mails at once touches half the pages.
deliveries = Table(
    "deliveries",
    metadata,
    _key("message_id"),
    *map(_text, ("state", "reason")),
    _at("at"),
    _at("delivered_at", nullable=True),
    _at("complained_at", nullable=True),
    *map(_number, ("opens", "clicks", "machine_opens", "machine_clicks")),
    _at("came_back", nullable=True),
    sqlite_with_rowid=False,
)
_index_where("state = 'blocked' OR state = 'dropped' OR state = 'bounced'", "deliveries_failed", deliveries.c.message_id)
_index_where("came_back = 0", "deliveries_came_back", deliveries.c.message_id)

forgotten = Table("forgotten", metadata, _key("what"), _at("before"))

ticks = Table(
    "ticks",
    metadata,
    Column("now", BigInteger, primary_key=True, autoincrement=False),
    _text("holder"),
    _at("began_at"),
    _at("completed_at", nullable=True),
)

people_source = Table(
    "people_source",
    metadata,
    *_one_row("people_source_one_row"),
    _text("usage_set", ""),
)
tick_holder = Table(
    "tick_holder",
    metadata,
    *_one_row("tick_holder_one_row"),
    _text("holder", ""),
    Column("lease_until", BigInteger, nullable=False, server_default=text("0")),
)
