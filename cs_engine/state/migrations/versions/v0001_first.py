"""The first schema."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    _people()
    _plans()
    _enrolments()
    _messages()
    _ctas()
    _milestones()
    _log()
    _ticks()


def downgrade() -> None:
    raise NotImplementedError("there is nothing before the first schema")


def _text(name: str, default: str | None = None) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=False, server_default=None if default is None else sa.text(f"'{default}'"))


def _at(name: str, nullable: bool = False) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, nullable=nullable)


def _integer(name: str, default: str | None = None) -> sa.Column[int]:
    return sa.Column(name, sa.Integer, nullable=False, server_default=None if default is None else sa.text(default))


def _one_of(*states: str) -> str:
    # Not IN: SQLite builds its list anew for every row.
    return " OR ".join(f"state = '{state}'" for state in states)


def _people() -> None:
    op.create_table(
        "accounts",
        *map(_text, ("id", "name", "locale", "timezone", "csm")),
        _at("created_at", nullable=True),
        sa.PrimaryKeyConstraint("id", name="accounts_key"),
    )
    op.create_table(
        "contacts",
        *map(_text, ("id", "account_id", "email", "email_hash", "name", "role", "locale", "timezone")),
        _at("created_at", nullable=True),
        sa.PrimaryKeyConstraint("id", name="contacts_key"),
    )
    op.create_table(
        "suppressions",
        _text("email_hash"),
        _text("reason"),
        _at("suppressed_at"),
        sa.PrimaryKeyConstraint("email_hash", name="suppressions_key"),
    )


def _plans() -> None:
    op.create_table(
        "plans",
        *map(_text, ("digest", "playbook", "bundle")),
        _at("registered_at"),
        sa.PrimaryKeyConstraint("digest", name="plans_key"),
    )
    op.create_table(
        "playbooks",
        *map(_text, ("playbook", "digest")),
        _at("first_run_at"),
        _at("next_due_at"),
        sa.PrimaryKeyConstraint("playbook", name="playbooks_key"),
        sa.ForeignKeyConstraint(["digest"], ["plans.digest"], name="playbooks_digest_fk"),
    )
    op.create_table(
        "passed_over",
        *map(_text, ("subject_id", "playbook", "key")),
        sa.PrimaryKeyConstraint("playbook", "subject_id", "key", name="passed_over_key"),
    )


def _enrolments() -> None:
    op.create_table(
        "enrolments",
        *map(_text, ("id", "playbook", "digest", "subject_id", "account_id", "key")),
        _integer("passage"),
        _text("step"),
        _at("entered_at"),
        _at("since"),
        _at("moved_at"),
        _text("state", "active"),
        sa.Column("otherwise_done", sa.Boolean, nullable=False, server_default=sa.text("false")),
        _at("step_ended_at", nullable=True),
        _integer("revision", "0"),
        _text("finished_reason", ""),
        _at("finished_at", nullable=True),
        sa.PrimaryKeyConstraint("id", name="enrolments_key"),
        sa.CheckConstraint(_one_of("active", "finished"), name="enrolments_state_known"),
        sa.CheckConstraint("(state = 'finished') = (finished_at IS NOT NULL)", name="enrolments_finished_when"),
    )
    active = sa.text("state = 'active'")
    op.create_index(
        "enrolments_one_active",
        "enrolments",
        ["playbook", "subject_id", "key"],
        unique=True,
        sqlite_where=active,
        postgresql_where=active,
    )
    op.create_index("enrolments_standing", "enrolments", ["playbook", "state", "digest"])


def _messages() -> None:
    still_open = ("planned", "held", "dispatching", "uncertain")
    op.create_table(
        "messages",
        *map(_text, ("id", "enrolment_id", "playbook", "digest", "step", "kind", "channel", "template", "topic")),
        *map(_text, ("account_id", "subject_id", "recipient", "recipient_kind", "cta_id")),
        _integer("priority"),
        _at("planned_at"),
        _at("moved_at"),
        _text("state", "planned"),
        _text("reason", ""),
        _at("until", nullable=True),
        _integer("attempts", "0"),
        _text("holder", ""),
        _at("lease_until", nullable=True),
        _text("provider_id", ""),
        _at("settled_at", nullable=True),
        sa.PrimaryKeyConstraint("id", name="messages_key"),
        sa.CheckConstraint(_one_of(*still_open, "accepted", "skipped", "rejected"), name="messages_state_known"),
        sa.CheckConstraint(f"(settled_at IS NULL) = ({_one_of(*still_open)})", name="messages_settled_when"),
        sa.CheckConstraint("(state = 'dispatching') = (lease_until IS NOT NULL)", name="messages_leased_while_dispatching"),
        sa.CheckConstraint("state <> 'held' OR until IS NOT NULL", name="messages_held_until"),
    )
    is_open, is_settled = sa.text("settled_at IS NULL"), sa.text("settled_at IS NOT NULL")
    op.create_index(
        "messages_open",
        "messages",
        [sa.text("priority DESC"), "planned_at", "id", "until", "state", "channel"],
        sqlite_where=is_open,
        postgresql_where=is_open,
    )
    op.create_index(
        "messages_settled",
        "messages",
        ["state", "settled_at", "account_id", "recipient", "recipient_kind"],
        sqlite_where=is_settled,
        postgresql_where=is_settled,
    )
    op.create_index("messages_of_step", "messages", ["enrolment_id", "step"])


def _ctas() -> None:
    op.create_table(
        "ctas",
        *map(_text, ("id", "account_id", "playbook", "step", "enrolment_id", "staff", "priority")),
        _at("due_at", nullable=True),
        _at("fired_at"),
        _at("opened_at"),
        _text("state", "open"),
        _text("provider_ref", ""),
        _at("closed_at", nullable=True),
        _text("closed_reason", ""),
        sa.PrimaryKeyConstraint("id", name="ctas_key"),
        sa.CheckConstraint(_one_of("open", "snoozed", "closed"), name="ctas_state_known"),
        sa.CheckConstraint("(state = 'closed') = (closed_at IS NOT NULL)", name="ctas_closed_when"),
    )
    is_open = sa.text("state <> 'closed'")
    op.create_index("ctas_open", "ctas", ["account_id"], sqlite_where=is_open, postgresql_where=is_open)


def _milestones() -> None:
    op.create_table(
        "milestones",
        *map(_text, ("account_id", "milestone")),
        _at("reached_at"),
        sa.Column("history", sa.Boolean, nullable=False),
        sa.PrimaryKeyConstraint("milestone", "account_id", name="milestones_key"),
    )
    op.create_table(
        "milestone_definitions",
        _text("milestone"),
        _at("known_at"),
        sa.PrimaryKeyConstraint("milestone", name="milestone_definitions_key"),
    )


def _log() -> None:
    op.create_table(
        "journal",
        sa.Column("line", sa.BigInteger().with_variant(sa.Integer, "sqlite"), autoincrement=True, nullable=False),
        _at("at"),
        *map(_text, ("playbook", "account_id", "subject_id", "enrolment_id", "step", "event", "reason", "seen")),
        sa.PrimaryKeyConstraint("line", name="journal_key"),
    )
    op.create_index("journal_of_account", "journal", ["account_id", "playbook", "line"])


def _ticks() -> None:
    op.create_table(
        "ticks",
        sa.Column("now", sa.BigInteger, autoincrement=False, nullable=False),
        _text("holder"),
        _at("began_at"),
        _at("completed_at", nullable=True),
        sa.PrimaryKeyConstraint("now", name="ticks_key"),
    )
    op.create_table(
        "people_source",
        sa.Column("id", sa.Integer, autoincrement=False, nullable=False),
        _text("usage_set", ""),
        sa.PrimaryKeyConstraint("id", name="people_source_key"),
        sa.CheckConstraint("id = 1", name="people_source_one_row"),
    )
    op.create_table(
        "tick_holder",
        sa.Column("id", sa.Integer, autoincrement=False, nullable=False),
        _text("holder", ""),
        sa.Column("lease_until", sa.BigInteger, nullable=False, server_default=sa.text("0")),
        sa.PrimaryKeyConstraint("id", name="tick_holder_key"),
        sa.CheckConstraint("id = 1", name="tick_holder_one_row"),
    )
    op.execute("INSERT INTO tick_holder (id) VALUES (1)")
