"""What mail providers tell of mails after they took them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "provider_events",
        sa.Column("id", sa.Text, primary_key=True, nullable=False),
        *_texts("told_as", "message_id", "provider_id", "address", "kind"),
        sa.Column("at", sa.BigInteger, nullable=False),
        *_texts("reason", "agent", "link"),
        sa.Column("machine", sa.Boolean, nullable=False),
        *_texts("topic_group"),
        sa.Column("received_at", sa.BigInteger, nullable=False),
        sa.Column("applied_at", sa.BigInteger, nullable=True),
        sa.Column("judged", sa.Text, nullable=False, server_default=sa.text("''")),
    )
    _partial("provider_events_told", ["told_as"], "told_as <> ''", unique=True)
    _partial("provider_events_of", ["message_id"], "kind = 'opened' OR kind = 'clicked'")
    _partial("provider_events_waiting", ["received_at"], "applied_at IS NULL")


def _texts(*names: str) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.Text, nullable=False) for name in names]


def _partial(name: str, columns: list[str], where: str, *, unique: bool = False) -> None:
    op.create_index(name, "provider_events", columns, unique=unique, sqlite_where=sa.text(where), postgresql_where=sa.text(where))


def downgrade() -> None:
    raise NotImplementedError("a schema is only ever upgraded")
